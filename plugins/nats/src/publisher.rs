//! The trigger: a message to a subject, with the payload as its body.

use colchis_sdk::trigger::{Executed, Request, Trigger};
use colchis_sdk::{Finding, Result};
use serde_json::{Value, json};

use crate::client::Client;
use crate::config::{TriggerConfig, first_error};
use crate::jetstream::{self, Published};

/// The trigger.
#[derive(Debug)]
pub struct Publisher;

impl Trigger for Publisher {
    type Config = TriggerConfig;

    fn check(config: &TriggerConfig) -> Vec<Finding> {
        config.check()
    }

    fn execute(config: TriggerConfig, _: &Request, payload: Value, idempotency_key: &str) -> Result<Executed> {
        first_error(config.check())?;
        let mut client = Client::open(config.place())?;
        let subject = &config.subject;
        let payload = payload.to_string();
        // By this name streams take a message once. A key with a line break would begin another header.
        let key: String = idempotency_key.chars().filter(|letter| !letter.is_control()).collect();
        let headers = [("Nats-Msg-Id", key.as_str())];
        let headers = if client.has_headers() && !key.is_empty() { &headers[..] } else { &[] };
        if config.jet_stream {
            let answer = client.request(subject, headers, payload.as_bytes())?;
            let Published { stream, seq, duplicate } = jetstream::answer(&answer, "subject")?;
            let message = format!("published to `{subject}`, kept in {stream} as {seq}");
            return Ok(Executed::new(message, json!({"stream": stream, "sequence": seq, "duplicate": duplicate})));
        }
        client.publish(subject, None, headers, payload.as_bytes())?;
        client.flush()?;
        Ok(Executed::new(format!("published to `{subject}`"), json!({"subject": subject})))
    }
}
