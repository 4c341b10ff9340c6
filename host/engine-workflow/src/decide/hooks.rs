//! Lifecycle hooks: templates that run when an expression becomes true, or at a node's end.

use super::call::Caller;
use super::{Decider, Stop, environment};
use crate::change::Change;
use crate::holder::{self, Holder};
use crate::state::{Node, NodeIx, Role, Stage};
use crate::vars::{Site, Vars};

impl Decider<'_, '_> {
    /// Runs the hooks of a task or step that are due.
    pub(super) fn node_hooks(&mut self, owner: NodeIx) {
        let Some(node) = self.state().node(owner) else { return };
        let over = node.is_over();
        let parent = node.parent;
        let mut waiting: Vec<(u32, String)> = node
            .hooks
            .iter()
            .flat_map(|h| h.list.iter().enumerate())
            .filter(|(_, (_, run))| run.is_none())
            .map(|(i, (name, _))| (u32::try_from(i).unwrap_or(u32::MAX), name.to_string()))
            .collect();
        // The exit hook is the last one, and begins when the others are over.
        waiting.sort_by_key(|(_, name)| name == "exit");
        let mut later = false;
        let boundary = self.state().boundary(owner);
        let item = self.state().item(owner).map(str::to_owned);
        let skipped = self.ended_by(owner).is_some() && self.state().is_terminated();
        for (hook, name) in waiting {
            let inputs = boundary.and_then(|b| self.inputs_of(b));
            let site = Site {
                boundary,
                inputs: inputs.as_deref(),
                item: item.as_deref(),
                node: Some(owner),
                own_end: true,
                ..Site::default()
            };
            let expression = match holder::node_hook(self.state(), owner, hook) {
                Some(Holder::Hook(hook, _)) => hook.expression.clone(),
                _ => None,
            };
            let due = match expression {
                _ if skipped => false,
                Some(expression) if name != "exit" => self.holds(&expression, site, over),
                Some(expression) => over && self.holds(&expression, site, over),
                None => over,
            };
            if !due {
                continue;
            }
            let running = |n: &Node| n.hooks.as_ref().is_some_and(|h| h.running > 0);
            if name == "exit" && self.state().node(owner).is_some_and(running) {
                later = true;
                continue;
            }
            let role = Role::Hook(owner, hook);
            match self.call(parent, role, Caller::Hook(owner, hook), site) {
                Ok(()) => {}
                Err(Stop::Parked) => return,
                Err(Stop::Problem(problem)) => self.failed_call(parent, role, &problem),
            }
        }
        if over && !later {
            self.tx.emit(Change::HooksClosed { node: Some(owner) });
        } else {
            self.tx.emit(Change::Dropped);
        }
    }

    /// Runs the hooks of the run that are due.
    pub(super) fn run_hooks(&mut self) {
        let waiting: Vec<u32> = match self.state().run() {
            Some(run) if !run.hooks.closed => {
                let open = run.hooks.list.iter().enumerate().filter(|(_, (_, node))| node.is_none());
                open.map(|(i, _)| u32::try_from(i).unwrap_or(u32::MAX)).collect()
            }
            _ => Vec::new(),
        };
        let root = self.state().run().and_then(|r| r.root);
        for hook in waiting {
            // Expressions of the run see the steps or tasks of its entrypoint.
            let inputs = root.and_then(|b| self.inputs_of(b));
            let site = Site { boundary: root, inputs: inputs.as_deref(), ..Site::default() };
            let expression = match holder::run_hook(self.state(), hook) {
                Some(Holder::Hook(hook, _)) => hook.expression.clone(),
                _ => None,
            };
            let over = self.state().run().is_some_and(|r| r.stage == Stage::Exit);
            let due = match expression {
                Some(expression) => self.holds(&expression, site, over),
                None => over,
            };
            if !due {
                continue;
            }
            let role = Role::RunHook(hook);
            match self.call(None, role, Caller::RunHook(hook), site) {
                Ok(()) => {}
                Err(Stop::Parked) => return,
                Err(Stop::Problem(problem)) => self.failed_call(None, role, &problem),
            }
        }
        self.tx.emit(Change::Dropped);
    }

    /// Whether a hook's expression is true. While the node runs, what cannot be evaluated yet is not true yet; at its end it is said.
    fn holds(&mut self, expression: &str, site: Site<'_>, over: bool) -> bool {
        let rendered = self.render(site, expression);
        let result = rendered.and_then(|expression| {
            let vars = Vars::new(self.state(), site, self.now).ok_or("the run has not begun")?;
            expr::Expression::parse(&expression)
                .and_then(|e| e.eval_bool(&mut environment(&vars, self.now)))
                .map_err(|e| e.to_string())
        });
        match result {
            Ok(holds) => holds,
            Err(problem) => {
                if over {
                    self.report.refusals.push(format!("hook: expression: {problem}"));
                }
                false
            }
        }
    }

    /// Whether all hooks of the run are over.
    pub(super) fn run_hooks_over(&self) -> bool {
        self.state().run().is_none_or(|run| run.hooks.running == 0)
    }
}
