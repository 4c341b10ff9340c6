//! What the edges ask of the running engines: commands to a run, its nodes, its full status, its logs.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use model::Object;
use model::workflow::{NodePhase, NodeStatus, WorkflowStatus};
use runner::{LogLine, LogQuery};

/// A command to one workflow run. Acknowledged when it is committed.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// No new steps; running ones go on until their end is known; exit handlers run. With a selector: only the matching nodes are stopped.
    Stop {
        /// Which nodes (`displayName=approve,templateName=x`), or all.
        node_selector: Option<String>,
        /// Said on the stopped nodes.
        message: Option<String>,
    },
    /// Ends at once, without exit handlers.
    Terminate,
    /// Starts nothing new until resumed.
    Suspend,
    /// Goes on; with a selector, only the matching suspend nodes.
    Resume {
        /// Which suspend nodes, or all.
        node_selector: Option<String>,
    },
    /// Gives a suspend node its supplied outputs and, optionally, its phase.
    Set {
        /// Which suspend nodes; exactly one must match when outputs are given.
        node_selector: String,
        /// Output parameters: name and value.
        parameters: Vec<(String, String)>,
        /// A final phase, to end the node with it.
        phase: Option<NodePhase>,
        /// Said on the node.
        message: Option<String>,
    },
    /// Runs a finished run again from its failed steps (or one failed node of a run that still runs).
    Retry {
        /// Also restart successful nodes that the selector matches.
        restart_successful: bool,
        /// Which successful nodes to restart.
        node_selector: Option<String>,
        /// Parameters to override: name and value.
        parameters: Vec<(String, String)>,
    },
}

/// Why a command was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No such run.
    #[error("workflow {namespace}/{name} not found")]
    NotFound {
        /// The namespace.
        namespace: String,
        /// The name.
        name: String,
    },
    /// The run is not in a state for it.
    #[error("workflow {namespace}/{name}: {reason}")]
    Refused {
        /// The namespace.
        namespace: String,
        /// The name.
        name: String,
        /// Why, and what to do instead.
        reason: String,
    },
    /// The store or the runner cannot serve now.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The runner said no.
    #[error(transparent)]
    Runner(#[from] runner::RunnerError),
    /// The server is stopping.
    #[error("the server is stopping; ask again when it is back")]
    Stopping,
}

/// A page of a run's nodes, in the order in which they came to be.
#[derive(Debug, Clone)]
pub struct NodePage {
    /// The nodes.
    pub nodes: Vec<NodeStatus>,
    /// Hand this back for the next page.
    pub continue_token: Option<String>,
    /// The run's journal position that this page shows: a node watch resumes from it.
    pub position: u64,
}

/// Which runs of a schedule are made up for, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backfill {
    /// Scheduled at or after (milliseconds since the epoch).
    pub from_ms: i64,
    /// Scheduled before (milliseconds since the epoch).
    pub until_ms: i64,
    /// All at once instead of one after the other.
    pub parallel: bool,
    /// What the runs' names begin with, instead of the schedule's name.
    pub name: Option<String>,
    /// The argument that gets the scheduled time, and the layout (of Go's time package) in which it is written.
    pub argument: Option<(String, String)>,
}

/// The log of a node's pod, or of one of its containers.
pub struct NodeLog {
    /// The pod's node: its full name.
    pub pod_name: String,
    /// … and its name for people.
    pub pod_display_name: String,
    /// The containers of a container set, each of which is a node of its own once the pod is over: `<pod_name>.<container>`.
    pub set: Vec<String>,
    /// The lines.
    pub lines: BoxStream<'static, Result<LogLine, ControlError>>,
}

/// What a node watch tells.
#[derive(Debug, Clone)]
pub enum NodeEvent {
    /// These nodes are new or changed, as of `position`. The run's own phase, progress and message come along.
    Changed {
        /// The nodes.
        nodes: Vec<NodeStatus>,
        /// The run's summary: status without `nodes`.
        summary: Box<WorkflowStatus>,
        /// The journal position.
        position: u64,
    },
    /// The run ended; nothing more will come.
    Ended {
        /// The run's summary.
        summary: Box<WorkflowStatus>,
    },
}

/// The engines as the api sees them.
#[async_trait]
pub trait Control: Send + Sync + 'static {
    /// Creates a run's object and begins the run: in one commit, where that can be. `None`: nothing was done, create it as any object.
    async fn create(&self, object: &Object) -> store::Result<Option<Arc<Object>>> {
        let _ = object;
        Ok(None)
    }

    /// Commits a command to a run.
    async fn command(&self, namespace: &str, name: &str, command: Command) -> Result<(), ControlError>;

    /// A page of its nodes, at most `limit` (bounded by `nodes_page_max`), filtered by a field selector (`phase=Failed,templateName=x`).
    async fn nodes(
        &self,
        namespace: &str,
        name: &str,
        selector: Option<&str>,
        limit: u32,
        continue_token: Option<&str>,
    ) -> Result<NodePage, ControlError>;

    /// Node deltas: all nodes first (in pages), then each change; ends with the run.
    async fn watch_nodes(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<BoxStream<'static, Result<NodeEvent, ControlError>>, ControlError>;

    /// Argo's full status, nodes included: assembled for this call.
    async fn full_status(&self, namespace: &str, name: &str) -> Result<Arc<WorkflowStatus>, ControlError>;

    /// Waits until the run has ended (and its end is durable); answers its summary.
    async fn wait(&self, namespace: &str, name: &str) -> Result<Arc<WorkflowStatus>, ControlError>;

    /// The log of one node (by node id): of the container that the query names, of all with `*`, and without one of `main`, which means all
    /// containers of a container set.
    async fn logs(&self, namespace: &str, name: &str, node_id: &str, query: LogQuery) -> Result<NodeLog, ControlError>;

    /// Runs that are scheduled between two moments and were not run: `cron backfill`. Answers the names of the runs it created.
    async fn backfill(&self, namespace: &str, cron_workflow: &str, how: Backfill) -> Result<Vec<String>, ControlError>;
}
