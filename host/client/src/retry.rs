//! Repeating what may be repeated.

use std::future::Future;
use std::time::Duration;

use tonic::{Code, Status};

/// What to do when the server is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// How often a read is tried in all; 1: never again.
    pub attempts_max: u32,
    /// The pause before the second try; doubled for each further one.
    pub pause_min: Duration,
    /// The longest pause.
    pub pause_max: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts_max: 5, pause_min: Duration::from_millis(50), pause_max: Duration::from_secs(2) }
    }
}

impl Retry {
    /// No second try.
    pub const NEVER: Retry = Retry { attempts_max: 1, pause_min: Duration::ZERO, pause_max: Duration::ZERO };

    /// The pause before try `next` (from 2): doubling, up to `pause_max`.
    pub fn pause(&self, next: u32) -> Duration {
        let doublings = next.saturating_sub(2).min(16);
        self.pause_min.saturating_mul(1 << doublings).min(self.pause_max)
    }
}

/// Whether the server, or the way to it, was away.
pub(crate) fn away(status: &Status) -> bool {
    status.code() == Code::Unavailable
        || (matches!(status.code(), Code::Unknown | Code::Internal | Code::Cancelled)
            && std::error::Error::source(status).is_some())
}

/// Calls until it is answered by a server that is there.
pub(crate) async fn repeat<T, F>(retry: Retry, mut call: impl FnMut() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    let mut tried = 1;
    loop {
        match call().await {
            Err(status) if away(&status) && tried < retry.attempts_max => {
                tried += 1;
                tokio::time::sleep(retry.pause(tried)).await;
            }
            answer => return answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const QUICK: Retry =
        Retry { attempts_max: 3, pause_min: Duration::from_millis(1), pause_max: Duration::from_millis(2) };

    #[tokio::test]
    async fn only_an_absent_server_is_asked_again() {
        for (status, tries) in [(Status::unavailable("x"), 3), (Status::not_found("x"), 1), (Status::internal("x"), 1)]
        {
            let tried = Cell::new(0);
            let answer: Result<(), Status> = repeat(QUICK, || {
                tried.set(tried.get() + 1);
                let status = status.clone();
                async move { Err(status) }
            })
            .await;
            assert_eq!(answer.unwrap_err().code(), status.code());
            assert_eq!(tried.get(), tries, "{status}");
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let retry = Retry::default();
        let pauses: Vec<u128> = (2..10).map(|n| retry.pause(n).as_millis()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
    }
}
