//! How far one node of a run is (`status.nodes[id]`), in Argo's shape.

use std::collections::BTreeMap;

use super::{Inputs, Outputs, TemplateRef};
use crate::values::Timestamp;

record! {
    /// How far one node of a run is.
    pub struct NodeStatus {
        /// Made from the name; see [`crate::names::node_id`].
        pub id: Box<str>,
        /// The name in the tree, such as `run[0].build(1:amd64)`.
        pub name: Box<str>,
        /// The name for people, unique in its boundary.
        pub display_name: Box<str>,
        /// What it is.
        pub r#type: Option<NodeType>,
        /// The template.
        pub template_name: Box<str>,
        /// The template of another object.
        pub template_ref: Option<Box<TemplateRef>>,
        /// The object that holds the template, such as `local/run`.
        pub template_scope: Box<str>,
        /// The phase.
        pub phase: NodePhase,
        /// The node of the enclosing steps or DAG.
        #[serde(rename = "boundaryID")]
        pub boundary_id: Box<str>,
        /// Why it is in its phase, for people.
        pub message: Box<str>,
        /// When it began.
        pub started_at: Option<Timestamp>,
        /// When it ended.
        pub finished_at: Option<Timestamp>,
        /// How long it is thought to take, in seconds.
        pub estimated_duration: i64,
        /// Steps done and all steps below, such as `3/7`.
        pub progress: Box<str>,
        /// Resources used, in seconds by resource.
        pub resources_duration: BTreeMap<String, i64>,
        /// The pod's address.
        #[serde(rename = "podIP")]
        pub pod_ip: Box<str>,
        /// It serves the steps that follow.
        pub daemoned: Option<bool>,
        /// How it came to be.
        pub node_flag: Option<NodeFlag>,
        /// What it was given.
        pub inputs: Option<Box<Inputs>>,
        /// What it gave.
        pub outputs: Option<Box<Outputs>>,
        /// Ids of the nodes that follow or lie below.
        pub children: Vec<Box<str>>,
        /// Ids of the nodes below from which the next step follows.
        pub outbound_nodes: Vec<Box<str>>,
        /// The machine.
        pub host_node_name: Box<str>,
        /// Whether outputs were taken from a cache.
        pub memoization_status: Option<Box<MemoizationStatus>>,
        /// The lock that it waits for.
        pub synchronization_status: Option<Box<NodeSynchronizationStatus>>,
        /// Its result is known.
        pub task_result_synced: Option<bool>,
        /// How often its pod was started again before its main container began.
        pub failed_pod_restarts: i32,
        /// The pod that is being replaced.
        #[serde(rename = "restartingPodUID")]
        pub restarting_pod_uid: Box<str>,
    }

    /// How a node came to be.
    pub struct NodeFlag {
        /// By a lifecycle hook.
        pub hooked: bool,
        /// By a retry.
        pub retried: bool,
    }

    /// Whether outputs were taken from a cache.
    pub struct MemoizationStatus {
        /// They were.
        pub hit: bool,
        /// The key.
        pub key: String,
        /// The cache.
        pub cache_name: String,
    }

    /// The lock that a node waits for.
    pub struct NodeSynchronizationStatus {
        /// Its name.
        pub waiting: String,
    }
}

words! {
    /// What a node is.
    pub enum NodeType {
        /// A pod.
        Pod = "Pod",
        /// A container of a container set.
        Container = "Container",
        /// Lists of steps.
        Steps = "Steps",
        /// Steps that run at the same time.
        StepGroup = "StepGroup",
        /// A graph.
        Dag = "DAG",
        /// The repetitions of a task.
        TaskGroup = "TaskGroup",
        /// The tries of a node.
        Retry = "Retry",
        /// A node that did not run.
        Skipped = "Skipped",
        /// A wait.
        Suspend = "Suspend",
        /// A request.
        Http = "HTTP",
        /// A plugin.
        Plugin = "Plugin",
    }

    /// The phase of a node.
    #[derive(Default)]
    pub enum NodePhase {
        /// Not looked at yet.
        #[default]
        Unknown = "",
        /// Waits.
        Pending = "Pending",
        /// Runs.
        Running = "Running",
        /// Ended well.
        Succeeded = "Succeeded",
        /// Its condition did not hold.
        Skipped = "Skipped",
        /// Its step failed.
        Failed = "Failed",
        /// The server, the machine or the spec failed.
        Error = "Error",
        /// What it depends on can no longer come.
        Omitted = "Omitted",
    }
}

impl NodePhase {
    /// True once the node has ended.
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Succeeded | Self::Skipped | Self::Failed | Self::Error | Self::Omitted)
    }
}
