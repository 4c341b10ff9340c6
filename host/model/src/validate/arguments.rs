//! Parameters and arguments: what is declared, what is given, and whether the one satisfies the other.

use std::collections::{HashMap, HashSet};

use super::artifacts;
use super::report::Report;
use super::scope::Scope;
use super::spec::Role;
use crate::violation::did_you_mean;
use crate::workflow::{Arguments, Parameter, Template, TemplateKind, ValueFrom};

/// Lists up to this length are searched by walking.
const FEW: usize = 16;

/// The arguments of a run or template object; the walk is at them.
pub(super) fn of_spec(report: &mut Report<'_>, scope: &Scope<'_, '_>, given: &Arguments, role: Role) {
    unique(report, "parameters", given.parameters.iter().map(|p| &*p.name));
    unique(report, "artifacts", given.artifacts.iter().map(|a| &*a.name));
    for (i, parameter) in given.parameters.iter().enumerate() {
        report.within_item("parameters", i, |r| {
            name(r, &parameter.name);
            one_source(r, parameter);
            if let Some(from) = &parameter.value_from {
                r.within("valueFrom", |r| {
                    source(
                        r,
                        scope,
                        from,
                        &["configMapKeyRef", "supplied", "event", "expression"],
                        "an argument of a run",
                    );
                });
            }
            allowed(r, parameter);
            let has = parameter.value.is_some() || parameter.default.is_some() || parameter.value_from.is_some();
            if !has && role == Role::Run && parameter.r#enum.is_none() {
                r.warning("WF032", format!("{:?} has no value", parameter.name))
                    .hinted("give it when the run is submitted: -p name=value");
            } else if !has && role == Role::Cron {
                r.error("WF032", format!("{:?} has no value, and nobody is there to give one", parameter.name));
            }
        });
    }
    for (i, artifact) in given.artifacts.iter().enumerate() {
        report.within_item("artifacts", i, |r| artifacts::given(r, artifact));
    }
    scope.check(report, given);
}

/// The arguments of a call; the walk is at them.
pub(super) fn given(report: &mut Report<'_>, scope: &Scope<'_, '_>, given: &Arguments) {
    unique(report, "parameters", given.parameters.iter().map(|p| &*p.name));
    unique(report, "artifacts", given.artifacts.iter().map(|a| &*a.name));
    for (i, parameter) in given.parameters.iter().enumerate() {
        // The path is only made when there is something to say of the parameter or its tags.
        report.within_item("parameters", i, |r| {
            name(r, &parameter.name);
            one_source(r, parameter);
            if let Some(value) = &parameter.value
                && value.contains("{{")
            {
                r.within("value", |r| scope.text(r, value));
            }
            if let Some(from) = &parameter.value_from {
                r.within("valueFrom", |r| {
                    source(
                        r,
                        scope,
                        from,
                        &["configMapKeyRef", "expression", "parameter", "supplied", "event"],
                        "an argument",
                    );
                    scope.check(r, &**from);
                });
            }
            if parameter.value.is_none() && parameter.value_from.is_none() && parameter.default.is_none() {
                r.error("WF032", format!("{:?} has no value", parameter.name)).hinted("write value: or valueFrom:");
            }
        });
    }
    for (i, artifact) in given.artifacts.iter().enumerate() {
        report.within_item("artifacts", i, |r| {
            artifacts::given(r, artifact);
            artifact_expression(r, scope, artifact);
            scope.check(r, artifact);
        });
    }
}

/// What a template takes must be given, and what is given should be taken; `field` is where the arguments stand.
pub(super) fn satisfied(report: &mut Report<'_>, template: &Template, given: &Arguments, field: &str) {
    let by_name: Option<HashMap<&str, &Parameter>> =
        (given.parameters.len() > FEW).then(|| given.parameters.iter().map(|p| (&*p.name, p)).collect());
    let find = |name: &str| match &by_name {
        Some(map) => map.get(name).copied(),
        None => given.parameter(name),
    };
    for input in &template.inputs.parameters {
        match find(&input.name) {
            Some(argument) => {
                if let (Some(words), Some(value)) = (&input.r#enum, &argument.value)
                    && !value.contains("{{")
                    && !words.contains(value)
                {
                    let known: Vec<&str> = words.iter().map(|w| w.as_str()).take(20).collect();
                    let reason = format!("{value:?} is not among the values of {:?}", input.name);
                    report.error_in(field, "WF036", reason).hinted(format!("one of {}", known.join(", ")));
                }
            }
            None if input.value.is_some() || input.default.is_some() || input.value_from.is_some() => {}
            None => {
                let reason = format!("the template {:?} needs the parameter {:?}", template.name, input.name);
                let unused =
                    given.parameters.iter().map(|p| &*p.name).filter(|n| template.inputs.parameter(n).is_none());
                report.error_in(field, "WF030", reason).maybe_hinted(did_you_mean(&input.name, unused));
            }
        }
    }
    for input in &template.inputs.artifacts {
        if !input.optional && given.artifact(&input.name).is_none() && !artifacts::has_source(input) {
            let reason = format!("the template {:?} needs the artifact {:?}", template.name, input.name);
            report.error_in(field, "WF031", reason);
        }
    }
    untaken(report, template, given, field);
}

fn untaken(report: &mut Report<'_>, template: &Template, given: &Arguments, field: &str) {
    let inputs: Option<HashSet<&str>> =
        (template.inputs.parameters.len() > FEW).then(|| template.inputs.parameters.iter().map(|p| &*p.name).collect());
    let takes = |name: &str| match &inputs {
        Some(set) => set.contains(name),
        None => template.inputs.parameter(name).is_some(),
    };
    for (i, parameter) in given.parameters.iter().enumerate().filter(|(_, p)| !takes(&p.name)) {
        report.within(field, |r| {
            r.within_item("parameters", i, |r| {
                let hint = did_you_mean(&parameter.name, template.inputs.parameters.iter().map(|p| &*p.name));
                r.warning("WF034", format!("the template {:?} takes no parameter {:?}", template.name, parameter.name))
                    .maybe_hinted(hint);
            });
        });
    }
    for (i, artifact) in given.artifacts.iter().enumerate().filter(|(_, a)| template.inputs.artifact(&a.name).is_none())
    {
        report.within(field, |r| {
            r.within_item("artifacts", i, |r| {
                let hint = did_you_mean(&artifact.name, template.inputs.artifacts.iter().map(|a| &*a.name));
                r.warning("WF034", format!("the template {:?} takes no artifact {:?}", template.name, artifact.name))
                    .maybe_hinted(hint);
            });
        });
    }
}

/// The inputs of the entrypoint, which are given by the arguments of the run; the walk is at `entrypoint`.
pub(super) fn entry(report: &mut Report<'_>, template: &Template, given: &Arguments) {
    for input in &template.inputs.parameters {
        let has = input.value.is_some() || input.default.is_some() || input.value_from.is_some();
        if !has && given.parameter(&input.name).is_none() {
            let reason = format!("the template {:?} needs the parameter {:?}", template.name, input.name);
            report
                .error("WF030", reason)
                .hinted("add it to spec.arguments.parameters, or give it a default in the template");
        }
    }
    for input in &template.inputs.artifacts {
        if !input.optional && given.artifact(&input.name).is_none() && !artifacts::has_source(input) {
            let reason = format!("the template {:?} needs the artifact {:?}", template.name, input.name);
            report.error("WF031", reason).hinted("add it to spec.arguments.artifacts");
        }
    }
}

/// The inputs that a template declares; the walk is at the template.
pub(super) fn inputs(report: &mut Report<'_>, scope: &Scope<'_, '_>, template: &Template) {
    let inputs = &template.inputs;
    if inputs.parameters.is_empty() && inputs.artifacts.is_empty() {
        return;
    }
    report.within("inputs", |r| {
        unique(r, "parameters", inputs.parameters.iter().map(|p| &*p.name));
        unique(r, "artifacts", inputs.artifacts.iter().map(|a| &*a.name));
        for (i, parameter) in inputs.parameters.iter().enumerate() {
            r.within_item("parameters", i, |r| {
                name(r, &parameter.name);
                one_source(r, parameter);
                allowed(r, parameter);
                if let Some(from) = &parameter.value_from {
                    r.within("valueFrom", |r| {
                        source(
                            r,
                            scope,
                            from,
                            &["configMapKeyRef", "supplied", "expression", "parameter", "path", "event"],
                            "an input",
                        );
                    });
                }
            });
        }
        scope.check(r, &inputs.parameters);
        for (i, artifact) in inputs.artifacts.iter().enumerate() {
            r.within_item("artifacts", i, |r| scope.check(r, artifact));
        }
    });
}

/// The outputs that a template declares; the walk is at the template.
pub(super) fn outputs(report: &mut Report<'_>, scope: &Scope<'_, '_>, template: &Template, kind: TemplateKind<'_>) {
    let outputs = &template.outputs;
    if outputs.parameters.is_empty() && outputs.artifacts.is_empty() {
        return;
    }
    let (sources, place): (&[&str], &str) = match kind {
        TemplateKind::Container(_) | TemplateKind::Script(_) | TemplateKind::ContainerSet(_) => {
            (&["path", "expression", "supplied"], "an output of a container")
        }
        TemplateKind::Steps(_) | TemplateKind::Dag(_) => (&["parameter", "expression"], "an output of steps and tasks"),
        TemplateKind::Resource(_) => (&["jsonPath", "jqFilter"], "an output of a resource"),
        TemplateKind::Suspend(_) => (&["supplied"], "an output of a suspend template"),
        _ => (&["expression", "path", "jsonPath", "jqFilter"], "an output"),
    };
    report.within("outputs", |r| {
        unique(r, "parameters", outputs.parameters.iter().map(|p| &*p.name));
        unique(r, "artifacts", outputs.artifacts.iter().map(|a| &*a.name));
        for (i, parameter) in outputs.parameters.iter().enumerate() {
            r.within_item("parameters", i, |r| {
                name(r, &parameter.name);
                one_source(r, parameter);
                match &parameter.value_from {
                    Some(from) => r.within("valueFrom", |r| source(r, scope, from, sources, place)),
                    None if parameter.value.is_none() => {
                        let reason = format!("{:?} says not where its value comes from", parameter.name);
                        r.error("WF080", reason).hinted(format!("valueFrom with one of {}", sources.join(", ")));
                    }
                    None => {}
                }
                scope.check(r, parameter);
            });
        }
        for (i, artifact) in outputs.artifacts.iter().enumerate() {
            r.within_item("artifacts", i, |r| {
                artifact_expression(r, scope, artifact);
                scope.check(r, artifact);
            });
        }
    });
}

fn artifact_expression(report: &mut Report<'_>, scope: &Scope<'_, '_>, artifact: &crate::workflow::Artifact) {
    if let Some(expression) = &artifact.from_expression {
        report.within("fromExpression", |r| scope.expression(r, expression));
    }
}

/// A value comes from one place.
fn one_source(report: &mut Report<'_>, parameter: &Parameter) {
    if parameter.value.is_some() && parameter.value_from.is_some() {
        report.error("WF038", "value and valueFrom cannot stand together");
    }
}

/// A parameter's own value is among those that it allows.
fn allowed(report: &mut Report<'_>, parameter: &Parameter) {
    let Some(words) = &parameter.r#enum else { return };
    if words.is_empty() {
        report.error_in("enum", "WF036", "a list of values is expected, this one is empty");
        return;
    }
    for (field, value) in [("value", &parameter.value), ("default", &parameter.default)] {
        if let Some(value) = value
            && !value.contains("{{")
            && !words.contains(value)
        {
            let known: Vec<&str> = words.iter().map(|w| w.as_str()).take(20).collect();
            report
                .error_in(field, "WF036", format!("{value:?} is not among the values of enum"))
                .hinted(format!("one of {}", known.join(", ")));
        }
    }
}

/// Exactly one source, and one that has a meaning here; the walk is at `valueFrom`.
fn source(report: &mut Report<'_>, scope: &Scope<'_, '_>, from: &ValueFrom, sources: &[&str], place: &str) {
    let set: Vec<&str> = [
        ("path", from.path.is_some()),
        ("jsonPath", from.json_path.is_some()),
        ("jqFilter", from.jq_filter.is_some()),
        ("event", from.event.is_some()),
        ("parameter", from.parameter.is_some()),
        ("supplied", from.supplied.is_some()),
        ("configMapKeyRef", from.config_map_key_ref.is_some()),
        ("expression", from.expression.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, set)| set.then_some(name))
    .collect();
    match set.as_slice() {
        [] => report.error("WF037", "the source is missing").hinted(format!("one of {}", sources.join(", "))),
        [one] if !sources.contains(one) => report
            .error_in(one, "WF037", format!("{one} has no meaning for {place}"))
            .hinted(format!("one of {}", sources.join(", "))),
        [_] => {}
        many => report.error("WF037", format!("{} cannot stand together", many.join(" and "))).done(),
    }
    let syntax = report.context.syntax;
    let checks = [
        ("jqFilter", from.jq_filter.as_deref().map(|t| syntax.jq(t))),
        ("jsonPath", from.json_path.as_deref().map(|t| syntax.json_path(t))),
    ];
    for (field, result) in checks {
        if let Some(Err(fault)) = result {
            report.error_in(field, "WF041", fault.reason).maybe_hinted(fault.hint);
        }
    }
    if let Some(expression) = &from.expression {
        report.within("expression", |r| scope.expression(r, expression));
    }
    if let Some(reference) = &from.config_map_key_ref {
        report.within("configMapKeyRef", |r| {
            if reference.name.is_empty() {
                r.error_in("name", "WF037", "the name of the ConfigMap is missing");
            }
            if reference.key.is_empty() {
                r.error_in("key", "WF037", "the key in the ConfigMap is missing");
            }
        });
    }
}

/// The name of a parameter or artifact; the walk is at it.
pub(super) fn name(report: &mut Report<'_>, name: &str) {
    if name.is_empty() {
        report.error_in("name", "WF035", "the name is missing");
    } else if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        let shown: String = name.chars().take(80).collect();
        report.error_in("name", "WF035", format!("{shown:?} is not a name of letters, digits, - and _"));
    }
}

fn unique<'a>(report: &mut Report<'_>, field: &str, names: impl ExactSizeIterator<Item = &'a str>) {
    let max = report.context.limits.parameters_max;
    if names.len() > max {
        report.error_in(field, "WF003", format!("there are {}, more than {max} (parameters_max)", names.len()));
        return;
    }
    if names.len() < 2 {
        return;
    }
    let mut seen = HashSet::with_capacity(names.len());
    for (i, name) in names.enumerate() {
        if !name.is_empty() && !seen.insert(name) {
            report.within_item(field, i, |r| {
                r.error_in("name", "WF033", format!("the name {name:?} stands twice"));
            });
        }
    }
}
