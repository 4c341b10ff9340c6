//! How a store is opened.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use store::Limits;
use store::objects::Stamp;

use crate::stamp::SystemStamp;

/// How to open a store. The defaults are those of the server.
#[derive(Clone)]
pub struct Options {
    /// The data directory; made when it is missing.
    pub dir: PathBuf,
    /// The port's limits.
    pub limits: Limits,
    /// Times and ids.
    pub stamp: Arc<dyn Stamp>,
    /// How thoroughly the file is looked at before it is used.
    pub check: Check,
    /// Connections that read at once.
    pub readers_max: u32,
    /// One read may take so long.
    pub read_deadline: Duration,
    /// Requests of one commit.
    pub batch_max: usize,
    /// Bytes of requests that may wait for the writer; more wait outside.
    pub queue_bytes_max: u32,
    /// Bytes of hot objects kept in memory.
    pub cache_bytes_max: u64,
    /// Instances whose position is kept in memory.
    pub instances_cached_max: usize,
    /// The write-ahead log is copied into the database when it has so many pages of 4 KiB.
    pub checkpoint_pages: u32,
    /// A log without writes for so long is copied whole and emptied.
    pub checkpoint_idle: Duration,
    /// The first and the longest pause between attempts to reopen the database after a failed commit.
    pub reopen_pause: (Duration, Duration),
    /// A SQLite file layer by name instead of the system's own; for fault injection.
    pub vfs: Option<String>,
}

/// How thoroughly a database is looked at when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Check {
    /// Header and length always; every page where the file is small enough not to be noticed ([`Check::SMALL_BYTES`]).
    #[default]
    Auto,
    /// Header and length.
    Header,
    /// Every page, and that indexes agree with their tables.
    Full,
}

impl Check {
    /// What [`Check::Auto`] reads whole (bytes).
    pub const SMALL_BYTES: u64 = 32 << 20;
}

impl Options {
    /// The defaults in this directory.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            limits: Limits::default(),
            stamp: Arc::new(SystemStamp),
            check: Check::Auto,
            readers_max: 4,
            read_deadline: Duration::from_secs(10),
            batch_max: 512,
            queue_bytes_max: 256 << 20,
            cache_bytes_max: 32 << 20,
            instances_cached_max: 50_000,
            checkpoint_pages: 4096,
            checkpoint_idle: Duration::from_secs(5),
            reopen_pause: (Duration::from_millis(50), Duration::from_secs(5)),
            vfs: None,
        }
    }
}
