//! Runs of workflows: from the stored object to the engine, from its effects to the world, and back to the object's status.

mod admit;
mod artifact_gc;
mod claims;
mod commands;
mod create;
mod deadlocks;
mod forget;
mod lookups;
mod memo;
mod perform;
mod results;
mod select;
mod starts;
mod status;
mod unit;
mod view;
mod watch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use engine::Engine;
use engine_workflow::{Change, Effect, Input, RunState, Stage, WorkflowEngine};
use store::objects::{Key, StatusUpdate};
use tokio::sync::Semaphore;

use crate::clock::SharedClock;
use crate::config::{Jq, Repositories, Settings};
use crate::instance::{Committed, Host};
use crate::limits::Limits;
use crate::metrics::RuntimeMetrics;
use crate::registry::Registry;

pub(crate) use admit::{ARGO, is_finished, key, phase_of};
pub(crate) use perform::unit_key;
pub(crate) use status::Projector;

/// Leaves that run inside the server (requests, objects, lists) at once (`inner_leaves_max`).
const INNER_LEAVES_MAX: usize = 64;

/// Everything that runs of workflows need.
pub(crate) struct Workflows {
    pub(crate) objects: Arc<dyn store::objects::Objects>,
    pub(crate) journal: Arc<dyn store::journal::Journal>,
    pub(crate) runner: Arc<dyn runner::Runner>,
    pub(crate) artifacts: Arc<dyn artifact::Artifacts>,
    pub(crate) repositories: Arc<dyn Repositories>,
    pub(crate) requests: Arc<dyn crate::requests::Requests>,
    pub(crate) plugins: Arc<dyn plugin::Plugins>,
    pub(crate) jq: Arc<dyn Jq>,
    pub(crate) clock: SharedClock,
    pub(crate) settings: Settings,
    pub(crate) registry: Arc<Registry<WorkflowEngine>>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) metrics: Arc<RuntimeMetrics>,
    pub(crate) projector: Projector,
    pub(crate) watchers: watch::Watchers,
    pub(crate) expiring: crate::retention::Expiring,
    pub(crate) collecting: artifact_gc::Collecting,
    /// This server's generation among those of its store.
    pub(crate) generation: u64,
    /// The revision at which this server began.
    pub(crate) since: std::sync::OnceLock<u64>,
    /// Generations of the specs that live runs have seen.
    pub(crate) seen: Mutex<HashMap<Arc<str>, i64>>,
    pub(crate) starts: starts::Starts,
    pub(crate) results: results::Results,
    /// Leaves that run inside the server, or wait there for the pace at which steps are started: to be stopped by hand.
    pub(crate) inner: Mutex<HashMap<Arc<str>, tokio::task::AbortHandle>>,
    pub(crate) inner_slots: Arc<Semaphore>,
    /// Itself, for tasks that outlive a call.
    pub(crate) me: std::sync::Weak<Workflows>,
}

impl Workflows {
    pub(crate) fn inner_slots() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(INNER_LEAVES_MAX))
    }

    pub(crate) fn arc(&self) -> Option<Arc<Workflows>> {
        self.me.upgrade()
    }

    /// Sends an input to a run without waiting.
    pub(crate) fn post(&self, id: &Arc<str>, input: Input) {
        self.registry.post(id, input);
    }
}

fn ends(changes: &[Change]) -> bool {
    changes.iter().any(|c| matches!(c, Change::RunFinished { .. }))
}

impl Host<WorkflowEngine> for Workflows {
    fn perform(&self, id: &Arc<str>, state: &RunState, effect: Effect) {
        perform::perform(self, id, state, effect);
    }

    fn shows(&self, id: &Arc<str>, state: &RunState, changes: &[Change]) -> Option<(Key, StatusUpdate)> {
        let now = ends(changes) && self.projector.shows_end(id, state);
        now.then(|| status::end(state)).flatten()
    }

    fn committed(&self, id: &Arc<str>, state: &RunState, committed: Committed<WorkflowEngine>) {
        let Some(run) = state.run() else { return };
        let Committed { changes, reports, position, shown } = committed;
        for report in reports {
            let refused = self.metrics.custom(id, &report.metrics);
            for refusal in report.refusals.into_iter().chain(refused) {
                tracing::warn!(workflow = %run.submission.metadata.name, namespace = %run.submission.metadata.namespace, "{refusal}");
            }
        }
        if changes.iter().any(deadlocks::may_follow) {
            self.limits.suspect();
        }
        self.metrics.changed(id, state, &changes);
        self.watchers.tell(id, state, &changes, position);
        if ends(&changes) {
            self.projector.ended(self, id, state, shown);
        } else {
            self.projector.moved(id);
        }
        if run.stage == Stage::Over {
            self.metrics.forget_lasting(id);
        }
    }

    fn recovered(&self, id: &Arc<str>, state: &RunState, position: u64) {
        self.watchers.tell_all(id, state, position);
        // The end may be in the journal and not yet on the object.
        if let Some(run) = state.run() {
            match run.finished {
                Some(_) => self.projector.ended(self, id, state, None),
                None => self.projector.moved(id),
            }
        }
    }

    fn unloaded(&self, id: &Arc<str>, live: bool) {
        if !live {
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        }
    }

    fn quarantined(&self, id: &Arc<str>, problem: &str) {
        tracing::error!(workflow_uid = %id, problem, "this run is set aside; all others go on");
        self.metrics.quarantined(WorkflowEngine::NAME, id);
        self.projector.quarantined(self, id, problem);
    }
}
