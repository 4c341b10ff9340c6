//! The runs of a CronWorkflow: how they are made, replaced and kept.

use model::Object;
use model::Timestamp;
use model::meta::ObjectReference;
use model::workflow::{ConcurrencyPolicy, CronWorkflow, CronWorkflowStatus};
use serde_json::{Value, json};
use store::StoreError;
use store::objects::{DeleteOptions, Gvk, LabelRequirement, ListQuery, Order, Selector};

use super::LABEL;
use crate::control::{Command, ControlError};
use crate::workflows::{ARGO, Workflows, key};

impl Workflows {
    /// Whether another run may be made now; ends the active ones where they are to be replaced.
    pub(super) async fn make_room(&self, cron: &CronWorkflow, status: &CronWorkflowStatus) -> store::Result<bool> {
        match cron.spec.concurrency_policy.unwrap_or_default() {
            ConcurrencyPolicy::Allow => Ok(true),
            ConcurrencyPolicy::Forbid => Ok(status.active.is_empty()),
            ConcurrencyPolicy::Replace => {
                for run in &status.active {
                    match self.command(&cron.metadata.namespace, &run.name, Command::Terminate).await {
                        Ok(()) | Err(ControlError::NotFound { .. } | ControlError::Refused { .. }) => {}
                        Err(ControlError::Store(problem)) => return Err(problem),
                        Err(problem) => {
                            tracing::warn!(%problem, run = %run.name, "a run that is to be replaced could not be ended")
                        }
                    }
                }
                Ok(true)
            }
        }
    }

    /// Makes the run of a moment.
    pub(super) async fn create_run(
        &self,
        cron: &CronWorkflow,
        name: &str,
        at: Timestamp,
        mutexes: &[String],
    ) -> store::Result<ObjectReference> {
        let meta = &cron.metadata;
        let mut labels = json!({LABEL: meta.name});
        let mut annotations = json!({"workflows.argoproj.io/scheduled-time": at.to_string()});
        if let Some(own) = &cron.spec.workflow_metadata {
            let lay = |over: Value, map: &model::meta::StringMap| model::merge::merge_patch(over, &json!(map));
            labels = lay(labels, &own.labels);
            annotations = lay(annotations, &own.annotations);
        }
        let invalid = |e: &dyn std::fmt::Display| StoreError::Invalid {
            what: format!("cron workflow {}", meta.name),
            reason: e.to_string(),
        };
        let mut spec = serde_json::to_value(&cron.spec.workflow_spec).map_err(|e| invalid(&e))?;
        let wanted: Vec<Value> = mutexes.iter().map(|name| json!({"name": name})).collect();
        if !wanted.is_empty() {
            let locks = json!({"synchronization": {"mutexes": wanted}});
            let own = spec.pointer("/synchronization/mutexes").and_then(Value::as_array).cloned().unwrap_or_default();
            spec = model::merge::merge_patch(spec, &locks);
            if let Some(list) = spec.pointer_mut("/synchronization/mutexes").and_then(Value::as_array_mut) {
                list.extend(own);
            }
        }
        let object = Object::from_value(json!({
            "apiVersion": ARGO, "kind": "Workflow",
            "metadata": {
                "name": name, "namespace": meta.namespace, "labels": labels, "annotations": annotations,
                "ownerReferences": [{
                    "apiVersion": ARGO, "kind": "CronWorkflow", "name": meta.name, "uid": meta.uid, "controller": true, "blockOwnerDeletion": true,
                }],
            },
            "spec": spec,
        }));
        let created = self.objects.create(object.map_err(|e| invalid(&e))?).await?;
        Ok(ObjectReference {
            api_version: ARGO.to_owned(),
            kind: "Workflow".to_owned(),
            namespace: meta.namespace.clone(),
            name: name.to_owned(),
            uid: created.metadata.uid.clone(),
            resource_version: created.metadata.resource_version.clone(),
            ..ObjectReference::default()
        })
    }

    /// Deletes the oldest finished runs beyond the limits.
    pub(super) async fn keep_history(&self, cron: &CronWorkflow) -> store::Result<()> {
        let limit = |given: Option<i32>, default: usize| given.map_or(default, |n| usize::try_from(n).unwrap_or(0));
        let succeeded = limit(cron.spec.successful_jobs_history_limit, 3);
        let failed = limit(cron.spec.failed_jobs_history_limit, 1);
        self.keep_newest(cron, &["Succeeded"], succeeded).await?;
        self.keep_newest(cron, &["Failed", "Error"], failed).await
    }

    async fn keep_newest(&self, cron: &CronWorkflow, phases: &[&str], keep: usize) -> store::Result<()> {
        let selector = Selector {
            gvk: Some(Gvk::new(ARGO, "Workflow")),
            namespace: Some(cron.metadata.namespace.as_str().into()),
            labels: vec![LabelRequirement::In(LABEL.to_owned(), vec![cron.metadata.name.clone()])],
            phases: phases.iter().map(|p| (*p).to_owned()).collect(),
            ..Selector::default()
        };
        let query = ListQuery { selector, order: Order::NewestFirst, without_body: true, ..ListQuery::default() };
        let page = self.objects.list(&query).await?;
        for old in page.items.iter().skip(keep) {
            let at = key(ARGO, "Workflow", &old.metadata.namespace, &old.metadata.name);
            match self.objects.delete(&at, DeleteOptions::default()).await {
                Ok(_) | Err(StoreError::NotFound { .. }) => {}
                Err(problem) => return Err(problem),
            }
        }
        Ok(())
    }
}
