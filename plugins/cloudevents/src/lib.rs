//! The event source `cloudevents`: CloudEvents 1.0 as HTTP carries them.
//!
//! ```text
//!   request ──► method, size, token ──► batch? structured? binary? ──► required attributes, else 400 ──► events
//!   OPTIONS ──► WebHook-Request-Origin allowed? ──► WebHook-Allowed-Origin
//! ```
//!
//! Invariants
//! - An event is its producer's: id, type, time and data stay; the same id of the same source is the same event.
//! - A request is taken whole or not at all: one event of a batch that cannot be read refuses the batch.
//!
//! Must not know: what the events mean.

mod attributes;
mod config;

use colchis_sdk::event_receiver::{Endpoint, EventReceiver, Incoming, Outcome};
use colchis_sdk::webhook;
use colchis_sdk::{Finding, Result, about};
use serde_json::Value;

pub use config::Config;

/// Events of one batch (`batch_events_max`).
const BATCH_EVENTS_MAX: usize = 1000;

/// The event source.
#[derive(Debug)]
pub struct Source;

impl EventReceiver for Source {
    type Config = Config;

    fn check(config: &Config) -> Vec<Finding> {
        config.check()
    }

    fn endpoints(config: Config, _: &str) -> Result<Vec<Endpoint>> {
        Ok(config.endpoints())
    }

    fn on_request(config: Config, _: &str, request: &Incoming) -> Result<Outcome> {
        if request.method.eq_ignore_ascii_case("OPTIONS") {
            return Ok(config.handshake(request));
        }
        if let Some(refusal) = config.webhook.refuse("webhook.", request)? {
            return Ok(refusal);
        }
        let media_type = webhook::media_type(request);
        let events = match media_type.as_str() {
            "application/cloudevents-batch+json" => batch(&request.body),
            "application/cloudevents+json" => structured(&request.body).map(|event| vec![event]),
            other if other.starts_with("application/cloudevents") => {
                return Ok(Outcome::answer(415, format!("`{other}` is not read: CloudEvents in JSON are expected")));
            }
            _ => attributes::binary(request).map(|event| vec![event]),
        };
        Ok(match events {
            Ok(events) => Outcome { status: 202, ..Outcome::events(events) },
            Err(why) => Outcome::answer(400, why),
        })
    }
}

fn structured(body: &[u8]) -> Result<attributes::Event, String> {
    attributes::structured(&serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))?)
}

fn batch(body: &[u8]) -> Result<Vec<attributes::Event>, String> {
    let events: Vec<Value> =
        serde_json::from_slice(body).map_err(|error| format!("the body is not a list in JSON: {error}"))?;
    if events.len() > BATCH_EVENTS_MAX {
        return Err(format!("at most {BATCH_EVENTS_MAX} events (batch_events_max) are taken at once"));
    }
    let read = |(at, event)| attributes::structured(event).map_err(|why| format!("[{at}]: {why}"));
    events.iter().enumerate().map(read).collect()
}

colchis_sdk::export! {
    about: about!("cloudevents", "Takes CloudEvents 1.0 over HTTP: binary, structured and batched"),
    event_receiver: Source,
}

#[cfg(test)]
mod tests;
