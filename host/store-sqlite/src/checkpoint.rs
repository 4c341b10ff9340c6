//! Copies the write-ahead log into the database, off the writer.
//!
//! ```text
//!   writer: log ≥ checkpoint_pages ─► PASSIVE (here) ─► writer copies the last few pages itself ─► its next commit starts the log over
//!   no write for checkpoint_idle   ─► TRUNCATE (here)
//! ```

use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use store::{Result, StoreError};

use crate::Shared;
use crate::schema::{Role, connect};

/// The pause after a checkpoint that failed.
const RETRY: Duration = Duration::from_secs(1);

/// What the writer and `close` tell the thread.
#[derive(Default)]
pub(crate) struct Checkpointer {
    told: Mutex<Told>,
    changed: Condvar,
}

#[derive(Default)]
struct Told {
    wanted: bool,
    wrote: bool,
    waits_for_write: bool,
    closed: bool,
}

enum Next {
    Passive,
    Truncate,
    Close,
}

impl Checkpointer {
    /// The log is long.
    pub(crate) fn wanted(&self) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !told.wanted {
            told.wanted = true;
            self.changed.notify_one();
        }
    }

    /// Something was committed.
    pub(crate) fn wrote(&self) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.wrote = true;
        // A thread that counts the idle time looks by itself.
        if told.waits_for_write {
            self.changed.notify_one();
        }
    }

    pub(crate) fn close(&self) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.changed.notify_one();
    }

    fn next(&self, idle: Duration) -> Next {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if told.closed {
                return Next::Close;
            }
            if std::mem::take(&mut told.wanted) {
                return Next::Passive;
            }
            if !told.wrote {
                // The log is empty, or was when it was last looked at.
                told.waits_for_write = true;
                told = self.changed.wait(told).unwrap_or_else(PoisonError::into_inner);
                told.waits_for_write = false;
                continue;
            }
            told.wrote = false;
            let (back, waited) = self.changed.wait_timeout(told, idle).unwrap_or_else(PoisonError::into_inner);
            told = back;
            if waited.timed_out() && !told.wrote && !told.wanted && !told.closed {
                return Next::Truncate;
            }
            told.wrote = true;
        }
    }

    fn sleep(&self, pause: Duration) {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_timeout_while(told, pause, |t| !t.closed));
    }
}

/// Starts the thread.
pub(crate) fn spawn(shared: Arc<Shared>) -> Result<JoinHandle<()>> {
    let thread = std::thread::Builder::new().name("store-checkpoint".to_owned()).spawn(move || live(&shared));
    thread.map_err(|source| StoreError::Unavailable {
        reason: "the store's checkpoint thread cannot be started".to_owned(),
        source: Some(Box::new(source)),
    })
}

fn live(shared: &Arc<Shared>) {
    let mut conn = None;
    loop {
        let truncate = match shared.checkpointer.next(shared.options.checkpoint_idle) {
            Next::Close => return,
            Next::Passive => false,
            Next::Truncate => true,
        };
        match checkpoint(shared, &mut conn, truncate) {
            Ok(()) => shared.health.with(|h| h.checkpoint_error = None),
            Err(error) => {
                conn = None;
                tracing::warn!(error = %error, "a checkpoint failed; the log grows until one succeeds");
                shared.health.with(|h| h.checkpoint_error = Some(error.to_string()));
                shared.checkpointer.sleep(RETRY);
                shared.checkpointer.wrote();
            }
        }
    }
}

fn checkpoint(shared: &Shared, conn: &mut Option<Connection>, truncate: bool) -> rusqlite::Result<()> {
    let open = match conn.take() {
        Some(open) => open,
        None => connect(&shared.path, shared.options.vfs.as_deref(), Role::Checkpointer)?,
    };
    let mode = if truncate { "PRAGMA wal_checkpoint(TRUNCATE)" } else { "PRAGMA wal_checkpoint(PASSIVE)" };
    // Busy, pages in the log, pages copied.
    let (busy, _, _) =
        open.query_row(mode, [], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)?, r.get::<_, i64>(2)?)))?;
    if truncate && busy == 0 {
        shared.signals.log_pages.store(0, Ordering::Relaxed);
    } else if !truncate {
        shared.signals.finish_checkpoint.store(true, Ordering::Relaxed);
    }
    *conn = Some(open);
    Ok(())
}
