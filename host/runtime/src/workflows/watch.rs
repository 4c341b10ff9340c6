//! Node deltas for those who watch a run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use engine_workflow::{Change, NodeIx, RunState, project};
use model::workflow::WorkflowStatus;
use tokio::sync::broadcast;

use super::view::NODES_PAGE_MAX;
use crate::control::NodeEvent;

/// Deltas that a watcher may be behind (`watch_buffer_max`); one that is slower is told to begin again.
const BUFFER_MAX: usize = 1024;

/// Those who watch, by run.
#[derive(Default)]
pub(crate) struct Watchers {
    runs: Mutex<HashMap<Arc<str>, broadcast::Sender<Arc<NodeEvent>>>>,
}

impl Watchers {
    /// Begins to watch a run.
    pub(super) fn subscribe(&self, id: &Arc<str>) -> broadcast::Receiver<Arc<NodeEvent>> {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.entry(id.clone()).or_insert_with(|| broadcast::channel(BUFFER_MAX).0).subscribe()
    }

    /// Tells that nothing came of a run.
    pub(super) fn tell_refused(&self, id: &Arc<str>, status: &WorkflowStatus) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = runs.remove(id) {
            let _ = sender.send(Arc::new(NodeEvent::Ended { summary: Box::new(status.clone()) }));
        }
    }

    /// Tells what a transaction changed.
    pub(super) fn tell(&self, id: &Arc<str>, state: &RunState, changes: &[Change], position: u64) {
        let ended = changes.iter().any(|c| matches!(c, Change::RunFinished { .. }));
        self.tell_of(id, state, position, ended, || touched(state, changes));
    }

    /// Tells how all stands: another server committed what nobody here was told of.
    pub(super) fn tell_all(&self, id: &Arc<str>, state: &RunState, position: u64) {
        let ended = state.run().is_some_and(|run| run.finished.is_some());
        self.tell_of(id, state, position, ended, || (0..state.nodes.len()).map(NodeIx::new).collect());
    }

    fn tell_of(
        &self,
        id: &Arc<str>,
        state: &RunState,
        position: u64,
        ended: bool,
        nodes: impl FnOnce() -> Vec<NodeIx>,
    ) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = runs.get(id) else { return };
        if sender.receiver_count() == 0 {
            runs.remove(id);
            return;
        }
        let summary = Box::new(project::summary(state));
        let shown: Vec<NodeIx> = nodes().into_iter().filter(|ix| state.is_shown(*ix)).collect();
        // The summary is told also when no node changed.
        for page in shown.chunks(NODES_PAGE_MAX as usize).chain(shown.is_empty().then_some::<&[NodeIx]>(&[])) {
            let nodes = page.iter().filter_map(|ix| project::node_status(state, *ix)).collect();
            let _ = sender.send(Arc::new(NodeEvent::Changed { nodes, summary: summary.clone(), position }));
        }
        if ended {
            let _ = sender.send(Arc::new(NodeEvent::Ended { summary }));
            runs.remove(id);
        }
    }
}

/// The nodes that changes name, each once, in order.
fn touched(state: &RunState, changes: &[Change]) -> Vec<NodeIx> {
    let mut out: Vec<NodeIx> = changes.iter().filter_map(Change::node).collect();
    let is_leaf = |ix: &NodeIx| state.node(*ix).is_some_and(|n| n.kind.is_leaf());
    let moved = |c: &&Change| matches!(c, Change::Finished(_) | Change::Progress { .. });
    let mut leaves: Vec<NodeIx> = changes.iter().filter(moved).filter_map(Change::node).filter(is_leaf).collect();
    let fresh = changes.iter().filter(|c| matches!(c, Change::Node(_))).count();
    let fresh = (state.nodes.len() - fresh..state.nodes.len()).map(NodeIx::new);
    leaves.extend(fresh.clone().filter(is_leaf));
    out.extend(fresh);
    // A new child is a new link of its parent, and a new follower one of the node before it.
    let parents: Vec<NodeIx> = out.iter().filter_map(|ix| state.node(*ix)?.parent).collect();
    out.extend(parents);
    // What a leaf has done is a part of what all nodes above it have.
    for ix in leaves {
        out.extend(std::iter::successors(Some(ix), |ix| state.node(*ix)?.parent));
    }
    out.sort();
    out.dedup();
    out
}
