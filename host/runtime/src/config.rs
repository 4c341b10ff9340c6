//! What the loop is started with.

use std::sync::Arc;
use std::time::Duration;

use artifact::Artifacts;
use model::workflow::{Artifact, WorkflowSpec};
use plugin::Plugins;
use runner::{Runner, UnitEvent};
use serde_json::Value;
use store::journal::Journal;
use store::objects::Objects;
use tokio::sync::mpsc;

use crate::clock::SharedClock;
use crate::requests::Requests;

/// The ports and settings of one runtime.
pub struct RuntimeConfig {
    /// Objects.
    pub objects: Arc<dyn Objects>,
    /// Journals.
    pub journal: Arc<dyn Journal>,
    /// Runs steps.
    pub runner: Arc<dyn Runner>,
    /// What the runner tells; the other end is in [`runner::Environment`].
    pub unit_events: mpsc::Receiver<UnitEvent>,
    /// Moves artifacts.
    pub artifacts: Arc<dyn Artifacts>,
    /// Understands artifact repositories.
    pub repositories: Arc<dyn Repositories>,
    /// The one way out for `http` templates.
    pub requests: Arc<dyn Requests>,
    /// Does steps of `plugin` templates.
    pub plugins: Arc<dyn Plugins>,
    /// Evaluates jq programs where a program that does not end can be ended.
    pub jq: Arc<dyn Jq>,
    /// The time.
    pub clock: SharedClock,
    /// Settings.
    pub settings: Settings,
    /// This server's generation: grows with each start on the same store, so that an older server is fenced.
    pub generation: u64,
}

/// Controller settings, as Argo's users know them.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `parallelism`: runs at once on this server.
    pub parallelism: Option<u32>,
    /// `namespaceParallelism`: runs at once in one namespace.
    pub namespace_parallelism: Option<u32>,
    /// `resourceRateLimit`: starts of steps per second, and how many at once beyond that.
    pub start_rate: Option<(f64, u32)>,
    /// `workflowDefaults`: metadata and spec for what a run does not say itself.
    pub workflow_defaults: Option<WorkflowDefaults>,
    /// `workflowRestrictions.templateReferencing`.
    pub template_referencing: Option<TemplateReferencing>,
    /// `retentionPolicy`: how many finished runs are kept, by phase.
    pub retention: Retention,
    /// `artifactRepository`: settings of the default one, as its ConfigMap would say them.
    pub artifact_repository: Value,
    /// Bounds on one run.
    pub limits: engine_workflow::Limits,
    /// How often a running object's status is written at most.
    pub status_interval: Duration,
    /// The time zone of cron schedules that name none; `UTC` when empty.
    pub timezone: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            parallelism: None,
            namespace_parallelism: None,
            start_rate: None,
            workflow_defaults: None,
            template_referencing: None,
            retention: Retention::default(),
            artifact_repository: Value::Object(serde_json::Map::new()),
            limits: engine_workflow::Limits::default(),
            status_interval: Duration::from_secs(1),
            timezone: String::new(),
        }
    }
}

/// What runs are given that do not say it themselves.
#[derive(Debug, Clone, Default)]
pub struct WorkflowDefaults {
    /// Labels.
    pub labels: Vec<(String, String)>,
    /// Annotations.
    pub annotations: Vec<(String, String)>,
    /// The spec.
    pub spec: WorkflowSpec,
}

/// Which runs are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateReferencing {
    /// Only those with a `workflowTemplateRef`.
    Strict,
    /// Those, and the version that a run started with is kept for its retries.
    Secure,
}

/// How many finished runs are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Succeeded ones.
    pub completed: Option<u32>,
    /// Failed ones.
    pub failed: Option<u32>,
    /// Errored ones.
    pub errored: Option<u32>,
}

/// Understands the settings of artifact repositories; drivers are behind it.
pub trait Repositories: Send + Sync + 'static {
    /// Checks settings; answers the key format.
    fn key_format(&self, settings: &Value) -> Result<String, String>;
    /// Completes an artifact: the repository's settings merged in, the key made below `prefix` unless it has one.
    fn locate(&self, settings: &Value, artifact: &Artifact, prefix: &str) -> Result<Artifact, String>;
}

/// Evaluates jq programs under limits.
#[async_trait::async_trait]
pub trait Jq: Send + Sync + 'static {
    /// The results of `program` on the JSON text `input`, each as JSON text.
    async fn eval(&self, program: &str, input: &str) -> Result<Vec<String>, String>;
}
