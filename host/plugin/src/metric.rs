//! Metric providers.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use crate::{CallContext, Result};

/// How a measurement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricPhase {
    /// It is under way.
    Running,
    /// There is a value, for the metric's conditions to decide on.
    Measured,
    /// The provider itself says that it is good.
    Successful,
    /// The provider itself says that it is bad.
    Failed,
    /// It cannot be told.
    Inconclusive,
}

/// What is to be measured.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricRequest {
    /// The provider's configuration, with arguments filled in.
    pub config: Value,
    /// The metric's name.
    pub metric: String,
    /// When it was begun (ms since the epoch); the same in all calls of a measurement.
    pub started_ms: u64,
}

/// A measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// How it stands.
    pub phase: MetricPhase,
    /// The value (`result` in conditions); `null` while there is none.
    pub value: Value,
    /// For people.
    pub message: String,
    /// When to ask again, while it is running.
    pub resume_after: Option<Duration>,
    /// What `resume` and `terminate` are given.
    pub token: Option<String>,
    /// Names and values that are kept with the measurement.
    pub metadata: Vec<(String, String)>,
}

/// Measures something for an analysis (Argo Rollouts' metric providers).
#[async_trait]
pub trait MetricProvider: Send + Sync {
    /// Begins a measurement, and ends it where it can.
    async fn run(&self, call: &CallContext, request: &MetricRequest) -> Result<Measurement>;
    /// Asks for one that was begun.
    async fn resume(&self, call: &CallContext, request: &MetricRequest, token: &str) -> Result<Measurement>;
    /// Ends one that nobody needs any more.
    async fn terminate(&self, call: &CallContext, request: &MetricRequest, token: &str) -> Result<Measurement>;
    /// What is kept with the run, once: names and values.
    async fn metadata(&self, call: &CallContext, config: &Value) -> Result<Vec<(String, String)>>;
}
