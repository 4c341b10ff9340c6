//! Reading connections.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use store::{Result, StoreError};
use tokio::sync::Semaphore;

use crate::error::{closed, from_sql};
use crate::schema::{Role, connect};

/// SQLite's steps between two looks at the clock.
const STEPS: i32 = 2_000;

pub(crate) struct Pool {
    path: PathBuf,
    vfs: Option<String>,
    deadline: Duration,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Reader>>,
    /// Connections from before a reopening are not used again.
    epoch: AtomicU64,
    closed: AtomicBool,
}

struct Reader {
    conn: Connection,
    epoch: u64,
    alarm: Arc<Alarm>,
}

/// When a running read must stop.
struct Alarm {
    base: Instant,
    /// Microseconds after `base`.
    at: AtomicU64,
    abandoned: AtomicBool,
}

/// Sets the alarm off when nobody waits for the answer any more.
struct Abandon(Arc<Mutex<Option<Arc<Alarm>>>>, Arc<AtomicBool>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.1.store(true, Ordering::Relaxed);
        if let Some(alarm) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            alarm.abandoned.store(true, Ordering::Relaxed);
        }
    }
}

impl Pool {
    pub(crate) fn new(path: PathBuf, vfs: Option<String>, readers_max: u32, deadline: Duration) -> Self {
        Self {
            path,
            vfs,
            deadline,
            permits: Arc::new(Semaphore::new(readers_max.max(1) as usize)),
            idle: Mutex::default(),
            epoch: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        }
    }

    /// Runs one read in a snapshot of its own.
    pub(crate) async fn read<T, F>(self: &Arc<Self>, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    {
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| closed())?;
        let pool = self.clone();
        let (slot, gone) = (Arc::new(Mutex::new(None)), Arc::new(AtomicBool::new(false)));
        let abandon = Abandon(slot.clone(), gone.clone());
        let work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            if gone.load(Ordering::Relaxed) {
                return Err(closed());
            }
            pool.run(read, &slot)
        });
        let answer = work.await;
        drop(abandon);
        answer.map_err(|source| StoreError::Unavailable {
            reason: "a read ended unexpectedly".to_owned(),
            source: Some(Box::new(source)),
        })?
    }

    fn run<T>(&self, read: impl FnOnce(&Transaction<'_>) -> Result<T>, slot: &Mutex<Option<Arc<Alarm>>>) -> Result<T> {
        let mut reader = self.take()?;
        let alarm = reader.alarm.clone();
        let until = alarm.base.elapsed() + self.deadline;
        alarm.abandoned.store(false, Ordering::Relaxed);
        alarm.at.store(u64::try_from(until.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(alarm);
        let answer = Transaction::new(&mut reader.conn, TransactionBehavior::Deferred)
            .map_err(from_sql)
            .and_then(|tx| read(&tx));
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = None;
        // A connection that met a fault is not trusted again.
        if matches!(
            &answer,
            Ok(_) | Err(StoreError::NotFound { .. } | StoreError::Expired { .. } | StoreError::Invalid { .. })
        ) {
            self.put_back(reader);
        }
        answer
    }

    fn take(&self) -> Result<Reader> {
        if self.closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        let epoch = self.epoch.load(Ordering::Acquire);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|reader| reader.epoch == epoch);
        if let Some(reader) = idle.pop() {
            return Ok(reader);
        }
        drop(idle);
        let mut conn = connect(&self.path, self.vfs.as_deref(), Role::Reader).map_err(from_sql)?;
        let alarm = Arc::new(Alarm { base: Instant::now(), at: AtomicU64::new(0), abandoned: AtomicBool::new(false) });
        let rings = alarm.clone();
        let handler = move || {
            let now = u64::try_from(rings.base.elapsed().as_micros()).unwrap_or(u64::MAX);
            rings.abandoned.load(Ordering::Relaxed) || now > rings.at.load(Ordering::Relaxed)
        };
        conn.progress_handler(STEPS, Some(handler)).map_err(from_sql)?;
        Ok(Reader { conn, epoch, alarm })
    }

    fn put_back(&self, reader: Reader) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if reader.epoch == self.epoch.load(Ordering::Acquire) && !self.closed.load(Ordering::Acquire) {
            idle.push(reader);
        }
    }

    /// Lets go of all connections: the database was reopened.
    pub(crate) fn renew(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.permits.close();
        self.renew();
    }
}
