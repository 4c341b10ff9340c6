//! The call that is under way: how long it may still take, and what time it is.

use std::time::Duration;

use crate::{Error, Result, host};

/// Whether to stop now: the caller gave up, or the server stops.
pub fn is_cancelled() -> bool {
    host::is_cancelled()
}

/// An error when it is time to stop: `call::check()?` in a loop that takes long.
pub fn check() -> Result<()> {
    if is_cancelled() {
        return Err(Error::unavailable("the call was cancelled").with_code("cancelled"));
    }
    Ok(())
}

/// How long the call may still take. The host ends one that goes on past that, and its instance with it.
pub fn remaining() -> Duration {
    host::remaining()
}

/// Milliseconds since 1970-01-01T00:00:00Z.
pub fn now_ms() -> u64 {
    host::now_ms()
}

/// Waits, but not past the end of the call.
pub fn sleep(time: Duration) {
    host::sleep(time.min(remaining()));
}

/// A random number: for ids of what has none. Not for secrets.
pub fn random() -> u64 {
    host::random()
}
