//! The runner's side in the server.

mod component;
pub(crate) mod keys;
mod link;
mod logs;
mod outputs;
mod own_log;
mod slots;
#[cfg(all(target_os = "linux", not(colchis_plain)))]
mod source;
#[cfg(not(all(target_os = "linux", not(colchis_plain))))]
#[path = "source_plain.rs"]
mod source;
mod unit;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use futures::stream::BoxStream;
use plugin::Programs;
use runner::{
    EndClass, EndPhase, Environment, LogLine, LogQuery, Runner, RunnerError, StepLog, Unit, UnitEvent, UnitHappening,
    UnitKey, UnitResult,
};
use tokio::sync::Semaphore;

use crate::agent::supervisor::record;
use crate::images::ImageStore;
use crate::plan::volumes::OWNER_SUFFIX;
use crate::settings::Settings;
use keys::{Places, units_dir};
use link::AgentLink;
use slots::Slots;
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
    slots: Arc<Slots>,
    link: AgentLink,
    units: Mutex<HashMap<UnitKey, Arc<Handle>>>,
    /// Steps of somebody else whose logs are being written here.
    writing: Mutex<HashSet<UnitKey>>,
    preparing: Semaphore,
    /// What runs components of WebAssembly.
    programs: OnceLock<Arc<dyn Programs>>,
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
        let store = settings.image_store.as_deref().unwrap_or(&environment.data_dir);
        let images = ImageStore::open(store, &settings.insecure_registries)
            .map_err(|e| trouble(format!("image store of {}: {e}", store.display())))?
            .guarded(settings.guard.clone());
        let slots =
            Slots::open(units_dir(&environment.data_dir)).map_err(|e| trouble(format!("scratch folders: {e}")))?;
        let link = AgentLink::new(&environment.data_dir, settings.clone());
        let preparing = Semaphore::new(settings.preparing_max.max(1));
        let (images, slots) = (Arc::new(images), Arc::new(slots));
        let inner = Inner {
            settings,
            environment,
            images,
            slots,
            link,
            units: Mutex::default(),
            writing: Mutex::default(),
            preparing,
            programs: OnceLock::new(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Lends it what runs components of WebAssembly; without it, a unit whose image is one ends in error. What was lent first stays.
    pub fn lend_programs(&self, programs: Arc<dyn Programs>) {
        let _ = self.inner.programs.set(programs);
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

    /// Frees layers of images that were removed, except those a unit stands on; answers the bytes freed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn prune_images(&self) -> Result<u64, crate::images::ImageError> {
        let inner = self.inner.clone();
        let done = tokio::task::spawn_blocking(move || inner.images.prune(&inner.layers_in_use()));
        done.await.unwrap_or_else(|e| Err(crate::images::ImageError::new(e.to_string())))
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

    /// Steps of somebody else whose logs are being written.
    fn writing(&self) -> std::sync::MutexGuard<'_, HashSet<UnitKey>> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Keys of all units that were claimed and not released. The scratch of those that were only prepared is given back.
    fn claimed(&self) -> Vec<(UnitKey, PathBuf)> {
        let mut keys = Vec::new();
        for (slot, key) in self.slots.owned().into_iter().take(ADOPT_MAX) {
            let known = record::read(&self.places(&key).log_dir).is_ok_and(|r| !r.is_empty());
            if known {
                keys.push((key.into(), slot));
            } else if self.handle(&key).is_none() {
                self.slots.give_back(slot, &self.places(&key).record());
            }
        }
        keys
    }

    /// Tells something that may be missed.
    pub(super) fn hint(&self, key: &UnitKey, what: UnitHappening) {
        let _ = self.environment.events.try_send(UnitEvent { key: key.clone(), at_ms: now_ms(), what });
    }

    /// Layers that units stand on.
    fn layers_in_use(&self) -> Vec<PathBuf> {
        let units = self.slots.owned().into_iter();
        let records = units.flat_map(|(_, key)| record::read(&self.places(&key).log_dir).unwrap_or_default());
        records
            .filter_map(|r| match r {
                crate::agent::protocol::Record::Claim { unit, .. } => serde_json::from_value::<unit::Claim>(unit).ok(),
                _ => None,
            })
            .flat_map(|claim| claim.layers)
            .collect()
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
        let of_server = inner.clone();
        let found = tokio::task::spawn_blocking(move || of_server.claimed()).await.unwrap_or_default();
        let mut keys = Vec::with_capacity(found.len());
        for (key, slot) in found {
            inner.find(&key);
            if let Some(handle) = inner.handle(&key) {
                handle.offer_slot(slot);
            }
            keys.push(key);
        }
        Ok(keys)
    }

    async fn logs(
        &self,
        key: &UnitKey,
        query: LogQuery,
    ) -> Result<BoxStream<'static, Result<LogLine, RunnerError>>, RunnerError> {
        logs::stream(self.inner.clone(), key.clone(), query).await
    }

    async fn release(&self, key: &UnitKey) -> Result<(), RunnerError> {
        let slot = match self.inner.handle(key) {
            Some(handle) if handle.end().is_none() => {
                return Err(RunnerError::Refused { unit: key.to_string(), reason: "it has not ended".to_owned() });
            }
            Some(handle) => {
                self.inner.units().remove(key);
                handle.take_slot()
            }
            None => None,
        };
        if let Some(slot) = slot {
            let slots = self.inner.slots.clone();
            // Not waited for: many files may go.
            let record = self.inner.places(key).record();
            tokio::task::spawn_blocking(move || slots.give_back(slot, &record));
        }
        Ok(())
    }

    async fn forget(&self, workflow_uid: &str) -> Result<(), RunnerError> {
        let data_dir = self.inner.environment.data_dir.clone();
        let uid = workflow_uid.to_owned();
        let mut scratch = Vec::new();
        self.inner.units().retain(|key, handle| {
            let goes = key.split_once('/').is_some_and(|(run, _)| run == uid) && handle.end().is_some();
            if goes {
                scratch.extend(handle.take_slot().map(|slot| (slot, self.inner.places(key).record())));
            }
            !goes
        });
        let slots = self.inner.slots.clone();
        let done = tokio::task::spawn_blocking(move || {
            scratch.into_iter().for_each(|(slot, record)| slots.give_back(slot, &record));
            forget(&data_dir, &uid);
        });
        let done = done.await;
        done.map_err(|e| RunnerError::Unavailable {
            unit: workflow_uid.to_owned(),
            reason: e.to_string(),
            source: None,
        })
    }

    async fn containers(&self, key: &UnitKey) -> Result<Vec<String>, RunnerError> {
        logs::containers(&self.inner, key)
    }

    fn log(&self, key: &UnitKey) -> Arc<dyn StepLog> {
        Arc::new(own_log::LentLog::new(self.inner.clone(), key.clone()))
    }
}

fn forget(data_dir: &Path, workflow_uid: &str) {
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

/// Removes a file or folder, and says so where that cannot be done.
pub(crate) fn remove(path: &Path) {
    if let Err(e) = remove_all(path) {
        tracing::warn!(path = %path.display(), error = %e, "could not remove what a step left");
    }
}

/// Removes a file or folder, also one in which a step, or the kernel for it, made folders unreadable for us. One that is not there
/// is no error.
///
/// # Errors
/// The first thing that cannot be removed; all else is gone.
pub fn remove_all(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let gone = |result: std::io::Result<()>| match result {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    let metadata = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(e) => return gone(Err(e)),
    };
    if !metadata.is_dir() {
        return gone(std::fs::remove_file(path));
    }
    if std::fs::remove_dir_all(path).is_ok() {
        return Ok(());
    }
    let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700));
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let trouble = entries.filter_map(|entry| remove_all(&entry.path()).err()).reduce(|first, _| first);
    match (gone(std::fs::remove_dir(path)), trouble) {
        (Err(_), Some(cause)) => Err(cause),
        (result, _) => result,
    }
}
