//! What becomes of requests in one check.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use plugin::{Act, Heard, Sent, Wire};
use tokio::sync::Notify;

use crate::lock;

/// The wire of a host, whose place each check gives to its own.
pub struct Switch {
    now: Mutex<Arc<dyn Wire>>,
    asked: AtomicU32,
    first: Notify,
}

impl Default for Switch {
    fn default() -> Self {
        Self { now: Mutex::new(Arc::new(Through)), asked: AtomicU32::new(0), first: Notify::new() }
    }
}

impl Switch {
    /// From now on requests go this way. Forgets how many there were.
    pub fn set(&self, wire: Arc<dyn Wire>) {
        *lock(&self.now) = wire;
        self.asked.store(0, Ordering::SeqCst);
    }

    /// How many requests there were since.
    pub fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }

    /// Waits for the next request.
    pub(crate) async fn next(&self) {
        self.first.notified().await;
    }
}

#[async_trait]
impl Wire for Switch {
    async fn ask(&self, sent: &Sent) -> Act {
        let wire = lock(&self.now).clone();
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.first.notify_one();
        wire.ask(sent).await
    }

    fn heard(&self, sent: &Sent, heard: &Heard) {
        let wire = lock(&self.now).clone();
        wire.heard(sent, heard);
    }
}

/// Everything is sent.
pub(crate) struct Through;

#[async_trait]
impl Wire for Through {
    async fn ask(&self, _: &Sent) -> Act {
        Act::Send
    }

    fn heard(&self, _: &Sent, _: &Heard) {}
}

/// Everything goes the same way.
#[derive(Debug, Clone)]
pub(crate) enum Always {
    /// Nobody listens.
    Refused,
    /// This status, with this header.
    Status(u16, Option<(&'static str, &'static str)>),
    /// No answer comes.
    Silent,
}

#[async_trait]
impl Wire for Always {
    async fn ask(&self, _: &Sent) -> Act {
        match self {
            Self::Refused => Act::Refuse,
            Self::Status(status, header) => Act::Answer(Heard {
                status: *status,
                headers: header.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
                body: Vec::new(),
            }),
            Self::Silent => std::future::pending().await,
        }
    }

    fn heard(&self, _: &Sent, _: &Heard) {}
}

impl std::fmt::Display for Always {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused => f.write_str("a server that is not there"),
            Self::Status(status, _) => write!(f, "{status}"),
            Self::Silent => f.write_str("a server that does not answer"),
        }
    }
}
