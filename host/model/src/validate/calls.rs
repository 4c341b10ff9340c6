//! Calls of templates: steps, tasks, hooks.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::arguments;
use super::dag::Graph;
use super::report::Report;
use super::scope::{Calls, Items, Scope};
use super::spec::Program;
use super::template;
use super::{Context, Lookup};
use crate::violation::{Violation, did_you_mean};
use crate::workflow::{
    Arguments, DagTask, DagTemplate, Item, LifecycleHook, ParallelSteps, Sequence, Template, TemplateRef, WorkflowStep,
};

/// What is called.
#[derive(Clone, Copy)]
pub(super) enum Target<'a> {
    /// This template.
    Known(&'a Template),
    /// It cannot be known here.
    Unknown,
}

/// The fields that steps and tasks share.
struct Call<'a> {
    name: &'a str,
    template: Option<&'a str>,
    inline: Option<&'a Template>,
    arguments: &'a Arguments,
    template_ref: Option<&'a TemplateRef>,
    with_items: Option<&'a [Item]>,
    with_param: Option<&'a str>,
    with_sequence: Option<&'a Sequence>,
    when: Option<&'a str>,
    on_exit: Option<&'a str>,
    hooks: Option<&'a IndexMap<String, LifecycleHook>>,
}

macro_rules! call_of {
    ($from:ident) => {
        impl<'a> From<&'a $from> for Call<'a> {
            fn from(c: &'a $from) -> Self {
                Self {
                    name: &c.name,
                    template: c.template.as_deref(),
                    inline: c.inline.as_deref(),
                    arguments: c.arguments(),
                    template_ref: c.template_ref.as_deref(),
                    with_items: c.with_items.as_deref(),
                    with_param: c.with_param.as_deref(),
                    with_sequence: c.with_sequence.as_deref(),
                    when: c.when.as_deref(),
                    on_exit: c.on_exit.as_deref(),
                    hooks: c.hooks.as_deref(),
                }
            }
        }
    };
}
call_of!(DagTask);
call_of!(WorkflowStep);

/// The steps of a template by name: the group and what is called.
pub(super) struct StepIndex<'a> {
    by_name: HashMap<&'a str, (usize, Target<'a>)>,
}

impl<'a> StepIndex<'a> {
    pub(super) fn get(&self, name: &str) -> Option<(usize, Target<'a>)> {
        self.by_name.get(name).copied()
    }

    pub(super) fn names(&self) -> Vec<&'a str> {
        let mut names: Vec<&str> = self.by_name.keys().copied().collect();
        names.sort_unstable();
        names
    }
}

/// Checks a list of steps; the walk is at the template. Gives the steps for the template's outputs.
pub(super) fn steps<'a, 'c: 'a>(
    report: &mut Report<'c>,
    scope: &Scope<'_, 'a>,
    groups: &'a [ParallelSteps],
    depth: usize,
) -> StepIndex<'a> {
    let count: usize = groups.iter().map(|g| g.len()).sum();
    too_many(report, "steps", count);
    let mut index = StepIndex { by_name: HashMap::with_capacity(count) };
    for (g, group) in groups.iter().enumerate() {
        for (s, step) in group.iter().enumerate() {
            let target = resolve(
                report.context,
                scope.program,
                step.template.as_deref(),
                step.template_ref.as_deref(),
                step.inline.as_deref(),
            );
            let before = index.by_name.insert(&step.name, (g, target.unwrap_or(Target::Unknown)));
            if before.is_some() && !step.name.is_empty() {
                report.within_item("steps", g, |r| {
                    r.within_index(s, |r| {
                        r.error_in("name", "WF008", format!("the name {:?} stands twice", step.name));
                    });
                });
            }
        }
    }
    for (g, group) in groups.iter().enumerate() {
        report.within_item("steps", g, |r| {
            for (s, step) in group.iter().enumerate() {
                let visible = Calls::Steps { index: &index, before: g };
                let after = Calls::Steps { index: &index, before: g + 1 };
                r.within_index(s, |r| call(r, &Scope { calls: visible, ..*scope }, after, &step.into(), depth));
            }
        });
    }
    index
}

/// Checks a graph; the walk is at the template. Gives the graph for the template's outputs.
pub(super) fn dag<'a, 'c: 'a>(
    report: &mut Report<'c>,
    scope: &Scope<'_, 'a>,
    dag: &'a DagTemplate,
    depth: usize,
) -> Graph<'a> {
    report.within("dag", |r| {
        too_many(r, "tasks", dag.tasks.len());
        if dag.tasks.is_empty() {
            r.error_in("tasks", "WF029", "there are no tasks");
        }
        let graph = Graph::new(r, scope.program, dag);
        for (i, task) in (0_u32..).zip(&dag.tasks) {
            r.within_item("tasks", i as usize, |r| {
                if graph.find(&task.name) != Some(i) && !task.name.is_empty() {
                    r.error_in("name", "WF008", format!("the name {:?} stands twice", task.name));
                }
                let visible = Calls::Tasks { graph: &graph, of: Some(i) };
                let after = Calls::Tasks { graph: &graph, of: None };
                call(r, &Scope { calls: visible, ..*scope }, after, &task.into(), depth);
            });
        }
        if let Some(target) = &dag.target {
            r.within("target", |r| scope.text(r, target));
        }
        graph
    })
}

fn too_many(report: &mut Report<'_>, field: &str, count: usize) {
    let max = report.context.limits.tasks_max;
    if count > max {
        report.error_in(field, "WF003", format!("there are {count}, more than {max} (tasks_max)"));
    }
}

/// Checks one step or task; the walk is at it.
fn call<'a, 'c: 'a>(
    report: &mut Report<'c>,
    scope: &Scope<'_, 'a>,
    after: Calls<'_, 'a>,
    call: &Call<'a>,
    depth: usize,
) {
    super::template::field_name(report, call.name, "WF007");
    let target = resolve(report.context, scope.program, call.template, call.template_ref, call.inline);
    let target = told(report, target);
    let keys = loops(report, scope, call);
    let items = match (&keys, call.with_items, call.with_param, call.with_sequence) {
        (_, None, None, None) => Items::None,
        (Some(keys), ..) => Items::Keys(keys),
        _ => Items::Any,
    };
    let inner = Scope { items, ..*scope };
    if let Some(when) = call.when {
        report.within("when", |r| inner.condition(r, when));
    }
    for text in call.template.iter().filter(|t| t.contains("{{")) {
        report.within("template", |r| inner.text(r, text));
    }
    if let Some(reference) = call.template_ref {
        report.within("templateRef", |r| inner.check(r, reference));
    }
    if !call.arguments.is_empty() {
        report.within("arguments", |r| arguments::given(r, &inner, call.arguments));
    }
    if let Target::Known(template) = target {
        arguments::satisfied(report, template, call.arguments, "arguments");
    }
    if let Some(inline) = call.inline {
        report.within("inline", |r| template::inline(r, &inner, inline, depth + 1));
    }
    // Hooks run when the call has a state, and exit handlers when it has ended: they see it too.
    let inner = Scope { calls: after, ..inner };
    if let Some(name) = call.on_exit.filter(|n| !n.is_empty()) {
        report.within("onExit", |r| {
            let target = scope.program.find(name).map_err(super::spec::at_root);
            told(r, target);
        });
    }
    if let Some(hooks) = call.hooks {
        self::hooks(report, &inner, hooks);
    }
}

/// Checks lifecycle hooks; the walk is where `hooks` stands.
pub(super) fn hooks<'a, 'c: 'a>(
    report: &mut Report<'c>,
    scope: &Scope<'_, 'a>,
    hooks: &'a IndexMap<String, LifecycleHook>,
) {
    report.within("hooks", |r| {
        for (name, hook) in hooks {
            r.within(name, |r| {
                let template = (!hook.template.is_empty()).then_some(hook.template.as_str());
                let target = resolve(r.context, scope.program, template, hook.template_ref.as_ref(), None);
                let target = told(r, target);
                match &hook.expression {
                    Some(expression) => r.within("expression", |r| scope.expression(r, expression)),
                    None if name != "exit" => {
                        r.error_in("expression", "WF171", "a hook needs an expression that says when it runs")
                            .hinted("the hook named exit runs at the end without one");
                    }
                    None => {}
                }
                if !hook.arguments.is_empty() {
                    r.within("arguments", |r| arguments::given(r, scope, &hook.arguments));
                }
                if let Target::Known(template) = target {
                    arguments::satisfied(r, template, &hook.arguments, "arguments");
                }
            });
        }
    });
}

/// Checks the loops of a call; gives the keys of its items when they are known.
fn loops(report: &mut Report<'_>, scope: &Scope<'_, '_>, call: &Call<'_>) -> Option<Vec<String>> {
    let set = [
        ("withItems", call.with_items.is_some()),
        ("withParam", call.with_param.is_some()),
        ("withSequence", call.with_sequence.is_some()),
    ];
    let set: Vec<&str> = set.into_iter().filter_map(|(name, set)| set.then_some(name)).collect();
    if set.len() > 1 {
        report.error("WF050", format!("{} cannot stand together", set.join(" and ")));
    }
    if let Some(param) = call.with_param {
        report.within("withParam", |r| {
            scope.text(r, param);
            if !param.contains("{{") && serde_json::from_str::<Vec<serde::de::IgnoredAny>>(param).is_err() {
                r.error("WF053", "a tag or a JSON list is expected")
                    .hinted("write \"{{steps.x.outputs.result}}\", or use withItems for a list written here");
            }
        });
    }
    if let Some(sequence) = call.with_sequence {
        report.within("withSequence", |r| self::sequence(r, scope, sequence));
    }
    let items = call.with_items?;
    let max = report.context.limits.items_max;
    if items.len() > max {
        report.error_in("withItems", "WF054", format!("there are {} items, more than {max} (items_max)", items.len()));
    }
    report.within("withItems", |r| scope.check(r, items));
    let first = items.first()?.parse::<IndexMap<String, serde::de::IgnoredAny>>().ok()?;
    Some(first.into_keys().collect())
}

fn sequence(report: &mut Report<'_>, scope: &Scope<'_, '_>, sequence: &Sequence) {
    match (&sequence.count, &sequence.end) {
        (Some(_), Some(_)) => {
            report.error("WF051", "count and end cannot stand together");
        }
        (None, None) => {
            report.error("WF051", "count or end is missing");
        }
        _ => {}
    }
    for (field, value) in [("count", &sequence.count), ("start", &sequence.start), ("end", &sequence.end)] {
        let Some(value) = value else { continue };
        let text = value.to_text();
        report.within(field, |r| {
            scope.text(r, &text);
            if !text.contains("{{") && value.as_i64().is_none() {
                r.error("WF051", format!("{text:?} is not a whole number"));
            } else if field == "count" && value.as_i64().is_some_and(|n| n < 0) {
                r.error("WF051", "a count cannot be negative");
            }
        });
    }
    if let Some(format) = &sequence.format
        && !format.contains('%')
    {
        report.error_in("format", "WF051", format!("{format:?} has no place for the number")).hinted("such as %03d");
    }
}

/// Finds what is called.
pub(super) fn resolve<'a>(
    context: &'a Context<'a>,
    program: &Program<'a>,
    name: Option<&str>,
    reference: Option<&TemplateRef>,
    inline: Option<&'a Template>,
) -> Result<Target<'a>, Box<Violation>> {
    let name = name.filter(|n| !n.is_empty());
    let fault = |path: &str, code, reason: String| Box::new(Violation::error(code, path, reason));
    match (name, reference, inline) {
        (Some(name), None, None) => program.find(name),
        (None, None, Some(inline)) => Ok(Target::Known(inline)),
        (None, Some(reference), None) => {
            if reference.name.is_empty() || reference.template.is_empty() {
                let field = if reference.name.is_empty() { "templateRef.name" } else { "templateRef.template" };
                return Err(fault(field, "WF011", "the field is missing".into()));
            }
            if reference.name.contains("{{") || reference.template.contains("{{") {
                return Ok(Target::Unknown);
            }
            elsewhere(context, reference)
        }
        (None, None, None) => {
            let violation = fault("", "WF009", "nothing is called".into());
            Err(Box::new(violation.hint("one of template, templateRef and inline is needed")))
        }
        _ => Err(fault("", "WF009", "only one of template, templateRef and inline can be called".into())),
    }
}

fn elsewhere<'a>(context: &'a Context<'a>, reference: &TemplateRef) -> Result<Target<'a>, Box<Violation>> {
    let kind = if reference.cluster_scope { "ClusterWorkflowTemplate" } else { "WorkflowTemplate" };
    match context.templates.find(&reference.name, reference.cluster_scope) {
        Lookup::Found(spec) => match spec.template(&reference.template) {
            Some(template) => Ok(Target::Known(template)),
            None => {
                let reason = format!("the {kind} {:?} has no template {:?}", reference.name, reference.template);
                let hint = did_you_mean(&reference.template, spec.templates.iter().map(|t| t.name.as_str()));
                Err(Box::new(Violation::error("WF013", "templateRef.template", reason).maybe_hint(hint)))
            }
        },
        Lookup::Missing => {
            let reason = format!("there is no {kind} {:?}", reference.name);
            Err(Box::new(Violation::error("WF012", "templateRef.name", reason)))
        }
        Lookup::Unknown => {
            let reason = format!("the {kind} {:?} is not known here, so this call is not checked", reference.name);
            Err(Box::new(Violation::warning("WF012", "templateRef.name", reason)))
        }
    }
}

/// Says what was wrong with a target, below where the walk is.
pub(super) fn told<'a>(report: &mut Report<'_>, target: Result<Target<'a>, Box<Violation>>) -> Target<'a> {
    target.unwrap_or_else(|violation| {
        let mut violation = *violation;
        let mark = report.path.push_path(&violation.path);
        violation.path = report.path.as_str().trim_end_matches('.').to_owned();
        report.path.truncate(mark);
        report.add(violation);
        Target::Unknown
    })
}
