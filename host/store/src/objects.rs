//! Objects: Kubernetes-shaped, versioned, watched.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use model::Object;
use serde::{Deserialize, Serialize};

use crate::Result;

/// A commit's sequence number. Grows by one with each durable commit; an object's `resourceVersion` is the revision of its last change.
pub type Revision = u64;

/// What kind of object: the API group and version as manifests write it, and the kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Gvk {
    /// For example `argoproj.io/v1alpha1`, or `v1`.
    pub api_version: Arc<str>,
    /// For example `Workflow`.
    pub kind: Arc<str>,
}

/// Which object. `namespace` is empty for cluster-scoped kinds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// The kind.
    pub gvk: Gvk,
    /// The namespace, or empty.
    pub namespace: Arc<str>,
    /// The name.
    pub name: Arc<str>,
}

impl Gvk {
    /// From the two words of a manifest.
    pub fn new(api_version: impl Into<Arc<str>>, kind: impl Into<Arc<str>>) -> Self {
        Self { api_version: api_version.into(), kind: kind.into() }
    }
}

impl Key {
    /// From its parts; `namespace` is empty for cluster-scoped kinds.
    pub fn new(gvk: Gvk, namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { gvk, namespace: namespace.into(), name: name.into() }
    }

    /// The key of an object, as its metadata has it.
    pub fn of(object: &Object) -> Self {
        let meta = &object.metadata;
        Self::new(
            Gvk::new(object.api_version.as_str(), object.kind.as_str()),
            meta.namespace.as_str(),
            meta.name.as_str(),
        )
    }
}

/// As people write it: `workflow default/hello`.
impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.gvk.kind.chars() {
            std::fmt::Write::write_char(f, c.to_ascii_lowercase())?;
        }
        match &*self.namespace {
            "" => write!(f, " {}", self.name),
            namespace => write!(f, " {namespace}/{}", self.name),
        }
    }
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
    /// By kind (then API version), namespace and name, byte by byte.
    #[default]
    Name,
    /// The newest first, by creation; what people look at. Objects of one millisecond come in an order of the store's own, the same in every page.
    NewestFirst,
}

/// One page of a list.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    /// What to list.
    pub selector: Selector,
    /// The order.
    pub order: Order,
    /// At most so many; the store's own `page_max` bounds it and is what absence and 0 mean. A page may be shorter before the end (`page_bytes_max`):
    /// only a missing `continue_token` says that the list is complete.
    pub limit: Option<u32>,
    /// Where the last page ended. It belongs to the query that it came from; with another selector or order it is `Invalid`.
    pub continue_token: Option<String>,
    /// Leave the body (spec) out (it is `{}`), metadata and status only: what lists and tables need.
    pub without_body: bool,
}

/// A page of objects.
#[derive(Debug, Clone)]
pub struct Page {
    /// The objects.
    pub items: Vec<Arc<Object>>,
    /// Hand this back for the next page; `None` at the end.
    pub continue_token: Option<String>,
    /// A revision from which a watch continues this list without a gap: that of the first page, on all its pages. An object that is there from the first
    /// page to the last is listed exactly once, whatever is written meanwhile; what comes or goes meanwhile may be listed or not, and the watch tells.
    pub revision: Revision,
    /// How many follow this page, where the store knows cheaply; exact when given.
    pub remaining: Option<u64>,
}

/// One message of a watch.
#[derive(Debug, Clone)]
pub enum WatchEvent {
    /// An object that the selector did not show before.
    Added(Arc<Object>),
    /// It changed.
    Modified(Arc<Object>),
    /// It is gone, or left the selector: the last state that the selector showed, with the revision of the change that ended it as `resourceVersion`.
    Deleted(Arc<Object>),
    /// Nothing that the selector shows has happened up to this revision: resume from here.
    Bookmark(Revision),
}

/// A watch: in the order of revisions; ends with an error when the watcher is too slow (`Expired`: more than `watch_buffer_max` events wait for it) or the
/// store was reopened (`Unavailable`). After an error resume from the last revision seen, or list again.
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
/// The store fills `uid` (unless given by the caller), `resourceVersion`, `generation` (grows when the body changes, not with metadata or status, and once
/// more when deletion begins, as in Kubernetes) and `creationTimestamp`, and resolves `generateName`. Times and ids come from the [`Stamp`] that the
/// implementation was built with.
///
/// What Kubernetes does and the signatures leave open:
/// - **Revisions.** Every changed object has a revision of its own: a cascade that deletes three objects counts three.
/// - **create** drops the status and what only the server writes; a `resourceVersion` is `Invalid`. `generateName` is cut to 58 bytes, gets five characters,
///   and is tried anew up to `generate_name_tries_max` times. A failed create leaves nothing.
/// - **update** looks at the [`Precondition`] alone, not at the object's own `resourceVersion`; a `uid` in the object that is not the stored one is a
///   `Conflict`. `uid`, `creationTimestamp`, `generation`, `deletionTimestamp` and the status stay as they are stored. It never creates (`NotFound`).
/// - **No-op.** An update or status update that changes nothing is no commit: it answers the stored object with its old revision. Bodies and statuses are
///   compared as JSON, regardless of white space and the order of keys.
/// - **Finalizers.** While `deletionTimestamp` is set, finalizers can be removed but not added (`Invalid`); the update that removes the last one removes the
///   object and answers its last state. Deleting again changes nothing (unless a different propagation is asked for that has not begun).
/// - **Owners.** A reference counts while its owner, by kind, name and uid, is in the same namespace or cluster-wide. A dependent goes with the last of its
///   owners; while another remains it only loses the reference. A dependent made after its owner went is deleted soon after; references to kinds of
///   which this store never held an object are left alone. *Background*: the owner goes at once. *Foreground*: the owner waits, with `deletionTimestamp` and the finalizer
///   `foregroundDeletion`, for the dependents that say `blockOwnerDeletion`. *Orphan*: the owner waits with the finalizer `orphan` until the references are
///   gone. Small cascades are done when the delete answers, the rest soon after, surviving a restart.
/// - **Deleted objects** carry the revision of their deletion.
#[async_trait]
pub trait Objects: Send + Sync + 'static {
    /// Reads one object.
    async fn get(&self, key: &Key) -> Result<Arc<Object>>;

    /// Reads one page.
    async fn list(&self, query: &ListQuery) -> Result<Page>;

    /// Watches from after `from` (or from now on: the stream begins with an `Added` for each present object, then a bookmark, when `from` is `None`).
    ///
    /// A resumed watch may leave out states that were overtaken before it was opened, never the last one of an object. A revision that is no longer
    /// retained, or that this store never reached (it was restored from a backup), is `Expired`: list again.
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
    /// A new UUID as text, of version 4 or 7.
    fn uid(&self) -> String;
    /// Five characters for `generateName`, of the alphabet Kubernetes uses.
    fn name_suffix(&self) -> String;
}
