//! Decides what goes wrong, from a seed, and when a server dies.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use store::StoreError;
use testkit::hostile::Random;
use tokio::sync::Notify;

/// How slow a slow call is at most (milliseconds).
const SLOW_MS_MAX: usize = 400;

/// What may go wrong in a world.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plan {
    /// Where its chances come from.
    pub seed: u64,
    /// The chance of a fault in each call of a port (of 1,000).
    pub per_mille: usize,
    /// So many faults by chance at most, so that runs come to an end.
    pub faults_max: u32,
    /// One crash at an exact point.
    pub crash: Option<Crash>,
    /// Whether objects and journal are two stores, as on Kubernetes: the status of a run's end is a write of its own then.
    pub apart: bool,
    /// The number of appends after which [`crate::When::Planned`] commands are given.
    pub command: Option<u64>,
    /// The number of appends after which another server takes over, while the first lives on.
    pub takeover: Option<u64>,
}

/// An exact point: the n-th append to the journal, counted from 0 over all lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// It does not become durable.
    Before(u64),
    /// It is durable, and nobody learns of it.
    After(u64),
}

/// The faults of one world.
pub(crate) struct Faults {
    plan: Plan,
    random: Mutex<Random>,
    left: AtomicU32,
    appends: AtomicU64,
    appended: Notify,
    dead: AtomicBool,
    died: Notify,
    told: Mutex<Vec<String>>,
}

impl Faults {
    pub(crate) fn new(plan: Plan) -> Self {
        Self {
            plan,
            random: Mutex::new(Random::new(plan.seed)),
            left: AtomicU32::new(plan.faults_max),
            appends: AtomicU64::new(0),
            appended: Notify::new(),
            dead: AtomicBool::new(false),
            died: Notify::new(),
            told: Mutex::default(),
        }
    }

    pub(crate) fn plan(&self) -> Plan {
        self.plan
    }

    fn below(&self, end: usize) -> usize {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).below(end)
    }

    /// Whether this goes wrong now.
    pub(crate) fn strikes(&self, what: impl FnOnce() -> String) -> bool {
        if self.left.load(Ordering::Relaxed) == 0 || self.below(1_000) >= self.plan.per_mille {
            return false;
        }
        self.left.fetch_sub(1, Ordering::Relaxed);
        self.told.lock().unwrap_or_else(PoisonError::into_inner).push(what());
        true
    }

    /// From now on nothing goes wrong by chance.
    pub(crate) fn calm(&self) {
        self.left.store(0, Ordering::Relaxed);
    }

    /// Every call begins with it: a dead server calls nothing and hears nothing; a living one is slow now and then.
    pub(crate) async fn call(&self, what: &str) {
        self.alive().await;
        if self.strikes(|| format!("{what} is slow")) {
            let ms = self.below(SLOW_MS_MAX) as u64;
            tokio::time::sleep(Duration::from_millis(ms)).await;
            self.alive().await;
        }
    }

    pub(crate) async fn alive(&self) {
        if self.dead.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }

    /// The number of this append.
    pub(crate) fn next_append(&self) -> u64 {
        self.appended.notify_waiters();
        self.appends.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether there were as many appends as the plan says for commands.
    pub(crate) fn is_planned_append(&self) -> bool {
        self.plan.command.is_none_or(|nth| self.appends() >= nth)
    }

    /// Whether another server is to take over.
    pub(crate) fn plans_takeover(&self) -> bool {
        self.plan.takeover.is_some()
    }

    /// Returns when there were as many appends as the plan says for another server.
    pub(crate) async fn takeover(&self) {
        while self.plan.takeover.is_some_and(|nth| self.appends() < nth) {
            self.appended(Duration::from_secs(1)).await;
        }
    }

    /// Returns at the next append, or after a while.
    pub(crate) async fn appended(&self, at_most: Duration) {
        let _ = tokio::time::timeout(at_most, self.appended.notified()).await;
    }

    pub(crate) fn appends(&self) -> u64 {
        self.appends.load(Ordering::Relaxed)
    }

    /// Whether the server dies here. The caller goes on to [`Faults::alive`], which never returns then.
    pub(crate) fn dies(&self, here: Crash) -> bool {
        let planned = self.plan.crash == Some(here);
        if !planned && !self.strikes(|| format!("a crash {here:?}")) {
            return false;
        }
        self.dead.store(true, Ordering::Relaxed);
        self.died.notify_one();
        true
    }

    /// Returns when the server has died.
    pub(crate) async fn death(&self) {
        self.died.notified().await;
    }

    /// The next life.
    pub(crate) fn revive(&self) {
        self.dead.store(false, Ordering::Relaxed);
    }

    /// What has gone wrong so far, for whoever looks for the fault.
    pub(crate) fn told(&self) -> Vec<String> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A store that cannot serve now.
pub(crate) fn unavailable(what: &str) -> StoreError {
    StoreError::Unavailable { reason: format!("simulated: {what}"), source: None }
}
