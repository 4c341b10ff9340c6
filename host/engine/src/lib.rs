//! The contract that all engines share, and the tests that hold for every one of them.
//!
//! ```text
//!            input, now, ids                    commit                     perform
//!   runtime ───────────────► handle ── changes ───────► journal ── effects ───────► runner, store, bus …
//!                              │  ▲                                                     │
//!                              ▼  │ state                                               │
//!                            apply┘ ◄──────────────── answers come back as inputs ◄─────┘
//! ```
//!
//! Invariants
//! - Only [`Engine::apply`] moves state, live and at recovery alike; it never evaluates and never fails.
//! - [`Engine::handle`] is total: whatever it is given, it answers with a report. It reads no clock, no randomness, no file, no socket.
//! - Handling an answered effect's answer again changes nothing.
//! - The effects of a state are a function of that state: [`Engine::outstanding`].
//!
//! Must not know: an async runtime, the network, the file system, a clock.

mod codec;
mod tx;

pub mod proof;

pub use codec::{Codec, CodecError, Json};
pub use model::Timestamp;
pub use tx::{CHANGES_BYTES_MAX, CHANGES_MAX, Tx};

/// Where an engine's ids and random bytes come from. What it draws goes into changes, so that replay draws nothing.
pub trait IdSource {
    /// Fills `bytes` with random bytes.
    fn fill(&mut self, bytes: &mut [u8]);

    /// Sixty-four random bits.
    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

/// A counter as a source, for tests and simulations: the same seed gives the same ids.
#[derive(Debug, Clone)]
pub struct SeededIds(u64);

impl SeededIds {
    /// Starts at `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }
}

impl IdSource for SeededIds {
    fn fill(&mut self, bytes: &mut [u8]) {
        // splitmix64: small, well spread, and the same on every machine.
        for chunk in bytes.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            for (byte, value) in chunk.iter_mut().zip(z.to_le_bytes()) {
                *byte = value;
            }
        }
    }
}

/// A decision maker: state in, changes out.
pub trait Engine: Sized + 'static {
    /// One instance's state. [`Default`] is the state before its first change.
    type State: Default + Send;
    /// What can happen to an instance.
    type Input: Send;
    /// One step of state.
    type Change: Send + Sync;
    /// What the world is asked to do. Carries a stable key, so that performing it twice is harmless.
    type Effect: Send;
    /// What the instance waits for and what it refused, in the user's words.
    type Report: Send;

    /// The engine's name in journals, metrics and messages.
    const NAME: &'static str;

    /// Decides. Pure, synchronous, total. `tx.emit(change)` applies the change and records it; a transaction whose commit fails is dropped and
    /// the state is rebuilt. Makes about [`CHANGES_MAX`] changes per call at most; when [`Engine::next_wake`] then answers a moment that is not
    /// later than `now`, it asks to be called again.
    fn handle(tx: &mut Tx<'_, Self>, input: Self::Input, now: Timestamp, ids: &mut dyn IdSource) -> Self::Report;

    /// The input that says only that time has passed.
    fn wake() -> Self::Input;

    /// Applies one change; the only way that state moves. Never evaluates, never fails.
    fn apply(state: &mut Self::State, change: &Self::Change);

    /// The effects that this change, just applied, asks for. Their union over an instance's life less what was answered is [`Engine::outstanding`];
    /// the runtime performs these after the commit without looking through the whole state.
    fn effects(state: &Self::State, change: &Self::Change, out: &mut Vec<Self::Effect>);

    /// Effects that were asked for and not answered: what a restarted server must perform again. Derived from the state alone.
    fn outstanding(state: &Self::State) -> Vec<Self::Effect>;

    /// The next moment at which the answer may change, derived from the state alone.
    fn next_wake(state: &Self::State) -> Option<Timestamp>;

    /// Whether an instance that still has something to do may leave memory until the next input: nothing is due, and of what was asked nothing is answered
    /// by what only the instance's own memory knows.
    fn rests(state: &Self::State) -> bool {
        Self::outstanding(state).is_empty() && Self::next_wake(state).is_none()
    }

    /// About how many bytes of users' values a change holds, where that can be many: a transaction is full by their sum as by their number.
    fn weight(_change: &Self::Change) -> usize {
        0
    }

    /// Changes that give this state to an empty one: a snapshot, written when an instance that lives long has many records. `None` for engines whose
    /// instances end.
    fn condense(_state: &Self::State) -> Option<Vec<Self::Change>> {
        None
    }

    /// Whether the instance still has something to do: recovery reads only live ones.
    fn live(state: &Self::State) -> bool;
}
