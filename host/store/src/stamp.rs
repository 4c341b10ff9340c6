//! A stamp for tests: a clock that is driven and ids that are counted.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::objects::Stamp;

/// The alphabet of Kubernetes' generated names: no vowels, nothing that looks like another.
pub const NAME_ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// Deterministic: the same calls in the same order give the same times and ids.
#[derive(Debug)]
pub struct ManualStamp {
    now_ms: AtomicI64,
    drawn: AtomicU64,
    seed: u64,
}

impl ManualStamp {
    /// A clock that stands at `now_ms` and ids that follow from `seed`.
    pub fn new(now_ms: i64, seed: u64) -> Self {
        Self { now_ms: AtomicI64::new(now_ms), drawn: AtomicU64::new(0), seed }
    }

    /// Moves the clock; backwards when negative.
    pub fn advance_ms(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// Sets the clock.
    pub fn set_ms(&self, now_ms: i64) {
        self.now_ms.store(now_ms, Ordering::Relaxed);
    }

    /// The next pseudo-random number (SplitMix64).
    fn draw(&self) -> u64 {
        let n = self.drawn.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let z = self.seed.wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Stamp for ManualStamp {
    fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    fn uid(&self) -> String {
        let (a, b) = (self.draw(), self.draw());
        let (version, variant) = (0x4000 | (a & 0xfff), 0x8000 | (b >> 48 & 0x3fff));
        format!("{:08x}-{:04x}-{version:04x}-{variant:04x}-{:012x}", a >> 32, a >> 16 & 0xffff, b & 0xffff_ffff_ffff)
    }

    fn name_suffix(&self) -> String {
        suffix(self.draw())
    }
}

/// Five characters of [`NAME_ALPHABET`].
pub fn suffix(mut random: u64) -> String {
    let base = NAME_ALPHABET.len() as u64;
    (0..5)
        .filter_map(|_| {
            let digit = usize::try_from(random % base).ok()?;
            random /= base;
            NAME_ALPHABET.get(digit).map(|c| char::from(*c))
        })
        .collect()
}
