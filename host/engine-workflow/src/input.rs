//! What can happen to a run.

use std::sync::Arc;

use model::workflow::{NodePhase, WorkflowSpec};
use model::{ObjectMeta, Timestamp};
use serde::{Deserialize, Serialize};

use crate::effect::Lookup;
use crate::state::NodeIx;
use crate::values::{Outputs, Param, Text};

/// A run as it is submitted, with everything pinned that its author's words refer to statically.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Submission {
    /// The object's metadata.
    pub metadata: ObjectMeta,
    /// The spec with workflowDefaults, the referenced template's spec and templateDefaults merged in.
    pub spec: WorkflowSpec,
    /// Where an absent `namespace` of a reference and the local templates' scope point to: the template whose spec this is, if it came by `workflowTemplateRef`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_template: Option<TemplateSource>,
    /// Templates of other objects, as far as they are named in the manifest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pinned: Vec<(TemplateSource, PinnedTemplates)>,
    /// The artifact repository's key format and name, as the server resolved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<Repository>,
    /// Locks of the server: its own and the namespace's parallelism.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub server_locks: Vec<crate::effect::LockRequest>,
    /// The moment a CronWorkflow meant (`workflow.scheduledTime`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_time: Option<Text>,
    /// Nodes of an earlier run whose outputs are taken over (`resubmit --memoized`): node name below the root and outputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reused: Vec<(Text, Outputs)>,
    /// Bounds that the server sets.
    #[serde(default)]
    pub limits: Limits,
}

/// The object that holds shared templates.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TemplateSource {
    /// A ClusterWorkflowTemplate.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cluster: bool,
    /// Its name.
    pub name: Text,
}

/// The templates of a WorkflowTemplate as they were when the run first met them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PinnedTemplates {
    /// Its spec.
    pub spec: WorkflowSpec,
}

/// The artifact repository of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Repository {
    /// With tags: `{{workflow.name}}/{{pod.name}}`.
    pub key_format: Text,
    /// Its settings as the server understands them; opaque to the engine.
    pub settings: serde_json::Value,
}

/// Bounds on one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// `nodes_max`.
    pub nodes: u32,
    /// `recursion_max`: how deep templates may invoke templates.
    pub recursion: u32,
    /// `items_max`: iterations of one loop.
    pub items: u32,
    /// `parameter_bytes_max`: one parameter's value.
    pub parameter_bytes: u64,
    /// `eval_fuel_max`: steps of one evaluation.
    pub eval_fuel: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { nodes: 1_000_000, recursion: 100, items: 200_000, parameter_bytes: 16 << 20, eval_fuel: 2_000_000 }
    }
}

/// What a lookup found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Found {
    /// A template object's spec.
    Templates(Box<PinnedTemplates>),
    /// A config map's value; `None` when the map or the key is not there.
    Text(Option<Text>),
}

/// A change of the run's own spec, by an update of the object or by a command.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SpecChange {
    /// `spec.suspend`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
    /// `spec.shutdown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shutdown: Option<Shutdown>,
    /// `spec.activeDeadlineSeconds`, as the moment it stands for; the inner `None` removes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Option<Timestamp>>,
    /// `spec.parallelism`; the inner `None` removes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<Option<u32>>,
    /// `spec.priority`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// The deadline has passed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub expired: bool,
}

/// How a run is ended by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shutdown {
    /// Running steps are stopped, exit handlers run.
    Stop,
    /// Everything ends, exit handlers do not run.
    Terminate,
}

/// What happened to a leaf, as its performer tells it.
#[derive(Debug, Clone, PartialEq)]
pub enum LeafEvent {
    /// It waits for something.
    Waiting(Text),
    /// Its containers run, or the request was sent.
    Running {
        /// For people.
        message: Option<Text>,
        /// Its address.
        ip: Option<Text>,
        /// Its machine.
        host: Option<Text>,
    },
    /// A daemon serves.
    Ready {
        /// Its address.
        ip: Option<Text>,
    },
    /// `N/M`.
    Progress(u64, u64),
    /// It is over.
    Ended(Box<LeafEnd>),
}

/// How a leaf ended.
#[derive(Debug, Clone, PartialEq)]
pub struct LeafEnd {
    /// Succeeded, Failed or Error.
    pub phase: NodePhase,
    /// Why.
    pub message: Text,
    /// What it left. Parameters that are evaluated by the engine (expressions) are added to these.
    pub outputs: Outputs,
    /// It may go away by itself.
    pub transient: bool,
    /// CPU milliseconds and peak memory in bytes.
    pub used: Option<(u64, u64)>,
    /// Children of a container set: name, phase, message, exit code, started, finished.
    pub containers: Vec<ContainerEnd>,
}

/// One container's end, of a container set.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerEnd {
    /// The container's name.
    pub name: Text,
    /// Its phase.
    pub phase: NodePhase,
    /// Why.
    pub message: Text,
    /// Its exit code.
    pub exit_code: Option<i32>,
}

/// A command of a person.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// Ends these suspend nodes, and lifts the run's suspension. They are named, so that the same order again does not end those that began to wait meanwhile.
    Resume {
        /// Which.
        nodes: Vec<NodeIx>,
        /// Whether the run's suspension is lifted.
        run: bool,
    },
    /// Fails these nodes.
    StopNodes(Vec<NodeIx>, Text),
    /// Supplies outputs.
    Supply {
        /// The suspend node.
        node: NodeIx,
        /// Names and values.
        parameters: Vec<Param>,
        /// Ends it with this phase.
        phase: Option<NodePhase>,
        /// Said on it.
        message: Option<Text>,
    },
    /// Runs again what failed.
    Retry {
        /// Successful ones to restart too.
        restart: Vec<NodeIx>,
        /// Only this failed node, of a run that still runs.
        only: Option<NodeIx>,
        /// Parameters given anew.
        parameters: Vec<Param>,
    },
}

/// What can happen to a run.
#[derive(Debug, Clone)]
pub enum Input {
    /// It was submitted.
    Submitted(Arc<Submission>),
    /// Its spec was changed.
    SpecChanged(SpecChange),
    /// A person's command.
    Order(Order),
    /// A leaf said something.
    Leaf(NodeIx, LeafEvent),
    /// A lookup's answer.
    LookedUp(Lookup, Result<Found, Text>),
    /// The locks are held by the node, or the run.
    Granted(Option<NodeIx>),
    /// The node, or the run, waits for its locks.
    LockWaiting(Option<NodeIx>, Text),
    /// The node, or the run, waits for a lock that never comes: its holders wait for what this run holds. It is the one to give way.
    Deadlock {
        /// Who waits.
        node: Option<NodeIx>,
        /// What the others wait for: the node, above the one that waits or itself, or the run, that is to end.
        until: Option<NodeIx>,
        /// Whether they wait for locks that this holds, and not for its slot.
        holds: bool,
        /// Who waits for whom; for people.
        message: Text,
    },
    /// The limiters let go of the locks of the node, or the run.
    Released(Option<NodeIx>),
    /// The memoization cache's answer.
    Memo(NodeIx, Option<Box<Outputs>>),
    /// The memoization cache holds the outputs.
    MemoSaved(NodeIx),
    /// The claims of `volumeClaimTemplates` are there: template name and claim name.
    Claimed(Result<Vec<(Text, Text)>, Text>),
    /// The claims are gone.
    ClaimsDeleted,
    /// Time has passed, or the last call asked to be called again.
    Wake,
}
