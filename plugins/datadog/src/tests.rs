use std::time::Duration;

use colchis_sdk::http::Response;
use colchis_sdk::{Class, testing};
use serde_json::{Value, json};

use super::*;

const NOW: u64 = 1_767_225_600_000;

fn config(value: Value) -> Config {
    colchis_sdk::parse(&value.to_string()).unwrap()
}

fn v1() -> Value {
    json!({"query": " sum:requests.error.rate{service:a b}\n"})
}

fn v2() -> Value {
    json!({"apiVersion": "v2", "query": "avg:cpu{*}"})
}

fn answered(given: Value, response: Response) -> Result<Measurement> {
    testing::set_now_ms(NOW);
    testing::serve(move |_| Ok(response.clone()));
    Datadog::run(config(given), &Request::default())
}

#[test]
fn the_first_interface_is_asked_for_points() {
    testing::set_now_ms(NOW);
    testing::serve(|request| {
        assert_eq!(request.method(), "GET");
        assert_eq!(
            request.url(),
            "https://api.datadoghq.com/api/v1/query?from=1767225300&to=1767225600&query=sum%3Arequests.error.rate%7Bservice%3Aa%20b%7D"
        );
        let headers: Vec<(&str, &str)> =
            request.all_headers().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let expected = [
            ("accept", "application/json"),
            ("dd-api-key", "stand-in-for-datadog.api-key"),
            ("dd-application-key", "stand-in-for-datadog.app-key"),
        ];
        assert_eq!((headers.as_slice(), request.body_bytes()), (&expected[..], &b""[..]));
        Ok(Response::new(
            200,
            r#"{"status":"ok","series":[{"metric":"m","pointlist":[[1767225300000.0,0.5],[1767225360000.0,0.25],[1767225420000.0,null]]}]}"#,
        ))
    });
    assert_eq!(Datadog::run(config(v1()), &Request::default()).unwrap(), Measurement::of(0.25));
}

#[test]
fn the_second_interface_is_asked_for_numbers() {
    for (more, queries, formula) in [
        (json!({"query": "avg:cpu{*}"}), json!([["query", "avg:cpu{*}", "last"]]), "query"),
        (
            json!({"queries": {"q": " max:restarts{*} "}, "aggregator": "sum"}),
            json!([["q", "max:restarts{*}", "sum"]]),
            "q",
        ),
        (
            json!({"queries": {"b": "sum:all{*}", "a": "sum:bad{*}"}, "formula": "a / b", "aggregator": "l2norm"}),
            json!([["a", "sum:bad{*}", "l2norm"], ["b", "sum:all{*}", "l2norm"]]),
            "a / b",
        ),
    ] {
        testing::set_now_ms(NOW);
        testing::serve(move |request| {
            assert_eq!((request.method(), request.url()), ("POST", "https://api.datadoghq.com/api/v2/query/scalar"));
            assert_eq!(request.header_value("content-type"), Some("application/json"));
            let expected: Vec<Value> = queries
                .as_array()
                .unwrap()
                .iter()
                .map(|one| json!({"data_source": "metrics", "name": one[0], "query": one[1], "aggregator": one[2]}))
                .collect();
            let body: Value = serde_json::from_slice(request.body_bytes()).unwrap();
            assert_eq!(
                body,
                json!({"data": {"type": "scalar_request", "attributes": {
                    "from": NOW - 90_000, "to": NOW, "queries": expected, "formulas": [{"formula": formula}],
                }}})
            );
            Ok(Response::new(
                200,
                r#"{"data":{"id":"0","type":"scalar_response","attributes":{"columns":[{"name":"q","type":"number","values":[0.5],"meta":{"unit":null}}]}}}"#,
            ))
        });
        let mut given = json!({"apiVersion": "v2", "interval": "1m30s"});
        given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(Datadog::run(config(given), &Request::default()).unwrap().value, json!(0.5));
    }
}

#[test]
fn keys_and_site_are_of_the_profile_that_is_named() {
    for (secret, site, key, url) in [
        (json!({}), "", "datadog.api-key", "https://api.datadoghq.com/api/v1/query"),
        (json!({}), "https://proxy.example/dd/", "datadog.api-key", "https://proxy.example/dd/api/v1/query"),
        (json!({"name": "mine"}), "", "mine.api-key", "https://eu.example/api/v1/query"),
        (
            json!({"name": "mine", "namespaced": true}),
            "",
            "shop.mine.api-key",
            "https://api.datadoghq.com/api/v1/query",
        ),
    ] {
        testing::set_secret("mine.address", "https://eu.example");
        testing::serve(move |request| {
            assert_eq!(request.url().split('?').next(), Some(url));
            assert_eq!(request.header_value("DD-API-KEY"), Some(format!("stand-in-for-{key}").as_str()));
            Ok(Response::new(200, r#"{"status":"ok","series":[]}"#))
        });
        let mut given = v1();
        given["secretRef"] = secret;
        given["address"] = json!(site);
        Datadog::run(config(given), &Request { namespace: "shop".into(), ..Request::default() }).unwrap();
    }
    testing::refuse_secret("datadog.app-key");
    let error = Datadog::run(config(v1()), &Request::default()).unwrap_err();
    assert!(error.message().starts_with("the secret datadog.app-key: "), "{error}");
}

#[test]
fn answers_become_values() {
    let v1_of = |series: Value| json!({"status": "ok", "series": series});
    let v2_of = |columns: Value| json!({"data": {"type": "scalar_response", "attributes": {"columns": columns}}});
    for (given, body, value) in [
        (v1(), v1_of(json!([])), Value::Null),
        (v1(), v1_of(json!([{"pointlist": []}])), Value::Null),
        (v1(), v1_of(json!([{"pointlist": [[1.0, null]]}])), Value::Null),
        (v1(), v1_of(json!([{"pointlist": [[1.0, 3.0]]}, {"pointlist": [[1.0, 4.0]]}])), json!(3.0)),
        (v2(), v2_of(json!([])), Value::Null),
        (v2(), v2_of(json!([{"name": "q", "type": "number", "values": []}])), Value::Null),
        (v2(), v2_of(json!([{"name": "q", "type": "number", "values": [null]}])), Value::Null),
        (v2(), v2_of(json!([{"name": "q", "type": "number", "values": [7]}])), json!(7.0)),
        (v2(), json!({"data": null}), Value::Null),
        (
            v2(),
            v2_of(
                json!([{"name": "env", "type": "group", "values": []}, {"name": "q", "type": "number", "values": []}]),
            ),
            json!([]),
        ),
    ] {
        let answer = Response::new(200, body.to_string());
        assert_eq!(answered(given, answer).unwrap().value, value, "{body}");
    }
}

#[test]
fn groups_are_a_list_with_their_names_beside_it() {
    let body = json!({"data": {"attributes": {"columns": [
        {"name": "env", "type": "group", "values": [["prod"], ["test"], ["old"]]},
        {"name": "resource_name", "type": "group", "values": [["GET /a"], ["GET /b,c"], ["x"]]},
        {"name": "q", "type": "number", "values": [0.1, 0.4, null]},
    ]}}});
    let measured = answered(v2(), Response::new(200, body.to_string())).unwrap();
    assert_eq!(measured.value, json!([0.1, 0.4]));
    let groups = r#"[{"name":"test,GET /b,c","value":0.4},{"name":"prod,GET /a","value":0.1}]"#;
    assert_eq!(measured.metadata, [("groups".to_owned(), groups.to_owned())]);

    let many: Vec<Value> = (0..150).map(|n| json!([format!("h{n}")])).collect();
    let numbers: Vec<u32> = (0..150).collect();
    let body = json!({"data": {"attributes": {"columns": [
        {"name": "host", "type": "group", "values": many}, {"name": "q", "type": "number", "values": numbers},
    ]}}});
    let measured = answered(v2(), Response::new(200, body.to_string())).unwrap();
    assert_eq!(measured.value.as_array().unwrap().len(), 150);
    assert_eq!(measured.metadata[1], ("groups_truncated".to_owned(), "true".to_owned()));
    let told: Value = serde_json::from_str(&measured.metadata[0].1).unwrap();
    assert_eq!((told.as_array().unwrap().len(), &told[99]), (100, &json!({"name": "h50", "value": 50.0})));
}

#[test]
fn what_datadog_says_about_a_failure_is_told() {
    for (given, status, body, class, code, message) in [
        (v1(), 403, json!({"errors": ["Forbidden"]}), Class::Denied, "status-403", "Datadog answers 403: Forbidden"),
        (
            v1(),
            400,
            json!({"errors": ["Error parsing query"]}),
            Class::InvalidConfig,
            "bad-query",
            "Datadog answers 400: Error parsing query",
        ),
        (
            v1(),
            200,
            json!({"status": "error", "error": "too wide", "series": []}),
            Class::InvalidConfig,
            "bad-query",
            "Datadog refuses the query: too wide",
        ),
        (
            v2(),
            200,
            json!({"data": null, "errors": "timed out"}),
            Class::Permanent,
            "query-failed",
            "Datadog cannot answer the query: timed out",
        ),
        (
            v2(),
            400,
            json!({"errors": [{"title": "Generic Error", "detail": "no such formula"}]}),
            Class::InvalidConfig,
            "bad-query",
            "Datadog answers 400: no such formula",
        ),
        (v2(), 503, json!({"errors": ["later"]}), Class::Unavailable, "status-503", "Datadog answers 503: later"),
    ] {
        let error = answered(given, Response::new(status, body.to_string())).unwrap_err();
        assert_eq!((error.class(), error.code(), error.message()), (&class, code, message));
    }
    let limited = Response::new(429, r#"{"errors":["Rate limit of 6000 requests in 3600 seconds reached."]}"#)
        .with_header("X-RateLimit-Reset", "12");
    let error = answered(v2(), limited).unwrap_err();
    assert_eq!(error.class(), &Class::Throttled(Some(Duration::from_secs(12))));
    let error = answered(v1(), Response::new(200, "<html>")).unwrap_err();
    assert_eq!(error.message(), "the answer is none of Datadog: it begins with <html>");
}

#[test]
fn all_that_is_wrong_is_found_at_once() {
    for (given, fields) in [
        (json!({}), vec!["query"]),
        (json!({"queries": {"a": "x"}, "formula": "a", "aggregator": "sum"}), vec!["queries", "formula", "aggregator"]),
        (json!({"apiVersion": "v2"}), vec!["query"]),
        (json!({"apiVersion": "v2", "query": "x", "queries": {"a": "x"}}), vec!["queries"]),
        (json!({"apiVersion": "v2", "query": "x", "formula": "a"}), vec!["formula"]),
        (json!({"apiVersion": "v2", "queries": {"a": "x", "b b": ""}}), vec!["formula", "queries.b b", "queries.b b"]),
        (
            json!({"query": "x", "interval": "1d", "requestTimeout": "0s", "address": "ftp://a", "secretRef": {"namespaced": true}}),
            vec!["secretRef.name", "address", "interval", "requestTimeout"],
        ),
        (json!({"query": "x"}), vec![]),
        (json!({"apiVersion": "v2", "queries": {"a": "x"}}), vec![]),
    ] {
        let found: Vec<String> = config(given.clone()).check().into_iter().map(|finding| finding.field).collect();
        assert_eq!(found, fields, "{given}");
    }
    for (json, field) in [
        (r#"{"apiVersion":"v3"}"#, Some("apiVersion")),
        (r#"{"aggregator":"most"}"#, Some("aggregator")),
        (r#"{"quary":"x"}"#, Some("quary")),
    ] {
        assert_eq!(colchis_sdk::parse::<Config>(json).unwrap_err().field(), field);
    }
    let error = Datadog::run(config(json!({})), &Request::default()).unwrap_err();
    assert_eq!((error.class(), error.field()), (&Class::InvalidConfig, Some("query")));
}

#[test]
fn what_was_asked_is_kept() {
    let given = json!({"apiVersion": "v2", "queries": {"a": "x", "b": "y"}, "formula": " a/b "});
    let kept: Vec<String> =
        Datadog::metadata(config(given)).unwrap().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(kept, ["queries.a=x", "queries.b=y", "formula=a/b"]);
}
