//! `raw`: the content stands in the manifest.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, StreamExt};

use crate::bridge::Chunks;
use crate::driver::{Driver, Entries, Size};
use crate::failure::Failure;

/// The text of a manifest as one object.
pub(crate) struct Raw {
    data: Bytes,
}

impl Raw {
    /// An object of this text.
    pub(crate) fn new(data: &str) -> Self {
        Self { data: Bytes::copy_from_slice(data.as_bytes()) }
    }
}

fn input_only() -> Failure {
    Failure::permanent("raw is content in the manifest: it can be loaded, not stored or deleted")
}

#[async_trait]
impl Driver for Raw {
    async fn get(&self, _: &str) -> Result<Chunks, Failure> {
        Ok(stream::iter([Ok(self.data.clone())]).boxed())
    }

    async fn put(&self, _: &str, _: Chunks, _: Size) -> Result<(), Failure> {
        Err(input_only())
    }

    async fn below(&self, _: &str) -> Result<Entries, Failure> {
        Ok(stream::empty().boxed())
    }

    async fn delete(&self, _: &str) -> Result<(), Failure> {
        Err(input_only())
    }

    async fn put_folder(&self, _: &str) -> Result<(), Failure> {
        Err(input_only())
    }

    fn has_folders(&self) -> bool {
        false
    }
}
