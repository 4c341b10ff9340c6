//! A plugin whose calls break off one after another is set aside for a while, and longer each time: what is broken is not called thousands of times.
//!
//! ```text
//!   in service ── traps, one after another ──► set aside ── its time is over ──► one call
//!        ▲                                         ▲                               │
//!        └────────────── it gave an answer ────────┼───────────────────────────────┤
//!                                                  └───────── it trapped ──────────┘
//! ```

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Calls in a row that break off before a plugin is set aside (`traps_in_a_row_max`).
const TRAPS_MAX: u32 = 5;
/// How long it is set aside at first, and at most.
const ASIDE_MIN: Duration = Duration::from_secs(1);
const ASIDE_MAX: Duration = Duration::from_secs(300);

/// Whether calls are let through.
#[derive(Debug, Default)]
pub(crate) struct Quarantine(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Calls that broke off since the last answer.
    traps: u32,
    /// How often it was set aside since.
    times: u32,
    /// Until when it is.
    until: Option<Instant>,
}

impl Quarantine {
    /// How long no call is let through. When that is over, one is, and nobody else until it ended.
    pub(crate) fn admit(&self, now: Instant) -> Result<(), Duration> {
        let mut state = crate::lock(&self.0);
        match state.until {
            Some(until) if until > now => Err(until - now),
            Some(_) => {
                // The one that tries; the others wait as long as it may take at the least.
                state.until = Some(now + ASIDE_MIN);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// How long it is still set aside.
    pub(crate) fn left(&self, now: Instant) -> Option<Duration> {
        crate::lock(&self.0).until.and_then(|until| until.checked_duration_since(now))
    }

    /// A call gave an answer, be it an error.
    pub(crate) fn answered(&self) {
        *crate::lock(&self.0) = State::default();
    }

    /// A call broke off.
    pub(crate) fn broke_off(&self, now: Instant) {
        let mut state = crate::lock(&self.0);
        state.traps += 1;
        if state.traps >= TRAPS_MAX {
            let aside = ASIDE_MIN.saturating_mul(2_u32.saturating_pow(state.times)).min(ASIDE_MAX);
            state.times += 1;
            state.until = Some(now + aside);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_set_aside_longer_each_time_until_it_answers() {
        let (quarantine, mut now) = (Quarantine::default(), Instant::now());
        for _ in 0..TRAPS_MAX {
            assert!(quarantine.admit(now).is_ok());
            quarantine.broke_off(now);
        }
        for expected in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            let left = quarantine.admit(now).unwrap_err();
            assert_eq!((left, quarantine.left(now)), (Duration::from_secs(expected), Some(left)));
            now += left;
            assert!(quarantine.admit(now).is_ok(), "one tries");
            assert!(quarantine.admit(now).is_err(), "and the others wait");
            quarantine.broke_off(now);
        }
        quarantine.answered();
        assert!(quarantine.admit(now).is_ok() && quarantine.left(now).is_none());
        quarantine.broke_off(now);
        assert!(quarantine.admit(now).is_ok(), "one alone is nothing");
    }
}
