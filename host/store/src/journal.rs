//! The journal: append-only records per instance, snapshots, bounded replay.

use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::Result;

/// Which instance: the engine's name and the instance's own id (a workflow's uid, a limiter's key).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceId {
    /// The engine, for example `workflow`, `limiter`, `cron`.
    pub engine: &'static str,
    /// Unique within the engine.
    pub id: std::sync::Arc<str>,
}

/// The changes of one transaction, encoded by the engine's codec. Opaque to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Position in the instance's journal, from 1, without gaps.
    pub seq: u64,
    /// The version of the engine's encoding, so that every later version can read it.
    pub format: u16,
    /// The encoded changes; at most `record_bytes_max`.
    pub payload: Vec<u8>,
}

/// One transaction of one instance.
#[derive(Debug, Clone)]
pub struct Append {
    /// The instance; it comes into being with its first append.
    pub instance: InstanceId,
    /// The owner's generation. A store that has seen a higher one answers `Fenced`.
    pub generation: u64,
    /// The last sequence number that the caller knows (0 for a new instance). Anything else is a `Conflict`.
    pub after: u64,
    /// The encoding's version.
    pub format: u16,
    /// The encoded changes. Empty with `live` set only changes that mark.
    pub payload: Vec<u8>,
    /// Whether the instance still runs after this: recovery reads only live ones.
    pub live: bool,
    /// When it wants to be called next (milliseconds since the epoch), so that idle instances need not be held in memory.
    pub wake_ms: Option<i64>,
    /// A snapshot of the state after this record: records up to it may be dropped.
    pub snapshot: Option<Vec<u8>>,
}

/// What is known of an instance without reading its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceInfo {
    /// The instance.
    pub instance: InstanceId,
    /// Its last record.
    pub last_seq: u64,
    /// Records after the last snapshot.
    pub tail: u64,
    /// Whether it runs.
    pub live: bool,
    /// Its next wake-up.
    pub wake_ms: Option<i64>,
}

/// An instance's stored state: the newest snapshot and what follows it.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    /// The newest snapshot: the sequence number it covers, its format, its bytes.
    pub snapshot: Option<(u64, u16, Vec<u8>)>,
    /// The records after it, in order.
    pub records: Vec<Record>,
}

/// The journal port.
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    /// Appends one transaction durably and answers its sequence number. Appends that are under way at once share an fsync.
    async fn append(&self, append: Append) -> Result<u64>;

    /// Reads an instance: its newest snapshot and the records behind it.
    async fn read(&self, instance: &InstanceId) -> Result<Replay>;

    /// Reads records from `from_seq` on, at most `limit`, for those who follow a journal.
    async fn read_from(&self, instance: &InstanceId, from_seq: u64, limit: u32) -> Result<Vec<Record>>;

    /// The live instances of an engine, without their records: what a restart recovers. Finished ones are not touched.
    async fn live(&self, engine: &'static str) -> Result<BoxStream<'static, Result<InstanceInfo>>>;

    /// One instance.
    async fn info(&self, instance: &InstanceId) -> Result<Option<InstanceInfo>>;

    /// Forgets an instance and its records. Forgetting what is not there is no error.
    async fn delete(&self, instance: &InstanceId) -> Result<()>;
}
