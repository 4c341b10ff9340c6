//! The machine on which steps run: it goes on when a server dies, and remembers what was run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::stream::BoxStream;
use runner::{
    EndClass, EndPhase, LogLine, LogQuery, Runner, RunnerError, Unit, UnitEvent, UnitHappening, UnitKey, UnitResult,
};
use tokio::sync::mpsc;

use crate::faults::Faults;
use crate::time::Time;

/// How a step goes: how long it takes (milliseconds) and how it ends.
#[derive(Debug, Clone)]
pub struct Step {
    /// How long it runs.
    pub lasts_ms: i64,
    /// How it ends.
    pub result: UnitResult,
}

/// Decides how a step goes, by what it is alone: the same step goes the same way in every world.
pub type Decide = fn(&Unit) -> Step;

/// What runs and ran.
pub(crate) struct Machine {
    time: Arc<Time>,
    decide: Decide,
    /// Steps of a template that may run at once, by the template's name.
    exclusive: BTreeMap<String, usize>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    units: BTreeMap<UnitKey, Process>,
    released: BTreeSet<UnitKey>,
    violations: Vec<String>,
    started: Vec<(i64, String)>,
}

struct Process {
    template: String,
    ends_ms: i64,
    result: UnitResult,
}

impl Machine {
    pub(crate) fn new(time: Arc<Time>, decide: Decide, exclusive: BTreeMap<String, usize>) -> Self {
        Self { time, decide, exclusive, inner: Mutex::default() }
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it saw that must not be.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.inner().violations.clone()
    }

    /// Steps that began, in order: when, and which node.
    pub(crate) fn started(&self) -> Vec<(i64, String)> {
        self.inner().started.clone()
    }

    /// Steps whose results nobody has taken.
    pub(crate) fn left(&self) -> Vec<String> {
        self.inner().units.keys().map(ToString::to_string).collect()
    }

    fn start(&self, unit: &Unit) {
        let now = self.time.now_ms();
        let step = (self.decide)(unit);
        let mut inner = self.inner();
        if inner.units.contains_key(&unit.key) {
            return;
        }
        let template = unit.template.name.to_string();
        if inner.released.contains(&unit.key) {
            inner.violations.push(format!("{} ({}) is run again after it had ended", unit.node_name, unit.key));
        }
        let running = inner.units.values().filter(|p| p.template == template && p.ends_ms > now).count();
        if self.exclusive.get(&template).is_some_and(|max| running >= *max) {
            inner.violations.push(format!("{} runs beside {running} others of {template}", unit.node_name));
        }
        let ends_ms = now.saturating_add(step.lasts_ms);
        inner.started.push((now, unit.node_name.to_string()));
        inner.units.insert(unit.key.clone(), Process { template, ends_ms, result: step.result });
    }

    fn stop(&self, key: &UnitKey) {
        let now = self.time.now_ms();
        if let Some(process) = self.inner().units.get_mut(key).filter(|p| p.ends_ms > now) {
            process.ends_ms = now;
            process.result = UnitResult::new(EndPhase::Failed, EndClass::Stopped, "stopped");
        }
    }

    fn ends_ms(&self, key: &UnitKey) -> Option<i64> {
        self.inner().units.get(key).map(|p| p.ends_ms)
    }

    fn result(&self, key: &UnitKey) -> Option<UnitResult> {
        let inner = self.inner();
        let process = inner.units.get(key)?;
        Some(UnitResult { finished_ms: process.ends_ms, ..process.result.clone() })
    }

    fn release(&self, key: &UnitKey) {
        let mut inner = self.inner();
        if inner.units.remove(key).is_some() {
            inner.released.insert(key.clone());
        }
    }
}

/// One server's way to the machine: calls that fail, events that come late or twice.
#[derive(Clone)]
pub(crate) struct MachineRunner {
    pub(crate) machine: Arc<Machine>,
    pub(crate) time: Arc<Time>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) events: mpsc::Sender<UnitEvent>,
}

impl MachineRunner {
    async fn tell(&self, key: &UnitKey, what: UnitHappening) {
        self.faults.call("an event of a step").await;
        let event = UnitEvent { key: key.clone(), at_ms: self.time.now_ms(), what };
        if self.faults.strikes(|| "an event of a step comes twice".to_owned()) {
            let _ = self.events.send(event.clone()).await;
        }
        // Nobody listens any more when the server is dead.
        let _ = self.events.send(event).await;
    }

    /// Tells what becomes of a unit, until it has ended.
    fn follow(&self, key: UnitKey) {
        let this = self.clone();
        tokio::spawn(async move {
            this.tell(&key, UnitHappening::Started { message: String::new(), ip: None, host: None }).await;
            while let Some(ends_ms) = this.machine.ends_ms(&key).filter(|at| *at > this.time.now_ms()) {
                // A stop may bring the end forward; looking now and then is what an agent's socket would tell at once.
                this.time.sleep_until(ends_ms.min(this.time.now_ms().saturating_add(100))).await;
            }
            if let Some(result) = this.machine.result(&key) {
                this.tell(&key, UnitHappening::Ended(Box::new(result))).await;
            }
        });
    }

    fn fails(&self, key: &UnitKey, what: &str) -> Result<(), RunnerError> {
        match self.faults.strikes(|| what.to_owned()) {
            true => Err(RunnerError::Unavailable {
                unit: key.to_string(),
                reason: format!("simulated: {what}"),
                source: None,
            }),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Runner for MachineRunner {
    fn name(&self) -> &'static str {
        "machine"
    }

    async fn start(&self, unit: Unit) -> Result<(), RunnerError> {
        self.faults.call("a start").await;
        self.fails(&unit.key, "a start fails")?;
        self.machine.start(&unit);
        self.follow(unit.key.clone());
        self.fails(&unit.key, "a step was started and the answer is lost")
    }

    async fn stop(&self, key: &UnitKey, _grace_ms: u64) -> Result<(), RunnerError> {
        self.faults.call("a stop").await;
        self.fails(key, "a stop fails")?;
        self.machine.stop(key);
        self.follow(key.clone());
        Ok(())
    }

    async fn adopt(&self) -> Result<Vec<UnitKey>, RunnerError> {
        let keys: Vec<UnitKey> = self.machine.inner().units.keys().cloned().collect();
        keys.iter().for_each(|key| self.follow(key.clone()));
        Ok(keys)
    }

    async fn logs(
        &self,
        key: &UnitKey,
        _query: LogQuery,
    ) -> Result<BoxStream<'static, Result<LogLine, RunnerError>>, RunnerError> {
        Err(RunnerError::Unknown { unit: key.to_string() })
    }

    async fn release(&self, key: &UnitKey) -> Result<(), RunnerError> {
        self.faults.call("a release").await;
        self.machine.release(key);
        Ok(())
    }

    async fn forget(&self, _workflow_uid: &str) -> Result<(), RunnerError> {
        Ok(())
    }

    async fn containers(&self, _key: &UnitKey) -> Result<Vec<String>, RunnerError> {
        Ok(vec!["main".to_owned()])
    }
}
