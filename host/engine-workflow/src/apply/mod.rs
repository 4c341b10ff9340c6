//! Applying a change: the only way that a run's state moves, live and at recovery alike.
//!
//! Nothing here evaluates or fails. A change that names a node which is not there (a damaged journal) moves nothing.
//! What a change makes ready is put into the queue, in an order that depends on the change and the state alone.

mod begin;
mod claims;
mod finish;
mod node;
mod progress;
mod retry;
mod settle;

use model::workflow::NodePhase;

use crate::change::{Change, Place};
use crate::input::Shutdown;
use crate::state::{Body, ClaimState, Kind, LockState, MemoState, NodeIx, Progress, RunState, Stage, Timer, Todo};

/// Applies one change.
pub(crate) fn apply(state: &mut RunState, change: &Change) {
    match change {
        Change::Created { submission, parameters, labels, at } => {
            begin::created(state, submission, parameters, labels, *at);
        }
        Change::ParametersSet { parameters } => begin::parameters_set(state, parameters),
        Change::RunLocksWanted { locks } => begin::locks_wanted(state, locks),
        Change::RunStarted { at } => begin::started(state, *at),
        Change::ClaimsWanted => claims::wanted(state),
        Change::Claimed { claims } => claims::there(state, claims),
        Change::ClaimsDeleted => claims::gone(state),
        Change::LookupWanted { what } => {
            let parked = state.todo.pop_front();
            state.lookups.entry(what.clone()).or_default().extend(parked);
        }
        Change::LookedUp { what, found } => begin::looked_up(state, what, found),
        Change::Node(new) => node::create(state, new),
        Change::Items { node, items } => node::items(state, *node, items),
        Change::Held { node, place } => node::held(state, *node, *place),
        Change::MemoWanted { node, key, cache, max_age_ms } => {
            state.take_todo(Todo::Enter(*node));
            state.open.insert(*node);
            with_extra(state, *node, |extra| {
                extra.memo = Some((cache.clone(), key.clone(), MemoState::Asked));
                extra.memo_age_ms = *max_age_ms;
            });
        }
        Change::MemoMissed { node } => {
            set_memo(state, *node, MemoState::Missed);
            state.todo.push_back(Todo::Enter(*node));
        }
        Change::MemoSaved { node } => {
            set_memo(state, *node, MemoState::Saved);
            settle::over(state, *node);
        }
        Change::LocksWanted { node, locks } => {
            state.take_todo(Todo::Enter(*node));
            state.take_todo(Todo::Attempt(*node));
            state.open.insert(*node);
            with_extra(state, *node, |extra| {
                extra.locks.clone_from(locks);
                extra.lock_state = LockState::Wanted;
            });
        }
        Change::LockWaiting { node, message } => match node {
            Some(node) => with_extra(state, *node, |extra| extra.lock_message = Some(message.clone())),
            None => {
                if let Some(run) = &mut state.run {
                    run.lock_message = Some(message.clone());
                }
            }
        },
        Change::GivesWay { node, gives_way } => {
            if let Some(Body::Retry(retry)) = state.body_mut(*node) {
                retry.gives_way = Some(*gives_way);
            }
        }
        Change::LetGo { node } => {
            state.take_todo(Todo::Attempt(*node));
            state.open.insert(*node);
            with_extra(state, *node, |extra| extra.lock_state = LockState::Releasing);
        }
        Change::Locked { node } => locked(state, *node),
        Change::Released { node } => released(state, *node),
        Change::Started { node, at, deadline, evaluated } => node::started(state, *node, *at, *deadline, evaluated),
        Change::Waiting { node, message } => {
            if let Some(node) = state.nodes.get_mut(node.index()) {
                node.message = Some(message.clone());
            }
        }
        Change::Running { node, at, message, ip, host, deadline } => {
            node::running(state, *node, *at, message.as_ref(), *deadline);
            if (ip.is_some() || host.is_some())
                && let Some(leaf) = state.leaf_mut(*node)
            {
                let facts = leaf.facts_mut();
                facts.ip.clone_from(ip);
                facts.host.clone_from(host);
            }
        }
        Change::Ready { node, ip } => node::ready(state, *node, ip.as_ref()),
        Change::Progress { node, done, total } => {
            progress::set(state, *node, Progress { done: *done, total: *total });
        }
        Change::StopWanted { node, phase, message, kill } => {
            if let Some(leaf) = state.leaf_mut(*node) {
                leaf.facts_mut().stopping = Some((*phase, message.clone(), *kill));
            }
            if let Some(node) = state.nodes.get_mut(node.index()) {
                node.flags.stopping = true;
            }
        }
        Change::DeadlinePassed { node } => {
            if let Some(leaf) = state.leaf_mut(*node)
                && let Some(at) = leaf.deadline.take()
            {
                state.timers.remove(&(at, Timer::NodeDeadline(*node)));
            }
        }
        Change::BackedOff { node, at, message } => node::backed_off(state, *node, *at, message),
        Change::BackOffOver { node } => {
            if let Some(Body::Retry(retry)) = state.body_mut(*node)
                && let Some(due) = retry.due.take()
            {
                state.timers.remove(&(due, Timer::BackOff(*node)));
            }
            if let Some(node) = state.nodes.get_mut(node.index()) {
                node.message = None;
            }
            state.todo.push_back(Todo::Attempt(*node));
        }
        Change::Finished(end) => finish::finish(state, end),
        Change::HooksClosed { node } => settle::hooks_closed(state, *node),
        Change::Supplied { node, parameters, message } => {
            with_extra(state, *node, |extra| {
                for given in parameters {
                    extra.supplied.retain(|p| p.name != given.name);
                    extra.supplied.push(given.clone());
                }
            });
            if let (Some(node), Some(message)) = (state.nodes.get_mut(node.index()), message) {
                node.message = Some(message.clone());
            }
        }
        Change::SpecChanged(change) => begin::spec_changed(state, change),
        Change::MainOver { phase, message, at: _ } => main_over(state, *phase, message),
        Change::RunFinished { phase, message, at } => {
            state.take_todo(Todo::Finish);
            state.take_todo(Todo::MainOver);
            state.timers.clear();
            state.todo.clear();
            state.unlocked.clear();
            if let Some(run) = &mut state.run {
                run.stage = Stage::Over;
                run.phase = *phase;
                run.message = message.clone();
                run.finished = Some(*at);
                if run.lock_state != LockState::None {
                    run.lock_state = LockState::Releasing;
                }
                if run.claims == ClaimState::There && claims::deleted_with(run, *phase) {
                    run.claims = ClaimState::Deleting;
                }
            }
        }
        Change::Retried { restart, only, parameters, at } => retry::retried(state, restart, *only, parameters, *at),
        Change::Dropped => {
            // It may have been called for a slot that it no longer needs: the next one is.
            if let Some(Todo::Items(ix) | Todo::Enter(ix)) = state.todo.pop_front() {
                if let Some(boundary) = state.boundary(ix) {
                    finish::call_at(state, boundary);
                }
                finish::call_in_run(state);
            }
        }
    }
}

fn with_extra(state: &mut RunState, node: NodeIx, set: impl FnOnce(&mut crate::state::Extra)) {
    if let Some(node) = state.nodes.get_mut(node.index()) {
        set(node.extra_mut());
    }
}

fn set_memo(state: &mut RunState, node: NodeIx, to: MemoState) {
    with_extra(state, node, |extra| {
        if let Some((_, _, memo)) = &mut extra.memo {
            *memo = to;
        }
    });
    state.close(node);
}

fn locked(state: &mut RunState, node: Option<NodeIx>) {
    call_unlocked(state);
    match node {
        Some(node) => {
            with_extra(state, node, |extra| {
                extra.lock_state = LockState::Held;
                extra.lock_message = None;
            });
            // A retried node that let its locks go goes on with its next attempt.
            let todo = match state.body_mut(node) {
                Some(Body::Retry(retry)) => {
                    retry.gives_way = None;
                    Todo::Attempt(node)
                }
                _ => Todo::Enter(node),
            };
            state.todo.push_back(todo);
            state.close(node);
        }
        None => {
            if let Some(run) = &mut state.run {
                run.lock_state = LockState::Held;
                run.lock_message = None;
            }
            state.todo.push_back(Todo::Begin);
        }
    }
}

/// Those who wait for the locks of what is above them look again.
fn call_unlocked(state: &mut RunState) {
    let waiting = std::mem::take(&mut state.unlocked);
    state.todo.extend(waiting.into_iter().map(Todo::Enter));
}

fn released(state: &mut RunState, node: Option<NodeIx>) {
    call_unlocked(state);
    match node {
        Some(node) => {
            with_extra(state, node, |extra| extra.lock_state = LockState::None);
            if state.node(node).is_some_and(|n| n.kind == Kind::Retry && !n.is_over()) {
                state.todo.push_back(Todo::Attempt(node));
            }
            state.close(node);
        }
        None => {
            if let Some(run) = &mut state.run {
                run.lock_state = LockState::None;
            }
        }
    }
}

fn main_over(state: &mut RunState, phase: NodePhase, message: &crate::values::Text) {
    state.take_todo(Todo::MainOver);
    let Some(run) = &mut state.run else { return };
    run.stage = Stage::Exit;
    run.main_end = Some((phase, message.clone()));
    state.timers.remove(&(run.deadline.unwrap_or_default(), Timer::RunDeadline));
    if run.hooks.list.iter().any(|(_, node)| node.is_none()) && run.shutdown != Some(Shutdown::Terminate) {
        state.todo.push_back(Todo::Hooks(None));
    }
    // The exit handler is looked for by whoever takes this from the queue; without one the run is over.
    state.todo.push_back(Todo::Finish);
}

impl RunState {
    /// Takes work from the front of the queue if it is this.
    pub(crate) fn take_todo(&mut self, todo: Todo) {
        if self.todo.front() == Some(&todo) {
            self.todo.pop_front();
        }
    }

    /// Puts work at the end of the queue, unless it stands there already.
    pub(crate) fn queue(&mut self, todo: Todo) {
        if self.todo.back() != Some(&todo) {
            self.todo.push_back(todo);
        }
    }

    pub(crate) fn body_mut(&mut self, node: NodeIx) -> Option<&mut Body> {
        self.nodes.get_mut(node.index())?.body.as_deref_mut()
    }

    pub(crate) fn leaf_mut(&mut self, node: NodeIx) -> Option<&mut crate::state::LeafRun> {
        match self.body_mut(node)? {
            Body::Leaf(leaf) => Some(leaf),
            _ => None,
        }
    }

    /// Forgets that a node has something unanswered, if it has nothing any more.
    pub(crate) fn close(&mut self, ix: NodeIx) {
        let Some(node) = self.nodes.get(ix.index()) else { return };
        let leaf = node.kind.is_leaf() && node.flags.started && !node.is_over();
        let lock = matches!(node.lock_state(), LockState::Wanted | LockState::Releasing);
        let memo = node
            .extra
            .as_ref()
            .and_then(|e| e.memo.as_ref())
            .is_some_and(|(_, _, memo)| matches!(memo, MemoState::Asked | MemoState::Saving));
        if !leaf && !lock && !memo {
            self.open.remove(&ix);
        }
    }

    /// Whether nothing new may be started by hand or by time: the run is being ended.
    pub fn is_ending(&self) -> bool {
        self.run().is_some_and(|r| r.shutdown.is_some() || r.expired)
    }

    /// Whether the run is terminated: exit handlers do not run either.
    pub fn is_terminated(&self) -> bool {
        self.run().is_some_and(|r| r.shutdown == Some(Shutdown::Terminate))
    }

    /// Where a node would wait for a slot, in the order in which slots are asked for.
    pub(crate) fn hold(&mut self, node: NodeIx, place: Place) {
        match place {
            Place::Run => self.held.push_back(node),
            Place::Suspension => self.suspended.push_back(node),
            Place::Locks => self.unlocked.push(node),
            Place::Boundary => {
                if let Some(boundary) = self.boundary(node)
                    && let Some(slots) = self.slots_mut(boundary)
                {
                    slots.held.push_back(node);
                }
            }
        }
    }

    pub(crate) fn slots_mut(&mut self, boundary: NodeIx) -> Option<&mut crate::state::Slots> {
        match self.body_mut(boundary)? {
            Body::Dag(dag) => Some(&mut dag.slots),
            Body::Steps(steps) => Some(&mut steps.slots),
            _ => None,
        }
    }
}
