use colchis_sdk::http::Response;
use colchis_sdk::{Class, testing};
use serde_json::{Value, json};

use super::*;

fn config(query: &str) -> Config {
    let given = json!({"address": "http://graphite.example/g/", "query": query});
    colchis_sdk::parse(&given.to_string()).unwrap()
}

fn answered(status: u16, body: &str) -> Result<Measurement> {
    let body = body.to_owned();
    testing::serve(move |_| Ok(Response::new(status, body.clone())));
    Graphite::run(config("a.b"), &Request::default())
}

#[test]
fn a_target_is_sent_as_a_form() {
    testing::serve(|request| {
        assert_eq!((request.method(), request.url()), ("POST", "http://graphite.example/g/render"));
        let headers: Vec<&str> = request.all_headers().iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(headers, ["application/x-www-form-urlencoded", "application/json"]);
        assert_eq!(request.body_bytes(), b"target=sumSeries%28a.%2A.%7Bx%2Cy%7D%29&from=-5min&format=json");
        Ok(Response::new(
            200,
            r#"[{"target":"a","tags":{},"datapoints":[[1.5,1767225600],[null,1767225660],[2,1767225720]]},{"target":"b","datapoints":[[3.25,1767225600]]}]"#,
        ))
    });
    let measured = Graphite::run(config(" target=sumSeries(a.*.{x,y})\n"), &Request::default()).unwrap();
    assert_eq!(measured, Measurement::of(json!([1.5, 2.0, 3.25])));
}

#[test]
fn who_lets_only_requests_pass_that_read_gets_one() {
    testing::serve(|request| {
        if request.method() == "POST" {
            return Ok(Response::new(405, ""));
        }
        assert_eq!(request.url(), "http://graphite.example/g/render?target=a.b&from=-5min&format=json");
        Ok(Response::new(200, "[]"))
    });
    assert_eq!(Graphite::run(config("a.b"), &Request::default()).unwrap().value, json!([]));
}

#[test]
fn queries_become_parameters() {
    for (query, expected) in [
        ("a.b", "target=a.b from=-5min format=json"),
        ("alias(a.b,'x=1&from=2')", "target=alias(a.b,'x=1&from=2') from=-5min format=json"),
        ("target=a.b&from=-10min&until=now", "target=a.b from=-10min until=now format=json"),
        (
            "target=alias(a.b,'x&from=2')&target=c&format=json",
            "target=alias(a.b,'x&from=2') target=c from=-5min format=json",
        ),
        ("?target=a%20b%zz", "target=a b%zz from=-5min format=json"),
        (
            "target=summarize(\n  a.b,\n  '5min'\n)&maxDataPoints=1",
            "target=summarize(\n  a.b,\n  '5min'\n) maxDataPoints=1 from=-5min format=json",
        ),
    ] {
        // A target without `target=` is the value of the parameter.
        let form = config(query).form().unwrap();
        let text: Vec<String> = form.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(text.join(" "), expected, "{query}");
    }
}

#[test]
fn what_is_wrong_with_a_query_is_told() {
    for (query, part) in [
        (" ", "a target is expected"),
        ("from=-1h", "a target is expected"),
        ("target=&from=-1h", "`target` has no value"),
        ("target=a&format=png", "leave `format` out"),
        ("target=a&width=3", "`width` is no parameter"),
    ] {
        let found = config(query).check();
        assert_eq!((found.len(), found[0].field.as_str()), (1, "query"), "{query}");
        assert!(found[0].message.contains(part), "{query}: {}", found[0].message);
        assert_eq!(Graphite::run(config(query), &Request::default()).unwrap_err().field(), Some("query"));
    }
    let found = Config { query: "a".into(), ..Config::default() }.check();
    assert_eq!(found[0].field, "address");
    assert_eq!(colchis_sdk::parse::<Config>(r#"{"adress":"x"}"#).unwrap_err().field(), Some("adress"));
    let schema: Value = serde_json::from_str(&colchis_sdk::schema::<Config>()).unwrap();
    assert_eq!(schema["required"], json!(["address", "query"]));
}

#[test]
fn what_graphite_says_about_a_failure_is_told() {
    for (status, body, class, code, message) in [
        (400, "Invalid target", Class::InvalidConfig, "bad-query", "Graphite refuses the query: Invalid target"),
        (500, "<html>Traceback", Class::Unavailable, "status-500", "Graphite answers 500: <html>Traceback"),
        (401, "", Class::Denied, "status-401", "Graphite answers 401 without saying why"),
        (200, "<html>", Class::Permanent, "bad-answer", "the answer is none of Graphite: it begins with <html>"),
    ] {
        let error = answered(status, body).unwrap_err();
        assert_eq!((error.class(), error.code(), error.message()), (&class, code, message));
    }
    assert_eq!(answered(200, r#"[{"datapoints":[[null,1]]}]"#).unwrap().value, json!([]));
    assert_eq!(Graphite::metadata(config(" a ")).unwrap(), [("query".to_owned(), "a".to_owned())]);
}
