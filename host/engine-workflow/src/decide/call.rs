//! Invoking a template: conditions, loops, inputs; the node comes to be.

use model::workflow::{NodePhase, TemplateKind};

use super::{Decider, Stop, environment};
use crate::change::{Change, NewNode};
use crate::effect::Lookup;
use crate::holder::{self, Holder};
use crate::program::{Compiled, Resolved};
use crate::state::{Body, Kind, NodeIx, Role, TaskState};
use crate::values::{Inputs, Text};
use crate::vars::{Site, Vars};
use expr::{Condition, TaskResult};

/// A [`Holder`] whose borrow of the state must end before the state moves: how to find it again.
#[derive(Clone)]
pub(crate) enum Caller {
    Task(NodeIx, u32),
    Step(NodeIx, u32),
    Hook(NodeIx, u32),
    RunHook(u32),
    Exit,
    Named(Text),
    /// The words of another node: an iteration has those of its loop.
    Of(NodeIx),
}

impl From<Holder<'_>> for Caller {
    fn from(holder: Holder<'_>) -> Self {
        match holder {
            Holder::Named(name, _) => Self::Named(name.into()),
            // Only named templates are called without a place in the state.
            _ => Self::Exit,
        }
    }
}

impl Decider<'_, '_> {
    pub(super) fn holder<'s>(&'s self, caller: &'s Caller) -> Option<Holder<'s>> {
        let state = self.state();
        match caller {
            Caller::Task(dag, task) => holder::task_holder(state, *dag, *task),
            Caller::Step(group, step) => holder::step_holder(state, *group, *step),
            Caller::Hook(owner, hook) => holder::node_hook(state, *owner, *hook),
            Caller::RunHook(hook) => holder::run_hook(state, *hook),
            Caller::Exit => holder::exit_holder(state),
            Caller::Named(name) => Some(Holder::Named(name, 0)),
            Caller::Of(ix) => holder::holder(state, *ix),
        }
    }

    /// A task whose dependencies are over.
    pub(super) fn task(&mut self, dag: NodeIx, task: u32) {
        if !self.dependencies_hold(dag, task) {
            let end = Some((NodePhase::Omitted, "omitted: depends condition not met".into()));
            self.create(Some(dag), Role::Task(task), Kind::Skipped, None, None, end);
            return;
        }
        self.called(Some(dag), Role::Task(task), Caller::Task(dag, task), dag);
    }

    /// One step of a group.
    pub(super) fn step(&mut self, group: NodeIx, step: u32) {
        let steps = self.state().node(group).and_then(|n| n.parent).unwrap_or(group);
        self.called(Some(group), Role::Step(step), Caller::Step(group, step), steps);
    }

    fn called(&mut self, parent: Option<NodeIx>, role: Role, caller: Caller, boundary: NodeIx) {
        let inputs = self.state().node(boundary).and_then(|n| n.inputs.clone());
        let called = parent.map(|parent| (parent, role));
        let site = Site { boundary: Some(boundary), inputs: inputs.as_deref(), called, ..Site::default() };
        match self.repeat_or_call(parent, role, caller, site) {
            Ok(()) | Err(Stop::Parked) => {}
            Err(Stop::Problem(problem)) => self.failed_call(parent, role, &problem),
        }
    }

    /// A node for what could not be invoked, with the reason.
    pub(super) fn failed_call(&mut self, parent: Option<NodeIx>, role: Role, problem: &str) {
        self.create(parent, role, Kind::Skipped, None, None, Some((NodePhase::Error, problem.into())));
    }

    fn repeat_or_call(
        &mut self,
        parent: Option<NodeIx>,
        role: Role,
        caller: Caller,
        site: Site<'_>,
    ) -> Result<(), Stop> {
        let Some(holder) = self.holder(&caller) else {
            return Err("the template has changed under the run".to_owned().into());
        };
        if holder.repeat().is_none() {
            return self.call(parent, role, caller, site);
        }
        // A condition that does not look at the item is asked once, before the list is.
        let when = holder.when().filter(|text| !text.contains("item")).map(str::to_owned);
        if let Some(when) = when
            && !self.condition(&when, site)?
        {
            self.skip(parent, role, &when);
            return Ok(());
        }
        self.create(parent, role, Kind::Loop, None, None, None);
        Ok(())
    }

    /// Invokes a template once.
    pub(super) fn call(
        &mut self,
        parent: Option<NodeIx>,
        role: Role,
        caller: Caller,
        site: Site<'_>,
    ) -> Result<(), Stop> {
        let holder = |this: &Self| this.holder(&caller).map(|h| h.when().map(str::to_owned));
        let Some(when) = holder(self) else { return Err("the template has changed under the run".to_owned().into()) };
        if let Some(when) = when
            && !self.condition(&when, site)?
        {
            self.skip(parent, role, &when);
            return Ok(());
        }
        let template = self.resolve(&caller, site)?;
        let inputs = self.inputs(&caller, template, site)?;
        let Some(compiled) = self.state().run().and_then(|r| r.program.get(template)) else { return Ok(()) };
        let kind = self.kind_of(compiled)?;
        self.create(parent, role, kind, Some(template), (!inputs.is_empty()).then(|| Box::new(inputs)), None);
        Ok(())
    }

    /// Makes a node, unless the run has too many.
    pub(super) fn create(
        &mut self,
        parent: Option<NodeIx>,
        role: Role,
        kind: Kind,
        template: Option<u32>,
        inputs: Option<Box<Inputs>>,
        end: Option<(NodePhase, Text)>,
    ) {
        let end = end.or_else(|| Some((NodePhase::Error, self.full()?.into())));
        let at = self.now;
        let bad = end.as_ref().is_some_and(|(phase, _)| matches!(phase, NodePhase::Failed | NodePhase::Error));
        let ix = self.state().next_ix();
        self.tx.emit(Change::Node(Box::new(NewNode { parent, role, template, kind, inputs, at, end })));
        if bad {
            let samples = crate::metrics::of_node(self.state(), ix, self.now);
            self.keep(samples);
        }
    }

    /// Why no further node may work, if so.
    pub(super) fn full(&self) -> Option<String> {
        let nodes_max = self.limits().nodes as usize;
        let full = self.state().nodes.len() >= nodes_max;
        full.then(|| format!("the run has reached its limit of {nodes_max} nodes (nodes_max)"))
    }

    fn skip(&mut self, parent: Option<NodeIx>, role: Role, when: &str) {
        let message = format!("when '{when}' evaluated false");
        self.create(parent, role, Kind::Skipped, None, None, Some((NodePhase::Skipped, message.into())));
    }

    /// Whether a `when` holds.
    pub(super) fn condition(&mut self, when: &str, site: Site<'_>) -> Result<bool, Stop> {
        let state = self.tx.state();
        let vars = Vars::new(state, site, self.now).ok_or_else(|| "the run has not begun".to_owned())?;
        let mut random = |bytes: &mut [u8]| self.ids.fill(bytes);
        let mut env = environment(&vars, self.now).with_random(&mut random);
        let holds = Condition::parse(when).and_then(|c| c.eval_in(&mut env));
        holds.map_err(|e| Stop::Problem(format!("when: {e}")))
    }

    /// The template that is meant; its object is fetched when it is not there.
    pub(super) fn resolve(&mut self, caller: &Caller, site: Site<'_>) -> Result<u32, Stop> {
        let resolved = {
            let Some(run) = self.state().run() else { return Err("the run has not begun".to_owned().into()) };
            let Some((source, invocation)) = self.holder(caller).and_then(Holder::invocation) else {
                return Err("the template has changed under the run".to_owned().into());
            };
            // References may hold tags, also in the name of the object.
            let tagged = invocation.reference.is_some_and(|r| r.name.contains("{{") || r.template.contains("{{"))
                || invocation.name.is_some_and(|n| n.contains("{{"));
            if tagged {
                let name = invocation.name.map(str::to_owned);
                let reference = invocation.reference.cloned();
                let name = match name {
                    Some(name) => Some(self.render(site, &name)?),
                    None => None,
                };
                let reference = match reference {
                    Some(mut r) => {
                        r.name = self.render(site, &r.name)?;
                        r.template = self.render(site, &r.template)?;
                        Some(r)
                    }
                    None => None,
                };
                let Some(run) = self.state().run() else { return Err("the run has not begun".to_owned().into()) };
                let meant =
                    crate::program::Invocation { name: name.as_deref(), reference: reference.as_ref(), inline: None };
                run.program.resolve(source, meant)
            } else {
                run.program.resolve(source, invocation)
            }
        };
        match resolved {
            Resolved::Here(at) => Ok(at),
            Resolved::Unknown(problem) => Err(problem.into()),
            Resolved::Elsewhere(source) => {
                let what = Lookup::Template(source);
                let missing = match self.state().found.get(&what) {
                    Some(Err(problem)) => Some(problem.to_string()),
                    Some(Ok(_)) => Some("not found".to_owned()),
                    None => None,
                };
                match missing {
                    Some(problem) => Err(problem.into()),
                    None => Err(self.look_up(what)),
                }
            }
        }
    }

    /// The arguments a caller gives, as it wrote them.
    pub(super) fn arguments_of(&self, caller: &Caller) -> model::workflow::Arguments {
        self.holder(caller).map(|h| h.arguments().clone()).unwrap_or_default()
    }

    /// Whether the caller gives nothing: then the inputs are the template's defaults.
    pub(super) fn gives_nothing(&self, caller: &Caller) -> bool {
        self.holder(caller).is_none_or(|h| h.arguments().is_empty())
    }

    fn kind_of(&self, compiled: &Compiled) -> Result<Kind, Stop> {
        let kind = plain_kind(compiled)?;
        let of_run = kind.is_leaf() && self.state().run().is_some_and(|r| r.submission.spec.retry_strategy.is_some());
        Ok(if compiled.template.retry_strategy.is_some() || of_run { Kind::Retry } else { kind })
    }

    /// Whether what a task waits for ended as it wants.
    fn dependencies_hold(&self, dag_ix: NodeIx, task: u32) -> bool {
        let state = self.state();
        let Some(Body::Dag(dag)) = state.node(dag_ix).and_then(|n| n.body.as_deref()) else { return false };
        let asked = |task: u32, result: Option<TaskResult>| -> bool {
            let slot = dag.tasks.get(task as usize);
            let Some((ix, node)) = slot
                .filter(|s| s.state != TaskState::Out)
                .and_then(|s| s.node)
                .and_then(|ix| Some((ix, state.node(ix)?)))
            else {
                return false;
            };
            let iterations = || match node.body.as_deref() {
                Some(Body::Loop(it)) => it.children.iter().flatten().filter_map(|c| state.node(*c)).collect(),
                _ => Vec::new(),
            };
            match result {
                None => {
                    let covered = holder::continue_on(state, ix);
                    node.flags.daemoned
                        || matches!(node.phase, NodePhase::Succeeded | NodePhase::Skipped)
                        || (node.phase == NodePhase::Failed && covered.is_some_and(|c| c.failed))
                        || (node.phase == NodePhase::Error && covered.is_some_and(|c| c.error))
                }
                Some(TaskResult::Succeeded) => node.phase == NodePhase::Succeeded,
                Some(TaskResult::Failed) => node.phase == NodePhase::Failed,
                Some(TaskResult::Errored) => node.phase == NodePhase::Error,
                Some(TaskResult::Skipped) => node.phase == NodePhase::Skipped,
                Some(TaskResult::Omitted) => node.phase == NodePhase::Omitted,
                Some(TaskResult::Daemoned) => node.flags.daemoned && !node.is_over(),
                Some(TaskResult::AnySucceeded) => iterations().iter().any(|n| n.phase == NodePhase::Succeeded),
                Some(TaskResult::AllFailed) => {
                    let all = iterations();
                    !all.is_empty() && all.iter().all(|n| n.phase == NodePhase::Failed)
                }
            }
        };
        match dag.plan.depends(task) {
            Some(depends) => {
                depends.eval(&mut |name, result| dag.plan.place(name).is_some_and(|place| asked(place, result)))
            }
            None => dag.plan.dependencies(task).all(|place| asked(place, None)),
        }
    }
}

/// What a node of this template is, tries aside.
pub(super) fn plain_kind(compiled: &Compiled) -> Result<Kind, Stop> {
    Ok(match compiled.template.kind() {
        Some(
            TemplateKind::Container(_)
            | TemplateKind::ContainerSet(_)
            | TemplateKind::Script(_)
            | TemplateKind::Resource(_)
            | TemplateKind::Data(_),
        ) => Kind::Pod,
        Some(TemplateKind::Dag(_)) => Kind::Dag,
        Some(TemplateKind::Steps(_)) => Kind::Steps,
        Some(TemplateKind::Suspend(_)) => Kind::Suspend,
        Some(TemplateKind::Http(_)) => Kind::Http,
        Some(TemplateKind::Plugin(_)) => Kind::Plugin,
        None => return Err(format!("template {:?} says no work to do", compiled.template.name).into()),
    })
}
