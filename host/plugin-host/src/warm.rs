//! Instances that wait for their plugin's next call (`poolSize`): for languages whose start costs more than the call.
//!
//! A fresh instance for each call is the rule, and what calls leave behind in memory goes with it. With a pool the plugin's own globals go on from
//! call to call, also from one object's to another's; nobody else's ever do. A call that broke off takes its instance with it.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;
use wasmtime::Store;
use wasmtime::component::Instance;

use crate::instance::State;
use crate::limits::Limits;

/// Those of one component.
#[derive(Default)]
pub(crate) struct Warm(Mutex<Vec<Waiting>>);

/// One that waits.
pub(crate) struct Waiting {
    /// Since when.
    pub(crate) since: Instant,
    pub(crate) store: Store<State>,
    pub(crate) instance: Instance,
    /// Calls that it answered.
    pub(crate) calls: u32,
    pub(crate) place: OwnedSemaphorePermit,
}

impl Warm {
    /// The one that was used last: the others may lose their pages.
    pub(crate) fn take(&self) -> Option<Waiting> {
        crate::lock(&self.0).pop()
    }

    /// Lets one wait, unless it answered enough calls, its memory is nearly full or others are enough.
    pub(crate) fn put(&self, waiting: Waiting, limits: &Limits) {
        let state = waiting.store.data();
        let used_up = waiting.calls >= limits.invocations_max || state.vault().is_crowded() || state.is_nearly_full();
        let mut others = crate::lock(&self.0);
        if !used_up && others.len() < limits.pool_size as usize {
            others.push(waiting);
        }
    }

    /// Ends those that nobody called for so long.
    pub(crate) fn give_up(&self, idle: Duration) {
        let given_up: Vec<Waiting> = crate::lock(&self.0).extract_if(.., |one| one.since.elapsed() >= idle).collect();
        drop(given_up);
    }

    /// Ends them all.
    pub(crate) fn clear(&self) {
        let ended = std::mem::take(&mut *crate::lock(&self.0));
        drop(ended);
    }
}
