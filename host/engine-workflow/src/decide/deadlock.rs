//! A step that waits for a lock which never comes, because those who hold it wait for this run's: it ends, and its run gives the locks back in the usual way.

use model::workflow::NodePhase;

use super::Decider;
use crate::change::Change;
use crate::state::{GivesWay, Kind, LockState, NodeIx};
use crate::values::Text;

impl Decider<'_, '_> {
    /// `until` is what must end, so that the others go on: they wait for its locks, if it `holds` some that they want, or for its slot.
    pub(super) fn deadlock(&mut self, node: Option<NodeIx>, until: Option<NodeIx>, holds: bool, message: Text) {
        if self.lock_state(node) != LockState::Wanted {
            return;
        }
        let Some(ix) = node else { return self.fail_run(&message) };
        for (retry, gives_way) in self.retries_up_to(ix, until, holds) {
            self.tx.emit(Change::GivesWay { node: retry, gives_way });
        }
        self.end(ix, NodePhase::Error, message);
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
