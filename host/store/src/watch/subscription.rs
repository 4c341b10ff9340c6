//! One watcher's queue and its reading end.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::stream::{self, Stream};
use tokio::sync::Notify;

use super::{Change, Hub};
use crate::objects::{Revision, Selector, WatchEvent};
use crate::{Result, StoreError};

/// The writing end: filled by the hub.
pub(super) struct Queue {
    selector: Selector,
    inner: Mutex<Waiting>,
    notify: Notify,
}

struct Waiting {
    changes: VecDeque<Arc<Change>>,
    /// Changes up to here are not wanted.
    after: Revision,
    /// The newest revision that the watcher was told of.
    told: Revision,
    bookmark: Option<Revision>,
    cut: Option<StoreError>,
    ended: bool,
}

/// The reading end; dropping it ends the watch.
pub struct Subscription {
    hub: Arc<Hub>,
    id: u64,
    queue: Arc<Queue>,
}

impl Queue {
    pub(super) fn new(selector: Selector, after: Revision) -> Self {
        let inner = Waiting { changes: VecDeque::new(), after, told: after, bookmark: None, cut: None, ended: false };
        Self { selector, inner: Mutex::new(inner), notify: Notify::new() }
    }

    pub(super) fn selector(&self) -> &Selector {
        &self.selector
    }

    /// Queues the change if the selector shows it; answers whether the watcher has something to see.
    pub(super) fn offer(&self, change: &Arc<Change>, buffer_max: usize) -> bool {
        let shown = |seen: &Option<super::Seen>| seen.as_ref().is_some_and(|s| s.shown_by(&self.selector));
        if !shown(&change.after) && !shown(&change.before) {
            return false;
        }
        let mut inner = self.lock();
        if inner.cut.is_some() || inner.ended || change.revision <= inner.after {
            return false;
        }
        if inner.changes.len() >= buffer_max {
            let oldest = inner.changes.back().map_or(inner.told, |c| c.revision);
            inner.changes.clear();
            inner.cut = Some(StoreError::Expired { asked: inner.told, oldest });
        } else {
            inner.changes.push_back(change.clone());
        }
        true
    }

    pub(super) fn bookmark(&self, revision: Revision) {
        self.lock().bookmark = Some(revision);
    }

    pub(super) fn cut(&self, error: StoreError) {
        let mut inner = self.lock();
        inner.changes.clear();
        inner.bookmark = None;
        inner.cut = Some(error);
        drop(inner);
        self.wake();
    }

    pub(super) fn wake(&self) {
        self.notify.notify_one();
    }

    /// The next thing to tell; `None` inside is the end.
    fn take(&self) -> Option<Option<Result<Arc<Change>, Told>>> {
        let mut inner = self.lock();
        if let Some(change) = inner.changes.pop_front() {
            inner.told = change.revision;
            return Some(Some(Ok(change)));
        }
        if let Some(error) = inner.cut.take() {
            inner.ended = true;
            return Some(Some(Err(Told::Error(error))));
        }
        if inner.ended {
            return Some(None);
        }
        let bookmark = inner.bookmark.take().filter(|revision| *revision > inner.told)?;
        inner.told = bookmark;
        Some(Some(Err(Told::Bookmark(bookmark))))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Told {
    Bookmark(Revision),
    Error(StoreError),
}

/// What a subscription tells.
#[derive(Debug)]
pub enum Next {
    /// A change that the selector shows.
    Change(Arc<Change>),
    /// Nothing more up to this revision.
    Bookmark(Revision),
}

impl Subscription {
    pub(super) fn new(hub: Arc<Hub>, id: u64, queue: Arc<Queue>) -> Self {
        Self { hub, id, queue }
    }

    /// The next change or bookmark; `None` after the error that ended it.
    pub async fn next(&self) -> Option<Result<Next>> {
        loop {
            if let Some(told) = self.queue.take() {
                return told.map(|told| match told {
                    Ok(change) => Ok(Next::Change(change)),
                    Err(Told::Bookmark(revision)) => Ok(Next::Bookmark(revision)),
                    Err(Told::Error(error)) => Err(error),
                });
            }
            self.queue.notify.notified().await;
        }
    }

    /// The watch as its user sees it.
    pub fn into_stream(self) -> impl Stream<Item = Result<WatchEvent>> + Send + 'static {
        stream::unfold(self, |this| async move {
            loop {
                let event = match this.next().await? {
                    Ok(Next::Change(change)) => change.event(&this.queue.selector).map(Ok),
                    Ok(Next::Bookmark(revision)) => Some(Ok(WatchEvent::Bookmark(revision))),
                    Err(error) => Some(Err(error)),
                };
                if let Some(event) = event {
                    return Some((event, this));
                }
            }
        })
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.remove(self.id);
    }
}
