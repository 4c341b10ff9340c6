//! What a durable transaction of a run counts for.

use std::sync::Arc;

use engine::Timestamp;
use engine_workflow::{Body, Change, End, Kind, Node, Place, Role, RunState};
use model::workflow::NodePhase;

use super::{Inner, RuntimeMetrics};

impl RuntimeMetrics {
    /// A transaction is durable.
    pub(crate) fn changed(&self, id: &Arc<str>, state: &RunState, changes: &[Change]) {
        let Some(run) = state.run() else { return };
        let namespace = run.submission.metadata.namespace.as_str();
        self.with(|m| changes.iter().for_each(|change| of_change(m, id, namespace, state, change)));
    }
}

fn of_change(m: &mut Inner, id: &Arc<str>, namespace: &str, state: &RunState, change: &Change) {
    let Some(run) = state.run() else { return };
    match change {
        Change::Created { at, .. } => {
            m.live.created(id, namespace, *at);
            run_is(m, state, "Pending");
        }
        Change::RunStarted { at } => {
            m.live.running(id, namespace, run.created);
            m.observe("argo_workflows_queue_latency_seconds", &[("namespace", namespace)], seconds(run.created, *at));
            run_is(m, state, "Running");
        }
        Change::RunFinished { phase, at, .. } => {
            m.live.over(id, namespace, phase.as_str());
            let of = [("phase", phase.as_str()), ("namespace", namespace)];
            m.observe("argo_workflows_run_duration_seconds", &of, seconds(run.created, *at));
            if let Some(of) = of_template(state) {
                m.observe("argo_workflows_workflowtemplate_runtime", &of, seconds(run.created, *at));
            }
            run_is(m, state, phase.as_str());
        }
        Change::Retried { only: None, .. } => m.live.again(id, namespace, run.created),
        Change::Started { node, at, .. } if state.node(*node).is_some_and(|n| n.kind.is_leaf()) => {
            m.live.step_asked_for(id, *node, *at);
        }
        Change::Running { node, at, .. } => {
            if let Some(asked) = m.live.step_no_longer_starts(id, *node) {
                m.observe("colchis_step_start_seconds", &[("namespace", namespace)], seconds(asked, *at));
            }
        }
        Change::Finished(end) => {
            m.live.step_no_longer_starts(id, end.node);
            if let Some(node) = state.node(end.node).filter(|n| n.kind.is_leaf()) {
                of_leaf(m, namespace, state, node, end);
            }
        }
        Change::Held { place, .. } => {
            let by = match place {
                Place::Boundary => "template_parallelism",
                Place::Run => "workflow_parallelism",
                // A person did that, not a limit.
                Place::Suspension | Place::Locks => return,
            };
            m.add("colchis_throttled_total", &[("by", by), ("namespace", namespace)], 1.0);
        }
        _ => {}
    }
}

/// A run has come to a phase.
fn run_is(m: &mut Inner, state: &RunState, phase: &str) {
    let Some(run) = state.run() else { return };
    let namespace = run.submission.metadata.namespace.as_str();
    m.add("argo_workflows_total_count", &[("phase", phase), ("namespace", namespace)], 1.0);
    if let Some([name, namespace, scope]) = of_template(state) {
        let of = [name, namespace, scope, ("phase", phase)];
        m.add("argo_workflows_workflowtemplate_triggered_total", &of, 1.0);
    }
}

/// The labels of the template object that a run is made of, if it is.
fn of_template(state: &RunState) -> Option<[(&'static str, &str); 3]> {
    let submission = &state.run()?.submission;
    let source = submission.from_template.as_ref()?;
    let scope = if source.cluster { "true" } else { "false" };
    Some([("name", &*source.name), ("namespace", submission.metadata.namespace.as_str()), ("cluster_scope", scope)])
}

fn of_leaf(m: &mut Inner, namespace: &str, state: &RunState, node: &Node, end: &End) {
    let kind = match node.kind {
        Kind::Http => "http",
        Kind::Plugin => "plugin",
        _ => "pod",
    };
    let of = [("phase", end.phase.as_str()), ("namespace", namespace), ("type", kind)];
    m.add("argo_workflows_pods_total_count", &of, 1.0);
    if let Some(reason) = tried_again_after(state, node) {
        m.add("colchis_step_retries_total", &[("namespace", namespace), ("reason", reason)], 1.0);
    }
    if let Some((cpu_ms, memory_peak)) = end.used {
        let template = node.template.and_then(|at| state.run()?.program.get(at)).map(|c| c.template.name.as_str());
        let of = [("namespace", namespace), ("template", template.unwrap_or_default())];
        m.add("colchis_step_cpu_seconds_total", &of, cpu_ms as f64 / 1000.0);
        let lasted = seconds(node.started.unwrap_or(node.created), end.at);
        m.add("colchis_step_memory_byte_seconds_total", &of, memory_peak as f64 * lasted);
    }
}

/// Why there was a further attempt, if the node is one: how the attempt before it ended.
fn tried_again_after(state: &RunState, node: &Node) -> Option<&'static str> {
    let Role::Attempt(n) = node.role else { return None };
    let before = n.checked_sub(1)?;
    let Some(Body::Retry(retry)) = state.node(node.parent?)?.body.as_deref() else { return None };
    let before = state.node(*retry.attempts.get(before as usize)?)?;
    Some(match before.phase {
        _ if before.flags.transient => "transient",
        NodePhase::Error => "error",
        _ => "failed",
    })
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.millis_since(from).max(0) as f64 / 1000.0
}
