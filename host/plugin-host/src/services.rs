//! What the host needs of the server it is in.

use std::sync::Arc;

use artifact::Secret;
use async_trait::async_trait;
use egress::{Resolve, Rule};
use futures::stream::BoxStream;
use plugin::{LogLine, ObjectRef, Result};

use crate::grants::SecretGrant;

/// The server, as plugins reach it.
#[derive(Clone)]
pub struct Services {
    /// State of plugins.
    pub state: Arc<dyn StateStore>,
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

/// Takes lines of logs, keeps the last ones, and hands them out.
pub trait LogSink: Send + Sync + 'static {
    /// Takes one.
    fn write(&self, line: LogLine);
    /// The last lines of a plugin, and, to follow it, what comes.
    fn read(&self, plugin: &str, follow: bool) -> BoxStream<'static, LogLine>;
}
