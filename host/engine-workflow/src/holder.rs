//! What the author wrote about a node: the task, step or hook that invokes its template.

use std::sync::Arc;

use model::workflow::{Arguments, ContinueOn, DagTask, Item, LifecycleHook, Sequence, WorkflowStep};

use crate::program::{Compiled, DagPlan, Invocation, StepsPlan};
use crate::state::{NodeIx, Role, RunState};
use crate::values::Text;

/// The words that invoke a template.
#[derive(Clone, Copy)]
pub(crate) enum Holder<'a> {
    /// A task of a DAG.
    Task(&'a Compiled, u32, &'a DagTask),
    /// A step.
    Step(&'a Compiled, u32, u32, &'a WorkflowStep),
    /// A hook.
    Hook(&'a LifecycleHook, u32),
    /// A template that is only named: the entrypoint, `onExit`.
    Named(&'a str, u32),
}

impl<'a> Holder<'a> {
    /// How it names its template, and the source from which it is seen.
    pub(crate) fn invocation(self) -> Option<(u32, Invocation<'a>)> {
        match self {
            Self::Task(in_template, task, _) => Some((in_template.source, in_template.task_invocation(task)?)),
            Self::Step(in_template, group, step, _) => {
                Some((in_template.source, in_template.step_invocation(group, step)?))
            }
            Self::Hook(hook, source) => Some((source, Invocation::of_hook(hook))),
            Self::Named(name, source) => Some((source, Invocation::of_name(name))),
        }
    }

    /// What it gives its template.
    pub(crate) fn arguments(self) -> &'a Arguments {
        match self {
            Self::Task(_, _, task) => task.arguments(),
            Self::Step(_, _, _, step) => step.arguments(),
            Self::Hook(hook, _) => &hook.arguments,
            Self::Named(..) => Arguments::NONE,
        }
    }

    /// Its `when`.
    pub(crate) fn when(self) -> Option<&'a str> {
        match self {
            Self::Task(_, _, task) => task.when.as_deref(),
            Self::Step(_, _, _, step) => step.when.as_deref(),
            _ => None,
        }
        .filter(|text| !text.trim().is_empty())
    }

    /// Its loop.
    pub(crate) fn repeat(self) -> Option<Repeat<'a>> {
        let (items, param, sequence) = match self {
            Self::Task(_, _, t) => (t.with_items.as_deref(), t.with_param.as_deref(), t.with_sequence.as_deref()),
            Self::Step(_, _, _, s) => (s.with_items.as_deref(), s.with_param.as_deref(), s.with_sequence.as_deref()),
            _ => return None,
        };
        // An empty `withParam` or a missing list is no loop; an empty `withItems` written out is one without iterations.
        items
            .map(Repeat::Items)
            .or(param.filter(|p| !p.is_empty()).map(Repeat::Param))
            .or(sequence.map(Repeat::Sequence))
    }

    fn hooks(self) -> Vec<Text> {
        let (hooks, on_exit) = match self {
            Self::Task(_, _, task) => (task.hooks.as_deref(), task.on_exit.as_deref()),
            Self::Step(_, _, _, step) => (step.hooks.as_deref(), step.on_exit.as_deref()),
            _ => return Vec::new(),
        };
        let mut names: Vec<Text> = hooks.into_iter().flat_map(|h| h.keys()).map(|name| Text::from(&**name)).collect();
        if on_exit.is_some_and(|t| !t.is_empty()) && !names.iter().any(|name| &**name == "exit") {
            names.push(Text::from("exit"));
        }
        names
    }

    fn hook(self, name: &str) -> Option<Holder<'a>> {
        let (in_template, hooks, on_exit) = match self {
            Self::Task(t, _, task) => (t, task.hooks.as_deref(), task.on_exit.as_deref()),
            Self::Step(t, _, _, step) => (t, step.hooks.as_deref(), step.on_exit.as_deref()),
            _ => return None,
        };
        match hooks.and_then(|h| h.get(name)) {
            Some(hook) => Some(Holder::Hook(hook, in_template.source)),
            None if name == "exit" => Some(Holder::Named(on_exit?, in_template.source)),
            None => None,
        }
    }
}

/// What a loop runs over.
#[derive(Clone, Copy)]
pub(crate) enum Repeat<'a> {
    /// A list as written.
    Items(&'a [Item]),
    /// Text that holds a JSON list.
    Param(&'a str),
    /// Numbers.
    Sequence(&'a Sequence),
}

fn template(state: &RunState, ix: NodeIx) -> Option<&Compiled> {
    state.run()?.program.get(state.node(ix)?.template?)
}

/// The words that invoke this node's template. An iteration has those of its loop, an attempt those of the node that is retried.
pub(crate) fn holder(state: &RunState, ix: NodeIx) -> Option<Holder<'_>> {
    let node = state.node(ix)?;
    match (node.role, node.parent) {
        (Role::Root, _) => Some(Holder::Named(state.run()?.program.entrypoint()?, 0)),
        (Role::Exit, _) => exit_holder(state),
        (Role::RunHook(hook), _) => run_hook(state, hook),
        (Role::Hook(owner, hook), _) => node_hook(state, owner, hook),
        (Role::Task(task), Some(dag)) => task_holder(state, dag, task),
        (Role::Step(step), Some(group)) => step_holder(state, group, step),
        (Role::Item(_) | Role::Attempt(_), Some(parent)) => holder(state, parent),
        _ => None,
    }
}

/// A task of a DAG node.
pub(crate) fn task_holder(state: &RunState, dag: NodeIx, task: u32) -> Option<Holder<'_>> {
    let compiled = template(state, dag)?;
    Some(Holder::Task(compiled, task, compiled.template.dag.as_ref()?.tasks.get(task as usize)?))
}

/// A step of a group node.
pub(crate) fn step_holder(state: &RunState, group: NodeIx, step: u32) -> Option<Holder<'_>> {
    let node = state.node(group)?;
    let Role::Group(g) = node.role else { return None };
    let compiled = template(state, node.parent?)?;
    let it = compiled.template.steps.as_ref()?.get(g as usize)?.get(step as usize)?;
    Some(Holder::Step(compiled, g, step, it))
}

/// The run's exit handler.
pub(crate) fn exit_holder(state: &RunState) -> Option<Holder<'_>> {
    let spec = &state.run()?.submission.spec;
    match spec.hooks.get("exit") {
        Some(hook) => Some(Holder::Hook(hook, 0)),
        None => spec.on_exit.as_deref().filter(|name| !name.is_empty()).map(|name| Holder::Named(name, 0)),
    }
}

/// A hook of the run.
pub(crate) fn run_hook(state: &RunState, hook: u32) -> Option<Holder<'_>> {
    let run = state.run()?;
    let (name, _) = run.hooks.list.get(hook as usize)?;
    Some(Holder::Hook(run.submission.spec.hooks.get(&**name)?, 0))
}

/// A hook of a node.
pub(crate) fn node_hook(state: &RunState, owner: NodeIx, hook: u32) -> Option<Holder<'_>> {
    let (name, _) = state.node(owner)?.hooks.as_ref()?.list.get(hook as usize)?;
    holder(state, owner)?.hook(name)
}

/// The names of the hooks of a task or step, for a node that has some. A loop has none: its iterations do.
pub(crate) fn hook_names(state: &RunState, ix: NodeIx) -> Option<Vec<Text>> {
    let node = state.node(ix)?;
    let has = matches!(node.role, Role::Task(_) | Role::Step(_) | Role::Item(_))
        && !matches!(node.kind, crate::state::Kind::Loop | crate::state::Kind::Skipped);
    let names = if has { holder(state, ix)?.hooks() } else { Vec::new() };
    (!names.is_empty()).then_some(names)
}

/// Ends that count as success.
pub(crate) fn continue_on(state: &RunState, ix: NodeIx) -> Option<&ContinueOn> {
    match holder(state, ix)? {
        Holder::Task(_, _, task) => task.continue_on.as_ref(),
        Holder::Step(_, _, _, step) => step.continue_on.as_ref(),
        _ => None,
    }
}

/// How many steps a group has.
pub(crate) fn group_len(state: &RunState, group: NodeIx) -> usize {
    let found = || {
        let node = state.node(group)?;
        let Role::Group(g) = node.role else { return None };
        Some(template(state, node.parent?)?.template.steps.as_ref()?.get(g as usize)?.len())
    };
    found().unwrap_or(0)
}

/// How many groups a steps node has.
pub(crate) fn group_count(state: &RunState, steps: NodeIx) -> usize {
    template(state, steps).and_then(|c| c.template.steps.as_ref()).map_or(0, Vec::len)
}

fn limit(compiled: &Compiled) -> Option<u32> {
    compiled.template.parallelism.filter(|n| *n > 0).and_then(|n| u32::try_from(n).ok())
}

/// Names and places of a steps node, and its parallelism.
pub(crate) fn steps_plan(state: &RunState, ix: NodeIx) -> Option<(Arc<StepsPlan>, Option<u32>)> {
    let compiled = template(state, ix)?;
    Some((compiled.steps(), limit(compiled)))
}

/// The graph of a DAG node, and its parallelism.
pub(crate) fn dag_plan(state: &RunState, ix: NodeIx, targets: Option<&str>) -> Option<(Arc<DagPlan>, Option<u32>)> {
    let compiled = template(state, ix)?;
    Some((compiled.dag(targets).ok()?, limit(compiled)))
}

/// Whether a failure of an iteration of this loop stops it: its template says `failFast: true`.
pub(crate) fn fails_fast(state: &RunState, ix: NodeIx) -> bool {
    state.boundary(ix).and_then(|b| template(state, b)).is_some_and(|c| c.template.fail_fast == Some(true))
}

/// Whether a node belongs to the exit handler of the run.
pub(crate) fn under_exit(state: &RunState, ix: NodeIx) -> bool {
    let mut at = ix;
    while let Some(node) = state.node(at) {
        match (node.role, node.parent) {
            (Role::Exit, _) => return true,
            (_, Some(parent)) => at = parent,
            (_, None) => return false,
        }
    }
    false
}
