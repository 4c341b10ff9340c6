//! Changes by hand and by time: suspend, resume, stop, deadlines, supplied outputs, retries.

use model::workflow::NodePhase;

use super::Decider;
use crate::change::{Change, End};
use crate::input::{Order, SpecChange};
use crate::state::{Body, Kind, LockState, NodeIx, Stage, Timer};
use crate::values::{Outputs, Param, Text};

impl Decider<'_, '_> {
    pub(super) fn spec_changed(&mut self, change: SpecChange) {
        let Some(run) = self.state().run() else { return };
        if run.stage == Stage::Over {
            return;
        }
        let news = SpecChange {
            suspend: change.suspend.filter(|s| *s != run.suspended),
            shutdown: change.shutdown.filter(|s| run.shutdown != Some(*s)),
            deadline: change.deadline.filter(|d| *d != run.deadline),
            parallelism: change.parallelism.filter(|p| *p != run.parallelism),
            priority: change.priority.filter(|p| *p != run.priority),
            expired: change.expired && !run.expired,
        };
        if news == SpecChange::default() {
            return;
        }
        let ending = news.shutdown.is_some() || news.expired;
        let stage = run.stage;
        self.tx.emit(Change::SpecChanged(news));
        if ending && stage == Stage::New {
            self.fail_unstarted();
        } else if ending {
            self.stop_all();
        }
    }

    fn fail_unstarted(&mut self) {
        let at = self.now;
        let message = Text::from("stopped before it began");
        self.tx.emit(Change::RunFinished { phase: NodePhase::Failed, message, at });
        let samples = crate::metrics::of_run(self.state(), self.now, true);
        self.keep(samples);
    }

    /// Stops what runs and ends what waits, exit handlers aside unless the run is terminated.
    fn stop_all(&mut self) {
        let kill = self.state().is_terminated();
        for at in 0..self.state().nodes.len() {
            let ix = NodeIx::new(at);
            let Some(why) = self.ended_by(ix) else { continue };
            let Some(node) = self.state().node(ix) else { continue };
            if node.is_over() || node.flags.removed {
                continue;
            }
            let (kind, started) = (node.kind, node.flags.started);
            match kind {
                _ if kind.is_leaf() && started => self.stop_leaf(ix, NodePhase::Failed, why.into(), kill),
                Kind::Suspend => self.end(ix, NodePhase::Failed, why),
                Kind::Retry if self.between_attempts(ix) => self.end(ix, NodePhase::Failed, why),
                _ if !started => self.end(ix, NodePhase::Failed, why),
                _ => {}
            }
        }
    }

    pub(super) fn between_attempts(&self, ix: NodeIx) -> bool {
        // One that let its locks go has no attempt until it holds them again.
        let locks = matches!(self.lock_state(Some(ix)), LockState::Wanted | LockState::Releasing)
            && self.last_attempt(ix).is_some_and(|(_, last)| last.is_over());
        matches!(self.state().node(ix).and_then(|n| n.body.as_deref()), Some(Body::Retry(retry)) if retry.due.is_some() || locks)
    }

    /// Asks a leaf to stop; its performer tells its end.
    pub(super) fn stop_leaf(&mut self, ix: NodeIx, phase: NodePhase, message: Text, kill: bool) {
        let Some(node) = self.state().node(ix) else { return };
        let asked = node.leaf().and_then(|l| l.facts().stopping.as_ref());
        let again = asked.is_some_and(|(_, _, killed)| *killed || !kill);
        if node.kind.is_leaf() && node.flags.started && !node.is_over() && !again {
            self.tx.emit(Change::StopWanted { node: ix, phase, message, kill });
        }
    }

    pub(super) fn order(&mut self, order: Order) {
        match order {
            Order::Resume { nodes, run } => {
                if run {
                    self.spec_changed(SpecChange { suspend: Some(false), ..SpecChange::default() });
                }
                self.resume(&nodes);
            }
            Order::StopNodes(nodes, message) => {
                for ix in nodes {
                    match self.state().node(ix).map(|n| (n.kind, n.is_over())) {
                        Some((Kind::Suspend, false)) => self.end(ix, NodePhase::Failed, message.clone()),
                        Some((_, false)) => self.stop_leaf(ix, NodePhase::Failed, message.clone(), false),
                        _ => {}
                    }
                }
            }
            Order::Supply { node, parameters, phase, message } => self.supply(node, parameters, phase, message),
            Order::Retry { restart, only, parameters } => {
                let over = self.is_over();
                let retryable = match only {
                    None => over,
                    Some(ix) => !over && self.state().node(ix).is_some_and(|n| n.is_bad() && !n.flags.removed),
                };
                if retryable {
                    let at = self.now;
                    self.tx.emit(Change::Retried { restart, only, parameters, at });
                }
            }
        }
    }

    fn resume(&mut self, nodes: &[NodeIx]) {
        for ix in nodes {
            if self.state().node(*ix).is_some_and(crate::state::Node::waits_for_a_person) {
                self.end_suspend(*ix, NodePhase::Succeeded, Text::default());
            }
        }
    }

    fn supply(&mut self, ix: NodeIx, parameters: Vec<Param>, phase: Option<NodePhase>, message: Option<Text>) {
        if !self.state().node(ix).is_some_and(|n| n.kind == Kind::Suspend && !n.is_over() && !n.flags.removed) {
            return;
        }
        if !parameters.is_empty() || message.is_some() {
            self.tx.emit(Change::Supplied { node: ix, parameters, message: message.clone() });
        }
        if let Some(phase) = phase {
            self.end_suspend(ix, phase, message.unwrap_or_default());
        }
    }

    /// Ends a wait; its supplied outputs are completed.
    fn end_suspend(&mut self, ix: NodeIx, phase: NodePhase, message: Text) {
        let mut outputs = Outputs::default();
        let result = if phase == NodePhase::Succeeded { self.leaf_outputs(ix, &mut outputs) } else { Ok(()) };
        let (phase, message) = match result {
            Ok(()) => (phase, message),
            Err(problem) => (NodePhase::Error, problem.into()),
        };
        let globals = self.globals(ix, &outputs);
        let at = self.now;
        self.finish(End {
            node: ix,
            phase,
            message,
            at,
            outputs: (!outputs.is_empty()).then(|| Box::new(outputs)),
            globals,
            transient: false,
            memo_hit: false,
            used: None,
        });
    }

    /// Handles the timers that are due.
    pub(super) fn due(&mut self) {
        while let Some((at, timer)) = self.state().timers.first().copied() {
            if at > self.now || self.tx.is_full() {
                return;
            }
            let before = self.tx.len();
            match timer {
                Timer::RunDeadline => self.spec_changed(SpecChange { expired: true, ..SpecChange::default() }),
                Timer::NodeDeadline(ix) => self.deadline(ix),
                Timer::Suspend(ix) => self.end_suspend(ix, NodePhase::Succeeded, Text::default()),
                Timer::BackOff(ix) => self.tx.emit(Change::BackOffOver { node: ix }),
            }
            if self.tx.len() == before {
                // Only a damaged state has a timer that nothing belongs to; it must not hold the run up.
                return;
            }
        }
    }

    fn deadline(&mut self, ix: NodeIx) {
        let Some(node) = self.state().node(ix) else { return };
        if node.flags.stopping {
            self.tx.emit(Change::DeadlinePassed { node: ix });
            return;
        }
        let pending = node.phase == NodePhase::Pending;
        let message = if pending { "Step exceeded its deadline before it ran" } else { "Step exceeded its deadline" };
        self.tx.emit(Change::DeadlinePassed { node: ix });
        self.stop_leaf(ix, NodePhase::Failed, message.into(), false);
    }
}
