//! A node whose children are over: how it ended, and what it leaves.

use model::workflow::NodePhase;

use super::Decider;
use crate::change::{Change, End};
use crate::holder;
use crate::state::{Body, Branch, DagRun, Kind, Node, NodeIx, Role, TaskState};
use crate::values::{Outputs, Text};

impl Decider<'_, '_> {
    /// Begins a group of steps.
    pub(super) fn group(&mut self, steps: NodeIx, group: u32) {
        self.create(Some(steps), Role::Group(group), Kind::Group, None, None, None);
    }

    pub(super) fn complete(&mut self, ix: NodeIx) {
        let Some(node) = self.state().node(ix) else { return };
        match node.kind {
            Kind::Dag => self.complete_dag(ix),
            Kind::Steps => self.complete_steps(ix),
            Kind::Group => self.complete_group(ix),
            Kind::Loop => self.complete_loop(ix),
            _ => self.tx.emit(Change::Dropped),
        }
    }

    fn complete_dag(&mut self, ix: NodeIx) {
        let state = self.state();
        let Some(Body::Dag(dag)) = state.node(ix).and_then(|n| n.body.as_deref()) else { return };
        if dag.running > 0 || (dag.open > 0 && !dag.doomed) {
            self.tx.emit(Change::Dropped);
            return;
        }
        let daemons = dag.daemons.clone();
        let mut worst = Branch::Good;
        let mut first_bad = None;
        for (place, slot) in dag.tasks.iter().enumerate() {
            let task = u32::try_from(place).unwrap_or(u32::MAX);
            if slot.state != TaskState::Out && dag.plan.is_target(task) {
                worst = worst.max(slot.branch);
                if slot.branch > Branch::Good && first_bad.is_none() {
                    first_bad = culprit(state, dag, task);
                }
            }
        }
        let hook = dag.errored_hook;
        let ended = self.ended_by(ix);
        let (phase, message) = match (worst, hook, ended) {
            (_, _, Some(why)) if dag_unfinished(state, ix) => (NodePhase::Failed, why),
            (Branch::Failed, ..) => (NodePhase::Failed, self.child_failed(first_bad)),
            (Branch::Error, ..) => (NodePhase::Error, self.child_failed(first_bad)),
            (_, Some(hook), _) => (NodePhase::Error, self.hook_errored(hook)),
            _ => (NodePhase::Succeeded, String::new()),
        };
        self.stop_daemons(&daemons);
        self.end_group(ix, phase, message);
    }

    fn complete_steps(&mut self, ix: NodeIx) {
        let state = self.state();
        let Some(Body::Steps(steps)) = state.node(ix).and_then(|n| n.body.as_deref()) else { return };
        let daemons = steps.daemons.clone();
        let last = steps.groups.last().and_then(|g| state.node(*g));
        if last.is_some_and(|g| !g.is_over()) {
            self.tx.emit(Change::Dropped);
            return;
        }
        let all = steps.groups.len() >= holder::group_count(state, ix);
        let (phase, message) = match last {
            Some(group) if group.is_bad() => {
                // Steps fail when one of them could not be run, too; only an error of their own, or of a hook, is one.
                let phase = if self.hook_alone(group) { NodePhase::Error } else { NodePhase::Failed };
                (phase, group.message.as_deref().unwrap_or_default().to_owned())
            }
            _ if !all => (NodePhase::Failed, self.ended_by(ix).unwrap_or_default()),
            _ => (NodePhase::Succeeded, String::new()),
        };
        self.stop_daemons(&daemons);
        self.end_group(ix, phase, message);
    }

    fn complete_group(&mut self, ix: NodeIx) {
        let state = self.state();
        let Some(Body::Group(group)) = state.node(ix).and_then(|n| n.body.as_deref()) else { return };
        if group.running > 0 {
            self.tx.emit(Change::Dropped);
            return;
        }
        let hook = group.errored_hook;
        let missing = group.steps.iter().any(Option::is_none);
        let bad = group.steps.iter().flatten().find(|child| self.counts_as_bad(**child)).copied();
        let (phase, message) = match (bad, hook) {
            (Some(child), _) => (self.bad_phase(child), self.child_failed(Some(child))),
            (None, Some(hook)) => (NodePhase::Error, self.hook_errored(hook)),
            (None, None) if missing => (NodePhase::Failed, self.ended_by(ix).unwrap_or_default()),
            (None, None) => (NodePhase::Succeeded, String::new()),
        };
        self.end(ix, phase, message);
    }

    fn complete_loop(&mut self, ix: NodeIx) {
        let state = self.state();
        let Some(Body::Loop(run)) = state.node(ix).and_then(|n| n.body.as_deref()) else { return };
        if run.running > 0 || run.next().is_some() {
            self.tx.emit(Change::Dropped);
            return;
        }
        let bad = |phase: NodePhase| {
            run.children.iter().flatten().find(|c| state.node(**c).is_some_and(|n| n.phase == phase)).copied()
        };
        let unfinished = run.children.len() < run.items.len();
        let (phase, message) = match (bad(NodePhase::Error), bad(NodePhase::Failed)) {
            (Some(child), _) => (NodePhase::Error, self.child_failed(Some(child))),
            (None, Some(child)) => (NodePhase::Failed, self.child_failed(Some(child))),
            (None, None) if unfinished => (NodePhase::Failed, self.ended_by(ix).unwrap_or_default()),
            (None, None) => (NodePhase::Succeeded, String::new()),
        };
        self.end(ix, phase, message);
    }

    /// Ends a DAG or steps; after success its outputs are evaluated, after a failure those that can be.
    fn end_group(&mut self, ix: NodeIx, phase: NodePhase, message: String) {
        let (phase, message, outputs) = match (phase, self.group_outputs(ix)) {
            (NodePhase::Succeeded, Ok(outputs)) => (phase, message, outputs),
            (NodePhase::Succeeded, Err(problem)) => (NodePhase::Error, problem, Outputs::default()),
            (_, Ok(outputs)) => (phase, message, outputs),
            (_, Err(_)) => (phase, message, Outputs::default()),
        };
        let globals = self.globals(ix, &outputs);
        let at = self.now;
        self.finish(End {
            node: ix,
            phase,
            message: Text::from(message),
            at,
            outputs: (!outputs.is_empty()).then(|| Box::new(outputs)),
            globals,
            transient: false,
            memo_hit: false,
            used: None,
        });
    }

    fn stop_daemons(&mut self, daemons: &[NodeIx]) {
        for daemon in daemons {
            self.stop_leaf(*daemon, NodePhase::Succeeded, "the template that it served is over".into(), false);
        }
    }

    fn counts_as_bad(&self, ix: NodeIx) -> bool {
        let state = self.state();
        let covered = holder::continue_on(state, ix);
        match state.node(ix).map(|n| n.phase) {
            Some(NodePhase::Failed) => !covered.is_some_and(|c| c.failed),
            Some(NodePhase::Error) => !covered.is_some_and(|c| c.error),
            _ => false,
        }
    }

    fn bad_phase(&self, ix: NodeIx) -> NodePhase {
        self.state().node(ix).map_or(NodePhase::Error, |n| n.phase)
    }

    fn child_failed(&self, child: Option<NodeIx>) -> String {
        let Some(ix) = child else { return String::new() };
        let message = cause(self.state().node(ix).and_then(|n| n.message.as_deref()).unwrap_or_default());
        let name = self.state().display_name(ix);
        if message.is_empty() { format!("child '{name}' failed") } else { format!("child '{name}' failed: {message}") }
    }

    fn hook_errored(&self, hook: NodeIx) -> String {
        let message = self.state().node(hook).and_then(|n| n.message.as_deref()).unwrap_or_default();
        format!("hook '{}' ended in an error: {message}", self.state().display_name(hook))
    }

    /// Whether a group ended badly for a hook of its steps, and not for a step.
    fn hook_alone(&self, group: &Node) -> bool {
        match group.body.as_deref() {
            Some(Body::Group(run)) => {
                run.errored_hook.is_some() && !run.steps.iter().flatten().any(|step| self.counts_as_bad(*step))
            }
            _ => false,
        }
    }
}

/// Because of which task the branch of this one ended badly: it, or one before those that were omitted.
fn culprit(state: &crate::state::RunState, dag: &DagRun, task: u32) -> Option<NodeIx> {
    let mut task = task;
    loop {
        let node = dag.tasks.get(task as usize)?.node;
        if let Some(bad) = node.filter(|ix| state.node(*ix).is_some_and(Node::is_bad)) {
            return Some(bad);
        }
        let bad = |task: &u32| dag.tasks.get(*task as usize).is_some_and(|slot| slot.branch > Branch::Good);
        task = dag.plan.dependencies(task).find(bad)?;
    }
}

/// Whether a DAG has tasks that were to run and did not.
fn dag_unfinished(state: &crate::state::RunState, ix: NodeIx) -> bool {
    matches!(state.node(ix).and_then(|n| n.body.as_deref()), Some(Body::Dag(dag)) if dag.open > 0)
}

/// What went wrong, without the way that it came: of a child of a child, the innermost says it.
fn cause(mut message: &str) -> &str {
    while let Some((_, inner)) = message.strip_prefix("child '").and_then(|rest| rest.split_once("' failed: ")) {
        message = inner;
    }
    message
}
