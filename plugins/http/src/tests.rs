use std::time::Duration;

use colchis_sdk::http::Response;
use colchis_sdk::{Class, Error, testing};

use super::*;

fn run(config: Value, payload: Value) -> Result<Executed> {
    Http::execute(colchis_sdk::parse(&config.to_string())?, &Request::default(), payload, "key-1")
}

/// Answers what it was asked.
fn mirror() {
    testing::serve(|request| {
        let headers: Vec<_> = request.all_headers().iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let body = String::from_utf8_lossy(request.body_bytes());
        let text =
            json!({"asked": format!("{} {}", request.method(), request.url()), "headers": headers, "body": body});
        Ok(Response::new(200, text.to_string()))
    });
}

#[test]
fn a_request_has_the_payload_and_its_headers() {
    mirror();
    let config = json!({
        "url": "https://a.example/x?q=1",
        "method": "PUT",
        "headers": {"x-team": "a"},
        "secureHeaders": [{"name": "x-key", "valueFrom": {"secretKeyRef": "stand-in-for-key"}}],
    });
    let done = run(config, json!({"n": 1})).unwrap();
    assert_eq!(done.message, "PUT https://a.example/x answered 200");
    assert_eq!(
        done.answer["body"],
        json!({
            "asked": "PUT https://a.example/x?q=1",
            "headers": ["x-team: a", "x-key: stand-in-for-key", "idempotency-key: key-1", "content-type: application/json"],
            "body": "{\"n\":1}",
        })
    );
    let done = run(json!({"url": "https://a.example", "headers": {"Idempotency-Key": "own"}}), Value::Null).unwrap();
    assert_eq!(done.answer["body"]["headers"], json!(["Idempotency-Key: own"]));
    assert_eq!(
        (&done.answer["body"]["asked"], &done.answer["body"]["body"]),
        (&json!("POST https://a.example"), &json!(""))
    );
}

#[test]
fn who_asks_is_proved_by_stand_ins() {
    mirror();
    for (auth, header) in [
        (
            json!({"basicAuth": {"username": "stand-in-for-u", "password": "stand-in-for-p"}}),
            "authorization: Basic base64(stand-in-for-u:stand-in-for-p)",
        ),
        (json!({"bearerAuth": {"token": "stand-in-for-t"}}), "authorization: Bearer stand-in-for-t"),
    ] {
        let mut config = json!({"url": "https://a.example"});
        config.as_object_mut().unwrap().extend(auth.as_object().unwrap().clone());
        assert_eq!(run(config, Value::Null).unwrap().answer["body"]["headers"][0], header);
    }
    let unresolved = json!({"url": "https://a.example", "bearerAuth": {"token": {"name": "a", "key": "b"}}});
    let error = run(unresolved, Value::Null).unwrap_err();
    assert_eq!((error.class(), error.field()), (&Class::Denied, Some("bearerAuth.token")));
}

#[test]
fn statuses_are_errors_that_are_tried_again_or_the_policys() {
    for (status, class) in [
        (500, Some(Class::Unavailable)),
        (503, Some(Class::Unavailable)),
        (429, Some(Class::Throttled(None))),
        (408, Some(Class::Unavailable)),
        (404, None),
        (200, None),
    ] {
        testing::serve(move |_| Ok(Response::new(status, "said")));
        let done = run(json!({"url": "http://a"}), Value::Null);
        assert_eq!(done.as_ref().err().map(|error| error.class().clone()), class, "{status}");
    }
    testing::serve(|_| Err(Error::unavailable("no answer")));
    assert_eq!(run(json!({"url": "http://a"}), Value::Null).unwrap_err().class(), &Class::Unavailable);
    testing::set_call(Duration::ZERO, false);
    assert_eq!(run(json!({"url": "http://a"}), Value::Null).unwrap_err().code(), "timeout");
}

#[test]
fn a_policy_names_the_statuses_that_are_good() {
    for (policy, status, met) in [
        (Value::Null, 200, true),
        (Value::Null, 302, true),
        (Value::Null, 404, false),
        (json!({}), 404, false),
        (json!({"status": {"allow": [200, 404]}}), 404, true),
        (json!({"status": {"allow": [201]}}), 200, false),
    ] {
        let executed = Executed::new("", json!({"status": status}));
        let config = colchis_sdk::parse(r#"{"url": "http://a"}"#).unwrap();
        let state = Http::check_policy(config, &Request::default(), policy.clone(), &executed).unwrap();
        assert_eq!(state == PolicyState::Met, met, "{policy} {status}: {state:?}");
    }
    assert!(policy::judge(&json!({"k8s": {}}), &json!({"status": 200})).is_err());
}

#[test]
fn all_that_is_wrong_is_found_at_once() {
    let config = json!({
        "url": "a.example", "timeout": 0, "headers": {"a b": "x"},
        "secureHeaders": [{"name": "", "valueFrom": {"secretKeyRef": "s"}}],
        "basicAuth": {"username": "u", "password": "p"}, "bearerAuth": {"token": "t"},
    });
    let config: Config = colchis_sdk::parse(&config.to_string()).unwrap();
    let fields: Vec<_> = Http::check(&config).into_iter().map(|finding| finding.field).collect();
    assert_eq!(fields, ["url", "timeout", "bearerAuth", "headers.a b", "secureHeaders[0].name"]);
    for field in ["tls", "dynamicHeaders", "payload"] {
        let config = json!({"url": "http://a", field: {}}).to_string();
        assert_eq!(colchis_sdk::parse::<Config>(&config).unwrap_err().field(), Some(field));
    }
    let error = run(json!({"url": "ftp://a"}), Value::Null).unwrap_err();
    assert_eq!((error.class(), error.field()), (&Class::InvalidConfig, Some("url")));
}
