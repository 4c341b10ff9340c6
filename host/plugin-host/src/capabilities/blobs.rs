//! `colchis:plugin/blobs`.

use plugin::{Capability, ErrorClass, PluginError};
use wasmtime::component::Resource;

use super::{Answer, told};
use crate::bindings::imports::blobs;
use crate::grants;
use crate::instance::State;
use crate::services::{BlobReader, BlobWriter};

/// Bytes of a name.
const NAME_BYTES_MAX: usize = 256;
/// Bytes that are read or written at once (`blob_piece_bytes_max`).
const PIECE_BYTES_MAX: u32 = 4 << 20;

/// A value that is being read.
#[allow(unreachable_pub, reason = "bindgen names it")]
pub struct Reader(Box<dyn BlobReader>);

/// A value that is being written; nothing once it is finished.
#[allow(unreachable_pub, reason = "bindgen names it")]
pub struct Writer(Option<Box<dyn BlobWriter>>);

impl State {
    /// How many bytes the plugin may keep; refused without the grant.
    fn blob_bytes_max(&self, name: &str) -> Result<u64, PluginError> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            let message = format!("the name has {} bytes; expected 1 to {NAME_BYTES_MAX}", name.len());
            return Err(PluginError::new(ErrorClass::Permanent, "bad-name", message));
        }
        self.shared.grants.blob_bytes_max.ok_or_else(|| {
            PluginError::denied(
                format!("the plugin {} may not keep large values", self.shared.name),
                grants::hint_for(&self.shared.name, &Capability::Blobs),
            )
        })
    }

    async fn blob_reader(&mut self, name: &str) -> Result<Resource<Reader>, PluginError> {
        self.blob_bytes_max(name)?;
        let reader = self.shared.services.blobs.open(&self.shared.name, name).await?;
        self.table.push(Reader(reader)).map_err(|error| no_room(&error))
    }

    async fn blob_writer(&mut self, name: &str) -> Result<Resource<Writer>, PluginError> {
        let max = self.blob_bytes_max(name)?;
        let writer = self.shared.services.blobs.create(&self.shared.name, name, max).await?;
        self.table.push(Writer(Some(writer))).map_err(|error| no_room(&error))
    }
}

/// The table of handles is full.
pub(super) fn no_room(error: &dyn std::fmt::Display) -> PluginError {
    PluginError::new(ErrorClass::Permanent, "too-many", format!("no more than handles_max can be open: {error}"))
}

fn finished() -> PluginError {
    PluginError::new(ErrorClass::Permanent, "finished", "the value was finished already")
}

impl blobs::Host for State {
    async fn open(&mut self, name: String) -> Answer<Resource<Reader>> {
        self.host_call()?;
        Ok(self.blob_reader(&name).await.map_err(told))
    }

    async fn create(&mut self, name: String) -> Answer<Resource<Writer>> {
        self.host_call()?;
        Ok(self.blob_writer(&name).await.map_err(told))
    }

    async fn delete(&mut self, name: String) -> Answer<()> {
        self.host_call()?;
        Ok(match self.blob_bytes_max(&name) {
            Ok(_) => self.shared.services.blobs.delete(&self.shared.name, &name).await.map_err(told),
            Err(error) => Err(told(error)),
        })
    }
}

impl blobs::HostReader for State {
    async fn size(&mut self, reader: Resource<Reader>) -> wasmtime::Result<u64> {
        self.host_call()?;
        Ok(self.table.get(&reader)?.0.size())
    }

    async fn read(&mut self, reader: Resource<Reader>, offset: u64, length: u32) -> Answer<Vec<u8>> {
        self.host_call()?;
        let length = u64::from(length.min(PIECE_BYTES_MAX));
        Ok(self.table.get(&reader)?.0.read(offset, length).await.map_err(told))
    }

    async fn drop(&mut self, reader: Resource<Reader>) -> wasmtime::Result<()> {
        self.table.delete(reader)?;
        Ok(())
    }
}

impl blobs::HostWriter for State {
    async fn write(&mut self, writer: Resource<Writer>, bytes: Vec<u8>) -> Answer<()> {
        self.host_call()?;
        Ok(match &mut self.table.get_mut(&writer)?.0 {
            Some(writer) => writer.write(bytes).await.map_err(told),
            None => Err(told(finished())),
        })
    }

    async fn finish(&mut self, writer: Resource<Writer>) -> Answer<String> {
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
