//! A node is over, its hooks too: those who wait for it go on.

use model::workflow::NodePhase;

use crate::holder;
use crate::state::{Body, Branch, DagRun, Node, NodeIx, Role, RunState, Stage, TaskState, Todo};

/// The node has reached its last phase. Its hooks come first.
pub(super) fn over(state: &mut RunState, ix: NodeIx) {
    let hooks = state.node(ix).is_some_and(|node| {
        node.hooks.as_ref().is_some_and(|h| !h.closed) && !matches!(node.phase, NodePhase::Skipped | NodePhase::Omitted)
    });
    run_hooks(state);
    if hooks {
        state.queue(Todo::Hooks(Some(ix)));
    } else {
        settle(state, ix);
    }
}

/// A node moved: its hooks, and those of the run, may have become due.
pub(super) fn look_at_hooks(state: &mut RunState, ix: NodeIx) {
    let due =
        state.node(ix).and_then(|n| n.hooks.as_ref()).is_some_and(|h| h.list.iter().any(|(_, node)| node.is_none()));
    if due {
        state.queue(Todo::Hooks(Some(ix)));
    }
    run_hooks(state);
}

fn run_hooks(state: &mut RunState) {
    let due = state.run().is_some_and(|run| !run.hooks.closed && run.hooks.list.iter().any(|(_, node)| node.is_none()));
    if due {
        state.queue(Todo::Hooks(None));
    }
}

/// No more hooks will be run for a node, or the run.
pub(super) fn hooks_closed(state: &mut RunState, ix: Option<NodeIx>) {
    state.take_todo(Todo::Hooks(ix));
    match ix {
        Some(ix) => {
            let Some(hooks) = state.nodes.get_mut(ix.index()).and_then(|n| n.hooks.as_deref_mut()) else { return };
            hooks.closed = true;
            if hooks.running == 0 {
                settle(state, ix);
            }
        }
        None => {
            if let Some(run) = &mut state.run {
                run.hooks.closed = true;
            }
        }
    }
}

/// A daemon serves: those who wait for it go on although it runs.
pub(super) fn daemon_serves(state: &mut RunState, ix: NodeIx) {
    settle(state, ix);
}

/// Tells the parent, once.
fn settle(state: &mut RunState, ix: NodeIx) {
    let Some(node) = state.nodes.get_mut(ix.index()) else { return };
    if node.flags.settled || node.flags.removed {
        return;
    }
    node.flags.settled = true;
    let (role, parent, bad, running) = (node.role, node.parent, node.is_bad(), !node.is_over());
    let error = node.phase == NodePhase::Error;
    match (role, parent) {
        (Role::Root, _) => state.todo.push_back(Todo::MainOver),
        (Role::Exit, _) => state.queue(Todo::Finish),
        (Role::RunHook(_), _) => {
            if let Some(run) = &mut state.run {
                run.hooks.running = run.hooks.running.saturating_sub(1);
                if run.stage == Stage::Exit {
                    state.queue(Todo::Finish);
                }
            }
        }
        (Role::Hook(owner, _), _) => hook_over(state, owner, ix, error),
        (Role::Task(task), Some(dag)) => task_over(state, dag, task, ix),
        (Role::Step(_), Some(group)) => {
            let errored_hook = errored_hook(state, ix);
            if let Some(Body::Group(run)) = state.body_mut(group) {
                run.running = run.running.saturating_sub(1);
                run.errored_hook = run.errored_hook.or(errored_hook);
                if run.undecided == 0 && run.running == 0 {
                    state.queue(Todo::Complete(group));
                }
            }
        }
        (Role::Group(group), Some(steps)) => {
            let more = !bad && (group as usize) + 1 < holder::group_count(state, steps) && !stopped(state, steps);
            state.todo.push_back(if more { Todo::Group(steps, group + 1) } else { Todo::Complete(steps) });
        }
        (Role::Item(_), Some(parent)) => item_over(state, parent, bad),
        (Role::Attempt(_), Some(retry)) => {
            if running {
                if let Some(node) = state.nodes.get_mut(retry.index()) {
                    node.flags.daemoned = true;
                }
                settle(state, retry);
            } else {
                state.todo.push_back(Todo::Attempt(retry));
            }
        }
        (Role::Container(_), _) | (_, None) => {}
    }
}

/// A hook that failed has done its part all the same; one that could not do it (an error) ends the template of its owner.
fn hook_over(state: &mut RunState, owner: NodeIx, hook: NodeIx, error: bool) {
    let Some(node) = state.nodes.get_mut(owner.index()) else { return };
    let over = node.is_over();
    let Some(hooks) = node.hooks.as_deref_mut() else { return };
    hooks.running = hooks.running.saturating_sub(1);
    if error {
        hooks.errored = Some(hook);
    }
    if hooks.running > 0 || !over {
        return;
    }
    if hooks.closed {
        settle(state, owner);
    } else {
        // The exit hook waited for this one.
        state.queue(Todo::Hooks(Some(owner)));
    }
}

fn errored_hook(state: &RunState, ix: NodeIx) -> Option<NodeIx> {
    state.node(ix)?.hooks.as_ref()?.errored
}

/// Whether the part of the run in which a node stands starts nothing new.
fn stopped(state: &RunState, ix: NodeIx) -> bool {
    state.is_ending() && (state.is_terminated() || !holder::under_exit(state, ix))
}

fn item_over(state: &mut RunState, parent: NodeIx, bad: bool) {
    let stop = bad && holder::fails_fast(state, parent);
    let Some(Body::Loop(run)) = state.body_mut(parent) else { return };
    run.running = run.running.saturating_sub(1);
    run.stopped |= stop;
    if run.next().is_none() {
        if run.running == 0 {
            state.queue(Todo::Complete(parent));
        }
    } else if std::mem::take(&mut run.crowded) {
        state.queue(Todo::Items(parent));
    }
}

fn task_over(state: &mut RunState, dag_ix: NodeIx, task: u32, ix: NodeIx) {
    let Some(node) = state.node(ix) else { return };
    let own = own_branch(state, ix, node);
    let errored_hook = errored_hook(state, ix);
    let mut ready = Vec::new();
    let Some(Body::Dag(dag)) = state.body_mut(dag_ix) else { return };
    dag.running = dag.running.saturating_sub(1);
    dag.open = dag.open.saturating_sub(1);
    dag.errored_hook = dag.errored_hook.or(errored_hook);
    let branch = own.unwrap_or_else(|| worst_dependency(dag, task));
    if let Some(slot) = dag.tasks.get_mut(task as usize) {
        slot.state = TaskState::Settled;
        slot.branch = branch;
    }
    let plan = dag.plan.clone();
    dag.doomed |= branch > Branch::Good && plan.fail_fast() && plan.is_target(task);
    dag.doomed |= dag.errored_hook.is_some();
    for next in plan.dependents(task) {
        if let Some(slot) = dag.tasks.get_mut(next as usize) {
            slot.waiting = slot.waiting.saturating_sub(1);
            if slot.waiting == 0 && slot.state == TaskState::Waiting {
                slot.state = TaskState::Queued;
                ready.push(Todo::Task(dag_ix, next));
            }
        }
    }
    let complete = (dag.open == 0 || dag.doomed) && dag.running == 0;
    if complete {
        state.queue(Todo::Complete(dag_ix));
    } else {
        state.todo.extend(ready);
    }
}

/// How a task's own end colours its branch; nothing for one that was omitted: there its dependencies decide.
fn own_branch(state: &RunState, ix: NodeIx, node: &Node) -> Option<Branch> {
    let covered =
        |failed: bool| holder::continue_on(state, ix).is_some_and(|c| if failed { c.failed } else { c.error });
    match node.phase {
        NodePhase::Omitted => None,
        NodePhase::Failed if !covered(true) => Some(Branch::Failed),
        NodePhase::Error if !covered(false) => Some(Branch::Error),
        _ => Some(Branch::Good),
    }
}

fn worst_dependency(dag: &DagRun, task: u32) -> Branch {
    let branches = dag.plan.dependencies(task).filter_map(|d| dag.tasks.get(d as usize)).map(|slot| slot.branch);
    branches.max().unwrap_or(Branch::Good).max(Branch::Good)
}

/// The run is being ended: what is not begun will not be, wherever it stands (but for exit handlers, unless the run is terminated).
pub(super) fn abandon(state: &mut RunState) {
    let all = state.is_terminated();
    let mut complete = Vec::new();
    for at in 0..state.nodes.len() {
        let ix = NodeIx::new(at);
        let Some(node) = state.node(ix) else { continue };
        if node.is_over() || node.flags.removed || (!all && holder::under_exit(state, ix)) {
            continue;
        }
        let Some(body) = state.body_mut(ix) else { continue };
        let idle = match body {
            Body::Dag(dag) => {
                dag.doomed = true;
                dag.running == 0
            }
            Body::Group(group) => {
                group.undecided = 0;
                group.running == 0
            }
            Body::Loop(run) => {
                run.stopped = true;
                run.running == 0
            }
            _ => false,
        };
        if idle {
            complete.push(Todo::Complete(ix));
        }
    }
    // Steps between two groups: the group that was to come is dropped from the queue, so they are complete.
    for todo in &state.todo {
        if let Todo::Group(steps, _) = todo
            && (all || !holder::under_exit(state, *steps))
        {
            complete.push(Todo::Complete(*steps));
        }
    }
    state.todo.extend(complete);
    let held: Vec<NodeIx> = state.held.drain(..).chain(state.suspended.drain(..)).collect();
    state.todo.extend(held.into_iter().map(Todo::Enter));
}
