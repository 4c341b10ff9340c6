//! Metadata of all kinds, and the kinds whose rules are few.

use super::report::Report;
use crate::core::{ConfigMap, CustomResourceDefinition, PersistentVolumeClaim, Secret};
use crate::meta::{KindInfo, ObjectMeta, StringMap};
use crate::names;

/// Longer names leave no room in labels and pods' names.
const WORKFLOW_NAME_MAX: usize = 63;
/// A run's name is the CronWorkflow's with a time of eleven characters behind it.
const CRON_NAME_MAX: usize = 52;

pub(super) fn check(report: &mut Report<'_>, meta: &ObjectMeta, info: Option<&KindInfo>) {
    let kind = info.map_or("", |i| &*i.kind);
    if meta.name.is_empty() && meta.generate_name.is_empty() {
        report
            .error("MD001", "the object has no name")
            .hinted("write metadata.name, or metadata.generateName for a prefix");
    }
    if !meta.name.is_empty() {
        let max = match kind {
            "Workflow" => Some(WORKFLOW_NAME_MAX),
            "CronWorkflow" => Some(CRON_NAME_MAX),
            _ => None,
        };
        if let Some(max) = max.filter(|max| meta.name.len() > *max) {
            let reason = format!("the name has {} characters, more than {max}", meta.name.len());
            report.error_in("name", "MD002", reason);
        } else {
            let rule = if kind == "Namespace" { names::check_label } else { names::check_subdomain };
            // Names of roles may have colons and more.
            if !kind.ends_with("Role") && !kind.ends_with("RoleBinding") {
                name(report, "name", &meta.name, rule);
            }
        }
    }
    if !meta.generate_name.is_empty() {
        // A prefix may end with a dash: what is made from it does not.
        let made = format!("{}x", meta.generate_name);
        if names::check_subdomain(&made).is_err() {
            let reason = format!(
                "{:?} is not the beginning of a name of lower-case letters, digits, - and .",
                meta.generate_name
            );
            report.error_in("generateName", "MD002", reason);
        }
    }
    match info {
        Some(info) if !info.namespaced && !meta.namespace.is_empty() => {
            report
                .error_in("namespace", "MD005", format!("a {kind} is cluster-wide and has no namespace"))
                .hinted("remove it");
        }
        _ if !meta.namespace.is_empty() => name(report, "namespace", &meta.namespace, names::check_label),
        _ => {}
    }
    report.within("labels", |r| labels(r, &meta.labels));
    report.within("annotations", |r| annotations(r, &meta.annotations));
    for (i, finalizer) in meta.finalizers.iter().enumerate() {
        if names::check_label_key(finalizer).is_err() {
            report.within_item("finalizers", i, |r| {
                r.error(
                    "MD006",
                    format!("{finalizer:?} is not a name with a domain before it, such as example.com/cleanup"),
                );
            });
        }
    }
}

fn name(report: &mut Report<'_>, field: &str, name: &str, rule: fn(&str) -> Result<(), names::NameError>) {
    if let Err(error) = rule(name) {
        let hint = names::suggestion(name).map(|s| format!("{s:?} would be one"));
        report.error_in(field, "MD002", error.to_string()).maybe_hinted(hint);
    }
}

/// Labels, on objects and pods alike; values with tags are known only later.
pub(super) fn labels(report: &mut Report<'_>, labels: &StringMap) {
    for (key, value) in labels {
        if let Err(error) = names::check_label_key(key) {
            report.error_in(key, "MD003", format!("the label's key: {error}"));
        }
        if !value.contains("{{")
            && let Err(error) = names::check_label_value(value)
        {
            report.error_in(key, "MD003", format!("the label's value: {error}"));
        }
    }
}

pub(super) fn annotations(report: &mut Report<'_>, annotations: &StringMap) {
    for key in annotations.keys() {
        if let Err(error) = names::check_label_key(key) {
            report.error_in(key, "MD004", format!("the annotation's key: {error}"));
        }
    }
}

pub(super) fn config_map(report: &mut Report<'_>, map: &ConfigMap) {
    for (field, keys) in
        [("data", map.data.keys().collect::<Vec<_>>()), ("binaryData", map.binary_data.keys().collect())]
    {
        report.within(field, |r| keys.into_iter().for_each(|key| config_key(r, key)));
    }
    for key in map.binary_data.keys().filter(|key| map.data.contains_key(*key)) {
        report.within("binaryData", |r| {
            r.error_in(key, "CM002", "the key stands in data too");
        });
    }
}

pub(super) fn secret(report: &mut Report<'_>, secret: &Secret) {
    report.within("data", |r| secret.data.keys().for_each(|key| config_key(r, key)));
}

fn config_key(report: &mut Report<'_>, key: &str) {
    if let Err(error) = names::check_config_key(key) {
        report.error_in(key, "CM001", format!("the key: {error}"));
    }
}

pub(super) fn claim(report: &mut Report<'_>, claim: &PersistentVolumeClaim) {
    report.within("spec", |r| super::volumes::claim_spec(r, &claim.spec));
}

pub(super) fn definition(report: &mut Report<'_>, definition: &CustomResourceDefinition) {
    let spec = &definition.spec;
    let expected = format!("{}.{}", spec.names.plural, spec.group);
    if definition.metadata.name != expected {
        let mark = report.path.push_path("metadata.name");
        report.error("CR001", format!("the name must be {expected:?}, made of spec.names.plural and spec.group"));
        report.path.truncate(mark);
    }
    report.within("spec", |r| {
        for (field, value) in
            [("group", &spec.group), ("names.plural", &spec.names.plural), ("names.kind", &spec.names.kind)]
        {
            if value.is_empty() {
                let mark = r.path.push_path(field);
                r.error("CR002", "the field is missing");
                r.path.truncate(mark);
            }
        }
        if spec.scope.is_none() {
            r.error_in("scope", "CR002", "the field is missing").hinted("Namespaced or Cluster");
        }
        if spec.versions.iter().filter(|v| v.storage).count() != 1 {
            r.error_in("versions", "CR003", "exactly one version must be the one that is stored")
                .hinted("storage: true");
        }
        if crate::meta::kinds().iter().any(|k| k.group() == spec.group && k.kind == spec.names.kind) {
            r.error_in("names", "CR004", format!("the server knows {} of {} by itself", spec.names.kind, spec.group));
        }
    });
}
