//! A step that waits for a lock which never comes, because those who hold it wait for this run's: it ends, and its run gives the locks back in the usual way.

use model::workflow::NodePhase;

use super::Decider;
use crate::change::Change;
use crate::state::{GivesWay, Kind, LockState, NodeIx, Stage};
use crate::values::Text;

impl Decider<'_, '_> {
    /// `until` is what must end, so that the others go on: they wait for its locks, if it `holds` some that they want, or for its slot.
    pub(super) fn deadlock(&mut self, node: Option<NodeIx>, until: Option<NodeIx>, holds: bool, message: Text) {
        if self.lock_state(node) != LockState::Wanted {
            return;
        }
        // What a retry of the run opened again ends as always, after what is in it: that is told, and only that.
        let opened_again = match node {
            Some(ix) => self.state().node(ix).is_some_and(|n| n.flags.started) && !self.between_attempts(ix),
            None => self.state().run().is_some_and(|run| run.stage != Stage::New),
        };
        match node {
            _ if opened_again => {
                for ix in self.unlocked_in(node) {
                    self.gives_way(ix, until, holds, message.clone());
                }
            }
            Some(ix) => self.gives_way(ix, until, holds, message),
            None => self.fail_run(&message),
        }
    }

    fn gives_way(&mut self, ix: NodeIx, until: Option<NodeIx>, holds: bool, message: Text) {
        for (retry, gives_way) in self.retries_up_to(ix, until, holds) {
            self.tx.emit(Change::GivesWay { node: retry, gives_way });
        }
        self.end(ix, NodePhase::Error, message);
    }

    fn unlocked_in(&self, node: Option<NodeIx>) -> Vec<NodeIx> {
        let state = self.state();
        let parent = |ix: &NodeIx| state.node(*ix).and_then(|n| n.parent);
        let inside =
            |ix: &NodeIx| node.is_none() || std::iter::successors(parent(ix), parent).any(|at| Some(at) == node);
        let waits = |ix: &NodeIx| state.node(*ix).is_some_and(|n| !n.is_over() && !n.flags.removed);
        state.unlocked.iter().filter(|ix| waits(ix) && inside(ix)).copied().collect()
    }

    /// Retried nodes above. Another attempt within what must end would keep the locks, wait as this one does, and so on without end.
    fn retries_up_to(&self, ix: NodeIx, until: Option<NodeIx>, holds: bool) -> Vec<(NodeIx, GivesWay)> {
        let state = self.state();
        let mut out = Vec::new();
        let mut at = ix;
        while Some(at) != until
            && let Some(parent) = state.node(at).and_then(|n| n.parent)
        {
            at = parent;
            let Some(node) = state.node(at).filter(|n| n.kind == Kind::Retry) else { continue };
            // What holds the lock itself may let it go between two attempts.
            let lets_go = Some(at) == until && holds && node.lock_state() == LockState::Held;
            out.push((at, if lets_go { GivesWay::Locks } else { GivesWay::Attempts }));
        }
        out
    }
}
