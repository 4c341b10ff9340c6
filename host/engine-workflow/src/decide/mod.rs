//! Deciding: what follows from an input and from ready work.
//!
//! [`handle`] takes the input in, then works off the queue until it is empty or the transaction is full. Each piece of work emits at least the
//! change that takes it from the queue, so that a call which stops half-way is taken up by the next.

mod begin;
mod call;
mod complete;
mod control;
mod deadlock;
mod enter;
mod hooks;
mod inputs;
mod leaf;
mod outputs;
mod over;
mod repeat;
mod retry;

use engine::{IdSource, Tx};
use expr::{Budget, Env, Mode};
use model::Timestamp;
use model::workflow::NodePhase;

use crate::change::{Change, End};
use crate::input::{Input, Limits};
use crate::metrics::Sample;
use crate::state::{NodeIx, RunState, Todo};
use crate::values::Text;
use crate::vars::{ROOTS, Site, Vars};
use crate::{Report, WorkflowEngine};

/// How many pieces of work in a row may change nothing before the engine says that it is at fault, instead of looping.
const IDLE_MAX: u32 = 3;

/// One call of the engine.
pub(crate) struct Decider<'d, 't> {
    pub(crate) tx: &'d mut Tx<'t, WorkflowEngine>,
    pub(crate) now: Timestamp,
    pub(crate) ids: &'d mut dyn IdSource,
    pub(crate) report: Report,
}

/// Takes an input in and works off what is ready.
pub(crate) fn handle(tx: &mut Tx<'_, WorkflowEngine>, input: Input, now: Timestamp, ids: &mut dyn IdSource) -> Report {
    let mut decider = Decider { tx, now, ids, report: Report::default() };
    decider.take_in(input);
    decider.work();
    decider.report
}

/// Why a piece of work could not be done.
pub(crate) enum Stop {
    /// It waits for a lookup, and is parked.
    Parked,
    /// It cannot be done; for people.
    Problem(String),
}

impl From<String> for Stop {
    fn from(text: String) -> Self {
        Self::Problem(text)
    }
}

impl Decider<'_, '_> {
    fn take_in(&mut self, input: Input) {
        match input {
            Input::Submitted(submission) => self.submitted(submission),
            Input::SpecChanged(change) => self.spec_changed(change),
            Input::Order(order) => self.order(order),
            Input::Leaf(node, event) => self.leaf(node, event),
            Input::LookedUp(what, found) => {
                if self.state().lookups.contains_key(&what) {
                    self.tx.emit(Change::LookedUp { what, found });
                }
            }
            Input::Granted(node) => self.granted(node),
            Input::LockWaiting(node, message) => self.lock_waiting(node, message),
            Input::Released(node) => self.released(node),
            Input::Deadlock { node, until, holds, message } => self.deadlock(node, until, holds, message),
            Input::Memo(node, outputs) => self.memo(node, outputs),
            Input::MemoSaved(node) => self.memo_saved(node),
            Input::Claimed(claims) => self.claimed(claims),
            Input::ClaimsDeleted => self.claims_deleted(),
            Input::Wake => {}
        }
        self.due();
    }

    /// Works off the queue.
    fn work(&mut self) {
        let mut idle = 0;
        while !self.tx.is_full() {
            let Some(todo) = self.state().todo.front().copied() else { return };
            let before = self.tx.len();
            if self.state().is_current(todo) {
                self.one(todo);
            } else {
                self.tx.emit(Change::Dropped);
            }
            if self.tx.len() > before {
                idle = 0;
                continue;
            }
            // Work that changes nothing would be looked at for ever. That is a fault of ours, and is said instead of repeated.
            idle += 1;
            if idle >= IDLE_MAX {
                self.report.refusals.push(format!("internal: {todo:?} made no progress and was dropped"));
                self.tx.emit(Change::Dropped);
                idle = 0;
            }
        }
    }

    fn one(&mut self, todo: Todo) {
        match todo {
            Todo::Begin => self.begin(),
            Todo::Root => self.root(),
            Todo::Task(dag, task) => self.task(dag, task),
            Todo::Group(steps, group) => self.group(steps, group),
            Todo::Step(group, step) => self.step(group, step),
            Todo::Enter(node) => self.enter(node),
            Todo::Items(node) => self.iterate(node),
            Todo::Attempt(node) => self.attempt(node),
            Todo::Complete(node) => self.complete(node),
            Todo::Hooks(Some(node)) => self.node_hooks(node),
            Todo::Hooks(None) => self.run_hooks(),
            Todo::MainOver => self.main_over(),
            Todo::Finish => self.finish_run(),
        }
    }

    pub(crate) fn state(&self) -> &RunState {
        self.tx.state()
    }

    pub(crate) fn limits(&self) -> Limits {
        self.state().run().map(|run| run.submission.limits).unwrap_or_default()
    }

    /// Ends a node.
    pub(crate) fn end(&mut self, node: NodeIx, phase: NodePhase, message: impl Into<Text>) {
        self.finish(End {
            node,
            phase,
            message: message.into(),
            at: self.now,
            outputs: None,
            globals: None,
            transient: false,
            memo_hit: false,
            used: None,
        });
    }

    /// Ends a node; its metrics are taken.
    pub(crate) fn finish(&mut self, end: End) {
        let node = end.node;
        self.tx.emit(Change::Finished(Box::new(end)));
        let samples = crate::metrics::of_node(self.state(), node, self.now);
        self.keep(samples);
    }

    pub(crate) fn keep(&mut self, samples: Result<Vec<Sample>, String>) {
        match samples {
            Ok(samples) => self.report.metrics.extend(samples),
            Err(problem) => self.report.refusals.push(problem),
        }
    }

    /// Renders a text at a place. Tags of the engine must resolve, others stay.
    pub(crate) fn render(&mut self, site: Site<'_>, text: &str) -> Result<String, String> {
        render(self.tx.state(), site, self.now, self.ids, text)
    }

    /// Asks for something outside; the work at the front of the queue is parked until it comes.
    pub(crate) fn look_up(&mut self, what: crate::effect::Lookup) -> Stop {
        self.tx.emit(Change::LookupWanted { what });
        Stop::Parked
    }
}

/// Renders a text at a place. Tags of the engine must resolve, others stay.
pub(crate) fn render(
    state: &RunState,
    site: Site<'_>,
    now: Timestamp,
    ids: &mut dyn IdSource,
    text: &str,
) -> Result<String, String> {
    render_as(state, site, now, ids, text, Mode::StrictUnder(ROOTS))
}

/// Renders a text at a place. Tags that cannot be resolved stay.
pub(crate) fn render_leniently(
    state: &RunState,
    site: Site<'_>,
    now: Timestamp,
    ids: &mut dyn IdSource,
    text: &str,
) -> Result<String, String> {
    render_as(state, site, now, ids, text, Mode::Lenient)
}

fn render_as(
    state: &RunState,
    site: Site<'_>,
    now: Timestamp,
    ids: &mut dyn IdSource,
    text: &str,
    mode: Mode<'_>,
) -> Result<String, String> {
    if !text.contains("{{") {
        return Ok(text.to_owned());
    }
    let template = expr::Template::parse(text).map_err(|e| e.to_string())?;
    let vars = Vars::new(state, site, now).ok_or("the run has not begun")?;
    let mut random = |bytes: &mut [u8]| ids.fill(bytes);
    let mut env = environment(&vars, now).with_random(&mut random);
    template.render_in(&mut env, mode).map(|r| r.text.into_owned()).map_err(|e| e.to_string())
}

/// What an evaluation in a run may use.
pub(crate) fn environment<'v>(vars: &'v Vars<'_>, now: Timestamp) -> Env<'v> {
    let budget = Budget { fuel_max: vars.run.submission.limits.eval_fuel, ..Budget::DEFAULT };
    let env = Env::new(vars).with_budget(budget);
    match jiff::Timestamp::from_millisecond(now.as_millis()) {
        Ok(now) => env.with_now(now),
        Err(_) => env,
    }
}
