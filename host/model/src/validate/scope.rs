//! Tags: which names a text may use where it stands.

use std::collections::HashSet;

use super::calls::{StepIndex, Target};
use super::dag::Graph;
use super::report::Report;
use super::spec::{Program, Role};
use super::strings;
use super::syntax::{Fault, Tag};
use crate::violation::did_you_mean;
use crate::workflow::Template;

/// What the texts of a place may use.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s, 'a> {
    pub(super) program: &'s Program<'a>,
    /// The template around the place.
    pub(super) template: Option<&'a Template>,
    /// The scope around an inline template, whose inputs and items it sees too.
    pub(super) outer: Option<&'s Scope<'s, 'a>>,
    /// What a loop repeats over.
    pub(super) items: Items<'s>,
    /// Steps or tasks that may be named.
    pub(super) calls: Calls<'s, 'a>,
}

/// What `item` means.
#[derive(Clone, Copy)]
pub(super) enum Items<'s> {
    /// There is no loop.
    None,
    /// Nothing is known of the items.
    Any,
    /// The items are maps with these keys.
    Keys(&'s [String]),
}

/// Steps or tasks that may be named.
#[derive(Clone, Copy)]
pub(super) enum Calls<'s, 'a> {
    /// None.
    None,
    /// Steps of groups before this one.
    Steps { index: &'s StepIndex<'a>, before: usize },
    /// Tasks before this one; all when it is absent.
    Tasks { graph: &'s Graph<'a>, of: Option<u32> },
}

/// Why a tag is not known.
struct Problem {
    reason: String,
    hint: Option<String>,
}

impl Problem {
    fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), hint: None }
    }

    fn among<'n>(reason: impl Into<String>, name: &str, known: impl IntoIterator<Item = &'n str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let hint = did_you_mean(name, known.iter().copied())
            .or_else(|| (!known.is_empty() && known.len() <= 8).then(|| format!("known here: {}", known.join(", "))));
        Self { reason: reason.into(), hint }
    }
}

/// Names that begin what Argo resolves; others are left to other template languages.
const ROOTS: &[&str] =
    &["inputs", "outputs", "steps", "tasks", "workflow", "item", "pod", "node", "lastRetry", "cronworkflow"];
const WORKFLOW: &[&str] = &[
    "name",
    "namespace",
    "mainEntrypoint",
    "serviceAccountName",
    "uid",
    "parameters",
    "labels",
    "annotations",
    "creationTimestamp",
    "scheduledTime",
    "status",
    "failures",
    "duration",
    "priority",
    "outputs",
];
const CALL: &[&str] = &[
    "id",
    "name",
    "ip",
    "status",
    "phase",
    "message",
    "exitCode",
    "startedAt",
    "finishedAt",
    "hostNodeName",
    "outputs",
];
const LAST_RETRY: &[&str] = &["exitCode", "status", "duration", "message"];

impl<'s, 'a> Scope<'s, 'a> {
    /// A place outside all templates.
    pub(super) fn of(program: &'s Program<'a>) -> Self {
        Self { program, template: None, outer: None, items: Items::None, calls: Calls::None }
    }

    /// Checks the tags of all texts of a value; the walk is where the value stands.
    pub(super) fn check<T: serde::Serialize + ?Sized>(&self, report: &mut Report<'_>, value: &T) {
        // The path is lent to the walk and comes back with each text.
        let mut path = std::mem::take(&mut report.path);
        strings::visit(value, &mut path, &mut |path, text| {
            if text.contains("{{") {
                report.path = path.clone();
                self.text(report, text);
            }
        });
        report.path = path;
    }

    /// Checks the tags of a text; the walk is where it stands.
    pub(super) fn text(&self, report: &mut Report<'_>, text: &str) {
        if text.contains("{{") {
            let found = report.context.syntax.text(text);
            self.found(report, found, "WF041");
        }
    }

    /// Checks a condition.
    pub(super) fn condition(&self, report: &mut Report<'_>, text: &str) {
        let found = report.context.syntax.condition(text);
        self.found(report, found, "WF042");
    }

    /// Checks an expression without braces around it.
    pub(super) fn expression(&self, report: &mut Report<'_>, text: &str) {
        let found = report.context.syntax.expression(text);
        if found.is_err() && text.contains("{{") {
            // It becomes one when its tags are filled in.
            return self.text(report, text);
        }
        self.found(report, found, "WF041");
    }

    fn found(&self, report: &mut Report<'_>, found: Result<Vec<Tag>, Fault>, code: &'static str) {
        match found {
            Err(fault) => report.error(code, fault.reason).maybe_hinted(fault.hint),
            Ok(tags) => {
                for tag in tags.iter().filter(|t| !t.dynamic) {
                    if let Err(problem) = self.resolve(tag) {
                        let shown: String = tag.name.chars().take(120).collect();
                        let shown = if tag.expression { shown } else { format!("{{{{{shown}}}}}") };
                        let reason = format!("{shown}: {}", problem.reason);
                        // In an expression a name without a value is nothing, which the expression may provide for.
                        if tag.expression || tag.optional {
                            report.warning("WF040", reason).maybe_hinted(problem.hint);
                        } else {
                            report.error("WF040", reason).maybe_hinted(problem.hint);
                        }
                    }
                }
                self.misspelt(report, &tags);
            }
        }
    }

    /// A name that is nearly one that would be resolved: it stays in the text, which is hardly meant.
    fn misspelt(&self, report: &mut Report<'_>, tags: &[Tag]) {
        for tag in tags.iter().filter(|t| !t.expression && !t.dynamic) {
            let Some((root, rest)) = tag.name.split_once('.') else { continue };
            if ROOTS.contains(&root) || rest.is_empty() || !root.bytes().all(|b| b.is_ascii_alphanumeric()) {
                continue;
            }
            if let Some(hint) = did_you_mean(root, ROOTS.iter().copied()) {
                report.warning("WF043", format!("{{{{{}}}}} is not a tag that is replaced", tag.name)).hinted(hint);
            }
        }
    }

    fn resolve(&self, tag: &Tag) -> Result<(), Problem> {
        let name = tag.name.as_str();
        let Some((root, rest)) = name.split_once('.') else {
            return match name {
                "item" if matches!(self.items(), Items::None) => Err(no_loop()),
                "inputs" | "outputs" | "steps" | "tasks" | "workflow" if !tag.expression => {
                    Err(Problem::new("a name is expected behind it"))
                }
                _ => Ok(()),
            };
        };
        match root {
            "inputs" => self.inputs(rest, tag),
            "outputs" => self.outputs(rest, tag),
            "steps" | "tasks" => self.call(root, rest, tag),
            "workflow" => self.workflow(rest, tag),
            "item" => self.item(rest, tag),
            "lastRetry" => known("of lastRetry", rest, LAST_RETRY),
            "pod" | "node" if rest != "name" => Err(Problem::among("is not known", rest, ["name"])),
            "cronworkflow" if self.program.role != Role::Cron => {
                Err(Problem::new("cronworkflow exists only in the schedule of a CronWorkflow"))
            }
            _ => Ok(()),
        }
    }

    fn items(&self) -> Items<'s> {
        match (self.items, self.outer) {
            (Items::None, Some(outer)) => outer.items(),
            (items, _) => items,
        }
    }

    fn item(&self, rest: &str, tag: &Tag) -> Result<(), Problem> {
        match self.items() {
            Items::None => Err(no_loop()),
            Items::Any => Ok(()),
            Items::Keys(keys) => {
                let key = if tag.expression { first(rest) } else { rest };
                if keys.iter().any(|k| k == key || rest.starts_with(&format!("{k}."))) {
                    return Ok(());
                }
                Err(Problem::among(format!("the items have no key {key:?}"), key, keys.iter().map(String::as_str)))
            }
        }
    }

    fn inputs(&self, rest: &str, tag: &Tag) -> Result<(), Problem> {
        let Some(template) = self.template else {
            return Err(
                Problem::new("there are no inputs outside a template").clone_hint("workflow.parameters may be meant")
            );
        };
        if let Some(outer) = self.outer
            && outer.inputs(rest, tag).is_ok()
        {
            return Ok(());
        }
        let (group, name) = rest.split_once('.').unwrap_or((rest, ""));
        let name = if tag.expression { first(name) } else { name };
        match group {
            "parameters" if name.is_empty() => Ok(()),
            "parameters" if template.inputs.parameter(name).is_some() => Ok(()),
            "parameters" => Err(Problem::among(
                format!("the template has no input parameter {name:?}"),
                name,
                template.inputs.parameters.iter().map(|p| &*p.name),
            )),
            "artifacts" if name.is_empty() && tag.expression => Ok(()),
            "artifacts" => {
                let name = name.strip_suffix(".path").unwrap_or(name);
                if template.inputs.artifact(name).is_some() {
                    return Ok(());
                }
                let known = template.inputs.artifacts.iter().map(|a| &*a.name);
                Err(Problem::among(format!("the template has no input artifact {name:?}"), name, known))
            }
            other => Err(Problem::among(format!("inputs have no {other:?}"), other, ["parameters", "artifacts"])),
        }
    }

    fn outputs(&self, rest: &str, tag: &Tag) -> Result<(), Problem> {
        let Some(template) = self.template else {
            return Err(Problem::new("there are no outputs outside a template"));
        };
        outputs_of(template, rest, tag)
    }

    fn call(&self, root: &str, rest: &str, tag: &Tag) -> Result<(), Problem> {
        if rest == "name" {
            // The step or task in which the place lies.
            return Ok(());
        }
        let (name, field) = rest.split_once('.').unwrap_or((rest, ""));
        let target = match (&self.calls, root) {
            (Calls::Steps { index, before }, "steps") => match index.get(name) {
                Some((group, target)) if group < *before => target,
                Some(_) => {
                    return Err(Problem::new(format!("the step {name:?} does not run before"))
                        .clone_hint("a step sees the steps of the groups before its own"));
                }
                None => return Err(Problem::among(format!("there is no step {name:?}"), name, index.names())),
            },
            (Calls::Tasks { graph, of }, "tasks") => match graph.find(name) {
                Some(task) => {
                    if of.is_some_and(|of| !graph.may_precede(task, of)) {
                        return Err(Problem::new(format!("the task {name:?} does not run before"))
                            .clone_hint(format!("add {name:?} to dependencies or depends")));
                    }
                    graph.target(task)
                }
                None => return Err(Problem::among(format!("there is no task {name:?}"), name, graph.names())),
            },
            (Calls::Steps { .. }, _) => {
                return Err(
                    Problem::new("this template has steps, not tasks").clone_hint(format!("write steps.{rest}"))
                );
            }
            (Calls::Tasks { .. }, _) => {
                return Err(
                    Problem::new("this template has tasks, not steps").clone_hint(format!("write tasks.{rest}"))
                );
            }
            (Calls::None, _) => {
                // Exit handlers and hooks of a run see its nodes no more; leaves never do.
                return match self.outer {
                    Some(outer) => outer.call(root, rest, tag),
                    None => Err(Problem::new(format!("there are no {root} here"))
                        .clone_hint("hand the value over as an input parameter")),
                };
            }
        };
        let (group, inner) = field.split_once('.').unwrap_or((field, ""));
        if field.is_empty() && tag.expression {
            return Ok(());
        }
        known(&format!("of {root}.{name}"), group, CALL)?;
        match (group, target) {
            ("outputs", Target::Known(template)) if !inner.is_empty() => outputs_of(template, inner, tag),
            _ => Ok(()),
        }
    }

    fn workflow(&self, rest: &str, tag: &Tag) -> Result<(), Problem> {
        let (group, name) = rest.split_once('.').unwrap_or((rest, ""));
        known("of workflow", group, WORKFLOW)?;
        let name = if tag.expression { first(name) } else { name };
        match group {
            "parameters" if !name.is_empty() && name != "json" => {
                self.program.globals.parameter(name).map_err(|known| {
                    Problem::among(format!("the workflow has no argument {name:?}"), name, known.iter().copied())
                })
            }
            "outputs" => {
                let (group, name) = name.split_once('.').unwrap_or((name, ""));
                if tag.expression {
                    return Ok(());
                }
                let globals = &self.program.globals;
                let (known, what) = match group {
                    "parameters" => (&globals.output_parameters, "parameter"),
                    "artifacts" => (&globals.output_artifacts, "artifact"),
                    other => {
                        return Err(Problem::among(
                            format!("outputs have no {other:?}"),
                            other,
                            ["parameters", "artifacts"],
                        ));
                    }
                };
                if globals.outputs_open || known.contains(name) || name.is_empty() {
                    return Ok(());
                }
                Err(Problem::among(
                    format!("no output {what} has the globalName {name:?}"),
                    name,
                    known.iter().copied(),
                ))
            }
            _ => Ok(()),
        }
    }
}

impl Problem {
    fn clone_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

fn outputs_of(template: &Template, rest: &str, tag: &Tag) -> Result<(), Problem> {
    let (group, name) = rest.split_once('.').unwrap_or((rest, ""));
    let name = if tag.expression { first(name) } else { name };
    match group {
        "result" | "exitCode" => Ok(()),
        // What a plugin leaves is its own to say.
        "parameters" if name.is_empty() || template.plugin.is_some() => Ok(()),
        "parameters" => {
            let name = name.strip_suffix(".path").unwrap_or(name);
            if template.outputs.parameter(name).is_some() {
                return Ok(());
            }
            let known = template.outputs.parameters.iter().map(|p| &*p.name);
            Err(Problem::among(
                format!("the template {:?} has no output parameter {name:?}", template.name),
                name,
                known,
            ))
        }
        "artifacts" if name.is_empty() && tag.expression => Ok(()),
        "artifacts" => {
            let name = name.strip_suffix(".path").unwrap_or(name);
            // The logs of a container are kept as `main-logs` when the run or the repository says so.
            if template.outputs.artifact(name).is_some() || name.ends_with("-logs") {
                return Ok(());
            }
            let known = template.outputs.artifacts.iter().map(|a| &*a.name);
            Err(Problem::among(
                format!("the template {:?} has no output artifact {name:?}", template.name),
                name,
                known,
            ))
        }
        other => Err(Problem::among(
            format!("outputs have no {other:?}"),
            other,
            ["parameters", "artifacts", "result", "exitCode"],
        )),
    }
}

fn known(of: &str, name: &str, names: &[&str]) -> Result<(), Problem> {
    let name = first(name);
    if names.contains(&name) {
        return Ok(());
    }
    Err(Problem::among(format!("{name:?} {of} is not known"), name, names.iter().copied()))
}

fn first(rest: &str) -> &str {
    rest.split(['.', '[']).next().unwrap_or(rest)
}

fn no_loop() -> Problem {
    Problem::new("item exists only in a step or task that repeats")
        .clone_hint("add withItems, withParam or withSequence")
}

/// Names known to the whole run.
#[derive(Default)]
pub(super) struct Globals<'a> {
    pub(super) parameters: HashSet<&'a str>,
    /// More parameters may come from elsewhere.
    pub(super) parameters_open: bool,
    pub(super) output_parameters: HashSet<&'a str>,
    pub(super) output_artifacts: HashSet<&'a str>,
    /// More outputs may come from elsewhere.
    pub(super) outputs_open: bool,
}

impl Globals<'_> {
    fn parameter(&self, name: &str) -> Result<(), Vec<&str>> {
        if self.parameters_open || self.parameters.contains(name) {
            return Ok(());
        }
        let mut known: Vec<&str> = self.parameters.iter().copied().collect();
        known.sort_unstable();
        Err(known)
    }
}
