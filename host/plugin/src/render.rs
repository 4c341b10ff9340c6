//! Manifest renderers.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use crate::{CallContext, Result};

/// What stands at a path of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// Anything else; it cannot be read.
    Other,
}

/// A file or folder of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, without the folder's.
    pub name: String,
    /// What it is; of a link, what it leads to.
    pub kind: EntryKind,
    /// A file's size in bytes.
    pub size: u64,
    /// Whether it may be executed.
    pub executable: bool,
}

/// A folder of files at one revision. Paths are relative to its root; nothing outside can be reached.
#[async_trait]
pub trait Tree: Send + Sync {
    /// What its content is, for caches: the same content has the same digest (`sha256:…`).
    fn digest(&self) -> &str;
    /// What stands at a path.
    async fn stat(&self, path: &str) -> Result<Entry>;
    /// What is in a folder, by name.
    async fn list(&self, path: &str) -> Result<Vec<Entry>>;
    /// Up to `length` bytes of a file from `offset` on; fewer at the end.
    async fn read(&self, path: &str, offset: u64, length: u64) -> Result<Vec<u8>>;
}

/// What manifests are made for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Release {
    /// The application's name.
    pub name: String,
    /// The namespace of manifests that name none.
    pub namespace: String,
    /// The destination's Kubernetes version (`v1.34.0`).
    pub kube_version: String,
    /// The destination's API versions (`apps/v1`, `apps/v1/Deployment`).
    pub api_versions: Vec<String>,
    /// Names and values that plugins of other systems know as environment.
    pub environment: Vec<(String, String)>,
}

/// A tree that was fetched beside the application's own.
#[derive(Clone)]
pub struct Fetched {
    /// The name that it was asked for by.
    pub name: String,
    /// Its files.
    pub files: Arc<dyn Tree>,
}

/// Answers about the place where manifests are going to (Helm's `lookup`).
#[async_trait]
pub trait Destination: Send + Sync {
    /// An object that is there, or all of them in a list when the name is empty; `null` when there is none.
    async fn lookup(&self, what: &Lookup) -> Result<Value>;
}

/// What a renderer asked the destination for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lookup {
    /// `apps/v1`.
    pub api_version: String,
    /// `Deployment`.
    pub kind: String,
    /// Empty: all, or of the cluster.
    pub namespace: String,
    /// Empty: all of them.
    pub name: String,
}

/// What is to be rendered.
#[derive(Clone)]
pub struct RenderRequest {
    /// The renderer's configuration.
    pub config: Value,
    /// The source tree.
    pub files: Arc<dyn Tree>,
    /// The folder in it that is to be rendered.
    pub path: String,
    /// What was fetched beside it.
    pub fetched: Vec<Fetched>,
    /// What for.
    pub release: Release,
    /// Where `lookup` is answered; nothing is there without it.
    pub destination: Option<Arc<dyn Destination>>,
}

/// A manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The object.
    pub object: Value,
    /// The file that it comes from.
    pub file: Option<String>,
}

/// What rendering gave.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rendered {
    /// The manifests, in their order.
    pub manifests: Vec<Manifest>,
    /// What people should know.
    pub warnings: Vec<String>,
    /// Text to show after an installation.
    pub notes: Option<String>,
    /// What the destination was asked for, and what it answered: a kept result holds as long as these answers do.
    pub lookups: Vec<(Lookup, Value)>,
}

/// Something to fetch before rendering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequirementSource {
    /// A chart of a Helm repository.
    HelmChart {
        /// The repository's URL.
        repository: String,
        /// The chart's name.
        chart: String,
        /// Its version, or a range.
        version: String,
    },
    /// An artifact of an OCI registry.
    Oci {
        /// The reference, without tag.
        reference: String,
        /// The tag, digest or range.
        version: String,
    },
    /// A folder of a git repository.
    Git {
        /// Its URL.
        url: String,
        /// The revision.
        revision: String,
        /// The folder.
        path: String,
    },
    /// A file or archive.
    Url(String),
}

/// A requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The name by which it is handed back.
    pub name: String,
    /// What to fetch.
    pub source: RequirementSource,
    /// What it must be (`sha256:…`), if that is known.
    pub digest: Option<String>,
}

/// Makes manifests of a source tree (Argo CD's config management tools and plugins).
#[async_trait]
pub trait Renderer: Send + Sync {
    /// Whether the folder is one for this renderer.
    async fn detect(&self, call: &CallContext, files: Arc<dyn Tree>, path: &str) -> Result<bool>;
    /// What must be fetched first; asked until nothing more is named.
    async fn requirements(&self, call: &CallContext, request: &RenderRequest) -> Result<Vec<Requirement>>;
    /// Renders.
    async fn render(&self, call: &CallContext, request: &RenderRequest) -> Result<Rendered>;
}
