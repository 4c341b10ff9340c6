//! What the host needs of the server it is in.

use std::sync::Arc;

use artifact::Secret;
use async_trait::async_trait;
use egress::{Resolve, Rule};
use futures::stream::BoxStream;
use plugin::{ErrorClass, LogLine, ObjectRef, PluginError, Result};

use crate::grants::SecretGrant;

/// The server, as plugins reach it.
#[derive(Clone)]
pub struct Services {
    /// State of plugins.
    pub state: Arc<dyn StateStore>,
    /// Large values of plugins.
    pub blobs: Arc<dyn Blobs>,
    /// Values of secrets.
    pub secrets: Arc<dyn Secrets>,
    /// Where logs go.
    pub logs: Arc<dyn LogSink>,
    /// How names are resolved.
    pub resolver: Arc<dyn Resolve>,
    /// What is never called, whatever is granted.
    pub deny: Vec<Rule>,
    /// What stands between plugins and the network; nothing in a server.
    pub wire: Option<Arc<dyn plugin::Wire>>,
}

/// Reads values of secrets for grants.
#[async_trait]
pub trait Secrets: Send + Sync + 'static {
    /// The value that a grant names.
    ///
    /// # Errors
    /// It is not there; the message names the Secret and the key.
    async fn value(&self, grant: &SecretGrant) -> Result<Secret>;
}

/// Whose state.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StateKey {
    /// The plugin's name.
    pub plugin: Arc<str>,
    /// The object that uses it.
    pub object: ObjectRef,
    /// The plugin's own key.
    pub key: String,
}

/// A value and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredState {
    /// The value.
    pub value: Vec<u8>,
    /// Grows with each write.
    pub version: u64,
}

/// Keeps state of plugins durably.
#[async_trait]
pub trait StateStore: Send + Sync + 'static {
    /// Reads.
    async fn get(&self, key: &StateKey) -> Result<Option<StoredState>>;
    /// Writes if the version is the one expected (0: nothing is there; absent: whatever is there). Answers the new version, or none when it was another. All values of
    /// an object together have at most `bytes_max`.
    async fn set(&self, key: &StateKey, value: Vec<u8>, expected: Option<u64>, bytes_max: u64) -> Result<Option<u64>>;
    /// Removes.
    async fn delete(&self, key: &StateKey) -> Result<()>;
    /// Keys of an object that begin with `key.key`, in order, behind `after`, at most `limit`.
    async fn keys(&self, key: &StateKey, after: Option<&str>, limit: usize) -> Result<Vec<String>>;
}

/// Keeps large values of plugins durably, each plugin's apart.
#[async_trait]
pub trait Blobs: Send + Sync + 'static {
    /// Opens a value; class [`plugin::ErrorClass::NotFound`] when it is not there.
    async fn open(&self, plugin: &str, name: &str) -> Result<Box<dyn BlobReader>>;
    /// Begins to write one. All values of a plugin together have at most `bytes_max` when it is finished.
    async fn create(&self, plugin: &str, name: &str, bytes_max: u64) -> Result<Box<dyn BlobWriter>>;
    /// Removes one, if it is there.
    async fn delete(&self, plugin: &str, name: &str) -> Result<()>;
}

/// A value that is being read; one that is written meanwhile is another.
#[async_trait]
pub trait BlobReader: Send + Sync {
    /// Its size in bytes.
    fn size(&self) -> u64;
    /// Up to `length` bytes from `offset` on; fewer at the end.
    async fn read(&self, offset: u64, length: u64) -> Result<Vec<u8>>;
}

/// A value that is being written. Dropped before `finish`, it never was.
#[async_trait]
pub trait BlobWriter: Send + Sync {
    /// Adds bytes at the end.
    async fn write(&mut self, bytes: Vec<u8>) -> Result<()>;
    /// Makes it durable, in the place of an earlier one; answers its digest (`sha256:…`).
    async fn finish(&mut self) -> Result<String>;
}

/// Where large values cannot be kept.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoBlobs;

impl NoBlobs {
    fn refused<T>() -> Result<T> {
        let message = "large values cannot be kept here";
        Err(PluginError::new(ErrorClass::Unavailable, "no-blobs", message))
    }
}

#[async_trait]
impl Blobs for NoBlobs {
    async fn open(&self, _: &str, _: &str) -> Result<Box<dyn BlobReader>> {
        Self::refused()
    }

    async fn create(&self, _: &str, _: &str, _: u64) -> Result<Box<dyn BlobWriter>> {
        Self::refused()
    }

    async fn delete(&self, _: &str, _: &str) -> Result<()> {
        Self::refused()
    }
}

/// Takes lines of logs, keeps the last ones, and hands them out.
pub trait LogSink: Send + Sync + 'static {
    /// Takes one.
    fn write(&self, line: LogLine);
    /// The last lines of a plugin, and, to follow it, what comes.
    fn read(&self, plugin: &str, follow: bool) -> BoxStream<'static, LogLine>;
}
