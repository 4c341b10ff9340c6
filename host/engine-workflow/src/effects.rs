//! From changes and states to effects.

use std::sync::Arc;

use model::core::Volume;
use model::workflow::Template;

use crate::change::Change;
use crate::effect::{Effect, LeafStart};
use crate::state::{ClaimState, LockState, MemoState, NodeIx, RunState};
use crate::values::Inputs;
use crate::vars::{ROOTS, Site, Vars};

/// The effects that a change, just applied, asks for.
pub(crate) fn of_change(state: &RunState, change: &Change, out: &mut Vec<Effect>) {
    match change {
        Change::RunLocksWanted { .. } => out.extend(run_locks(state)),
        Change::ClaimsWanted => out.push(Effect::CreateClaims),
        Change::LookupWanted { what } => out.push(Effect::Lookup(what.clone())),
        Change::MemoWanted { node, .. }
        | Change::LocksWanted { node, .. }
        | Change::LetGo { node }
        | Change::StopWanted { node, .. } => {
            of_node(state, *node, out);
        }
        Change::Started { node, .. } => out.extend(start(state, *node)),
        Change::Finished(end) => of_node(state, end.node, out),
        Change::RunFinished { .. } => {
            out.extend(run_locks(state));
            if state.run().is_some_and(|run| run.claims == ClaimState::Deleting) {
                out.push(Effect::DeleteClaims);
            }
        }
        _ => {}
    }
}

/// Everything that was asked for and not answered.
pub(crate) fn outstanding(state: &RunState) -> Vec<Effect> {
    let mut out = Vec::new();
    out.extend(run_locks(state));
    match state.run().map(|run| run.claims) {
        Some(ClaimState::Creating) => out.push(Effect::CreateClaims),
        Some(ClaimState::Deleting) => out.push(Effect::DeleteClaims),
        _ => {}
    }
    let mut lookups: Vec<_> = state.lookups.keys().cloned().collect();
    lookups.sort();
    out.extend(lookups.into_iter().map(Effect::Lookup));
    for ix in &state.open {
        out.extend(start(state, *ix));
        of_node(state, *ix, &mut out);
    }
    out
}

fn run_locks(state: &RunState) -> Option<Effect> {
    let run = state.run()?;
    let locks = run.locks.clone();
    match run.lock_state {
        LockState::Wanted => Some(Effect::Acquire { node: None, locks, priority: run.priority, created: run.created }),
        LockState::Releasing => Some(Effect::Release { node: None, locks }),
        _ => None,
    }
}

/// What a node has open besides its start.
fn of_node(state: &RunState, ix: NodeIx, out: &mut Vec<Effect>) {
    let (Some(run), Some(node)) = (state.run(), state.node(ix)) else { return };
    if let Some((_, _, kill)) = node.leaf().and_then(|l| l.facts().stopping.as_ref())
        && node.kind.is_leaf()
        && !node.is_over()
    {
        out.push(Effect::Stop { node: ix, kill: *kill });
    }
    let Some(extra) = &node.extra else { return };
    match extra.lock_state {
        LockState::Wanted => out.push(Effect::Acquire {
            node: Some(ix),
            locks: extra.locks.clone(),
            priority: run.priority,
            created: run.created,
        }),
        LockState::Releasing => out.push(Effect::Release { node: Some(ix), locks: extra.locks.clone() }),
        _ => {}
    }
    match &extra.memo {
        Some((cache, key, MemoState::Asked)) => out.push(Effect::MemoLoad {
            node: ix,
            cache: cache.clone(),
            key: key.clone(),
            max_age_ms: extra.memo_age_ms,
        }),
        Some((cache, key, MemoState::Saving)) => out.push(Effect::MemoSave {
            node: ix,
            cache: cache.clone(),
            key: key.clone(),
            outputs: node.outputs.clone().unwrap_or_default(),
        }),
        _ => {}
    }
}

/// The start of a leaf that was asked for and has not ended.
fn start(state: &RunState, ix: NodeIx) -> Option<Effect> {
    let run = state.run()?;
    let node = state.node(ix)?;
    if !node.kind.is_leaf() || !node.flags.started || node.is_over() {
        return None;
    }
    let inputs = state.inputs(ix);
    let site = Site { inputs, node: Some(ix), template: node.template, ..Site::default() };
    let vars = Vars::new(state, site, node.started.unwrap_or(node.created))?;
    let template = with_values(fill(&vars, ix)?, inputs);
    let key_format = run.submission.repository.as_ref().map_or("{{workflow.name}}/{{pod.name}}", |r| &*r.key_format);
    let key_prefix = render(&vars, key_format);
    let archive_logs =
        template.archive_location.as_ref().and_then(|l| l.archive_logs).or(run.submission.spec.archive_logs);
    Some(Effect::Start(Box::new(LeafStart {
        node: ix,
        id: state.id(ix).into(),
        name: state.name(ix).into(),
        pod_name: state.pod_name(ix).into(),
        artifacts: inputs.map(|i| i.artifacts.clone()).unwrap_or_default(),
        key_prefix: key_prefix.into(),
        deadline: node.leaf().and_then(|l| l.deadline),
        archive_logs: archive_logs.unwrap_or(false),
        claims: run.claim_names.clone(),
        volumes: volumes(&vars),
        template,
    })))
}

/// The template with the values of its inputs, as Argo's own steps find them in it.
fn with_values(mut template: Arc<Template>, inputs: Option<&Inputs>) -> Arc<Template> {
    let values = inputs.map(|i| i.parameters.as_slice()).unwrap_or_default();
    if template.inputs.parameters.is_empty() || values.is_empty() {
        return template;
    }
    for parameter in &mut Arc::make_mut(&mut template).inputs.parameters {
        let given = values.iter().find(|given| *given.name == *parameter.name);
        if let Some(value) = given.and_then(|given| given.value.clone()) {
            parameter.value = Some(value.into());
        }
    }
    template
}

/// The leaf's template with its strings filled in: expressions as they were recorded, simple tags from the state.
fn fill(vars: &Vars<'_>, ix: NodeIx) -> Option<Arc<Template>> {
    let compiled = vars.run.program.get(vars.state.node(ix)?.template?)?;
    let Some(tagged) = compiled.tagged() else { return Some(compiled.template.clone()) };
    let recorded = vars.state.node(ix)?.leaf().map(|l| &*l.evaluated).unwrap_or_default();
    let filled = tagged.fill(|i, string| {
        let known = recorded.iter().find(|(at, _)| *at as usize == i).map(|(_, text)| text.to_string());
        known.unwrap_or_else(|| match &string.template {
            Ok(template) => template
                .render(vars, expr::Mode::StrictUnder(ROOTS))
                .map_or_else(|_| template.source().to_owned(), |r| r.text.into_owned()),
            Err(_) => string.source().to_owned(),
        })
    });
    Some(filled.unwrap_or_else(|_| compiled.template.clone()))
}

/// The run's volumes as this leaf sees them: a name in them may come from its inputs.
fn volumes(vars: &Vars<'_>) -> Vec<Volume> {
    let fill = |volume: &Volume| -> Option<Volume> {
        let mut tree = serde_json::to_value(volume).ok()?;
        fill_strings(vars, &mut tree).then(|| serde_json::from_value(tree).ok())?
    };
    vars.run.submission.spec.volumes.iter().map(|v| fill(v).unwrap_or_else(|| v.clone())).collect()
}

/// Fills in the tags of all strings of a tree; says whether there were some.
fn fill_strings(vars: &Vars<'_>, tree: &mut serde_json::Value) -> bool {
    match tree {
        serde_json::Value::String(text) if text.contains("{{") => {
            *text = render(vars, text);
            true
        }
        serde_json::Value::Array(items) => items.iter_mut().fold(false, |any, item| fill_strings(vars, item) | any),
        serde_json::Value::Object(fields) => {
            fields.iter_mut().fold(false, |any, (_, item)| fill_strings(vars, item) | any)
        }
        _ => false,
    }
}

fn render(vars: &Vars<'_>, text: &str) -> String {
    let rendered = expr::Template::parse(text)
        .ok()
        .and_then(|t| t.render(vars, expr::Mode::Lenient).ok().map(|r| r.text.into_owned()));
    rendered.unwrap_or_else(|| text.to_owned())
}
