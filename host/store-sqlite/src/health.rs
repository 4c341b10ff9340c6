//! How the store is.

use std::sync::{Mutex, PoisonError};

/// How the store is; for the server's health service and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whether writes are acknowledged.
    pub writes: Writes,
    /// The newest durable revision.
    pub revision: u64,
    /// Requests and commits since the store was opened.
    pub requests: u64,
    /// See `requests`.
    pub commits: u64,
    /// Pages of 4 KiB in the write-ahead log.
    pub log_pages: u32,
    /// Bytes of objects in memory.
    pub cache_bytes: u64,
    /// Open watches.
    pub watchers: usize,
    /// How often the database was reopened after a failed commit.
    pub reopened: u64,
    /// Why the last checkpoint failed, if it did.
    pub checkpoint_error: Option<String>,
}

/// Whether writes are acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writes {
    /// They are.
    Acknowledged,
    /// The last one found no room or no permission; each is tried.
    Failing {
        /// Why, and what to do.
        reason: String,
        /// Since when (milliseconds since the epoch).
        since_ms: i64,
    },
    /// Nothing is acknowledged until the database was reopened.
    Stopped {
        /// Why, and what to do.
        reason: String,
        /// Since when (milliseconds since the epoch).
        since_ms: i64,
        /// Attempts to reopen it.
        attempts: u64,
    },
    /// The store was closed.
    Closed,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) writes: Writes,
    pub(crate) reopened: u64,
    pub(crate) checkpoint_error: Option<String>,
}

#[derive(Debug)]
pub(crate) struct HealthCell(Mutex<State>);

impl HealthCell {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State { writes: Writes::Acknowledged, reopened: 0, checkpoint_error: None }))
    }

    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn acknowledged(&self) {
        self.with(|s| s.writes = Writes::Acknowledged);
    }

    pub(crate) fn failing(&self, reason: String, now_ms: i64) {
        self.with(|s| {
            let since_ms = match &s.writes {
                Writes::Failing { since_ms, .. } => *since_ms,
                _ => now_ms,
            };
            s.writes = Writes::Failing { reason, since_ms };
        });
    }

    pub(crate) fn stopped(&self, reason: String, now_ms: i64) {
        self.with(|s| {
            let (since_ms, attempts) = match &s.writes {
                Writes::Stopped { since_ms, attempts, .. } => (*since_ms, attempts + 1),
                _ => (now_ms, 0),
            };
            s.writes = Writes::Stopped { reason, since_ms, attempts };
        });
    }
}
