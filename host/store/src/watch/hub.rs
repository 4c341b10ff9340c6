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
    ring: Ring,
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
            ring: Ring::default(),
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
            inner.ring.push(change);
        }
        inner.ring.trim(self.limits.watch_ring_max, self.limits.watch_ring_bytes_max);
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
        let missed = inner.ring.changes.iter().skip(usize::try_from(after - oldest).unwrap_or(usize::MAX));
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
        inner.ring = Ring::default();
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
        self.ring.changes.front().map_or(self.revision, |change| change.revision.saturating_sub(1))
    }
}

/// The recent changes, and what they hold in memory.
#[derive(Default)]
struct Ring {
    changes: VecDeque<Arc<Change>>,
    bytes: u64,
    /// How many of the changes share a body, by where it lies: it is counted once, for as long as one of them holds it.
    bodies: HashMap<usize, usize>,
}

impl Ring {
    fn push(&mut self, change: Arc<Change>) {
        let (own, body) = bytes(&change);
        self.bytes += own;
        if let Some((at, bytes)) = body {
            let holders = self.bodies.entry(at).or_default();
            self.bytes += if *holders == 0 { bytes } else { 0 };
            *holders += 1;
        }
        self.changes.push_back(change);
    }

    fn pop(&mut self) -> bool {
        let Some(old) = self.changes.pop_front() else { return false };
        let (own, body) = bytes(&old);
        self.bytes = self.bytes.saturating_sub(own);
        if let Some((at, bytes)) = body
            && let Some(holders) = self.bodies.get_mut(&at)
        {
            *holders -= 1;
            if *holders == 0 {
                self.bodies.remove(&at);
                self.bytes = self.bytes.saturating_sub(bytes);
            }
        }
        true
    }

    fn trim(&mut self, changes_max: usize, bytes_max: u64) {
        while (self.changes.len() > changes_max || self.bytes > bytes_max) && self.pop() {}
    }
}

/// What a change holds by itself, and its object's body: where it lies and how long it is. `before` is `after` of an earlier change most of the time.
fn bytes(change: &Change) -> (u64, Option<(usize, u64)>) {
    let Some(object) = change.object() else { return (128, None) };
    let body = object.body.get();
    let length = body.len() as u64;
    (128 + codec::size_of(object).saturating_sub(length), Some((body.as_ptr().addr(), length)))
}

#[cfg(test)]
mod tests {
    use model::{Object, ObjectMeta};
    use serde_json::value::RawValue;

    use super::*;
    use crate::watch::Seen;

    fn object(name: &str, body: &Arc<RawValue>) -> Arc<Object> {
        Arc::new(Object {
            api_version: "v1".to_owned(),
            kind: "ConfigMap".to_owned(),
            metadata: ObjectMeta::named("default", name),
            body: body.clone(),
            status: None,
        })
    }

    /// A body that many changes share counts once, and for as long as the ring holds one of them.
    #[test]
    fn a_shared_body_counts_once_and_to_the_end() {
        let body = |name: &str| -> Arc<RawValue> {
            RawValue::from_string(format!(r#"{{"{name}":"{}"}}"#, "x".repeat(10_000))).unwrap().into()
        };
        let (one, two) = (body("one"), body("two"));
        let mut ring = Ring::default();
        for revision in 0..100 {
            let (name, body) = if revision % 2 == 0 { ("one", &one) } else { ("two", &two) };
            let seen = Seen { object: object(name, body), phase: "".into() };
            ring.push(Arc::new(Change { revision, before: Some(seen.clone()), after: Some(seen), last: None }));
        }
        let small = ring.bytes - 20_000;
        assert!(small < 100 * 1_000, "{}", ring.bytes);
        // What is left holds both bodies, however few changes there are.
        ring.trim(2, u64::MAX);
        assert!(ring.bytes > 20_000 && ring.bytes < 22_000, "{}", ring.bytes);
        ring.trim(1, u64::MAX);
        assert!(ring.bytes > 10_000 && ring.bytes < 11_000, "{}", ring.bytes);
        ring.trim(1, 10_000);
        assert_eq!((ring.bytes, ring.changes.len(), ring.bodies.len()), (0, 0, 0));
    }
}
