//! Rows: what lists and tables show of an object, read without reading the rest.

use std::borrow::Cow;
use std::collections::BTreeMap;

use model::meta::{Condition as ModelCondition, ObjectMeta, ObjectReference};
use model::workflow::{NodeStatus, WorkflowPhase as ModelPhase, WorkflowStatus};
use model::{Object, Timestamp};
use proto_gen::v1::{
    Condition, CronWorkflowSummary, Node, NodePhase, Parameter, TemplateSummary, WorkflowPhase, WorkflowSummary,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::document::revision_of;

/// Annotations of a row: title and description.
const SHOWN_ANNOTATIONS: &str = "workflows.argoproj.io/";

/// Names of templates that a row tells, at most.
const TEMPLATES_MAX: usize = 100;

/// Label of the template that a run was made from.
pub(crate) const TEMPLATE_LABEL: &str = "workflows.argoproj.io/workflow-template";
/// As [`TEMPLATE_LABEL`], for cluster templates.
pub(crate) const CLUSTER_TEMPLATE_LABEL: &str = "workflows.argoproj.io/cluster-workflow-template";
/// Label of the cron workflow that a run was made by.
pub(crate) const CRON_LABEL: &str = "workflows.argoproj.io/cron-workflow";

/// The parts of a run's status that a row shows.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RowStatus<'a> {
    #[serde(borrow)]
    phase: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
    #[serde(borrow)]
    progress: Option<Cow<'a, str>>,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    estimated_duration: Option<i64>,
    resources_duration: Option<BTreeMap<String, i64>>,
    conditions: Option<Vec<ModelCondition>>,
}

/// The parts of a run's spec that a wide row shows.
#[derive(Deserialize, Default)]
struct RowBody<'a> {
    #[serde(borrow, default)]
    spec: Option<RowSpec<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RowSpec<'a> {
    suspend: Option<bool>,
    priority: Option<i32>,
    workflow_template_ref: Option<model::workflow::WorkflowTemplateRef>,
    arguments: Option<RowArguments>,
    #[serde(borrow)]
    entrypoint: Option<Cow<'a, str>>,
    #[serde(borrow)]
    templates: Option<Vec<RowTemplate<'a>>>,
}

#[derive(Deserialize)]
struct RowTemplate<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RowArguments {
    parameters: Option<Vec<model::workflow::Parameter>>,
}

fn read<'a, T: Deserialize<'a> + Default>(text: Option<&'a RawValue>) -> T {
    // A row of an object that cannot be read shows its metadata all the same.
    text.and_then(|text| serde_json::from_str(text.get()).ok()).unwrap_or_default()
}

fn ms(at: Option<Timestamp>) -> i64 {
    at.map_or(0, Timestamp::as_millis)
}

fn shown_annotations(meta: &ObjectMeta) -> BTreeMap<String, String> {
    meta.annotations
        .iter()
        .filter(|(name, _)| name.starts_with(SHOWN_ANNOTATIONS))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

/// A run as a row; `wide` also reads the manifest.
pub(crate) fn workflow(object: &Object, wide: bool) -> WorkflowSummary {
    let status: RowStatus<'_> = read(object.status.as_deref());
    let meta = &object.metadata;
    let label = |name: &str| meta.labels.get(name).cloned();
    let template = label(TEMPLATE_LABEL)
        .map(|name| format!("WorkflowTemplate/{name}"))
        .or_else(|| label(CLUSTER_TEMPLATE_LABEL).map(|name| format!("ClusterWorkflowTemplate/{name}")));
    let mut row = WorkflowSummary {
        namespace: meta.namespace.clone(),
        name: meta.name.clone(),
        uid: meta.uid.clone(),
        resource_version: revision_of(object),
        phase: phase(status.phase.as_deref().unwrap_or_default()).into(),
        message: status.message.unwrap_or_default().into_owned(),
        progress: status.progress.unwrap_or_default().into_owned(),
        created_ms: ms(meta.creation_timestamp),
        started_ms: ms(status.started_at),
        finished_ms: ms(status.finished_at),
        labels: meta.labels.clone(),
        template: template.unwrap_or_default(),
        cron_workflow: label(CRON_LABEL).unwrap_or_default(),
        estimated_duration_s: status.estimated_duration.unwrap_or_default(),
        resources_duration: status.resources_duration.unwrap_or_default(),
        conditions: status.conditions.unwrap_or_default().into_iter().map(condition).collect(),
        deletion_ms: ms(meta.deletion_timestamp),
        annotations: shown_annotations(meta),
        ..WorkflowSummary::default()
    };
    if wide {
        let spec = read::<RowBody<'_>>(Some(&object.body)).spec.unwrap_or_default();
        row.suspended = spec.suspend.unwrap_or_default();
        row.priority = spec.priority.unwrap_or_default();
        if let Some(from) = spec.workflow_template_ref {
            let kind = if from.cluster_scope { "ClusterWorkflowTemplate" } else { "WorkflowTemplate" };
            row.template = format!("{kind}/{}", from.name);
        }
        let parameters = spec.arguments.and_then(|arguments| arguments.parameters).unwrap_or_default();
        row.parameters = parameters.into_iter().map(parameter).collect();
    }
    row
}

/// Puts a newer status (without nodes) into a row.
pub(crate) fn with_status(mut row: WorkflowSummary, status: &WorkflowStatus) -> WorkflowSummary {
    row.phase = phase(status.phase.as_str()).into();
    row.message.clone_from(&status.message);
    row.progress.clone_from(&status.progress);
    row.started_ms = ms(status.started_at);
    row.finished_ms = ms(status.finished_at);
    row.estimated_duration_s = status.estimated_duration;
    row.resources_duration.clone_from(&status.resources_duration);
    row.conditions = status.conditions.iter().cloned().map(condition).collect();
    row
}

fn parameter(parameter: model::workflow::Parameter) -> Parameter {
    let value = parameter.value.or(parameter.default).map(|value| value.to_string());
    Parameter { name: parameter.name.into(), value: value.unwrap_or_default() }
}

fn condition(condition: ModelCondition) -> Condition {
    Condition { r#type: condition.r#type, status: condition.status, message: condition.message }
}

fn phase(text: &str) -> WorkflowPhase {
    match ModelPhase::parse(text) {
        Some(ModelPhase::Pending) => WorkflowPhase::Pending,
        Some(ModelPhase::Running) => WorkflowPhase::Running,
        Some(ModelPhase::Succeeded) => WorkflowPhase::Succeeded,
        Some(ModelPhase::Failed) => WorkflowPhase::Failed,
        Some(ModelPhase::Error) => WorkflowPhase::Error,
        Some(ModelPhase::Unknown) | None => WorkflowPhase::Unknown,
    }
}

/// Whether a run has ended.
pub(crate) fn ended(row: &WorkflowSummary) -> bool {
    matches!(row.phase(), WorkflowPhase::Succeeded | WorkflowPhase::Failed | WorkflowPhase::Error)
}

/// A template as a row.
pub(crate) fn template(object: &Object) -> TemplateSummary {
    let meta = &object.metadata;
    let spec = read::<RowBody<'_>>(Some(&object.body)).spec.unwrap_or_default();
    TemplateSummary {
        namespace: meta.namespace.clone(),
        name: meta.name.clone(),
        uid: meta.uid.clone(),
        resource_version: revision_of(object),
        created_ms: ms(meta.creation_timestamp),
        labels: meta.labels.clone(),
        annotations: shown_annotations(meta),
        entrypoint: spec.entrypoint.unwrap_or_default().into_owned(),
        templates: spec
            .templates
            .unwrap_or_default()
            .into_iter()
            .take(TEMPLATES_MAX)
            .map(|t| t.name.into_owned())
            .collect(),
    }
}

#[derive(Deserialize, Default)]
struct CronBody {
    #[serde(default)]
    spec: Option<CronSpec>,
}

/// The parts of a cron workflow's spec that say when it runs.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CronSpec {
    schedules: Option<Vec<String>>,
    schedule: Option<String>,
    pub(crate) timezone: Option<String>,
    pub(crate) suspend: Option<bool>,
    concurrency_policy: Option<String>,
}

impl CronSpec {
    /// Of an object.
    pub(crate) fn of(object: &Object) -> Self {
        read::<CronBody>(Some(&object.body)).spec.unwrap_or_default()
    }

    /// All schedules, also that of the older form.
    pub(crate) fn schedules(&self) -> Vec<String> {
        let old = self.schedule.iter().filter(|schedule| !schedule.is_empty());
        old.chain(self.schedules.iter().flatten()).cloned().collect()
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct CronStatus {
    active: Option<Vec<ObjectReference>>,
    last_scheduled_time: Option<Timestamp>,
    succeeded: Option<i64>,
    failed: Option<i64>,
    phase: Option<String>,
}

/// A cron workflow as a row, without its next run.
pub(crate) fn cron_workflow(object: &Object) -> CronWorkflowSummary {
    let meta = &object.metadata;
    let spec = CronSpec::of(object);
    let status: CronStatus = read(object.status.as_deref());
    CronWorkflowSummary {
        namespace: meta.namespace.clone(),
        name: meta.name.clone(),
        uid: meta.uid.clone(),
        resource_version: revision_of(object),
        created_ms: ms(meta.creation_timestamp),
        labels: meta.labels.clone(),
        schedules: spec.schedules(),
        timezone: spec.timezone.unwrap_or_default(),
        suspended: spec.suspend.unwrap_or_default(),
        last_scheduled_ms: ms(status.last_scheduled_time),
        next_run_ms: 0,
        active: status.active.unwrap_or_default().into_iter().map(|active| active.name).collect(),
        succeeded: status.succeeded.unwrap_or_default(),
        failed: status.failed.unwrap_or_default(),
        phase: status.phase.unwrap_or_default(),
        concurrency_policy: spec.concurrency_policy.unwrap_or_default(),
    }
}

/// A node; with the whole of it as JSON when `full`.
pub(crate) fn node(status: &NodeStatus, full: bool) -> Node {
    let flag = |of: fn(&model::workflow::NodeFlag) -> bool| status.node_flag.as_ref().is_some_and(of);
    let exit_code = status.outputs.as_ref().and_then(|outputs| outputs.exit_code.as_ref()).map(ToString::to_string);
    let document = if full { serde_json::to_vec(status).unwrap_or_default() } else { Vec::new() };
    let texts = |list: &[Box<str>]| list.iter().map(|text| text.to_string()).collect();
    Node {
        id: status.id.to_string(),
        name: status.name.to_string(),
        display_name: status.display_name.to_string(),
        r#type: status.r#type.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        template_name: status.template_name.to_string(),
        boundary_id: status.boundary_id.to_string(),
        phase: node_phase(status.phase).into(),
        message: status.message.to_string(),
        started_ms: ms(status.started_at),
        finished_ms: ms(status.finished_at),
        progress: status.progress.to_string(),
        children: texts(&status.children),
        outbound_nodes: texts(&status.outbound_nodes),
        pod_ip: status.pod_ip.to_string(),
        host_node_name: status.host_node_name.to_string(),
        daemoned: status.daemoned.unwrap_or_default(),
        hooked: flag(|flag| flag.hooked),
        retried: flag(|flag| flag.retried),
        exit_code: exit_code.unwrap_or_default(),
        document: document.into(),
        resources_duration: status.resources_duration.clone(),
        template_ref: status.template_ref.as_ref().map(|r| format!("{}/{}", r.name, r.template)).unwrap_or_default(),
    }
}

fn node_phase(phase: model::workflow::NodePhase) -> NodePhase {
    use model::workflow::NodePhase as Phase;
    match phase {
        Phase::Unknown => NodePhase::Unknown,
        Phase::Pending => NodePhase::Pending,
        Phase::Running => NodePhase::Running,
        Phase::Succeeded => NodePhase::Succeeded,
        Phase::Skipped => NodePhase::Skipped,
        Phase::Failed => NodePhase::Failed,
        Phase::Error => NodePhase::Error,
        Phase::Omitted => NodePhase::Omitted,
    }
}

/// The engine's phase of a request's.
pub(crate) fn model_node_phase(phase: NodePhase) -> Option<model::workflow::NodePhase> {
    use model::workflow::NodePhase as Phase;
    match phase {
        NodePhase::Unknown => None,
        NodePhase::Pending => Some(Phase::Pending),
        NodePhase::Running => Some(Phase::Running),
        NodePhase::Succeeded => Some(Phase::Succeeded),
        NodePhase::Skipped => Some(Phase::Skipped),
        NodePhase::Failed => Some(Phase::Failed),
        NodePhase::Error => Some(Phase::Error),
        NodePhase::Omitted => Some(Phase::Omitted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Limits;

    fn object(value: serde_json::Value) -> Object {
        crate::document::parse(value.to_string().as_bytes(), &Limits::default()).unwrap()
    }

    #[test]
    fn a_run_as_a_row() {
        let run = object(serde_json::json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
            "metadata": {"name": "a", "namespace": "n", "uid": "u", "resourceVersion": "7",
                "creationTimestamp": "2026-01-01T00:00:00Z", "labels": {"workflows.argoproj.io/cron-workflow": "nightly"}},
            "spec": {"suspend": true, "priority": 3, "workflowTemplateRef": {"name": "t", "clusterScope": true},
                "arguments": {"parameters": [{"name": "p", "value": 5}, {"name": "q", "default": "d"}]}},
            "status": {"phase": "Failed", "startedAt": "2026-01-01T00:00:01Z", "finishedAt": "2026-01-01T00:00:02Z",
                "progress": "1/2", "message": "said \"no\"", "nodes": {"x": {"phase": "Failed"}},
                "conditions": [{"type": "Completed", "status": "True"}], "resourcesDuration": {"cpu": 2}}
        }));
        let row = workflow(&run, true);
        assert_eq!(
            (row.phase(), row.progress.as_str(), row.message.as_str()),
            (WorkflowPhase::Failed, "1/2", "said \"no\"")
        );
        assert_eq!(row.finished_ms - row.started_ms, 1000);
        assert_eq!((row.cron_workflow.as_str(), row.template.as_str()), ("nightly", "ClusterWorkflowTemplate/t"));
        assert_eq!((row.suspended, row.priority, row.resource_version), (true, 3, 7));
        let parameters: Vec<(&str, &str)> =
            row.parameters.iter().map(|p| (p.name.as_str(), p.value.as_str())).collect();
        assert_eq!(parameters, [("p", "5"), ("q", "d")]);
        assert!(ended(&row));
        let narrow = workflow(&run, false);
        assert!(narrow.parameters.is_empty() && !narrow.suspended);
    }

    #[test]
    fn an_unreadable_status_still_has_a_row() {
        let run = object(serde_json::json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "a"}, "spec": 7, "status": {"phase": []}
        }));
        assert_eq!(workflow(&run, true).name, "a");
    }

    #[test]
    fn a_cron_workflow_as_a_row() {
        let row = cron_workflow(&object(serde_json::json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "CronWorkflow", "metadata": {"name": "a"},
            "spec": {"schedule": "@daily", "schedules": ["0 * * * *"], "suspend": true, "workflowSpec": {}},
            "status": {"active": [{"name": "a-1"}], "lastScheduledTime": "2026-01-01T00:00:00Z", "succeeded": 2, "phase": "Active"}
        })));
        assert_eq!(row.schedules, ["@daily", "0 * * * *"]);
        assert_eq!((row.active.as_slice(), row.succeeded, row.phase.as_str()), (&["a-1".to_owned()][..], 2, "Active"));
        assert!(row.suspended && row.last_scheduled_ms > 0);
    }
}
