//! Objects: Kubernetes-shaped, versioned, watched.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use model::Object;

use crate::Result;

/// A commit's sequence number. Grows by one with each durable commit; an object's `resourceVersion` is the revision of its last change.
pub type Revision = u64;

/// What kind of object: the API group and version as manifests write it, and the kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gvk {
    /// For example `argoproj.io/v1alpha1`, or `v1`.
    pub api_version: Arc<str>,
    /// For example `Workflow`.
    pub kind: Arc<str>,
}

/// Which object. `namespace` is empty for cluster-scoped kinds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The kind.
    pub gvk: Gvk,
    /// The namespace, or empty.
    pub namespace: Arc<str>,
    /// The name.
    pub name: Arc<str>,
}

/// What to list or watch. An absent part matches all.
#[derive(Debug, Clone, Default)]
pub struct Selector {
    /// The kind.
    pub gvk: Option<Gvk>,
    /// One namespace.
    pub namespace: Option<Arc<str>>,
    /// One name.
    pub name: Option<Arc<str>>,
    /// Label requirements, all of which must hold.
    pub labels: Vec<LabelRequirement>,
    /// `status.phase` (served by an index), any of these; the empty string is an object without a phase.
    pub phases: Vec<String>,
    /// Created at or after (milliseconds since the epoch).
    pub created_from: Option<i64>,
    /// Created before (milliseconds since the epoch).
    pub created_until: Option<i64>,
    /// Owned by the object with this uid.
    pub owner_uid: Option<String>,
    /// The name begins with this.
    pub name_prefix: Option<String>,
}

/// One label requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelRequirement {
    /// The label is there and has one of these values.
    In(String, Vec<String>),
    /// The label is absent or has none of these values.
    NotIn(String, Vec<String>),
    /// The label is there.
    Exists(String),
    /// The label is absent.
    NotExists(String),
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// By kind, namespace and name.
    #[default]
    Name,
    /// The newest first, by creation and then uid; what people look at.
    NewestFirst,
}

/// One page of a list.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    /// What to list.
    pub selector: Selector,
    /// The order.
    pub order: Order,
    /// At most so many; the store's own `page_max` bounds it.
    pub limit: Option<u32>,
    /// Where the last page ended.
    pub continue_token: Option<String>,
    /// Leave the body (spec) out, metadata and status only: what lists and tables need.
    pub without_body: bool,
}

/// A page of objects.
#[derive(Debug, Clone)]
pub struct Page {
    /// The objects.
    pub items: Vec<Arc<Object>>,
    /// Hand this back for the next page; `None` at the end.
    pub continue_token: Option<String>,
    /// A revision from which a watch continues this list without a gap.
    pub revision: Revision,
    /// How many follow this page, where the store knows cheaply.
    pub remaining: Option<u64>,
}

/// One message of a watch.
#[derive(Debug, Clone)]
pub enum WatchEvent {
    /// An object that the selector did not show before.
    Added(Arc<Object>),
    /// It changed.
    Modified(Arc<Object>),
    /// It is gone, or left the selector; the last state seen.
    Deleted(Arc<Object>),
    /// Nothing that the selector shows has happened up to this revision: resume from here.
    Bookmark(Revision),
}

/// A watch: ends with an error when the watcher is too slow or its revision expired.
pub type WatchStream = BoxStream<'static, Result<WatchEvent>>;

/// What must hold for a write to be done.
#[derive(Debug, Clone, Default)]
pub struct Precondition {
    /// The `resourceVersion` the writer has seen.
    pub resource_version: Option<Revision>,
    /// The `uid` the writer means.
    pub uid: Option<String>,
}

/// What becomes of the objects that name the deleted one as their owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Propagation {
    /// They are deleted after it.
    #[default]
    Background,
    /// They are deleted first.
    Foreground,
    /// They stay, without the reference.
    Orphan,
}

/// How to delete.
#[derive(Debug, Clone, Default)]
pub struct DeleteOptions {
    /// What must hold.
    pub precondition: Precondition,
    /// What becomes of owned objects.
    pub propagation: Propagation,
}

/// A delete's answer.
#[derive(Debug, Clone)]
pub enum Deleted {
    /// It is gone; its last state.
    Gone(Arc<Object>),
    /// Finalizers hold it: `deletionTimestamp` is set and it goes when they are removed.
    Waiting(Arc<Object>),
}

/// The objects port.
///
/// The store fills `uid` (unless given by the caller), `resourceVersion`, `generation` (grows when the body changes, not with metadata or status) and
/// `creationTimestamp`, and resolves `generateName`. Times and ids come from the [`Stamp`] that the implementation was built with.
#[async_trait]
pub trait Objects: Send + Sync + 'static {
    /// Reads one object.
    async fn get(&self, key: &Key) -> Result<Arc<Object>>;

    /// Reads one page.
    async fn list(&self, query: &ListQuery) -> Result<Page>;

    /// Watches from after `from` (or from now on: the stream begins with an `Added` for each present object, then a bookmark, when `from` is `None`).
    async fn watch(&self, selector: &Selector, from: Option<Revision>) -> Result<WatchStream>;

    /// Creates. Fails with `AlreadyExists`.
    async fn create(&self, object: Object) -> Result<Arc<Object>>;

    /// Replaces metadata (labels, annotations, owners, finalizers) and body; the status stays. An update that changes nothing is no commit.
    /// Without a precondition the last writer wins.
    async fn update(&self, object: Object, precondition: Precondition) -> Result<Arc<Object>>;

    /// Replaces the status alone; the body and `generation` stay.
    async fn update_status(&self, key: &Key, status: StatusUpdate) -> Result<Arc<Object>>;

    /// Deletes, or marks as being deleted while finalizers hold it.
    async fn delete(&self, key: &Key, options: DeleteOptions) -> Result<Deleted>;

    /// The newest durable revision.
    async fn revision(&self) -> Result<Revision>;
}

/// A new status for an object.
#[derive(Debug, Clone)]
pub struct StatusUpdate {
    /// The status as JSON text.
    pub status: Box<serde_json::value::RawValue>,
    /// Labels to set with it (Argo's `workflows.argoproj.io/phase`, `…/completed`); a `None` removes.
    pub labels: Vec<(String, Option<String>)>,
    /// Annotations to set with it; a `None` removes.
    pub annotations: Vec<(String, Option<String>)>,
    /// What must hold.
    pub precondition: Precondition,
}

/// Where a store's times and ids come from.
pub trait Stamp: Send + Sync + 'static {
    /// Milliseconds since the epoch.
    fn now_ms(&self) -> i64;
    /// A new UUID, version 4, as text.
    fn uid(&self) -> String;
    /// Five characters for `generateName`, of the alphabet Kubernetes uses.
    fn name_suffix(&self) -> String;
}
