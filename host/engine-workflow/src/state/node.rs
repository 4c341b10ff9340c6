//! One node.

use model::Timestamp;
use model::workflow::NodePhase;
use serde::{Deserialize, Serialize};

use super::body::{Body, HookRun};
use super::index::NodeIx;
use super::progress::Progress;
use crate::change::Place;
use crate::effect::LockRequest;
use crate::values::{Inputs, Outputs, Text};

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A container, script, container set, resource or data template: what Argo runs in a pod.
    #[serde(rename = "pod")]
    Pod,
    /// One container of a container set.
    #[serde(rename = "ctr")]
    Container,
    /// A steps template.
    #[serde(rename = "steps")]
    Steps,
    /// One group of parallel steps.
    #[serde(rename = "grp")]
    Group,
    /// A dag template.
    #[serde(rename = "dag")]
    Dag,
    /// A loop. People see it as a TaskGroup in a DAG; in steps its iterations stand in the group itself.
    #[serde(rename = "loop")]
    Loop,
    /// A template that is tried again.
    #[serde(rename = "retry")]
    Retry,
    /// Not run: a condition was false, or the dependencies ended otherwise.
    #[serde(rename = "skip")]
    Skipped,
    /// A suspend template.
    #[serde(rename = "susp")]
    Suspend,
    /// An http template.
    #[serde(rename = "http")]
    Http,
    /// A plugin template.
    #[serde(rename = "plug")]
    Plugin,
}

impl Kind {
    /// Whether something outside does the work.
    pub fn is_leaf(self) -> bool {
        matches!(self, Self::Pod | Self::Http | Self::Plugin)
    }
}

/// A node's place in its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// The entrypoint.
    #[serde(rename = "root")]
    Root,
    /// The onExit handler of the run.
    #[serde(rename = "exit")]
    Exit,
    /// A hook of the run, by its place among the hooks in order of name.
    #[serde(rename = "rhook")]
    RunHook(u32),
    /// A task of a DAG, by its place in `tasks`.
    #[serde(rename = "t")]
    Task(u32),
    /// A group of steps, by its place in `steps`.
    #[serde(rename = "g")]
    Group(u32),
    /// A step, by its place in its group.
    #[serde(rename = "s")]
    Step(u32),
    /// An iteration of a loop.
    #[serde(rename = "i")]
    Item(u32),
    /// An attempt of a retried template.
    #[serde(rename = "a")]
    Attempt(u32),
    /// A hook of a node, by its place in [`super::HookRun::list`].
    #[serde(rename = "hook")]
    Hook(NodeIx, u32),
    /// A container of a container set.
    #[serde(rename = "c")]
    Container(u32),
}

/// One node. Small, because a run may have a hundred thousand: what few nodes have is boxed.
#[derive(Debug)]
pub struct Node {
    /// The node it belongs to; absent for the entrypoint, exit handlers and hooks of the run.
    pub parent: Option<NodeIx>,
    /// Its place there.
    pub role: Role,
    /// What it is.
    pub kind: Kind,
    /// Where it stands.
    pub phase: NodePhase,
    /// Marks.
    pub flags: Flags,
    /// Its template's place in the program.
    pub template: Option<u32>,
    /// When it came to be.
    pub created: Timestamp,
    /// When its work began.
    pub started: Option<Timestamp>,
    /// When it was over.
    pub finished: Option<Timestamp>,
    /// For people.
    pub message: Option<Text>,
    /// Evaluated inputs.
    pub inputs: Option<Box<Inputs>>,
    /// What it left.
    pub outputs: Option<Box<Outputs>>,
    /// What its kind needs while it runs.
    pub body: Option<Box<Body>>,
    /// Hooks of the step or task that it is.
    pub hooks: Option<Box<HookRun>>,
    /// What few nodes have.
    pub extra: Option<Box<Extra>>,
    /// How much of it, or of the leaves below it, is done.
    pub progress: Progress,
}

/// A node's marks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags {
    /// Those who wait for it were told.
    pub settled: bool,
    /// A daemon that serves.
    pub daemoned: bool,
    /// It occupies a slot of its boundary's parallelism.
    pub slot: bool,
    /// It occupies a slot of the run's parallelism.
    pub run_slot: bool,
    /// It was asked to start (leaf) or began (group).
    pub started: bool,
    /// It was asked to stop.
    pub stopping: bool,
    /// A retry took it out: it is history.
    pub removed: bool,
    /// Its end may go away by itself.
    pub transient: bool,
    /// A hook ran it.
    pub hooked: bool,
    /// Where it waits for its turn, or last did.
    pub held: Option<Place>,
}

/// What few nodes have.
#[derive(Debug, Clone, Default)]
pub struct Extra {
    /// Its locks.
    pub locks: Vec<LockRequest>,
    /// How far it is with them.
    pub lock_state: LockState,
    /// What it waits for, in words.
    pub lock_message: Option<Text>,
    /// Memoization: cache, key, and how far it is.
    pub memo: Option<(Text, Text, MemoState)>,
    /// How old a memoized entry may be (milliseconds).
    pub memo_age_ms: Option<i64>,
    /// CPU milliseconds and peak memory in bytes.
    pub used: Option<(u64, u64)>,
    /// A suspend node's supplied outputs.
    pub supplied: Vec<crate::values::Param>,
}

/// How far a holder is with its locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LockState {
    /// It has none.
    #[default]
    None,
    /// It asked for them.
    Wanted,
    /// It holds them.
    Held,
    /// It gives them back.
    Releasing,
}

/// How far a node is with its memoization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoState {
    /// The cache was asked.
    Asked,
    /// It had nothing.
    Missed,
    /// It had the outputs.
    Hit,
    /// The outputs are being kept.
    Saving,
    /// They are kept.
    Saved,
}

impl Node {
    /// Whether it has reached its last phase.
    pub fn is_over(&self) -> bool {
        matches!(
            self.phase,
            NodePhase::Succeeded | NodePhase::Failed | NodePhase::Error | NodePhase::Skipped | NodePhase::Omitted
        )
    }

    /// Whether it is a suspend node that waits.
    pub fn waits_for_a_person(&self) -> bool {
        self.kind == Kind::Suspend && self.flags.started && !self.is_over() && !self.flags.removed
    }

    /// Whether it ended badly.
    pub fn is_bad(&self) -> bool {
        matches!(self.phase, NodePhase::Failed | NodePhase::Error)
    }

    /// The rarely used part, made when needed.
    pub fn extra_mut(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    /// How far it is with its locks.
    pub fn lock_state(&self) -> LockState {
        self.extra.as_ref().map_or(LockState::None, |e| e.lock_state)
    }

    /// What a leaf has while it runs.
    pub fn leaf(&self) -> Option<&super::LeafRun> {
        match self.body.as_deref() {
            Some(Body::Leaf(leaf)) => Some(leaf),
            _ => None,
        }
    }
}
