//! One circuit breaker for each repository that is called: while it does not answer, one caller at a time knocks, with growing pauses, and all others
//! wait for what it hears. A thousand steps whose repository is down are one knock every few seconds, not a thousand; and when it is back, all go on.
//!
//! ```text
//!   closed ── a transient failure ──► open: knock, pause, knock …  ── an answer of any kind ──► closed
//! ```

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::workflow::Artifact;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until, timeout_at};

/// Repositories that are remembered (`breakers_max`): more, and all are taken to be well.
const BREAKERS_MAX: usize = 1_000;

/// All of a server.
#[derive(Default)]
pub(crate) struct Breakers(Mutex<HashMap<String, Arc<Breaker>>>);

impl Breakers {
    /// That of a repository.
    pub(crate) fn of(&self, artifact: &Artifact) -> Arc<Breaker> {
        let name = dependency(artifact);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= BREAKERS_MAX && !all.contains_key(&name) {
            all.clear();
        }
        all.entry(name.clone()).or_insert_with(|| Arc::new(Breaker::new(name))).clone()
    }

    /// Repositories that were open once, and whether they are now.
    pub(crate) fn seen(&self) -> Vec<(String, bool)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen: Vec<_> = all.values().filter_map(|b| Some((b.name.clone(), b.state().seen?))).collect();
        seen.sort();
        seen
    }
}

/// A repository's name for people: driver and host, without credentials.
fn dependency(artifact: &Artifact) -> String {
    let at = &artifact.location;
    let host = |url: &str| {
        let shown = egress::shown(url);
        let rest = shown.split_once("://").map_or(shown.as_str(), |(_, rest)| rest);
        rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned()
    };
    let named = match crate::place::driver(artifact) {
        "s3" => at.s3.as_ref().map(|s3| if s3.endpoint.is_empty() { s3.bucket.clone() } else { host(&s3.endpoint) }),
        "azure" => at.azure.as_ref().map(|azure| host(&azure.endpoint)),
        "oss" => at.oss.as_ref().map(|oss| host(&oss.endpoint)),
        "gcs" => Some("storage".to_owned()),
        "http" => at.http.as_ref().map(|http| host(&http.url)),
        "artifactory" => at.artifactory.as_ref().map(|artifactory| host(&artifactory.url)),
        "git" => at.git.as_ref().map(|git| host(&git.repo)),
        _ => None,
    };
    format!("{} {}", crate::place::driver(artifact), named.unwrap_or_default()).trim_end().to_owned()
}

/// Of one repository.
pub(crate) struct Breaker {
    name: String,
    knock: Semaphore,
    state: Mutex<State>,
}

#[derive(Default, Clone, Copy)]
struct State {
    /// Failures since the last answer; open when there is one.
    failures: u32,
    /// When the next knock may be.
    next: Option<Instant>,
    /// Whether it is open, once it was.
    seen: Option<bool>,
}

impl Breaker {
    fn new(name: String) -> Self {
        Self { name, knock: Semaphore::new(1), state: Mutex::default() }
    }

    fn state(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when the caller may try: at once where all is well; where not, when its turn to knock has come, or somebody heard an answer, or `until` is over.
    pub(crate) async fn turn(&self, until: Instant) -> Option<SemaphorePermit<'_>> {
        if self.state().failures == 0 {
            return None;
        }
        let permit = timeout_at(until, self.knock.acquire()).await.ok()?.ok()?;
        let next = self.state().next?;
        // Nobody else knocks meanwhile, so nothing can be heard earlier.
        sleep_until(next.min(until)).await;
        Some(permit)
    }

    /// It did not answer.
    pub(crate) fn failed(&self, first: Duration, pause_max: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = first.saturating_mul(1 << state.failures.min(16)).min(pause_max);
        state.next = Some(Instant::now() + pause);
        state.failures = state.failures.saturating_add(1);
        if state.seen != Some(true) {
            tracing::warn!(repository = self.name, "it does not answer: one at a time tries until it does");
        }
        state.seen = Some(true);
    }

    /// It answered, whatever it said.
    pub(crate) fn answered(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.seen == Some(true) {
            tracing::info!(repository = self.name, "it answers again");
            state.seen = Some(false);
        }
        state.failures = 0;
        state.next = None;
    }
}
