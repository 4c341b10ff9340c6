//! Results of units on their way into their runs: each is committed before the runner may forget the unit.
//!
//! One task for each run takes what waits there into one commit after another. So a run whose hundred thousand steps end at once holds their results,
//! and not as many tasks.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine_workflow::{Input, LeafEvent, NodeIx};
use runner::{UnitKey, UnitResult};

use super::Workflows;
use super::perform::leaf_end;

/// Results that are handed to a run at once (`results_max`).
const RESULTS_MAX: usize = 256;

/// The end of a unit.
pub(super) struct UnitEnd {
    pub(super) key: UnitKey,
    pub(super) node: NodeIx,
    pub(super) result: Box<UnitResult>,
}

/// What waits, by run. A run that is here has a task that takes it.
#[derive(Default)]
pub(crate) struct Results(Mutex<HashMap<Arc<str>, VecDeque<UnitEnd>>>);

impl Results {
    fn map(&self) -> MutexGuard<'_, HashMap<Arc<str>, VecDeque<UnitEnd>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The run's id when it needs a task now.
    fn add(&self, id: &str, end: UnitEnd) -> Option<Arc<str>> {
        let mut waiting = self.map();
        if let Some(queue) = waiting.get_mut(id) {
            queue.push_back(end);
            return None;
        }
        let id: Arc<str> = id.into();
        waiting.insert(id.clone(), VecDeque::from([end]));
        Some(id)
    }

    /// Nothing when nothing waits: the run has no task then.
    fn take(&self, id: &str) -> Option<Vec<UnitEnd>> {
        let mut waiting = self.map();
        let queue = waiting.get_mut(id)?;
        if queue.is_empty() {
            waiting.remove(id);
            return None;
        }
        let some = queue.len().min(RESULTS_MAX);
        Some(queue.drain(..some).collect())
    }
}

impl Workflows {
    pub(super) fn unit_ended(self: &Arc<Self>, id: &str, end: UnitEnd) {
        let Some(id) = self.results.add(id, end) else { return };
        let this = self.clone();
        tokio::spawn(async move {
            while let Some(ends) = this.results.take(&id) {
                this.take_results(&id, ends).await;
            }
        });
    }

    async fn take_results(self: &Arc<Self>, id: &Arc<str>, ends: Vec<UnitEnd>) {
        let mut keys = Vec::with_capacity(ends.len());
        let mut inputs = Vec::with_capacity(ends.len());
        for UnitEnd { key, node, result } in ends {
            keys.push(key);
            inputs.push(Input::Leaf(node, LeafEvent::Ended(Box::new(leaf_end(*result)))));
        }
        if self.registry.commit_all(id, inputs).await.is_err() {
            return;
        }
        keys.retain(|key| !self.starts.ended(key));
        let this = self.clone();
        // The next results do not wait for it.
        tokio::spawn(async move {
            for key in &keys {
                this.release(key).await;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use runner::{EndClass, EndPhase};

    use super::*;

    fn end(node: usize) -> UnitEnd {
        let result = Box::new(UnitResult::new(EndPhase::Succeeded, EndClass::None, ""));
        UnitEnd { key: format!("run/{node}").into(), node: NodeIx::new(node), result }
    }

    #[test]
    fn a_run_has_one_task_and_loses_no_result() {
        let results = Results::default();
        assert_eq!(results.add("run", end(0)).as_deref(), Some("run"));
        assert_eq!(results.add("other", end(0)).as_deref(), Some("other"));
        for node in 1..1_000 {
            assert_eq!(results.add("run", end(node)), None, "it has a task");
        }
        let mut taken = Vec::new();
        while let Some(ends) = results.take("run") {
            assert!(ends.len() <= RESULTS_MAX);
            taken.extend(ends.into_iter().map(|end| end.node));
        }
        assert!(taken.into_iter().eq((0..1_000).map(NodeIx::new)), "in order, each once");
        // The task is over: the next result needs another.
        assert_eq!(results.add("run", end(0)).as_deref(), Some("run"));
        assert_eq!(results.take("other").map(|ends| ends.len()), Some(1));
    }
}
