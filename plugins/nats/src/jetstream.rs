//! Streams that keep messages: read from a sequence on, by a consumer that the server forgets when nobody asks.
//!
//! The cursor is the sequence of the last message, so that nothing but the host's cursor says what was taken: no acknowledgement, no durable consumer.

use std::time::Duration;

use colchis_sdk::event_subscriber::{BATCH_BYTES, Event};
use colchis_sdk::{Error, Result, event};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::client::Client;
use crate::config::{Deliver, JetStream, SourceConfig};
use crate::proto::Message;
use crate::source::data;

/// How long the server remembers a consumer that nobody asks (ns).
const INACTIVE_NS: u64 = 300_000_000_000;

/// How long a message may take that the server has.
const ARRIVAL: Duration = Duration::from_secs(5);

/// The subscription of answers to pulls.
const PULLED: u64 = 2;

/// Where a stream goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cursor {
    /// When the stream was made: one of the same name that was made anew counts from one again.
    pub(crate) created: String,
    /// The sequence of the last message that was taken.
    pub(crate) sequence: u64,
}

/// A consumer of a stream.
#[derive(Debug)]
pub(crate) struct Consumer {
    pull: String,
    inbox: String,
    pulls: u64,
    cursor: Cursor,
    stream: String,
}

#[derive(Debug, Deserialize)]
struct Answer<T> {
    error: Option<Refusal>,
    #[serde(flatten)]
    value: Option<T>,
}

#[derive(Debug, Deserialize)]
struct Refusal {
    code: u16,
    #[serde(default)]
    description: String,
}

#[derive(Debug, Deserialize)]
struct StreamInfo {
    created: String,
    state: State,
}

#[derive(Debug, Deserialize)]
struct State {
    last_seq: u64,
}

#[derive(Debug, Deserialize)]
struct ConsumerInfo {
    name: String,
}

/// What became of a message that was published to a stream.
#[derive(Debug, Deserialize)]
pub(crate) struct Published {
    pub(crate) stream: String,
    pub(crate) seq: u64,
    #[serde(default)]
    pub(crate) duplicate: bool,
}

/// An answer of JetStream, or what it refuses.
pub(crate) fn answer<T: DeserializeOwned>(message: &Message, field: &str) -> Result<T> {
    let bad =
        |why: String| Error::unavailable(format!("JetStream's answer cannot be read: {why}")).with_code("bad-answer");
    let answer: Answer<T> = serde_json::from_slice(&message.payload).map_err(|error| bad(error.to_string()))?;
    match answer {
        Answer { error: Some(refusal), .. } => {
            let message = format!("JetStream says: {}", refusal.description);
            Err(match refusal.code {
                404 => Error::not_found(message).at(field),
                400 => Error::invalid(field, message),
                401 | 403 => Error::denied(message).at(field),
                _ => Error::unavailable(message),
            }
            .with_code(format!("jetstream-{}", refusal.code)))
        }
        Answer { value: Some(value), .. } => Ok(value),
        Answer { .. } => Err(bad("something is missing in it".to_owned())),
    }
}

impl Consumer {
    /// Opens a stream after a cursor, or where the configuration says.
    pub(crate) fn open(
        client: &mut Client,
        config: &SourceConfig,
        jet_stream: &JetStream,
        cursor: Option<Cursor>,
    ) -> Result<Self> {
        let stream = jet_stream.stream.clone();
        let info = client.request(&format!("$JS.API.STREAM.INFO.{stream}"), &[], b"")?;
        let info: StreamInfo = answer(&info, "jetStream.stream")?;
        let sequence = match cursor {
            Some(cursor) if cursor.created == info.created => cursor.sequence,
            // Another stream of the same name: all in it is new.
            Some(_) => 0,
            None => match jet_stream.deliver {
                Deliver::New => info.state.last_seq,
                Deliver::All => 0,
                Deliver::Last => info.state.last_seq.saturating_sub(1),
            },
        };
        let asked = json!({"stream_name": stream, "config": {
            "deliver_policy": "by_start_sequence", "opt_start_seq": sequence.saturating_add(1), "ack_policy": "none",
            "filter_subject": config.subject, "replay_policy": "instant", "inactive_threshold": INACTIVE_NS,
            "mem_storage": true, "num_replicas": 1,
        }});
        let made = client.request(&format!("$JS.API.CONSUMER.CREATE.{stream}"), &[], asked.to_string().as_bytes())?;
        let made: ConsumerInfo = answer(&made, "subject")?;
        let inbox = format!("{}.pulled", client.inbox());
        client.subscribe(&format!("{inbox}.*"), "", PULLED)?;
        let pull = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{}", made.name);
        Ok(Self { pull, inbox, pulls: 0, cursor: Cursor { created: info.created, sequence }, stream })
    }

    pub(crate) fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// Messages: those that are there, or the first that comes within the time.
    pub(crate) fn poll(
        &mut self,
        client: &mut Client,
        config: &SourceConfig,
        max: u32,
        wait: Duration,
    ) -> Result<Vec<Event>> {
        let max = max.max(1);
        let asked = json!({"batch": max, "no_wait": true, "max_bytes": BATCH_BYTES});
        let there = match self.pull(client, config, asked, max, ARRIVAL)? {
            Pulled::Events(there) => there,
            // One that is longer than a batch comes alone.
            Pulled::TooLong => match self.pull(client, config, json!({"batch": 1, "no_wait": true}), 1, ARRIVAL)? {
                Pulled::Events(there) => there,
                Pulled::TooLong => Vec::new(),
            },
        };
        if !there.is_empty() || wait.is_zero() {
            return Ok(there);
        }
        let expires = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        match self.pull(client, config, json!({"batch": 1, "expires": expires}), 1, wait.saturating_add(ARRIVAL))? {
            Pulled::Events(events) => Ok(events),
            Pulled::TooLong => Ok(Vec::new()),
        }
    }

    fn pull(
        &mut self,
        client: &mut Client,
        config: &SourceConfig,
        asked: serde_json::Value,
        max: u32,
        wait: Duration,
    ) -> Result<Pulled> {
        // Each pull has a subject for its answers, so that a late word about an earlier one is not taken for one about this.
        self.pulls += 1;
        let inbox = format!("{}.{}", self.inbox, self.pulls);
        client.publish(&self.pull, Some(&inbox), &[], asked.to_string().as_bytes())?;
        let mut events = Vec::new();
        while events.len() < max as usize {
            let Some(message) = client.message(wait)? else {
                return Err(Error::unavailable("JetStream does not answer").with_code("timeout"));
            };
            if message.subscription != PULLED {
                continue;
            }
            match &message.headers.status {
                Some(_) if message.subject != inbox => continue,
                Some((404 | 408, _)) => break,
                Some((409, words)) if words.eq_ignore_ascii_case("batch completed") => break,
                // The next one would be more than the bytes that were asked for.
                Some((409, words)) if words.to_ascii_lowercase().contains("maxbytes") => {
                    return Ok(if events.is_empty() { Pulled::TooLong } else { Pulled::Events(events) });
                }
                Some((code, words)) => {
                    // The consumer is gone: the next one begins at the cursor.
                    let text = format!("JetStream says: {code} {words}");
                    return Err(Error::unavailable(text).with_code(format!("jetstream-{code}")));
                }
                None => {}
            }
            let Some(place) = message.reply.as_deref().and_then(Placed::read) else {
                return Err(
                    Error::unavailable("a message of JetStream does not say its sequence").with_code("bad-answer")
                );
            };
            self.cursor.sequence = place.sequence;
            let sequence = place.sequence.to_string();
            let id = event::id_of(&[
                b"jetstream",
                self.stream.as_bytes(),
                self.cursor.created.as_bytes(),
                sequence.as_bytes(),
            ]);
            let event = Event::json(id, &data(config, &message)).of_kind("nats").at_ms(place.time_ms);
            events.push(event);
            if place.pending == 0 {
                break;
            }
        }
        Ok(Pulled::Events(events))
    }
}

/// What came of a pull.
#[derive(Debug)]
enum Pulled {
    Events(Vec<Event>),
    /// The first message is longer than what was asked for.
    TooLong,
}

/// Where a message has its place: what the subject of its acknowledgement says.
#[derive(Debug, PartialEq, Eq)]
struct Placed {
    sequence: u64,
    time_ms: u64,
    pending: u64,
}

impl Placed {
    /// `$JS.ACK.STREAM.CONSUMER.DELIVERED.SEQUENCE.OWN.TIME.PENDING`, where newer servers may have a domain and an account before the stream and more behind.
    fn read(subject: &str) -> Option<Self> {
        let words: Vec<&str> = subject.split('.').collect();
        let numbers = match words.as_slice() {
            ["$JS", "ACK", _, _, numbers @ ..] if numbers.len() == 5 => numbers,
            ["$JS", "ACK", _, _, _, _, numbers @ ..] if numbers.len() >= 5 => numbers,
            _ => return None,
        };
        let number = |at: usize| numbers.get(at).and_then(|text| text.parse::<u64>().ok());
        Some(Self { sequence: number(1)?, time_ms: number(3)? / 1_000_000, pending: number(4)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_where_it_has_its_place() {
        let placed = Some(Placed { sequence: 42, time_ms: 1_700_000_000_000, pending: 3 });
        for (subject, expected) in [
            ("$JS.ACK.S.c.1.42.2.1700000000000000000.3", placed.as_ref()),
            ("$JS.ACK._.hash.S.c.1.42.2.1700000000000000000.3.token", placed.as_ref()),
            ("$JS.ACK.S.c.1.x.2.1700000000000000000.3", None),
            ("$JS.ACK.S.c.1", None),
            ("other", None),
            ("", None),
        ] {
            assert_eq!(Placed::read(subject).as_ref(), expected, "{subject}");
        }
    }
}
