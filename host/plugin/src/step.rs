//! Steps of workflows.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use crate::{CallContext, ErrorClass, PluginError, Result};

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

/// An input artifact: a file, or a folder.
#[async_trait]
pub trait StepArtifact: Send + Sync {
    /// Files in it, by path; the empty path is the artifact itself when it is a file.
    async fn paths(&self) -> Result<Vec<String>>;
    /// A file's size in bytes.
    async fn size(&self, path: &str) -> Result<u64>;
    /// Up to `length` bytes of a file from `offset` on; fewer at the end.
    async fn read(&self, path: &str, offset: u64, length: u64) -> Result<Vec<u8>>;
}

/// An output artifact that is being written. Dropped before `finish`, it never was.
#[async_trait]
pub trait StepArtifactWriter: Send + Sync {
    /// Adds bytes to a file; the empty path is the artifact itself.
    async fn write(&mut self, path: &str, bytes: Vec<u8>) -> Result<()>;
    /// It is complete.
    async fn finish(&mut self) -> Result<()>;
}

/// What a step may read and write beside its answer.
#[async_trait]
pub trait StepFiles: Send + Sync {
    /// Opens an input artifact of the template, by name.
    async fn open(&self, name: &str) -> Result<Arc<dyn StepArtifact>>;
    /// Begins an output artifact of the template, by name.
    async fn create(&self, name: &str) -> Result<Box<dyn StepArtifactWriter>>;
    /// Adds to the step's log.
    fn output(&self, text: &[u8]);
}

/// The files of a step that has none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFiles;

#[async_trait]
impl StepFiles for NoFiles {
    async fn open(&self, name: &str) -> Result<Arc<dyn StepArtifact>> {
        Err(no_artifact(name, "input"))
    }

    async fn create(&self, name: &str) -> Result<Box<dyn StepArtifactWriter>> {
        Err(no_artifact(name, "output"))
    }

    fn output(&self, _: &[u8]) {}
}

/// A template without an artifact of that name.
fn no_artifact(name: &str, side: &str) -> PluginError {
    let message = format!("the template has no {side} artifact {name:?}");
    PluginError::new(ErrorClass::NotFound, "no-artifact", message)
}

/// Is a step of a workflow (Argo Workflows' executor plugins).
#[async_trait]
pub trait Step: Send + Sync {
    /// Begins it, and ends it where it can.
    async fn start(
        &self,
        call: &CallContext,
        request: &StepRequest,
        files: &Arc<dyn StepFiles>,
    ) -> Result<StepProgress>;
    /// Asks for one that was begun.
    async fn poll(
        &self,
        call: &CallContext,
        request: &StepRequest,
        files: &Arc<dyn StepFiles>,
        token: &str,
    ) -> Result<StepProgress>;
    /// Ends one before its time.
    async fn stop(&self, call: &CallContext, request: &StepRequest, token: &str) -> Result<StepProgress>;
}
