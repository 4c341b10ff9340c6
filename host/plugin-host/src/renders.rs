//! Results of renderers that are kept: the same plugin, tree, configuration and destination give the same manifests, as a renderer has neither clock nor network.
//!
//! What it asked the destination is part of a result. It is asked again before a kept result is given, and the result holds only when all answers are the same.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use lru::LruCache;
use plugin::{Lookup, RenderRequest, Rendered};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Lookups of a result that is kept; one of more is made anew each time, as asking all of them again costs as much (`render_lookups_max`).
const LOOKUPS_MAX: usize = 256;

/// What a result is of: everything that a renderer sees but the destination's answers.
pub(crate) type Key = [u8; 32];

/// The key of a request to a component, whether it may ask the destination.
pub(crate) fn key(component: &str, lookup: bool, request: &RenderRequest) -> Key {
    let RenderRequest { config, files, path, fetched, release, destination } = request;
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        // With its length, so that two parts are never taken for one.
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(component.as_bytes());
    part(&[u8::from(lookup && destination.is_some())]);
    part(config.to_string().as_bytes());
    part(files.digest().as_bytes());
    part(path.as_bytes());
    part(&(fetched.len() as u64).to_le_bytes());
    for tree in fetched {
        part(tree.name.as_bytes());
        part(tree.files.digest().as_bytes());
    }
    for text in [&release.name, &release.namespace, &release.kube_version] {
        part(text.as_bytes());
    }
    part(&(release.api_versions.len() as u64).to_le_bytes());
    for version in &release.api_versions {
        part(version.as_bytes());
    }
    for (name, value) in &release.environment {
        part(name.as_bytes());
        part(value.as_bytes());
    }
    hash.finalize().into()
}

/// The results, the one that was used longest ago given up first.
pub(crate) struct Renders {
    kept: Mutex<Kept>,
    bytes_max: usize,
    given: AtomicU64,
    made: AtomicU64,
}

struct Kept {
    results: LruCache<Key, Entry>,
    bytes: usize,
}

struct Entry {
    rendered: Arc<Rendered>,
    bytes: usize,
}

impl Renders {
    /// For so many bytes of manifests as text (`renders_bytes_max`); none are kept for 0.
    pub(crate) fn new(bytes_max: usize) -> Self {
        let kept = Kept { results: LruCache::unbounded(), bytes: 0 };
        Self { kept: Mutex::new(kept), bytes_max, given: AtomicU64::new(0), made: AtomicU64::new(0) }
    }

    /// The result of a key, which holds when [`holds`] says so of what it asked.
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Rendered>> {
        crate::lock(&self.kept).results.get(key).map(|entry| entry.rendered.clone())
    }

    /// Keeps a result, in the place of the one that its key has. `bytes` is its size as text.
    pub(crate) fn put(&self, key: Key, rendered: &Arc<Rendered>, bytes: usize) {
        let asked: usize = rendered.lookups.iter().map(|(_, answer)| answer.to_string().len()).sum();
        let bytes = bytes.saturating_add(asked).saturating_add(size_of::<Entry>() + size_of::<Key>());
        if bytes > self.bytes_max || rendered.lookups.len() > LOOKUPS_MAX {
            return;
        }
        let mut kept = crate::lock(&self.kept);
        if let Some(before) = kept.results.put(key, Entry { rendered: rendered.clone(), bytes }) {
            kept.bytes -= before.bytes;
        }
        kept.bytes += bytes;
        while kept.bytes > self.bytes_max {
            let Some((_, oldest)) = kept.results.pop_lru() else { break };
            kept.bytes -= oldest.bytes;
        }
    }

    /// Notes that a kept result was given, or that one was made.
    pub(crate) fn count(&self, given: bool) {
        if given { &self.given } else { &self.made }.fetch_add(1, Ordering::Relaxed);
    }

    /// How many results were given of those that are kept, how many were made, and how many bytes are kept.
    pub(crate) fn numbers(&self) -> [u64; 3] {
        let bytes = crate::lock(&self.kept).bytes as u64;
        [self.given.load(Ordering::Relaxed), self.made.load(Ordering::Relaxed), bytes]
    }
}

/// Whether the destination still answers what a result was made of. What it does not answer at all is asked by the renderer itself, whose error is the one to tell.
pub(crate) async fn holds(request: &RenderRequest, lookups: &[(Lookup, Value)]) -> bool {
    // Without one every answer is `null`, and whether there is one is part of the key.
    let Some(destination) = &request.destination else { return true };
    for (what, answer) in lookups {
        match destination.lookup(what).await {
            Ok(now) if now == *answer => {}
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered() -> Arc<Rendered> {
        Arc::new(Rendered::default())
    }

    #[test]
    fn what_was_used_longest_ago_makes_place() {
        let overhead = size_of::<Entry>() + size_of::<Key>();
        let renders = Renders::new(2 * (overhead + 100));
        for key in [1, 2] {
            renders.put([key; 32], &rendered(), 100);
        }
        assert!(renders.get(&[1; 32]).is_some());
        renders.put([3; 32], &rendered(), 100);
        assert!(renders.get(&[2; 32]).is_none() && renders.get(&[1; 32]).is_some());
        assert_eq!(renders.numbers()[2] as usize, 2 * (overhead + 100));
        // The same again takes no more.
        renders.put([1; 32], &rendered(), 50);
        assert_eq!(renders.numbers()[2] as usize, 2 * overhead + 150);
        renders.put([4; 32], &rendered(), 10_000);
        assert!(renders.get(&[4; 32]).is_none() && renders.get(&[1; 32]).is_some(), "larger than all the place");
    }

    #[test]
    fn without_a_place_nothing_is_kept() {
        let renders = Renders::new(0);
        renders.put([1; 32], &rendered(), 0);
        assert!(renders.get(&[1; 32]).is_none());
    }
}
