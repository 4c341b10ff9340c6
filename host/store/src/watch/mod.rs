//! Fan-out of committed changes to watchers: shared by all stores that commit in this process.
//!
//! ```text
//!   commit ─► Hub::publish ─► ring (recent changes, for resuming)
//!                        └──► one bounded queue per watcher ─► Subscription::next
//! ```
//!
//! Only changes that a selector shows enter its queue; a queue that is full cuts its watcher. Publishing never waits.

mod hub;
mod subscription;

use std::sync::Arc;

use model::Object;

use crate::objects::{Revision, Selector, WatchEvent};

pub use hub::{Gap, Hub};
pub use subscription::{Next, Subscription};

/// One committed change of one object.
#[derive(Debug, Clone)]
pub struct Change {
    /// Its revision.
    pub revision: Revision,
    /// The object before; nothing when it came into being.
    pub before: Option<Seen>,
    /// The object after; nothing when it went.
    pub after: Option<Seen>,
    /// The last state of an object that went, with the revision of its deletion.
    pub last: Option<Arc<Object>>,
}

/// An object and what selectors want to know of its status.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The object.
    pub object: Arc<Object>,
    /// Its `status.phase`.
    pub phase: Arc<str>,
}

impl Seen {
    fn shown_by(&self, selector: &Selector) -> bool {
        selector.matches(&self.object, &self.phase)
    }
}

impl Change {
    /// The object that changed, in its newest state.
    pub fn object(&self) -> Option<&Arc<Object>> {
        self.after.as_ref().map(|s| &s.object).or(self.last.as_ref()).or(self.before.as_ref().map(|s| &s.object))
    }

    /// What a watcher with this selector is told, if anything.
    pub fn event(&self, selector: &Selector) -> Option<WatchEvent> {
        let before = self.before.as_ref().filter(|s| s.shown_by(selector));
        let after = self.after.as_ref().filter(|s| s.shown_by(selector));
        match (before, after) {
            (None, Some(now)) => Some(WatchEvent::Added(now.object.clone())),
            (Some(_), Some(now)) => Some(WatchEvent::Modified(now.object.clone())),
            (Some(was), None) => Some(WatchEvent::Deleted(match &self.last {
                Some(last) => last.clone(),
                None => at_revision(&was.object, self.revision),
            })),
            (None, None) => None,
        }
    }
}

/// The object as it was, under the revision of the change that took it out of a selector.
pub fn at_revision(object: &Object, revision: Revision) -> Arc<Object> {
    let mut object = object.clone();
    object.metadata.resource_version = revision.to_string();
    Arc::new(object)
}
