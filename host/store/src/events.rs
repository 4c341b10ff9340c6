//! Events: an append-only log with durable consumer cursors.

use async_trait::async_trait;

use crate::Result;

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
#[async_trait]
pub trait Events: Send + Sync + 'static {
    /// Appends durably, in order; answers each event's offset (the old one for a repeated id).
    async fn publish(&self, topic: &str, events: Vec<NewEvent>) -> Result<Vec<u64>>;

    /// Reads after `after`, at most `limit`; waits up to `wait_ms` for the first when there is none.
    async fn read(&self, topic: &str, after: u64, limit: u32, wait_ms: u64) -> Result<Vec<StoredEvent>>;

    /// A consumer's cursor: the last offset it acknowledged; registers it at `start` when it is new.
    async fn cursor(&self, topic: &str, consumer: &str, start: u64) -> Result<u64>;

    /// Moves a consumer's cursor forward, durably. Going back is `Conflict` unless `rewind`.
    async fn ack(&self, topic: &str, consumer: &str, offset: u64, rewind: bool) -> Result<()>;

    /// Removes a consumer, so that it no longer holds events back.
    async fn forget(&self, topic: &str, consumer: &str) -> Result<()>;

    /// Drops what `retention` allows; answers how many went.
    async fn trim(&self, topic: &str, retention: Retention) -> Result<u64>;
}
