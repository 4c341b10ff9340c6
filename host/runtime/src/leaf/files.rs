//! Artifacts of a step that the server does itself: loaded when they are opened, saved when they are finished.
//!
//! Both lie in a folder of the step while it runs; it goes with the step.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use artifact::{Artifacts, Context, ErrorClass as ArtifactClass};
use async_trait::async_trait;
use engine_workflow::LeafStart;
use model::workflow::{ArchiveStrategy, Artifact, NoneStrategy};
use plugin::{ErrorClass, NoFiles, PluginError, Result, StepArtifact, StepArtifactWriter, StepFiles};
use runner::StepLog;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use super::{Failure, RunFacts};
use crate::workflows::{Workflows, unit_key};

/// Files in an artifact that is a folder (`artifact_files_max`).
const FILES_MAX: usize = 100_000;
/// Bytes of a step's log that are kept (`step_log_bytes_max`).
const LOG_BYTES_MAX: usize = 1 << 20;

/// The artifacts and the log of one step.
pub(super) struct StepArtifacts {
    artifacts: Arc<dyn Artifacts>,
    context: Context,
    inputs: Vec<Artifact>,
    outputs: Vec<Artifact>,
    log_archive: Option<Artifact>,
    /// As `logs` reads it.
    log: Arc<dyn StepLog>,
    loaded: tokio::sync::Mutex<HashMap<String, Arc<Folder>>>,
    state: Arc<Mutex<State>>,
}

/// What a step left, and where it may leave more.
#[derive(Default)]
struct State {
    /// Made when the first artifact is there.
    folder: Option<Arc<TempDir>>,
    entries: usize,
    saved: Vec<Artifact>,
    log: Vec<u8>,
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn trouble(what: &str, error: &io::Error) -> PluginError {
    PluginError::new(ErrorClass::Unavailable, "no-storage", format!("{what}: {error}"))
}

fn missing(message: String) -> PluginError {
    PluginError::new(ErrorClass::NotFound, "no-file", message)
}

impl StepArtifacts {
    /// Of a leaf. Nothing is loaded yet.
    pub(super) fn new(workflows: &Workflows, run: &RunFacts, start: &LeafStart) -> std::result::Result<Self, Failure> {
        let place =
            |artifact: &Artifact| workflows.place_of_output(&run.settings, start, artifact).map_err(Failure::error);
        let outputs = start.template.outputs.artifacts.iter().map(place).collect::<std::result::Result<_, _>>()?;
        let mut inputs = Vec::with_capacity(start.artifacts.len());
        for artifact in &start.artifacts {
            let located = workflows.repositories.locate(&run.settings, artifact, &start.key_prefix);
            inputs.push(located.map_err(|e| Failure::error(format!("inputs.artifacts: {:?}: {e}", artifact.name)))?);
        }
        // As it was written, as the logs of containers are.
        let plain = ArchiveStrategy { none: Some(NoneStrategy {}), ..ArchiveStrategy::default() };
        let log =
            || place(&Artifact { name: "main-logs".into(), archive: Some(Box::new(plain)), ..Artifact::default() });
        Ok(Self {
            artifacts: workflows.artifacts.clone(),
            context: Context { namespace: run.namespace.clone(), secrets: workflows.secrets(&run.namespace) },
            inputs,
            outputs,
            log_archive: start.archive_logs.then(log).transpose()?,
            log: workflows.runner.log(&unit_key(&run.uid, start.node)),
            loaded: tokio::sync::Mutex::default(),
            state: Arc::default(),
        })
    }

    /// A path in the step's folder that nothing stands at yet.
    async fn fresh(&self) -> Result<(Arc<TempDir>, PathBuf)> {
        let state = self.state.clone();
        let made = spawn_blocking(move || {
            let mut state = lock(&state);
            let folder = match &state.folder {
                Some(folder) => folder.clone(),
                None => Arc::new(tempfile::Builder::new().prefix("colchis-step-").tempdir()?),
            };
            state.folder = Some(folder.clone());
            state.entries += 1;
            let path = folder.path().join(state.entries.to_string());
            Ok((folder, path))
        });
        let made = made.await.unwrap_or_else(|_| Err(io::Error::other("it broke off")));
        made.map_err(|error| trouble("a folder for artifacts cannot be made", &error))
    }

    /// What was saved. The step's log is saved with it, where that is wanted.
    ///
    /// # Errors
    /// An artifact that the step did not write, and that is not optional.
    pub(super) async fn finish(&self, succeeded: bool) -> std::result::Result<Vec<Artifact>, Failure> {
        let (mut saved, log) = {
            let mut state = lock(&self.state);
            (std::mem::take(&mut state.saved), std::mem::take(&mut state.log))
        };
        if let Some(archive) = self.log_archive.as_ref().filter(|_| !log.is_empty()) {
            match self.save_log(archive, log).await {
                Ok(()) => saved.push(archive.clone()),
                // The step is not to blame.
                Err(error) => tracing::warn!(object = %archive.name, %error, "the log of a step was not archived"),
            }
        }
        let there = |wanted: &&Artifact| !wanted.optional && !saved.iter().any(|artifact| artifact.name == wanted.name);
        if let Some(missing) = self.outputs.iter().filter(|_| succeeded).find(there) {
            let message =
                format!("output artifact {}: the step did not write it, and it is not optional", missing.name);
            return Err(Failure::error(message));
        }
        Ok(saved)
    }

    async fn save_log(&self, archive: &Artifact, log: Vec<u8>) -> Result<()> {
        let (_folder, path) = self.fresh().await?;
        tokio::fs::write(&path, log).await.map_err(|error| trouble("it cannot be written", &error))?;
        self.artifacts.save(&self.context, archive, &path).await.map(drop).map_err(|error| failure(&error))
    }
}

fn failure(error: &artifact::ArtifactError) -> PluginError {
    let class = match error.class {
        ArtifactClass::Transient => ErrorClass::Unavailable,
        ArtifactClass::NotFound => ErrorClass::NotFound,
        _ => ErrorClass::Permanent,
    };
    PluginError::new(class, "no-artifact", error.to_string())
}

#[async_trait]
impl StepFiles for StepArtifacts {
    async fn open(&self, name: &str) -> Result<Arc<dyn StepArtifact>> {
        let Some(artifact) = self.inputs.iter().find(|artifact| &*artifact.name == name) else {
            return NoFiles.open(name).await;
        };
        // Opened twice, it is loaded once.
        let mut loaded = self.loaded.lock().await;
        if let Some(there) = loaded.get(name) {
            return Ok(there.clone());
        }
        let (folder, path) = self.fresh().await?;
        let found = self.artifacts.load(&self.context, artifact, &path).await.map_err(|error| failure(&error))?;
        let opened = Arc::new(Folder { _held: folder, root: path, is_folder: found.directory });
        loaded.insert(name.to_owned(), opened.clone());
        Ok(opened)
    }

    async fn create(&self, name: &str) -> Result<Box<dyn StepArtifactWriter>> {
        let Some(artifact) = self.outputs.iter().find(|artifact| &*artifact.name == name) else {
            return NoFiles.create(name).await;
        };
        let (folder, root) = self.fresh().await?;
        let (artifacts, context, state) = (self.artifacts.clone(), self.context.clone(), self.state.clone());
        Ok(Box::new(Writer { _held: folder, root, artifact: artifact.clone(), artifacts, context, state, open: None }))
    }

    fn output(&self, text: &[u8]) {
        self.log.write(text);
        if self.log_archive.is_none() {
            return;
        }
        let log = &mut lock(&self.state).log;
        let room = LOG_BYTES_MAX.saturating_sub(log.len()).min(text.len());
        log.extend_from_slice(text.get(..room).unwrap_or(text));
    }
}

/// A relative path below a folder, as the plugin gives it; one that leads out names nothing.
fn below(root: &Path, path: &str) -> Result<PathBuf> {
    let relative = Path::new(path);
    match path.contains('\0') || !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        true => Err(missing(format!("{path:?} is not inside of the artifact"))),
        false if path.is_empty() => Ok(root.to_path_buf()),
        false => Ok(root.join(relative)),
    }
}

/// An artifact that was loaded.
struct Folder {
    _held: Arc<TempDir>,
    root: PathBuf,
    is_folder: bool,
}

impl Folder {
    /// A file of it, which is no link that leads out.
    fn file(root: &Path, path: &str) -> Result<File> {
        let at = below(root, path)?;
        let none = |error: io::Error| missing(format!("{path:?}: {error}"));
        let real = at.canonicalize().map_err(none)?;
        let inside = root.canonicalize().is_ok_and(|root| real.starts_with(root));
        if !inside || !real.is_file() {
            return Err(missing(format!("{path:?} is no file of the artifact")));
        }
        File::open(real).map_err(none)
    }
}

/// Runs what blocks where it may.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let broke_off = |_| Err(trouble("an artifact", &io::Error::other("it broke off")));
    spawn_blocking(work).await.unwrap_or_else(broke_off)
}

/// Files below a folder, sorted; links are not followed.
fn files(root: &Path) -> Result<Vec<String>> {
    let failed = |error: io::Error| trouble("the artifact cannot be listed", &error);
    let (mut open, mut found) = (vec![root.to_path_buf()], Vec::new());
    while let Some(folder) = open.pop() {
        for entry in folder.read_dir().map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                open.push(entry.path());
            } else if let Ok(path) = entry.path().strip_prefix(root)
                && kind.is_file()
            {
                found.push(path.to_string_lossy().into_owned());
            }
            if found.len() > FILES_MAX {
                let message = format!("the artifact has more than artifact_files_max ({FILES_MAX}) files");
                return Err(PluginError::new(ErrorClass::Permanent, "too-many", message));
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

#[async_trait]
impl StepArtifact for Folder {
    async fn paths(&self) -> Result<Vec<String>> {
        match self.is_folder {
            false => Ok(vec![String::new()]),
            true => {
                let root = self.root.clone();
                blocking(move || files(&root)).await
            }
        }
    }

    async fn size(&self, path: &str) -> Result<u64> {
        let (root, path) = (self.root.clone(), path.to_owned());
        blocking(move || {
            let size = Self::file(&root, &path)?.metadata().map(|metadata| metadata.len());
            size.map_err(|error| trouble("an artifact", &error))
        })
        .await
    }

    async fn read(&self, path: &str, offset: u64, length: u64) -> Result<Vec<u8>> {
        let (root, path) = (self.root.clone(), path.to_owned());
        blocking(move || {
            let failed = |error: io::Error| trouble("an artifact cannot be read", &error);
            let file = Self::file(&root, &path)?;
            let left = file.metadata().map_err(failed)?.len().saturating_sub(offset).min(length);
            let mut bytes = vec![0; usize::try_from(left).unwrap_or_default()];
            file.read_exact_at(&mut bytes, offset).map_err(failed)?;
            Ok(bytes)
        })
        .await
    }
}

/// An artifact that is being written.
struct Writer {
    _held: Arc<TempDir>,
    root: PathBuf,
    artifact: Artifact,
    artifacts: Arc<dyn Artifacts>,
    context: Context,
    state: Arc<Mutex<State>>,
    /// The file that was written last: most write one after the other.
    open: Option<(String, File)>,
}

#[async_trait]
impl StepArtifactWriter for Writer {
    async fn write(&mut self, path: &str, bytes: Vec<u8>) -> Result<()> {
        let at = below(&self.root, path)?;
        let (path, last) = (path.to_owned(), self.open.take());
        let written = blocking(move || {
            let failed = |error: io::Error| trouble("the artifact cannot be written", &error);
            let mut file = match last {
                Some((open, file)) if open == path => file,
                _ => {
                    at.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(failed)?;
                    File::options().create(true).append(true).open(at).map_err(failed)?
                }
            };
            file.write_all(&bytes).map_err(failed)?;
            Ok((path, file))
        });
        self.open = Some(written.await?);
        Ok(())
    }

    async fn finish(&mut self) -> Result<()> {
        self.open = None;
        if !self.root.exists() {
            // A folder without files.
            tokio::fs::create_dir_all(&self.root).await.map_err(|error| trouble("the artifact", &error))?;
        }
        self.artifacts.save(&self.context, &self.artifact, &self.root).await.map_err(|error| failure(&error))?;
        let saved = &mut lock(&self.state).saved;
        saved.retain(|artifact| artifact.name != self.artifact.name);
        saved.push(self.artifact.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_an_artifact() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("artifact");
        std::fs::create_dir_all(root.join("a")).unwrap();
        std::fs::write(home.path().join("secret"), "no").unwrap();
        std::fs::write(root.join("a/b"), "yes").unwrap();
        std::os::unix::fs::symlink("../secret", root.join("link")).unwrap();
        std::os::unix::fs::symlink("a", root.join("folder")).unwrap();
        assert_eq!(files(&root).unwrap(), ["a/b"]);
        assert!(Folder::file(&root, "a/b").is_ok());
        for path in ["../secret", "/etc/passwd", "link", "a", "", "a/../../secret", "a\0b", "none"] {
            let error = Folder::file(&root, path).unwrap_err();
            assert_eq!(error.class, ErrorClass::NotFound, "{path}: {error}");
        }
        assert_eq!(below(&root, "").unwrap(), root);
        assert!(below(&root, "./x").is_err() && below(&root, "x/../..").is_err());
    }
}
