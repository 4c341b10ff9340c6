use colchis_sdk::metric_provider::Phase;
use colchis_sdk::{Class, Severity, testing};
use serde_json::json;

use super::*;

fn config(value: Value) -> Config {
    colchis_sdk::parse(&value.to_string()).unwrap()
}

fn run(value: Value) -> Result<Measurement> {
    Web::run(config(value), &Request::default())
}

#[test]
fn a_part_of_an_answer_is_measured() {
    testing::serve(|request| {
        assert_eq!((request.method(), request.url()), ("GET", "http://a/level?service=shop"));
        assert_eq!(request.header_value("authorization"), Some("Bearer stand-in"));
        Ok(Response::new(200, r#"{"data":{"ok":true,"successPercent":0.95}}"#))
    });
    let mut given = json!({
        "url": "http://a/level?service=shop",
        "headers": [{"key": "Authorization", "value": "Bearer stand-in"}],
        "jsonPath": "{$.data}",
    });
    let measured = run(given.clone()).unwrap();
    assert_eq!((measured.phase, &measured.value), (Phase::Measured, &json!({"ok": true, "successPercent": 0.95})));
    given["jsonPath"] = json!("{$.data.ok}");
    assert_eq!(run(given.clone()).unwrap().value, json!(true));
    given["jsonPath"] = json!("{$.data.no}");
    let error = run(given).unwrap_err();
    assert_eq!((error.class(), error.code(), error.field()), (&Class::NotFound, "no-value", Some("jsonPath")));
    assert!(error.message().contains("successPercent"), "{error}");
}

#[test]
fn bodies_are_sent_as_text_or_as_json() {
    testing::serve(|request| {
        let body = String::from_utf8_lossy(request.body_bytes()).into_owned();
        Ok(Response::new(200, json!([request.method(), request.header_value("content-type"), body]).to_string()))
    });
    for (given, expected) in [
        (json!({"url": "http://a", "method": "POST", "body": "x=1"}), json!(["POST", null, "x=1"])),
        (
            json!({"url": "http://a", "method": "PUT", "jsonBody": {"b": 1, "a": [2]}}),
            json!(["PUT", "application/json", "{\"b\":1,\"a\":[2]}"]),
        ),
        (
            json!({"url": "http://a", "method": "POST", "jsonBody": 1, "headers": [{"key": "Content-Type", "value": "text/x"}]}),
            json!(["POST", "text/x", "1"]),
        ),
        (json!({"url": "http://a", "method": "POST"}), json!(["POST", null, ""])),
    ] {
        assert_eq!(run(given.clone()).unwrap().value, expected, "{given}");
    }
}

#[test]
fn answers_that_are_not_json_are_texts_where_the_whole_is_asked_for() {
    testing::serve(|_| Ok(Response::new(200, "fine")));
    assert_eq!(run(json!({"url": "http://a"})).unwrap().value, json!("fine"));
    let error = run(json!({"url": "http://a", "jsonPath": "{$.ok}"})).unwrap_err();
    assert_eq!((error.class(), error.code()), (&Class::Permanent, "not-json"));
    testing::serve(|_| Ok(Response::new(200, [0xff, 0xfe])));
    assert_eq!(run(json!({"url": "http://a"})).unwrap_err().code(), "not-json");
}

#[test]
fn statuses_and_addresses_that_fail_say_what_to_do() {
    testing::serve(|_| Ok(Response::new(503, "later")));
    assert_eq!(run(json!({"url": "http://a"})).unwrap_err().class(), &Class::Unavailable);
    let error = run(json!({"url": "a.example/x"})).unwrap_err();
    assert_eq!((error.class(), error.field()), (&Class::InvalidConfig, Some("url")));
    for (given, field) in [
        (json!({"url": "http://a", "body": "x"}), "body"),
        (json!({"url": "http://a", "jsonBody": {}}), "jsonBody"),
        (json!({"url": "http://a", "method": "PUT", "body": "x", "jsonBody": {}}), "jsonBody"),
        (json!({"url": "http://a", "jsonPath": "{"}), "jsonPath"),
    ] {
        assert_eq!(run(given.clone()).unwrap_err().field(), Some(field), "{given}");
        let found = config(given).check();
        assert_eq!(
            found.iter().map(|f| (f.field.as_str(), f.severity)).collect::<Vec<_>>(),
            [(field, Severity::Error)]
        );
    }
}

#[test]
fn all_that_is_wrong_is_found_at_once() {
    let found =
        config(json!({"url": "", "timeoutSeconds": 0, "insecure": true, "authentication": {"oauth2": {}}})).check();
    let fields: Vec<&str> = found.iter().map(|finding| finding.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "authentication.oauth2.tokenUrl",
            "authentication.oauth2.clientId",
            "authentication.oauth2.clientSecret",
            "url",
            "timeoutSeconds",
            "insecure"
        ]
    );
    assert!(colchis_sdk::parse::<Config>(r#"{"url":"http://a","method":"PATCH"}"#).is_err());
}

#[test]
fn the_service_that_is_signed_for_follows_from_the_address() {
    for (url, service) in [
        ("https://aps-workspaces.eu-central-1.amazonaws.com/workspaces/x", "aps"),
        ("https://ab12.execute-api.eu-central-1.amazonaws.com/prod", "execute-api"),
        ("https://monitoring.eu-central-1.amazonaws.com:443/", "monitoring"),
        ("https://service.example.com/", "execute-api"),
    ] {
        assert_eq!(config(json!({"url": url})).aws_service(), service, "{url}");
    }
}
