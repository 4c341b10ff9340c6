//! Events: an append-only log with durable consumer cursors.

use async_trait::async_trait;

use crate::{Limits, Result, StoreError};

/// One event as it is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// The de-duplication id: publishing the same id to the same topic twice within the retention is one event.
    pub id: String,
    /// The CloudEvent as JSON text; at most `payload_bytes_max`.
    pub payload: Vec<u8>,
}

/// One event as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Position in the topic, growing, gaps allowed.
    pub offset: u64,
    /// The id it was published with.
    pub id: String,
    /// When it was stored (milliseconds since the epoch).
    pub stored_ms: i64,
    /// The CloudEvent as JSON text.
    pub payload: Vec<u8>,
}

/// What is kept of a topic. What passes a bound is dropped oldest first, but never before every registered consumer has acknowledged it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Kept at least so long (milliseconds).
    pub age_ms: i64,
    /// At most so many bytes; publishing beyond that fails with `TooLarge` while a consumer holds them.
    pub bytes_max: u64,
}

/// The events port.
///
/// The retention last given to [`Events::trim`] is the topic's (before the first, `topic_bytes_max` bytes of any age). A topic comes into being with its
/// first event or consumer.
#[async_trait]
pub trait Events: Send + Sync + 'static {
    /// Appends durably, in order; answers each event's offset (the old one for a repeated id). All of them or, on an error, none. When the topic is full
    /// what every consumer acknowledged goes first, oldest first.
    async fn publish(&self, topic: &str, events: Vec<NewEvent>) -> Result<Vec<u64>>;

    /// Reads after `after`, at most `limit` (and `page_max`); waits up to `wait_ms` for the first when there is none. After 0 means from the oldest kept;
    /// any other offset behind which events were dropped is `Expired`.
    async fn read(&self, topic: &str, after: u64, limit: u32, wait_ms: u64) -> Result<Vec<StoredEvent>>;

    /// A consumer's cursor: the last offset it acknowledged; registers it at `start` when it is new.
    async fn cursor(&self, topic: &str, consumer: &str, start: u64) -> Result<u64>;

    /// Moves a consumer's cursor forward, durably. Going back is `Conflict` unless `rewind`; an unknown consumer is `NotFound`, an offset past the newest
    /// event `Invalid`. Acknowledging the same offset again changes nothing.
    async fn ack(&self, topic: &str, consumer: &str, offset: u64, rewind: bool) -> Result<()>;

    /// Removes a consumer, so that it no longer holds events back. Forgetting what is not there is no error.
    async fn forget(&self, topic: &str, consumer: &str) -> Result<()>;

    /// Drops what `retention` allows; answers how many went.
    async fn trim(&self, topic: &str, retention: Retention) -> Result<u64>;
}

/// Refuses a topic's or consumer's name that cannot be one; for implementations.
pub fn admit_name(name: &str, limits: &Limits) -> Result<()> {
    if name.is_empty() {
        return Err(StoreError::Invalid {
            what: "a topic or consumer".to_owned(),
            reason: "its name is empty".to_owned(),
        });
    }
    let what = || "the name of a topic, consumer or event".to_owned();
    Limits::check(what, "event_name_bytes_max", limits.event_name_bytes_max, name.len() as u64)
}

/// Refuses a publish that passes a limit; for implementations.
pub fn admit_publish(topic: &str, events: &[NewEvent], limits: &Limits) -> Result<()> {
    admit_name(topic, limits)?;
    Limits::check(|| format!("a publish to topic {topic}"), "publish_max", limits.publish_max, events.len() as u64)?;
    for event in events {
        admit_name(&event.id, limits)?;
        let what = || format!("event {} of topic {topic}", event.id);
        Limits::check(what, "payload_bytes_max", limits.payload_bytes_max, event.payload.len() as u64)?;
    }
    Ok(())
}

/// Decides whether an acknowledgement fits the consumer's cursor and the topic's last offset; for implementations.
pub fn check_ack(topic: &str, consumer: &str, offset: u64, rewind: bool, cursor: Option<u64>, last: u64) -> Result<()> {
    let what = || format!("consumer {consumer} of topic {topic}");
    let Some(cursor) = cursor else { return Err(StoreError::NotFound { what: what() }) };
    if offset < cursor && !rewind {
        return Err(StoreError::Conflict {
            what: what(),
            expected: format!("a cursor at or before {offset}"),
            actual: format!("offset {cursor}"),
        });
    }
    if offset > last.max(cursor) {
        return Err(StoreError::Invalid {
            what: what(),
            reason: format!("offset {offset} is acknowledged, the newest event is {last}"),
        });
    }
    Ok(())
}
