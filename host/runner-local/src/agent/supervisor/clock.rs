//! The supervisor's clocks.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since the epoch.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The time as log entries have it.
pub(crate) fn rfc3339() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}
