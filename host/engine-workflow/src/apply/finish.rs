//! A node's end.

use model::workflow::NodePhase;

use crate::change::End;
use crate::state::{Body, Kind, LockState, MemoState, NodeIx, Progress, RunState, Stage, Timer, Todo};
use crate::values::Outputs;

pub(super) fn finish(state: &mut RunState, end: &End) {
    let ix = end.node;
    state.take_todo(Todo::Enter(ix));
    state.take_todo(Todo::Complete(ix));
    state.take_todo(Todo::Attempt(ix));
    give_slots_back(state, ix);
    let Some(node) = state.nodes.get_mut(ix.index()) else { return };
    if node.is_over() {
        return;
    }
    let was_unit = node.kind.is_leaf() && node.flags.started;
    let due = match node.body.as_deref() {
        Some(Body::Leaf(leaf)) if node.kind == Kind::Suspend => leaf.deadline.map(|at| (at, Timer::Suspend(ix))),
        Some(Body::Leaf(leaf)) => leaf.deadline.map(|at| (at, Timer::NodeDeadline(ix))),
        Some(Body::Retry(retry)) => retry.due.map(|at| (at, Timer::BackOff(ix))),
        _ => None,
    };
    // What a runner said of its work stays with what succeeded: on which image it ran.
    let keeps = end.phase == NodePhase::Succeeded
        && end.message.is_empty()
        && node.phase == NodePhase::Running
        && node.leaf().is_some_and(|leaf| leaf.facts().host.is_some());
    node.phase = end.phase;
    node.finished = Some(end.at);
    if !keeps {
        node.message = (!end.message.is_empty()).then(|| end.message.clone());
    }
    node.outputs = end.outputs.clone();
    node.flags.transient = end.transient;
    if let Some(used) = end.used {
        node.extra_mut().used = Some(used);
    }
    if node.lock_state() != LockState::None {
        node.extra_mut().lock_state = LockState::Releasing;
        state.open.insert(ix);
    }
    if let Some((_, _, memo)) = node.extra.as_mut().and_then(|e| e.memo.as_mut()) {
        *memo = match (*memo, end.memo_hit, end.phase) {
            (MemoState::Asked, true, _) => MemoState::Hit,
            (MemoState::Missed, _, NodePhase::Succeeded) => {
                state.open.insert(ix);
                MemoState::Saving
            }
            (other, ..) => other,
        };
    }
    if matches!(node.body.as_deref(), Some(Body::Leaf(leaf)) if leaf.is_plain()) {
        node.body = None;
    }
    state.active = state.active.saturating_sub(1);
    if was_unit {
        state.units = state.units.saturating_sub(1);
    }
    let complete = Progress { done: node.progress.total, ..node.progress };
    if node.kind.is_leaf() && end.phase == NodePhase::Succeeded {
        super::progress::set(state, ix, complete);
    }
    if let Some(timer) = due {
        state.timers.remove(&timer);
    }
    state.close(ix);
    if let Some(globals) = &end.globals {
        publish(state, globals);
    }
    // Who follows may ask the cache for the same: it must be there first.
    let saving = state
        .node(ix)
        .and_then(|n| n.extra.as_ref())
        .and_then(|e| e.memo.as_ref())
        .is_some_and(|(_, _, memo)| *memo == MemoState::Saving);
    if !saving {
        super::settle::over(state, ix);
    }
    if was_unit && state.run().is_some_and(|run| run.stage == Stage::Exit) {
        // The run may have waited for its last leaf.
        state.queue(Todo::Finish);
    }
}

/// Gives a node's slots back, and calls the next who waits while there is room: also when this node never had a slot, because it
/// may have been called for one and have ended instead.
pub(super) fn give_slots_back(state: &mut RunState, ix: NodeIx) {
    let Some(node) = state.nodes.get_mut(ix.index()) else { return };
    let (slot, run_slot) = (node.flags.slot, node.flags.run_slot);
    node.flags.slot = false;
    node.flags.run_slot = false;
    if let Some(boundary) = state.boundary(ix) {
        if let Some(slots) = state.slots_mut(boundary) {
            slots.active = slots.active.saturating_sub(u32::from(slot));
        }
        call_at(state, boundary);
    }
    if let Some(run) = &mut state.run {
        run.active = run.active.saturating_sub(u32::from(run_slot));
    }
    call_in_run(state);
}

/// Calls the next who waits for a slot of this DAG or these steps, while there is room.
pub(super) fn call_at(state: &mut RunState, boundary: NodeIx) {
    while let Some(slots) = state.slots_mut(boundary).filter(|slots| slots.free()) {
        let Some(next) = slots.held.pop_front() else { return };
        // A loop that has stopped meanwhile, or a node that is over, would let the call get lost.
        let todo = match state.body_mut(next) {
            Some(Body::Loop(_)) => Todo::Items(next),
            _ => Todo::Enter(next),
        };
        if state.is_current(todo) {
            state.todo.push_back(todo);
            return;
        }
    }
}

/// Calls the next who waits for a slot of the run, while there is room.
pub(super) fn call_in_run(state: &mut RunState) {
    while state.run.as_ref().is_some_and(|run| run.parallelism.is_none_or(|limit| run.active < limit)) {
        let Some(next) = state.held.pop_front() else { return };
        if state.is_current(Todo::Enter(next)) {
            state.todo.push_back(Todo::Enter(next));
            return;
        }
    }
}

/// Makes outputs known to the whole run; the newest value of a name wins.
fn publish(state: &mut RunState, globals: &Outputs) {
    let Some(run) = &mut state.run else { return };
    for parameter in &globals.parameters {
        run.globals.parameters.retain(|p| p.name != parameter.name);
        run.globals.parameters.push(parameter.clone());
    }
    for artifact in &globals.artifacts {
        run.globals.artifacts.retain(|a| a.name != artifact.name);
        run.globals.artifacts.push(artifact.clone());
    }
}
