//! The runner's side in the server.

pub(crate) mod keys;
mod link;
mod logs;
mod outputs;
mod unit;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::stream::BoxStream;
use runner::{
    EndClass, EndPhase, Environment, LogLine, LogQuery, Runner, RunnerError, Unit, UnitEvent, UnitHappening, UnitKey,
    UnitResult,
};
use tokio::sync::Semaphore;

use crate::agent::supervisor::record;
use crate::images::ImageStore;
use crate::plan::volumes::OWNER_SUFFIX;
use crate::settings::Settings;
use keys::{Places, units_dir};
use link::AgentLink;
use unit::{Handle, Order};

/// Units told to a server at a time when it comes back.
const ADOPT_MAX: usize = 100_000;

/// Runs units as processes and containers on this machine.
pub struct LocalRunner {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub settings: Arc<Settings>,
    pub environment: Environment,
    pub images: Arc<ImageStore>,
    link: AgentLink,
    units: Mutex<HashMap<UnitKey, Arc<Handle>>>,
    preparing: Semaphore,
}

impl LocalRunner {
    /// Makes a runner; the agent is started with the first unit, or by [`LocalRunner::warm_up`].
    ///
    /// # Errors
    /// When the data folder cannot be used.
    pub async fn new(settings: Settings, environment: Environment) -> Result<Self, RunnerError> {
        let trouble =
            |reason: String| RunnerError::Unavailable { unit: "local runner".to_owned(), reason, source: None };
        let mut environment = environment;
        tokio::fs::create_dir_all(units_dir(&environment.data_dir))
            .await
            .map_err(|e| trouble(format!("{}: {e}", environment.data_dir.display())))?;
        // The agent works elsewhere: only whole paths mean the same to it.
        environment.data_dir = tokio::fs::canonicalize(&environment.data_dir)
            .await
            .map_err(|e| trouble(format!("{}: {e}", environment.data_dir.display())))?;
        if environment.data_dir.to_str().is_none() {
            return Err(trouble(format!("{}: the data folder's path must be UTF-8", environment.data_dir.display())));
        }
        let settings = Arc::new(settings);
        let images = ImageStore::open(&environment.data_dir, &settings.insecure_registries)
            .map_err(|e| trouble(format!("image store: {e}")))?;
        let link = AgentLink::new(&environment.data_dir, settings.clone());
        let preparing = Semaphore::new(settings.preparing_max.max(1));
        let inner = Inner { settings, environment, images: Arc::new(images), link, units: Mutex::default(), preparing };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Starts the agent now and says how steps will be isolated, for people: empty when nothing is missing.
    ///
    /// # Errors
    /// When the agent cannot be started.
    pub async fn warm_up(&self) -> Result<Vec<String>, RunnerError> {
        let status = self.inner.link.status().await.map_err(|e| RunnerError::Unavailable {
            unit: "local runner".to_owned(),
            reason: e.to_string(),
            source: Some(Box::new(e)),
        })?;
        Ok(status.notes.clone())
    }

    /// The image store, for the commands about images.
    pub fn images(&self) -> Arc<ImageStore> {
        self.inner.images.clone()
    }

    /// Ends the agent. Units that run go on and are found by [`Runner::adopt`] of the next runner of this folder.
    pub async fn shut_down(&self) {
        self.inner.link.shut_down().await;
    }
}

impl Inner {
    pub(super) fn places(&self, key: &str) -> Places {
        Places::of(&self.environment.data_dir, key)
    }

    fn units(&self) -> std::sync::MutexGuard<'_, HashMap<UnitKey, Arc<Handle>>> {
        self.units.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, key: &str) -> Option<Arc<Handle>> {
        self.units().get(key).cloned()
    }

    /// The handle of this key and whether it is new.
    fn insert(&self, key: &UnitKey) -> (Arc<Handle>, Option<tokio::sync::mpsc::UnboundedReceiver<Order>>) {
        let mut units = self.units();
        if let Some(found) = units.get(key) {
            return (found.clone(), None);
        }
        let (handle, orders) = Handle::new(key.clone());
        let handle = Arc::new(handle);
        units.insert(key.clone(), handle.clone());
        (handle, Some(orders))
    }

    pub(super) async fn tell(&self, key: &UnitKey, at_ms: i64, what: UnitHappening) {
        let event = UnitEvent { key: key.clone(), at_ms, what };
        if self.environment.events.send(event).await.is_err() {
            tracing::debug!(unit = %key, "nobody listens to events any more");
        }
    }

    /// Looks for a unit that this server does not know, and follows it.
    fn find(self: &Arc<Self>, key: &UnitKey) -> bool {
        let places = self.places(key);
        if record::read(&places.log_dir).map_or(true, |r| r.is_empty()) {
            return false;
        }
        if let (handle, Some(orders)) = self.insert(key) {
            tokio::spawn(unit::follow(self.clone(), handle, orders));
        }
        true
    }
}

/// Milliseconds since the epoch.
pub(super) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// The result of a unit whose supervisor is gone.
pub(super) fn lost(message: String) -> UnitResult {
    ended(EndPhase::Error, EndClass::Lost, format!("StepLost: {message}"))
}

/// A result without any processes.
pub(super) fn ended(phase: EndPhase, class: EndClass, message: String) -> UnitResult {
    UnitResult {
        phase,
        class,
        message,
        exit_code: None,
        containers: Vec::new(),
        result: None,
        parameters: Vec::new(),
        artifacts: Vec::new(),
        cpu_ms: None,
        memory_peak_bytes: None,
        started_ms: None,
        finished_ms: now_ms(),
    }
}

#[async_trait]
impl Runner for LocalRunner {
    fn name(&self) -> &'static str {
        "local"
    }

    async fn start(&self, unit: Unit) -> Result<(), RunnerError> {
        let inner = &self.inner;
        if unit.key.is_empty() || unit.key.len() > 1024 {
            return Err(RunnerError::Refused { unit: unit.key.to_string(), reason: "not a unit's key".to_owned() });
        }
        let key = unit.key.clone();
        match inner.insert(&key) {
            (handle, Some(orders)) => {
                tokio::spawn(unit::begin(inner.clone(), handle, orders, unit));
            }
            (handle, None) => {
                let again = handle.told();
                let inner = inner.clone();
                tokio::spawn(async move {
                    for (at_ms, what) in again {
                        inner.tell(&key, at_ms, what).await;
                    }
                });
            }
        }
        Ok(())
    }

    async fn stop(&self, key: &UnitKey, grace_ms: u64) -> Result<(), RunnerError> {
        let inner = &self.inner;
        if inner.handle(key).is_none() && !inner.find(key) {
            let result = lost("nothing is known of it".to_owned());
            inner.tell(key, now_ms(), UnitHappening::Ended(Box::new(result))).await;
            return Ok(());
        }
        if let Some(handle) = inner.handle(key) {
            match handle.end() {
                Some((at_ms, end)) => inner.tell(key, at_ms, end).await,
                None => handle.order(Order::Stop { grace_ms }),
            }
        }
        Ok(())
    }

    async fn adopt(&self) -> Result<Vec<UnitKey>, RunnerError> {
        let inner = &self.inner;
        let data_dir = inner.environment.data_dir.clone();
        let found = tokio::task::spawn_blocking(move || claimed(&data_dir)).await.unwrap_or_default();
        for key in &found {
            inner.find(key);
        }
        Ok(found)
    }

    async fn logs(
        &self,
        key: &UnitKey,
        query: LogQuery,
    ) -> Result<BoxStream<'static, Result<LogLine, RunnerError>>, RunnerError> {
        logs::stream(self.inner.clone(), key.clone(), query).await
    }

    async fn release(&self, key: &UnitKey) -> Result<(), RunnerError> {
        let places = self.inner.places(key);
        if let Some(handle) = self.inner.handle(key) {
            if handle.end().is_none() {
                return Err(RunnerError::Refused { unit: key.to_string(), reason: "it has not ended".to_owned() });
            }
            self.inner.units().remove(key);
        }
        // Not waited for: many files may go.
        tokio::task::spawn_blocking(move || remove(&places.unit_dir));
        Ok(())
    }

    async fn forget(&self, workflow_uid: &str) -> Result<(), RunnerError> {
        let data_dir = self.inner.environment.data_dir.clone();
        let uid = workflow_uid.to_owned();
        self.inner.units().retain(|key, handle| {
            let of_run = key.split_once('/').is_some_and(|(run, _)| run == uid);
            !of_run || handle.end().is_none()
        });
        let done = tokio::task::spawn_blocking(move || forget(&data_dir, &uid)).await;
        done.map_err(|e| RunnerError::Unavailable {
            unit: workflow_uid.to_owned(),
            reason: e.to_string(),
            source: None,
        })
    }

    async fn containers(&self, key: &UnitKey) -> Result<Vec<String>, RunnerError> {
        logs::containers(&self.inner.places(key), key)
    }
}

/// Keys of all units that were claimed and not released. What was only prepared is removed.
fn claimed(data_dir: &Path) -> Vec<UnitKey> {
    let Ok(entries) = std::fs::read_dir(units_dir(data_dir)) else { return Vec::new() };
    let mut keys = Vec::new();
    for entry in entries.flatten().take(ADOPT_MAX) {
        let name = entry.file_name();
        let Some(places) = name.to_str().and_then(|n| Places::of_unit_dir(data_dir, n)) else { continue };
        let records = record::read(&places.log_dir).unwrap_or_default();
        let key = records.iter().find_map(|r| match r {
            crate::agent::protocol::Record::Claim { key, .. } => Some(key.clone()),
            _ => None,
        });
        match key {
            Some(key) => keys.push(key.into()),
            None if link::supervisor_lives(&places.unit_dir) => {}
            None => remove(&places.unit_dir),
        }
    }
    keys
}

fn forget(data_dir: &Path, workflow_uid: &str) {
    let prefix = keys::workflow_prefix(workflow_uid);
    for entry in std::fs::read_dir(units_dir(data_dir)).into_iter().flatten().flatten() {
        let mine = entry.file_name().to_str().is_some_and(|n| n.starts_with(&prefix));
        if mine && !link::supervisor_lives(&entry.path()) {
            remove(&entry.path());
        }
    }
    remove(&keys::workflow_logs(data_dir, workflow_uid));
    for namespace in std::fs::read_dir(data_dir.join("volumes")).into_iter().flatten().flatten() {
        for entry in std::fs::read_dir(namespace.path()).into_iter().flatten().flatten() {
            let path = entry.path();
            let Some(claim) = path.to_str().and_then(|p| p.strip_suffix(OWNER_SUFFIX)).map(PathBuf::from) else {
                continue;
            };
            if std::fs::read(&path).is_ok_and(|owner| owner == workflow_uid.as_bytes()) {
                remove(&claim);
                remove(&path);
            }
        }
    }
}

/// Removes a file or folder, also one whose folders a step made unreadable for us.
fn remove(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return };
    if !metadata.is_dir() {
        let _ = std::fs::remove_file(path);
        return;
    }
    if std::fs::remove_dir_all(path).is_ok() {
        return;
    }
    let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700));
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        remove(&entry.path());
    }
    if let Err(e) = std::fs::remove_dir(path) {
        tracing::warn!(path = %path.display(), error = %e, "could not remove what a step left");
    }
}
