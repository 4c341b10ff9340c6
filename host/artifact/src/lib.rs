//! The artifact port: moving files and folders between a step and a repository.
//!
//! ```text
//!   runner ── load ──► file or folder before a step        api ── open, put ──► people
//!   runner ── save ──► object after a step                 runtime ── list, delete ──► data templates, garbage collection
//! ```
//!
//! Invariants
//! - Everything streams: memory does not grow with the size of an artifact.
//! - A driver tries passing trouble again, with pauses and up to a deadline, and then says so ([`ErrorClass::Transient`]). Callers do not: trying again
//!   what was tried again is how a store that comes back is kept down.
//! - What was half uploaded is never an output: a `save` that failed leaves nothing that a `load` would find.
//! - Unpacking never leaves its destination (no traversal, no links out of it, no bombs).
//! - Credentials come from the [`Secrets`] of the caller's namespace and appear in no error.
//!
//! Must not know: engines, stores, the runners.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use model::workflow::Artifact;

/// Reads secrets and config maps of one namespace for a driver. The value's type keeps it out of logs and errors.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// A key of a Secret.
    async fn secret(&self, name: &str, key: &str) -> Result<Secret, ArtifactError>;
    /// A key of a ConfigMap.
    async fn config_map(&self, name: &str, key: &str) -> Result<String, ArtifactError>;
}

/// A secret value: no Debug, Display or Serialize. [`Secret::reveal`] is the one way to see it.
#[derive(Clone)]
pub struct Secret(Arc<[u8]>);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<Arc<[u8]>>) -> Self {
        Self(value.into())
    }
    /// The bytes, for the one place that hands them to the other side.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

/// On whose behalf an artifact moves.
#[derive(Clone)]
pub struct Context {
    /// The namespace of the run.
    pub namespace: Arc<str>,
    /// Its secrets and config maps.
    pub secrets: Arc<dyn Secrets>,
}

/// What a `save` left in the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Bytes in the repository (after packing).
    pub bytes: u64,
    /// `sha256:…` of the stored object; of a folder stored as many objects, of their sorted list of digests.
    pub digest: String,
}

/// What a `load` wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Bytes read from the repository.
    pub bytes: u64,
    /// Whether the destination is a folder.
    pub directory: bool,
}

/// One entry of a listing, relative to the artifact's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The relative path.
    pub path: String,
    /// Bytes.
    pub size: u64,
}

/// The artifact port. Every `artifact` has a complete location (the repository's settings merged in, the key rendered).
#[async_trait]
pub trait Artifacts: Send + Sync + 'static {
    /// Loads to `destination` (a path that does not exist yet, in a folder that does): unpacks as `archive` says or as the
    /// content shows, honours `mode`, `recurseMode`, `subPath`.
    async fn load(&self, context: &Context, artifact: &Artifact, destination: &Path) -> Result<Loaded, ArtifactError>;

    /// Saves a file or folder, packed as `archive` says (default: a tar with gzip).
    async fn save(&self, context: &Context, artifact: &Artifact, source: &Path) -> Result<Saved, ArtifactError>;

    /// Streams the stored object as it is.
    async fn open(&self, context: &Context, artifact: &Artifact) -> Result<ByteStream, ArtifactError>;

    /// Stores a stream as it is.
    async fn put(&self, context: &Context, artifact: &Artifact, content: ByteStream) -> Result<Saved, ArtifactError>;

    /// Lists the objects below the artifact's key, in order of name, at most `limit`.
    async fn list(&self, context: &Context, artifact: &Artifact, limit: usize) -> Result<Vec<Entry>, ArtifactError>;

    /// Deletes the object, or everything below the key. What is not there is no error.
    async fn delete(&self, context: &Context, artifact: &Artifact) -> Result<(), ArtifactError>;
}

/// A stream of an artifact's bytes.
pub type ByteStream = BoxStream<'static, Result<Bytes, ArtifactError>>;

/// Why an artifact did not move. `class()` decides whether to try again.
#[derive(Debug, thiserror::Error)]
#[error("artifact {artifact}: {operation} {location}: {reason}")]
pub struct ArtifactError {
    /// The artifact's name.
    pub artifact: String,
    /// `load`, `save`, `open`, `put`, `list`, `delete`.
    pub operation: &'static str,
    /// Driver and key, without credentials: `s3 my-bucket/path/file.tgz`.
    pub location: String,
    /// What happened and what to do.
    pub reason: String,
    /// Whether to try again.
    pub class: ErrorClass,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What a caller may do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// Nothing is there (an optional artifact may be absent).
    NotFound,
    /// The repository refused: wrong or missing credentials, no permission.
    Denied,
    /// The network, the repository's load: it was tried again as long as the driver may, and may go well later.
    Transient,
    /// It will fail again: a wrong setting, a hostile archive, a full disk.
    Permanent,
}
