//! The artifacts of a step that is tried out: what it reads is its input, what it writes is looked at and forgotten.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use plugin::{ErrorClass, NoFiles, PluginError, Result, StepArtifact, StepArtifactWriter, StepFiles};
use serde_json::{Value, json};

/// Files of an artifact by path; the empty path is the artifact itself.
type Files<T> = BTreeMap<String, T>;

/// How much of each file was written, in bytes, by artifact.
type Written = Arc<Mutex<BTreeMap<String, Files<u64>>>>;

/// The artifacts of one call.
pub(crate) struct Artifacts {
    inputs: BTreeMap<String, Files<String>>,
    written: Written,
}

impl Artifacts {
    /// With these to read.
    pub(crate) fn new(inputs: BTreeMap<String, Files<String>>) -> Self {
        Self { inputs, written: Written::default() }
    }

    /// Output artifacts that were finished: how many bytes each of their files has.
    pub(crate) fn told(&self) -> Value {
        json!(*self.written.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl StepFiles for Artifacts {
    async fn open(&self, name: &str) -> Result<Arc<dyn StepArtifact>> {
        match self.inputs.get(name) {
            Some(files) => Ok(Arc::new(Reading(files.clone()))),
            None => NoFiles.open(name).await,
        }
    }

    async fn create(&self, name: &str) -> Result<Box<dyn StepArtifactWriter>> {
        Ok(Box::new(Writing { name: name.to_owned(), files: Files::new(), written: self.written.clone() }))
    }

    fn output(&self, _: &[u8]) {}
}

struct Reading(Files<String>);

impl Reading {
    fn file(&self, path: &str) -> Result<&[u8]> {
        let missing = || PluginError::new(ErrorClass::NotFound, "no-file", format!("{path:?}: there is no such file"));
        self.0.get(path).map(String::as_bytes).ok_or_else(missing)
    }
}

#[async_trait]
impl StepArtifact for Reading {
    async fn paths(&self) -> Result<Vec<String>> {
        Ok(self.0.keys().cloned().collect())
    }

    async fn size(&self, path: &str) -> Result<u64> {
        Ok(self.file(path)?.len() as u64)
    }

    async fn read(&self, path: &str, offset: u64, length: u64) -> Result<Vec<u8>> {
        let skip = usize::try_from(offset).unwrap_or(usize::MAX);
        let take = usize::try_from(length).unwrap_or(usize::MAX);
        Ok(self.file(path)?.iter().skip(skip).take(take).copied().collect())
    }
}

struct Writing {
    name: String,
    files: Files<u64>,
    written: Written,
}

#[async_trait]
impl StepArtifactWriter for Writing {
    async fn write(&mut self, path: &str, bytes: Vec<u8>) -> Result<()> {
        *self.files.entry(path.to_owned()).or_default() += bytes.len() as u64;
        Ok(())
    }

    async fn finish(&mut self) -> Result<()> {
        let files = std::mem::take(&mut self.files);
        self.written.lock().unwrap_or_else(PoisonError::into_inner).insert(self.name.clone(), files);
        Ok(())
    }
}
