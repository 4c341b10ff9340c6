//! What must come before something in a run ends, as far as locks decide it.
//!
//! A node ends after everything in it, and a run after all its nodes: so a holder of locks stays for as long as one thing in it waits for a lock, whatever else
//! runs beside that. Where something waits for a slot (`parallelism` of a DAG or of steps), one of those who take the slots must end first. Slots of the run are
//! taken by leaves that run; a run that is suspended waits for a person.

use std::collections::{BTreeMap, BTreeSet};

use super::{Body, LockState, NodeIx, RunState, Stage};

/// What must come before a holder ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// The locks that the node, or the run, waits for.
    Locks(Option<NodeIx>),
    /// The end of one of these nodes.
    EndOfOne(Vec<NodeIx>),
}

/// Needs of nodes, or of the run.
pub type Needs = BTreeMap<Option<NodeIx>, Vec<Need>>;

impl RunState {
    /// What the ends of these holders need, and the ends of those who take slots that are needed. Who needs nothing goes on by itself and is left out.
    pub fn needs(&self, holders: &[Option<NodeIx>]) -> Needs {
        let mut needs = Needs::new();
        let Some(run) = self.run().filter(|run| run.stage != Stage::Over) else { return needs };
        let slots = self.full_slots();
        let mut asked: BTreeSet<Option<NodeIx>> = holders.iter().copied().collect();
        asked.extend(slots.iter().flat_map(|(_, takers)| takers).map(|ix| Some(*ix)));
        if run.lock_state == LockState::Wanted && asked.contains(&None) {
            needs.insert(None, vec![Need::Locks(None)]);
        }
        let waits = |ix: &NodeIx| self.node(*ix).is_some_and(|n| n.lock_state() == LockState::Wanted && !n.is_over());
        for ix in self.open.iter().copied().filter(waits) {
            self.each_around(ix, &asked, |holder| needs.entry(holder).or_default().push(Need::Locks(Some(ix))));
        }
        for (waiting, takers) in &slots {
            for ix in waiting {
                self.each_around(*ix, &asked, |holder| {
                    let all = needs.entry(holder).or_default();
                    let need = Need::EndOfOne(takers.clone());
                    if !all.contains(&need) {
                        all.push(need);
                    }
                });
            }
        }
        needs
    }

    /// The node, what is above it, and the run.
    fn each_around(&self, ix: NodeIx, asked: &BTreeSet<Option<NodeIx>>, mut tell: impl FnMut(Option<NodeIx>)) {
        let mut at = Some(ix);
        loop {
            if asked.contains(&at) {
                tell(at);
            }
            let Some(here) = at else { return };
            at = self.node(here).and_then(|n| n.parent);
        }
    }

    /// DAGs and steps without a free slot: who waits for one, and who takes them.
    fn full_slots(&self) -> Vec<(Vec<NodeIx>, Vec<NodeIx>)> {
        let mut out = BTreeMap::new();
        for (at, node) in self.nodes.iter().enumerate() {
            let slots = match node.body.as_deref() {
                Some(Body::Dag(dag)) => &dag.slots,
                Some(Body::Steps(steps)) => &steps.slots,
                _ => continue,
            };
            let current = |ix: &&NodeIx| self.node(**ix).is_some_and(|n| !n.is_over() && !n.flags.removed);
            let waiting: Vec<NodeIx> = slots.held.iter().filter(current).copied().collect();
            if !node.is_over() && !slots.free() && !waiting.is_empty() {
                out.insert(NodeIx::new(at), (waiting, Vec::new()));
            }
        }
        if out.is_empty() {
            return Vec::new();
        }
        for (at, node) in self.nodes.iter().enumerate() {
            let ix = NodeIx::new(at);
            if node.flags.slot
                && !node.is_over()
                && let Some((_, takers)) = self.boundary(ix).and_then(|boundary| out.get_mut(&boundary))
            {
                takers.push(ix);
            }
        }
        out.into_values().collect()
    }
}
