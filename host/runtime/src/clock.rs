//! Where the loop's time and randomness come from. Engines are handed both; tests give their own.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use engine::{IdSource, Timestamp};

/// A clock.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// Now, by the wall clock. May jump; nothing here relies on its running evenly.
    fn now(&self) -> Timestamp;
    /// Returns when it is (by the wall clock) at least `at`, or earlier: the caller looks again.
    async fn until(&self, at: Timestamp);
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// How long one sleep lasts at most (`sleep_max`): a clock that is set back or forward is noticed after that.
const SLEEP_MAX: Duration = Duration::from_secs(30);

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    async fn until(&self, at: Timestamp) {
        let left = u64::try_from(at.millis_since(self.now())).unwrap_or(0);
        tokio::time::sleep(Duration::from_millis(left).min(SLEEP_MAX)).await;
    }
}

/// Random bytes from the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemIds;

impl IdSource for SystemIds {
    fn fill(&mut self, bytes: &mut [u8]) {
        // The kernel's generator is there from the first moment on; should it ever fail, time is what is left to differ by.
        if getrandom::fill(bytes).is_err() {
            let seed = SystemClock.now().as_millis().unsigned_abs();
            engine::SeededIds::new(seed).fill(bytes);
        }
    }
}

/// A shared clock.
pub type SharedClock = Arc<dyn Clock>;
