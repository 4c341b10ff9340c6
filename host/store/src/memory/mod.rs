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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, EventsSubject, ObjectsSubject, Promises};
    use crate::objects::Gvk;
    use crate::stamp::ManualStamp;

    fn stamp() -> Arc<ManualStamp> {
        Arc::new(ManualStamp::new(1_700_000_000_000, 1))
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn objects_conform() {
        conformance::objects(|limits| async move {
            let clock = stamp();
            ObjectsSubject {
                store: MemoryStore::with_limits(clock.clone(), limits),
                kind: Gvk::new("argoproj.io/v1alpha1", "Workflow"),
                other_kind: Gvk::new("argoproj.io/v1alpha1", "CronWorkflow"),
                namespaces: ["one".into(), "two".into()],
                clock: Some(clock),
                promises: Promises::OWN,
            }
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn journal_conforms() {
        conformance::journal(|limits| async move {
            MemoryStore::with_limits(stamp(), limits) as Arc<dyn crate::journal::Journal>
        })
        .await;
    }

    #[tokio::test]
    async fn journal_and_objects_are_one_store() {
        conformance::journal_with_objects(MemoryStore::new(stamp())).await;
        conformance::journal_with_new_objects(MemoryStore::new(stamp())).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn events_conform() {
        conformance::events(|limits| async move {
            let clock = stamp();
            EventsSubject { store: MemoryStore::with_limits(clock.clone(), limits), clock }
        })
        .await;
    }
}
