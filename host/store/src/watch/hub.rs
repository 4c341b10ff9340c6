//! The ring of recent changes and the watchers.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Change;
use super::subscription::{Queue, Subscription};
use crate::objects::{Revision, Selector};
use crate::{Limits, Result, StoreError, codec};

/// Where committed changes are published and watches begin.
pub struct Hub {
    inner: Mutex<Inner>,
    limits: Limits,
}

/// A revision cannot be resumed from: it is older than the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The oldest revision that the ring can resume after.
    pub oldest: Revision,
}

struct Inner {
    revision: Revision,
    ring: VecDeque<Arc<Change>>,
    ring_bytes: u64,
    next_id: u64,
    watchers: BTreeMap<u64, Arc<Queue>>,
    /// Those that can be shown objects of any name.
    wide: BTreeSet<u64>,
    /// Those that want one name.
    named: HashMap<Arc<str>, Vec<u64>>,
    bookmarked: Revision,
    closed: bool,
}

impl Hub {
    /// A hub for a store at this revision, without history.
    pub fn new(revision: Revision, limits: Limits) -> Arc<Self> {
        let inner = Inner {
            revision,
            ring: VecDeque::new(),
            ring_bytes: 0,
            next_id: 0,
            watchers: BTreeMap::new(),
            wide: BTreeSet::new(),
            named: HashMap::new(),
            bookmarked: revision,
            closed: false,
        };
        Arc::new(Self { inner: Mutex::new(inner), limits })
    }

    /// The newest published revision.
    pub fn revision(&self) -> Revision {
        self.lock().revision
    }

    /// The oldest revision that [`Hub::subscribe`] can resume after.
    pub fn oldest(&self) -> Revision {
        self.lock().oldest()
    }

    /// Tells all watchers; the changes are durable and continue the revisions without a gap.
    pub fn publish(&self, changes: impl IntoIterator<Item = Change>) {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let mut touched: BTreeSet<u64> = BTreeSet::new();
        for change in changes {
            let change = Arc::new(change);
            inner.revision = change.revision;
            let name = change.object().map(|o| o.metadata.name.as_str()).unwrap_or_default();
            let named = inner.named.get(name).map(Vec::as_slice).unwrap_or_default();
            for id in inner.wide.iter().chain(named) {
                let Some(queue) = inner.watchers.get(id) else { continue };
                if queue.offer(&change, self.limits.watch_buffer_max) {
                    touched.insert(*id);
                }
            }
            inner.ring_bytes += bytes(&change);
            inner.ring.push_back(change);
        }
        while inner.ring.len() > self.limits.watch_ring_max || inner.ring_bytes > self.limits.watch_ring_bytes_max {
            let Some(old) = inner.ring.pop_front() else { break };
            inner.ring_bytes = inner.ring_bytes.saturating_sub(bytes(&old));
        }
        for id in touched {
            if let Some(queue) = inner.watchers.get(&id) {
                queue.wake();
            }
        }
        if inner.revision.saturating_sub(inner.bookmarked) >= self.limits.bookmark_every {
            inner.bookmarked = inner.revision;
            for queue in inner.watchers.values() {
                queue.bookmark(inner.revision);
                queue.wake();
            }
        }
    }

    /// Begins a watch of what happens after `after`, from the ring.
    pub fn subscribe(self: &Arc<Self>, selector: &Selector, after: Revision) -> Result<Result<Subscription, Gap>> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(StoreError::Unavailable { reason: "the store is closed".to_owned(), source: None });
        }
        let oldest = inner.oldest();
        if after < oldest {
            return Ok(Err(Gap { oldest }));
        }
        let open = inner.watchers.len();
        Limits::check(|| "open watches".to_owned(), "watchers_max", self.limits.watchers_max as u64, open as u64 + 1)?;
        let queue = Arc::new(Queue::new(selector.clone(), after));
        let missed = inner.ring.iter().skip(usize::try_from(after - oldest).unwrap_or(usize::MAX));
        missed.for_each(|change| {
            queue.offer(change, usize::MAX);
        });
        // Behind what it missed, it may forget everything up to now.
        queue.bookmark(inner.revision);
        let id = inner.next_id;
        inner.next_id += 1;
        inner.watchers.insert(id, queue.clone());
        match &selector.name {
            Some(name) => inner.named.entry(name.clone()).or_default().push(id),
            None => {
                inner.wide.insert(id);
            }
        }
        Ok(Ok(Subscription::new(self.clone(), id, queue)))
    }

    /// Ends every watch and forgets the history: the store was reopened and is at `revision`.
    pub fn reset(&self, revision: Revision, reason: &str) {
        let mut inner = self.lock();
        inner.ring.clear();
        inner.ring_bytes = 0;
        inner.revision = revision;
        inner.bookmarked = revision;
        for queue in std::mem::take(&mut inner.watchers).values() {
            queue.cut(StoreError::Unavailable { reason: reason.to_owned(), source: None });
        }
        inner.wide.clear();
        inner.named.clear();
    }

    /// Ends every watch for good: the store was closed.
    pub fn close(&self) {
        self.lock().closed = true;
        self.reset(self.revision(), "the store was closed");
    }

    /// How many watches are open.
    pub fn watchers(&self) -> usize {
        self.lock().watchers.len()
    }

    pub(super) fn remove(&self, id: u64) {
        let mut inner = self.lock();
        inner.wide.remove(&id);
        let Some(name) = inner.watchers.remove(&id).and_then(|queue| queue.selector().name.clone()) else { return };
        if let Some(ids) = inner.named.get_mut(&name) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                inner.named.remove(&name);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn oldest(&self) -> Revision {
        self.ring.front().map_or(self.revision, |change| change.revision.saturating_sub(1))
    }
}

fn bytes(change: &Change) -> u64 {
    let Some(object) = change.object() else { return 128 };
    // `before` is `after` of an earlier change most of the time, and shares the body with it.
    let shares = change.before.as_ref().is_some_and(|before| Arc::ptr_eq(&before.object.body, &object.body));
    let shared = if shares { object.body.get().len() as u64 } else { 0 };
    128 + codec::size_of(object).saturating_sub(shared)
}
