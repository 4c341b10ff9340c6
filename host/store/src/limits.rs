//! The named bounds of a store.

/// What a store accepts and keeps. Passing a bound is a `TooLarge` that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// One object: metadata, body and status as JSON (bytes).
    pub object_bytes_max: u64,
    /// Labels, annotations, owners and finalizers of one object as JSON (bytes).
    pub metadata_bytes_max: u64,
    /// Objects, records or events of one page.
    pub page_max: u32,
    /// A page ends early when its objects pass this (bytes); it holds at least one.
    pub page_bytes_max: u64,
    /// Label requirements, their values and phases of one selector.
    pub selector_terms_max: u64,
    /// Attempts to find a free name for `generateName`.
    pub generate_name_tries_max: u32,
    /// Dependents that one delete handles before it answers; the rest follows in pieces of this size.
    pub cascade_step_max: u32,
    /// Events that may wait for one watcher before it is cut.
    pub watch_buffer_max: usize,
    /// Watches open at once.
    pub watchers_max: usize,
    /// Changes kept in memory for resuming watches.
    pub watch_ring_max: usize,
    /// Bytes of changes kept in memory for resuming watches.
    pub watch_ring_bytes_max: u64,
    /// Revisions that can be resumed from (stores that keep them longer than in memory).
    pub watch_retention_max: u64,
    /// A watcher that saw nothing gets a bookmark after so many revisions.
    pub bookmark_every: u64,
    /// An engine's name and an instance's id together (bytes).
    pub instance_id_bytes_max: u64,
    /// One journal record's payload (bytes). Several times an object: the first record of a run holds its object, the templates that it refers to, and
    /// its parameters.
    pub record_bytes_max: u64,
    /// One snapshot (bytes).
    pub snapshot_bytes_max: u64,
    /// A topic's, consumer's or event's name (bytes).
    pub event_name_bytes_max: u64,
    /// One event (bytes).
    pub payload_bytes_max: u64,
    /// Events of one publish.
    pub publish_max: u64,
    /// Bytes of a topic before a retention is set.
    pub topic_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u64 = 1 << 20;
        Self {
            object_bytes_max: 64 * MIB,
            metadata_bytes_max: MIB,
            page_max: 500,
            page_bytes_max: 64 * MIB,
            selector_terms_max: 256,
            generate_name_tries_max: 8,
            cascade_step_max: 256,
            watch_buffer_max: 8192,
            watchers_max: 10_000,
            watch_ring_max: 16_384,
            watch_ring_bytes_max: 32 * MIB,
            watch_retention_max: 200_000,
            bookmark_every: 2_000,
            instance_id_bytes_max: 512,
            record_bytes_max: 256 * MIB,
            snapshot_bytes_max: 256 * MIB,
            event_name_bytes_max: 512,
            payload_bytes_max: 4 * MIB,
            publish_max: 1_000,
            topic_bytes_max: 1024 * MIB,
        }
    }
}

impl Limits {
    /// Fails when `actual` passes the bound called `limit_name`.
    pub fn check(what: impl Fn() -> String, limit_name: &'static str, limit: u64, actual: u64) -> crate::Result<()> {
        if actual <= limit {
            return Ok(());
        }
        Err(crate::StoreError::TooLarge { what: what(), limit_name, limit, actual })
    }

    /// The length of a page: what was asked for, within `page_max`.
    pub fn page(&self, asked: Option<u32>) -> usize {
        let asked = asked.filter(|n| *n > 0).unwrap_or(self.page_max);
        asked.min(self.page_max).max(1) as usize
    }
}
