//! What a node of each kind needs while it runs.

use std::collections::VecDeque;
use std::sync::Arc;

use model::Timestamp;
use model::workflow::NodePhase;
use serde::{Deserialize, Serialize};

use super::index::NodeIx;
use crate::program::{DagPlan, StepsPlan};
use crate::values::Text;

/// What a node of its kind needs. Most nodes are leaves, so these alone say how large it is.
#[derive(Debug)]
pub enum Body {
    /// A DAG.
    Dag(Box<DagRun>),
    /// Steps.
    Steps(Box<StepsRun>),
    /// A group of steps.
    Group(Box<GroupRun>),
    /// A loop.
    Loop(Box<LoopRun>),
    /// A retried template.
    Retry(Box<RetryRun>),
    /// A leaf.
    Leaf(LeafRun),
}

/// A boundary's parallelism.
#[derive(Debug, Default)]
pub struct Slots {
    /// `parallelism`, when it is limited.
    pub limit: Option<u32>,
    /// Children that run.
    pub active: u32,
    /// Children (or loops that would make more of them) that wait, oldest first.
    pub held: VecDeque<NodeIx>,
}

impl Slots {
    /// Whether one more may run.
    pub fn free(&self) -> bool {
        self.limit.is_none_or(|limit| self.active < limit)
    }
}

/// A DAG that runs.
#[derive(Debug)]
pub struct DagRun {
    /// Its graph.
    pub plan: Arc<DagPlan>,
    /// Its tasks, in the order of the template.
    pub tasks: Box<[TaskSlot]>,
    /// Tasks that take part and are not settled.
    pub open: u32,
    /// Tasks whose node is not settled.
    pub running: u32,
    /// A target can no longer succeed and `failFast` holds: nothing new is started.
    pub doomed: bool,
    /// Its parallelism.
    pub slots: Slots,
    /// Daemons to stop at its end.
    pub daemons: Vec<NodeIx>,
    /// A hook of a task ended in an error.
    pub errored_hook: Option<NodeIx>,
}

/// A task of a DAG that runs.
#[derive(Debug, Clone, Copy)]
pub struct TaskSlot {
    /// Its node, once there is one.
    pub node: Option<NodeIx>,
    /// Dependencies that are not settled.
    pub waiting: u32,
    /// Where it stands.
    pub state: TaskState,
    /// How its branch ended.
    pub branch: Branch,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// It takes no part: not above a target.
    Out,
    /// Dependencies are open.
    Waiting,
    /// It is ready.
    Queued,
    /// It has a node.
    Running,
    /// It is over, its hooks too.
    Settled,
}

/// How a branch ended: a task's own end, or for a task that was omitted the worst of those it depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Branch {
    /// Not known yet.
    Open,
    /// Well.
    Good,
    /// With a failure.
    Failed,
    /// With an error.
    Error,
}

/// Steps that run.
#[derive(Debug)]
pub struct StepsRun {
    /// Names and places.
    pub plan: Arc<StepsPlan>,
    /// The groups begun so far.
    pub groups: Vec<NodeIx>,
    /// Its parallelism.
    pub slots: Slots,
    /// Daemons to stop at its end.
    pub daemons: Vec<NodeIx>,
}

/// A group of steps that runs.
#[derive(Debug)]
pub struct GroupRun {
    /// Each step's node, once there is one.
    pub steps: Box<[Option<NodeIx>]>,
    /// Steps without a node.
    pub undecided: u32,
    /// Steps whose node is not settled.
    pub running: u32,
    /// A hook of a step ended in an error.
    pub errored_hook: Option<NodeIx>,
}

/// A loop that runs.
#[derive(Debug, Default)]
pub struct LoopRun {
    /// One JSON value per iteration.
    pub items: Vec<Text>,
    /// The iterations begun so far, by item; one that a retry took out is missing.
    pub children: Vec<Option<NodeIx>>,
    /// Items whose iteration is to be made again, the next one last.
    pub again: Vec<u32>,
    /// Iterations that are not settled.
    pub running: u32,
    /// No more iterations are made.
    pub stopped: bool,
    /// More are made when one of those that there are is over: there are as many as may run at once.
    pub crowded: bool,
}

impl LoopRun {
    /// The item whose iteration is made next.
    pub fn next(&self) -> Option<u32> {
        if self.stopped {
            return None;
        }
        let fresh = u32::try_from(self.children.len()).unwrap_or(u32::MAX);
        self.again.last().copied().or((self.children.len() < self.items.len()).then_some(fresh))
    }
}

/// A retried template.
#[derive(Debug, Default)]
pub struct RetryRun {
    /// The attempts so far.
    pub attempts: Vec<NodeIx>,
    /// When the next is due.
    pub due: Option<Timestamp>,
    /// A deadlock was found in the last attempt: what is done so that others go on.
    pub gives_way: Option<GivesWay>,
}

/// How a retried template gives way to those with whom it was in a deadlock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GivesWay {
    /// There is no further attempt: something above it holds what the others wait for.
    #[serde(rename = "a")]
    Attempts,
    /// Its locks are given back, and asked for anew before the next attempt.
    #[serde(rename = "l")]
    Locks,
}

/// A leaf that runs.
#[derive(Debug)]
pub struct LeafRun {
    /// When it is to be stopped.
    pub deadline: Option<Timestamp>,
    /// Strings of its template that had expressions in them, evaluated.
    pub evaluated: Box<[(u32, Text)]>,
    /// What few leaves have.
    facts: Option<Box<LeafFacts>>,
}

/// What few leaves have.
#[derive(Debug, Default)]
pub struct LeafFacts {
    /// Its address.
    pub ip: Option<Text>,
    /// Its machine.
    pub host: Option<Text>,
    /// Why it is being stopped, what its end is called, and whether without grace.
    pub stopping: Option<(NodePhase, Text, bool)>,
    /// Containers of a container set.
    pub containers: Vec<NodeIx>,
}

impl LeafRun {
    /// A leaf that begins.
    pub fn new(deadline: Option<Timestamp>, evaluated: &[(u32, Text)]) -> Self {
        Self { deadline, evaluated: evaluated.into(), facts: None }
    }

    /// What few leaves have.
    pub fn facts(&self) -> &LeafFacts {
        const NONE: &LeafFacts = &LeafFacts { ip: None, host: None, stopping: None, containers: Vec::new() };
        self.facts.as_deref().unwrap_or(NONE)
    }

    /// The same, made when needed.
    pub fn facts_mut(&mut self) -> &mut LeafFacts {
        self.facts.get_or_insert_default()
    }

    /// Whether there is anything to know of it once it is over.
    pub fn is_plain(&self) -> bool {
        let LeafFacts { ip, host, stopping: _, containers } = self.facts();
        ip.is_none() && host.is_none() && containers.is_empty()
    }
}

/// Hooks of a task, a step or the run.
#[derive(Debug, Default)]
pub struct HookRun {
    /// Names in order, `exit` for `onExit` too, and the node of each that was run.
    pub list: Vec<(Text, Option<NodeIx>)>,
    /// Those that run.
    pub running: u32,
    /// A hook that ended in an error.
    pub errored: Option<NodeIx>,
    /// No more will be run.
    pub closed: bool,
}
