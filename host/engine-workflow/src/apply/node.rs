//! Nodes: how they come to be, begin and wait.

use model::Timestamp;
use model::workflow::NodePhase;

use crate::change::{End, NewNode, Place};
use crate::state::{
    Body, Branch, DagRun, Flags, GroupRun, HookRun, Kind, LeafRun, LoopRun, Node, NodeIx, Progress, Role, RunState,
    Slots, StepsRun, TaskSlot, TaskState, Timer, Todo,
};
use crate::values::Text;

pub(super) fn create(state: &mut RunState, new: &NewNode) {
    let ix = state.next_ix();
    state.nodes.push(Node {
        parent: new.parent,
        role: new.role,
        kind: new.kind,
        phase: NodePhase::Pending,
        flags: Flags { hooked: matches!(new.role, Role::Hook(..) | Role::RunHook(_) | Role::Exit), ..Flags::default() },
        template: new.template,
        created: new.at,
        started: None,
        finished: None,
        message: None,
        inputs: new.inputs.clone(),
        outputs: None,
        body: None,
        hooks: None,
        extra: None,
        progress: Progress::default(),
    });
    state.alive = state.alive.saturating_add(1);
    state.active += 1;
    if new.kind.is_leaf() {
        let progress = super::progress::at_first(state, new.template);
        super::progress::set(state, ix, progress);
    }
    place(state, ix, new);
    add_hooks(state, ix);
    match &new.end {
        Some((phase, message)) => super::finish::finish(
            state,
            &End {
                node: ix,
                phase: *phase,
                message: message.clone(),
                at: new.at,
                outputs: None,
                globals: None,
                transient: false,
                memo_hit: false,
                used: None,
            },
        ),
        None if matches!(new.role, Role::Container(_)) => {}
        None => state.todo.push_back(Todo::Enter(ix)),
    }
}

/// Tells the parent, and takes the work that made the node from the queue.
fn place(state: &mut RunState, ix: NodeIx, new: &NewNode) {
    match (new.role, new.parent) {
        (Role::Root, _) => {
            state.take_todo(Todo::Root);
            if let Some(run) = &mut state.run {
                run.root = Some(ix);
            }
        }
        (Role::Exit, _) => {
            state.take_todo(Todo::Finish);
            if let Some(run) = &mut state.run {
                run.exit = Some(ix);
            }
        }
        (Role::RunHook(hook), _) => {
            if let Some(run) = &mut state.run {
                run.hooks.begin(hook, ix);
            }
        }
        (Role::Hook(owner, hook), _) => {
            if let Some(hooks) = state.nodes.get_mut(owner.index()).and_then(|n| n.hooks.as_deref_mut()) {
                hooks.begin(hook, ix);
            }
        }
        (Role::Task(task), Some(parent)) => {
            state.take_todo(Todo::Task(parent, task));
            if let Some(Body::Dag(dag)) = state.body_mut(parent) {
                dag.running += 1;
                if let Some(slot) = dag.tasks.get_mut(task as usize) {
                    slot.node = Some(ix);
                    slot.state = TaskState::Running;
                }
            }
        }
        (Role::Group(group), Some(parent)) => {
            state.take_todo(Todo::Group(parent, group));
            if let Some(Body::Steps(steps)) = state.body_mut(parent) {
                steps.groups.push(ix);
            }
        }
        (Role::Step(step), Some(parent)) => {
            state.take_todo(Todo::Step(parent, step));
            if let Some(Body::Group(group)) = state.body_mut(parent) {
                group.running += 1;
                group.undecided = group.undecided.saturating_sub(1);
                if let Some(slot) = group.steps.get_mut(step as usize) {
                    *slot = Some(ix);
                }
            }
        }
        (Role::Item(item), Some(parent)) => {
            if let Some(Body::Loop(it)) = state.body_mut(parent) {
                it.running += 1;
                match it.children.get_mut(item as usize) {
                    Some(slot) => {
                        *slot = Some(ix);
                        // The next item is the last of the list; the rest is not looked through.
                        if it.again.last() == Some(&item) {
                            it.again.pop();
                        } else {
                            it.again.retain(|again| *again != item);
                        }
                    }
                    None => it.children.push(Some(ix)),
                }
                if it.next().is_none() {
                    state.take_todo(Todo::Items(parent));
                }
            }
        }
        (Role::Attempt(_), Some(parent)) => {
            state.take_todo(Todo::Attempt(parent));
            if let Some(Body::Retry(retry)) = state.body_mut(parent) {
                retry.attempts.push(ix);
            }
        }
        (Role::Container(_), Some(parent)) => {
            if let Some(leaf) = state.leaf_mut(parent) {
                leaf.facts_mut().containers.push(ix);
            }
        }
        (_, None) => {}
    }
}

/// Gives the node the hooks that its task or step declares.
fn add_hooks(state: &mut RunState, ix: NodeIx) {
    let Some(names) = crate::holder::hook_names(state, ix) else { return };
    if let Some(node) = state.nodes.get_mut(ix.index()) {
        node.hooks = Some(Box::new(HookRun {
            list: names.into_iter().map(|name| (name, None)).collect(),
            ..HookRun::default()
        }));
    }
}

pub(super) fn items(state: &mut RunState, node: NodeIx, items: &[Text]) {
    state.take_todo(Todo::Enter(node));
    let Some(it) = state.nodes.get_mut(node.index()) else { return };
    it.phase = NodePhase::Running;
    it.flags.started = true;
    it.started = Some(it.created);
    it.body = Some(Box::new(Body::Loop(Box::new(LoopRun { items: items.to_vec(), ..LoopRun::default() }))));
    state.todo.push_back(if items.is_empty() { Todo::Complete(node) } else { Todo::Items(node) });
}

pub(super) fn held(state: &mut RunState, node: NodeIx, place: Place) {
    state.take_todo(Todo::Enter(node));
    state.take_todo(Todo::Items(node));
    if let Some(held) = state.nodes.get_mut(node.index()) {
        held.flags.held = Some(place);
    }
    let boundary = state.boundary(node);
    let limit = boundary.and_then(|b| state.slots_mut(b)).and_then(|slots| slots.limit);
    match state.body_mut(node) {
        // As many iterations as may run are made already: the end of one of them calls, not a slot.
        Some(Body::Loop(it)) if limit.is_some_and(|limit| it.running >= limit) => it.crowded = true,
        _ => state.hold(node, place),
    }
    // Whoever was called and cannot go on passes the call to the next, or nobody would call again.
    if place == Place::Boundary {
        if let Some(boundary) = boundary {
            super::finish::call_at(state, boundary);
        }
        super::finish::call_in_run(state);
    }
}

pub(super) fn started(
    state: &mut RunState,
    ix: NodeIx,
    at: Timestamp,
    deadline: Option<Timestamp>,
    evaluated: &[(u32, Text)],
) {
    state.take_todo(Todo::Enter(ix));
    let boundary = state.boundary(ix);
    let takes_slot = !matches!(
        state.node(ix).map(|n| (n.kind, n.role)),
        None | Some((Kind::Loop | Kind::Group, _) | (_, Role::Attempt(_) | Role::Hook(..) | Role::Root | Role::Exit))
    );
    if takes_slot && let Some(slots) = boundary.and_then(|b| state.slots_mut(b)) {
        slots.active += 1;
        if let Some(node) = state.nodes.get_mut(ix.index()) {
            node.flags.slot = true;
        }
    }
    let Some(node) = state.nodes.get_mut(ix.index()) else { return };
    node.flags.started = true;
    node.started = Some(at);
    node.message = None;
    match node.kind {
        Kind::Pod | Kind::Http | Kind::Plugin => {
            node.flags.run_slot = true;
            node.body = Some(Box::new(Body::Leaf(LeafRun::new(deadline, evaluated))));
            state.units = state.units.saturating_add(1);
            state.open.insert(ix);
            if let Some(run) = &mut state.run {
                run.active += 1;
            }
            if let Some(deadline) = deadline {
                state.timers.insert((deadline, Timer::NodeDeadline(ix)));
            }
        }
        Kind::Suspend => {
            node.phase = NodePhase::Running;
            node.body = Some(Box::new(Body::Leaf(LeafRun::new(deadline, &[]))));
            if let Some(deadline) = deadline {
                state.timers.insert((deadline, Timer::Suspend(ix)));
            }
        }
        Kind::Retry => {
            node.phase = NodePhase::Running;
            node.body = Some(Box::new(Body::Retry(Box::default())));
            state.todo.push_back(Todo::Attempt(ix));
        }
        Kind::Group => start_group(state, ix),
        Kind::Dag => start_dag(state, ix, evaluated),
        Kind::Steps => start_steps(state, ix),
        Kind::Loop | Kind::Skipped | Kind::Container => {}
    }
    super::settle::look_at_hooks(state, ix);
}

fn start_group(state: &mut RunState, ix: NodeIx) {
    let count = crate::holder::group_len(state, ix);
    let Some(node) = state.nodes.get_mut(ix.index()) else { return };
    node.phase = NodePhase::Running;
    node.body = Some(Box::new(Body::Group(Box::new(GroupRun {
        steps: vec![None; count].into(),
        undecided: u32::try_from(count).unwrap_or(u32::MAX),
        running: 0,
        errored_hook: None,
    }))));
    if count == 0 {
        state.todo.push_back(Todo::Complete(ix));
    }
    for step in 0..count {
        state.todo.push_back(Todo::Step(ix, u32::try_from(step).unwrap_or(u32::MAX)));
    }
}

fn start_steps(state: &mut RunState, ix: NodeIx) {
    let Some((plan, limit)) = crate::holder::steps_plan(state, ix) else { return };
    let groups = crate::holder::group_count(state, ix);
    let Some(node) = state.nodes.get_mut(ix.index()) else { return };
    node.phase = NodePhase::Running;
    node.body = Some(Box::new(Body::Steps(Box::new(StepsRun {
        plan,
        groups: Vec::new(),
        slots: Slots { limit, ..Slots::default() },
        daemons: Vec::new(),
    }))));
    state.todo.push_back(if groups == 0 { Todo::Complete(ix) } else { Todo::Group(ix, 0) });
}

fn start_dag(state: &mut RunState, ix: NodeIx, evaluated: &[(u32, Text)]) {
    // The rendered targets travel with the change.
    let targets = evaluated.first().map(|(_, text)| &**text);
    let Some((plan, limit)) = crate::holder::dag_plan(state, ix, targets) else { return };
    let mut open = 0;
    let mut ready = Vec::new();
    let mut tasks = Vec::with_capacity(plan.len());
    for task in 0..u32::try_from(plan.len()).unwrap_or(u32::MAX) {
        let waiting = u32::try_from(plan.dependencies(task).count()).unwrap_or(u32::MAX);
        let at = match (plan.includes(task), waiting) {
            (false, _) => TaskState::Out,
            (true, 0) => {
                ready.push(Todo::Task(ix, task));
                TaskState::Queued
            }
            (true, _) => TaskState::Waiting,
        };
        open += u32::from(at != TaskState::Out);
        tasks.push(TaskSlot { node: None, waiting, state: at, branch: Branch::Open });
    }
    let Some(node) = state.nodes.get_mut(ix.index()) else { return };
    node.phase = NodePhase::Running;
    node.body = Some(Box::new(Body::Dag(Box::new(DagRun {
        plan,
        tasks: tasks.into(),
        open,
        running: 0,
        doomed: false,
        slots: Slots { limit, ..Slots::default() },
        daemons: Vec::new(),
        errored_hook: None,
    }))));
    if open == 0 {
        state.todo.push_back(Todo::Complete(ix));
    }
    state.todo.extend(ready);
}

pub(super) fn running(
    state: &mut RunState,
    ix: NodeIx,
    at: Timestamp,
    message: Option<&Text>,
    deadline: Option<Timestamp>,
) {
    let Some(node) = state.nodes.get_mut(ix.index()) else { return };
    node.phase = NodePhase::Running;
    node.started = Some(at);
    node.message = message.cloned();
    if let Some(Body::Leaf(leaf)) = node.body.as_deref_mut() {
        let before = std::mem::replace(&mut leaf.deadline, deadline);
        if let Some(before) = before {
            state.timers.remove(&(before, Timer::NodeDeadline(ix)));
        }
        if let Some(deadline) = deadline {
            state.timers.insert((deadline, Timer::NodeDeadline(ix)));
        }
    }
    super::settle::look_at_hooks(state, ix);
}

pub(super) fn ready(state: &mut RunState, ix: NodeIx, ip: Option<&Text>) {
    let Some(node) = state.nodes.get_mut(ix.index()) else { return };
    node.phase = NodePhase::Running;
    node.flags.daemoned = true;
    if let Some(Body::Leaf(leaf)) = node.body.as_deref_mut()
        && ip.is_some()
    {
        leaf.facts_mut().ip = ip.cloned();
    }
    // A daemon gives its slots back when it serves: it would hold them for as long as its template runs.
    super::finish::give_slots_back(state, ix);
    let keeper = state.boundary(ix);
    match keeper.and_then(|b| state.body_mut(b)) {
        Some(Body::Dag(dag)) => dag.daemons.push(ix),
        Some(Body::Steps(steps)) => steps.daemons.push(ix),
        _ => {}
    }
    super::settle::daemon_serves(state, ix);
}

pub(super) fn backed_off(state: &mut RunState, ix: NodeIx, at: Timestamp, message: &Text) {
    state.take_todo(Todo::Attempt(ix));
    if let Some(Body::Retry(retry)) = state.body_mut(ix) {
        retry.due = Some(at);
    }
    if let Some(node) = state.nodes.get_mut(ix.index()) {
        node.message = Some(message.clone());
    }
    state.timers.insert((at, Timer::BackOff(ix)));
}

impl HookRun {
    fn begin(&mut self, hook: u32, node: NodeIx) {
        if let Some((_, slot)) = self.list.get_mut(hook as usize) {
            *slot = Some(node);
        }
        self.running += 1;
    }
}
