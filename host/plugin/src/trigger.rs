//! Triggers.

use async_trait::async_trait;
use serde_json::Value;

use crate::{CallContext, Result};

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct TriggerRequest {
    /// The trigger's configuration, with parameters filled in.
    pub config: Value,
    /// The trigger's name.
    pub name: String,
}

/// What was done.
#[derive(Debug, Clone, PartialEq)]
pub struct Executed {
    /// For people.
    pub message: String,
    /// What the other side answered.
    pub answer: Value,
}

/// How an execution stands against its policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyState {
    /// As the policy wants it.
    Met,
    /// Not yet.
    Pending,
    /// Otherwise, for good: why.
    Violated(String),
}

/// Does something when events came in (Argo Events' triggers).
#[async_trait]
pub trait Trigger: Send + Sync {
    /// What the configuration means, with what it refers to fetched.
    async fn resolve(&self, call: &CallContext, request: &TriggerRequest) -> Result<Value>;
    /// Does it; the key is the same when it is done again.
    async fn execute(
        &self,
        call: &CallContext,
        request: &TriggerRequest,
        payload: &Value,
        idempotency_key: &str,
    ) -> Result<Executed>;
    /// Whether what was done is as the policy wants it.
    async fn check_policy(
        &self,
        call: &CallContext,
        request: &TriggerRequest,
        policy: &Value,
        executed: &Executed,
    ) -> Result<PolicyState>;
}
