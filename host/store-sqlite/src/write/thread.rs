//! The writer thread: batches, commits, answers; reopens the database when a commit failed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use rusqlite::Connection;
use store::{Result, StoreError, semantics};

use super::events;
use super::journal::Journals;
use super::objects::{Objects, Txn};
use super::statements::Statements;
use super::{Answer, Job, Request, Writer};
use crate::Shared;
use crate::error::{Fail, Severity, from_sql, severity};
use crate::row::Kinds;
use crate::schema::{Role, connect};

/// Bytes of requests in one commit, about.
const BATCH_BYTES_MAX: usize = 16 << 20;

/// What the writer, the checkpointer and the health report tell each other.
#[derive(Default)]
pub(crate) struct Signals {
    pub(crate) requests: AtomicU64,
    pub(crate) commits: AtomicU64,
    /// Pages in the log after the last commit.
    pub(crate) log_pages: AtomicU32,
    /// The checkpointer copied most of the log: the writer does the rest, so that the log starts over.
    pub(crate) finish_checkpoint: AtomicBool,
}

/// Starts the thread on an open and prepared database.
pub(crate) fn spawn(shared: Arc<Shared>, conn: Connection) -> Result<(Writer, JoinHandle<()>)> {
    let (send, receive) = channel();
    let writer = Writer::new(send, shared.options.queue_bytes_max);
    let thread =
        std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || live(&shared, conn, &receive));
    let thread = thread.map_err(|source| StoreError::Unavailable {
        reason: "the store's writer thread cannot be started".to_owned(),
        source: Some(Box::new(source)),
    })?;
    Ok((writer, thread))
}

/// Until the store is closed.
fn live(shared: &Arc<Shared>, first: Connection, jobs: &Receiver<Job>) {
    let mut conn = Some(first);
    let (shortest, longest) = shared.options.reopen_pause;
    let mut pause = shortest;
    loop {
        let error = match conn.take().map_or_else(|| reopen(shared), Ok) {
            Ok(open) => {
                pause = shortest;
                match serve(shared, open, jobs) {
                    End::Closed => return,
                    End::Broken(error) => error,
                }
            }
            Err(error) => error,
        };
        let reason = describe(&error);
        tracing::error!(error = %reason, pause_ms = pause.as_millis(), "the store stopped acknowledging; the database is reopened");
        shared.health.stopped(reason.clone(), shared.options.stamp.now_ms());
        if refuse(jobs, &reason, Instant::now() + pause) {
            return;
        }
        pause = (pause * 2).min(longest);
    }
}

/// Answers what comes in the meantime; true when the store was closed.
fn refuse(jobs: &Receiver<Job>, reason: &str, until: Instant) -> bool {
    loop {
        match jobs.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(job) => {
                let _ = job.reply.send(Err(StoreError::Unavailable { reason: reason.to_owned(), source: None }));
            }
            Err(RecvTimeoutError::Timeout) => return false,
            Err(RecvTimeoutError::Disconnected) => return true,
        }
    }
}

fn reopen(shared: &Arc<Shared>) -> Result<Connection, StoreError> {
    let conn = connect(&shared.path, shared.options.vfs.as_deref(), Role::Writer).map_err(from_sql)?;
    crate::schema::format(&conn, &shared.path)?;
    // A write proves more than an open.
    conn.execute_batch("BEGIN IMMEDIATE; PRAGMA user_version = 0; COMMIT").map_err(from_sql)?;
    let revision = newest(&conn)?;
    let kinds = Kinds::load(&conn)?;
    shared.reopened(revision, kinds);
    tracing::info!(revision, "the database was reopened; writes are acknowledged again");
    Ok(conn)
}

/// The newest revision of the file.
pub(crate) fn newest(conn: &Connection) -> Result<u64> {
    let newest = conn.query_row("SELECT max(revision) FROM changes", [], |r| r.get::<_, Option<i64>>(0));
    Ok(newest.map_err(from_sql)?.unwrap_or(0).cast_unsigned())
}

enum End {
    Closed,
    Broken(StoreError),
}

fn serve(shared: &Arc<Shared>, mut conn: Connection, jobs: &Receiver<Job>) -> End {
    let hooked = {
        let shared = shared.clone();
        conn.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            shared.signals.log_pages.store(u32::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))
    };
    if let Err(error) = hooked {
        return End::Broken(from_sql(error));
    }
    let session = Session::open(shared, &conn);
    match session {
        Ok(mut session) => session.run(jobs),
        Err(fail) => End::Broken(fail.into()),
    }
}

/// One connection's life.
struct Session<'s, 'c> {
    shared: &'s Arc<Shared>,
    sql: Statements<'c>,
    objects: Objects,
    journals: Journals,
}

impl<'s, 'c> Session<'s, 'c> {
    fn open(shared: &'s Arc<Shared>, conn: &'c Connection) -> Result<Self, Fail> {
        let sql = Statements::prepare(conn)?;
        let objects = Objects::load(&sql, shared)?;
        let journals = Journals::load(&sql, shared.options.instances_cached_max)?;
        Ok(Self { shared, sql, objects, journals })
    }

    fn run(&mut self, jobs: &Receiver<Job>) -> End {
        let mut batch = Vec::with_capacity(self.shared.options.batch_max);
        loop {
            if !self.take(jobs, &mut batch) {
                return End::Closed;
            }
            if let Err(error) = self.commit(&mut batch) {
                return End::Broken(error);
            }
            self.after_commit();
        }
    }

    /// What waits now; sleeps while nothing does and nothing is left to tidy. False when the store was closed.
    fn take(&self, jobs: &Receiver<Job>, batch: &mut Vec<Job>) -> bool {
        let mut bytes = 0;
        if !(self.objects.has_work() || self.journals.has_work()) {
            let Ok(job) = jobs.recv() else { return false };
            bytes += job.bytes;
            batch.push(job);
        }
        while batch.len() < self.shared.options.batch_max && bytes < BATCH_BYTES_MAX {
            match jobs.try_recv() {
                Ok(job) => {
                    bytes += job.bytes;
                    batch.push(job);
                }
                Err(TryRecvError::Empty) => break,
                // What was sent before the end is still done.
                Err(TryRecvError::Disconnected) => return !batch.is_empty(),
            }
        }
        true
    }

    /// Commits the batch and answers it. An error means that the database must be reopened; then too all were answered.
    fn commit(&mut self, batch: &mut Vec<Job>) -> Result<(), StoreError> {
        let mut published = false;
        let error = match self.transaction(batch, &mut published) {
            Ok(answers) => {
                self.publish(batch, answers, published);
                return Ok(());
            }
            Err(error) => error,
        };
        let severity = severity(&error);
        let rolled_back = self.roll_back();
        let reason = from_sql(error);
        if severity == Severity::Reopen || rolled_back.is_err() {
            let text = describe(&reason);
            refuse_all(
                batch,
                &format!("{text}; whether this write is there will be seen when the database was reopened"),
            );
            return Err(reason);
        }
        if severity == Severity::Full {
            self.shared.health.failing(describe(&reason), self.shared.options.stamp.now_ms());
        }
        if batch.len() <= 1 {
            for job in batch.drain(..) {
                let _ = job.reply.send(Err(clone_error(&reason)));
            }
            return Ok(());
        }
        // One of them fails: each by itself, so that it fails alone.
        tracing::warn!(error = %describe(&reason), requests = batch.len(), "a commit failed and is done again, one by one");
        let mut singles = std::mem::take(batch).into_iter();
        while let Some(job) = singles.next() {
            if let Err(error) = self.commit(&mut vec![job]) {
                batch.extend(singles);
                refuse_all(batch, &describe(&error));
                return Err(error);
            }
        }
        Ok(())
    }

    fn transaction(&mut self, batch: &[Job], published: &mut bool) -> rusqlite::Result<Vec<Result<Answer>>> {
        self.sql.begin.execute([])?;
        let mut answers = Vec::with_capacity(batch.len());
        for job in batch {
            match self.apply(&job.request, published) {
                Ok(answer) => answers.push(Ok(answer)),
                Err(Fail::Refused(error)) => answers.push(Err(error)),
                Err(Fail::Sql(error)) => return Err(error),
            }
        }
        let tidied = match (Txn { sql: &mut self.sql, state: &mut self.objects, shared: self.shared }).tidy() {
            Ok(()) => self.journals.tidy(&mut self.sql),
            failed => failed,
        };
        match tidied {
            Ok(()) => {}
            Err(Fail::Sql(error)) => return Err(error),
            Err(Fail::Refused(error)) => tracing::error!(error = %error, "a deletion's rest cannot be done"),
        }
        self.sql.commit.execute([])?;
        Ok(answers)
    }

    fn apply(&mut self, request: &Request, published: &mut bool) -> Result<Answer, Fail> {
        match request {
            Request::Append(append) => return self.journals.append(&mut self.sql, append).map(Answer::Number),
            Request::AppendWithStatus { append, key, status, phase } => {
                let seq = self.journals.append(&mut self.sql, append)?;
                let mut txn = Txn { sql: &mut self.sql, state: &mut self.objects, shared: self.shared };
                return match txn.update_status(key, status, phase) {
                    Ok(_) => Ok(Answer::Appended((seq, Some(Ok(()))))),
                    Err(Fail::Refused(refused)) => Ok(Answer::Appended((seq, Some(Err(refused))))),
                    Err(failed) => Err(failed),
                };
            }
            Request::AppendWithCreate { append, object } => {
                // Whatever refuses comes before anything is written.
                self.journals.check(&mut self.sql, append)?;
                let mut txn = Txn { sql: &mut self.sql, state: &mut self.objects, shared: self.shared };
                let object = semantics::create_stamped(&mut txn, object.clone())?;
                return Ok(Answer::Created(self.journals.append(&mut self.sql, append)?, object));
            }
            Request::Forget(instance) => return self.journals.forget(&mut self.sql, instance),
            _ => {}
        }
        let mut txn = Txn { sql: &mut self.sql, state: &mut self.objects, shared: self.shared };
        if let Some(answer) = txn.apply(request) {
            return answer;
        }
        let done = events::apply(&mut self.sql, self.shared, request, published);
        done.unwrap_or_else(|| Err(Fail::Refused(super::mixed_up())))
    }

    /// After COMMIT: first what a caller may ask for next, then the answers, then the watchers.
    fn publish(&mut self, batch: &mut Vec<Job>, answers: Vec<Result<Answer>>, published: bool) {
        let shared = self.shared;
        for kind in self.objects.new_kinds.drain(..) {
            shared.add_kind(kind);
        }
        for (key, row) in self.objects.overlay.drain() {
            let revision = row.as_ref().map_or(self.objects.revision, |r| r.revision());
            shared.cache.commit(&key, row, revision);
        }
        shared.revision.store(self.objects.revision, Ordering::Release);
        shared.signals.requests.fetch_add(batch.len() as u64, Ordering::Relaxed);
        shared.signals.commits.fetch_add(1, Ordering::Relaxed);
        for (job, answer) in batch.drain(..).zip(answers) {
            let _ = job.reply.send(answer);
        }
        if !self.objects.changes.is_empty() {
            shared.hub.publish(self.objects.changes.drain(..));
        }
        if published {
            shared.published.notify_waiters();
        }
        shared.health.acknowledged();
    }

    fn roll_back(&mut self) -> Result<(), Fail> {
        if !self.sql.conn.is_autocommit() {
            self.sql.conn.execute_batch("ROLLBACK")?;
        }
        // What was counted and remembered in the transaction never was.
        self.objects = Objects::load(&self.sql, self.shared)?;
        self.journals = Journals::load(&self.sql, self.shared.options.instances_cached_max)?;
        Ok(())
    }

    fn after_commit(&mut self) {
        let signals = &self.shared.signals;
        let pages = signals.log_pages.load(Ordering::Relaxed);
        if signals.finish_checkpoint.swap(false, Ordering::Relaxed) && pages > 0 {
            // Only what was written since the checkpointer's copy is left; the next commit then starts the log over.
            if let Err(error) = self.sql.conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
                tracing::warn!(error = %error, "the end of a checkpoint failed");
            }
        } else if pages >= self.shared.options.checkpoint_pages {
            self.shared.checkpointer.wanted();
        } else {
            self.shared.checkpointer.wrote();
        }
    }
}

fn refuse_all(batch: &mut Vec<Job>, reason: &str) {
    for job in batch.drain(..) {
        let _ = job.reply.send(Err(StoreError::Unavailable { reason: reason.to_owned(), source: None }));
    }
}

/// The error and its cause, for people.
fn describe(error: &StoreError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error} ({source})"),
        None => error.to_string(),
    }
}

fn clone_error(error: &StoreError) -> StoreError {
    match error {
        StoreError::Corrupt { what, reason } => StoreError::Corrupt { what: what.clone(), reason: reason.clone() },
        StoreError::TooLarge { what, limit_name, limit, actual } => {
            StoreError::TooLarge { what: what.clone(), limit_name, limit: *limit, actual: *actual }
        }
        other => StoreError::Unavailable {
            reason: match other {
                StoreError::Unavailable { reason, .. } => reason.clone(),
                other => other.to_string(),
            },
            source: std::error::Error::source(other).map(|s| s.to_string().into()),
        },
    }
}
