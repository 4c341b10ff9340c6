//! Artifacts before and after: loaded into the unit's folder and mounted, saved from the main container's root.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use artifact::{ArtifactError, Artifacts, Context, ErrorClass};
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt, TryStreamExt};
use model::workflow::Artifact;
use runner::{EndClass, Environment, Unit};

use super::references::NamespaceSecrets;
use super::{Cannot, Planner};
use crate::agent::protocol::{MountSource, MountSpec, Placement};

/// Artifacts moved at a time for one unit.
const PARALLEL: usize = 4;

/// A loaded input artifact.
pub(crate) struct Input {
    name: String,
    target: String,
    at: PathBuf,
}

/// On whose behalf a unit's artifacts move.
pub(crate) fn context(environment: &Environment, namespace: &Arc<str>) -> Context {
    let secrets = NamespaceSecrets { references: environment.references.clone(), namespace: namespace.clone() };
    Context { namespace: namespace.clone(), secrets: Arc::new(secrets) }
}

/// The class of the unit's end for an artifact's trouble.
pub(crate) fn class(error: &ArtifactError) -> EndClass {
    if error.class == ErrorClass::Transient { EndClass::Transient } else { EndClass::Artifact }
}

/// Loads all that have a path.
pub(super) async fn load_inputs(planner: &Planner<'_>, unit: &Unit) -> Result<Vec<Input>, Cannot> {
    let wanted: Vec<&Artifact> = unit.input_artifacts.iter().filter(|a| a.path.is_some()).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let folder = planner.scratch()?.join("inputs");
    std::fs::create_dir_all(&folder).map_err(|e| Cannot::start(format!("make {}: {e}", folder.display())))?;
    let places = wanted.into_iter().enumerate().map(|(at, artifact)| (artifact, folder.join(at.to_string())));
    load_into(planner, unit, places.collect()).await
}

/// Loads artifacts, each to its place, where nothing is yet.
pub(super) async fn load_into(
    planner: &Planner<'_>,
    unit: &Unit,
    wanted: Vec<(&Artifact, PathBuf)>,
) -> Result<Vec<Input>, Cannot> {
    (planner.waiting)(format!("loading {} input artifacts", wanted.len()));
    let context = context(planner.environment, &unit.namespace);
    let artifacts = planner.environment.artifacts.as_ref();
    let work: Vec<BoxFuture<'_, _>> =
        wanted.into_iter().map(|(artifact, at)| load(artifacts, &context, artifact, at).boxed()).collect();
    let loaded = stream::iter(work).buffered(PARALLEL).try_collect::<Vec<_>>().await?;
    Ok(loaded.into_iter().flatten().collect())
}

async fn load(
    artifacts: &dyn Artifacts,
    context: &Context,
    artifact: &Artifact,
    at: PathBuf,
) -> Result<Option<Input>, Cannot> {
    match artifacts.load(context, artifact, &at).await {
        Ok(_) => {}
        Err(e) if e.class == ErrorClass::NotFound && artifact.optional => return Ok(None),
        Err(e) => return Err(Cannot { class: class(&e), message: format!("input {e}") }),
    }
    let target = artifact.path.as_deref().unwrap_or_default();
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    Ok(Some(Input { name: artifact.name.to_string(), target, at }))
}

/// Mounts onto one container's root; what belongs into a volume that lies there is added to `placements`, once for all containers
/// that see it.
pub(super) fn mounts(
    inputs: &[Input],
    volumes: &[MountSpec],
    placements: &mut Vec<Placement>,
    plain: bool,
) -> Result<Vec<MountSpec>, Cannot> {
    if plain && let Some(input) = inputs.first() {
        return Err(Cannot::start(format!(
            "inputs.artifacts: {}: plain processes share this machine's files, so nothing is placed at {}; namespaces are needed",
            input.name, input.target
        )));
    }
    let mut mounts = Vec::new();
    for input in inputs {
        // The deepest is the one that is seen there.
        let around = volumes.iter().filter(|v| Path::new(&input.target).starts_with(&v.target));
        let Some(volume) = around.max_by_key(|v| Path::new(&v.target).components().count()) else {
            mounts.push(MountSpec {
                source: MountSource::Path(input.at.clone()),
                target: input.target.clone(),
                sub_path: None,
                read_only: false,
            });
            continue;
        };
        if volume.read_only {
            return Err(Cannot::start(format!(
                "inputs.artifacts: {}: {} lies in a volume that is mounted read-only at {}",
                input.name, input.target, volume.target
            )));
        }
        let below = Path::new(&input.target).strip_prefix(&volume.target).unwrap_or(Path::new(""));
        let placement = Placement {
            from: input.at.clone(),
            volume: volume.source.clone(),
            sub_path: volume.sub_path.clone(),
            target: Path::new("/").join(below).to_string_lossy().into_owned(),
        };
        if !placements.contains(&placement) {
            placements.push(placement);
        }
    }
    Ok(mounts)
}
