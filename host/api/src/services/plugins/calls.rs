//! Calls by hand: a function's request as JSON, and its answer.
//!
//! The fields are those of `wit/`, in camelCase, times and durations with `Ms` behind. What a person need not know has a default.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use plugin::{
    CallContext, Desk, Executed, Fetch, Kind, Measurement, MetricPhase, MetricRequest, NoFiles, PolicyState, StepFiles,
    StepPhase, StepProgress, StepRequest, TriggerRequest,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{events, files};
use crate::failure::{Failure, Outcome};

/// The functions that a kind has.
pub(super) fn functions(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::MetricProvider => &["run", "resume", "terminate", "metadata"],
        Kind::ManifestRenderer => &["detect", "requirements", "render"],
        Kind::EventSource => &["poll", "endpoints", "on-request"],
        Kind::Trigger => &["resolve", "execute", "check-policy"],
        Kind::Step => &["start", "poll", "stop"],
    }
}

/// Calls a function of [`functions`].
pub(super) async fn call(
    (plugins, fetch): (&dyn Desk, &dyn Fetch),
    name: &str,
    kind: Kind,
    function: &str,
    context: &CallContext,
    request: &[u8],
) -> Outcome<Value> {
    match kind {
        Kind::MetricProvider => metric(plugins, name, function, context, read(request)?).await,
        Kind::ManifestRenderer => files::renderer(plugins, fetch, name, function, context, read(request)?).await,
        Kind::EventSource if function == "poll" => events::poll(plugins, name, context, read(request)?).await,
        Kind::EventSource => events::receiver(plugins, name, function, context, read(request)?).await,
        Kind::Trigger => trigger(plugins, name, function, context, read(request)?).await,
        Kind::Step => step(plugins, name, function, context, read(request)?).await,
    }
}

fn read<T: DeserializeOwned>(request: &[u8]) -> Outcome<T> {
    let text = if request.is_empty() { b"{}" } else { request };
    serde_json::from_slice(text).map_err(|error| Failure::field("request", format!("cannot be read: {error}")))
}

/// A field that a function cannot do without.
pub(super) fn needed<'a, T>(field: &str, value: Option<&'a T>) -> Outcome<&'a T> {
    value.ok_or_else(|| Failure::field(&format!("request.{field}"), "is required for this function"))
}

/// Milliseconds, as JSON.
fn ms(duration: Option<Duration>) -> Value {
    duration.map_or(Value::Null, |duration| json!(duration.as_millis() as u64))
}

/// Names and values as a map.
pub(super) fn map(pairs: Vec<(String, String)>) -> Value {
    pairs.into_iter().map(|(name, value)| (name, Value::String(value))).collect::<Map<_, _>>().into()
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// What stands for names that only a real object has.
fn by_hand() -> String {
    "by-hand".to_owned()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MetricCall {
    #[serde(default)]
    config: Value,
    #[serde(default = "by_hand")]
    metric: String,
    #[serde(default = "now_ms")]
    started_ms: u64,
    token: Option<String>,
}

async fn metric(
    plugins: &dyn Desk,
    name: &str,
    function: &str,
    context: &CallContext,
    asked: MetricCall,
) -> Outcome<Value> {
    let provider = plugins.metric_provider(name)?;
    let MetricCall { config, metric, started_ms, token } = asked;
    if function == "metadata" {
        return Ok(map(provider.metadata(context, &config).await?));
    }
    let request = MetricRequest { config, metric, started_ms };
    let measured = match function {
        "resume" => provider.resume(context, &request, needed("token", token.as_ref())?).await,
        "terminate" => provider.terminate(context, &request, needed("token", token.as_ref())?).await,
        _ => provider.run(context, &request).await,
    };
    let Measurement { phase, value, message, resume_after, token, metadata } = measured?;
    let phase = match phase {
        MetricPhase::Running => "running",
        MetricPhase::Measured => "measured",
        MetricPhase::Successful => "successful",
        MetricPhase::Failed => "failed",
        MetricPhase::Inconclusive => "inconclusive",
    };
    Ok(json!({
        "phase": phase, "value": value, "message": message, "resumeAfterMs": ms(resume_after), "token": token,
        "metadata": map(metadata),
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StepCall {
    #[serde(default)]
    config: Value,
    #[serde(default = "by_hand")]
    workflow_uid: String,
    #[serde(default = "by_hand")]
    node: String,
    #[serde(default = "by_hand")]
    template: String,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    #[serde(default)]
    artifacts: Vec<String>,
    token: Option<String>,
}

async fn step(
    plugins: &dyn Desk,
    name: &str,
    function: &str,
    context: &CallContext,
    asked: StepCall,
) -> Outcome<Value> {
    let step = plugins.step(name)?;
    let StepCall { config, workflow_uid, node, template, parameters, artifacts, token } = asked;
    let parameters = parameters.into_iter().collect();
    let request = StepRequest { config, workflow_uid, node, template, parameters, artifacts };
    let files: Arc<dyn StepFiles> = Arc::new(NoFiles);
    let progress = match function {
        "poll" => step.poll(context, &request, &files, needed("token", token.as_ref())?).await,
        "stop" => step.stop(context, &request, needed("token", token.as_ref())?).await,
        _ => step.start(context, &request, &files).await,
    };
    let StepProgress { phase, message, parameters, result, progress: (done, total), poll_after, token } = progress?;
    let phase = match phase {
        StepPhase::Running => "running",
        StepPhase::Succeeded => "succeeded",
        StepPhase::Failed => "failed",
        StepPhase::Error => "error",
    };
    Ok(json!({
        "phase": phase, "message": message, "parameters": map(parameters), "result": result, "done": done,
        "total": total, "pollAfterMs": ms(poll_after), "token": token,
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TriggerCall {
    #[serde(default)]
    config: Value,
    #[serde(default = "by_hand")]
    name: String,
    #[serde(default)]
    payload: Value,
    idempotency_key: Option<String>,
    #[serde(default)]
    policy: Value,
    executed: Option<ExecutedCall>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExecutedCall {
    #[serde(default)]
    message: String,
    #[serde(default)]
    answer: Value,
}

async fn trigger(
    plugins: &dyn Desk,
    name: &str,
    function: &str,
    context: &CallContext,
    asked: TriggerCall,
) -> Outcome<Value> {
    let trigger = plugins.trigger(name)?;
    let request = TriggerRequest { config: asked.config, name: asked.name };
    match function {
        "execute" => {
            let key = needed("idempotencyKey", asked.idempotency_key.as_ref())?;
            let Executed { message, answer } = trigger.execute(context, &request, &asked.payload, key).await?;
            Ok(json!({"message": message, "answer": answer}))
        }
        "check-policy" => {
            let executed = needed("executed", asked.executed.as_ref())?;
            let executed = Executed { message: executed.message.clone(), answer: executed.answer.clone() };
            Ok(match trigger.check_policy(context, &request, &asked.policy, &executed).await? {
                PolicyState::Met => json!({"state": "met"}),
                PolicyState::Pending => json!({"state": "pending"}),
                PolicyState::Violated(why) => json!({"state": "violated", "why": why}),
            })
        }
        _ => Ok(trigger.resolve(context, &request).await?),
    }
}
