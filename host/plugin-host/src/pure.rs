//! Clock and randomness that are the same each time: what a renderer sees.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use rand_core::TryRng;
use sha2::{Digest, Sha256};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};

/// 2000-01-01T00:00:00Z: late enough for those who check that a clock was set.
const NOW: Duration = Duration::from_secs(946_684_800);
/// What the clock that measures shows first (ns): two hours.
const BEGIN_NS: u64 = 7_200_000_000_000;
/// How far the clock that measures goes on with each look at it (ns): who waits for it to move does not wait for ever.
const LOOK_NS: u64 = 1_000;
/// Blocks of 32 bytes before randomness comes again.
const RANDOM_BLOCKS: u32 = 128;

/// Randomness of an instance, which begins anew with each call: a result does not depend on when its instance was made, nor, as far as that goes, on what
/// it did before. The clock that measures goes on, as one that goes back breaks those who trust in it, Go's collector among them.
#[derive(Clone, Default)]
pub(crate) struct Anew {
    secure: Arc<AtomicUsize>,
    insecure: Arc<AtomicUsize>,
}

impl Anew {
    /// Gives a context the same clock and the same randomness each time.
    pub(crate) fn in_context(wasi: &mut WasiCtxBuilder) -> Self {
        let anew = Self::default();
        wasi.wall_clock(Standing)
            .monotonic_clock(Looked::default())
            .secure_random(Seeded::new(b"secure", anew.secure.clone()))
            .insecure_random(Seeded::new(b"insecure", anew.insecure.clone()))
            .insecure_random_seed(0);
        anew
    }

    /// A call begins.
    pub(crate) fn begin(&self) {
        self.secure.store(0, Ordering::Relaxed);
        self.insecure.store(0, Ordering::Relaxed);
    }
}

/// Bytes that look random and are the same each time; they come again after a while.
struct Seeded {
    bytes: Vec<u8>,
    at: Arc<AtomicUsize>,
}

impl Seeded {
    fn new(seed: &[u8], at: Arc<AtomicUsize>) -> Self {
        let hashes =
            (0..RANDOM_BLOCKS).map(|block: u32| Sha256::new().chain_update(seed).chain_update(block.to_be_bytes()));
        Self { bytes: hashes.flat_map(|hash| hash.finalize()).collect(), at }
    }

    fn next<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    fn fill(&mut self, to: &mut [u8]) {
        let begun = self.at.fetch_add(to.len(), Ordering::Relaxed);
        let from = self.bytes.iter().cycle().skip(begun % self.bytes.len());
        to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    }
}

impl TryRng for Seeded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_be_bytes(self.next()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_be_bytes(self.next()))
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        self.fill(to);
        Ok(())
    }
}

struct Standing;

impl HostWallClock for Standing {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        NOW
    }
}

struct Looked(AtomicU64);

impl Default for Looked {
    /// Never nothing, which Go takes for a clock that was not looked at; and later than what a component saw that began ahead (`preinit`), as its clock may not go back.
    fn default() -> Self {
        Self(AtomicU64::new(BEGIN_NS))
    }
}

impl HostMonotonicClock for Looked {
    fn resolution(&self) -> u64 {
        LOOK_NS
    }

    fn now(&self) -> u64 {
        self.0.fetch_add(LOOK_NS, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn randomness_is_the_same_from_each_beginning() {
        let anew = Anew::default();
        let mut source = Seeded::new(b"a", anew.secure.clone());
        let mut first = [0; 5000];
        source.fill(&mut first);
        assert_ne!(first[..32], first[32..64]);
        assert_eq!(first[..904], first[4096..], "it comes again after 4096 bytes");
        assert_ne!(source.next::<8>(), first[..8]);
        anew.begin();
        let word = source.try_next_u32().unwrap();
        assert_eq!(word.to_be_bytes(), first[..4]);
        assert_eq!(source.try_next_u64().unwrap().to_be_bytes(), first[4..12]);
        assert_ne!(Seeded::new(b"b", Arc::default()).next::<32>(), first[..32]);
    }
}
