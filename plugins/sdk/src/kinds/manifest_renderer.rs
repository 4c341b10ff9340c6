//! Manifest renderers: make manifests of a source tree.
//!
//! A renderer sees a fixed clock, a random source of a fixed seed and no network, so that the same input gives the same output.

use serde_json::Value;

use crate::export::{Checked, KindOf};
use crate::{Config, Finding, Result, host};

/// A manifest renderer.
pub trait ManifestRenderer {
    /// What users write below the renderer's name.
    type Config: Config;

    /// All that is wrong with a configuration that can be read, at once. Only looks: nothing outside is called.
    fn check(config: &Self::Config) -> Vec<Finding> {
        let _ = config;
        Vec::new()
    }

    /// Whether the folder is one for this renderer.
    fn detect(files: &Tree, path: &str) -> Result<bool>;

    /// What must be fetched first. Asked again when that was done, until nothing more is named.
    fn requirements(config: Self::Config, request: &Request) -> Result<Vec<Requirement>> {
        let _ = (config, request);
        Ok(Vec::new())
    }

    /// Renders.
    fn render(config: Self::Config, request: &Request) -> Result<Rendered>;
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryKind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// Anything else; it cannot be read.
    Other,
}

/// A file or folder.
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

/// A tree of files at one revision. Paths are relative to its root, with `/`; the root is the empty path. Nothing outside it can be reached.
#[derive(Debug)]
pub struct Tree(pub(crate) host::Tree);

impl Tree {
    /// For tests: a tree of files by path.
    #[cfg(not(target_family = "wasm"))]
    pub fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(host::Tree::of(files))
    }

    /// What stands at a path.
    pub fn stat(&self, path: &str) -> Result<Entry> {
        self.0.stat(path)
    }

    /// What is in a folder, by name.
    pub fn list(&self, path: &str) -> Result<Vec<Entry>> {
        self.0.list(path)
    }

    /// Files below a folder whose paths match a pattern (`**/*.yaml`), by path. Natively, in tests, only `**/*` and `**/*.ending` are known.
    pub fn glob(&self, path: &str, pattern: &str) -> Result<Vec<String>> {
        self.0.glob(path, pattern)
    }

    /// A whole file.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        self.0.read(path)
    }

    /// Up to `length` bytes of a file from `offset` on; fewer at the end.
    pub fn read_range(&self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>> {
        self.0.read_range(path, offset, length)
    }
}

/// What manifests are made for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Release {
    /// The application's name.
    pub name: String,
    /// The namespace of manifests that name none.
    pub namespace: String,
    /// The destination's Kubernetes version, as `v1.34.0`.
    pub kube_version: String,
    /// The destination's API versions, as `apps/v1` and `apps/v1/Deployment`.
    pub api_versions: Vec<String>,
    /// Names and values that plugins of other systems know as environment.
    pub environment: Vec<(String, String)>,
}

/// A tree that was fetched beside the application's own.
#[derive(Debug)]
pub struct Fetched {
    /// The name that `requirements` gave it, or the `ref` of a further source.
    pub name: String,
    /// Its files.
    pub files: Tree,
}

/// What is to be rendered.
#[derive(Debug)]
pub struct Request {
    /// The source tree.
    pub files: Tree,
    /// The folder in it that is to be rendered.
    pub path: String,
    /// What was fetched beside it.
    pub fetched: Vec<Fetched>,
    /// What for.
    pub release: Release,
}

/// A manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The object.
    pub object: Value,
    /// The file that it comes from, if that can be told.
    pub file: Option<String>,
}

/// What rendering gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rendered {
    /// The manifests, in their order.
    pub manifests: Vec<Manifest>,
    /// What people should know: names that are deprecated, values that nobody reads.
    pub warnings: Vec<String>,
    /// Text to show after an installation.
    pub notes: Option<String>,
}

/// Something that the host is to fetch before rendering.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// A chart of a Helm repository: its URL, the chart's name, the version or range.
    HelmChart(String, String, String),
    /// An artifact of an OCI registry: the reference without a tag, and the tag, digest or range.
    Oci(String, String),
    /// A folder of a git repository: its URL, the revision, the path.
    Git(String, String, String),
    /// A file or archive behind a URL.
    Url(String),
}

/// A requirement and the name by which [`Request::fetched`] has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Its name; it is the renderer's.
    pub name: String,
    /// What to fetch.
    pub source: Source,
    /// What it must be, as `sha256:…`, if that is known.
    pub digest: Option<String>,
}

/// An object of the destination, or all of them in a list when the name is empty; `null` when there is none. Needs the grant `lookup`; without it, what is asked for
/// is not there.
pub fn lookup(api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Value> {
    host::lookup(api_version, kind, namespace, name)
}

struct ManifestRendererOf<T>(std::marker::PhantomData<T>);

impl<T: ManifestRenderer> Checked for ManifestRendererOf<T> {
    type Config = T::Config;

    fn check(config: &T::Config) -> Vec<Finding> {
        T::check(config)
    }
}

#[doc(hidden)]
pub fn __kind<T: ManifestRenderer>() -> KindOf {
    KindOf::of::<ManifestRendererOf<T>>("manifest-renderer")
}

#[cfg(target_family = "wasm")]
mod component {
    use super::{Fetched, ManifestRenderer, Release, Request, Source, Tree};
    use crate::bindings::host::colchis::plugin::types::PluginError;
    use crate::bindings::manifest_renderer::exports::colchis::manifest_renderer::renderer as wit;
    use crate::export::Adapter;
    use crate::host::{self, begin, error_into};
    use crate::{Result, config};

    impl<T: ManifestRenderer> wit::Guest for Adapter<T> {
        fn detect(files: &wit::Tree, path: String) -> Result<bool, PluginError> {
            begin();
            host::Tree::borrowed(files, |tree| T::detect(tree, &path)).map_err(error_into)
        }

        fn requirements(request: wit::RenderRequest) -> Result<Vec<wit::Requirement>, PluginError> {
            begin();
            let (json, request) = parts(request);
            let found =
                config::parse(&json).and_then(|config| T::requirements(config, &request)).map_err(error_into)?;
            Ok(found
                .into_iter()
                .map(|requirement| wit::Requirement {
                    name: requirement.name,
                    source: match requirement.source {
                        Source::HelmChart(url, chart, version) => {
                            wit::RequirementSource::HelmChart((url, chart, version))
                        }
                        Source::Oci(reference, version) => wit::RequirementSource::Oci((reference, version)),
                        Source::Git(url, revision, path) => wit::RequirementSource::Git((url, revision, path)),
                        Source::Url(url) => wit::RequirementSource::Url(url),
                    },
                    digest: requirement.digest,
                })
                .collect())
        }

        fn render(request: wit::RenderRequest) -> Result<wit::Rendered, PluginError> {
            begin();
            let (json, request) = parts(request);
            let rendered = config::parse(&json).and_then(|config| T::render(config, &request)).map_err(error_into)?;
            let manifests = rendered
                .manifests
                .into_iter()
                .map(|manifest| wit::Manifest { object: manifest.object.to_string(), file: manifest.file });
            Ok(wit::Rendered {
                manifests: manifests.collect(),
                warnings: rendered.warnings,
                notes: rendered.notes,
                extensions: Vec::new(),
            })
        }
    }

    fn parts(request: wit::RenderRequest) -> (String, Request) {
        let wit::RenderRequest { config, files, path, fetched, release } = request;
        let wit::Release { name, namespace, kube_version, api_versions, environment, .. } = release;
        let fetched = fetched
            .into_iter()
            .map(|one| Fetched { name: one.name, files: Tree(host::Tree::owned(one.files)) })
            .collect();
        let release = Release { name, namespace, kube_version, api_versions, environment };
        (config, Request { files: Tree(host::Tree::owned(files)), path, fetched, release })
    }
}
