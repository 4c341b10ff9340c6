//! One time for all lives: it stands still between them and moves only while everything waits.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use model::Timestamp;
use store::objects::Stamp;
use store::stamp::ManualStamp;
use tokio::time::Instant;

/// When a world begins: a day in May 2026 (milliseconds since the epoch).
const BEGIN_MS: i64 = 1_778_000_000_000;

/// The world's time, and the ids that are drawn in it.
pub(crate) struct Time {
    base_ms: AtomicI64,
    begun: Mutex<Option<Instant>>,
    ids: ManualStamp,
}

impl Time {
    pub(crate) fn new(seed: u64) -> Self {
        Self { base_ms: AtomicI64::new(BEGIN_MS), begun: Mutex::new(None), ids: ManualStamp::new(BEGIN_MS, seed) }
    }

    /// A life begins; call it within its Tokio runtime.
    pub(crate) fn begin(&self) {
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// A life ends; call it within its Tokio runtime.
    pub(crate) fn end(&self) {
        let now = self.now_ms();
        self.base_ms.store(now, Ordering::Relaxed);
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) fn now_ms(&self) -> i64 {
        let begun = *self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = begun.map_or(0, |begun| begun.elapsed().as_millis());
        self.base_ms.load(Ordering::Relaxed).saturating_add(i64::try_from(passed).unwrap_or(i64::MAX))
    }

    pub(crate) async fn sleep_until(&self, at_ms: i64) {
        let left = u64::try_from(at_ms.saturating_sub(self.now_ms())).unwrap_or(0);
        tokio::time::sleep(Duration::from_millis(left)).await;
    }
}

#[async_trait]
impl runtime::Clock for Time {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_ms())
    }

    async fn until(&self, at: Timestamp) {
        self.sleep_until(at.as_millis()).await;
    }
}

impl Stamp for Time {
    fn now_ms(&self) -> i64 {
        Self::now_ms(self)
    }

    fn uid(&self) -> String {
        self.ids.uid()
    }

    fn name_suffix(&self) -> String {
        self.ids.name_suffix()
    }
}
