//! The event source `mqtt`: messages of a topic, of MQTT 3.1.1.
//!
//! ```text
//!   CONNECT (the broker keeps the session) ──► SUBSCRIBE unless it has ──► PUBLISH ──► durable ──► PUBACK
//! ```
//!
//! Invariants
//! - With `qos: 1` a message is acknowledged when its event is durable, and not before; one that was not comes again with the same id.
//! - Messages are taken in the order in which they come.
//!
//! Must not know: certificates and the values of secrets.

mod client;
mod config;
mod cursor;
mod packet;

use std::collections::BTreeMap;
use std::time::Duration;

use colchis_sdk::event_subscriber::{BATCH_BYTES, Batch, Event, EventSubscriber, Subscription};
use colchis_sdk::{Capability, Error, Finding, Result, about, call, event};
use serde_json::{Value, json};

use client::Client;
pub use config::{Auth, Basic, Config};
use cursor::Cursor;
use packet::{Message, Packet};

/// Messages that may wait for their acknowledgement (`waiting_max`): no more are taken until some are.
const WAITING_MAX: usize = 500;

/// The event source.
#[derive(Debug)]
pub struct Mqtt;

impl EventSubscriber for Mqtt {
    type Config = Config;
    type Subscription = Messages;

    fn check(config: &Config) -> Vec<Finding> {
        config.check()
    }

    fn open(config: Config, _: &str, cursor: Option<&str>) -> Result<Messages> {
        let config = config.checked()?;
        let mut cursor = match cursor.filter(|cursor| !cursor.is_empty()) {
            Some(text) => Cursor::read(text)?,
            None => Cursor::begin(""),
        };
        let mut client = Client::open(&config)?;
        let wanted = format!("{} {}", config.qos, config.topic);
        let mut early = Vec::new();
        if !client.session {
            cursor.forget();
        }
        // A subscription that is made again brings retained messages again: it is made only where there is none.
        if !client.session || cursor.topic != wanted {
            let before = cursor.topic.split_once(' ').map(|(_, topic)| topic.to_owned());
            if let Some(before) = before.filter(|before| client.session && *before != config.topic) {
                client.write(&packet::unsubscribe(2, &before))?;
                until(&mut client, &mut early, |packet| (*packet == Packet::Unsubscribed(2)).then_some(Ok(())))?;
            }
            client.write(&packet::subscribe(1, &config.topic, config.qos))?;
            until(&mut client, &mut early, |packet| match packet {
                Packet::Subscribed { packet: 1, codes } => Some(match codes.as_slice() {
                    [0 | 1] => Ok(()),
                    _ => Err(Error::denied("the broker does not let the client have this topic").at("topic")),
                }),
                _ => None,
            })?;
            cursor.topic = wanted;
        }
        Ok(Messages { config, client, cursor, early, delivered: BTreeMap::new(), delivery: 0, draining: false })
    }
}

/// Waits for an answer; messages that come before it are kept.
fn until(client: &mut Client, early: &mut Vec<Message>, answers: impl Fn(&Packet) -> Option<Result<()>>) -> Result<()> {
    loop {
        let packet = client.answer()?;
        match (answers(&packet), packet) {
            (Some(answer), _) => return answer,
            (None, Packet::Message(message)) => early.push(message),
            (None, _) => {}
        }
    }
}

/// A subscription.
#[derive(Debug)]
pub struct Messages {
    config: Config,
    client: Client,
    cursor: Cursor,
    /// Messages that came before the subscription was answered.
    early: Vec<Message>,
    /// Numbers of packets of deliveries that were not acknowledged yet.
    delivered: BTreeMap<u64, Vec<u16>>,
    delivery: u64,
    draining: bool,
}

impl Subscription for Messages {
    fn poll(&mut self, max: u32, wait: Duration) -> Result<Batch> {
        self.delivery += 1;
        self.client.keep_alive()?;
        let (mut events, mut packets) = (Vec::new(), Vec::new());
        if !self.draining {
            let (mut wait, mut bytes) = (wait, 0);
            let waiting: usize = self.delivered.values().map(Vec::len).sum();
            while events.len() < max.max(1) as usize && bytes < BATCH_BYTES && waiting + packets.len() < WAITING_MAX {
                let Some(message) = self.message(wait)? else { break };
                wait = Duration::ZERO;
                packets.extend((message.quality > 0).then_some(message.packet));
                let event = self.event(message);
                bytes += event.data.len();
                events.push(event);
            }
        }
        if !packets.is_empty() {
            self.delivered.insert(self.delivery, packets);
        }
        Ok(Batch { events, cursor: json!(self.cursor).to_string(), delivery: self.delivery })
    }

    fn ack(&mut self, delivery: u64) -> Result<()> {
        let Some(packets) = self.delivered.get(&delivery) else { return Ok(()) };
        let all: Vec<u8> = packets.iter().flat_map(|packet| packet::taken(*packet)).collect();
        self.client.write(&all)?;
        for packet in self.delivered.remove(&delivery).unwrap_or_default() {
            self.cursor.close(packet);
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<()> {
        self.draining = true;
        Ok(())
    }
}

impl Messages {
    fn message(&mut self, wait: Duration) -> Result<Option<Message>> {
        if !self.early.is_empty() {
            return Ok(Some(self.early.remove(0)));
        }
        loop {
            match self.client.next(wait)? {
                Some(Packet::Message(message)) => return Ok(Some(message)),
                Some(Packet::Pong) => {}
                Some(other) => return Err(self.client.no_mqtt(&format!("{other:?} was not asked for"))),
                None => return Ok(None),
            }
        }
    }

    fn event(&mut self, message: Message) -> Event {
        let id = self.cursor.id(&message);
        let body = event::body_or_text(&message.payload, self.config.json_body);
        let mut data = json!({"topic": message.topic, "messageId": message.packet, "body": body});
        if let (Value::Object(data), false) = (&mut data, self.config.metadata.is_empty()) {
            data.insert("metadata".to_owned(), json!(self.config.metadata));
        }
        let event = Event::json(id, &data).of_kind("mqtt");
        // A retained message is from before, nobody knows when.
        if message.retained { event } else { event.at_ms(call::now_ms()) }
    }
}

colchis_sdk::export! {
    about: about!("mqtt", "Makes events of messages on MQTT")
        .needs(Capability::Endpoint("*".into()), "connects to the broker that an event names"),
    event_subscriber: Mqtt,
}

#[cfg(test)]
mod tests;
