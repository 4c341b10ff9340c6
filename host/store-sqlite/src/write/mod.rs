//! The write side: requests queue in a channel, one thread commits them in groups.
//!
//! ```text
//!   callers ─► permits (bytes) ─► channel ─► writer thread: take what waits ─► BEGIN · check, write · COMMIT (fsync)
//!      ▲                                                                              │ then, never before
//!      └───────────────────────────── answers ◄───────────────────────────────────────┴─► cache, watches
//! ```
//!
//! The next batch starts when the fsync of the last one returned; there is no timer.

mod events;
mod journal;
mod objects;
mod statements;
mod thread;

use std::sync::{Arc, mpsc};

use model::Object;
use store::events::{NewEvent, Retention};
use store::journal::{Append, Appended, InstanceId};
use store::objects::{DeleteOptions, Deleted, Key, Precondition, StatusUpdate};
use store::{Result, StoreError, codec};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::error::{closed, corrupt};

pub(crate) use thread::{Signals, newest, spawn};

/// What can be asked of the writer; checked and prepared as far as that goes without the database.
pub(crate) enum Request {
    Create(Object),
    Update { object: Object, precondition: Precondition },
    UpdateStatus { key: Key, status: StatusUpdate, phase: Arc<str> },
    Delete { key: Key, options: DeleteOptions },
    Append(Append),
    AppendWithStatus { append: Append, key: Key, status: StatusUpdate, phase: Arc<str> },
    AppendWithCreate { append: Append, object: Object },
    Forget(InstanceId),
    Publish { topic: String, events: Vec<NewEvent> },
    Cursor { topic: String, consumer: String, start: u64 },
    Ack { topic: String, consumer: String, offset: u64, rewind: bool },
    ForgetConsumer { topic: String, consumer: String },
    Trim { topic: String, retention: Retention },
}

/// What the writer answers.
pub(crate) enum Answer {
    Object(Arc<Object>),
    Deleted(Deleted),
    Number(u64),
    Appended(Appended),
    Created(u64, Arc<Object>),
    Numbers(Vec<u64>),
    Done,
}

struct Job {
    request: Request,
    reply: oneshot::Sender<Result<Answer>>,
    bytes: usize,
    _permit: OwnedSemaphorePermit,
}

/// The callers' end.
pub(crate) struct Writer {
    jobs: mpsc::Sender<Job>,
    permits: Arc<Semaphore>,
    permits_max: u32,
}

/// Bytes per permit.
const PERMIT_BYTES: usize = 1024;

impl Writer {
    fn new(jobs: mpsc::Sender<Job>, queue_bytes_max: u32) -> Self {
        let permits_max = (queue_bytes_max / PERMIT_BYTES as u32).max(1);
        Self { jobs, permits: Arc::new(Semaphore::new(permits_max as usize)), permits_max }
    }

    /// Hands the request over; the receiver answers once it is durable, or refused.
    pub(crate) async fn send(&self, request: Request) -> Result<oneshot::Receiver<Result<Answer>>> {
        let bytes = request.bytes();
        let permits = u32::try_from(bytes / PERMIT_BYTES + 1).unwrap_or(u32::MAX).min(self.permits_max);
        let permit = self.permits.clone().acquire_many_owned(permits).await.map_err(|_| closed())?;
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job { request, reply, bytes, _permit: permit }).map_err(|_| closed())?;
        Ok(answer)
    }
}

impl Request {
    fn bytes(&self) -> usize {
        let object = |o: &Object| usize::try_from(codec::size_of(o)).unwrap_or(usize::MAX);
        match self {
            Self::Create(o) | Self::Update { object: o, .. } => object(o),
            Self::UpdateStatus { status, .. } => status.status.get().len(),
            Self::Append(append) => size_of(append),
            Self::AppendWithStatus { append, status, .. } => size_of(append) + status.status.get().len(),
            Self::AppendWithCreate { append, object: o } => size_of(append) + object(o),
            Self::Publish { events, .. } => events.iter().map(|e| e.payload.len() + e.id.len()).sum(),
            _ => 0,
        }
    }
}

fn size_of(append: &Append) -> usize {
    append.payload.len() + append.snapshot.as_ref().map_or(0, Vec::len)
}

fn mixed_up() -> StoreError {
    corrupt("an answer of the writer", "it belongs to another request")
}

impl Answer {
    pub(crate) fn object(self) -> Result<Arc<Object>> {
        if let Self::Object(object) = self { Ok(object) } else { Err(mixed_up()) }
    }

    pub(crate) fn deleted(self) -> Result<Deleted> {
        if let Self::Deleted(deleted) = self { Ok(deleted) } else { Err(mixed_up()) }
    }

    pub(crate) fn number(self) -> Result<u64> {
        if let Self::Number(number) = self { Ok(number) } else { Err(mixed_up()) }
    }

    pub(crate) fn appended(self) -> Result<Appended> {
        if let Self::Appended(appended) = self { Ok(appended) } else { Err(mixed_up()) }
    }

    pub(crate) fn created(self) -> Result<(u64, Arc<Object>)> {
        if let Self::Created(number, object) = self { Ok((number, object)) } else { Err(mixed_up()) }
    }

    pub(crate) fn numbers(self) -> Result<Vec<u64>> {
        if let Self::Numbers(numbers) = self { Ok(numbers) } else { Err(mixed_up()) }
    }
}
