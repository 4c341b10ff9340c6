//! The runner port: start, observe and stop a unit of work.
//!
//! A unit is what Kubernetes calls a pod: the containers of one `container`, `script` or `containerSet` template, fully substituted, with its
//! volumes, the artifacts to place before and the outputs to collect after.
//!
//! ```text
//!            start                    (runs on without the server)
//!   engine ─────────► Runner ──► Started ──► [Ready] ──► [Progress]* ──► Ended
//!            stop  ─────────►            └──────────── stop ──────────────┘
//! ```
//!
//! Invariants
//! - A unit's key names one attempt for ever. Starting a key twice starts nothing more; its events are told again.
//! - `Ended` is told at least once, also after a restart of the server, until `forget`.
//! - A unit whose supervisor is gone ends as an error of class [`EndClass::Lost`]; it is never silently started again. A unit that lives in the server itself
//!   (a component of WebAssembly) has no supervisor and reaches nothing but its own files: of a server that is gone it is unknown, and begins anew.
//! - Secrets reach a unit by reference and are read just before it starts; no event, log line or file of the runner holds one.
//!
//! Must not know: engines, stores, artifact drivers' details.

use std::path::PathBuf;
use std::sync::Arc;

use artifact::Artifacts;
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use model::Object;
use model::core::Volume;
use model::workflow::{Artifact, Template};
use serde::{Deserialize, Serialize};

pub mod virtual_runner;

/// One attempt of one node: `<workflow uid>/<node id>` and, for a restarted attempt, `#n`.
pub type UnitKey = Arc<str>;

/// A unit of work.
#[derive(Clone)]
pub struct Unit {
    /// Its name for ever.
    pub key: UnitKey,
    /// The run's namespace: secrets, config maps and claims are read there.
    pub namespace: Arc<str>,
    /// The run's name.
    pub workflow_name: Arc<str>,
    /// The run's uid.
    pub workflow_uid: Arc<str>,
    /// The node's id.
    pub node_id: Arc<str>,
    /// The node's name as people see it.
    pub node_name: Arc<str>,
    /// The pod's name (Argo's version 2 form): the host name inside.
    pub pod_name: Arc<str>,
    /// Labels and annotations of the pod, for the downward API.
    pub labels: Vec<(String, String)>,
    /// See `labels`.
    pub annotations: Vec<(String, String)>,
    /// The template, substituted: `container`, `script` or `containerSet`, with `initContainers`, `sidecars`, `volumes`, `daemon`.
    pub template: Arc<Template>,
    /// The run's volumes (`spec.volumes`), and one per claim template with the claim's real name.
    pub volumes: Vec<Volume>,
    /// Input artifacts with complete locations, in the order of `template.inputs.artifacts`; an absent optional one is left out.
    pub input_artifacts: Vec<Artifact>,
    /// Output artifacts with complete locations: the repository's settings merged in and the key rendered.
    pub output_artifacts: Vec<Artifact>,
    /// Whether a container's log is also saved as an artifact (`archiveLogs`): its location with a key that ends in a folder.
    pub log_archive: Option<Artifact>,
    /// Names of the run's `imagePullSecrets`, of type `kubernetes.io/dockerconfigjson`.
    pub image_pull_secrets: Vec<String>,
    /// When it is stopped with a `DeadlineExceeded` (milliseconds since the epoch).
    pub deadline_ms: Option<i64>,
    /// Set when consumers address it by IP (`daemon`), or the run asks for it (`hostNetwork: false`).
    pub own_network: bool,
}

/// Reads the objects a unit refers to, in its namespace and nowhere else.
#[async_trait]
pub trait References: Send + Sync + 'static {
    /// A ConfigMap.
    async fn config_map(&self, namespace: &str, name: &str) -> Option<Arc<Object>>;
    /// A Secret. Its data is sealed: see `model::Secret`.
    async fn secret(&self, namespace: &str, name: &str) -> Option<Arc<Object>>;
    /// A PersistentVolumeClaim.
    async fn claim(&self, namespace: &str, name: &str) -> Option<Arc<Object>>;
}

/// What a runner is built with, beside its own settings.
#[derive(Clone)]
pub struct Environment {
    /// Objects a unit refers to.
    pub references: Arc<dyn References>,
    /// Moves artifacts.
    pub artifacts: Arc<dyn Artifacts>,
    /// Where events go. Bounded: a runner waits when it is full.
    pub events: tokio::sync::mpsc::Sender<UnitEvent>,
    /// Where logs and volumes are kept.
    pub data_dir: PathBuf,
}

/// Something happened to a unit.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitEvent {
    /// Which unit.
    pub key: UnitKey,
    /// When, in milliseconds since the epoch, by the runner's clock.
    pub at_ms: i64,
    /// What.
    pub what: UnitHappening,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum UnitHappening {
    /// Waiting for something that may come, or preparing: an image being pulled, a claim that is not there yet.
    Waiting {
        /// For people.
        message: String,
    },
    /// Its containers run. `message` says which root it runs on (image digest, or the machine's own).
    Started {
        /// For people.
        message: String,
        /// The address consumers use, where it has one of its own.
        ip: Option<String>,
        /// The machine's name.
        host: Option<String>,
    },
    /// A daemon's readiness probe passed (or it has none and it started).
    Ready {
        /// The address consumers use.
        ip: Option<String>,
    },
    /// `N/M` as the step wrote it to `$ARGO_PROGRESS_FILE`.
    Progress {
        /// Done.
        done: u64,
        /// Of how many.
        total: u64,
    },
    /// It is over.
    Ended(Box<UnitResult>),
}

/// How a unit ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnitResult {
    /// Succeeded, failed (the step's doing) or error (the system's).
    pub phase: EndPhase,
    /// Why, for retries and metrics.
    pub class: EndClass,
    /// For people: what failed, on what, what to do. Empty on success.
    pub message: String,
    /// The main container's exit code, where there was one.
    pub exit_code: Option<i32>,
    /// Each container's end.
    pub containers: Vec<ContainerResult>,
    /// `outputs.result`: the end of the main container's standard output (`result_bytes_max`), trailing newline trimmed.
    pub result: Option<String>,
    /// Output parameters read by path: name and value, in order; a value that was missing and had no default is an error of the unit.
    pub parameters: Vec<(String, String)>,
    /// Output artifacts that were saved, by name with their complete location.
    pub artifacts: Vec<Artifact>,
    /// CPU milliseconds used, where known.
    pub cpu_ms: Option<u64>,
    /// Peak memory in bytes, where known.
    pub memory_peak_bytes: Option<u64>,
    /// When its containers started (milliseconds since the epoch).
    pub started_ms: Option<i64>,
    /// When it ended.
    pub finished_ms: i64,
}

/// A container's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerResult {
    /// Its name: `main`, a sidecar's, a container set's.
    pub name: String,
    /// Its exit code, if it ran.
    pub exit_code: Option<i32>,
    /// For people.
    pub message: String,
    /// Milliseconds since the epoch.
    pub started_ms: Option<i64>,
    /// Milliseconds since the epoch.
    pub finished_ms: Option<i64>,
}

/// The end's colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndPhase {
    /// All went well.
    Succeeded,
    /// The step said no: a non-zero exit code, a missing output.
    Failed,
    /// The system could not: no image, lost, artifact repository down.
    Error,
}

/// Why it ended so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndClass {
    /// As it should.
    None,
    /// A non-zero exit code.
    ExitCode,
    /// Killed for memory.
    OutOfMemory,
    /// Its deadline passed.
    DeadlineExceeded,
    /// It was asked to stop.
    Stopped,
    /// Its supervisor is gone: nobody knows how it went.
    Lost,
    /// No image, no volume, no secret: it never began. The message names it.
    CouldNotStart,
    /// An artifact could not be loaded or saved.
    Artifact,
    /// Something that may go away by itself (network, repository load): retried under `OnTransientError`.
    Transient,
}

/// Which part of a log.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// The container; `main` when absent.
    pub container: Option<String>,
    /// Go on until the container ends.
    pub follow: bool,
    /// Only the last so many lines.
    pub tail_lines: Option<u64>,
    /// Only lines written at or after (milliseconds since the epoch).
    pub since_ms: Option<i64>,
    /// At most so many bytes.
    pub limit_bytes: Option<u64>,
    /// The log before the last restart of the container.
    pub previous: bool,
}

/// One line of a log, or a part of one that is too long to be held at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The container that wrote it.
    pub container: Arc<str>,
    /// When (milliseconds since the epoch).
    pub at_ms: i64,
    /// The text without its newline.
    pub text: Bytes,
}

/// Takes the log of a step as it comes. Dropped, the log is over.
pub trait StepLog: Send + Sync + 'static {
    /// Adds a piece, of any length.
    fn write(&self, text: &[u8]);
}

/// A log that nobody keeps.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLog;

impl StepLog for NoLog {
    fn write(&self, _: &[u8]) {}
}

/// Why a runner refused.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// This unit cannot run here, now or later.
    #[error("{unit}: {reason}")]
    Refused {
        /// The unit's key.
        unit: String,
        /// What it asked for and what to do.
        reason: String,
    },
    /// No such unit or log.
    #[error("{unit}: nothing is known of it")]
    Unknown {
        /// The unit's key.
        unit: String,
    },
    /// The runner itself has trouble; try again.
    #[error("{unit}: {reason}")]
    Unavailable {
        /// The unit's key.
        unit: String,
        /// What happened.
        reason: String,
        /// The cause.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

/// The runner port.
#[async_trait]
pub trait Runner: Send + Sync + 'static {
    /// Its name in messages and metrics: `virtual`, `local`, `kube`.
    fn name(&self) -> &'static str;

    /// Accepts a unit and returns at once; all else comes as events. Idempotent by key.
    async fn start(&self, unit: Unit) -> Result<(), RunnerError>;

    /// Asks a unit to stop: TERM, then KILL after the grace period; it then tells `Ended` with [`EndClass::Stopped`]. Of an unknown unit, tells `Ended` as lost.
    async fn stop(&self, key: &UnitKey, grace_ms: u64) -> Result<(), RunnerError>;

    /// After a restart: finds the units that are still there and tells their events from now on (`Ended` for those that ended meanwhile).
    /// Answers the keys it knows; every other one that the engine thinks is running is lost.
    async fn adopt(&self) -> Result<Vec<UnitKey>, RunnerError>;

    /// Reads a container's log, while it runs and afterwards.
    async fn logs(
        &self,
        key: &UnitKey,
        query: LogQuery,
    ) -> Result<BoxStream<'static, Result<LogLine, RunnerError>>, RunnerError>;

    /// Its result is stored: all but the logs may go.
    async fn release(&self, key: &UnitKey) -> Result<(), RunnerError>;

    /// The run is deleted: everything of its units may go, logs too, and folders of its claims.
    async fn forget(&self, workflow_uid: &str) -> Result<(), RunnerError>;

    /// Containers that `logs` knows for a unit.
    async fn containers(&self, key: &UnitKey) -> Result<Vec<String>, RunnerError>;

    /// Where a step that somebody else does writes its log: `logs` then knows it as that of the unit's container `main`, until `forget`.
    fn log(&self, _key: &UnitKey) -> Arc<dyn StepLog> {
        Arc::new(NoLog)
    }
}
