//! Commands of people to runs.

use std::sync::Arc;

use engine_workflow::{Input, Kind, NodeIx, Order, Param, RunState, Shutdown, SpecChange, Text};
use model::workflow::NodePhase;
use serde_json::{Value, json};
use store::StoreError;
use store::objects::Precondition;

use super::Workflows;
use super::admit::id_of;
use super::select::NodeSelector;
use crate::control::{Command, ControlError};

/// How often a write of the object that lost a race is tried again.
const TRIES: usize = 10;

/// What a command came to.
type Decision = Result<Input, String>;

impl Workflows {
    pub(crate) async fn command(&self, namespace: &str, name: &str, command: Command) -> Result<(), ControlError> {
        let object = self.object(namespace, name).await?;
        let id = id_of(&object);
        let refused =
            |reason: String| ControlError::Refused { namespace: namespace.to_owned(), name: name.to_owned(), reason };
        let spec_patch = spec_patch(&command);
        let retry = matches!(command, Command::Retry { .. });
        let slot: Arc<std::sync::Mutex<Option<String>>> = Arc::default();
        let said = slot.clone();
        self.registry
            .decide(&id, move |state| match decide(state, command) {
                Ok(input) => Some(input),
                Err(why) => {
                    *said.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(why);
                    None
                }
            })
            .await?;
        let why = slot.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(why) = why {
            return Err(refused(why));
        }
        if retry {
            self.seen
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .insert(id.clone(), object.metadata.generation);
            // The object shows it before the answer: whoever waits for the run from now on waits for its new end.
            self.project_one(&id).await;
        }
        if let Some(patch) = spec_patch {
            self.patch_spec(namespace, name, &patch).await?;
        }
        Ok(())
    }

    /// Writes what a command means into the object's spec, where people look for it.
    async fn patch_spec(&self, namespace: &str, name: &str, patch: &Value) -> Result<(), ControlError> {
        for _ in 0..TRIES {
            let object = self.object(namespace, name).await?;
            let mut value =
                object.to_value().map_err(|e| StoreError::Invalid { what: name.to_owned(), reason: e.to_string() })?;
            let Some(spec) = value.get_mut("spec").and_then(Value::as_object_mut) else { return Ok(()) };
            for (field, to) in patch.as_object().into_iter().flatten() {
                match to {
                    Value::Null => spec.remove(field),
                    to => spec.insert(field.clone(), to.clone()),
                };
            }
            let changed = model::Object::from_value(value)
                .map_err(|e| StoreError::Invalid { what: name.to_owned(), reason: e.to_string() })?;
            let precondition = Precondition {
                resource_version: object.metadata.resource_version.parse().ok(),
                ..Precondition::default()
            };
            match self.objects.update(changed, precondition).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Conflict { .. }) => {}
                Err(StoreError::NotFound { .. }) => return Ok(()),
                Err(problem) => return Err(problem.into()),
            }
        }
        // The run has it; only its object's spec does not show it.
        Ok(())
    }

    /// What an earlier run's steps left, by their names below the root: for `resubmit --memoized`.
    pub(crate) async fn reused(&self, id: &Arc<str>) -> Vec<(Text, engine_workflow::Outputs)> {
        let found = self.registry.look(id, |state, _| {
            let name = state.run_name().to_owned();
            engine_workflow::project::shown(state)
                .filter_map(|ix| {
                    let node = state.node(ix)?;
                    let done = node.phase == NodePhase::Succeeded && (node.kind.is_leaf() || node.kind == Kind::Retry);
                    let outputs = node.outputs.as_deref().cloned().unwrap_or_default();
                    done.then(|| (Text::from(state.name(ix).strip_prefix(&name).unwrap_or_default()), outputs))
                })
                .collect()
        });
        found.await.unwrap_or_default()
    }
}

/// The fields of the spec that a command stands for.
fn spec_patch(command: &Command) -> Option<Value> {
    match command {
        Command::Stop { node_selector: None, .. } => Some(json!({"shutdown": "Stop"})),
        Command::Terminate => Some(json!({"shutdown": "Terminate"})),
        Command::Suspend => Some(json!({"suspend": true})),
        Command::Resume { node_selector: None } => Some(json!({"suspend": null})),
        Command::Retry { .. } => Some(json!({"shutdown": null, "suspend": null})),
        _ => None,
    }
}

fn decide(state: &RunState, command: Command) -> Decision {
    let Some(run) = state.run() else { return Err("it has not begun; see its message".to_owned()) };
    let over = run.finished.is_some();
    let ended = |what: &str| format!("it has ended ({}): there is nothing to {what}", run.phase);
    let spec = |change: SpecChange| Ok(Input::SpecChanged(change));
    match command {
        Command::Stop { .. } if over => Err(ended("stop")),
        Command::Terminate if over => Err(ended("terminate")),
        Command::Suspend if over => Err(ended("suspend")),
        Command::Resume { .. } if over => Err(ended("resume")),
        Command::Stop { node_selector: Some(selector), message } => {
            let nodes = NodeSelector::parse(&selector)?.nodes(state);
            if nodes.is_empty() {
                return Err(format!("no node matches {selector:?}"));
            }
            Ok(Input::Order(Order::StopNodes(nodes, message.unwrap_or_default().into())))
        }
        Command::Stop { .. } => spec(SpecChange { shutdown: Some(Shutdown::Stop), ..SpecChange::default() }),
        Command::Terminate => spec(SpecChange { shutdown: Some(Shutdown::Terminate), ..SpecChange::default() }),
        Command::Suspend => spec(SpecChange { suspend: Some(true), ..SpecChange::default() }),
        Command::Resume { node_selector: None } => {
            let waits = |ix: &NodeIx| state.node(*ix).is_some_and(engine_workflow::Node::waits_for_a_person);
            let nodes = (0..state.nodes.len()).map(NodeIx::new).filter(waits).collect();
            Ok(Input::Order(Order::Resume { nodes, run: true }))
        }
        Command::Resume { node_selector: Some(selector) } => {
            let nodes = NodeSelector::parse(&selector)?.nodes(state);
            if nodes.is_empty() {
                return Err(format!("no node matches {selector:?}"));
            }
            Ok(Input::Order(Order::Resume { nodes, run: false }))
        }
        Command::Set { .. } if over => Err(ended("set")),
        Command::Set { node_selector, parameters, phase, message } => {
            set(state, &node_selector, parameters, phase, message)
        }
        Command::Retry { restart_successful, node_selector, parameters } => {
            retry(state, restart_successful, node_selector.as_deref(), parameters)
        }
    }
}

fn params(list: Vec<(String, String)>) -> Vec<Param> {
    list.into_iter().map(|(name, value)| Param { name: name.into(), value: Some(value.into()) }).collect()
}

fn set(
    state: &RunState,
    selector: &str,
    parameters: Vec<(String, String)>,
    phase: Option<NodePhase>,
    message: Option<String>,
) -> Decision {
    let waits = |ix: &engine_workflow::NodeIx| {
        state.node(*ix).is_some_and(|n| n.kind == engine_workflow::Kind::Suspend && !n.is_over())
    };
    let nodes: Vec<_> = NodeSelector::parse(selector)?.nodes(state).into_iter().filter(waits).collect();
    let [node] = nodes.as_slice() else {
        return Err(format!("{selector:?} matches {} waiting suspend nodes; exactly one is needed", nodes.len()));
    };
    let compiled = state.node(*node).and_then(|n| n.template).and_then(|t| state.run()?.program.get(t));
    for (name, _) in &parameters {
        let declared = compiled.and_then(|c| c.template.outputs.parameter(name));
        if declared.and_then(|p| p.value_from.as_ref()).is_none_or(|v| v.supplied.is_none()) {
            return Err(format!("output parameter {name:?} is not one that is to be supplied"));
        }
    }
    Ok(Input::Order(Order::Supply {
        node: *node,
        parameters: params(parameters),
        phase,
        message: message.map(Text::from),
    }))
}

fn retry(
    state: &RunState,
    restart_successful: bool,
    selector: Option<&str>,
    parameters: Vec<(String, String)>,
) -> Decision {
    let Some(run) = state.run() else { return Err("it has not begun".to_owned()) };
    let over = run.finished.is_some();
    let selected = match selector.filter(|s| !s.is_empty()) {
        Some(selector) => Some(NodeSelector::parse(selector)?.nodes(state)),
        None => None,
    };
    if !over {
        // One failed step of a run that still runs.
        let failed: Vec<_> = selected
            .unwrap_or_default()
            .into_iter()
            .filter(|ix| state.node(*ix).is_some_and(engine_workflow::Node::is_bad))
            .collect();
        let [node] = failed.as_slice() else {
            return Err("it still runs; name one failed node of it to run that again".to_owned());
        };
        return Ok(Input::Order(Order::Retry {
            restart: Vec::new(),
            only: Some(*node),
            parameters: params(parameters),
        }));
    }
    if run.phase == NodePhase::Succeeded && !restart_successful {
        return Err("it succeeded; use --restart-successful with a node selector to run parts of it again".to_owned());
    }
    if selected.is_some() && !restart_successful {
        return Err("a node selector needs --restart-successful".to_owned());
    }
    let restart = if restart_successful { selected.unwrap_or_default() } else { Vec::new() };
    if run.phase == NodePhase::Succeeded && restart.is_empty() {
        return Err("no node matches the selector: nothing would run again".to_owned());
    }
    Ok(Input::Order(Order::Retry { restart, only: None, parameters: params(parameters) }))
}
