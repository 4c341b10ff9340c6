//! One template: its kind, its inputs and outputs, its rules; the calls in it.

use super::calls;
use super::report::Report;
use super::scope::{Calls, Items, Scope};
use super::{arguments, artifacts, leaf, metadata, settings, volumes};
use crate::workflow::{Template, TemplateKind};

/// Checks a template of an object; the walk is at it.
pub(super) fn check<'a, 'c: 'a>(report: &mut Report<'c>, scope: &Scope<'_, 'a>, template: &'a Template) {
    if !template.name.is_empty() {
        field_name(report, &template.name, "WF006");
    }
    let scope = Scope { template: Some(template), outer: None, items: Items::None, calls: Calls::None, ..*scope };
    body(report, &scope, template, 0);
}

/// Checks a template written in a step or task; the walk is at it.
pub(super) fn inline<'a, 'c: 'a>(report: &mut Report<'c>, outer: &Scope<'_, 'a>, template: &'a Template, depth: usize) {
    let max = report.context.limits.inline_depth_max;
    if depth > max {
        report
            .error("WF003", format!("inline templates are more than {max} deep inside one another (inline_depth_max)"));
        return;
    }
    let scope = Scope {
        program: outer.program,
        template: Some(template),
        outer: Some(outer),
        items: Items::None,
        calls: Calls::None,
    };
    body(report, &scope, template, depth);
}

fn body<'a, 'c: 'a>(report: &mut Report<'c>, scope: &Scope<'_, 'a>, template: &'a Template, depth: usize) {
    let kinds: Vec<TemplateKind<'a>> = template.kinds().collect();
    let Some(kind) = kinds.first().copied().or_else(|| scope.program.defaults.and_then(Template::kind)) else {
        report
            .error("WF005", "the template says nothing to do")
            .hinted("one of container, script, steps, dag, suspend, resource, http, data and containerSet is needed");
        return;
    };
    if let [first, second, ..] = kinds.as_slice() {
        let reason = format!("{} and {} cannot stand together in one template", first.name(), second.name());
        report.error("WF005", reason);
    }
    arguments::inputs(report, scope, template);
    artifacts::inputs(report, template, kind);
    metadata_of(report, template);
    settings::of_template(report, scope, template, kind);
    report.within("volumes", |r| {
        volumes::volumes(r, &template.volumes);
        scope.check(r, &template.volumes);
    });
    report.within("annotations", |r| scope.check(r, &template.annotations));
    volumes::mounts(report, scope.program, template);
    match kind {
        TemplateKind::Steps(groups) => {
            let index = calls::steps(report, scope, groups, depth);
            let all = Calls::Steps { index: &index, before: usize::MAX };
            arguments::outputs(report, &Scope { calls: all, ..*scope }, template, kind);
        }
        TemplateKind::Dag(dag) => {
            let graph = calls::dag(report, scope, dag, depth);
            let all = Calls::Tasks { graph: &graph, of: None };
            arguments::outputs(report, &Scope { calls: all, ..*scope }, template, kind);
        }
        _ => {
            leaf::check(report, scope, template, kind);
            arguments::outputs(report, scope, template, kind);
        }
    }
    artifacts::outputs(report, template, kind);
}

fn metadata_of(report: &mut Report<'_>, template: &Template) {
    if let Some(meta) = &template.metadata {
        report.within("metadata", |r| {
            r.within("labels", |r| metadata::labels(r, &meta.labels));
            r.within("annotations", |r| metadata::annotations(r, &meta.annotations));
        });
    }
}

/// The name of a template, step or task: letters, digits and dashes, up to 128; the walk is at what has the name.
pub(super) fn field_name(report: &mut Report<'_>, name: &str, code: &'static str) {
    const NAME_MAX: usize = 128;
    if name.is_empty() {
        report.error_in("name", code, "the name is missing");
        return;
    }
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !plain || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || name.len() > NAME_MAX {
        let shown: String = name.chars().take(80).collect();
        let reason = format!(
            "{shown:?} is not a name of letters, digits and -, up to {NAME_MAX}, beginning with a letter or digit"
        );
        let hint = crate::names::suggestion(name).map(|s| format!("{:?} would be one", s.replace('.', "-")));
        report.error_in("name", code, reason).maybe_hinted(hint);
    }
}
