//! From a leaf to a unit that the runner takes.

use std::sync::Arc;

use engine_workflow::{LeafStart, RunState};
use model::core::{PersistentVolumeClaimVolume, Volume};
use model::workflow::{Artifact, ArtifactLocation, Template, WorkflowSpec};
use runner::{Unit, UnitKey};
use serde_json::Value;

use super::Workflows;

impl Workflows {
    /// An output artifact with the place that it goes to.
    pub(crate) fn place_of_output(
        &self,
        settings: &Value,
        start: &LeafStart,
        artifact: &Artifact,
    ) -> Result<Artifact, String> {
        let own = match (&start.template.archive_location, artifact.location.place()) {
            (Some(own), None) if own.place().is_some() => archive_place(own)?,
            _ => ArchivePlace::default(),
        };
        let folder = own.folder.as_deref().unwrap_or(&start.key_prefix);
        self.repositories
            .locate(own.repository.as_ref().unwrap_or(settings), artifact, folder)
            .map_err(|e| format!("outputs.artifacts: {:?}: {e}", artifact.name))
    }

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
        let mut volumes = start.volumes.clone();
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
        let locate = |artifact: &Artifact| self.place_of_output(&settings, start, artifact);
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
            template: of_pod(&start.template, spec),
            volumes,
            input_artifacts,
            output_artifacts,
            log_archive,
            deadline_ms: start.deadline.map(model::Timestamp::as_millis),
            own_network: own_network(&start.template, spec),
            image_pull_secrets: spec.image_pull_secrets.iter().map(|s| s.name.clone()).collect(),
        })
    }
}

/// Where a template's `archiveLocation` puts what names no place of its own.
#[derive(Debug, Default, PartialEq)]
struct ArchivePlace {
    /// Its repository; the run's where it names none.
    repository: Option<Value>,
    /// The folder in it; the run's where it names none.
    folder: Option<String>,
}

/// Takes an `archiveLocation` apart: its key is the folder, what is left is a repository, if anything is.
fn archive_place(location: &ArtifactLocation) -> Result<ArchivePlace, String> {
    let mut repository = serde_json::to_value(location).map_err(|e| format!("archiveLocation: {e}"))?;
    let mut folder = None;
    for (kind, place) in repository.as_object_mut().into_iter().flatten() {
        let Some(place) = place.as_object_mut() else { continue };
        let key = place.shift_remove(if kind == "azure" { "blob" } else { "key" });
        folder = key.and_then(|key| key.as_str().filter(|key| !key.is_empty()).map(str::to_owned));
        if let Some(url) = place.shift_remove("url").filter(|_| kind == "artifactory") {
            place.insert("repoURL".to_owned(), url);
        }
        if place.is_empty() {
            return Ok(ArchivePlace { repository: None, folder });
        }
    }
    Ok(ArchivePlace { repository: Some(repository), folder })
}

/// The template with what the run says about all of its pods: a template's own security context stands in place of the run's, its
/// host aliases beside them.
fn of_pod(template: &Arc<Template>, spec: &WorkflowSpec) -> Arc<Template> {
    let context = spec.security_context.as_ref().filter(|_| template.security_context.is_none());
    if context.is_none() && spec.host_aliases.is_empty() {
        return template.clone();
    }
    let mut own = (**template).clone();
    if let Some(context) = context {
        own.security_context = Some(context.clone());
    }
    own.host_aliases.splice(0..0, spec.host_aliases.iter().cloned());
    Arc::new(own)
}

/// Daemons are spoken to by address, so they have one of their own unless the run insists on the machine's network; a run that says
/// `hostNetwork: false` asks for it for all of its steps.
fn own_network(template: &Template, spec: &WorkflowSpec) -> bool {
    spec.host_network.map_or(template.daemon == Some(true), |host| !host)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(spec: Value, template: Value) -> (Value, bool) {
        let spec: WorkflowSpec = serde_json::from_value(spec).unwrap();
        let template = Arc::new(serde_json::from_value::<Template>(template).unwrap());
        let made = serde_json::to_value(&*of_pod(&template, &spec)).unwrap();
        (made, own_network(&template, &spec))
    }

    #[test]
    fn what_the_run_says_of_all_pods() {
        let spec =
            json!({"securityContext": {"runAsUser": 7}, "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["a"]}]});
        let (made, own) = check(spec.clone(), json!({"name": "t", "container": {"image": "i"}}));
        assert_eq!((&made["securityContext"], own), (&json!({"runAsUser": 7}), false));
        assert_eq!(made["hostAliases"], json!([{"ip": "10.0.0.1", "hostnames": ["a"]}]));
        let own = json!({"name": "t", "securityContext": {"fsGroup": 5}, "hostAliases": [{"ip": "10.0.0.2", "hostnames": ["b"]}]});
        let (made, _) = check(spec, own);
        assert_eq!(made["securityContext"], json!({"fsGroup": 5}), "not mixed");
        assert_eq!(made["hostAliases"][1]["hostnames"], json!(["b"]));
    }

    #[test]
    fn who_has_a_network() {
        let (plain, daemon) = (json!({"name": "t"}), json!({"name": "t", "daemon": true}));
        for (spec, of_plain, of_daemon) in [
            (json!({}), false, true),
            (json!({"hostNetwork": true}), false, false),
            (json!({"hostNetwork": false}), true, true),
        ] {
            assert_eq!(check(spec.clone(), plain.clone()).1, of_plain, "{spec}");
            assert_eq!(check(spec.clone(), daemon.clone()).1, of_daemon, "{spec}");
        }
    }

    #[test]
    fn an_archive_location_names_a_folder_and_perhaps_a_repository() {
        for (location, repository, folder) in [
            (json!({"s3": {"key": "logs/a"}}), None, Some("logs/a")),
            (
                json!({"s3": {"bucket": "b", "key": "logs"}, "archiveLogs": true}),
                Some(json!({"archiveLogs": true, "s3": {"bucket": "b"}})),
                Some("logs"),
            ),
            (json!({"gcs": {"bucket": "b"}}), Some(json!({"gcs": {"bucket": "b"}})), None),
            (
                json!({"azure": {"endpoint": "e", "container": "c", "blob": "f"}}),
                Some(json!({"azure": {"endpoint": "e", "container": "c"}})),
                Some("f"),
            ),
            (
                json!({"artifactory": {"url": "http://a/r"}}),
                Some(json!({"artifactory": {"repoURL": "http://a/r"}})),
                None,
            ),
        ] {
            let parsed = serde_json::from_value(location.clone()).unwrap();
            let expected = ArchivePlace { repository, folder: folder.map(str::to_owned) };
            assert_eq!(archive_place(&parsed).unwrap(), expected, "{location}");
        }
    }
}
