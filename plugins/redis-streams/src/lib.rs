//! The event source `redis-streams`: messages of Redis streams, by a consumer group.
//!
//! ```text
//!   open ──► group on each stream ──► own pending messages ──► new ones (XREADGROUP >) ──► durable ──► XACK
//! ```
//!
//! Invariants
//! - The group in Redis is the cursor: a message is acknowledged when its event is durable, and not before; one that was not comes again first when it is opened again.
//! - The id is the stream's name and the message's id.
//!
//! Must not know: certificates and the password's value.

mod client;
mod config;
mod messages;
mod resp;

use std::collections::BTreeMap;
use std::time::Duration;

use colchis_sdk::event_subscriber::{Batch, EventSubscriber, Subscription};
use colchis_sdk::{Capability, Error, Finding, Result, about};

use client::{Client, good};
pub use config::Config;
use messages::{Message, messages};
use resp::Reply;

/// The event source.
#[derive(Debug)]
pub struct RedisStreams;

impl EventSubscriber for RedisStreams {
    type Config = Config;
    type Subscription = Streams;

    fn check(config: &Config) -> Vec<Finding> {
        config.check()
    }

    fn open(config: Config, _: &str, _: Option<&str>) -> Result<Streams> {
        let config = config.checked()?;
        let mut client = Client::open(&config)?;
        for stream in &config.streams {
            make_group(&mut client, stream, config.group())?;
        }
        let pending = config.streams.iter().map(|stream| (stream.clone(), "0-0".to_owned())).collect();
        Ok(Streams { config, client, pending, delivered: BTreeMap::new(), delivery: 0, draining: false })
    }
}

/// Makes the group on a stream unless it is there.
fn make_group(client: &mut Client, stream: &str, group: &str) -> Result<()> {
    let reply = client.ask(&[b"XGROUP", b"CREATE", stream.as_bytes(), group.as_bytes(), b"$"], Duration::ZERO)?;
    match reply {
        Reply::Error(text) if text.starts_with("BUSYGROUP") => Ok(()),
        // It is waited for, as long as it takes.
        Reply::Error(text) if text.contains("requires the key to exist") => {
            let message = format!("there is no stream `{stream}` yet: it is waited for");
            Err(Error::unavailable(message).with_code("no-stream").at("streams"))
        }
        reply => good(reply).map(|_| ()),
    }
}

/// A consumer of a group.
#[derive(Debug)]
pub struct Streams {
    config: Config,
    client: Client,
    /// Streams of which pending messages are still read, and after which.
    pending: BTreeMap<String, String>,
    /// Messages of deliveries that were not acknowledged yet: stream and ids.
    delivered: BTreeMap<u64, BTreeMap<String, Vec<String>>>,
    delivery: u64,
    draining: bool,
}

impl Subscription for Streams {
    fn poll(&mut self, max: u32, wait: Duration) -> Result<Batch> {
        self.delivery += 1;
        let mut batch = Batch { delivery: self.delivery, ..Batch::default() };
        if self.draining {
            return Ok(batch);
        }
        let mut taken = Vec::new();
        while taken.is_empty() && !self.pending.is_empty() {
            taken = self.read_pending(max)?;
        }
        if taken.is_empty() {
            taken = self.read_new(max, wait)?;
        }
        let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for message in taken {
            ids.entry(message.stream.clone()).or_default().push(message.id.clone());
            batch.events.push(message.event(&self.config.metadata));
        }
        if !ids.is_empty() {
            self.delivered.insert(self.delivery, ids);
        }
        Ok(batch)
    }

    fn ack(&mut self, delivery: u64) -> Result<()> {
        let Some(ids) = self.delivered.get(&delivery).cloned() else { return Ok(()) };
        for (stream, ids) in ids {
            self.acknowledge(&stream, &ids)?;
        }
        self.delivered.remove(&delivery);
        Ok(())
    }

    fn drain(&mut self) -> Result<()> {
        self.draining = true;
        Ok(())
    }
}

impl Streams {
    /// Messages that were read before and not acknowledged.
    fn read_pending(&mut self, max: u32) -> Result<Vec<Message>> {
        let asked: Vec<(String, String)> =
            self.pending.iter().map(|(stream, id)| (stream.clone(), id.clone())).collect();
        let found = self.read(&asked, max, Duration::ZERO)?;
        let mut taken = Vec::new();
        for (stream, messages) in found {
            match messages.last() {
                None => self.pending.remove(&stream),
                Some(last) => self.pending.insert(stream.clone(), last.id.clone()),
            };
            let (there, deleted): (Vec<_>, Vec<_>) = messages.into_iter().partition(|message| message.values.is_some());
            if !deleted.is_empty() {
                // Of what was deleted from the stream nothing is left but its id.
                let ids: Vec<String> = deleted.into_iter().map(|message| message.id).collect();
                self.acknowledge(&stream, &ids)?;
            }
            taken.extend(there);
        }
        Ok(taken)
    }

    /// Messages that nobody of the group has read.
    fn read_new(&mut self, max: u32, wait: Duration) -> Result<Vec<Message>> {
        let mut asked: Vec<(String, String)> =
            self.config.streams.iter().map(|stream| (stream.clone(), ">".to_owned())).collect();
        // Where there are more streams than may be read at once, each has its turn.
        let turn = usize::try_from(self.delivery).unwrap_or_default() % asked.len().max(1);
        asked.rotate_left(turn);
        let found = self.read(&asked, max, wait)?;
        Ok(found.into_iter().flat_map(|(_, messages)| messages).collect())
    }

    fn read(&mut self, asked: &[(String, String)], max: u32, wait: Duration) -> Result<Vec<(String, Vec<Message>)>> {
        // `COUNT` is for each stream: together they may not be more than was asked for.
        let streams = u32::try_from(asked.len()).unwrap_or(u32::MAX).max(1);
        let asked = asked.get(..asked.len().min(max.max(1) as usize)).unwrap_or(asked);
        let count = (self.config.count(max) / streams).max(1).to_string();
        let block = wait.as_millis().to_string();
        let (group, consumer) = (self.config.group(), self.config.consumer());
        let mut words: Vec<&[u8]> =
            vec![b"XREADGROUP", b"GROUP", group.as_bytes(), consumer.as_bytes(), b"COUNT", count.as_bytes()];
        // Zero would be for ever.
        if wait.as_millis() > 0 {
            words.extend([&b"BLOCK"[..], block.as_bytes()]);
        }
        words.push(b"STREAMS");
        words.extend(asked.iter().map(|(stream, _)| stream.as_bytes()));
        words.extend(asked.iter().map(|(_, id)| id.as_bytes()));
        messages(good(self.client.ask(&words, wait)?)?)
    }

    fn acknowledge(&mut self, stream: &str, ids: &[String]) -> Result<()> {
        let mut words: Vec<&[u8]> = vec![b"XACK", stream.as_bytes(), self.config.group().as_bytes()];
        words.extend(ids.iter().map(String::as_bytes));
        good(self.client.ask(&words, Duration::ZERO)?).map(|_| ())
    }
}

colchis_sdk::export! {
    about: about!("redis-streams", "Makes events of messages in Redis streams")
        .needs(Capability::Endpoint("*".into()), "connects to the Redis that an event names"),
    event_subscriber: RedisStreams,
}

#[cfg(test)]
mod tests;
