//! The `plugin` template: a step that a plugin does.
//!
//! ```text
//!   start ─► over ─► the leaf's end            no commit between: a step that takes microseconds costs one
//!        └─► running ─► wait ─► poll ─► …      told as running, so that people see it
//!            stopped meanwhile ─► stop(token)
//! ```

use std::sync::Arc;
use std::time::Duration;

use engine_workflow::{Input, LeafEvent, LeafStart, NodeIx, Outputs, Param};
use model::Raw;
use model::workflow::{Artifact, NodePhase};
use plugin::{CallContext, ErrorClass, ObjectRef, PluginError, Step, StepFiles, StepPhase, StepProgress, StepRequest};
use serde_json::{Map, Value};
use tokio::runtime::Handle;

use super::files::StepArtifacts;
use super::{Failure, RunFacts};
use crate::workflows::Workflows;

/// How long one call may take; the plugin's own limit may be shorter.
const CALL: Duration = Duration::from_secs(300);
/// How long a plugin is waited for that nobody has named (`plugin_missing_max`), and one that is not in service (`plugin_absent_max`).
const MISSING_MAX: Duration = Duration::from_secs(5);
const ABSENT_MAX: Duration = Duration::from_secs(300);
/// How often it is looked for, and after how long a step says so.
const LOOK: Duration = Duration::from_millis(50);
const QUIET: Duration = Duration::from_millis(500);
/// How often a step that says nothing about it is asked.
const POLL: Duration = Duration::from_secs(1);
/// Between those bounds a plugin chooses.
const POLL_MIN: Duration = Duration::from_millis(10);
const POLL_MAX: Duration = Duration::from_secs(300);
/// Tries of a poll that fails in a way that may go away, before the step ends so.
const POLL_TRIES_MAX: u32 = 5;

/// What a template asks for: the one key of `plugin` is the plugin's name, what is under it is its configuration.
fn asked(raw: &Raw) -> Result<(String, Value), Failure> {
    let shape = || Failure::error("plugin: expected one field: the plugin's name, and under it its configuration");
    let fields: Map<String, Value> = raw.parse().map_err(|_| shape())?;
    let mut fields = fields.into_iter();
    match (fields.next(), fields.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(shape()),
    }
}

pub(super) async fn run(
    workflows: &Arc<Workflows>,
    run: &RunFacts,
    start: &LeafStart,
    raw: &Raw,
) -> Result<Outputs, Failure> {
    let (name, config) = asked(raw)?;
    let step = there(workflows, run, start.node, &name).await?;
    let object = ObjectRef { kind: "Workflow".into(), namespace: run.namespace.clone(), name: run.name.clone() };
    let context = CallContext::new(object, CALL);
    let inputs = &start.template.inputs;
    let parameters = inputs.parameters.iter();
    let request = StepRequest {
        config,
        workflow_uid: run.uid.to_string(),
        node: start.id.to_string(),
        template: start.template.name.to_string(),
        parameters: parameters.filter_map(|p| Some((p.name.to_string(), p.value.as_ref()?.to_string()))).collect(),
        artifacts: inputs.artifacts.iter().map(|a| a.name.to_string()).collect(),
    };
    let artifacts = Arc::new(StepArtifacts::new(workflows, run, start)?);
    let files: Arc<dyn StepFiles> = artifacts.clone();
    let mut under_way = UnderWay { step: step.clone(), context: context.clone(), request, files, token: None };
    let done = until_over(workflows, run, start, &name, &mut under_way).await;
    under_way.token = None;
    let succeeded = done.as_ref().is_ok_and(|progress| progress.phase == StepPhase::Succeeded);
    let saved = artifacts.finish(succeeded).await?;
    match done {
        Ok(progress) => end(progress, saved),
        // What it saved before is there, and is told, so that it is found and collected.
        Err(failure) => Err(Failure { outputs: Outputs { artifacts: saved, ..Outputs::default() }, ..failure }),
    }
}

/// Begins a step, and asks for it until it is over.
async fn until_over(
    workflows: &Arc<Workflows>,
    run: &RunFacts,
    start: &LeafStart,
    name: &str,
    under_way: &mut UnderWay,
) -> Result<StepProgress, Failure> {
    let step = under_way.step.clone();
    let begun = step.start(&under_way.context, &under_way.request, &under_way.files).await;
    let mut progress = begun.map_err(|error| failure(name, &error))?;
    if progress.phase == StepPhase::Running {
        let message = (!progress.message.is_empty()).then(|| progress.message.as_str().into());
        workflows.post(&run.uid, Input::Leaf(start.node, LeafEvent::Running { message, ip: None, host: None }));
    }
    while progress.phase == StepPhase::Running {
        told(workflows, run, start.node, &progress);
        under_way.token = Some(progress.token.clone().unwrap_or_default());
        tokio::time::sleep(progress.poll_after.unwrap_or(POLL).clamp(POLL_MIN, POLL_MAX)).await;
        progress = poll(name, under_way).await?;
    }
    Ok(progress)
}

/// The plugin, waited for where it may still come: in whatever order a folder of manifests is applied, and while a server begins.
async fn there(workflows: &Workflows, run: &RunFacts, node: NodeIx, name: &str) -> Result<Arc<dyn Step>, Failure> {
    // By the runtime's clock: where nothing is real, time jumps.
    let begun = workflows.clock.now().as_millis();
    let elapsed =
        || Duration::from_millis(workflows.clock.now().as_millis().saturating_sub(begun).try_into().unwrap_or(0));
    let mut said = String::new();
    loop {
        let error = match workflows.plugins.step(name) {
            Ok(step) => return Ok(step),
            Err(error) => error,
        };
        let max = match error.class {
            ErrorClass::NotFound => MISSING_MAX,
            class if class.is_transient() => ABSENT_MAX,
            _ => Duration::ZERO,
        };
        if elapsed() >= max {
            return Err(failure(name, &error));
        }
        let message = format!("Waiting: {error}");
        if message != said && elapsed() >= QUIET {
            workflows.post(&run.uid, Input::Leaf(node, LeafEvent::Waiting(message.as_str().into())));
            said = message;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Asks again for a while where the error may go away: a step that runs for an hour does not fail over one answer.
async fn poll(name: &str, under_way: &UnderWay) -> Result<StepProgress, Failure> {
    let mut tried = 0;
    loop {
        tried += 1;
        let token = under_way.token.as_deref().unwrap_or_default();
        match under_way.step.poll(&under_way.context, &under_way.request, &under_way.files, token).await {
            Ok(progress) => return Ok(progress),
            Err(error) if error.class.is_transient() && tried < POLL_TRIES_MAX => {
                let wait = match error.class {
                    ErrorClass::Throttled { retry_after: Some(after) } => after,
                    _ => POLL * 2_u32.pow(tried - 1),
                };
                tokio::time::sleep(wait.clamp(POLL_MIN, POLL_MAX)).await;
            }
            Err(error) => return Err(failure(name, &error)),
        }
    }
}

fn told(workflows: &Workflows, run: &RunFacts, node: NodeIx, progress: &StepProgress) {
    let (done, total) = progress.progress;
    if total > 0 {
        workflows.post(&run.uid, Input::Leaf(node, LeafEvent::Progress(done, total)));
    }
}

/// A step that is under way. Dropped with a token, it was stopped: then the plugin is told.
struct UnderWay {
    step: Arc<dyn Step>,
    context: CallContext,
    request: StepRequest,
    files: Arc<dyn StepFiles>,
    token: Option<String>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        // Where the server itself ends, the step does not: it is taken up again.
        let (Some(token), Ok(server)) = (self.token.take(), Handle::try_current()) else { return };
        let (step, context, request) = (self.step.clone(), self.context.clone(), self.request.clone());
        server.spawn(async move {
            if let Err(error) = step.stop(&context, &request, &token).await {
                tracing::warn!(%error, object = %context.object, "a step was stopped, and its plugin did not take that");
            }
        });
    }
}

fn end(progress: StepProgress, artifacts: Vec<Artifact>) -> Result<Outputs, Failure> {
    let parameters = progress.parameters.into_iter();
    let outputs = Outputs {
        parameters: parameters.map(|(name, value)| Param { name: name.into(), value: Some(value.into()) }).collect(),
        result: progress.result.map(Into::into),
        artifacts,
        ..Outputs::default()
    };
    let phase = match progress.phase {
        StepPhase::Succeeded => return Ok(outputs),
        StepPhase::Failed => NodePhase::Failed,
        StepPhase::Running | StepPhase::Error => NodePhase::Error,
    };
    Err(Failure { phase, message: progress.message, transient: false, outputs })
}

fn failure(name: &str, error: &PluginError) -> Failure {
    let hints: String = error.hints.iter().map(|hint| format!("; {hint}")).collect();
    Failure::error(format!("plugin.{name}: {error}{hints}")).transient(error.class.is_transient())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_field_names_the_plugin() {
        let raw = |value: Value| serde_json::from_value::<Raw>(value).unwrap();
        assert_eq!(asked(&raw(json!({"hello": {"a": 1}}))).ok(), Some(("hello".to_owned(), json!({"a": 1}))));
        for wrong in [json!({}), json!({"a": {}, "b": {}}), json!("a"), json!(["a"])] {
            assert!(asked(&raw(wrong.clone())).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_error_names_the_plugin_and_what_to_do() {
        let error = PluginError::denied("may not", "add to spec.grants: stateBytesMax: 1");
        let failure = failure("hello", &error);
        assert_eq!(failure.message, "plugin.hello: may not; add to spec.grants: stateBytesMax: 1");
        assert!(!failure.transient && failure.phase == NodePhase::Error);
    }
}
