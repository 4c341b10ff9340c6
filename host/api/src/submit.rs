//! A run to be: from a manifest, a template, a cron workflow or an earlier run, with what the caller changes about it.

use std::collections::BTreeMap;

use model::meta::{Kind as _, OwnerReference};
use model::workflow::Workflow;
use model::{Object, ObjectMeta};
use proto_gen::v1::{Parameter, SubmitOptions, TemplateKind, TemplateSource};
use serde_json::{Map, Value, json};

use crate::document::{self, Draft, fields_of};
use crate::failure::{Failure, Outcome};
use crate::gate::Grant;
use crate::kinds::{CLUSTER_WORKFLOW_TEMPLATE, CRON_WORKFLOW, KindRef, WORKFLOW_TEMPLATE};
use crate::summary::{CLUSTER_TEMPLATE_LABEL, CRON_LABEL, TEMPLATE_LABEL};

/// Label: who submitted the run.
pub const CREATOR_LABEL: &str = "workflows.argoproj.io/creator";
/// Label: the run that this one was resubmitted from.
pub const RESUBMITTED_FROM_LABEL: &str = "workflows.argoproj.io/resubmitted-from-workflow";
/// Annotation: the uid of the run whose successful nodes' outputs are taken over (`resubmit --memoized`).
pub const REUSE_ANNOTATION: &str = "colchis.dev/reuse-outputs-of";

/// A label's longest value (bytes).
const LABEL_BYTES_MAX: usize = 63;

/// Refuses what is no Workflow.
pub(crate) fn require_workflow(object: &Object) -> Outcome<()> {
    if object.is::<Workflow>() {
        return Ok(());
    }
    let what = format!("is {} ({}), not Workflow ({})", object.kind, object.api_version, Workflow::API_VERSION);
    let hint = match object.kind.as_str() {
        "WorkflowTemplate" | "ClusterWorkflowTemplate" | "CronWorkflow" => {
            "apply it (Resources.Apply), then submit from it by name (`template`)"
        }
        _ => "create or apply other kinds with the Resources service",
    };
    Err(Failure::field("kind", what).hint(hint))
}

/// A run from a template or cron workflow of the server, in the namespace of the grant.
pub(crate) async fn from_template(grant: &Grant, source: &TemplateSource) -> Outcome<Object> {
    let kind = kind_of(source.kind())?;
    grant.also("get", &kind)?;
    let namespace = if kind.namespaced { grant.namespace() } else { "" };
    if source.name.is_empty() {
        return Err(Failure::field("template.name", "is required"));
    }
    let key = store::objects::Key::new(kind.gvk(), namespace, source.name.as_str());
    let template = grant.objects().get(&key).await?;
    let generate_name = format!("{}-", source.name);
    if kind == CRON_WORKFLOW {
        return from_cron(&template, generate_name);
    }
    let label = if kind.namespaced { TEMPLATE_LABEL } else { CLUSTER_TEMPLATE_LABEL };
    let reference =
        if kind.namespaced { json!({"name": source.name}) } else { json!({"name": source.name, "clusterScope": true}) };
    let meta = ObjectMeta {
        generate_name,
        namespace: grant.namespace().to_owned(),
        labels: label_of(label, &source.name).into_iter().collect(),
        ..ObjectMeta::default()
    };
    workflow(meta, &json!({"spec": {"workflowTemplateRef": reference}}))
}

/// The kind a template source means.
pub(crate) fn kind_of(kind: TemplateKind) -> Outcome<KindRef> {
    Ok(match kind {
        TemplateKind::WorkflowTemplate => WORKFLOW_TEMPLATE,
        TemplateKind::ClusterWorkflowTemplate => CLUSTER_WORKFLOW_TEMPLATE,
        TemplateKind::CronWorkflow => CRON_WORKFLOW,
        TemplateKind::Unspecified => return Err(Failure::field("template.kind", "is required")),
    })
}

fn from_cron(cron: &Object, generate_name: String) -> Outcome<Object> {
    let mut fields = fields_of(cron)?;
    let spec = fields.remove("spec").unwrap_or_default();
    let texts = |name: &str| -> BTreeMap<String, String> {
        let found = spec.pointer(&format!("/workflowMetadata/{name}")).cloned();
        found.and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default()
    };
    let name = &cron.metadata.name;
    let mut labels = texts("labels");
    labels.extend(label_of(CRON_LABEL, name));
    let owner = OwnerReference {
        api_version: cron.api_version.clone(),
        kind: cron.kind.clone(),
        name: name.clone(),
        uid: cron.metadata.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    };
    let meta = ObjectMeta {
        generate_name,
        namespace: cron.metadata.namespace.clone(),
        labels,
        annotations: texts("annotations"),
        owner_references: vec![owner],
        ..ObjectMeta::default()
    };
    workflow(meta, &json!({"spec": spec.get("workflowSpec").cloned().unwrap_or_else(|| json!({}))}))
}

/// A new run of an earlier one's manifest.
pub(crate) fn from_run(run: &Object, memoized: bool) -> Outcome<Object> {
    let old = &run.metadata;
    let mut fields = fields_of(run)?;
    if let Some(Value::Object(spec)) = fields.get_mut("spec") {
        // What steered the old run does not steer the new one.
        spec.shift_remove("shutdown");
        spec.shift_remove("suspend");
    }
    let own = |name: &String| {
        name.starts_with("workflows.argoproj.io/")
            && ![TEMPLATE_LABEL, CLUSTER_TEMPLATE_LABEL, CRON_LABEL].contains(&name.as_str())
    };
    let kept = |map: &BTreeMap<String, String>, title: bool| {
        let keep = |name: &String| {
            !own(name)
                || (title
                    && ["workflows.argoproj.io/title", "workflows.argoproj.io/description"].contains(&name.as_str()))
        };
        map.iter().filter(|(name, _)| keep(name)).map(|(k, v)| (k.clone(), v.clone())).collect::<BTreeMap<_, _>>()
    };
    let mut annotations = kept(&old.annotations, true);
    annotations.retain(|name, _| !name.starts_with(document::LAST_APPLIED) && !name.starts_with("colchis.dev/"));
    if memoized {
        annotations.insert(REUSE_ANNOTATION.to_owned(), old.uid.clone());
    }
    let mut labels = kept(&old.labels, false);
    labels.extend(label_of(RESUBMITTED_FROM_LABEL, &old.name));
    let generate_name = if old.generate_name.is_empty() { format!("{}-", old.name) } else { old.generate_name.clone() };
    let meta = ObjectMeta {
        generate_name,
        namespace: old.namespace.clone(),
        labels,
        annotations,
        owner_references: old.owner_references.clone(),
        ..ObjectMeta::default()
    };
    workflow(meta, &fields)
}

/// Applies what the caller changes.
pub(crate) fn overridden(mut draft: Draft, options: &SubmitOptions) -> Outcome<Draft> {
    let object = &mut draft.object;
    let meta = &mut object.metadata;
    if !options.name.is_empty() {
        meta.name.clone_from(&options.name);
        meta.generate_name.clear();
    } else if !options.generate_name.is_empty() {
        meta.generate_name.clone_from(&options.generate_name);
        meta.name.clear();
    }
    meta.resource_version.clear();
    meta.uid.clear();
    meta.labels.extend(options.labels.iter().map(|(k, v)| (k.clone(), v.clone())));
    meta.annotations.extend(options.annotations.iter().map(|(k, v)| (k.clone(), v.clone())));
    if !options.owner_reference.is_empty() {
        let owner = serde_json::from_slice(&options.owner_reference)
            .map_err(|error| Failure::field("options.owner_reference", format!("is no owner reference: {error}")))?;
        meta.owner_references.push(owner);
    }
    object.status = None;
    let mut edited = !options.labels.is_empty()
        || !options.annotations.is_empty()
        || !options.name.is_empty()
        || !options.generate_name.is_empty();
    if changes_spec(options) {
        edited = true;
        let mut fields = fields_of(object)?;
        let spec = object_in(&mut fields, "spec")?;
        let texts = [
            ("entrypoint", &options.entrypoint),
            ("serviceAccountName", &options.service_account),
            ("podPriorityClassName", &options.pod_priority_class_name),
        ];
        for (name, text) in texts {
            if !text.is_empty() {
                spec.insert(name.to_owned(), Value::String(text.clone()));
            }
        }
        if let Some(priority) = options.priority {
            spec.insert("priority".to_owned(), priority.into());
        }
        set_parameters(spec, &options.parameters)?;
        set_artifacts(spec, &options.artifacts)?;
        object.body = document::raw(&fields)?.into();
    }
    if edited {
        draft.check_object_too();
    }
    Ok(draft)
}

fn changes_spec(options: &SubmitOptions) -> bool {
    let texts = [&options.entrypoint, &options.service_account, &options.pod_priority_class_name];
    texts.iter().any(|text| !text.is_empty())
        || options.priority.is_some()
        || !options.parameters.is_empty()
        || !options.artifacts.is_empty()
}

fn set_parameters(spec: &mut Map<String, Value>, parameters: &[Parameter]) -> Outcome<()> {
    if parameters.is_empty() {
        return Ok(());
    }
    let list = list_in(object_in(spec, "arguments")?, "spec.arguments.parameters", "parameters")?;
    for (at, parameter) in parameters.iter().enumerate() {
        if parameter.name.is_empty() {
            return Err(Failure::field(&format!("options.parameters[{at}].name"), "is required"));
        }
        let value = Value::String(parameter.value.clone());
        match list.iter_mut().find(|item| item.get("name").and_then(Value::as_str) == Some(&parameter.name)) {
            Some(Value::Object(item)) => {
                item.insert("value".to_owned(), value);
                item.shift_remove("valueFrom");
            }
            _ => list.push(json!({"name": parameter.name, "value": value})),
        }
    }
    Ok(())
}

fn set_artifacts(spec: &mut Map<String, Value>, artifacts: &[bytes::Bytes]) -> Outcome<()> {
    if artifacts.is_empty() {
        return Ok(());
    }
    let list = list_in(object_in(spec, "arguments")?, "spec.arguments.artifacts", "artifacts")?;
    for (at, text) in artifacts.iter().enumerate() {
        let path = format!("options.artifacts[{at}]");
        let artifact: Value =
            serde_json::from_slice(text).map_err(|error| Failure::field(&path, format!("is not JSON: {error}")))?;
        let Some(name) = artifact.get("name").and_then(Value::as_str).map(str::to_owned) else {
            return Err(Failure::field(&format!("{path}.name"), "is required"));
        };
        match list.iter_mut().find(|item| item.get("name").and_then(Value::as_str) == Some(&name)) {
            Some(item) => *item = artifact,
            None => list.push(artifact),
        }
    }
    Ok(())
}

fn object_in<'a>(map: &'a mut Map<String, Value>, name: &str) -> Outcome<&'a mut Map<String, Value>> {
    let entry = map.entry(name.to_owned()).or_insert(Value::Null);
    if entry.is_null() {
        *entry = Value::Object(Map::new());
    }
    entry.as_object_mut().ok_or_else(|| Failure::field(name, "is not an object"))
}

fn list_in<'a>(map: &'a mut Map<String, Value>, path: &str, name: &str) -> Outcome<&'a mut Vec<Value>> {
    let entry = map.entry(name.to_owned()).or_insert(Value::Null);
    if entry.is_null() {
        *entry = Value::Array(Vec::new());
    }
    entry.as_array_mut().ok_or_else(|| Failure::field(path, "is not a list"))
}

/// A label, its value cut to what labels may hold.
pub(crate) fn label_of(name: &str, value: &str) -> Option<(String, String)> {
    let kept = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let value: String = value.chars().map(kept).take(LABEL_BYTES_MAX).collect();
    let value = value.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned();
    (!value.is_empty()).then(|| (name.to_owned(), value))
}

fn workflow<T: serde::Serialize>(metadata: ObjectMeta, body: &T) -> Outcome<Object> {
    Ok(Object {
        api_version: Workflow::API_VERSION.to_owned(),
        kind: Workflow::KIND.to_owned(),
        metadata,
        body: document::raw(body)?.into(),
        status: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Limits;

    fn object(value: Value) -> Object {
        document::parse(value.to_string().as_bytes(), &Limits::default()).unwrap()
    }

    fn draft(object: Object) -> Draft {
        Draft::of(object).unwrap()
    }

    fn run() -> Object {
        object(json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
            "metadata": {"name": "a-x1", "generateName": "a-", "namespace": "n", "uid": "u1", "resourceVersion": "9",
                "labels": {"team": "x", "workflows.argoproj.io/phase": "Failed", "workflows.argoproj.io/workflow-template": "t"},
                "annotations": {"workflows.argoproj.io/title": "T", "kubectl.kubernetes.io/last-applied-configuration": "{}"}},
            "spec": {"entrypoint": "main", "suspend": true, "shutdown": "Stop",
                "arguments": {"parameters": [{"name": "p", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]}},
            "status": {"phase": "Failed"}
        }))
    }

    #[test]
    fn what_the_caller_changes_is_in_the_run() {
        let options = SubmitOptions {
            name: "b".to_owned(),
            entrypoint: "other".to_owned(),
            priority: Some(0),
            service_account: "sa".to_owned(),
            parameters: vec![
                Parameter { name: "p".to_owned(), value: "1".to_owned() },
                Parameter { name: "new".to_owned(), value: "2".to_owned() },
            ],
            labels: [("l".to_owned(), "v".to_owned())].into(),
            artifacts: vec![br#"{"name":"in","raw":{"data":"x"}}"#.as_slice().into()],
            ..SubmitOptions::default()
        };
        let changed = overridden(draft(run()), &options).unwrap().object;
        assert_eq!((changed.metadata.name.as_str(), changed.metadata.generate_name.as_str()), ("b", ""));
        assert!(changed.metadata.resource_version.is_empty() && changed.status.is_none());
        let spec = &fields_of(&changed).unwrap()["spec"];
        assert_eq!(
            (&spec["entrypoint"], &spec["priority"], &spec["serviceAccountName"]),
            (&"other".into(), &0.into(), &"sa".into())
        );
        assert_eq!(
            spec["arguments"]["parameters"],
            json!([{"name": "p", "value": "1"}, {"name": "new", "value": "2"}])
        );
        assert_eq!(spec["arguments"]["artifacts"][0]["name"], "in");
    }

    #[test]
    fn without_changes_the_manifest_is_not_touched() {
        let before = run();
        let after = overridden(draft(before.clone()), &SubmitOptions::default()).unwrap().object;
        assert_eq!(after.body.get(), before.body.get());
    }

    #[test]
    fn bad_overrides_are_named() {
        for (options, path) in [
            (
                SubmitOptions { parameters: vec![Parameter::default()], ..SubmitOptions::default() },
                "options.parameters[0].name",
            ),
            (
                SubmitOptions { artifacts: vec![b"{}".as_slice().into()], ..SubmitOptions::default() },
                "options.artifacts[0].name",
            ),
            (
                SubmitOptions { owner_reference: b"x".as_slice().into(), ..SubmitOptions::default() },
                "options.owner_reference",
            ),
        ] {
            assert_eq!(overridden(draft(run()), &options).unwrap_err().detail.violations[0].path, path);
        }
    }

    #[test]
    fn a_resubmitted_run_begins_anew() {
        let again = from_run(&run(), true).unwrap();
        let meta = &again.metadata;
        assert_eq!((meta.name.as_str(), meta.generate_name.as_str(), meta.uid.as_str()), ("", "a-", ""));
        let labels: Vec<&str> = meta.labels.keys().map(String::as_str).collect();
        assert_eq!(labels, ["team", RESUBMITTED_FROM_LABEL, TEMPLATE_LABEL]);
        let annotations: Vec<(&str, &str)> = meta.annotations.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(annotations, [(REUSE_ANNOTATION, "u1"), ("workflows.argoproj.io/title", "T")]);
        let spec = &fields_of(&again).unwrap()["spec"];
        assert!(spec.get("suspend").is_none() && spec.get("shutdown").is_none() && spec["entrypoint"] == "main");
    }

    #[test]
    fn labels_hold_what_labels_may_hold() {
        assert_eq!(label_of("l", "Jörg <j@x>").unwrap().1, "J-rg--j-x");
        assert_eq!(label_of("l", &"a".repeat(100)).unwrap().1.len(), 63);
        assert_eq!(label_of("l", "<>"), None);
    }
}
