use colchis_sdk::testing;
use serde_json::json;

use super::*;

const BODY: &str = r#"{"repository":{"full_name":"argo/ship"},"organization":{"login":"argo"}}"#;

/// As GitHub signs.
fn signature(key: &str, body: &str) -> String {
    testing::set_secret("signer", key);
    let mac = secrets::sign("stand-in-for-signer", &Algorithm::HmacSha256, body.as_bytes()).unwrap();
    format!("sha256={}", mac.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn send(config: Value, headers: &[(&str, &str)], body: &str) -> Outcome {
    testing::set_secret("hook", "s3cret");
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let request = Incoming { method: "POST".into(), headers, body: body.into(), ..Incoming::default() };
    Source::on_request(colchis_sdk::parse(&config.to_string()).unwrap(), "example", &request).unwrap()
}

fn config() -> Value {
    json!({"webhook": {"endpoint": "/push"}, "webhookSecret": "stand-in-for-hook"})
}

#[test]
fn only_what_github_signed_is_an_event() {
    let good = signature("s3cret", BODY);
    let upper = good.to_uppercase().replace("SHA256=", "sha256=");
    let of_other_body = signature("s3cret", "{}");
    let of_other_key = signature("guess", BODY);
    for (given, status, events) in [
        (Some(good.as_str()), 200, 1),
        (Some(&upper), 200, 1),
        (Some(&of_other_body), 403, 0),
        (Some(&of_other_key), 403, 0),
        (Some("sha256="), 403, 0),
        (Some("sha256=zz"), 403, 0),
        (Some(good.trim_start_matches("sha256=")), 403, 0),
        (Some(&format!("sha256={}", "ä".repeat(32))), 403, 0),
        (None, 401, 0),
    ] {
        let mut headers = vec![("x-github-event", "push"), ("x-github-delivery", "d-1")];
        headers.extend(given.map(|value| ("X-Hub-Signature-256", value)));
        let outcome = send(config(), &headers, BODY);
        assert_eq!((outcome.status, outcome.events.len()), (status, events), "{given:?}");
    }
}

#[test]
fn the_known_example_of_github_is_verified() {
    // From GitHub's documentation of validating deliveries.
    testing::set_secret("docs", "It's a Secret to Everybody");
    let mac = hexadecimal("757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17").unwrap();
    assert_eq!(secrets::verify_mac("stand-in-for-docs", &Algorithm::HmacSha256, b"Hello, World!", &mac), Ok(true));
}

#[test]
fn a_delivery_that_is_sent_again_is_the_same_event() {
    let good = signature("s3cret", BODY);
    let send = |delivery| {
        let headers = [("x-github-event", "push"), ("x-github-delivery", delivery), ("x-hub-signature-256", &good)];
        send(config(), &headers, BODY).events.remove(0)
    };
    assert_eq!(send("d-1"), Event { time_ms: send("d-1").time_ms, ..send("d-1") });
    assert_eq!(send("d-1").id, send("d-1").id);
    assert_ne!(send("d-1").id, send("d-2").id);
    let event = send("d-1");
    assert_eq!(event.kind, "com.github.push");
    let data: Value = serde_json::from_slice(&event.data).unwrap();
    assert_eq!(data["headers"]["X-Github-Delivery"], json!(["d-1"]));
    assert_eq!(data["headers"]["X-Hub-Signature-256"], Value::Null);
    assert_eq!(data["body"]["repository"]["full_name"], "argo/ship");
}

#[test]
fn events_repositories_and_organizations_are_chosen() {
    let push = "push";
    for (more, kind, events) in [
        (json!({}), push, 1),
        (json!({}), "ping", 0),
        (json!({"events": ["*"]}), push, 1),
        (json!({"events": ["push", "release"]}), push, 1),
        (json!({"events": ["release"]}), push, 0),
        (json!({"repositories": [{"owner": "Argo", "names": ["ship"]}]}), push, 1),
        (json!({"repositories": [{"owner": "argo", "names": ["oar"]}]}), push, 0),
        (json!({"organizations": ["argo"]}), push, 1),
        (json!({"organizations": ["colchis"]}), push, 0),
    ] {
        let mut config = json!({"webhook": {"endpoint": "/push"}});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let outcome = send(config, &[("x-github-event", kind)], BODY);
        assert_eq!((outcome.status, outcome.events.len()), (200, events), "{more} {kind}");
    }
}

#[test]
fn forms_are_read_and_other_bodies_refused() {
    let hook = || json!({"webhook": {"endpoint": "/push"}});
    let form = ("content-type", "application/x-www-form-urlencoded");
    for (headers, body, status) in [
        (vec![("x-github-event", "push"), form], "payload=%7B%22a%22%3A1%7D", 200),
        (vec![("x-github-event", "push"), form], "other=1", 400),
        (vec![("x-github-event", "push"), form], "payload=%7B", 400),
        (vec![("x-github-event", "push")], "{", 400),
        (vec![], "{}", 400),
    ] {
        assert_eq!(send(hook(), &headers, body).status, status, "{body}");
    }
}

#[test]
fn what_calls_githubs_api_is_refused_at_its_field() {
    for field in ["apiToken", "githubApp", "deleteHookOnFinish", "payloadEnrichment"] {
        let config = json!({"webhook": {"endpoint": "/x"}, field: {}}).to_string();
        assert_eq!(colchis_sdk::parse::<Config>(&config).unwrap_err().field(), Some(field));
    }
    let config: Config =
        colchis_sdk::parse(r#"{"webhook": {"endpoint": "x"}, "repositories": [{"owner": "a"}]}"#).unwrap();
    let found: Vec<_> = Source::check(&config).into_iter().map(|finding| finding.field).collect();
    assert_eq!(found, ["webhook.endpoint", "webhookSecret", "repositories[0]"]);
}
