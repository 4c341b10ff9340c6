//! Output artifacts and archived logs: from the main container's root to the repository.
//!
//! A path is resolved inside the container's root with its links, and only the last name, which is then no link, is given to the
//! driver: nothing a step made can lead to a file of the machine.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use artifact::{ArtifactError, Context};
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use model::workflow::{ArchiveStrategy, Artifact, NoneStrategy};
use runner::{EndClass, EndPhase, UnitResult};
use tokio::io::AsyncWriteExt;

use super::Inner;
use super::keys::Places;
use super::source::{Root, source};
use super::unit::Claim;
use crate::agent::protocol::Outcome;
use crate::agent::supervisor::log::file_name;
use crate::plan::artifacts;

/// Artifacts saved at a time for one unit.
const PARALLEL: usize = 4;

/// Saves what was found in its root and answers the unit's result.
pub(super) async fn save(
    inner: &Arc<Inner>,
    places: &Places,
    claim: &Claim,
    outcome: Outcome,
    root: impl FnOnce(&Outcome) -> io::Result<Root>,
) -> UnitResult {
    let root = root(&outcome);
    let mut result = outcome.result;
    let context = artifacts::context(&inner.environment, &claim.namespace);
    let found = &outcome.artifacts_found;
    let wanted: Vec<&Artifact> =
        claim.output_artifacts.iter().filter(|a| found.iter().any(|f| **f == *a.name)).collect();
    if !wanted.is_empty() {
        match root {
            Ok(root) => {
                let work: Vec<BoxFuture<'_, _>> =
                    wanted.into_iter().map(|artifact| save_one(inner, &context, artifact, &root).boxed()).collect();
                let saved: Vec<_> = stream::iter(work).buffered(PARALLEL).collect().await;
                for each in saved {
                    match each {
                        Ok(artifact) => result.artifacts.push(artifact),
                        Err(e) => fail(&mut result, &e),
                    }
                }
            }
            Err(e) => {
                let names: Vec<&str> = wanted.iter().map(|a| &*a.name).collect();
                let message = format!("output artifacts {}: the step's files are gone: {e}", names.join(", "));
                add_failure(&mut result, EndClass::Artifact, message);
            }
        }
    }
    if let Some(archive) = &claim.log_archive {
        save_logs(inner, places, claim, &context, archive, &mut result).await;
    }
    result
}

fn fail(result: &mut UnitResult, error: &ArtifactError) {
    add_failure(result, artifacts::class(error), format!("output {error}"));
}

/// A step that failed by itself keeps its own reason in front.
fn add_failure(result: &mut UnitResult, class: EndClass, message: String) {
    if result.phase == EndPhase::Succeeded {
        (result.phase, result.class, result.message) = (EndPhase::Error, class, message);
    } else {
        result.message = format!("{}\n{message}", result.message);
    }
}

async fn save_one(
    inner: &Arc<Inner>,
    context: &Context,
    artifact: &Artifact,
    root: &Root,
) -> Result<Artifact, ArtifactError> {
    let path = artifact.path.as_deref().unwrap_or_default();
    let source = source(root, path).map_err(|e| ArtifactError {
        artifact: artifact.name.to_string(),
        operation: "save",
        location: path.to_owned(),
        reason: format!("{path} in the container: {e}"),
        class: artifact::ErrorClass::Permanent,
        source: Some(Box::new(e)),
    })?;
    let saved = inner.environment.artifacts.save(context, artifact, &source.path).await;
    saved.map_err(|mut e| {
        // People know it by the step's own name for it.
        e.reason = e.reason.replace(&*source.path.to_string_lossy(), path);
        e
    })?;
    Ok(artifact.clone())
}

/// Saves each container's log as plain text below the archive's key, as `<container>-logs`.
async fn save_logs(
    inner: &Arc<Inner>,
    places: &Places,
    claim: &Claim,
    context: &Context,
    archive: &Artifact,
    result: &mut UnitResult,
) {
    for container in &claim.containers {
        let artifact = log_artifact(archive, container);
        let saved = match plain_log(places, container).await {
            Ok(None) => continue,
            Ok(Some(file)) => {
                let saved = inner.environment.artifacts.save(context, &artifact, &file).await;
                let _ = tokio::fs::remove_file(&file).await;
                saved.map(drop).map_err(|e| e.to_string())
            }
            Err(e) => Err(e.to_string()),
        };
        match saved {
            Ok(()) => result.artifacts.push(artifact),
            // The log itself is kept here; the step is not to blame.
            Err(e) => {
                tracing::warn!(unit = %places.log_dir.display(), container, error = e, "the log was not archived")
            }
        }
    }
}

fn log_artifact(archive: &Artifact, container: &str) -> Artifact {
    let mut artifact = archive.clone();
    artifact.name = format!("{container}-logs").into();
    artifact.path = None;
    artifact.archive = Some(Box::new(ArchiveStrategy { none: Some(NoneStrategy {}), ..ArchiveStrategy::default() }));
    let below = |key: &mut String| {
        if !key.is_empty() && !key.ends_with('/') {
            key.push('/');
        }
        key.push_str(container);
        key.push_str(".log");
    };
    let at = &mut artifact.location;
    if let Some(s3) = &mut at.s3 {
        below(&mut s3.key);
    } else if let Some(gcs) = &mut at.gcs {
        below(&mut gcs.key);
    } else if let Some(oss) = &mut at.oss {
        below(&mut oss.key);
    } else if let Some(azure) = &mut at.azure {
        below(&mut azure.blob);
    } else if let Some(http) = &mut at.http {
        below(&mut http.url);
    } else if let Some(artifactory) = &mut at.artifactory {
        below(&mut artifactory.url);
    } else if let Some(plugin) = &mut at.plugin {
        below(&mut plugin.key);
    }
    artifact
}

/// Writes a container's log without times and marks to a file beside it.
async fn plain_log(places: &Places, container: &str) -> io::Result<Option<PathBuf>> {
    use tokio::io::AsyncBufReadExt;
    let segments = super::logs::segments(&places.log_dir, container);
    if segments.is_empty() {
        return Ok(None);
    }
    let path = places.log_dir.join(format!("{container}.txt"));
    let mut to = tokio::io::BufWriter::new(tokio::fs::File::create(&path).await?);
    for (attempt, segment) in segments {
        let file = tokio::fs::File::open(places.log_dir.join(file_name(container, attempt, segment))).await?;
        let mut lines = tokio::io::BufReader::new(file);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).await? > 0 {
            let mut fields = line.splitn(4, |b| *b == b' ');
            let (stream, kind) = (fields.nth(1).unwrap_or_default(), fields.next().unwrap_or_default());
            let text = fields.next().unwrap_or_default();
            if stream != crate::agent::supervisor::log::END_STREAM.as_bytes() {
                // A part of a line goes on in the next entry.
                let text = if kind == b"P" { text.strip_suffix(b"\n").unwrap_or(text) } else { text };
                to.write_all(text).await?;
            }
            line.clear();
        }
    }
    to.flush().await?;
    Ok(Some(path))
}
