//! The run itself: its beginning, its lookups, changes of its spec.

use std::sync::Arc;

use model::Timestamp;
use model::workflow::{NodePhase, ShutdownStrategy};

use crate::effect::{LockRequest, Lookup};
use crate::input::{Found, Shutdown, SpecChange, Submission};
use crate::program::Program;
use crate::state::{ClaimState, HookRun, LockState, Run, RunState, Stage, Timer, Todo};
use crate::values::{Outputs, Param, Text};

pub(super) fn created(
    state: &mut RunState,
    submission: &Arc<Submission>,
    parameters: &[Param],
    labels: &[(Text, Text)],
    at: Timestamp,
) {
    state.take_todo(Todo::Begin);
    let spec = &submission.spec;
    let hooks = spec.hooks.keys().filter(|name| **name != "exit").map(|name| (Text::from(&**name), None)).collect();
    let shutdown = spec.shutdown.map(|strategy| match strategy {
        ShutdownStrategy::Stop => Shutdown::Stop,
        ShutdownStrategy::Terminate => Shutdown::Terminate,
    });
    state.run = Some(Box::new(Run {
        program: Program::new(submission),
        parameters: parameters.iter().filter_map(|p| Some((p.name.clone(), p.value.clone()?))).collect(),
        globals: Outputs::default(),
        stage: Stage::New,
        phase: NodePhase::Pending,
        message: Text::default(),
        main_end: None,
        created: at,
        started: None,
        finished: None,
        root: None,
        exit: None,
        hooks: HookRun { list: hooks, ..HookRun::default() },
        suspended: spec.suspend.unwrap_or(false),
        shutdown,
        expired: false,
        deadline: None,
        parallelism: spec.parallelism.and_then(|n| u32::try_from(n).ok()),
        priority: spec.priority.unwrap_or(0),
        locks: Vec::new(),
        lock_state: LockState::None,
        retried: false,
        lock_message: None,
        claims: ClaimState::None,
        claim_names: Vec::new(),
        active: 0,
        labels: labels.to_vec(),
        reused: submission.reused.iter().cloned().collect(),
        submission: submission.clone(),
    }));
    state.todo.push_back(Todo::Begin);
}

pub(super) fn parameters_set(state: &mut RunState, parameters: &[Param]) {
    let Some(run) = &mut state.run else { return };
    for parameter in parameters {
        if let Some(value) = &parameter.value {
            run.parameters.insert(parameter.name.clone(), value.clone());
        }
    }
}

pub(super) fn locks_wanted(state: &mut RunState, locks: &[LockRequest]) {
    state.take_todo(Todo::Begin);
    if let Some(run) = &mut state.run {
        run.locks = locks.to_vec();
        run.lock_state = LockState::Wanted;
    }
}

pub(super) fn started(state: &mut RunState, at: Timestamp) {
    state.take_todo(Todo::Begin);
    let Some(run) = &mut state.run else { return };
    run.stage = Stage::Main;
    run.phase = NodePhase::Running;
    run.started = Some(at);
    if run.deadline.is_none()
        && let Some(seconds) = run.submission.spec.active_deadline_seconds
    {
        run.deadline = Some(at.plus_millis(seconds.saturating_mul(1000)));
    }
    if let Some(deadline) = run.deadline {
        state.timers.insert((deadline, Timer::RunDeadline));
    }
    let hooks = !run.hooks.list.is_empty();
    state.todo.push_back(Todo::Root);
    if hooks {
        state.todo.push_back(Todo::Hooks(None));
    }
}

pub(super) fn looked_up(state: &mut RunState, what: &Lookup, found: &Result<Found, Text>) {
    let waiting = state.lookups.remove(what).unwrap_or_default();
    match (what, found, &mut state.run) {
        (Lookup::Template(key), Ok(Found::Templates(pinned)), Some(run)) => run.program.pin(key.clone(), &pinned.spec),
        _ => {
            state.found.insert(what.clone(), found.clone());
        }
    }
    state.todo.extend(waiting);
}

pub(super) fn spec_changed(state: &mut RunState, change: &SpecChange) {
    let Some(run) = &mut state.run else { return };
    if let Some(suspend) = change.suspend {
        run.suspended = suspend;
        if !suspend {
            let waiting = std::mem::take(&mut state.suspended);
            state.todo.extend(waiting.into_iter().map(Todo::Enter));
        }
    }
    if let Some(shutdown) = change.shutdown {
        run.shutdown = Some(shutdown);
    }
    if change.expired {
        run.expired = true;
        state.timers.retain(|(_, timer)| *timer != Timer::RunDeadline);
    }
    if change.shutdown.is_some() || change.expired {
        super::settle::abandon(state);
    }
    let Some(run) = &mut state.run else { return };
    if let Some(priority) = change.priority {
        run.priority = priority;
    }
    if let Some(deadline) = change.deadline {
        state.timers.retain(|(_, timer)| *timer != Timer::RunDeadline);
        run.deadline = deadline;
        // A deadline that is already over is due at once: the timer says so, `expired` follows when it is handled.
        if let Some(at) = deadline
            && run.stage == Stage::Main
        {
            state.timers.insert((at, Timer::RunDeadline));
        }
    }
    if let Some(parallelism) = change.parallelism {
        run.parallelism = parallelism;
        let waiting = std::mem::take(&mut state.held);
        state.todo.extend(waiting.into_iter().map(Todo::Enter));
    }
}
