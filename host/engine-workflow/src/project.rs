//! What people see of a run: its status in layers.
//!
//! The summary (phase, counts, progress, message, outputs) is small and goes on the object; nodes are made one by one when they are asked for, in
//! Argo's shape. Links between nodes (`children`, `outboundNodes`) are found from the structure, so that no state is kept for them.

use std::borrow::Cow;

use indexmap::IndexMap;
use model::workflow::{
    Inputs as ModelInputs, MemoizationStatus, NodeFlag, NodePhase, NodeStatus, NodeSynchronizationStatus, NodeType,
    Outputs as ModelOutputs, Parameter, TemplateRef, WorkflowPhase, WorkflowStatus,
};
use model::{AnyString, Condition};

use crate::change::Place;
use crate::holder;
use crate::state::{Body, Kind, LockState, MemoState, Node, NodeIx, Role, RunState, Stage};
use crate::values::{Inputs, Outputs, Param};

/// The run's status without its nodes.
pub fn summary(state: &RunState) -> WorkflowStatus {
    let Some(run) = state.run() else { return WorkflowStatus::default() };
    let message = match (&run.lock_message, run.stage) {
        (Some(waits), Stage::New) => waits.to_string(),
        _ => run.message.to_string(),
    };
    let mut status = WorkflowStatus {
        phase: phase(run.phase),
        started_at: run.started.or(run.finished),
        finished_at: run.finished,
        progress: state.progress.to_string(),
        message,
        conditions: conditions(state),
        ..WorkflowStatus::default()
    };
    if !run.globals.is_empty() {
        status.outputs = Some(Box::new(outputs(&run.globals)));
    }
    let mut cpu = 0;
    let mut memory = 0;
    if run.stage == Stage::Over {
        for node in state.nodes.iter().filter(|n| !n.flags.removed) {
            if let Some((c, m)) = used(node) {
                cpu += c;
                memory += m;
            }
        }
    }
    if cpu + memory > 0 {
        status.resources_duration.insert("cpu".to_owned(), cpu);
        status.resources_duration.insert("memory".to_owned(), memory);
    }
    status
}

/// Argo's full status: the summary and all nodes.
pub fn full(state: &RunState) -> WorkflowStatus {
    let mut status = summary(state);
    let mut nodes = IndexMap::with_capacity(state.nodes.len());
    for node in shown(state).filter_map(|ix| node_status(state, ix)) {
        nodes.insert(node.id.to_string(), node);
    }
    status.nodes = nodes;
    status
}

/// The nodes that people see, in the order in which they came to be.
pub fn shown(state: &RunState) -> impl Iterator<Item = NodeIx> + '_ {
    (0..state.nodes.len()).map(NodeIx::new).filter(|ix| state.is_shown(*ix))
}

/// One node, in Argo's shape.
pub fn node_status(state: &RunState, ix: NodeIx) -> Option<NodeStatus> {
    let node = state.node(ix)?;
    let name = state.name(ix);
    let mut status = NodeStatus {
        id: model::names::node_id(state.run_name(), &name).into(),
        name: name.into(),
        display_name: state.display_name(ix).into(),
        r#type: Some(node_type(node)),
        phase: node.phase,
        message: message(state, ix, node).as_ref().into(),
        started_at: Some(node.started.unwrap_or(node.created)),
        finished_at: node.finished,
        inputs: state.inputs(ix).map(|i| Box::new(inputs(i))),
        outputs: node.outputs.as_deref().map(|o| Box::new(outputs(o))),
        daemoned: (node.flags.daemoned && !node.is_over()).then_some(true),
        children: children(state, ix).into_iter().map(|c| state.id(c).into()).collect(),
        outbound_nodes: outbound_of_group(state, ix).into_iter().map(|c| state.id(c).into()).collect(),
        ..NodeStatus::default()
    };
    if let Some(boundary) = state.boundary(ix) {
        status.boundary_id = state.id(boundary).into();
    }
    name_template(state, ix, &mut status);
    let leaf = node.leaf();
    if let Some(leaf) = leaf {
        status.pod_ip = leaf.facts().ip.as_deref().unwrap_or_default().into();
        status.host_node_name = leaf.facts().host.as_deref().unwrap_or_default().into();
    }
    status.progress = node.progress.to_string().into();
    if let Some((cpu, memory)) = used(node) {
        status.resources_duration.insert("cpu".to_owned(), cpu);
        status.resources_duration.insert("memory".to_owned(), memory);
    }
    let retried = matches!(node.role, Role::Attempt(_));
    if node.flags.hooked || retried {
        status.node_flag = Some(NodeFlag { hooked: node.flags.hooked, retried });
    }
    if let Some(extra) = &node.extra {
        if let Some((cache, key, memo)) = &extra.memo {
            status.memoization_status = Some(Box::new(MemoizationStatus {
                hit: *memo == MemoState::Hit,
                key: key.to_string(),
                cache_name: cache.to_string(),
            }));
        }
        if extra.lock_state == LockState::Wanted {
            let waiting = extra.locks.iter().map(|l| l.key.to_string()).collect::<Vec<_>>().join(", ");
            status.synchronization_status = Some(Box::new(NodeSynchronizationStatus { waiting }));
        }
    }
    Some(status)
}

fn name_template(state: &RunState, ix: NodeIx, status: &mut NodeStatus) {
    let (Some(run), Some(node)) = (state.run(), state.node(ix)) else { return };
    let Some(at) = node.template else {
        // A loop, or what was not run: the template that would have been.
        let named = holder::holder(state, ix).filter(|_| node.kind != Kind::Group);
        let named = named.and_then(holder::Holder::invocation).map(|(_, invocation)| invocation);
        if let Some(reference) = named.as_ref().and_then(|n| n.reference) {
            status.template_ref = Some(Box::new(reference.clone()));
        } else if let Some(name) = named.and_then(|n| n.name) {
            status.template_name = name.into();
        }
        return;
    };
    if let Some(compiled) = run.program.get(at) {
        status.template_name = compiled.template.name.as_str().into();
    }
    match run.program.source_of(at) {
        Some(source) => {
            let scope = if source.cluster { "cluster" } else { "namespaced" };
            status.template_scope = format!("{scope}/{}", source.name).into();
            let by_reference = holder::holder(state, ix)
                .and_then(holder::Holder::invocation)
                .is_some_and(|(_, invocation)| invocation.reference.is_some());
            if by_reference {
                status.template_ref = Some(Box::new(TemplateRef {
                    name: source.name.to_string(),
                    template: status.template_name.to_string(),
                    cluster_scope: source.cluster,
                }));
                status.template_name = "".into();
            }
        }
        None => status.template_scope = format!("local/{}", state.run_name()).into(),
    }
}

fn phase(phase: NodePhase) -> WorkflowPhase {
    match phase {
        NodePhase::Pending => WorkflowPhase::Pending,
        NodePhase::Running => WorkflowPhase::Running,
        NodePhase::Succeeded | NodePhase::Skipped | NodePhase::Omitted => WorkflowPhase::Succeeded,
        NodePhase::Failed => WorkflowPhase::Failed,
        NodePhase::Error => WorkflowPhase::Error,
        NodePhase::Unknown => WorkflowPhase::Unknown,
    }
}

fn conditions(state: &RunState) -> Vec<Condition> {
    let condition = |kind: &str, holds: bool| Condition {
        r#type: kind.to_owned(),
        status: if holds { "True" } else { "False" }.to_owned(),
        ..Condition::default()
    };
    let over = state.run().is_some_and(|run| run.stage == Stage::Over);
    vec![condition("PodRunning", state.units > 0), condition("Completed", over)]
}

/// What a node says: its own words, or what it waits for.
fn message<'s>(state: &RunState, ix: NodeIx, node: &'s Node) -> Cow<'s, str> {
    let waits =
        node.extra.as_ref().filter(|e| e.lock_state == LockState::Wanted).and_then(|e| e.lock_message.as_deref());
    if let Some(said) = waits.or(node.message.as_deref()).filter(|said| !said.is_empty()) {
        return said.into();
    }
    match node.flags.held.filter(|_| !node.flags.started && !node.is_over()) {
        Some(place) => turn(state, ix, place).into(),
        None => Cow::default(),
    }
}

/// What a node waits for that is ready and not begun.
fn turn(state: &RunState, ix: NodeIx, place: Place) -> String {
    let run = state.run();
    let limit = match place {
        Place::Suspension => return "Waiting for the workflow to be resumed".to_owned(),
        Place::Locks => return "Waiting until what it stands in holds its locks again".to_owned(),
        Place::Run => run.and_then(|run| run.parallelism),
        Place::Boundary => match state.boundary(ix).and_then(|b| state.node(b)).and_then(|n| n.body.as_deref()) {
            Some(Body::Dag(dag)) => dag.slots.limit,
            Some(Body::Steps(steps)) => steps.slots.limit,
            _ => None,
        },
    };
    let whose = if place == Place::Run { "workflow" } else { "template" };
    let limit = limit.map(|n| format!(" ({n})")).unwrap_or_default();
    format!("Waiting for its turn under the {whose}'s parallelism{limit}")
}

fn node_type(node: &Node) -> NodeType {
    match node.kind {
        Kind::Pod => NodeType::Pod,
        Kind::Container => NodeType::Container,
        Kind::Steps => NodeType::Steps,
        Kind::Group => NodeType::StepGroup,
        Kind::Dag => NodeType::Dag,
        Kind::Loop => NodeType::TaskGroup,
        Kind::Retry => NodeType::Retry,
        Kind::Skipped => NodeType::Skipped,
        Kind::Suspend => NodeType::Suspend,
        Kind::Http => NodeType::Http,
        Kind::Plugin => NodeType::Plugin,
    }
}

/// CPU seconds, and memory in 100 MiB times seconds.
fn used(node: &Node) -> Option<(i64, i64)> {
    let (cpu_ms, peak) = node.extra.as_ref()?.used?;
    let lasted_ms = node.finished?.millis_since(node.started?).max(0);
    let memory = i64::try_from((peak / (100 << 20)).max(1)).unwrap_or(i64::MAX);
    Some((i64::try_from(cpu_ms.div_ceil(1000)).unwrap_or(i64::MAX), memory.saturating_mul((lasted_ms + 999) / 1000)))
}

/// Parameters and artifacts as Argo shows them.
pub fn inputs(inputs: &Inputs) -> ModelInputs {
    ModelInputs { parameters: parameters(&inputs.parameters), artifacts: inputs.artifacts.clone() }
}

/// Parameters, artifacts, result and exit code as Argo shows them.
pub fn outputs(outputs: &Outputs) -> ModelOutputs {
    ModelOutputs {
        parameters: parameters(&outputs.parameters),
        artifacts: outputs.artifacts.clone(),
        result: outputs.result.clone().map(AnyString),
        exit_code: outputs.exit_code.map(|code| AnyString::from(code.to_string())),
    }
}

fn parameters(list: &[Param]) -> Vec<Parameter> {
    list.iter()
        .map(|p| Parameter { name: (&*p.name).into(), value: p.value.clone().map(AnyString), ..Parameter::default() })
        .collect()
}

/// The nodes that follow a node or lie below it.
fn children(state: &RunState, ix: NodeIx) -> Vec<NodeIx> {
    let Some(node) = state.node(ix) else { return Vec::new() };
    let mut out = Vec::new();
    match node.body.as_deref() {
        Some(Body::Steps(steps)) => out.extend(steps.groups.first()),
        Some(Body::Group(group)) => {
            for step in group.steps.iter().flatten() {
                match state.node(*step).and_then(|n| n.body.as_deref()) {
                    Some(Body::Loop(it)) => out.extend(it.children.iter().flatten()),
                    _ => out.push(*step),
                }
            }
        }
        Some(Body::Dag(dag)) => {
            let roots =
                dag.tasks.iter().enumerate().filter(|(task, _)| {
                    dag.plan.dependencies(u32::try_from(*task).unwrap_or(u32::MAX)).next().is_none()
                });
            out.extend(roots.filter_map(|(_, slot)| slot.node));
        }
        Some(Body::Loop(it)) => out.extend(it.children.iter().flatten()),
        Some(Body::Retry(retry)) => out.extend(&retry.attempts),
        Some(Body::Leaf(leaf)) => out.extend(&leaf.facts().containers),
        None => {}
    }
    if let Some(hooks) = &node.hooks {
        out.extend(hooks.list.iter().filter_map(|(_, hook)| *hook));
    }
    // What follows this node: the tasks that wait for it, or the next group of steps.
    if is_outbound(state, ix) {
        out.extend(followers(state, ix));
    }
    out.retain(|child| state.is_shown(*child));
    out
}

/// Whether what follows hangs from this node itself, and not from nodes below it.
fn is_outbound(state: &RunState, ix: NodeIx) -> bool {
    state.node(ix).is_some_and(|node| match node.body.as_deref() {
        Some(Body::Leaf(leaf)) => leaf.facts().containers.is_empty(),
        Some(Body::Dag(_) | Body::Steps(_) | Body::Group(_)) => false,
        Some(Body::Loop(it)) => it.children.is_empty(),
        Some(Body::Retry(retry)) => retry.attempts.is_empty(),
        None => true,
    })
}

/// What follows a node whose template is over: found by climbing to the task or step that it ends.
fn followers(state: &RunState, ix: NodeIx) -> Vec<NodeIx> {
    let Some(node) = state.node(ix) else { return Vec::new() };
    match (node.role, node.parent) {
        (Role::Task(task), Some(parent)) => {
            let Some(Body::Dag(dag)) = state.node(parent).and_then(|n| n.body.as_deref()) else { return Vec::new() };
            let next: Vec<NodeIx> = dag.plan.dependents(task).filter_map(|t| dag.tasks.get(t as usize)?.node).collect();
            // The end of a DAG is what follows the DAG itself.
            if next.is_empty() && dag.plan.is_target(task) { followers(state, parent) } else { next }
        }
        (Role::Step(_), Some(group)) => {
            let Some(Role::Group(place)) = state.node(group).map(|n| n.role) else { return Vec::new() };
            let Some(steps) = state.node(group).and_then(|n| n.parent) else { return Vec::new() };
            match state.node(steps).and_then(|n| n.body.as_deref()) {
                Some(Body::Steps(run)) => match run.groups.get(place as usize + 1) {
                    Some(next) => vec![*next],
                    None => followers(state, steps),
                },
                _ => Vec::new(),
            }
        }
        (Role::Item(_), Some(parent)) => followers(state, parent),
        (Role::Attempt(n), Some(parent)) => {
            let last = match state.node(parent).and_then(|n| n.body.as_deref()) {
                Some(Body::Retry(retry)) => retry.attempts.len() == n as usize + 1,
                _ => false,
            };
            if last { followers(state, parent) } else { Vec::new() }
        }
        (Role::Container(_), Some(parent)) => followers(state, parent),
        _ => Vec::new(),
    }
}

/// The nodes at which a DAG or steps end.
fn outbound_of_group(state: &RunState, ix: NodeIx) -> Vec<NodeIx> {
    match state.node(ix).map(|n| n.kind) {
        Some(Kind::Dag | Kind::Steps) => {
            let mut out = Vec::new();
            outbound(state, ix, &mut out);
            out
        }
        _ => Vec::new(),
    }
}

fn outbound(state: &RunState, ix: NodeIx, out: &mut Vec<NodeIx>) {
    let Some(node) = state.node(ix) else { return };
    match node.body.as_deref() {
        Some(Body::Dag(dag)) => {
            for task in dag.plan.targets() {
                if let Some(node) = dag.tasks.get(*task as usize).and_then(|t| t.node) {
                    outbound(state, node, out);
                }
            }
        }
        Some(Body::Steps(steps)) => {
            if let Some(group) = steps.groups.last() {
                outbound(state, *group, out);
            }
        }
        Some(Body::Group(group)) => group.steps.iter().flatten().for_each(|s| outbound(state, *s, out)),
        Some(Body::Loop(it)) if !it.children.is_empty() => {
            it.children.iter().flatten().for_each(|c| outbound(state, *c, out));
        }
        Some(Body::Retry(retry)) if !retry.attempts.is_empty() => {
            if let Some(last) = retry.attempts.last() {
                outbound(state, *last, out);
            }
        }
        _ => out.push(ix),
    }
}
