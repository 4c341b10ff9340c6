//! A run's state: what [`crate::apply`] moves and everything else reads.
//!
//! ```text
//!   todo ──► decide ──► changes ──► apply ──┬──► nodes, bodies (tasks, groups, loops, attempts)
//!    ▲                                      ├──► timers, held queues, locks
//!    └──────────── what became ready ◄──────┘
//! ```
//!
//! The queue of ready work is a part of the state: a crash between two transactions loses none of it, and a call that stops half-way goes on where it stopped.

mod body;
mod index;
mod names;
mod needs;
mod node;
mod progress;
mod run;

use std::collections::{BTreeSet, HashMap, VecDeque};

use model::Timestamp;
use serde::{Deserialize, Serialize};

pub use body::{
    Body, Branch, DagRun, GivesWay, GroupRun, HookRun, LeafRun, LoopRun, RetryRun, Slots, StepsRun, TaskSlot, TaskState,
};
pub use index::NodeIx;
pub use needs::{Need, Needs};
pub use node::{Extra, Flags, Kind, LockState, MemoState, Node, Role};
pub use progress::Progress;
pub use run::{ClaimState, Run, Stage};

use crate::effect::Lookup;
use crate::input::Found;
use crate::values::Text;

/// A run. [`Default`] is the state before it was submitted.
#[derive(Default)]
pub struct RunState {
    /// Everything that is not a node; absent before the run was submitted.
    pub run: Option<Box<Run>>,
    /// The nodes in the order in which they came to be.
    pub nodes: Vec<Node>,
    /// Ready work, oldest first.
    pub todo: VecDeque<Todo>,
    /// Moments at which something is due.
    pub timers: BTreeSet<(Timestamp, Timer)>,
    /// Lookups under way and the work that waits for each.
    pub lookups: HashMap<Lookup, Vec<Todo>>,
    /// Answers not used yet. Templates are pinned in the program instead.
    pub found: HashMap<Lookup, Result<Found, Text>>,
    /// Nodes that wait for a slot of the run's own parallelism.
    pub held: VecDeque<NodeIx>,
    /// Nodes that wait for the run to be resumed.
    pub suspended: VecDeque<NodeIx>,
    /// Nodes of a retried run that wait until those above them hold their locks again.
    pub unlocked: Vec<NodeIx>,
    /// Leaves that were asked to start and have not ended.
    pub units: u32,
    /// Nodes with an effect that is not answered: leaves, locks, memoization.
    pub open: BTreeSet<NodeIx>,
    /// How much of all leaves is done.
    pub progress: Progress,
    /// Nodes that run or wait.
    pub active: u64,
    /// Nodes that exist and were not taken out by a retry.
    pub alive: u32,
}

/// A piece of ready work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Todo {
    /// The run itself: parameters, locks, claims.
    Begin,
    /// The entrypoint.
    Root,
    /// A DAG's task whose dependencies are over.
    Task(NodeIx, u32),
    /// A group of parallel steps.
    Group(NodeIx, u32),
    /// One step of a group.
    Step(NodeIx, u32),
    /// A node whose inputs are known.
    Enter(NodeIx),
    /// More iterations of a loop.
    Items(NodeIx),
    /// A retry node whose attempt is over, or that has none yet.
    Attempt(NodeIx),
    /// A node whose children are over.
    Complete(NodeIx),
    /// A node's (or the run's) hooks are to be looked at.
    Hooks(Option<NodeIx>),
    /// The main part is over.
    MainOver,
    /// The exit handler is over, or there is none.
    Finish,
}

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Timer {
    /// `spec.activeDeadlineSeconds`.
    RunDeadline,
    /// A leaf's time-out or deadline.
    NodeDeadline(NodeIx),
    /// A suspend node's duration.
    Suspend(NodeIx),
    /// The next attempt.
    BackOff(NodeIx),
}

impl RunState {
    /// The run, once it was submitted.
    pub fn run(&self) -> Option<&Run> {
        self.run.as_deref()
    }

    /// A node by index. Indices come from journals and runners, so they may be wrong.
    pub fn node(&self, ix: NodeIx) -> Option<&Node> {
        self.nodes.get(ix.index())
    }

    /// The next node's index.
    pub fn next_ix(&self) -> NodeIx {
        NodeIx::new(self.nodes.len())
    }

    /// The nearest DAG or Steps node above this one: what Argo calls its boundary.
    pub fn boundary(&self, ix: NodeIx) -> Option<NodeIx> {
        let mut at = self.node(ix)?.parent?;
        loop {
            let node = self.node(at)?;
            if matches!(node.kind, Kind::Dag | Kind::Steps) {
                return Some(at);
            }
            at = node.parent?;
        }
    }

    /// A node's inputs; an attempt has those of the node that is retried.
    pub fn inputs(&self, ix: NodeIx) -> Option<&crate::values::Inputs> {
        let node = self.node(ix)?;
        match (node.role, node.parent) {
            (Role::Attempt(_), Some(parent)) => self.inputs(parent),
            _ => node.inputs.as_deref(),
        }
    }

    /// How deep templates are nested at this node.
    pub fn depth(&self, ix: NodeIx) -> u32 {
        let mut depth = 0;
        let mut at = ix;
        while let Some(up) = self.boundary(at) {
            depth += 1;
            at = up;
        }
        depth
    }

    /// Whether work makes sense still: its node exists and is not over.
    pub fn is_current(&self, todo: Todo) -> bool {
        let open = |ix: NodeIx| self.node(ix).is_some_and(|n| !n.flags.removed && !n.is_over());
        match todo {
            Todo::Begin => self.run().is_some_and(|r| r.stage == Stage::New),
            Todo::Root => self.run().is_some_and(|r| r.stage == Stage::Main && r.root.is_none()),
            Todo::Task(ix, task) => {
                open(ix)
                    && matches!(self.node(ix).and_then(|n| n.body.as_deref()), Some(Body::Dag(dag))
                        if !dag.doomed && dag.tasks.get(task as usize).is_some_and(|t| t.state == TaskState::Queued))
            }
            Todo::Step(ix, step) => {
                open(ix)
                    && matches!(self.node(ix).and_then(|n| n.body.as_deref()), Some(Body::Group(group))
                        if group.undecided > 0 && group.steps.get(step as usize).is_some_and(Option::is_none))
            }
            Todo::Group(ix, _) => open(ix),
            Todo::Items(ix) => {
                open(ix)
                    && matches!(self.node(ix).and_then(|n| n.body.as_deref()), Some(Body::Loop(it)) if it.next().is_some())
            }
            Todo::Enter(ix) => open(ix) && self.node(ix).is_some_and(|n| !n.flags.started),
            Todo::Attempt(ix) | Todo::Complete(ix) => open(ix),
            Todo::Hooks(Some(ix)) => {
                self.node(ix).is_some_and(|n| !n.flags.removed && !n.flags.settled && n.hooks.is_some())
            }
            Todo::Hooks(None) => self.run().is_some_and(|r| r.stage != Stage::Over),
            Todo::MainOver => self.run().is_some_and(|r| r.stage == Stage::Main),
            Todo::Finish => self.run().is_some_and(|r| r.stage == Stage::Exit),
        }
    }
}
