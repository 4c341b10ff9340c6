use colchis_sdk::http::Response;
use colchis_sdk::{Class, Severity, testing};
use serde_json::{Value, json};

use super::*;

const NOW: u64 = 1_767_225_630_000; // 2026-01-01T00:00:30Z

fn config(more: &Value) -> Config {
    let mut given = json!({"address": "http://oap.example:12800/", "query": "query q($duration: Duration!) { a }\n"});
    given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    colchis_sdk::parse(&given.to_string()).unwrap()
}

#[test]
fn the_interval_until_now_is_asked_for() {
    for (more, start, end) in [
        (json!({}), "2025-12-31 2355", "2026-01-01 0000"),
        (json!({"interval": "1h"}), "2025-12-31 2300", "2026-01-01 0000"),
        (json!({"utcOffset": "+08:00"}), "2026-01-01 0755", "2026-01-01 0800"),
        (json!({"utcOffset": "-0330"}), "2025-12-31 2025", "2025-12-31 2030"),
    ] {
        testing::set_now_ms(NOW);
        testing::serve(move |request| {
            assert_eq!((request.method(), request.url()), ("POST", "http://oap.example:12800/graphql"));
            let headers: Vec<&str> = request.all_headers().iter().map(|(_, value)| value.as_str()).collect();
            assert_eq!(headers, ["application/json", "application/json"]);
            let body: Value = serde_json::from_slice(request.body_bytes()).unwrap();
            let duration = json!({"start": start, "end": end, "step": "MINUTE"});
            let query = "query q($duration: Duration!) { a }";
            assert_eq!(body, json!({"query": query, "variables": {"duration": duration}}));
            Ok(Response::new(200, r#"{"data":{"service_apdex":{"values":{"values":[{"value":9900},{"value":0}]}}}}"#))
        });
        let measured = SkyWalking::run(config(&more), &Request::default()).unwrap();
        assert_eq!(measured.value["service_apdex"]["values"]["values"][0], json!({"value": 9900}));
    }
}

#[test]
fn what_skywalking_says_about_a_failure_is_told() {
    for (status, body, class, code, message) in [
        (
            200,
            r#"{"errors":[{"message":"Validation error of type FieldUndefined"}]}"#,
            Class::InvalidConfig,
            "bad-query",
            "SkyWalking cannot answer the query: Validation error of type FieldUndefined",
        ),
        (
            200,
            r#"{"data":null,"errors":[{"message":"x","extensions":{"classification":"InvalidSyntax"}}]}"#,
            Class::InvalidConfig,
            "bad-query",
            "SkyWalking cannot answer the query: x",
        ),
        (
            200,
            r#"{"data":{"a":null},"errors":[{"message":"Internal Error(s) while executing query"},{"message":"y"}]}"#,
            Class::Permanent,
            "query-failed",
            "SkyWalking cannot answer the query: Internal Error(s) while executing query; y",
        ),
        (200, r#"{"data":null}"#, Class::NotFound, "no-value", "the query gives no data"),
        (200, "<html>", Class::Permanent, "bad-answer", "the answer is none of SkyWalking: it begins with <html>"),
        (404, "", Class::NotFound, "status-404", "SkyWalking answers 404 without saying why"),
        (503, "busy", Class::Unavailable, "status-503", "SkyWalking answers 503: busy"),
    ] {
        testing::serve(move |_| Ok(Response::new(status, body)));
        let error = SkyWalking::run(config(&json!({})), &Request::default()).unwrap_err();
        assert_eq!((error.class(), error.code(), error.message()), (&class, code, message));
    }
    testing::serve(|_| Ok(Response::new(429, "").with_header("retry-after", "5")));
    let error = SkyWalking::run(config(&json!({})), &Request::default()).unwrap_err();
    assert_eq!(error.class(), &Class::Throttled(Some(std::time::Duration::from_secs(5))));
}

#[test]
fn all_that_is_wrong_is_found_at_once() {
    let given = config(&json!({"address": "", "query": "", "interval": "5", "utcOffset": "Berlin"}));
    let fields: Vec<String> = given.check().into_iter().map(|finding| finding.field).collect();
    assert_eq!(fields, ["address", "query", "interval", "utcOffset"]);
    for offset in ["+15:00", "+8", "08:00", "+08:60", "+0a:00"] {
        assert_eq!(config(&json!({"utcOffset": offset})).check()[0].field, "utcOffset", "{offset}");
    }
    let found = config(&json!({"query": "{ version }"})).check();
    assert_eq!((found.len(), found[0].severity), (1, Severity::Warning));
    assert_eq!(config(&json!({})).check(), []);
    assert_eq!(SkyWalking::run(given, &Request::default()).unwrap_err().field(), Some("address"));
    assert_eq!(colchis_sdk::parse::<Config>(r#"{"duration":"x"}"#).unwrap_err().field(), Some("duration"));
    assert_eq!(SkyWalking::metadata(config(&json!({"query": " x "}))).unwrap()[0].1, "x");
}
