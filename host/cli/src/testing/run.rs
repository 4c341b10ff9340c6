//! Runs the cases of test files, several at a time, and hands the results out in the order of the files.
//!
//! ```text
//!   (suite, case), (suite, case), … ──► threads, each with a server of its own for each case ──► results ──► in order ──► told
//! ```

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use super::expect::{self, Difference};
use super::play::{self, Played};
use super::suite::{Ready, Suite};
use crate::host::{ConfigRequest, Host};

/// What a thread that plays a case may use of its stack: a server in it decides about deep runs.
const STACK_BYTES: usize = 16 << 20;

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As expected.
    Passed,
    /// Not as expected.
    Failed,
    /// It was not run, as it says.
    Skipped,
}

/// A case that is over.
#[derive(Debug)]
pub struct Outcome {
    /// The test file, by number.
    pub suite: usize,
    /// The case within it, by number.
    pub case: usize,
    /// How it ended.
    pub verdict: Verdict,
    /// What is not as expected.
    pub differences: Vec<Difference>,
    /// What was seen of it; absent when it was not run.
    pub played: Option<Box<Played>>,
    /// How long it took in real time.
    pub wall: Duration,
}

/// What is run, and how.
pub struct Job {
    /// The binary's parts.
    pub host: Arc<dyn Host>,
    /// The configuration of every server.
    pub config: ConfigRequest,
    /// The test files.
    pub suites: Arc<Vec<Suite>>,
    /// The cases that are wanted: suite and case.
    pub wanted: Vec<(usize, usize)>,
    /// At most so many at a time.
    pub threads: usize,
    /// Begin no more after the first failure.
    pub fail_fast: bool,
    /// Begin no more: somebody interrupted.
    pub stop: Arc<AtomicBool>,
}

impl Job {
    /// Begins. The results come in the order of the cases, each as soon as it and all before it are there.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start(self) -> std::io::Result<tokio::sync::mpsc::UnboundedReceiver<Outcome>> {
        let (done, results) = mpsc::channel::<(usize, Outcome)>();
        let (told, ordered) = tokio::sync::mpsc::unbounded_channel();
        let threads = self.threads.clamp(1, self.wanted.len().max(1));
        let job = Arc::new(self);
        let next = Arc::new(AtomicUsize::new(0));
        for _ in 0..threads {
            let (job, next, done) = (job.clone(), next.clone(), done.clone());
            thread(move || job.work(&next, &done))?;
        }
        drop(done);
        thread(move || {
            let mut waiting = BTreeMap::new();
            let mut expected = 0;
            for (at, outcome) in results {
                waiting.insert(at, outcome);
                while let Some(outcome) = waiting.remove(&expected) {
                    expected += 1;
                    if told.send(outcome).is_err() {
                        return;
                    }
                }
            }
        })?;
        Ok(ordered)
    }

    fn work(&self, next: &AtomicUsize, done: &mpsc::Sender<(usize, Outcome)>) {
        while !self.stop.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((suite, case)) = self.wanted.get(at).copied() else { return };
            let Some(ready) = self.suites.get(suite).and_then(|suite| suite.cases.get(case)) else { return };
            let outcome = self.one(suite, case, ready);
            if self.fail_fast && outcome.verdict == Verdict::Failed {
                self.stop.store(true, Ordering::Relaxed);
            }
            if done.send((at, outcome)).is_err() {
                return;
            }
        }
    }

    fn one(&self, suite: usize, case: usize, ready: &Ready) -> Outcome {
        let begun = Instant::now();
        if ready.case.skip.is_some() {
            let verdict = Verdict::Skipped;
            return Outcome { suite, case, verdict, differences: Vec::new(), played: None, wall: Duration::ZERO };
        }
        let played = play::play(&*self.host, &self.config, ready);
        let differences = expect::compare(ready, &played);
        let verdict = if differences.is_empty() { Verdict::Passed } else { Verdict::Failed };
        Outcome { suite, case, verdict, differences, played: Some(Box::new(played)), wall: begun.elapsed() }
    }
}

fn thread(work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name("colchis-test".into()).stack_size(STACK_BYTES).spawn(work).map(drop)
}
