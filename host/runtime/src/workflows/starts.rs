//! Starting and stopping units on a runner that may have trouble.
//!
//! A runner forgets a unit that is released, and would run it again under the same key. So no unit is released while somebody may still ask for its start:
//! a start that is slow, or whose answer was lost and that is tried again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine_workflow::NodeIx;
use runner::{RunnerError, Unit, UnitKey};

use super::Workflows;

/// How often a runner that has trouble is asked to start a unit (`start_tries_max`).
const TRIES_MAX: u32 = 6;
/// Waits between tries.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);

/// The starts that are under way, and whether their units have ended meanwhile.
#[derive(Default)]
pub(crate) struct Starts(Mutex<HashMap<UnitKey, bool>>);

impl Starts {
    fn map(&self) -> std::sync::MutexGuard<'_, HashMap<UnitKey, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// False when a start of this unit is under way already.
    fn begin(&self, key: &UnitKey) -> bool {
        self.map().insert(key.clone(), false).is_none()
    }

    /// The unit's end is committed; true when a start is under way, which then releases it.
    pub(super) fn ended(&self, key: &UnitKey) -> bool {
        self.map().get_mut(key).map(|ended| *ended = true).is_some()
    }

    fn has_ended(&self, key: &UnitKey) -> bool {
        self.map().get(key).copied().unwrap_or(false)
    }

    /// True when the unit ended meanwhile.
    pub(super) fn finish(&self, key: &UnitKey) -> bool {
        self.map().remove(key).unwrap_or(false)
    }
}

impl Workflows {
    /// Starts a unit; a runner that has trouble is asked again.
    pub(super) fn start_unit(self: &Arc<Self>, id: &Arc<str>, node: NodeIx, unit: Unit) {
        let key = unit.key.clone();
        if !self.starts.begin(&key) {
            return;
        }
        self.metrics.started();
        let (this, id, own) = (self.clone(), id.clone(), key.clone());
        // Until its turn has come it is stopped here; from then on the runner does that.
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let task = tokio::spawn(async move {
            this.limits.pace(&unit.namespace, |message| this.waits(&id, node, message)).await;
            if this.inner.lock().unwrap_or_else(PoisonError::into_inner).remove(&own).is_none() {
                return;
            }
            let started = this.try_to_start(unit).await;
            if this.starts.finish(&own) {
                this.release(&own).await;
            } else if let Err(problem) = started {
                this.failed_start(&id, node, &problem);
            }
        });
        inner.insert(key, task.abort_handle());
    }

    async fn try_to_start(&self, unit: Unit) -> Result<(), RunnerError> {
        let mut pause = RETRY_MIN;
        for _ in 1..TRIES_MAX {
            match self.runner.start(unit.clone()).await {
                Err(problem @ RunnerError::Unavailable { .. }) => {
                    tracing::warn!(%problem, "a step could not be started; trying again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY_MAX);
                    if self.starts.has_ended(&unit.key) {
                        return Ok(());
                    }
                }
                answer => return answer,
            }
        }
        self.runner.start(unit).await
    }

    /// Asks until the runner has taken it: a unit that nobody stops would run on beside its run's end.
    pub(super) async fn stop_unit(&self, id: &Arc<str>, node: NodeIx, key: &UnitKey, grace_ms: u64) {
        let mut pause = RETRY_MIN;
        loop {
            match self.runner.stop(key, grace_ms).await {
                Ok(()) => return,
                Err(problem @ RunnerError::Unavailable { .. }) => {
                    tracing::warn!(%problem, "a step could not be stopped; trying again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY_MAX);
                }
                Err(problem) => return self.failed_start(id, node, &problem),
            }
        }
    }

    /// The unit's result is committed: the runner may forget it.
    pub(super) async fn release(&self, key: &UnitKey) {
        if let Err(problem) = self.runner.release(key).await {
            tracing::warn!(%problem, "a finished step could not be cleared away");
        }
    }
}
