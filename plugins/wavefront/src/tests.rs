use colchis_sdk::http::Response;
use colchis_sdk::{Class, testing};
use serde_json::{Value, json};

use super::*;

const NOW: u64 = 1_767_225_600_000;

fn config() -> Config {
    Config { address: "example.wavefront.com".into(), query: " ts(\"a\")\n".into() }
}

fn answered(status: u16, body: &Value) -> Result<Measurement> {
    testing::set_now_ms(NOW);
    let body = body.to_string();
    testing::serve(move |_| Ok(Response::new(status, body.clone())));
    Wavefront::run(config(), &Request::default())
}

#[test]
fn the_last_minutes_are_asked_for() {
    testing::set_now_ms(NOW);
    testing::serve(|request| {
        assert_eq!(request.method(), "GET");
        assert_eq!(
            request.url(),
            "https://example.wavefront.com/api/v2/chart/api?q=ts%28%22a%22%29&s=1767225300000&e=1767225600000&g=m&strict=true"
        );
        let headers: Vec<(&str, &str)> =
            request.all_headers().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let token = "Bearer stand-in-for-example.wavefront.com";
        assert_eq!(headers, [("accept", "application/json"), ("authorization", token)]);
        Ok(Response::new(
            200,
            r#"{"query":"ts(a)","name":"a","timeseries":[{"label":"a","data":[[1767225480,0.5],[1767225540,0.75],[1767225660,9]]}],"warnings":"deprecated"}"#,
        ))
    });
    let measured = Wavefront::run(config(), &Request::default()).unwrap();
    assert_eq!((measured.value, measured.message.as_str()), (json!(0.75), "deprecated"));
    assert_eq!(measured.metadata, [("timestamps".to_owned(), "2025-12-31T23:59:00Z".to_owned())]);
}

#[test]
fn one_token_may_be_for_all_addresses() {
    testing::refuse_secret("a.example:8443");
    testing::serve(|request| {
        assert!(request.url().starts_with("http://a.example:8443/api/v2/chart/api?"), "{}", request.url());
        assert_eq!(request.header_value("authorization"), Some("Bearer stand-in-for-token"));
        Ok(Response::new(200, r#"{"timeseries":[{"data":[[1,2]]},{"data":[]},{"data":[[1,null],[0,3]]}]}"#))
    });
    let given = Config { address: "http://a.example:8443/".into(), ..config() };
    assert_eq!(Wavefront::run(given.clone(), &Request::default()).unwrap().value, json!([2.0, 3.0]));
    testing::refuse_secret("token");
    let error = Wavefront::run(given, &Request::default()).unwrap_err();
    assert!(error.message().starts_with("the secret a.example:8443 or token: "), "{error}");
}

#[test]
fn what_wavefront_says_about_a_failure_is_told() {
    let failed = |kind: &str| json!({"errorType": kind, "errorMessage": "no such function", "timeseries": null});
    for (status, body, class, code, message) in [
        (
            200,
            failed("QUERY_SYNTAX_ERROR"),
            Class::InvalidConfig,
            "bad-query",
            "Wavefront refuses the query (QUERY_SYNTAX_ERROR): no such function",
        ),
        (
            200,
            failed("QUERY_EXECUTION_ERROR"),
            Class::Permanent,
            "query-failed",
            "Wavefront refuses the query (QUERY_EXECUTION_ERROR): no such function",
        ),
        (
            200,
            failed("TIMEOUT"),
            Class::Unavailable,
            "query-unavailable",
            "Wavefront refuses the query (TIMEOUT): no such function",
        ),
        (
            200,
            json!({"timeseries": []}),
            Class::NotFound,
            "no-value",
            "the query gives no point in the last five minutes",
        ),
        (200, json!({}), Class::NotFound, "no-value", "the query gives no point in the last five minutes"),
        (
            400,
            json!({"status": {"result": "ERROR", "message": "bad", "code": 400}}),
            Class::InvalidConfig,
            "bad-query",
            "Wavefront refuses the query: bad",
        ),
        (401, json!({"message": "Unauthorized"}), Class::Denied, "status-401", "Wavefront answers 401: Unauthorized"),
        (429, json!({}), Class::Throttled(None), "status-429", "Wavefront answers 429: {}"),
        (503, json!("x"), Class::Unavailable, "status-503", "Wavefront answers 503: \"x\""),
        (200, json!("x"), Class::Permanent, "bad-answer", "the answer is none of Wavefront: it begins with \"x\""),
    ] {
        let error = answered(status, &body).unwrap_err();
        assert_eq!((error.class(), error.code(), error.message()), (&class, code, message));
    }
}

#[test]
fn all_that_is_wrong_is_found_at_once() {
    let fields: Vec<String> = Config::default().check().into_iter().map(|finding| finding.field).collect();
    assert_eq!(fields, ["address", "query"]);
    assert_eq!(config().check(), []);
    assert_eq!(Wavefront::run(Config::default(), &Request::default()).unwrap_err().field(), Some("address"));
    assert_eq!(colchis_sdk::parse::<Config>(r#"{"token":"x"}"#).unwrap_err().field(), Some("token"));
    assert_eq!(Wavefront::metadata(config()).unwrap(), [("query".to_owned(), "ts(\"a\")".to_owned())]);
}
