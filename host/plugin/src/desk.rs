//! What operators ask about plugins, beside what engines ask of them.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use serde::Serialize;
use serde_json::Value;

use crate::{CallContext, Finding, Info, Kind, ObjectRef, Plugins, Result};

/// What is known of a component.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// Of its content, `sha256:…`.
    pub digest: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// What it says about itself.
    #[serde(flatten)]
    pub info: Arc<Info>,
    /// What it imports.
    pub imports: Vec<String>,
    /// Needs that no grant meets.
    pub missing_grants: Vec<MissingGrant>,
}

/// A need that no grant meets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissingGrant {
    /// The line of `spec.grants` that would meet it.
    pub grant: String,
    /// Why the plugin needs it.
    pub why: String,
    /// Whether it does part of its work without.
    pub optional: bool,
}

/// Counts of calls since a component is in service.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Numbers {
    /// Calls that ended.
    pub calls: u64,
    /// Calls that ended with an error of the plugin.
    pub errors: u64,
    /// Calls that the host ended, or that trapped.
    pub killed: u64,
    /// Of the last calls (s).
    pub p50_seconds: f64,
    /// Of the last calls (s).
    pub p99_seconds: f64,
    /// The last error, if there was one.
    pub last_error: Option<String>,
}

/// How much a line of a log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Something went wrong.
    Error,
    /// Something may go wrong.
    Warn,
    /// Worth knowing.
    Info,
    /// For those who look for a fault.
    Debug,
    /// Every detail.
    Trace,
}

/// A line of a plugin's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The plugin.
    pub plugin: Arc<str>,
    /// For which object.
    pub object: ObjectRef,
    /// When (ms since the epoch).
    pub at_ms: i64,
    /// How much it matters.
    pub level: LogLevel,
    /// The line.
    pub message: String,
    /// Names and values.
    pub fields: Vec<(String, String)>,
}

/// The plugins in service, for operators.
#[async_trait]
pub trait Desk: Plugins {
    /// The names of those in service, sorted.
    fn names(&self) -> Vec<Arc<str>>;
    /// What is known of one, and how its calls went.
    fn report(&self, name: &str) -> Result<(Facts, Numbers)>;
    /// What a component is, without taking it into service and without any grant.
    async fn inspect(&self, component: bytes::Bytes) -> Result<Facts>;
    /// What the schema of a plugin in service finds wrong with a configuration as it stands in a template: values that hold `{{` are not judged,
    /// since they are not known yet. Nothing of a plugin that is not there, or not of that kind. Calls no plugin.
    fn schema_findings(&self, name: &str, kind: Kind, config: &Value) -> Vec<Finding>;
    /// Asks a plugin about a configuration, which its schema has passed.
    async fn check_config(&self, name: &str, kind: Kind, call: &CallContext, config: &Value) -> Result<Vec<Finding>>;
    /// The last lines of a plugin's log, and, to follow it, what comes.
    fn logs(&self, name: &str, follow: bool) -> Result<BoxStream<'static, LogLine>>;
}
