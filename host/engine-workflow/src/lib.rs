//! The workflow engine: decides what each run does next.
//!
//! ```text
//!                                  ┌────────────────────── RunState ──────────────────────┐
//!  Input ──► decide ──► Change ──► │ run · nodes · todo · timers · held · locks · lookups │ ──► Effect (leaf, lock, lookup, …)
//!              ▲                   └──────────────────────────────────────────────────────┘
//!              └── todo: ready work, oldest first ── what apply found to be ready ──┘
//!
//!  a node:   Pending ──► (memo? locks? slots?) ──► Running ──► Succeeded │ Failed │ Error
//!               └──────────► Skipped │ Omitted
//!  a run:    New ──► Main ──► Exit ──► Over ──(retry)──► Main
//! ```
//!
//! # Invariants
//! - Only `apply` moves state; it evaluates nothing. All that was evaluated is written into changes.
//! - A transition costs the same in a run of ten nodes and of a hundred thousand: a task that ends touches those that wait for it, and nothing else.
//! - The effects of a state are a function of the state; each has a stable key and is answered at most once.
//! - A manifest is parsed once. A value that is put into a template is a string in it and nothing else.
//! - A run that is tried again begins nothing below a node, or in itself, that held locks before it holds them again.
//! - What holds a lock, or a slot, stays until all in it has ended ([`RunState::needs`]): that is what makes a deadlock certain.
//! - What the author got wrong is a message on a node or the run, never a panic.
//!
//! # What this crate must not know
//! A clock, randomness, stores, runners, the network. It sees objects as `model` has them and text as `expr` reads it.

mod apply;
pub mod change;
mod decide;
pub mod effect;
mod effects;
mod holder;
pub mod input;
mod locks;
pub mod metrics;
pub mod program;
pub mod state;
pub mod values;
pub mod vars;
mod weight;

pub mod project;

#[cfg(test)]
mod tests;

use engine::{Engine, IdSource, Tx};
use model::Timestamp;

pub use change::{Change, End, NewNode, Place};
pub use effect::{Effect, LeafStart, LockKind, LockRequest, Lookup, Usage};
pub use input::{
    ContainerEnd, Found, Input, LeafEnd, LeafEvent, Limits, Order, PinnedTemplates, Repository, Shutdown, SpecChange,
    Submission, TemplateSource,
};
pub use metrics::{Sample, SampleValue};
pub use state::{Body, Kind, Node, NodeIx, Role, RunState, Stage};
pub use values::{Inputs, Outputs, Param, Text};

/// The workflow engine.
pub struct WorkflowEngine;

/// What a call found besides its changes.
#[derive(Debug, Default)]
pub struct Report {
    /// What could not be evaluated or done and is not a node's end; for people.
    pub refusals: Vec<String>,
    /// Metrics that the manifest defines.
    pub metrics: Vec<Sample>,
}

impl Engine for WorkflowEngine {
    type State = RunState;
    type Input = Input;
    type Change = Change;
    type Effect = Effect;
    type Report = Report;

    const NAME: &'static str = "workflow";

    fn handle(tx: &mut Tx<'_, Self>, input: Input, now: Timestamp, ids: &mut dyn IdSource) -> Report {
        decide::handle(tx, input, now, ids)
    }

    fn wake() -> Input {
        Input::Wake
    }

    fn apply(state: &mut RunState, change: &Change) {
        apply::apply(state, change);
    }

    fn effects(state: &RunState, change: &Change, out: &mut Vec<Effect>) {
        effects::of_change(state, change, out);
    }

    fn outstanding(state: &RunState) -> Vec<Effect> {
        effects::outstanding(state)
    }

    fn next_wake(state: &RunState) -> Option<Timestamp> {
        if !state.todo.is_empty() {
            return Some(Timestamp::default());
        }
        state.timers.first().map(|(at, _)| *at)
    }

    /// Who waits for a place alone is remembered by those who give it: a hundred thousand runs in a queue are not held in memory.
    fn rests(state: &RunState) -> bool {
        Self::next_wake(state).is_none()
            && effects::outstanding(state).iter().all(|effect| matches!(effect, Effect::Acquire { .. }))
    }

    fn weight(change: &Change) -> usize {
        weight::of(change)
    }

    fn live(state: &RunState) -> bool {
        // Locks and claims are given back after the end.
        let Some(run) = state.run() else { return false };
        run.stage != Stage::Over
            || run.lock_state != state::LockState::None
            || run.claims == state::ClaimState::Deleting
            || !state.open.is_empty()
    }
}
