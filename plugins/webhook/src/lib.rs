//! The event source `webhook`: each request is an event.
//!
//! ```text
//!   request ──► method, size, token ──► {header, body} ──► event, answered when it is durable
//! ```
//!
//! Invariants
//! - The same request sent again under the same key (`Idempotency-Key`, `Webhook-Id`) is the same event. Without one, each request is an event of its own: two that look
//!   the same may well be meant twice.
//! - Credentials are never in an event.
//!
//! Must not know: filters, and who listens where.

use colchis_sdk::event_receiver::{Endpoint, Event, EventReceiver, Incoming, Outcome};
use colchis_sdk::webhook::{self, Webhook};
use colchis_sdk::{Finding, Result, about, call, event};

/// Headers by which senders name what they send once.
const KEYS: [&str; 2] = ["idempotency-key", "webhook-id"];

/// The event source.
#[derive(Debug)]
pub struct Source;

impl EventReceiver for Source {
    type Config = Webhook;

    fn check(config: &Webhook) -> Vec<Finding> {
        config.check("")
    }

    fn endpoints(config: Webhook, _: &str) -> Result<Vec<Endpoint>> {
        Ok(config.endpoints())
    }

    fn on_request(config: Webhook, name: &str, request: &Incoming) -> Result<Outcome> {
        if let Some(refusal) = config.refuse("", request)? {
            return Ok(refusal);
        }
        let body = match webhook::body(request) {
            Ok(body) => body,
            Err(why) => return Ok(Outcome::answer(400, why)),
        };
        let data = config.data("header", request, &[], body);
        let event = Event::json(id(name, request), &data).of_kind("webhook").at_ms(call::now_ms());
        Ok(Outcome { body: b"success".to_vec(), ..Outcome::events([event]) })
    }
}

/// Of a key that the sender gave, or of a kind that no other request has.
fn id(name: &str, request: &Incoming) -> String {
    let key = KEYS.iter().filter_map(|key| request.header(key)).find(|key| !key.trim().is_empty());
    match key {
        Some(key) => event::id_of(&[b"key", name.as_bytes(), key.trim().as_bytes(), &request.body]),
        None => format!("{:016x}{:016x}", call::random(), call::random()),
    }
}

colchis_sdk::export! {
    about: about!("webhook", "Makes events of HTTP requests"),
    event_receiver: Source,
}

#[cfg(test)]
mod tests {
    use colchis_sdk::testing;
    use serde_json::{Value, json};

    use super::*;

    fn send(config: Value, headers: &[(&str, &str)], body: &str) -> Outcome {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let request = Incoming { method: "POST".into(), headers, body: body.into(), ..Incoming::default() };
        Source::on_request(colchis_sdk::parse(&config.to_string()).unwrap(), "example", &request).unwrap()
    }

    fn data(outcome: &Outcome) -> Value {
        serde_json::from_slice(&outcome.events[0].data).unwrap()
    }

    #[test]
    fn a_request_is_an_event_with_its_headers_and_body() {
        testing::set_now_ms(1_700_000_000_000);
        let config = json!({"endpoint": "/example", "metadata": {"team": "a"}});
        let outcome = send(config, &[("content-type", "application/json"), ("Cookie", "c")], r#"{"n": 1}"#);
        assert_eq!((outcome.status, outcome.body.as_slice()), (200, &b"success"[..]));
        assert_eq!((outcome.events[0].kind.as_str(), outcome.events[0].time_ms), ("webhook", Some(1_700_000_000_000)));
        assert_eq!(
            data(&outcome),
            json!({"header": {"Content-Type": ["application/json"]}, "body": {"n": 1}, "metadata": {"team": "a"}})
        );
    }

    #[test]
    fn the_same_key_is_the_same_event_and_requests_without_one_are_not() {
        let config = || json!({"endpoint": "/example"});
        let id = |headers: &[(&str, &str)], body| send(config(), headers, body).events[0].id.clone();
        assert_ne!(id(&[], "{}"), id(&[], "{}"));
        assert_eq!(id(&[("Idempotency-Key", "7")], "{}"), id(&[("idempotency-key", "7 ")], "{}"));
        assert_ne!(id(&[("Idempotency-Key", "7")], "{}"), id(&[("idempotency-key", "8")], "{}"));
        assert_ne!(id(&[("Webhook-Id", "7")], "{}"), id(&[("Webhook-Id", "7")], "[]"));
    }

    #[test]
    fn what_is_not_genuine_or_not_json_has_no_event() {
        testing::set_secret("hook", "s3cret");
        let config = || json!({"endpoint": "/example", "authSecret": "stand-in-for-hook"});
        for (headers, body, status, events) in [
            (vec![("authorization", "Bearer s3cret")], "{}", 200, 1),
            (vec![("authorization", "Bearer guess")], "{}", 401, 0),
            (vec![], "{}", 401, 0),
            (vec![("authorization", "Bearer s3cret"), ("content-type", "application/json")], "{", 400, 0),
        ] {
            let outcome = send(config(), &headers, body);
            assert_eq!((outcome.status, outcome.events.len()), (status, events), "{headers:?}");
        }
        let outcome = send(config(), &[("authorization", "Bearer s3cret")], "{}");
        assert!(!String::from_utf8(outcome.events[0].data.clone()).unwrap().contains("s3cret"));
    }

    #[test]
    fn fields_that_do_nothing_are_refused() {
        for field in ["serverCertSecret", "filter", "endPoint"] {
            let config = json!({"endpoint": "/x", field: {}}).to_string();
            assert_eq!(colchis_sdk::parse::<Webhook>(&config).unwrap_err().field(), Some(field));
        }
        let endpoints = Source::endpoints(colchis_sdk::parse(r#"{"endpoint": "/x"}"#).unwrap(), "e").unwrap();
        assert_eq!((endpoints[0].path.as_str(), endpoints[0].methods.as_slice()), ("/x", &["POST".to_owned()][..]));
    }
}
