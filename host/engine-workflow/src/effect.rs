//! What a run asks of the world. Each has a stable key: performing it twice is harmless.

use std::sync::Arc;

use model::Timestamp;
use model::core::Volume;
use model::workflow::{Artifact, Template};
use serde::{Deserialize, Serialize};

use crate::input::TemplateSource;
use crate::state::NodeIx;
use crate::values::{Outputs, Text};

/// What a run asks of the world.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Start a leaf. Answered by [`crate::LeafEvent::Ended`] in the end.
    Start(Box<LeafStart>),
    /// Stop a leaf.
    Stop {
        /// The leaf.
        node: NodeIx,
        /// No grace.
        kill: bool,
    },
    /// Look something up.
    Lookup(Lookup),
    /// Get all these locks for the node, or the run: in order of their keys, waiting for each.
    Acquire {
        /// The holder.
        node: Option<NodeIx>,
        /// Which, in order.
        locks: Vec<LockRequest>,
        /// The run's priority.
        priority: i32,
        /// When the run was created: equal priorities go by age.
        created: Timestamp,
    },
    /// Give the locks of the node, or the run, back; also those that were asked for and not yet granted.
    Release {
        /// The holder.
        node: Option<NodeIx>,
        /// Which.
        locks: Vec<LockRequest>,
    },
    /// Ask the memoization cache.
    MemoLoad {
        /// For this node.
        node: NodeIx,
        /// The config map's name.
        cache: Text,
        /// The key in it.
        key: Text,
        /// Entries older than that do not count (milliseconds).
        max_age_ms: Option<i64>,
    },
    /// Keep outputs in the memoization cache.
    MemoSave {
        /// Of this node.
        node: NodeIx,
        /// The config map's name.
        cache: Text,
        /// The key in it.
        key: Text,
        /// What is kept.
        outputs: Box<Outputs>,
    },
    /// Create the claims of `volumeClaimTemplates`.
    CreateClaims,
    /// Delete them.
    DeleteClaims,
}

/// Something outside that a node needs before it can begin.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Lookup {
    /// A WorkflowTemplate's templates, pinned when they come.
    #[serde(rename = "t")]
    Template(TemplateSource),
    /// A config map's value, read anew for each use.
    #[serde(rename = "c")]
    ConfigMapKey {
        /// The config map.
        #[serde(rename = "n")]
        name: Text,
        /// The key.
        #[serde(rename = "k")]
        key: Text,
        /// The use: which invocation asks.
        #[serde(rename = "u")]
        usage: Usage,
    },
}

/// Which piece of work asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Usage {
    /// The run's own parameters.
    #[serde(rename = "r")]
    Run,
    /// A piece of queued work.
    #[serde(rename = "w")]
    Work(crate::state::Todo),
}

/// A lock that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LockRequest {
    /// What kind.
    pub kind: LockKind,
    /// Its name, unique within the kind: `namespace/name`, or `namespace/configmap/key`.
    pub key: Text,
}

/// What kind of lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LockKind {
    /// One holder. `namespace/name`.
    Mutex,
    /// As many holders as the config map's value says. `namespace/configmap/key`.
    Semaphore,
    /// One holder, in the locks database. `namespace/name`.
    DatabaseMutex,
    /// As many holders as the locks database says. `namespace/key`.
    DatabaseSemaphore,
    /// The server's or a namespace's `parallelism`: the namespace, or empty for the server.
    Parallelism,
}

/// A leaf to be started.
#[derive(Debug, Clone)]
pub struct LeafStart {
    /// The run's volumes, with their tags filled in.
    pub volumes: Vec<Volume>,
    /// The node.
    pub node: NodeIx,
    /// The node's id as people know it.
    pub id: Text,
    /// The node's full name.
    pub name: Text,
    /// The pod's name.
    pub pod_name: Text,
    /// The template with all tags substituted.
    pub template: Arc<Template>,
    /// Input artifacts with their locations.
    pub artifacts: Vec<Artifact>,
    /// The rendered key format below which outputs without a key of their own go.
    pub key_prefix: Text,
    /// When it is to be stopped.
    pub deadline: Option<Timestamp>,
    /// Whether logs are archived (`archiveLogs`).
    pub archive_logs: bool,
    /// Real names of the run's claims: template name and claim name.
    pub claims: Vec<(Text, Text)>,
}

impl Effect {
    /// The effect's key within its run.
    pub fn key(&self) -> String {
        fn holder(node: &Option<NodeIx>) -> String {
            node.map_or_else(|| "run".to_owned(), |n| n.to_string())
        }
        match self {
            Self::Start(start) => format!("start/{}", start.node),
            Self::Stop { node, kill } => format!("stop/{node}/{kill}"),
            Self::Lookup(what) => format!("lookup/{what:?}"),
            Self::Acquire { node, .. } => format!("acquire/{}", holder(node)),
            Self::Release { node, .. } => format!("release/{}", holder(node)),
            Self::MemoLoad { node, .. } => format!("memoload/{node}"),
            Self::MemoSave { node, .. } => format!("memosave/{node}"),
            Self::CreateClaims => "claims".to_owned(),
            Self::DeleteClaims => "unclaim".to_owned(),
        }
    }
}
