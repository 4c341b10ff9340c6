//! Hot objects in memory, never older than the last commit.
//!
//! A large object would push out all the others: of those only a faint reference is kept, which serves for as long as somebody else holds them, the ring of
//! recent changes for example. So a large run whose status is written every second is not read from the file for it.
//!
//! Only the writer brings news. A reader that fetched a row may fill it in, unless a commit newer than the reader's snapshot touched its place
//! meanwhile.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use hashlink::LruCache;
use model::Object;
use store::objects::Key;
use store::watch::Seen;

use crate::row::{Kind, Row};

const SHARDS: usize = 8;
/// Places whose newest change is remembered; two keys in one place only cost a fill.
const PLACES: usize = 1024;

pub(crate) struct Cache {
    shards: Vec<Mutex<Shard>>,
    hash: RandomState,
    bytes_max: u64,
}

struct Shard {
    rows: LruCache<Key, Row, RandomState>,
    bytes: u64,
    large: HashMap<Key, Faint>,
    changed: Vec<u64>,
}

/// A large object that somebody else may hold.
struct Faint {
    id: i64,
    kind: Arc<Kind>,
    created_ms: i64,
    phase: Arc<str>,
    object: Weak<Object>,
}

impl Cache {
    pub(crate) fn new(bytes_max: u64) -> Self {
        let shard = || Shard {
            rows: LruCache::with_hasher(usize::MAX, RandomState::new()),
            bytes: 0,
            large: HashMap::new(),
            changed: vec![0; PLACES],
        };
        let shards = (0..SHARDS).map(|_| Mutex::new(shard())).collect();
        Self { shards, hash: RandomState::new(), bytes_max: bytes_max / SHARDS as u64 }
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Row> {
        let (mut shard, _) = self.shard(key)?;
        shard.rows.get(key).cloned().or_else(|| shard.large.get(key)?.strengthen(key))
    }

    /// After a commit: the object is in this state, or gone.
    pub(crate) fn commit(&self, key: &Key, row: Option<Row>, revision: u64) {
        let Some((mut shard, place)) = self.shard(key) else { return };
        if let Some(changed) = shard.changed.get_mut(place) {
            *changed = revision;
        }
        match row {
            Some(row) => shard.insert(key, row, self.bytes_max),
            None => shard.remove(key),
        }
    }

    /// A row that was read at `snapshot`.
    pub(crate) fn fill(&self, row: Row, snapshot: u64) {
        let key = row.key.clone();
        let Some((mut shard, place)) = self.shard(&key) else { return };
        if shard.changed.get(place).is_some_and(|changed| *changed <= snapshot) {
            shard.insert(&key, row, self.bytes_max);
        }
    }

    /// Forgets everything: the database was reopened at `revision`.
    pub(crate) fn clear(&self, revision: u64) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.rows.clear();
            shard.large.clear();
            shard.bytes = 0;
            // A reader of the old connections must not fill in what it saw.
            shard.changed.fill(revision.saturating_add(1));
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.shards.iter().map(|s| s.lock().unwrap_or_else(PoisonError::into_inner).bytes).sum()
    }

    fn shard(&self, key: &Key) -> Option<(MutexGuard<'_, Shard>, usize)> {
        let hash = self.hash.hash_one(key);
        let index = usize::try_from(hash % SHARDS as u64).ok()?;
        let place = usize::try_from(hash / SHARDS as u64 % PLACES as u64).ok()?;
        Some((self.shards.get(index)?.lock().unwrap_or_else(PoisonError::into_inner), place))
    }
}

impl Faint {
    fn of(row: &Row) -> Self {
        let object = Arc::downgrade(&row.seen.object);
        Self { id: row.id, kind: row.kind.clone(), created_ms: row.created_ms, phase: row.seen.phase.clone(), object }
    }

    fn strengthen(&self, key: &Key) -> Option<Row> {
        let seen = Seen { object: self.object.upgrade()?, phase: self.phase.clone() };
        Some(Row::new(self.id, self.kind.clone(), key.clone(), self.created_ms, seen))
    }
}

impl Shard {
    fn insert(&mut self, key: &Key, row: Row, bytes_max: u64) {
        self.remove(key);
        if row.bytes > bytes_max / 2 {
            self.large.retain(|_, faint| faint.object.strong_count() > 0);
            self.large.insert(key.clone(), Faint::of(&row));
            return;
        }
        self.bytes += row.bytes;
        self.rows.insert(key.clone(), row);
        while self.bytes > bytes_max {
            let Some((_, old)) = self.rows.remove_lru() else { break };
            self.bytes = self.bytes.saturating_sub(old.bytes);
        }
    }

    fn remove(&mut self, key: &Key) {
        self.large.remove(key);
        if let Some(old) = self.rows.remove(key) {
            self.bytes = self.bytes.saturating_sub(old.bytes);
        }
    }
}
