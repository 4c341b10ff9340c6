//! The run's end: the main part, exit handlers, what still runs.

use model::workflow::NodePhase;

use super::call::Caller;
use super::{Decider, Stop};
use crate::change::Change;
use crate::holder;
use crate::input::Shutdown;
use crate::state::{Kind, Role, Stage};
use crate::vars::Site;

impl Decider<'_, '_> {
    /// The entrypoint is over.
    pub(super) fn main_over(&mut self) {
        let Some(run) = self.state().run() else { return };
        let root = run.root.and_then(|ix| self.state().node(ix));
        let (phase, message) = match root {
            // On which image its one step ran is the step's to say.
            Some(root) if root.kind == Kind::Pod && root.phase == NodePhase::Succeeded => (root.phase, String::new()),
            Some(root) => (main_phase(root.phase), root.message.as_deref().unwrap_or_default().to_owned()),
            None => (NodePhase::Error, "the entrypoint has no node".to_owned()),
        };
        let (phase, message) = match (run.shutdown, run.expired) {
            _ if phase == NodePhase::Succeeded => (phase, message),
            (Some(Shutdown::Stop), _) => (NodePhase::Failed, "Stopped with strategy 'Stop'".to_owned()),
            (Some(Shutdown::Terminate), _) => (NodePhase::Failed, "Stopped with strategy 'Terminate'".to_owned()),
            (None, true) => (NodePhase::Failed, "Workflow exceeded its deadline".to_owned()),
            (None, false) => (phase, message),
        };
        let at = self.now;
        self.tx.emit(Change::MainOver { phase, message: message.into(), at });
        self.stop_leftovers();
    }

    /// Leaves that outlive the entrypoint (daemons of a single template) are stopped.
    fn stop_leftovers(&mut self) {
        let open: Vec<_> = self.state().open.iter().copied().collect();
        for ix in open {
            if !holder::under_exit(self.state(), ix) {
                self.stop_leaf(ix, NodePhase::Succeeded, "the run is over".into(), false);
            }
        }
    }

    /// Begins the exit handler, or ends the run when it and everything else is over.
    pub(super) fn finish_run(&mut self) {
        let Some(run) = self.state().run() else { return };
        if run.exit.is_none() && !self.state().is_terminated() && holder::exit_holder(self.state()).is_some() {
            self.begin_exit();
            return;
        }
        let exit = run.exit.and_then(|ix| self.state().node(ix));
        let exit_over = exit.is_none_or(|n| n.flags.settled && n.is_over());
        if !exit_over || !self.run_hooks_over() || self.state().units > 0 {
            self.tx.emit(Change::Dropped);
            return;
        }
        let (mut phase, mut message) = match &run.main_end {
            Some((phase, message)) => (*phase, message.to_string()),
            None => (NodePhase::Error, String::new()),
        };
        if phase == NodePhase::Succeeded
            && let Some(exit) = exit.filter(|n| n.is_bad())
        {
            phase = exit.phase;
            message = format!("exit handler failed: {}", exit.message.as_deref().unwrap_or_default());
        }
        let at = self.now;
        self.tx.emit(Change::RunFinished { phase, message: message.into(), at });
        let samples = crate::metrics::of_run(self.state(), self.now, true);
        self.keep(samples);
    }

    fn begin_exit(&mut self) {
        let condition = match holder::exit_holder(self.state()) {
            Some(holder::Holder::Hook(hook, _)) => hook.expression.clone(),
            _ => None,
        };
        if let Some(expression) = condition {
            match self.expression(&expression, Site::default()) {
                Ok(Some(text)) if text == "true" => {}
                Ok(_) => {
                    // An exit hook whose expression is false is as good as none: a skipped node says why.
                    let message = format!("expression '{expression}' evaluated false");
                    let end = Some((NodePhase::Skipped, message.into()));
                    self.create(None, Role::Exit, crate::state::Kind::Skipped, None, None, end);
                    return;
                }
                Err(problem) => {
                    self.failed_call(None, Role::Exit, &format!("exit hook: expression: {problem}"));
                    return;
                }
            }
        }
        match self.call(None, Role::Exit, Caller::Exit, Site::default()) {
            Ok(()) | Err(Stop::Parked) => {}
            Err(Stop::Problem(problem)) => self.failed_call(None, Role::Exit, &problem),
        }
    }

    /// Whether the run is over.
    pub(super) fn is_over(&self) -> bool {
        self.state().run().is_some_and(|r| r.stage == Stage::Over)
    }
}

/// A run has no phase of its own for an entrypoint that did nothing.
fn main_phase(phase: NodePhase) -> NodePhase {
    match phase {
        NodePhase::Skipped | NodePhase::Omitted => NodePhase::Succeeded,
        other => other,
    }
}
