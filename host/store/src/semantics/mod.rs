//! What writes mean, once for every store that keeps objects itself: Kubernetes' rules over a [`Table`].
//!
//! ```text
//!   admit (caller's thread: validate, compact, limits)
//!     └─► create · update · update_status · delete (inside one transaction of the table)
//!                                            └─► work queue ─► collect (dependents, foreground, orphans)
//! ```
//!
//! A function that answers `Err` because of its arguments has written nothing.

mod admit;
mod collect;
mod delete;
mod write;

use std::sync::Arc;

use model::{Object, OwnerReference};
use serde::{Deserialize, Serialize};

use crate::objects::{Gvk, Key, Precondition, Propagation};
use crate::{Result, StoreError};

pub use admit::{admit_create, admit_status, admit_update};
pub use collect::collect;
pub use delete::delete;
pub use write::{create, create_stamped, generated_name, update, update_status};

/// The finalizer of an owner that waits for its dependents.
pub const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer of an owner whose dependents are being released.
pub const ORPHAN: &str = "orphan";

/// One stored object.
pub trait Row: Clone {
    /// The object.
    fn object(&self) -> &Arc<Object>;
    /// Its `status.phase`.
    fn phase(&self) -> &Arc<str>;
    /// The store's own number of it, growing with creation.
    fn id(&self) -> u64;
}

/// A transaction over objects. It gives each change its revision, in the order of calls.
pub trait Table {
    /// A stored object.
    type Row: Row;
    /// A refusal, or what broke underneath.
    type Error: From<StoreError>;

    /// The object with this key.
    fn get(&mut self, key: &Key) -> Result<Option<Self::Row>, Self::Error>;
    /// Stores a new object (`before` is `None`) or a new state of one; sets its `resourceVersion`.
    fn put(&mut self, before: Option<&Self::Row>, after: Object, phase: Arc<str>) -> Result<Self::Row, Self::Error>;
    /// Removes an object; `last` is its last state, whose `resourceVersion` it sets.
    fn remove(&mut self, before: &Self::Row, last: Object) -> Result<Arc<Object>, Self::Error>;
    /// The last state of an object that this transaction removed.
    fn removed(&mut self, uid: &str) -> Option<Arc<Object>>;
    /// At most `limit` objects that name this owner, those with a number above `after`, by number.
    fn dependents(&mut self, owner_uid: &str, after: u64, limit: u32) -> Result<Vec<Self::Row>, Self::Error>;
    /// Whether there ever was an object of this kind.
    fn knows(&mut self, gvk: &Gvk) -> Result<bool, Self::Error>;
    /// Puts work at the end of the durable queue.
    fn push_work(&mut self, work: Work) -> Result<(), Self::Error>;
    /// Takes the first work from the queue.
    fn pop_work(&mut self) -> Result<Option<Work>, Self::Error>;
}

/// What is left to do after a delete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    /// Handle the dependents of an owner, those with numbers above `after`.
    Dependents {
        /// The owner.
        owner: Key,
        /// Its uid.
        uid: String,
        /// How.
        propagation: Mode,
        /// Where the last piece ended.
        after: u64,
    },
    /// Let an owner go if no dependent blocks it any more.
    Foreground {
        /// The owner.
        owner: Key,
        /// Its uid.
        uid: String,
    },
    /// Delete an object if all its owners are gone.
    Dangling {
        /// The object.
        object: Key,
        /// Its uid.
        uid: String,
    },
}

/// [`Propagation`], stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// The owner is gone.
    Background,
    /// The owner waits for them.
    Foreground,
    /// They lose the reference.
    Orphan,
}

impl From<Propagation> for Mode {
    fn from(propagation: Propagation) -> Self {
        match propagation {
            Propagation::Background => Self::Background,
            Propagation::Foreground => Self::Foreground,
            Propagation::Orphan => Self::Orphan,
        }
    }
}

/// The revision of a stored object.
pub fn revision_of(object: &Object) -> u64 {
    object.metadata.resource_version.parse().unwrap_or(0)
}

fn check(key: &Key, object: &Object, precondition: &Precondition) -> Result<()> {
    let conflict = |expected: String, actual: String| StoreError::Conflict { what: key.to_string(), expected, actual };
    if let Some(uid) = precondition.uid.as_deref().filter(|uid| *uid != object.metadata.uid) {
        return Err(conflict(format!("uid {uid}"), format!("uid {}", object.metadata.uid)));
    }
    let actual = revision_of(object);
    if let Some(expected) = precondition.resource_version.filter(|r| *r != actual) {
        return Err(conflict(format!("revision {expected}"), format!("revision {actual}")));
    }
    Ok(())
}

fn present<T: Table>(table: &mut T, key: &Key) -> Result<T::Row, T::Error> {
    match table.get(key)? {
        Some(row) => Ok(row),
        None => Err(StoreError::NotFound { what: key.to_string() }.into()),
    }
}

/// The owner that a reference of an object in `namespace` means, if it is there.
fn owner_of<T: Table>(table: &mut T, namespace: &str, owner: &OwnerReference) -> Result<Option<T::Row>, T::Error> {
    let gvk = Gvk::new(owner.api_version.as_str(), owner.kind.as_str());
    let mut key = Key::new(gvk, namespace, owner.name.as_str());
    let found = table.get(&key)?.filter(|row| row.object().metadata.uid == owner.uid);
    if found.is_some() || namespace.is_empty() {
        return Ok(found);
    }
    key.namespace = "".into();
    Ok(table.get(&key)?.filter(|row| row.object().metadata.uid == owner.uid))
}

fn waits_in_foreground(object: &Object) -> bool {
    object.metadata.deletion_timestamp.is_some() && object.metadata.finalizers.iter().any(|f| f == FOREGROUND)
}
