//! Trying again, with pauses that grow and differ.

use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use artifact::ErrorClass;
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use crate::breaker::Breaker;
use crate::failure::Failure;

/// How transient errors are retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Retry {
    /// Attempts in all.
    pub attempts_max: u32,
    /// The first pause; each further one is twice as long.
    pub first_ms: u64,
    /// The longest pause.
    pub pause_ms_max: u64,
    /// How long after its first failure an operation is still tried again.
    pub deadline_ms: u64,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts_max: 8, first_ms: 200, pause_ms_max: 10_000, deadline_ms: 120_000 }
    }
}

impl Retry {
    /// The same, where the repository's breaker says when.
    pub(crate) async fn run_at<T, F, A>(&self, what: &str, breaker: &Breaker, mut attempt: A) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
        A: FnMut() -> F,
    {
        let until = Instant::now() + Duration::from_millis(self.deadline_ms);
        let (first, most) = (Duration::from_millis(self.first_ms), Duration::from_millis(self.pause_ms_max));
        let tried = self.run(what, || {
            // Begun only when it is polled.
            let work = attempt();
            async move {
                let turn = breaker.turn(until).await;
                let done = work.await;
                match &done {
                    Err(failure) if failure.class == ErrorClass::Transient => breaker.failed(first, most),
                    _ => breaker.answered(),
                }
                drop(turn);
                done
            }
        });
        tried.await
    }

    /// Runs `attempt` until it succeeds, fails for good, or enough was tried.
    pub(crate) async fn run<T, F, A>(&self, what: &str, mut attempt: A) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
        A: FnMut() -> F,
    {
        let mut pauses = self.pauses();
        loop {
            let failure = match attempt().await {
                Err(failure) if failure.class == ErrorClass::Transient && !failure.tried => failure,
                done => return done,
            };
            let Some(pause) = pauses.next() else { return Err(pauses.gave_up(failure)) };
            tracing::debug!(
                what,
                reason = failure.reason,
                attempt = pauses.made,
                pause_ms = pause.as_millis(),
                "trying again"
            );
            sleep(pause).await;
        }
    }

    /// The pauses of one operation.
    pub(crate) fn pauses(&self) -> Pauses {
        Pauses { retry: *self, made: 0, since: None }
    }
}

/// The pauses of one operation; none is left when enough was tried.
pub(crate) struct Pauses {
    retry: Retry,
    made: u32,
    since: Option<Instant>,
}

impl Pauses {
    /// Says how often it was tried.
    pub(crate) fn gave_up(&self, mut failure: Failure) -> Failure {
        let since = self.since.map_or(Duration::ZERO, |since| since.elapsed());
        failure.tried = true;
        failure.reason = format!("{} (tried {} times in {:.1} s)", failure.reason, self.made, since.as_secs_f64());
        failure
    }
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let since = *self.since.get_or_insert_with(Instant::now);
        self.made += 1;
        let doubled = self.retry.first_ms.saturating_mul(1 << (self.made - 1).min(32));
        let pause = jitter(Duration::from_millis(doubled.min(self.retry.pause_ms_max)));
        let late = since.elapsed() + pause > Duration::from_millis(self.retry.deadline_ms);
        if self.made >= self.retry.attempts_max || late { None } else { Some(pause) }
    }
}

/// Between half and all of a pause, so that what failed together does not come again together.
fn jitter(pause: Duration) -> Duration {
    // The hasher's keys are random; their hash of nothing is a random number.
    let random = RandomState::new().build_hasher().finish() >> 11;
    pause.mul_f64(0.5 + random as f64 / (1u64 << 53) as f64 / 2.0)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::breaker::Breakers;

    async fn tried(retry: Retry, class: ErrorClass) -> (u32, String) {
        let made = Cell::new(0);
        let result: Result<(), Failure> = retry
            .run("x", || async {
                made.set(made.get() + 1);
                Err(Failure::new(class, "no"))
            })
            .await;
        (made.get(), result.unwrap_err().reason)
    }

    #[tokio::test(start_paused = true)]
    async fn only_transient_errors_are_tried_again_and_not_for_ever() {
        let retry = Retry::default();
        assert_eq!(tried(retry, ErrorClass::Permanent).await, (1, "no".to_owned()));
        assert_eq!(tried(retry, ErrorClass::NotFound).await.0, 1);
        assert_eq!(tried(retry, ErrorClass::Denied).await.0, 1);
        let (made, reason) = tried(retry, ErrorClass::Transient).await;
        assert_eq!(made, 8);
        assert!(reason.starts_with("no (tried 8 times in "), "{reason}");
        let (made, _) = tried(Retry { attempts_max: 1000, deadline_ms: 30_000, ..retry }, ErrorClass::Transient).await;
        assert!((6..=20).contains(&made), "{made}");
    }

    /// Many callers of one repository that is down are few knocks; when it is back, all of them go on at once.
    #[tokio::test(start_paused = true)]
    async fn many_callers_knock_one_at_a_time() {
        let (knocks, up) = (Cell::new(0), Cell::new(false));
        let breakers = Breakers::default();
        let artifact = model::workflow::Artifact::default();
        let retry = Retry { attempts_max: 1000, deadline_ms: 600_000, ..Retry::default() };
        let calls = (0..500).map(|_| {
            let (breaker, knocks, up) = (breakers.of(&artifact), &knocks, &up);
            async move {
                let attempt = || async {
                    knocks.set(knocks.get() + 1);
                    if up.get() { Ok(()) } else { Err(Failure::transient("no")) }
                };
                retry.run_at("x", &breaker, attempt).await.map_err(|f| f.reason)
            }
        });
        let back = async {
            sleep(Duration::from_secs(300)).await;
            // The first one learned it for all; then there is one every ten seconds.
            let before = knocks.get();
            assert!((20..=60).contains(&before), "{before}");
            assert_eq!(breakers.seen(), [("none".to_owned(), true)]);
            up.set(true);
        };
        let (done, ()) = futures::join!(futures::future::join_all(calls), back);
        assert!(done.iter().all(Result::is_ok));
        assert_eq!(breakers.seen(), [("none".to_owned(), false)]);
    }

    #[test]
    fn a_pause_is_between_half_and_all() {
        for _ in 0..100 {
            let pause = jitter(Duration::from_millis(1000));
            assert!((500..=1000).contains(&pause.as_millis()), "{pause:?}");
        }
    }
}
