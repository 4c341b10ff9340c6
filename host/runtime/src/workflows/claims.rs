//! Claims of `volumeClaimTemplates`: made before the first step, deleted as `volumeClaimGC` says.

use engine_workflow::{Submission, Text};
use model::Object;
use serde_json::{Value, json};
use store::StoreError;
use store::objects::DeleteOptions;

use super::Workflows;
use super::admit::{ARGO, key};

impl Workflows {
    /// Creates the claims of a run. Doing it twice creates nothing more: names are made of the run's.
    pub(super) async fn create_claims(&self, submission: &Submission) -> Result<Vec<(Text, Text)>, Text> {
        let meta = &submission.metadata;
        let mut out = Vec::new();
        for template in &submission.spec.volume_claim_templates {
            let value = serde_json::to_value(template).map_err(|e| Text::from(e.to_string()))?;
            let own = value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let name = format!("{}-{own}", meta.name);
            let made = json!({
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {
                    "name": name,
                    "namespace": meta.namespace,
                    "ownerReferences": [{
                        "apiVersion": ARGO, "kind": "Workflow", "name": meta.name, "uid": meta.uid, "controller": true,
                    }],
                },
            });
            let object = Object::from_value(model::merge::merge_patch(value, &made))
                .map_err(|e| Text::from(format!("{own:?}: {e}")))?;
            match self.objects.create(object).await {
                Ok(_) | Err(StoreError::AlreadyExists { .. }) => out.push((Text::from(own), Text::from(name))),
                Err(problem) => return Err(format!("{own:?}: {problem}").into()),
            }
        }
        Ok(out)
    }

    /// Deletes claims.
    pub(super) async fn delete_claims(&self, namespace: &str, names: &[Text]) {
        for name in names {
            let at = key("v1", "PersistentVolumeClaim", namespace, name);
            match self.objects.delete(&at, DeleteOptions::default()).await {
                Ok(_) | Err(StoreError::NotFound { .. }) => {}
                Err(problem) => tracing::warn!(%problem, claim = %name, "a claim could not be deleted"),
            }
        }
    }
}
