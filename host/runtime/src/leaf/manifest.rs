//! The manifest of a resource template: in place, or an artifact.

use artifact::{Context, ErrorClass};
use engine_workflow::LeafStart;
use model::workflow::{Artifact, ManifestFrom, ResourceTemplate};
use model::yaml::{self, Limits};
use serde_json::Value;

use super::{Failure, RunFacts};
use crate::workflows::Workflows;

/// Reads it; nothing when there is none. Its tags are filled in before: it is a document of its own. An artifact is taken as it is.
pub(super) async fn read(
    workflows: &Workflows,
    run: &RunFacts,
    start: &LeafStart,
    resource: &ResourceTemplate,
) -> Result<Option<Value>, Failure> {
    if let Some(from) = &resource.manifest_from {
        let text = load(workflows, run, start, from).await?;
        return parse("resource.manifestFrom", &text).map(Some);
    }
    match resource.manifest.as_deref().filter(|text| !text.trim().is_empty()) {
        Some(text) => parse("resource.manifest", text).map(Some),
        None => Ok(None),
    }
}

fn parse(field: &str, text: &str) -> Result<Value, Failure> {
    let documents = yaml::read(text, &Limits::DEFAULT).map_err(|e| Failure::failed(format!("{field}: {e}")))?;
    let [document] = documents.as_slice() else {
        return Err(Failure::failed(format!("{field}: one object is needed, there are {}", documents.len())));
    };
    serde_json::from_str(document.json()).map_err(|e| Failure::failed(format!("{field}: {e}")))
}

/// The artifact's text: that of an input artifact, or of one with a place of its own.
async fn load(
    workflows: &Workflows,
    run: &RunFacts,
    start: &LeafStart,
    from: &ManifestFrom,
) -> Result<String, Failure> {
    let named = from.artifact.as_deref().ok_or_else(|| Failure::error("resource.manifestFrom: artifact is needed"))?;
    let at = |e: &dyn std::fmt::Display| format!("resource.manifestFrom: {:?}: {e}", named.name);
    let artifact = source(start, named).ok_or_else(|| Failure::error(at(&"there is no such input artifact")))?;
    let artifact = workflows
        .repositories
        .locate(&run.settings, artifact, &start.key_prefix)
        .map_err(|e| Failure::error(at(&e)))?;
    let context = Context { namespace: run.namespace.clone(), secrets: workflows.secrets(&run.namespace) };
    let unwritable = |e: std::io::Error| Failure::error(at(&e)).transient(true);
    // Unpacking is a matter of files; the folder goes with this function.
    let folder = tempfile::Builder::new().prefix("colchis-manifest-").tempdir().map_err(unwritable)?;
    let path = folder.path().join("manifest");
    let loaded = workflows
        .artifacts
        .load(&context, &artifact, &path)
        .await
        .map_err(|e| Failure::error(at(&e)).transient(e.class == ErrorClass::Transient))?;
    if loaded.directory {
        return Err(Failure::failed(at(&"a file is needed, this is a folder")));
    }
    let max = Limits::DEFAULT.document_bytes_max;
    let bytes = tokio::fs::metadata(&path).await.map_err(unwritable)?.len();
    if bytes > max as u64 {
        return Err(Failure::failed(at(&format!("it has {bytes} bytes, at most {max} may be (document_bytes_max)"))));
    }
    let text = tokio::fs::read(&path).await.map_err(unwritable)?;
    String::from_utf8(text).map_err(|_| Failure::failed(at(&"it is not UTF-8")))
}

fn source<'a>(start: &'a LeafStart, named: &'a Artifact) -> Option<&'a Artifact> {
    let input = start.artifacts.iter().find(|artifact| artifact.name == named.name);
    input.or_else(|| named.location.place().is_some().then_some(named))
}
