//! How far a run is (`status`).

use indexmap::IndexMap;
use std::collections::BTreeMap;

use super::{NodeStatus, Outputs, Template, WorkflowSpec};
use crate::core::Volume;
use crate::meta::Condition;
use crate::values::{Raw, Timestamp};

record! {
    /// How far a run is.
    pub struct WorkflowStatus {
        /// The phase.
        pub phase: WorkflowPhase,
        /// When it began.
        pub started_at: Option<Timestamp>,
        /// When it ended.
        pub finished_at: Option<Timestamp>,
        /// How long it is thought to take, in seconds.
        pub estimated_duration: i64,
        /// Steps done and all steps, such as `3/7`.
        pub progress: String,
        /// Why it is in its phase, for people.
        pub message: String,
        /// The nodes, packed (Argo's form for large runs; read only).
        pub compressed_nodes: String,
        /// The nodes by id.
        pub nodes: IndexMap<String, NodeStatus>,
        /// Argo's mark of nodes kept elsewhere (read only).
        pub offload_node_status_version: String,
        /// Templates of other objects, as they were when the run began.
        pub stored_templates: BTreeMap<String, Template>,
        /// Volumes made for the run.
        pub persistent_volume_claims: Vec<Volume>,
        /// Outputs known to the whole run.
        pub outputs: Option<Box<Outputs>>,
        /// Observations.
        pub conditions: Vec<Condition>,
        /// Resources used, in seconds by resource.
        pub resources_duration: BTreeMap<String, i64>,
        /// The spec as it was when the run began, templates and defaults included.
        pub stored_workflow_template_spec: Option<Box<WorkflowSpec>>,
        /// Locks held and waited for.
        pub synchronization: Option<Box<SynchronizationStatus>>,
        /// The artifact repository.
        pub artifact_repository_ref: Option<Box<ArtifactRepositoryRefStatus>>,
        /// How far artifacts are deleted.
        #[serde(rename = "artifactGCStatus")]
        pub artifact_gc_status: Option<Box<ArtifactGcStatus>>,
        /// Nodes whose results are known.
        pub task_results_completion_status: BTreeMap<String, bool>,
    }

    /// Locks held and waited for.
    pub struct SynchronizationStatus {
        /// Semaphores.
        pub semaphore: Option<SemaphoreStatus>,
        /// Mutexes.
        pub mutex: Option<MutexStatus>,
    }

    /// Semaphores held and waited for.
    pub struct SemaphoreStatus {
        /// Held.
        pub holding: Vec<SemaphoreHolding>,
        /// Waited for.
        pub waiting: Vec<SemaphoreHolding>,
    }

    /// One semaphore and its holders.
    pub struct SemaphoreHolding {
        /// Its name.
        pub semaphore: String,
        /// Runs or nodes.
        pub holders: Vec<String>,
    }

    /// Mutexes held and waited for.
    pub struct MutexStatus {
        /// Held.
        pub holding: Vec<MutexHolding>,
        /// Waited for.
        pub waiting: Vec<MutexHolding>,
    }

    /// One mutex and its holder.
    pub struct MutexHolding {
        /// Its name.
        pub mutex: String,
        /// A run or node.
        pub holder: String,
    }

    /// The artifact repository in use.
    pub struct ArtifactRepositoryRefStatus {
        /// The ConfigMap.
        pub config_map: String,
        /// The key.
        pub key: String,
        /// The ConfigMap's namespace.
        pub namespace: String,
        /// The server's own is used.
        pub default: bool,
        /// What it says.
        pub artifact_repository: Option<Raw>,
    }

    /// How far artifacts are deleted.
    pub struct ArtifactGcStatus {
        /// Strategies whose work has begun.
        pub strategies_processed: BTreeMap<String, bool>,
        /// Pods whose results are known.
        pub pods_recouped: BTreeMap<String, bool>,
        /// Nothing is to be deleted.
        pub not_specified: bool,
    }
}

words! {
    /// The phase of a run.
    #[derive(Default)]
    pub enum WorkflowPhase {
        /// Not looked at yet.
        #[default]
        Unknown = "",
        /// Waits.
        Pending = "Pending",
        /// Runs.
        Running = "Running",
        /// Ended well.
        Succeeded = "Succeeded",
        /// Ended because a step failed.
        Failed = "Failed",
        /// Ended because of the server, the machine or the spec.
        Error = "Error",
    }
}

impl WorkflowPhase {
    /// True once the run has ended.
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Error)
    }
}
