//! The in-memory store: all three ports, for tests, the simulation and `colchis test`.
//!
//! Deterministic for a given [`Stamp`] and order of calls; nothing outlives the process. Clones of an `Arc` share one store, so dropping and rebuilding
//! everything around it is what a crash is to a durable store.

mod events;
mod journal;
mod objects;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Limits;
use crate::objects::Stamp;
use crate::watch::Hub;

/// The three ports in memory.
pub struct MemoryStore {
    objects: Mutex<objects::Tables>,
    hub: Arc<Hub>,
    journal: Mutex<journal::Tables>,
    events: Mutex<events::Tables>,
    published: tokio::sync::Notify,
    stamp: Arc<dyn Stamp>,
    limits: Limits,
}

impl MemoryStore {
    /// An empty store.
    pub fn new(stamp: Arc<dyn Stamp>) -> Arc<Self> {
        Self::with_limits(stamp, Limits::default())
    }

    /// An empty store with other limits.
    pub fn with_limits(stamp: Arc<dyn Stamp>, limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            objects: Mutex::default(),
            hub: Hub::new(0, limits),
            journal: Mutex::default(),
            events: Mutex::default(),
            published: tokio::sync::Notify::new(),
            stamp,
            limits,
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
