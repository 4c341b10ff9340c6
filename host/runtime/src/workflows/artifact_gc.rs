//! Garbage collection of artifacts. It never holds up the deletion of a run: what cannot be deleted is said and left.

use std::collections::BTreeSet;
use std::sync::Arc;

use artifact::{Context, ErrorClass};
use engine_workflow::{RunState, project};
use model::Object;
use model::workflow::{Artifact, ArtifactGcStrategy, Workflow};

use super::Workflows;

impl Workflows {
    /// Deletes the artifacts that are due: at the run's end, or when it is deleted.
    pub(crate) async fn delete_artifacts(&self, id: &Arc<str>, object: &Object, deleted: bool) {
        let Ok(workflow) = object.decode::<Workflow>() else { return };
        let of_run = workflow.spec.artifact_gc.as_ref().and_then(|gc| gc.strategy);
        let due =
            if deleted { ArtifactGcStrategy::OnWorkflowDeletion } else { ArtifactGcStrategy::OnWorkflowCompletion };
        let found = self.registry.look(id, move |state: &RunState, _| {
            let mut out: Vec<Artifact> = Vec::new();
            for ix in project::shown(state) {
                let Some(node) = state.node(ix).filter(|n| n.kind.is_leaf()) else { continue };
                let Some(outputs) = &node.outputs else { continue };
                let due = |a: &&Artifact| a.artifact_gc.as_ref().and_then(|gc| gc.strategy).or(of_run) == Some(due);
                out.extend(outputs.artifacts.iter().filter(due).cloned());
            }
            out
        });
        let Ok(artifacts) = found.await else { return };
        let namespace: Arc<str> = object.metadata.namespace.as_str().into();
        let context = Context { namespace: namespace.clone(), secrets: self.secrets(&namespace) };
        // A repository that is down is not asked for each of a thousand artifacts: its driver has tried long enough.
        let mut down = BTreeSet::new();
        let mut left = 0;
        for artifact in artifacts {
            let bucket = artifact.location.s3.as_ref().map(|s3| s3.bucket.clone());
            let place = (artifact.location.place(), bucket);
            if down.contains(&place) {
                left += 1;
                continue;
            }
            if let Err(problem) = self.artifacts.delete(&context, &artifact).await {
                left += 1;
                tracing::warn!(%problem, workflow = %object.metadata.name, "an artifact could not be deleted; it stays");
                if problem.class == ErrorClass::Transient {
                    down.insert(place);
                }
            }
        }
        if left > 0 {
            tracing::warn!(left, workflow = %object.metadata.name, %namespace, "artifacts of this run stay in their repository");
        }
    }
}
