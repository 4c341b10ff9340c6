//! The virtual runner: whoever made it decides how each unit ends. No process, no image, no file.
//!
//! Tests, simulations and the users' test kit run whole workflows on it: every rule of the language can be tried without a step being run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::{
    EndClass, EndPhase, LogLine, LogQuery, Runner, RunnerError, Unit, UnitEvent, UnitHappening, UnitKey, UnitResult,
};

/// How a unit goes.
#[derive(Debug, Clone)]
pub struct Script {
    /// How long it runs (milliseconds of the runner's clock).
    pub lasts_ms: u64,
    /// What it writes to its log.
    pub log: Vec<String>,
    /// How it ends. A daemon tells that it is ready and ends when it is stopped.
    pub result: UnitResult,
}

impl Script {
    /// Ends well at once, leaving nothing.
    pub fn succeeds() -> Self {
        Self { lasts_ms: 0, log: Vec::new(), result: UnitResult::new(EndPhase::Succeeded, EndClass::None, "") }
    }

    /// Fails at once with an exit code.
    pub fn exits(code: i32) -> Self {
        let (phase, class, message) = match code {
            0 => (EndPhase::Succeeded, EndClass::None, String::new()),
            code => (EndPhase::Failed, EndClass::ExitCode, format!("main: Error (exit code {code})")),
        };
        let mut script = Self { result: UnitResult::new(phase, class, &message), ..Self::succeeds() };
        script.result.exit_code = Some(code);
        script
    }

    /// With an output parameter.
    #[must_use]
    pub fn with_parameter(mut self, name: &str, value: &str) -> Self {
        self.result.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a result.
    #[must_use]
    pub fn with_result(mut self, result: &str) -> Self {
        self.result.result = Some(result.to_owned());
        self
    }

    /// That runs for a while.
    #[must_use]
    pub fn lasting(mut self, ms: u64) -> Self {
        self.lasts_ms = ms;
        self
    }
}

impl UnitResult {
    /// An end without outputs.
    pub fn new(phase: EndPhase, class: EndClass, message: &str) -> Self {
        Self {
            phase,
            class,
            message: message.to_owned(),
            exit_code: None,
            containers: Vec::new(),
            result: None,
            parameters: Vec::new(),
            artifacts: Vec::new(),
            cpu_ms: None,
            memory_peak_bytes: None,
            started_ms: None,
            finished_ms: 0,
        }
    }
}

/// Decides how a unit goes.
pub type Decide = Arc<dyn Fn(&Unit) -> Script + Send + Sync>;

/// The time of a virtual runner.
pub struct Time {
    /// Milliseconds since the epoch.
    pub now_ms: Box<dyn Fn() -> i64 + Send + Sync>,
    /// Waits for so many milliseconds.
    pub sleep: Box<dyn Fn(u64) -> BoxFuture<'static, ()> + Send + Sync>,
}

impl Time {
    /// The machine's time.
    pub fn system() -> Self {
        let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Self {
            now_ms: Box::new(move || i64::try_from(now().as_millis()).unwrap_or(i64::MAX)),
            sleep: Box::new(|ms| Box::pin(tokio::time::sleep(std::time::Duration::from_millis(ms)))),
        }
    }
}

/// The virtual runner.
pub struct VirtualRunner {
    decide: Decide,
    events: mpsc::Sender<UnitEvent>,
    time: Arc<Time>,
    units: Arc<Mutex<HashMap<UnitKey, State>>>,
}

enum State {
    Running { task: Option<AbortHandle>, log: Vec<String> },
    Over { log: Vec<String> },
}

impl VirtualRunner {
    /// A runner whose units go as `decide` says.
    pub fn new(events: mpsc::Sender<UnitEvent>, time: Time, decide: Decide) -> Self {
        Self { decide, events, time: Arc::new(time), units: Arc::default() }
    }

    fn units(&self) -> std::sync::MutexGuard<'_, HashMap<UnitKey, State>> {
        self.units.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn tell(&self, key: &UnitKey, what: UnitHappening) {
        let event = UnitEvent { key: key.clone(), at_ms: (self.time.now_ms)(), what };
        // Nobody listens any more when the server stops.
        let _ = self.events.send(event).await;
    }
}

#[async_trait]
impl Runner for VirtualRunner {
    fn name(&self) -> &'static str {
        "virtual"
    }

    async fn start(&self, unit: Unit) -> Result<(), RunnerError> {
        let key = unit.key.clone();
        let mut script = (self.decide)(&unit);
        let daemon = unit.template.daemon == Some(true);
        let log = script.log.clone();
        if self.units().contains_key(&key) {
            return Ok(());
        }
        self.units().insert(key.clone(), State::Running { task: None, log: log.clone() });
        if daemon && script.result.phase == EndPhase::Succeeded {
            self.tell(
                &key,
                UnitHappening::Started { message: String::new(), ip: Some("127.0.0.1".to_owned()), host: None },
            )
            .await;
            self.tell(&key, UnitHappening::Ready { ip: Some("127.0.0.1".to_owned()) }).await;
            return Ok(());
        }
        if script.lasts_ms == 0 {
            // Nothing in between is seen: the end says all.
            script.result.finished_ms = (self.time.now_ms)();
            self.units().insert(key.clone(), State::Over { log });
            self.tell(&key, UnitHappening::Ended(Box::new(script.result))).await;
            return Ok(());
        }
        self.tell(&key, UnitHappening::Started { message: String::new(), ip: None, host: None }).await;
        let (events, time, units) = (self.events.clone(), self.time.clone(), self.units.clone());
        let key2 = key.clone();
        let task = tokio::spawn(async move {
            (time.sleep)(script.lasts_ms).await;
            script.result.finished_ms = (time.now_ms)();
            units.lock().unwrap_or_else(PoisonError::into_inner).insert(key2.clone(), State::Over { log });
            let what = UnitHappening::Ended(Box::new(script.result));
            let _ = events.send(UnitEvent { key: key2, at_ms: (time.now_ms)(), what }).await;
        });
        if let Some(State::Running { task: slot, .. }) = self.units().get_mut(&key) {
            *slot = Some(task.abort_handle());
        }
        Ok(())
    }

    async fn stop(&self, key: &UnitKey, _grace_ms: u64) -> Result<(), RunnerError> {
        let end = {
            let mut units = self.units();
            match units.get_mut(key) {
                Some(State::Over { .. }) => return Ok(()),
                Some(State::Running { task, log }) => {
                    if let Some(task) = task {
                        task.abort();
                    }
                    let log = std::mem::take(log);
                    units.insert(key.clone(), State::Over { log });
                    UnitResult::new(EndPhase::Failed, EndClass::Stopped, "stopped")
                }
                None => UnitResult::new(EndPhase::Error, EndClass::Lost, "StepLost: nothing is known of it"),
            }
        };
        self.tell(key, UnitHappening::Ended(Box::new(end))).await;
        Ok(())
    }

    async fn adopt(&self) -> Result<Vec<UnitKey>, RunnerError> {
        Ok(self.units().keys().cloned().collect())
    }

    async fn logs(
        &self,
        key: &UnitKey,
        query: LogQuery,
    ) -> Result<BoxStream<'static, Result<LogLine, RunnerError>>, RunnerError> {
        let units = self.units();
        let Some(State::Running { log, .. } | State::Over { log }) = units.get(key) else {
            return Err(RunnerError::Unknown { unit: key.to_string() });
        };
        let tail = query.tail_lines.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
        let skip = log.len().saturating_sub(tail);
        let at_ms = (self.time.now_ms)();
        let lines: Vec<_> = log
            .iter()
            .skip(skip)
            .map(|text| Ok(LogLine { container: "main".into(), at_ms, text: Bytes::from(text.clone()) }))
            .collect();
        Ok(futures::stream::iter(lines).boxed())
    }

    async fn release(&self, key: &UnitKey) -> Result<(), RunnerError> {
        // Only what wrote a log is worth remembering.
        let mut units = self.units();
        if matches!(units.get(key), Some(State::Over { log }) if log.is_empty()) {
            units.remove(key);
        }
        Ok(())
    }

    async fn forget(&self, workflow_uid: &str) -> Result<(), RunnerError> {
        self.units().retain(|key, _| key.split_once('/').is_none_or(|(uid, _)| uid != workflow_uid));
        Ok(())
    }

    async fn containers(&self, _key: &UnitKey) -> Result<Vec<String>, RunnerError> {
        Ok(vec!["main".to_owned()])
    }
}
