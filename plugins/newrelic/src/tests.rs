use colchis_sdk::http::Response;
use colchis_sdk::{Class, testing};
use serde_json::{Value, json};

use super::*;

fn config(value: Value) -> Config {
    colchis_sdk::parse(&value.to_string()).unwrap()
}

fn plain() -> Value {
    json!({"query": " SELECT count(*) AS \"n\" FROM T\n"})
}

fn answered(response: Response) -> Result<Measurement> {
    testing::serve(move |_| Ok(response.clone()));
    NewRelic::run(config(plain()), &Request::default())
}

fn rows(rows: Value) -> String {
    json!({"data": {"actor": {"account": {"nrql": {"results": rows}}}}}).to_string()
}

#[test]
fn nerdgraph_is_asked() {
    testing::serve(|request| {
        assert_eq!((request.method(), request.url()), ("POST", "https://api.newrelic.com/graphql"));
        let headers: Vec<(&str, &str)> =
            request.all_headers().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let expected = [
            ("accept", "application/json"),
            ("api-key", "stand-in-for-newrelic.personal-api-key"),
            ("content-type", "application/json"),
        ];
        assert_eq!(headers, expected);
        let body: Value = serde_json::from_slice(request.body_bytes()).unwrap();
        let document = "query($query: Nrql!) { actor { account(id: stand-in-for-newrelic.account-id) { nrql(query: $query, timeout: 5) { results } } } }";
        assert_eq!(body, json!({"query": document, "variables": {"query": "SELECT count(*) AS \"n\" FROM T"}}));
        Ok(Response::new(200, rows(json!([{"n": 3, "average.duration": 0.5}]))))
    });
    let measured = NewRelic::run(config(plain()), &Request::default()).unwrap();
    assert_eq!(measured.value, json!({"n": 3, "average.duration": 0.5}));
}

#[test]
fn who_is_asked_is_configured_or_kept_beside_the_key() {
    for (more, url, account) in [
        (json!({"region": "EU", "accountId": "42"}), "https://api.eu.newrelic.com/graphql", "id: 42)"),
        (json!({"address": "http://proxy.example/nr/", "timeout": 20}), "http://proxy.example/nr", "timeout: 20)"),
        (json!({"profile": "other"}), "https://api.eu.newrelic.com/graphql", "id: stand-in-for-other.account-id)"),
        (json!({"profile": "third"}), "https://third.example/graphql", "id: stand-in-for-third.account-id)"),
    ] {
        testing::set_secret("other.region", "eu\n");
        testing::set_secret("third.base-url-nerdgraph", "https://third.example/graphql");
        testing::serve(move |request| {
            assert_eq!(request.url(), url);
            assert!(String::from_utf8_lossy(request.body_bytes()).contains(account));
            Ok(Response::new(200, rows(json!([{"a": 1}, {"a": 2}]))))
        });
        let mut given = plain();
        given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let measured = NewRelic::run(config(given), &Request::default()).unwrap();
        assert_eq!(measured.value, json!([{"a": 1}, {"a": 2}]));
    }
    testing::refuse_secret("newrelic.account-id");
    let error = NewRelic::run(config(plain()), &Request::default()).unwrap_err();
    assert_eq!(error.to_string(), "accountId: it is expected here, or as the granted secret newrelic.account-id");
}

#[test]
fn what_new_relic_says_about_a_failure_is_told() {
    let failed = |class: &str| {
        json!({"data": {"actor": null}, "errors": [{"message": "NRQL Syntax Error", "extensions": {"errorClass": class}}]}).to_string()
    };
    for (status, body, class, code) in [
        (200, failed("INVALID_INPUT"), Class::InvalidConfig, "bad-query"),
        (200, failed("ACCESS_DENIED"), Class::Denied, "access-denied"),
        (200, failed("TIMEOUT"), Class::Unavailable, "query-unavailable"),
        (200, failed("TOO_MANY_REQUESTS"), Class::Throttled(None), "rate-limit"),
        (200, failed("SOMETHING"), Class::Permanent, "query-failed"),
        (401, failed(""), Class::Denied, "status-401"),
        (500, "oh".to_owned(), Class::Unavailable, "status-500"),
        (200, "<html>".to_owned(), Class::Permanent, "bad-answer"),
        (200, json!({"data": {"actor": {"account": null}}}).to_string(), Class::Denied, "no-account"),
        (200, rows(json!([])), Class::NotFound, "no-value"),
    ] {
        let error = answered(Response::new(status, body.clone())).unwrap_err();
        assert_eq!((error.class(), error.code()), (&class, code), "{body}");
        assert!(!body.contains("NRQL Syntax") || error.message().ends_with(": NRQL Syntax Error"), "{error}");
    }
    let error = answered(Response::new(429, "slow").with_header("retry-after", "3")).unwrap_err();
    assert_eq!(error.class(), &Class::Throttled(Some(std::time::Duration::from_secs(3))));
}

#[test]
fn all_that_is_wrong_is_found_at_once() {
    let given = json!({"query": "", "timeout": 0, "accountId": "1) { x }", "region": "mars", "address": "x y"});
    let fields: Vec<String> = config(given).check().into_iter().map(|finding| finding.field).collect();
    assert_eq!(fields, ["query", "timeout", "accountId", "region", "address"]);
    assert_eq!(config(plain()).check(), []);
    assert_eq!(colchis_sdk::parse::<Config>(r#"{"nrql":"x"}"#).unwrap_err().field(), Some("nrql"));
    let error = NewRelic::run(config(json!({"query": "x", "accountId": "x"})), &Request::default()).unwrap_err();
    assert_eq!(error.field(), Some("accountId"));
    assert_eq!(NewRelic::metadata(config(plain())).unwrap()[0].1, "SELECT count(*) AS \"n\" FROM T");
}
