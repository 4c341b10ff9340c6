//! From a leaf to a unit that the runner takes.

use std::sync::Arc;

use engine_workflow::{LeafStart, RunState};
use model::core::{PersistentVolumeClaimVolume, Volume};
use model::workflow::Artifact;
use runner::{Unit, UnitKey};

use super::Workflows;

impl Workflows {
    /// The unit that a leaf means.
    pub(super) fn unit(
        &self,
        id: &Arc<str>,
        state: &RunState,
        start: &LeafStart,
        key: UnitKey,
    ) -> Result<Unit, String> {
        let run = state.run().ok_or("the run has not begun")?;
        let spec = &run.submission.spec;
        let settings = run.submission.repository.as_ref().map(|r| r.settings.clone()).unwrap_or_default();
        let mut volumes = spec.volumes.clone();
        for (template, claim) in &start.claims {
            volumes.push(Volume {
                name: template.to_string(),
                persistent_volume_claim: Some(Box::new(PersistentVolumeClaimVolume {
                    claim_name: claim.to_string(),
                    ..Default::default()
                })),
                ..Volume::default()
            });
        }
        let locate = |artifact: &Artifact| -> Result<Artifact, String> {
            let settings = match (&start.template.archive_location, artifact.location.place()) {
                (Some(own), None) if own.place().is_some() => {
                    serde_json::to_value(own).map_err(|e| format!("archiveLocation: {e}"))?
                }
                _ => settings.clone(),
            };
            self.repositories
                .locate(&settings, artifact, &start.key_prefix)
                .map_err(|e| format!("outputs.artifacts: {:?}: {e}", artifact.name))
        };
        let mut output_artifacts = Vec::with_capacity(start.template.outputs.artifacts.len());
        for artifact in &start.template.outputs.artifacts {
            output_artifacts.push(locate(artifact)?);
        }
        let log_archive = match start.archive_logs {
            true => Some(locate(&Artifact { name: "main-logs".into(), ..Artifact::default() })?),
            false => None,
        };
        let mut input_artifacts = Vec::with_capacity(start.artifacts.len());
        for artifact in &start.artifacts {
            // A key alone means the run's own repository.
            input_artifacts.push(
                self.repositories
                    .locate(&settings, artifact, &start.key_prefix)
                    .map_err(|e| format!("inputs.artifacts: {:?}: {e}", artifact.name))?,
            );
        }
        let metadata = start.template.metadata.as_deref();
        let pairs = |map: &model::meta::StringMap| map.iter().map(|(k, v)| (k.clone(), v.clone())).collect::<Vec<_>>();
        let own = |pick: fn(&model::core::Metadata) -> &model::meta::StringMap| {
            let of_run = spec.pod_metadata.as_deref().map(pick).map(pairs).unwrap_or_default();
            let of_template = metadata.map(pick).map(pairs).unwrap_or_default();
            of_run.into_iter().chain(of_template)
        };
        let standard = [
            ("workflows.argoproj.io/workflow".to_owned(), run.submission.metadata.name.clone()),
            ("workflows.argoproj.io/completed".to_owned(), "false".to_owned()),
        ];
        Ok(Unit {
            key,
            namespace: run.submission.metadata.namespace.as_str().into(),
            workflow_name: run.submission.metadata.name.as_str().into(),
            workflow_uid: id.clone(),
            node_id: start.id.clone(),
            node_name: start.name.clone(),
            pod_name: start.pod_name.clone(),
            labels: own(|m| &m.labels).chain(standard).collect(),
            annotations: own(|m| &m.annotations)
                .chain([("workflows.argoproj.io/node-name".to_owned(), start.name.to_string())])
                .collect(),
            template: start.template.clone(),
            volumes,
            input_artifacts,
            output_artifacts,
            log_archive,
            deadline_ms: start.deadline.map(model::Timestamp::as_millis),
            own_network: start.template.daemon == Some(true),
            image_pull_secrets: spec.image_pull_secrets.iter().map(|s| s.name.clone()).collect(),
        })
    }
}
