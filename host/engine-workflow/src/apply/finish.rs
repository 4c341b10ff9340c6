//! A node's end.

use model::workflow::NodePhase;

use crate::change::End;
use crate::state::{Body, Kind, LockState, MemoState, NodeIx, RunState, Stage, Timer, Todo};
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
    node.phase = end.phase;
    node.finished = Some(end.at);
    node.message = (!end.message.is_empty()).then(|| end.message.clone());
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
    state.counts.active = state.counts.active.saturating_sub(1);
    if was_unit {
        state.units = state.units.saturating_sub(1);
    }
    if node.kind.is_leaf() && end.phase == NodePhase::Succeeded {
        state.counts.done += 1;
    }
    if let Some(timer) = due {
        state.timers.remove(&timer);
    }
    state.close(ix);
    if let Some(globals) = &end.globals {
        publish(state, globals);
    }
    super::settle::over(state, ix);
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
    if let Some(boundary) = state.boundary(ix)
        && let Some(slots) = state.slots_mut(boundary)
    {
        slots.active = slots.active.saturating_sub(u32::from(slot));
        let next = if slots.free() { slots.held.pop_front() } else { None };
        if let Some(next) = next {
            wake(state, next);
        }
    }
    if let Some(run) = &mut state.run {
        run.active = run.active.saturating_sub(u32::from(run_slot));
        let free = run.parallelism.is_none_or(|limit| run.active < limit);
        if free && let Some(next) = state.held.pop_front() {
            wake(state, next);
        }
    }
}

fn wake(state: &mut RunState, next: NodeIx) {
    let todo = match state.body_mut(next) {
        Some(Body::Loop(_)) => Todo::Items(next),
        _ => Todo::Enter(next),
    };
    state.todo.push_back(todo);
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
