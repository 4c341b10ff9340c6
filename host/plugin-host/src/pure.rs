//! Clock and randomness that are the same each time: what a renderer sees.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sha2::{Digest, Sha256};
use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};

/// 2000-01-01T00:00:00Z: late enough for those who check that a clock was set.
const NOW: Duration = Duration::from_secs(946_684_800);
/// How far the clock that measures goes on with each look at it (ns): who waits for it to move does not wait for ever.
const LOOK_NS: u64 = 1_000;
/// Blocks of 32 bytes before randomness comes again.
const RANDOM_BLOCKS: u32 = 128;

/// Gives a context the same clock and the same randomness each time.
pub(crate) fn same_each_time(wasi: &mut WasiCtxBuilder) {
    wasi.wall_clock(Standing)
        .monotonic_clock(Looked::default())
        .secure_random(Deterministic::new(seeded(b"secure")))
        .insecure_random(Deterministic::new(seeded(b"insecure")))
        .insecure_random_seed(0);
}

/// Bytes that look random and are the same each time; they come again after a while.
fn seeded(seed: &[u8]) -> Vec<u8> {
    let hashes =
        (0..RANDOM_BLOCKS).map(|block: u32| Sha256::new().chain_update(seed).chain_update(block.to_be_bytes()));
    hashes.flat_map(|hash| hash.finalize()).collect()
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

#[derive(Default)]
struct Looked(AtomicU64);

impl HostMonotonicClock for Looked {
    fn resolution(&self) -> u64 {
        LOOK_NS
    }

    fn now(&self) -> u64 {
        self.0.fetch_add(LOOK_NS, Ordering::Relaxed)
    }
}
