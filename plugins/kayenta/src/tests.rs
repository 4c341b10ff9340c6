use colchis_sdk::http::Response;
use colchis_sdk::metric_provider::Phase;
use colchis_sdk::{Class, testing};
use serde_json::{Value, json};

use super::*;

const NOW: u64 = 1_767_225_600_000;

fn config(more: &Value) -> Config {
    let mut given = json!({
        "address": "https://kayenta.example/k/", "application": "guestbook", "canaryConfigName": "my-test",
        "threshold": {"pass": 90, "marginal": 75},
        "scopes": [{
            "name": "default",
            "controlScope": {"scope": "hash=a", "step": 30, "start": "2025-12-31T00:00:00Z", "end": "2025-12-31T01:00:00Z"},
            "experimentScope": {"scope": "hash=b", "region": "eu", "start": "2025-12-31T00:00:00Z"},
        }],
    });
    given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    colchis_sdk::parse(&given.to_string()).unwrap()
}

/// Without a start on either side.
fn open(more: &Value) -> Config {
    let mut given =
        json!({"scopes": [{"name": "default", "controlScope": {"scope": "a"}, "experimentScope": {"scope": "b"}}]});
    given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config(&given)
}

const CONFIGS: &str = r#"[{"id":"old","name":"my-test","updatedTimestamp":1},{"id":"new one","name":"my-test","updatedTimestamp":2},{"id":"x","name":"other"}]"#;

#[test]
fn an_analysis_is_begun_by_the_name_of_its_configuration() {
    testing::set_now_ms(NOW);
    testing::serve(|request| {
        let headers: Vec<&str> = request.all_headers().iter().map(|(name, _)| name.as_str()).collect();
        match request.method() {
            "GET" => {
                assert_eq!(
                    request.url(),
                    "https://kayenta.example/k/canaryConfig?application=guestbook&configurationAccountName=c"
                );
                assert_eq!(headers, ["accept"]);
                Ok(Response::new(200, CONFIGS))
            }
            _ => {
                assert_eq!(
                    (request.method(), request.url()),
                    (
                        "POST",
                        "https://kayenta.example/k/canary/new%20one?application=guestbook&metricsAccountName=m&configurationAccountName=c&storageAccountName=s%201"
                    )
                );
                assert_eq!(headers, ["content-type", "accept"]);
                let body: Value = serde_json::from_slice(request.body_bytes()).unwrap();
                let expected = json!({
                    "scopes": {"default": {
                        "controlScope": {"scope": "hash=a", "step": 30, "start": "2025-12-31T00:00:00Z", "end": "2025-12-31T01:00:00Z"},
                        "experimentScope": {"scope": "hash=b", "location": "eu", "step": 60, "start": "2025-12-31T00:00:00Z", "end": "2026-01-01T00:00:00Z"},
                    }},
                    "thresholds": {"pass": 90.0, "marginal": 75.0},
                });
                assert_eq!(body, expected);
                Ok(Response::new(200, r#"{"canaryExecutionId":"01ABC"}"#))
            }
        }
    });
    let accounts = json!({"metricsAccountName": "m", "configurationAccountName": "c", "storageAccountName": "s 1"});
    let begun = Kayenta::run(config(&accounts), &Request::default()).unwrap();
    assert_eq!((begun.phase, begun.token.as_deref()), (Phase::Running, Some("01ABC")));
    assert_eq!(begun.resume_after, Some(Duration::from_secs(15)));
    assert_eq!(begun.metadata, [("canaryExecutionId".to_owned(), "01ABC".to_owned())]);
}

#[test]
fn an_analysis_is_asked_for_until_it_is_judged() {
    let over = |score: f64| json!({"complete": true, "status": "succeeded", "result": {"judgeResult": {"score": {"score": score, "classification": "Pass", "classificationReason": "all is well"}}}});
    for (answer, phase, value, part) in [
        (json!({"complete": false, "status": "running", "stageStatus": {}}), Phase::Running, Value::Null, "under way"),
        (
            over(90.0),
            Phase::Successful,
            json!(90.0),
            "the score 90 is at least `threshold.pass` (Kayenta: Pass all is well)",
        ),
        (over(89.9), Phase::Inconclusive, json!(89.9), "below `threshold.pass`, and not"),
        (over(75.0), Phase::Inconclusive, json!(75.0), "below `threshold.pass`, and not"),
        (over(0.0), Phase::Failed, json!(0.0), "below `threshold.marginal`"),
    ] {
        testing::serve(move |request| {
            assert_eq!(
                (request.method(), request.url()),
                ("GET", "https://kayenta.example/k/canary/01%2FABC?storageAccountName=s")
            );
            Ok(Response::new(200, answer.to_string()))
        });
        let stands =
            Kayenta::resume(config(&json!({"storageAccountName": "s"})), &Request::default(), "01/ABC").unwrap();
        assert_eq!((stands.phase, &stands.value), (phase, &value));
        assert!(stands.message.contains(part), "{}", stands.message);
        assert_eq!(stands.token.is_some(), phase == Phase::Running);
    }
}

#[test]
fn an_analysis_is_ended_and_ended_again() {
    for status in [200, 202, 404] {
        testing::serve(move |request| {
            assert_eq!((request.method(), request.url()), ("PUT", "https://kayenta.example/k/pipelines/01ABC/cancel"));
            assert!(request.body_bytes().is_empty());
            Ok(Response::new(status, ""))
        });
        let ended = Kayenta::terminate(config(&json!({})), &Request::default(), "01ABC").unwrap();
        assert_eq!((ended.phase, ended.token), (Phase::Inconclusive, None));
    }
    testing::serve(|_| Ok(Response::new(500, r#"{"message":"no"}"#)));
    let error = Kayenta::terminate(config(&json!({})), &Request::default(), "01ABC").unwrap_err();
    assert_eq!((error.class(), error.message()), (&Class::Unavailable, "Kayenta answers 500: no"));
    assert_eq!(Kayenta::resume(config(&json!({})), &Request::default(), "").unwrap_err().code(), "bad-token");
}

#[test]
fn a_window_is_of_one_interval_or_of_the_whole_analysis() {
    let starts = |given: Config, request: &Request, now: u64| {
        testing::set_now_ms(now);
        let body = std::rc::Rc::new(std::cell::RefCell::new(Value::Null));
        let seen = body.clone();
        testing::serve(move |request| {
            Ok(if request.method() == "GET" {
                Response::new(200, CONFIGS)
            } else {
                *seen.borrow_mut() = serde_json::from_slice(request.body_bytes()).unwrap();
                Response::new(200, r#"{"canaryExecutionId":"1"}"#)
            })
        });
        Kayenta::run(given, request).unwrap();
        let side = body.borrow()["scopes"]["default"]["experimentScope"].clone();
        (side["start"].as_str().unwrap().to_owned(), side["end"].as_str().unwrap().to_owned())
    };
    let pair = |start: &str, end: &str| (start.to_owned(), end.to_owned());
    for interval in [json!("1h"), json!(3600), json!("3600")] {
        let given = open(&json!({"interval": interval}));
        assert_eq!(starts(given, &Request::default(), NOW), pair("2025-12-31T23:00:00Z", "2026-01-01T00:00:00Z"));
    }
    let given = open(&json!({"interval": "1h", "lookback": true}));
    let of = |run: &str| Request { analysis_run: run.into(), metric: "m".into(), ..Request::default() };
    assert_eq!(starts(given.clone(), &of("a"), NOW).0, "2025-12-31T23:00:00Z");
    assert_eq!(starts(given.clone(), &of("a"), NOW + 3_600_000), pair("2025-12-31T23:00:00Z", "2026-01-01T01:00:00Z"));
    assert_eq!(starts(given, &of("b"), NOW + 3_600_000).0, "2026-01-01T00:00:00Z");
}

#[test]
fn what_kayenta_says_about_a_failure_is_told() {
    for (list, begin, class, code, field) in [
        ((200, "[]"), (200, ""), Class::NotFound, "no-canary-config", Some("canaryConfigName")),
        ((503, "{}"), (200, ""), Class::Throttled(Some(Duration::from_secs(9))), "status-503", None),
        ((200, "<html>"), (200, ""), Class::Permanent, "bad-answer", None),
        ((200, CONFIGS), (400, r#"{"message":"no scope"}"#), Class::InvalidConfig, "bad-analysis", Some("scopes")),
        ((200, CONFIGS), (200, "{}"), Class::Permanent, "bad-answer", None),
        ((200, CONFIGS), (429, "{}"), Class::Throttled(Some(Duration::from_secs(9))), "status-429", None),
    ] {
        testing::serve(move |request| {
            let (status, body) = if request.method() == "GET" { list } else { begin };
            Ok(Response::new(status, body).with_header("retry-after", "9"))
        });
        let error = Kayenta::run(config(&json!({})), &Request::default()).unwrap_err();
        assert_eq!((error.class(), error.code(), error.field()), (&class, code, field));
    }
    for (exception, why) in [
        (json!({"details": {"errors": ["no such metric", "x"]}}), "no such metric; x"),
        (json!({"details": {"error": "Unexpected Task Failure"}}), "Unexpected Task Failure"),
        (Value::Null, "without saying why"),
    ] {
        let body = json!({"complete": true, "status": "terminal", "exception": exception}).to_string();
        testing::serve(move |_| Ok(Response::new(200, body.clone())));
        let error = Kayenta::resume(config(&json!({})), &Request::default(), "1").unwrap_err();
        assert_eq!(error.message(), format!("Kayenta could not finish the canary analysis (terminal): {why}"));
        assert_eq!(error.code(), "analysis-failed");
    }
}

#[test]
fn all_that_is_wrong_is_found_at_once() {
    let given = config(&json!({
        "address": "", "application": "", "canaryConfigName": " ", "threshold": {"pass": 0, "marginal": 101},
        "scopes": [{"name": ""}, {"name": "a", "controlScope": {"scope": "x", "step": 0}, "experimentScope": {"scope": "y"}}, {"name": "a", "controlScope": {"scope": "x"}, "experimentScope": {"scope": "y"}}],
    }));
    let fields: Vec<String> = given.check().into_iter().map(|finding| finding.field).collect();
    assert_eq!(
        fields,
        [
            "address",
            "application",
            "canaryConfigName",
            "threshold.pass",
            "threshold.marginal",
            "scopes[0].name",
            "scopes[0].controlScope.scope",
            "scopes[0].experimentScope.scope",
            "scopes[1].controlScope.step",
            "scopes[2].name",
            "interval",
        ]
    );
    for interval in [json!("x"), json!(0), json!("0"), json!("0s")] {
        let found = open(&json!({"interval": interval})).check();
        assert_eq!((found.len(), found[0].field.as_str()), (1, "interval"), "{interval}");
    }
    assert_eq!(config(&json!({})).check(), []);
    assert_eq!(config(&json!({"scopes": []})).check()[0].field, "scopes");
    let error = colchis_sdk::parse::<Config>(r#"{"thresholds":{}}"#).unwrap_err();
    assert!(error.message().starts_with("unknown field `thresholds`, expected one of"), "{error}");
    assert_eq!(Kayenta::metadata(config(&json!({}))).unwrap()[0].1, "my-test");
    assert_eq!(Kayenta::run(given, &Request::default()).unwrap_err().field(), Some("address"));
}
