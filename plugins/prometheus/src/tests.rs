use colchis_sdk::http::Response;
use colchis_sdk::{Class, Severity, testing};
use serde_json::{Value, json};

use super::*;

const NOW: u64 = 1_767_225_600_000;

fn config(value: Value) -> Config {
    colchis_sdk::parse(&value.to_string()).unwrap()
}

fn plain() -> Value {
    json!({"address": "http://prometheus.example:9090/", "query": " up{job=\"a b\"}\n"})
}

fn answered(status: u16, body: Value) -> Result<Measurement> {
    testing::set_now_ms(NOW);
    testing::serve(move |_| Ok(Response::new(status, body.to_string())));
    Prometheus::run(config(plain()), &Request::default())
}

#[test]
fn a_query_is_sent_as_a_form() {
    testing::set_now_ms(NOW);
    testing::serve(|request| {
        assert_eq!((request.method(), request.url()), ("POST", "http://prometheus.example:9090/api/v1/query"));
        assert_eq!(request.header_value("content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!(request.header_value("X-Scope-OrgID"), Some("tenant_a"));
        assert_eq!(
            String::from_utf8_lossy(request.body_bytes()),
            "query=up%7Bjob%3D%22a%20b%22%7D&timeout=40s&time=1767225600.000"
        );
        Ok(Response::new(200, r#"{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}"#))
    });
    let mut given = plain();
    given["headers"] = json!([{"key": "X-Scope-OrgID", "value": "tenant_a"}]);
    given["timeout"] = json!(40);
    assert_eq!(Prometheus::run(config(given), &Request::default()).unwrap().value, json!(2.0));
}

#[test]
fn a_range_has_two_moments_and_a_step() {
    testing::set_now_ms(NOW);
    testing::serve(|request| {
        assert!(request.url().ends_with("/api/v1/query_range"), "{}", request.url());
        let body = String::from_utf8_lossy(request.body_bytes()).into_owned();
        assert!(body.ends_with("&start=1767225300.000&end=1767225600.000&step=1m"), "{body}");
        Ok(Response::new(
            200,
            r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"1"],[2,"NaN"]]},{"metric":{},"values":[[1,"3.5"]]}]}}"#,
        ))
    });
    let mut given = plain();
    given["rangeQuery"] = json!({"start": "now() - duration(\"5m\")", "end": "now()", "step": "1m"});
    let measured = Prometheus::run(config(given), &Request::default()).unwrap();
    assert_eq!(measured.value, json!([1.0, "NaN", 3.5]));
}

#[test]
fn who_lets_only_requests_pass_that_read_gets_one() {
    testing::set_now_ms(NOW);
    testing::serve(|request| {
        Ok(match request.method() {
            "POST" => Response::new(405, ""),
            _ => {
                assert!(request.url().contains("/api/v1/query?query=up%7B"), "{}", request.url());
                assert!(request.body_bytes().is_empty());
                Response::new(200, r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#)
            }
        })
    });
    assert_eq!(Prometheus::run(config(plain()), &Request::default()).unwrap().value, json!([]));
}

#[test]
fn answers_become_values() {
    for (data, value) in [
        (json!({"resultType": "scalar", "result": [1.5, "0.25"]}), json!(0.25)),
        (json!({"resultType": "scalar", "result": [1.5, "-Inf"]}), json!("-Inf")),
        (
            json!({"resultType": "vector", "result": [{"metric": {"a": "b"}, "value": [1, "1"]}, {"metric": {}, "value": [1, "+Inf"]}]}),
            json!([1.0, "+Inf"]),
        ),
        (json!({"resultType": "vector", "result": []}), json!([])),
        (json!({"resultType": "vector", "result": [{"metric": {}, "value": [1, "1e-7"]}]}), json!([1e-7])),
        (json!({"resultType": "string", "result": [1, "text"]}), json!("text")),
    ] {
        let measured =
            answered(200, json!({"status": "success", "data": data.clone(), "warnings": ["partial"]})).unwrap();
        assert_eq!((measured.value, measured.message.as_str()), (value, "partial"), "{data}");
    }
}

#[test]
fn what_prometheus_says_about_a_failure_is_told() {
    for (status, kind, class, code, field) in [
        (400, "bad_data", Class::InvalidConfig, "bad-query", Some("query")),
        (422, "execution", Class::Permanent, "query-failed", None),
        (503, "timeout", Class::Unavailable, "query-unavailable", None),
        (503, "canceled", Class::Unavailable, "query-unavailable", None),
        (500, "internal", Class::Unavailable, "query-unavailable", None),
        (404, "not_found", Class::NotFound, "query-failed", None),
        (403, "", Class::Denied, "status-403", None),
    ] {
        let error =
            answered(status, json!({"status": "error", "errorType": kind, "error": "parse error"})).unwrap_err();
        assert_eq!((error.class(), error.code(), error.field()), (&class, code, field), "{kind}");
        assert!(error.message().ends_with(": parse error"), "{error}");
    }
    let histogram = json!({"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "histogram": [1, {}]}]}});
    assert_eq!(answered(200, histogram).unwrap_err().code(), "histogram");
    let odd = json!({"status": "success", "data": {"resultType": "scalar", "result": [1, "much"]}});
    assert_eq!(answered(200, odd).unwrap_err().message(), "Prometheus answers `much`, which is no number");
}

#[test]
fn what_is_no_prometheus_is_told_by_its_status_or_its_beginning() {
    let of = |status, body: &'static str| {
        testing::serve(move |_| Ok(Response::new(status, body)));
        Prometheus::run(config(plain()), &Request::default()).unwrap_err()
    };
    assert_eq!(of(502, "<html>bad gateway").message(), "the answer is 502: <html>bad gateway");
    assert_eq!(of(401, "who?").class(), &Class::Denied);
    assert!(of(200, "<html>hello").message().contains("none of Prometheus: it begins with <html>hello"));
}

#[test]
fn credentials_are_sent_as_stand_ins() {
    testing::set_now_ms(NOW);
    for (authentication, expected) in [
        (json!({"basicAuth": {"username": "u", "password": "stand-in"}}), "Basic base64(u:stand-in)"),
        (json!({"sigv4": {"region": "eu-central-1"}}), "AWS4-HMAC-SHA256 aws eu-central-1 aps POST"),
        (json!({"sigv4": {"region": "eu-west-1", "profile": "other"}}), "AWS4-HMAC-SHA256 other eu-west-1 aps POST"),
        (
            json!({"oauth2": {"tokenUrl": "http://token.example/", "clientId": "c", "clientSecret": "s", "scopes": ["a", "b"]}}),
            "Bearer t0",
        ),
    ] {
        testing::serve(move |request| {
            if request.url().starts_with("http://token") {
                assert_eq!(request.header_value("authorization"), Some("Basic base64(c:s)"));
                assert_eq!(request.body_bytes(), b"grant_type=client_credentials&scope=a%20b");
                return Ok(Response::new(200, r#"{"access_token":"t0","token_type":"bearer"}"#));
            }
            assert_eq!(request.header_value("authorization"), Some(expected));
            Ok(Response::new(200, r#"{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}"#))
        });
        let mut given = plain();
        given["authentication"] = authentication;
        Prometheus::run(config(given), &Request::default()).unwrap();
    }
}

#[test]
fn a_token_that_is_refused_is_an_error_of_its_own() {
    testing::serve(|request| {
        assert!(request.url().starts_with("http://token"));
        Ok(Response::new(401, r#"{"error":"invalid_client","error_description":"unknown"}"#))
    });
    let mut given = plain();
    given["authentication"] =
        json!({"oauth2": {"tokenUrl": "http://token.example/", "clientId": "c", "clientSecret": "s"}});
    let error = Prometheus::run(config(given), &Request::default()).unwrap_err();
    assert_eq!((error.class(), error.code()), (&Class::Denied, "token-refused"));
    assert_eq!(error.message(), "asking for an OAuth 2.0 token: the token server refuses: invalid_client unknown");
}

#[test]
fn all_that_is_wrong_is_found_at_once() {
    let given = json!({
        "address": "prometheus:9090", "query": " ", "timeout": 0, "insecure": true,
        "authentication": {"basicAuth": {}, "sigv4": {"roleArn": "arn"}},
        "rangeQuery": {"start": "now()", "end": "now() - duration(\"1m\")", "step": "1m"},
    });
    let found: Vec<(String, bool)> =
        config(given).check().into_iter().map(|finding| (finding.field, finding.severity == Severity::Error)).collect();
    let expected = [
        ("authentication", true),
        ("authentication.basicAuth", true),
        ("authentication.sigv4.region", true),
        ("authentication.sigv4.roleArn", false),
        ("address", true),
        ("query", true),
        ("timeout", true),
        ("insecure", false),
        ("rangeQuery.end", true),
    ];
    assert_eq!(found, expected.map(|(field, error)| (field.to_owned(), error)));
    let good = json!({"address": "http://a", "query": "up", "rangeQuery": {"start": "now() - duration(\"5m\")", "end": "now()", "step": "1m"}});
    assert_eq!(config(good).check(), []);
}

#[test]
fn the_schema_knows_what_must_be_there() {
    let schema: Value = serde_json::from_str(&colchis_sdk::schema::<Config>()).unwrap();
    assert_eq!(schema["required"], json!(["address", "query"]));
    assert_eq!(schema["properties"]["timeout"]["default"], 30);
    assert!(
        colchis_sdk::parse::<Config>(r#"{"adress":"x"}"#).unwrap_err().message().starts_with("unknown field `adress`")
    );
}
