//! A finished run (or one failed node of a running one) is run again: what failed is taken out, what waited for it is opened again.

use std::collections::BTreeSet;

use model::Timestamp;
use model::workflow::NodePhase;

use crate::state::{Body, Branch, HookRun, Kind, NodeIx, Progress, Role, RunState, Stage, TaskState, Timer, Todo};
use crate::values::Param;

pub(super) fn retried(
    state: &mut RunState,
    restart: &[NodeIx],
    only: Option<NodeIx>,
    parameters: &[Param],
    at: Timestamp,
) {
    super::begin::parameters_set(state, parameters);
    state.found.clear();
    if let Some(run) = &mut state.run {
        run.retried = true;
    }
    let picked: BTreeSet<NodeIx> = match only {
        Some(node) => [node].into(),
        None => failed(state).chain(restart.iter().copied()).collect(),
    };
    if only.is_none() {
        reopen_run(state, at);
    }
    let mut touched = BTreeSet::new();
    for ix in &picked {
        let mut up = state.node(*ix).and_then(|n| n.parent);
        while let Some(parent) = up {
            touched.insert(parent);
            up = state.node(parent).and_then(|n| n.parent);
        }
    }
    let Some(root) = state.run().and_then(|run| run.root) else {
        state.queue(Todo::Root);
        return;
    };
    if picked.contains(&root) || !touched.contains(&root) {
        // The whole of it again; also when nothing in it failed and only the exit handler did not go well.
        if picked.contains(&root) {
            remove(state, root);
            if let Some(run) = &mut state.run {
                run.root = None;
            }
            state.queue(Todo::Root);
        } else {
            state.queue(Todo::MainOver);
        }
    } else {
        reopen(state, root, &picked, &touched);
    }
}

/// The failed nodes from which a run is run again: leaves, retried ones as a whole, and what never had children.
fn failed(state: &RunState) -> impl Iterator<Item = NodeIx> + '_ {
    (0..state.nodes.len()).map(NodeIx::new).filter(|ix| {
        let Some(node) = state.node(*ix) else { return false };
        let composite =
            matches!(node.body.as_deref(), Some(Body::Dag(_) | Body::Steps(_) | Body::Group(_) | Body::Loop(_)));
        let hook = matches!(node.role, Role::Exit | Role::RunHook(_) | Role::Hook(..));
        let attempt = matches!(node.role, Role::Attempt(_) | Role::Container(_));
        node.is_bad() && !node.flags.removed && !composite && !attempt && !hook
    })
}

fn reopen_run(state: &mut RunState, at: Timestamp) {
    let Some(run) = &mut state.run else { return };
    run.stage = Stage::Main;
    run.phase = NodePhase::Running;
    run.message = crate::values::Text::default();
    run.finished = None;
    run.main_end = None;
    run.shutdown = None;
    run.expired = false;
    run.suspended = false;
    let exit = run.exit.take();
    run.hooks.closed = false;
    let hooks: Vec<NodeIx> = run.hooks.list.iter_mut().filter_map(|(_, node)| node.take()).collect();
    if let Some(seconds) = run.submission.spec.active_deadline_seconds {
        let deadline = at.plus_millis(seconds.saturating_mul(1000));
        run.deadline = Some(deadline);
        state.timers.insert((deadline, Timer::RunDeadline));
    }
    for ix in exit.into_iter().chain(hooks) {
        remove(state, ix);
    }
}

/// Takes a node and all below it out. They stay as history and are shown no more.
fn remove(state: &mut RunState, ix: NodeIx) {
    let Some(node) = state.nodes.get_mut(ix.index()) else { return };
    if node.flags.removed {
        return;
    }
    node.flags.removed = true;
    state.alive = state.alive.saturating_sub(1);
    let mut below: Vec<NodeIx> = node.hooks.iter().flat_map(|h| &h.list).filter_map(|(_, n)| *n).collect();
    match node.body.as_deref() {
        Some(Body::Dag(dag)) => below.extend(dag.tasks.iter().filter_map(|t| t.node)),
        Some(Body::Steps(steps)) => below.extend(&steps.groups),
        Some(Body::Group(group)) => below.extend(group.steps.iter().flatten()),
        Some(Body::Loop(it)) => below.extend(it.children.iter().flatten()),
        Some(Body::Retry(retry)) => below.extend(&retry.attempts),
        Some(Body::Leaf(leaf)) => below.extend(&leaf.facts().containers),
        None => {}
    }
    if node.kind.is_leaf() {
        super::progress::set(state, ix, Progress::default());
    }
    for child in below {
        remove(state, child);
    }
}

/// Opens a node with children again; what is picked below it is taken out and comes anew.
fn reopen(state: &mut RunState, ix: NodeIx, picked: &BTreeSet<NodeIx>, touched: &BTreeSet<NodeIx>) {
    let Some(node) = state.nodes.get_mut(ix.index()) else { return };
    if node.is_over() {
        state.active += 1;
        node.phase = NodePhase::Running;
        node.finished = None;
        node.message = None;
        node.outputs = None;
    }
    node.flags.settled = false;
    let hooks: Vec<NodeIx> = match node.hooks.as_deref_mut() {
        Some(hooks) => {
            let nodes = hooks.list.iter_mut().filter_map(|(_, n)| n.take()).collect();
            let list = std::mem::take(&mut hooks.list);
            *hooks = HookRun { list, ..HookRun::default() };
            nodes
        }
        None => Vec::new(),
    };
    let kind = node.kind;
    for hook in hooks {
        remove(state, hook);
    }
    match kind {
        Kind::Dag => reopen_dag(state, ix, picked, touched),
        Kind::Steps => reopen_steps(state, ix, picked, touched),
        Kind::Loop => reopen_loop(state, ix, picked, touched),
        Kind::Group => reopen_group(state, ix, picked, touched),
        Kind::Retry => {
            // A template with children that is retried: its last attempt goes on from where it failed.
            let last = match state.body_mut(ix) {
                Some(Body::Retry(retry)) => {
                    retry.gives_way = None;
                    retry.attempts.last().copied()
                }
                _ => None,
            };
            if let Some(last) = last {
                reopen(state, last, picked, touched);
            }
        }
        _ => {}
    }
}

fn reopen_dag(state: &mut RunState, ix: NodeIx, picked: &BTreeSet<NodeIx>, touched: &BTreeSet<NodeIx>) {
    let Some(Body::Dag(dag)) = state.body_mut(ix) else { return };
    let plan = dag.plan.clone();
    let nodes: Vec<Option<NodeIx>> = dag.tasks.iter().map(|t| t.node).collect();
    // A task comes anew when it was picked, or when one that it waits for does; in the order of the graph.
    let mut anew = vec![false; nodes.len()];
    let mut again = Vec::new();
    for task in plan.order() {
        let node = nodes.get(task as usize).copied().flatten();
        let above =
            plan.dependencies(task).any(|d| anew.get(d as usize).copied().unwrap_or(false) || again.contains(&d));
        if above || node.is_some_and(|n| picked.contains(&n)) {
            if let Some(mark) = anew.get_mut(task as usize) {
                *mark = true;
            }
        } else if node.is_some_and(|n| touched.contains(&n)) {
            again.push(task);
        }
    }
    for (task, node) in nodes.iter().enumerate() {
        if anew.get(task).copied().unwrap_or(false)
            && let Some(node) = node
        {
            remove(state, *node);
        }
    }
    let Some(Body::Dag(dag)) = state.body_mut(ix) else { return };
    dag.doomed = false;
    dag.errored_hook = None;
    dag.daemons.clear();
    for (task, slot) in dag.tasks.iter_mut().enumerate() {
        if anew.get(task).copied().unwrap_or(false) {
            slot.node = None;
        }
    }
    let running = |task: u32| again.contains(&task);
    let mut open = 0;
    let mut live = 0;
    let mut ready = Vec::new();
    // First who is over, then who waits for whom.
    for task in 0..u32::try_from(nodes.len()).unwrap_or(u32::MAX) {
        let Some(slot) = dag.tasks.get_mut(task as usize) else { continue };
        if slot.state == TaskState::Out {
            continue;
        }
        let in_work = slot.node.is_some() && slot.state == TaskState::Running;
        if running(task) || in_work {
            slot.state = TaskState::Running;
            slot.branch = Branch::Open;
            live += 1;
            open += 1;
        } else if slot.node.is_none() {
            slot.state = TaskState::Waiting;
            slot.branch = Branch::Open;
            open += 1;
        }
    }
    let settled: Vec<bool> = dag.tasks.iter().map(|t| t.state == TaskState::Settled).collect();
    for task in 0..u32::try_from(nodes.len()).unwrap_or(u32::MAX) {
        let waiting = plan.dependencies(task).filter(|d| !settled.get(*d as usize).copied().unwrap_or(false)).count();
        let Some(slot) = dag.tasks.get_mut(task as usize) else { continue };
        slot.waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
        if slot.state == TaskState::Waiting && slot.waiting == 0 {
            slot.state = TaskState::Queued;
            ready.push(Todo::Task(ix, task));
        }
    }
    dag.open = open;
    dag.running = live;
    state.todo.extend(ready);
    for task in again {
        if let Some(Some(node)) = nodes.get(task as usize) {
            reopen(state, *node, picked, touched);
        }
    }
}

fn reopen_steps(state: &mut RunState, ix: NodeIx, picked: &BTreeSet<NodeIx>, touched: &BTreeSet<NodeIx>) {
    let Some(Body::Steps(steps)) = state.body_mut(ix) else { return };
    steps.daemons.clear();
    let Some(first) = steps.groups.iter().position(|g| touched.contains(g) || picked.contains(g)) else { return };
    let later: Vec<NodeIx> = steps.groups.drain(first + 1..).collect();
    let group = steps.groups.get(first).copied();
    for ix in later {
        remove(state, ix);
    }
    if let Some(group) = group {
        reopen(state, group, picked, touched);
    }
}

fn reopen_group(state: &mut RunState, ix: NodeIx, picked: &BTreeSet<NodeIx>, touched: &BTreeSet<NodeIx>) {
    let Some(Body::Group(group)) = state.body_mut(ix) else { return };
    group.errored_hook = None;
    let steps: Vec<Option<NodeIx>> = group.steps.to_vec();
    let (mut running, mut undecided) = (0, 0);
    let mut ready = Vec::new();
    let mut again = Vec::new();
    let mut gone = Vec::new();
    for (place, (step, slot)) in steps.iter().zip(group.steps.iter_mut()).enumerate() {
        match step {
            Some(node) if picked.contains(node) => {
                gone.push(*node);
                *slot = None;
            }
            Some(node) if touched.contains(node) => {
                running += 1;
                again.push(*node);
            }
            _ => {}
        }
        if slot.is_none() {
            undecided += 1;
            ready.push(Todo::Step(ix, u32::try_from(place).unwrap_or(u32::MAX)));
        }
    }
    group.running = running;
    group.undecided = undecided;
    for node in gone {
        remove(state, node);
    }
    state.todo.extend(ready);
    for node in again {
        reopen(state, node, picked, touched);
    }
}

fn reopen_loop(state: &mut RunState, ix: NodeIx, picked: &BTreeSet<NodeIx>, touched: &BTreeSet<NodeIx>) {
    let Some(Body::Loop(it)) = state.body_mut(ix) else { return };
    it.stopped = false;
    let mut again = Vec::new();
    let mut gone = Vec::new();
    let mut missing = Vec::new();
    let mut running = 0;
    for (item, slot) in it.children.iter_mut().enumerate().rev() {
        match *slot {
            Some(node) if picked.contains(&node) => {
                gone.push(node);
                *slot = None;
            }
            Some(node) if touched.contains(&node) => {
                running += 1;
                again.push(node);
            }
            _ => {}
        }
        if slot.is_none() {
            missing.push(u32::try_from(item).unwrap_or(u32::MAX));
        }
    }
    it.again = missing;
    it.running = running;
    if it.next().is_some() {
        state.todo.push_back(Todo::Items(ix));
    }
    for node in gone {
        remove(state, node);
    }
    for node in again {
        reopen(state, node, picked, touched);
    }
}
