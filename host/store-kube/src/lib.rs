//! The objects port on Kubernetes: the API server is the truth, this crate speaks to it in the port's words.
//!
//! ```text
//!   get, list, create, update, delete ──► requests on the resource's address (found by discovery, kept per kind)
//!   update_status ──► labels by a merge patch, then PUT …/status; one PUT where the kind has no status subresource
//!   watch ──► GET …?watch=1 from the last revision seen, opened again when the server closes it ──► events of the port
//! ```
//!
//! Where a kind has no status subresource (the definitions that Argo ships have none), the server counts a status as a generation.
//!
//! | what | who decides |
//! |---|---|
//! | uid, generation, creationTimestamp, generateName, finalizers, cascades | the API server and its garbage collector; a cascade is never done when the delete answers |
//! | `resourceVersion` | the API server: etcd's revision, of all kinds together, growing but with gaps |
//! | kind, namespace, name, labels | selected by the server |
//! | phases, creation, owner, name prefix | selected here, over what the server answers |
//! | a page by name within one namespace | the server's own pages |
//! | pages over several namespaces or kinds, and the newest first | selected here: each page reads the whole list, at most `scan_objects_max`, and keeps one page of it in memory |
//!
//! Invariants
//! - A write without a precondition is repeated on the newest state, at most `update_tries_max` times; with one it is tried once.
//! - A revision past the server's retention (etcd is compacted every five minutes) is `Expired`; so is one that the server never reached.
//! - Labels and status are two requests where the kind has a status subresource, labels first. A crash between them leaves the labels ahead, and
//!   repeating the call mends it.
//! - No text from a caller reaches an address unchecked.
//!
//! Must not know: engines, the journal (which never lies here), SQL.

mod kinds;
mod list;
mod page_token;
mod read;
mod shown;
mod watch;
mod wire;
mod write;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kube::Client;
use model::Object;
use store::objects::{
    DeleteOptions, Deleted, Gvk, Key, ListQuery, Objects, Page, Precondition, Revision, Selector, StatusUpdate,
    WatchStream,
};
use store::{Limits, Result, StoreError};

use kinds::Kinds;

/// What a [`KubeStore`] is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The kinds that a selector without a kind means.
    pub kinds: Vec<Gvk>,
    /// Bounds; those of watches, revisions and cascades are the server's own.
    pub limits: Limits,
    /// Attempts of a write that has no precondition and always meets another writer.
    pub update_tries_max: u32,
    /// Objects that one list reads when it has to select or sort here.
    pub scan_objects_max: u64,
    /// Objects that one answer of the server holds.
    pub server_page_max: u32,
    /// Attempts to open a watch again, in a row, before it ends as `Unavailable`.
    pub watch_tries_max: u32,
    /// Bytes of one event of a watch.
    pub watch_line_bytes_max: usize,
    /// How long the server keeps a watch open before it is opened again.
    pub watch_open: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            kinds: model::meta::kinds().iter().map(|k| Gvk::new(&*k.api_version, &*k.kind)).collect(),
            // What etcd takes by default.
            limits: Limits { object_bytes_max: 3 << 19, ..Limits::default() },
            update_tries_max: 16,
            scan_objects_max: 200_000,
            server_page_max: 500,
            watch_tries_max: 6,
            watch_line_bytes_max: 16 << 20,
            watch_open: Duration::from_secs(290),
        }
    }
}

/// The objects port over a Kubernetes API server.
#[derive(Clone)]
pub struct KubeStore {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    client: Client,
    kinds: Kinds,
    settings: Settings,
}

impl KubeStore {
    /// A store over a client that somebody else made.
    pub fn new(client: Client, settings: Settings) -> Self {
        Self { inner: Arc::new(Inner { kinds: Kinds::new(), client, settings }) }
    }

    /// A store with the credentials of `kubeconfig`, or with those that the environment gives (`$KUBECONFIG`, `~/.kube/config`, a pod's account).
    pub async fn connect(kubeconfig: Option<&std::path::Path>, settings: Settings) -> Result<Self> {
        let failed = |reason: String, source: Box<dyn std::error::Error + Send + Sync>| StoreError::Unavailable {
            reason,
            source: Some(source),
        };
        let config = match kubeconfig {
            Some(path) => {
                let what = || format!("the kubeconfig {} cannot be used", path.display());
                let file = kube::config::Kubeconfig::read_from(path).map_err(|e| failed(what(), e.into()))?;
                let options = kube::config::KubeConfigOptions::default();
                kube::Config::from_custom_kubeconfig(file, &options).await.map_err(|e| failed(what(), e.into()))?
            }
            None => kube::Config::infer()
                .await
                .map_err(|e| failed("no credentials for Kubernetes were found".into(), e.into()))?,
        };
        let client = Client::try_from(config)
            .map_err(|e| failed("the connection to Kubernetes cannot be set up".into(), e.into()))?;
        Ok(Self::new(client, settings))
    }
}

#[async_trait]
impl Objects for KubeStore {
    async fn get(&self, key: &Key) -> Result<Arc<Object>> {
        self.inner.get(key).await.map(Arc::new)
    }

    async fn list(&self, query: &ListQuery) -> Result<Page> {
        self.inner.list(query).await
    }

    async fn watch(&self, selector: &Selector, from: Option<Revision>) -> Result<WatchStream> {
        watch::open(&self.inner, selector, from).await
    }

    async fn create(&self, object: Object) -> Result<Arc<Object>> {
        self.inner.create(object).await.map(Arc::new)
    }

    async fn update(&self, object: Object, precondition: Precondition) -> Result<Arc<Object>> {
        self.inner.update(object, precondition).await.map(Arc::new)
    }

    async fn update_status(&self, key: &Key, status: StatusUpdate) -> Result<Arc<Object>> {
        self.inner.update_status(key, status).await.map(Arc::new)
    }

    async fn delete(&self, key: &Key, options: DeleteOptions) -> Result<Deleted> {
        self.inner.delete(key, options).await
    }

    async fn revision(&self) -> Result<Revision> {
        self.inner.revision().await
    }
}
