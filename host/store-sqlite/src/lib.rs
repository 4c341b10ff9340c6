//! The embedded store: all three ports in one SQLite database.
//!
//! ```text
//!   data directory          threads                                        memory
//!   ├ LOCK                  writer: batches → COMMIT (fsync) → answers     cache of hot objects (bytes bounded)
//!   ├ colchis.db            checkpointer: log → database                   ring of recent changes, watchers' queues
//!   ├ colchis.db-wal        readers: a few connections, deadlines          where recent journals stand
//!   ├ colchis.db-shm
//!   └ secrets.key           seals the contents of Secrets
//! ```
//!
//! Invariants
//! - An answer is sent after the COMMIT that covers it returned, and COMMIT returns after the log's fsync (WAL, synchronous = FULL). Nothing is visible before.
//! - A failed COMMIT ends acknowledging until the database was reopened; every request of that batch is told so. A full disk only fails what it fails.
//! - One failed precondition fails that request alone: requests are checked before they write, and what SQLite refuses unexpectedly is done again one by one.
//! - Memory is derived: cache, ring and positions are filled from commits alone and dropped when the database is reopened.
//! - The file says its format; an older one is brought up to date, a later one is refused.
//!
//! Must not know: engines, gRPC, what stands in a body (but `status.phase`, which has an index, and that Secrets are sealed).

mod backup;
mod cache;
mod checkpoint;
mod error;
mod health;
mod lock;
mod log_vfs;
mod options;
mod ports;
mod read;
mod row;
mod schema;
mod seal;
mod stamp;
mod watch;
mod write;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use store::objects::Selector;
use store::watch::Hub;
use store::{Result, StoreError};
use tokio::sync::Notify;

use cache::Cache;
use checkpoint::Checkpointer;
use health::HealthCell;
use lock::DirLock;
use read::Pool;
use row::{Kind, Kinds};
use schema::{DATABASE_FILE, Role};
use seal::Seal;
use write::{Answer, Request, Signals, Writer};

pub use backup::{CheckReport, backup, check};
pub use health::{Health, Writes};
pub use options::{Check, Options};
pub use stamp::SystemStamp;

/// The embedded store. Dropping it finishes what was accepted and closes the database.
pub struct SqliteStore {
    shared: Arc<Shared>,
    writer: Mutex<Option<Arc<Writer>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the threads, the callers and the watches share.
pub(crate) struct Shared {
    options: Options,
    path: PathBuf,
    seal: Seal,
    hub: Arc<Hub>,
    cache: Cache,
    pool: Arc<Pool>,
    kinds: RwLock<Kinds>,
    revision: AtomicU64,
    signals: Signals,
    checkpointer: Checkpointer,
    health: HealthCell,
    published: Notify,
    lock: Mutex<Option<DirLock>>,
}

impl SqliteStore {
    /// Opens the store of a data directory, which is made when it is missing. Blocks on the disk for a moment.
    pub fn open(mut options: Options) -> Result<Arc<Self>> {
        make_dir(&options)?;
        options.vfs = Some(log_vfs::name_over(options.vfs.as_deref()).ok_or_else(|| StoreError::Unavailable {
            reason: "SQLite's file layer cannot be set up".to_owned(),
            source: None,
        })?);
        let lock = DirLock::take(&options.dir)?;
        let path = options.dir.join(DATABASE_FILE);
        let fresh = !path.exists() || path.metadata().is_ok_and(|m| m.len() == 0);
        let seal = Seal::load(&options.dir, fresh)?;
        let vfs = options.vfs.as_deref();
        schema::prepare(&path, vfs, options.stamp.now_ms())?;
        let conn = schema::connect(&path, vfs, Role::Writer).map_err(error::from_sql)?;
        look_at(&conn, &path, options.check)?;
        let revision = write::newest(&conn)?;
        let kinds = Kinds::load(&conn)?;
        let pool = Pool::new(path.clone(), options.vfs.clone(), options.readers_max, options.read_deadline);
        let shared = Arc::new(Shared {
            hub: Hub::new(revision, options.limits),
            cache: Cache::new(options.cache_bytes_max),
            pool: Arc::new(pool),
            kinds: RwLock::new(kinds),
            revision: AtomicU64::new(revision),
            signals: Signals::default(),
            checkpointer: Checkpointer::default(),
            health: HealthCell::new(),
            published: Notify::new(),
            lock: Mutex::new(Some(lock)),
            options,
            path,
            seal,
        });
        let (writer, thread) = write::spawn(shared.clone(), conn)?;
        let checkpoints = checkpoint::spawn(shared.clone())?;
        // A log left by a crash is copied once it is quiet.
        shared.checkpointer.wrote();
        Ok(Arc::new(Self {
            shared,
            writer: Mutex::new(Some(Arc::new(writer))),
            threads: Mutex::new(vec![checkpoints, thread]),
        }))
    }

    /// How the store is.
    pub fn health(&self) -> Health {
        let shared = &self.shared;
        let signals = &shared.signals;
        let (writes, reopened, checkpoint_error) =
            shared.health.with(|s| (s.writes.clone(), s.reopened, s.checkpoint_error.clone()));
        Health {
            writes,
            reopened,
            checkpoint_error,
            revision: shared.revision.load(Ordering::Acquire),
            requests: signals.requests.load(Ordering::Relaxed),
            commits: signals.commits.load(Ordering::Relaxed),
            log_pages: signals.log_pages.load(Ordering::Relaxed),
            cache_bytes: shared.cache.bytes(),
            watchers: shared.hub.watchers(),
        }
    }

    /// Finishes what was accepted, ends all watches and closes the database; blocks until that is done. Later calls are `Unavailable`.
    pub fn close(&self) {
        let shared = &self.shared;
        // The writer ends when the last sender is gone, which is after the last running request.
        drop(self.writer.lock().unwrap_or_else(PoisonError::into_inner).take());
        shared.checkpointer.close();
        shared.pool.close();
        for thread in self.threads.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = thread.join();
        }
        shared.hub.close();
        shared.health.with(|h| h.writes = Writes::Closed);
        drop(shared.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    async fn ask(&self, request: Request) -> Result<Answer> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let writer = writer.ok_or_else(error::closed)?;
        let answer = writer.send(request).await?;
        // A closing store waits for whoever holds the writer, not for whoever never asks for its answer.
        drop(writer);
        answer.await.map_err(|_| error::closed())?
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn kinds<R>(&self, f: impl FnOnce(&Kinds) -> R) -> R {
        f(&self.kinds.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The kinds that a selector can show, in the order of lists.
    fn kinds_for(&self, selector: &Selector) -> Vec<Arc<Kind>> {
        self.kinds(|kinds| match &selector.gvk {
            Some(gvk) => kinds.find(gvk).cloned().into_iter().collect(),
            None => kinds.all().to_vec(),
        })
    }

    fn add_kind(&self, kind: Arc<Kind>) {
        self.kinds.write().unwrap_or_else(PoisonError::into_inner).add(kind);
    }

    /// After the database was reopened: nothing that was derived from the old connections is kept.
    fn reopened(&self, revision: u64, kinds: Kinds) {
        self.pool.renew();
        self.cache.clear(revision);
        *self.kinds.write().unwrap_or_else(PoisonError::into_inner) = kinds;
        self.revision.store(revision, Ordering::Release);
        self.hub.reset(revision, "the database was reopened after a failed commit; list again and watch from there");
        self.health.with(|h| {
            h.reopened += 1;
            h.writes = Writes::Acknowledged;
        });
    }
}

fn make_dir(options: &Options) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&options.dir);
    made.map_err(|source| StoreError::Unavailable {
        reason: format!("the data directory {} cannot be made", options.dir.display()),
        source: Some(Box::new(source)),
    })
}

/// Finds damage before it is served.
fn look_at(conn: &rusqlite::Connection, path: &std::path::Path, check: Check) -> Result<()> {
    let bytes = path.metadata().map_or(0, |m| m.len());
    let faults = match check {
        Check::Header => return Ok(()),
        Check::Auto if bytes > Check::SMALL_BYTES => return Ok(()),
        Check::Auto => backup::faults(conn, true)?,
        Check::Full => backup::faults(conn, false)?,
    };
    if faults.is_empty() {
        return Ok(());
    }
    Err(error::corrupt(
        path.display().to_string(),
        format!("{}; keep the file, and restore the last backup", faults.join("; ")),
    ))
}
