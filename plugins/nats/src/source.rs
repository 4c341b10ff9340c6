//! The event source: messages of a subject, as they come or from a stream.

use std::time::Duration;

use colchis_sdk::event_subscriber::{BATCH_BYTES, Batch, Event, EventSubscriber, Subscription};
use colchis_sdk::{Error, Finding, Result, call, event};
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::config::{SourceConfig, first_error};
use crate::jetstream::{Consumer, Cursor};
use crate::proto::Message;

/// The subscription of a subject.
const SUBJECT: u64 = 1;

/// The event source.
#[derive(Debug)]
pub struct Source;

impl EventSubscriber for Source {
    type Config = SourceConfig;
    type Subscription = Messages;

    fn check(config: &SourceConfig) -> Vec<Finding> {
        config.check()
    }

    fn open(config: SourceConfig, _: &str, cursor: Option<&str>) -> Result<Messages> {
        first_error(config.check())?;
        let mut client = Client::open(config.place())?;
        let consumer = match &config.jet_stream {
            None => {
                client.subscribe(&config.subject, &config.queue, SUBJECT)?;
                None
            }
            Some(jet_stream) => {
                // A source that had no stream before has an empty cursor.
                let cursor = cursor.filter(|cursor| !cursor.is_empty()).map(read).transpose()?;
                Some(Consumer::open(&mut client, &config, jet_stream, cursor)?)
            }
        };
        Ok(Messages { config, client, consumer, delivery: 0, draining: false })
    }
}

fn read(cursor: &str) -> Result<Cursor> {
    serde_json::from_str(cursor)
        .map_err(|error| Error::permanent(format!("the cursor cannot be read: {error}")).with_code("bad-cursor"))
}

/// A subscription.
#[derive(Debug)]
pub struct Messages {
    config: SourceConfig,
    client: Client,
    consumer: Option<Consumer>,
    delivery: u64,
    draining: bool,
}

impl Subscription for Messages {
    fn poll(&mut self, max: u32, wait: Duration) -> Result<Batch> {
        self.delivery += 1;
        let events = match &mut self.consumer {
            _ if self.draining => Vec::new(),
            Some(consumer) => consumer.poll(&mut self.client, &self.config, max, wait)?,
            None => self.plain(max, wait)?,
        };
        let cursor = self.consumer.as_ref().map(|consumer| json!(consumer.cursor()).to_string());
        Ok(Batch { events, cursor: cursor.unwrap_or_default(), delivery: self.delivery })
    }

    fn drain(&mut self) -> Result<()> {
        self.draining = true;
        Ok(())
    }
}

impl Messages {
    /// The first message within the time, and those that came with it.
    fn plain(&mut self, max: u32, wait: Duration) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        let (mut wait, mut bytes) = (wait, 0);
        while events.len() < max.max(1) as usize && bytes < BATCH_BYTES {
            let Some(message) = self.client.message(wait)? else { break };
            wait = Duration::ZERO;
            // Nobody sends the same message twice here, unless it says so itself.
            let id = match message.headers.get("nats-msg-id") {
                Some(id) => event::id_of(&[b"nats", message.subject.as_bytes(), id.as_bytes()]),
                None => format!("{:016x}{:016x}", call::random(), call::random()),
            };
            let event = Event::json(id, &data(&self.config, &message)).of_kind("nats").at_ms(call::now_ms());
            bytes += event.data.len();
            events.push(event);
        }
        Ok(events)
    }
}

/// A message in an event: `{subject, headers, body}`.
pub(crate) fn data(config: &SourceConfig, message: &Message) -> Value {
    let mut data = Map::new();
    data.insert("subject".to_owned(), json!(message.subject));
    if !message.headers.lines.is_empty() {
        let mut headers: Map<String, Value> = Map::new();
        for (name, value) in &message.headers.lines {
            if let Value::Array(values) = headers.entry(name.clone()).or_insert_with(|| json!([])) {
                values.push(json!(value));
            }
        }
        data.insert("headers".to_owned(), Value::Object(headers));
    }
    data.insert("body".to_owned(), event::body_or_text(&message.payload, config.json_body));
    if !config.metadata.is_empty() {
        data.insert("metadata".to_owned(), json!(config.metadata));
    }
    Value::Object(data)
}
