//! Steps of workflows.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use crate::{CallContext, Result};

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepPhase {
    /// It is under way.
    Running,
    /// It is over, and good.
    Succeeded,
    /// It is over, and not.
    Failed,
    /// It could not be done.
    Error,
}

/// What a step is given.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRequest {
    /// The part of the template's `plugin` object under the plugin's name.
    pub config: Value,
    /// The workflow's uid.
    pub workflow_uid: String,
    /// The node's id; with the workflow's uid, a key for what must not be done twice.
    pub node: String,
    /// The template's name.
    pub template: String,
    /// Input parameters.
    pub parameters: Vec<(String, String)>,
    /// The names of the input artifacts.
    pub artifacts: Vec<String>,
}

/// How a step stands, and what it left.
#[derive(Debug, Clone, PartialEq)]
pub struct StepProgress {
    /// How it stands.
    pub phase: StepPhase,
    /// For people.
    pub message: String,
    /// Output parameters.
    pub parameters: Vec<(String, String)>,
    /// The step's result.
    pub result: Option<String>,
    /// How much is done, of how much.
    pub progress: (u64, u64),
    /// When to ask again.
    pub poll_after: Option<Duration>,
    /// What `poll` and `stop` are given.
    pub token: Option<String>,
}

/// Is a step of a workflow (Argo Workflows' executor plugins).
#[async_trait]
pub trait Step: Send + Sync {
    /// Begins it, and ends it where it can.
    async fn start(&self, call: &CallContext, request: &StepRequest) -> Result<StepProgress>;
    /// Asks for one that was begun.
    async fn poll(&self, call: &CallContext, request: &StepRequest, token: &str) -> Result<StepProgress>;
    /// Ends one before its time.
    async fn stop(&self, call: &CallContext, request: &StepRequest, token: &str) -> Result<StepProgress>;
}
