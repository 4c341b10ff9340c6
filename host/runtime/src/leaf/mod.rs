//! Leaves that the server does itself: requests, objects, lists of data.

mod data;
mod files;
mod flags;
mod http;
mod manifest;
mod outputs;
mod plugin;
mod resource;

use std::sync::Arc;

use engine_workflow::{LeafEnd, LeafStart, Outputs, Param, Text};
use model::workflow::{NodePhase, TemplateKind};

use tokio::sync::OwnedSemaphorePermit;

use crate::requests::{OwnLeaf, OwnLeafEnd};
use crate::workflows::Workflows;

/// What a leaf needs to know of its run.
pub(crate) struct RunFacts {
    pub(crate) namespace: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) uid: Arc<str>,
    pub(crate) settings: serde_json::Value,
    /// Whether the leaf was begun before, by a server that is gone.
    pub(crate) again: bool,
}

/// Why a leaf did not succeed.
pub(crate) struct Failure {
    phase: NodePhase,
    message: String,
    transient: bool,
    outputs: Outputs,
}

impl Failure {
    /// What was asked for went wrong.
    fn failed(message: impl Into<String>) -> Self {
        Self { phase: NodePhase::Failed, message: message.into(), transient: false, outputs: Outputs::default() }
    }

    /// It could not be asked for.
    fn error(message: impl Into<String>) -> Self {
        Self { phase: NodePhase::Error, ..Self::failed(message) }
    }

    fn transient(self, transient: bool) -> Self {
        Self { transient, ..self }
    }
}

/// Whether a leaf is begun once however often it is started: nothing need be written down before.
pub(crate) fn is_begun_once(start: &LeafStart) -> bool {
    matches!(start.template.kind(), Some(TemplateKind::Plugin(_)))
}

/// What a leaf says while it runs: what it waits for, where that is in its template.
pub(crate) fn waits_for(start: &LeafStart) -> Option<Text> {
    match start.template.kind() {
        Some(TemplateKind::Resource(resource)) => resource::waits_for(resource).map(Text::from),
        _ => None,
    }
}

/// Does a leaf. `slot` is its place among those that work at once.
pub(crate) async fn run(
    workflows: &Arc<Workflows>,
    run: &RunFacts,
    start: LeafStart,
    slot: OwnedSemaphorePermit,
) -> LeafEnd {
    let template = start.template.clone();
    if !matches!(template.kind(), Some(TemplateKind::Http(_))) {
        let (workflow, node) = (run.name.to_string(), start.name.to_string());
        let leaf = OwnLeaf { workflow, node, template: template.clone() };
        if let Some(done) = workflows.requests.stand_in(leaf).await {
            return end_of(done);
        }
    }
    let done = match template.kind() {
        Some(TemplateKind::Http(request)) => http::run(workflows, run, &start, request).await,
        Some(TemplateKind::Resource(resource)) => resource::run(workflows, run, &start, resource, slot).await,
        // What waits for a plugin waits there: the host of plugins has places of its own.
        Some(TemplateKind::Plugin(asked)) => {
            drop(slot);
            plugin::run(workflows, run, &start, asked).await
        }
        Some(TemplateKind::Data(list)) => data::run(workflows, run, list, &start).await,
        _ => Err(Failure::error("this template is not one that the server does itself")),
    };
    match done {
        Ok(outputs) => end(NodePhase::Succeeded, Text::default(), outputs, false),
        Err(failure) => end(failure.phase, failure.message.into(), failure.outputs, failure.transient),
    }
}

/// The end of a leaf that somebody else did.
fn end_of(done: OwnLeafEnd) -> LeafEnd {
    let parameters =
        done.parameters.into_iter().map(|(name, value)| Param { name: name.into(), value: Some(value.into()) });
    let outputs =
        Outputs { result: done.result.map(Into::into), parameters: parameters.collect(), ..Outputs::default() };
    match (done.failed, done.error) {
        (None, _) => end(NodePhase::Succeeded, Text::default(), outputs, false),
        (Some(why), false) => end(NodePhase::Failed, why.into(), outputs, false),
        (Some(why), true) => end(NodePhase::Error, why.into(), Outputs::default(), false),
    }
}

fn end(phase: NodePhase, message: Text, outputs: Outputs, transient: bool) -> LeafEnd {
    LeafEnd { phase, message, outputs, transient, used: None, containers: Vec::new() }
}
