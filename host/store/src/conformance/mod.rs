//! The suites that every implementation of a port passes: plain functions over a factory, for an implementation's own tests.
//!
//! A suite panics at the first difference and says which. `make` is called once for each case and gives a fresh store with the limits asked for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests, though they stand in a library

mod events;
mod journal;
mod objects;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::StoreError;
use crate::objects::{Gvk, Objects};
use crate::stamp::ManualStamp;

pub use events::{EventsSubject, events};
pub use journal::{journal, journal_with_new_objects, journal_with_objects};
pub use objects::objects;

/// An objects store under test, and what to expect of it.
pub struct ObjectsSubject {
    /// The store.
    pub store: Arc<dyn Objects>,
    /// A namespaced kind with a status.
    pub kind: Gvk,
    /// Another namespaced kind.
    pub other_kind: Gvk,
    /// Two namespaces for this subject alone.
    pub namespaces: [Arc<str>; 2],
    /// The clock behind the store, where it can be driven.
    pub clock: Option<Arc<ManualStamp>>,
    /// What this implementation promises beyond the port.
    pub promises: Promises,
}

/// Differences between stores that keep objects themselves and stores that stand before another server.
#[derive(Debug, Clone, Copy)]
pub struct Promises {
    /// Revisions grow by exactly one with each changed object.
    pub exact_revisions: bool,
    /// A small cascade is done when the delete answers, and the whole of [`crate::semantics`] holds to the letter.
    pub own_semantics: bool,
    /// The limits of the factory call hold.
    pub own_limits: bool,
}

impl Promises {
    /// Those of stores that keep objects themselves.
    pub const OWN: Self = Self { exact_revisions: true, own_semantics: true, own_limits: true };
    /// Those of a Kubernetes API server.
    pub const REMOTE: Self = Self { exact_revisions: false, own_semantics: false, own_limits: false };
}

/// How long a condition may take to come true.
const DEADLINE: Duration = Duration::from_secs(20);

/// Asks until the answer is something.
async fn eventually<T, Fut: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> Fut) -> T {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "did not come true in time: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, StoreError>, code: &str) -> StoreError {
    match result {
        Ok(value) => panic!("expected {code}, it succeeded with {value:?}"),
        Err(error) => {
            assert_eq!(error.code(), code, "{error}");
            error
        }
    }
}
