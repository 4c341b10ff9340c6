//! Templates that do work themselves.

use std::collections::BTreeMap;

use super::container;
use super::report::Report;
use super::scope::Scope;
use super::settings::duration_field;
use crate::Raw;
use crate::workflow::{
    DataTemplate, HttpTemplate, ManifestFrom, ResourceAction, ResourceTemplate, ScriptTemplate, Template, TemplateKind,
};

/// Checks the work of a template; the walk is at the template.
pub(super) fn check(report: &mut Report<'_>, scope: &Scope<'_, '_>, template: &Template, kind: TemplateKind<'_>) {
    // The defaults of the run may bring what is missing here.
    let own_image = scope.program.defaults.is_none() && !scope.program.open;
    container::beside(report, template);
    report.within("initContainers", |r| scope.check(r, &template.init_containers));
    report.within("sidecars", |r| scope.check(r, &template.sidecars));
    match kind {
        TemplateKind::Container(c) => report.within("container", |r| {
            container::check(r, c, own_image);
            scope.check(r, c);
        }),
        TemplateKind::Script(s) => report.within("script", |r| script(r, scope, s, own_image)),
        TemplateKind::ContainerSet(set) => container::set(report, scope, template, set),
        TemplateKind::Resource(resource) => report.within("resource", |r| self::resource(r, scope, template, resource)),
        TemplateKind::Http(http) => report.within("http", |r| self::http(r, scope, http)),
        TemplateKind::Suspend(suspend) => report.within("suspend", |r| {
            duration_field(r, "duration", suspend.duration.as_deref(), true);
            scope.check(r, suspend);
        }),
        TemplateKind::Data(data) => report.within("data", |r| self::data(r, scope, data)),
        TemplateKind::Plugin(raw) => report.within("plugin", |r| plugin(r, scope, raw)),
        TemplateKind::Steps(_) | TemplateKind::Dag(_) => {}
    }
}

/// The one field is the plugin's name. Whether there is such a plugin is seen when the step begins: it may be installed after this.
fn plugin(report: &mut Report<'_>, scope: &Scope<'_, '_>, raw: &Raw) {
    let fields: Option<BTreeMap<String, serde_json::Value>> = raw.parse().ok();
    if fields.is_none_or(|fields| fields.len() != 1) {
        report
            .error("WF140", "expected one field: the name of a plugin, and under it its configuration")
            .hinted("plugin: {my-plugin: {greeting: hello}}; `colchis plugin list` shows what there is");
    }
    scope.check(report, raw);
}

fn script(report: &mut Report<'_>, scope: &Scope<'_, '_>, script: &ScriptTemplate, own_image: bool) {
    container::check(report, &script.container, own_image);
    // With arguments it is a container that says so in an unusual way.
    if script.source.is_empty() && script.container.args.as_ref().is_none_or(Vec::is_empty) && own_image {
        report.error_in("source", "WF101", "the program is missing");
    }
    scope.check(report, script);
}

fn resource(report: &mut Report<'_>, scope: &Scope<'_, '_>, template: &Template, resource: &ResourceTemplate) {
    scope.check(report, resource);
    let manifest = resource.manifest.as_deref().filter(|m| !m.trim().is_empty());
    match resource.action {
        None => report
            .error_in("action", "WF120", "the action is missing")
            .hinted("one of get, create, apply, delete, replace, patch"),
        Some(action) => {
            let by_flags = matches!(action, ResourceAction::Get | ResourceAction::Delete | ResourceAction::Patch);
            if manifest.is_none() && resource.manifest_from.is_none() && (resource.flags.is_empty() || !by_flags) {
                report
                    .error_in("manifest", "WF121", "the manifest is missing")
                    .hinted("manifest: | and the object below it");
            }
        }
    }
    if manifest.is_some() && resource.manifest_from.is_some() {
        report.error("WF121", "manifest and manifestFrom cannot stand together");
    }
    if let Some(from) = &resource.manifest_from {
        report.within("manifestFrom", |r| manifest_from(r, template, from));
    }
    if let Some(strategy) = resource.merge_strategy.as_deref().filter(|s| !s.contains("{{"))
        && !["strategic", "merge", "json"].contains(&strategy)
    {
        let hint = crate::violation::did_you_mean(strategy, ["strategic", "merge", "json"]);
        report
            .error_in("mergeStrategy", "WF122", format!("{strategy:?} is not known here"))
            .hinted(hint.unwrap_or_else(|| "one of strategic, merge, json".to_owned()));
    }
    if let Some(text) = manifest.filter(|m| !m.contains("{{")) {
        let patch = resource.action == Some(ResourceAction::Patch);
        report.within("manifest", |r| self::manifest(r, text, patch));
    }
    for (field, condition) in
        [("successCondition", &resource.success_condition), ("failureCondition", &resource.failure_condition)]
    {
        let Some(condition) = condition.as_deref().filter(|c| !c.contains("{{")) else { continue };
        if let Err(fault) = report.context.syntax.selector(condition) {
            report.error_in(field, "WF123", fault.reason).maybe_hinted(fault.hint);
        }
    }
}

/// The object in a manifest without tags; of kinds that are known its shape too.
fn manifest(report: &mut Report<'_>, text: &str, patch: bool) {
    let limits = crate::yaml::Limits { documents_max: 100, ..crate::yaml::Limits::DEFAULT };
    let documents = match crate::yaml::read(text, &limits) {
        Ok(documents) => documents,
        Err(error) => {
            let at = error.position;
            let reason = format!("line {}, column {} of it: {}", at.line, at.column, error.reason);
            return report.error("WF121", reason).maybe_hinted(error.hint);
        }
    };
    if patch {
        return;
    }
    for document in &documents {
        match crate::schema::type_of(document.json()) {
            Ok(info) => {
                for found in crate::schema::check_as(info, document.json()).violations {
                    let reason = format!("{} of it: {}", found.path, found.reason);
                    if found.is_error() {
                        report.error(found.code, reason).maybe_hinted(found.hint);
                    } else {
                        report.warning(found.code, reason).maybe_hinted(found.hint);
                    }
                }
            }
            // Other kinds may be defined on the server.
            Err(violation) if violation.code == "SC001" => {}
            Err(violation) => report.error("WF121", violation.reason).maybe_hinted(violation.hint),
        }
    }
}

/// The artifact is one of the inputs, or says its place itself.
fn manifest_from(report: &mut Report<'_>, template: &Template, from: &ManifestFrom) {
    let Some(artifact) = from.artifact.as_deref() else {
        return report.error("WF121", "the artifact is missing").hinted("artifact: {name: …} and an input artifact");
    };
    let known = artifact.name.contains("{{") || template.inputs.artifact(&artifact.name).is_some();
    if !known && artifact.location.place().is_none() {
        let inputs = template.inputs.artifacts.iter().map(|input| &*input.name);
        let hint = crate::violation::did_you_mean(&artifact.name, inputs);
        report
            .error_in("artifact", "WF121", format!("there is no input artifact {:?}", artifact.name))
            .hinted(hint.unwrap_or_else(|| "name one of inputs.artifacts".to_owned()));
    }
}

fn http(report: &mut Report<'_>, scope: &Scope<'_, '_>, http: &HttpTemplate) {
    const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    if http.url.is_empty() {
        report.error_in("url", "WF130", "the URL is missing");
    } else if !http.url.contains("{{") && !http.url.starts_with("http://") && !http.url.starts_with("https://") {
        report.error_in("url", "WF130", format!("{:?} is not a URL", http.url)).hinted("begin it with https://");
    }
    if let Some(method) = http.method.as_deref().filter(|m| !m.is_empty() && !m.contains("{{"))
        && !METHODS.contains(&method)
    {
        let hint = crate::violation::did_you_mean(method, METHODS.iter().copied())
            .unwrap_or_else(|| "one of GET, POST, PUT, DELETE …".into());
        report.error_in("method", "WF131", format!("{method:?} is not a method of HTTP")).hinted(hint);
    }
    if http.body.is_some() && http.body_from.is_some() {
        report.error("WF132", "body and bodyFrom cannot stand together");
    }
    if http.timeout_seconds.is_some_and(|t| t <= 0) {
        report.error_in("timeoutSeconds", "WF064", "a positive number is expected");
    }
    for (i, header) in http.headers.iter().enumerate() {
        report.within_item("headers", i, |r| {
            if header.name.is_empty() {
                r.error_in("name", "WF133", "the header's name is missing");
            }
            if header.value.is_some() && header.value_from.is_some() {
                r.error("WF133", "value and valueFrom cannot stand together");
            }
        });
    }
    if let Some(condition) = &http.success_condition {
        report.within("successCondition", |r| scope.expression(r, condition));
    }
    scope.check(report, http);
}

fn data(report: &mut Report<'_>, scope: &Scope<'_, '_>, data: &DataTemplate) {
    match &data.source.artifact_paths {
        Some(artifact) => {
            let mark = report.path.push_path("source.artifactPaths");
            super::artifacts::location(report, &artifact.location);
            report.path.truncate(mark);
        }
        None => {
            report.error_in("source", "WF141", "the source is missing").hinted("artifactPaths with a place such as s3");
        }
    }
    for (i, step) in data.transformation.iter().enumerate() {
        report.within_item("transformation", i, |r| {
            r.within("expression", |r| {
                if step.expression.is_empty() {
                    r.error("WF141", "the expression is missing");
                } else {
                    scope.expression(r, &step.expression);
                }
            });
        });
    }
    report.within("source", |r| scope.check(r, &data.source));
}
