//! A run's spec as a whole: entrypoint, arguments, hooks, retention; then its templates.

use std::collections::{HashMap, HashSet};

use super::calls::{self, Target, told};
use super::report::Report;
use super::scope::{Globals, Scope};
use super::{Lookup, arguments, metadata, settings, template, volumes};
use crate::violation::{Suggestions, Violation};
use crate::workflow::{Template, WorkflowSpec};

/// What the spec belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A run: it must be able to start.
    Run,
    /// A template object: arguments and entrypoint may come from the run.
    Template,
    /// A CronWorkflow, which makes runs.
    Cron,
}

/// A spec, and where the names in it are looked up.
pub(super) struct Program<'a> {
    pub(super) role: Role,
    pub(super) globals: Globals<'a>,
    pub(super) volumes: HashSet<&'a str>,
    /// More templates and volumes may come from an object that is not known here.
    pub(super) open: bool,
    by_name: HashMap<&'a str, &'a Template>,
    suggestions: Suggestions,
    /// Fields that every template has unless it says otherwise.
    pub(super) defaults: Option<&'a Template>,
}

impl<'a> Program<'a> {
    /// Finds a template by its name.
    pub(super) fn find(&self, name: &str) -> Result<Target<'a>, Box<Violation>> {
        if let Some(template) = self.by_name.get(name) {
            return Ok(Target::Known(template));
        }
        if self.open || name.contains("{{") {
            return Ok(Target::Unknown);
        }
        let reason = format!("there is no template {name:?}");
        Err(Box::new(Violation::error("WF010", "template", reason).maybe_hint(self.similar(name))))
    }

    fn similar(&self, name: &str) -> Option<String> {
        self.suggestions.among(name, self.by_name.keys().copied())
    }
}

/// Checks the spec of an object; the walk is at the object.
pub(super) fn check(report: &mut Report<'_>, spec: &WorkflowSpec, role: Role) {
    report.within("spec", |r| check_at(r, spec, role));
}

/// Checks a spec; the walk is at it.
pub(super) fn check_at<'a, 'c: 'a>(report: &mut Report<'c>, spec: &'a WorkflowSpec, role: Role) {
    let base = base_of(report, spec);
    let program = program(spec, base, role);
    let scope = Scope::of(&program);
    if spec.templates.len() > report.context.limits.templates_max {
        let max = report.context.limits.templates_max;
        report.error_in(
            "templates",
            "WF003",
            format!("there are {}, more than {max} (templates_max)", spec.templates.len()),
        );
    }
    report.within("arguments", |r| arguments::of_spec(r, &scope, &spec.arguments, role));
    let own_entrypoint = spec.entrypoint.as_deref().filter(|e| !e.is_empty());
    let base_entrypoint = base.and_then(|b| b.entrypoint.as_deref()).filter(|e| !e.is_empty());
    match own_entrypoint.or(base_entrypoint) {
        Some(name) => entrypoint(report, &program, spec, base, name),
        None if role == Role::Template || program.open => {}
        None => report
            .error_in("entrypoint", "WF001", "the entrypoint is missing")
            .hinted("name the template to begin with"),
    }
    if let Some(name) = spec.on_exit.as_deref().filter(|n| !n.is_empty()) {
        report.within("onExit", |r| {
            let target = program.find(name).map_err(at_root);
            told(r, target);
        });
    }
    calls::hooks(report, &scope, &spec.hooks);
    settings::of_spec(report, &scope, spec);
    report.within("volumes", |r| {
        volumes::volumes(r, &spec.volumes);
        scope.check(r, &spec.volumes);
    });
    for (i, claim) in spec.volume_claim_templates.iter().enumerate() {
        report.within_item("volumeClaimTemplates", i, |r| volumes::claim_template(r, claim));
    }
    report.within("volumeClaimTemplates", |r| scope.check(r, &spec.volume_claim_templates));
    if let Some(meta) = &spec.pod_metadata {
        report.within("podMetadata", |r| {
            r.within("labels", |r| metadata::labels(r, &meta.labels));
            r.within("annotations", |r| metadata::annotations(r, &meta.annotations));
        });
    }
    let mut names: HashMap<&str, usize> = HashMap::with_capacity(spec.templates.len());
    for (i, template) in spec.templates.iter().enumerate() {
        report.within_item("templates", i, |r| {
            if template.name.is_empty() {
                r.error_in("name", "WF006", "the template has no name");
            } else if let Some(first) = names.insert(&template.name, i) {
                r.error_in(
                    "name",
                    "WF004",
                    format!("the name {:?} stands twice: spec.templates[{first}] has it too", template.name),
                );
            }
            template::check(r, &scope, template);
        });
    }
}

/// The violation said of the field where the walk is, and not of one below.
pub(super) fn at_root(mut violation: Box<Violation>) -> Box<Violation> {
    violation.path.clear();
    violation
}

/// The template object that the spec is laid over.
fn base_of<'a, 'c: 'a>(report: &mut Report<'c>, spec: &'a WorkflowSpec) -> Option<&'a WorkflowSpec> {
    let reference = spec.workflow_template_ref.as_ref()?;
    let kind = if reference.cluster_scope { "ClusterWorkflowTemplate" } else { "WorkflowTemplate" };
    let templates = report.context.templates;
    report.within("workflowTemplateRef", |r| {
        if reference.name.is_empty() {
            r.error_in("name", "WF011", "the field is missing");
            return None;
        }
        match templates.find(&reference.name, reference.cluster_scope) {
            Lookup::Found(base) => Some(base),
            Lookup::Missing => {
                r.error_in("name", "WF012", format!("there is no {kind} {:?}", reference.name));
                None
            }
            Lookup::Unknown => {
                let reason =
                    format!("the {kind} {:?} is not known here, so what comes from it is not checked", reference.name);
                r.warning_in("name", "WF012", reason);
                None
            }
        }
    })
}

/// What the expressions of a CronWorkflow itself are looked up in.
pub(super) fn expressions(spec: &WorkflowSpec) -> Program<'_> {
    program(spec, None, Role::Cron)
}

fn program<'a>(spec: &'a WorkflowSpec, base: Option<&'a WorkflowSpec>, role: Role) -> Program<'a> {
    let specs = || std::iter::once(spec).chain(base);
    let open = spec.workflow_template_ref.is_some() && base.is_none();
    let mut by_name = HashMap::with_capacity(spec.templates.len());
    let mut globals = Globals {
        parameters_open: open || role == Role::Template,
        outputs_open: open || role == Role::Template,
        ..Globals::default()
    };
    for template in specs().flat_map(|s| &s.templates).map(|t| -> &'a Template { t }) {
        by_name.entry(template.name.as_str()).or_insert(template);
        global_outputs(&mut globals, template, 0);
    }
    globals.parameters.extend(specs().flat_map(|s| &s.arguments.parameters).map(|p| &*p.name));
    let volumes = specs()
        .flat_map(|s| {
            let claims = s.volume_claim_templates.iter().map(|c| c.metadata.name.as_str());
            let defaults = s.template_defaults.iter().flat_map(|t| &t.volumes);
            s.volumes.iter().chain(defaults).map(|v| v.name.as_str()).chain(claims)
        })
        .collect();
    let defaults = spec.template_defaults.as_deref().or_else(|| base.and_then(|b| b.template_defaults.as_deref()));
    Program { role, globals, volumes, open, by_name, suggestions: Suggestions::default(), defaults }
}

fn global_outputs<'a>(globals: &mut Globals<'a>, template: &'a Template, depth: usize) {
    const DEPTH_MAX: usize = 16;
    globals.output_parameters.extend(template.outputs.parameters.iter().filter_map(|p| p.global_name.as_deref()));
    globals.output_artifacts.extend(template.outputs.artifacts.iter().filter_map(|a| a.global_name.as_deref()));
    let tagged = |name: &Option<Box<str>>| name.as_deref().is_some_and(|n| n.contains("{{"));
    globals.outputs_open |= template.outputs.parameters.iter().any(|p| tagged(&p.global_name))
        || template.outputs.artifacts.iter().any(|a| tagged(&a.global_name));
    let tasks = template.dag.iter().flat_map(|d| &d.tasks).map(|t| (t.template_ref.is_some(), t.inline.as_deref()));
    let steps =
        template.steps.iter().flatten().flat_map(|g| g.iter()).map(|s| (s.template_ref.is_some(), s.inline.as_deref()));
    for (elsewhere, inline) in tasks.chain(steps) {
        globals.outputs_open |= elsewhere;
        if let Some(inline) = inline.filter(|_| depth < DEPTH_MAX) {
            global_outputs(globals, inline, depth + 1);
        }
    }
}

/// The entrypoint exists, and the arguments of the run satisfy its inputs.
fn entrypoint(
    report: &mut Report<'_>,
    program: &Program<'_>,
    spec: &WorkflowSpec,
    base: Option<&WorkflowSpec>,
    name: &str,
) {
    match program.find(name) {
        Err(violation) => {
            report.error_in("entrypoint", "WF002", violation.reason).maybe_hinted(violation.hint);
        }
        Ok(Target::Known(template)) if program.role != Role::Template => {
            let mut given = spec.arguments.clone();
            if let Some(base) = base {
                given.parameters.extend(base.arguments.parameters.iter().cloned());
                given.artifacts.extend(base.arguments.artifacts.iter().cloned());
            }
            report.within("entrypoint", |r| arguments::entry(r, template, &given));
        }
        Ok(_) => {}
    }
}
