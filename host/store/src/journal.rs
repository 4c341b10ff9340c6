//! The journal: append-only records per instance, snapshots, bounded replay.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;

use model::Object;

use crate::objects::{Key, Stamp, StatusUpdate};
use crate::{Limits, Result, StoreError};

/// Which instance: the engine's name and the instance's own id (a workflow's uid, a limiter's key).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceId {
    /// The engine, for example `workflow`, `limiter`, `cron`.
    pub engine: &'static str,
    /// Unique within the engine.
    pub id: Arc<str>,
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
    /// The encoded changes. An empty payload adds no record: generation, `live`, `wake_ms` and `snapshot` are set, and the last sequence number is the answer.
    pub payload: Vec<u8>,
    /// Whether the instance still runs after this: recovery reads only live ones.
    pub live: bool,
    /// When it wants to be called next (milliseconds since the epoch), so that idle instances need not be held in memory.
    pub wake_ms: Option<i64>,
    /// A snapshot of the state after this record, in the same `format`: records up to it are dropped.
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

/// A sequence number, and what became of the status that came along, if that was looked at.
pub type Appended = (u64, Option<Result<()>>);

/// The journal port.
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    /// Appends one transaction durably and answers its sequence number. Appends that are under way at once share an fsync.
    ///
    /// The generation is looked at first: a lower one than stored is `Fenced`, a higher one takes the instance over. Then `after` (`Conflict`). An engine's
    /// name and an instance's id are at most `instance_id_bytes_max`, a payload `record_bytes_max`, a snapshot `snapshot_bytes_max` (`TooLarge`).
    async fn append(&self, append: Append) -> Result<u64>;

    /// Appends, and writes an object's status in the same commit, where this journal and the objects are one store: the end of a run costs one fsync then.
    ///
    /// Answers the sequence number and what became of the status: a status that is refused (its object is gone) does not refuse the append. `None` says that
    /// the status was not looked at, because the objects are elsewhere: the caller writes it itself.
    async fn append_with_status(&self, append: Append, key: &Key, status: StatusUpdate) -> Result<Appended> {
        let _ = (key, status);
        Ok((self.append(append).await?, None))
    }

    /// Who stamps objects, where this journal and the objects are one store: an object can then come with its first record.
    fn stamp(&self) -> Option<&dyn Stamp> {
        None
    }

    /// Appends, and creates an object in the same commit: both or neither. Answers the sequence number and the object.
    ///
    /// The object has its name, uid and creation time already, of [`Self::stamp`]: who made the record has read them. Where there is no stamp, this is `Invalid`.
    async fn append_with_create(&self, append: Append, object: Object) -> Result<(u64, Arc<Object>)> {
        let (what, reason) = (append.instance.to_string(), "its objects are in another store".to_owned());
        drop(object);
        Err(StoreError::Invalid { what, reason })
    }

    /// Reads an instance: its newest snapshot and the records behind it. An unknown instance is an empty replay.
    async fn read(&self, instance: &InstanceId) -> Result<Replay>;

    /// Reads records from `from_seq` on, at most `limit` (and `page_max`), for those who follow a journal. Records that a snapshot replaced are `Expired`.
    async fn read_from(&self, instance: &InstanceId, from_seq: u64, limit: u32) -> Result<Vec<Record>>;

    /// The live instances of an engine, without their records, by id: what a restart recovers. Finished ones are not touched.
    async fn live(&self, engine: &'static str) -> Result<BoxStream<'static, Result<InstanceInfo>>>;

    /// One instance.
    async fn info(&self, instance: &InstanceId) -> Result<Option<InstanceInfo>>;

    /// Forgets an instance and its records. Forgetting what is not there is no error.
    async fn delete(&self, instance: &InstanceId) -> Result<()>;
}

impl std::fmt::Display for InstanceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.engine, self.id)
    }
}

/// Refuses an append that passes a limit; for implementations.
pub fn admit_append(append: &Append, limits: &Limits) -> Result<()> {
    let instance = &append.instance;
    let name = (instance.engine.len() + instance.id.len()) as u64;
    let what = || format!("instance {instance}");
    Limits::check(
        || "an instance's engine and id".to_owned(),
        "instance_id_bytes_max",
        limits.instance_id_bytes_max,
        name,
    )?;
    Limits::check(what, "record_bytes_max", limits.record_bytes_max, append.payload.len() as u64)?;
    let snapshot = append.snapshot.as_ref().map_or(0, |s| s.len() as u64);
    Limits::check(what, "snapshot_bytes_max", limits.snapshot_bytes_max, snapshot)
}

/// Decides whether an append fits what is stored, `(generation, last_seq)`; for implementations.
pub fn check_append(append: &Append, (generation, last_seq): (u64, u64)) -> Result<()> {
    if append.generation < generation {
        return Err(StoreError::Fenced {
            instance: append.instance.to_string(),
            ours: append.generation,
            theirs: generation,
        });
    }
    if append.after != last_seq {
        return Err(StoreError::Conflict {
            what: format!("instance {}", append.instance),
            expected: format!("sequence {}", append.after),
            actual: format!("sequence {last_seq}"),
        });
    }
    Ok(())
}
