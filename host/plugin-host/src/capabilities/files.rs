//! `colchis:step/files`: artifacts of a step, and its log.

use std::sync::Arc;

use plugin::{ErrorClass, LogLevel, PluginError, StepArtifact, StepArtifactWriter};
use wasmtime::component::Resource;

use super::blobs::no_room;
use super::{Answer, told};
use crate::bindings::step::colchis::step::files;
use crate::instance::State;

/// Bytes that are read at once (`artifact_piece_bytes_max`).
const PIECE_BYTES_MAX: u32 = 8 << 20;

/// An input artifact.
#[allow(unreachable_pub, reason = "bindgen names it")]
pub struct Artifact(Arc<dyn StepArtifact>);

/// An output artifact that is being written; nothing once it is finished.
#[allow(unreachable_pub, reason = "bindgen names it")]
pub struct Writer(Option<Box<dyn StepArtifactWriter>>);

fn no_files() -> PluginError {
    PluginError::new(ErrorClass::NotFound, "no-files", "only the steps of a workflow have artifacts")
}

fn finished() -> PluginError {
    PluginError::new(ErrorClass::Permanent, "finished", "the artifact was finished already")
}

impl State {
    async fn artifact(&mut self, name: &str) -> Result<Resource<Artifact>, PluginError> {
        let files = self.lent.files.clone().ok_or_else(no_files)?;
        let artifact = files.open(name).await?;
        self.table.push(Artifact(artifact)).map_err(|error| no_room(&error))
    }

    async fn artifact_writer(&mut self, name: &str) -> Result<Resource<Writer>, PluginError> {
        let files = self.lent.files.clone().ok_or_else(no_files)?;
        let writer = files.create(name).await?;
        self.table.push(Writer(Some(writer))).map_err(|error| no_room(&error))
    }
}

impl files::Host for State {
    async fn open(&mut self, name: String) -> Answer<Resource<Artifact>> {
        self.host_call()?;
        Ok(self.artifact(&name).await.map_err(told))
    }

    async fn create(&mut self, name: String) -> Answer<Resource<Writer>> {
        self.host_call()?;
        Ok(self.artifact_writer(&name).await.map_err(told))
    }

    async fn output(&mut self, text: Vec<u8>) -> wasmtime::Result<()> {
        self.host_call()?;
        // A step's log is told to people as any other; what is no text is kept as it is.
        let text = match String::from_utf8(text) {
            Ok(mut text) => {
                self.vault().redact(&mut text);
                text.into_bytes()
            }
            Err(bytes) => bytes.into_bytes(),
        };
        // Also to the plugin's own log: the step's is kept only where logs are archived.
        for line in String::from_utf8_lossy(&text).lines() {
            self.log_line(LogLevel::Info, line.to_owned(), Vec::new());
        }
        if let Some(files) = &self.lent.files {
            files.output(&text);
        }
        Ok(())
    }
}

impl files::HostArtifact for State {
    async fn paths(&mut self, artifact: Resource<Artifact>) -> Answer<Vec<String>> {
        self.host_call()?;
        Ok(self.table.get(&artifact)?.0.clone().paths().await.map_err(told))
    }

    async fn size(&mut self, artifact: Resource<Artifact>, path: String) -> Answer<u64> {
        self.host_call()?;
        Ok(self.table.get(&artifact)?.0.clone().size(&path).await.map_err(told))
    }

    async fn read(&mut self, artifact: Resource<Artifact>, path: String, offset: u64, length: u32) -> Answer<Vec<u8>> {
        self.host_call()?;
        let (artifact, length) = (self.table.get(&artifact)?.0.clone(), u64::from(length.min(PIECE_BYTES_MAX)));
        Ok(artifact.read(&path, offset, length).await.map_err(told))
    }

    async fn drop(&mut self, artifact: Resource<Artifact>) -> wasmtime::Result<()> {
        self.table.delete(artifact)?;
        Ok(())
    }
}

impl files::HostArtifactWriter for State {
    async fn write(&mut self, writer: Resource<Writer>, path: String, bytes: Vec<u8>) -> Answer<()> {
        self.host_call()?;
        Ok(match &mut self.table.get_mut(&writer)?.0 {
            Some(writer) => writer.write(&path, bytes).await.map_err(told),
            None => Err(told(finished())),
        })
    }

    async fn finish(&mut self, writer: Resource<Writer>) -> Answer<()> {
        self.host_call()?;
        Ok(match self.table.get_mut(&writer)?.0.take() {
            Some(mut writer) => writer.finish().await.map_err(told),
            None => Err(told(finished())),
        })
    }

    async fn drop(&mut self, writer: Resource<Writer>) -> wasmtime::Result<()> {
        self.table.delete(writer)?;
        Ok(())
    }
}
