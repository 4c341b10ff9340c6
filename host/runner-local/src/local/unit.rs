//! One unit as the server follows it: prepared, launched, listened to, finished.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use runner::{EndClass, EndPhase, Unit, UnitHappening, UnitKey, UnitResult};
use serde::{Deserialize, Serialize};
use tokio::net::UnixStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{Inner, component, ended, link, lost, now_ms, outputs, source};
use crate::agent::protocol::{FromSupervisor, LaunchSpec, Outcome, Record, ToSupervisor};
use crate::agent::supervisor::record;
use crate::plan::{self, Plan, Planner, env::host_name};
use crate::settings::Isolation;

/// Tries to reach a supervisor that lives but does not answer yet.
const REACH_TRIES: u32 = 100;
const REACH_PAUSE: Duration = Duration::from_millis(20);
/// Tries to hand a unit to an agent that goes away before it was claimed.
const LAUNCH_TRIES: u32 = 5;

/// What the server tells a unit's task.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    Stop { grace_ms: u64 },
}

/// A unit in the server's memory.
pub(crate) struct Handle {
    pub key: UnitKey,
    orders: UnboundedSender<Order>,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    started: Option<(i64, UnitHappening)>,
    ready: Option<(i64, UnitHappening)>,
    ended: Option<(i64, UnitHappening)>,
    ip: Option<String>,
    slot: Option<std::path::PathBuf>,
    /// The connection to a supervisor that holds files for us.
    held: Option<tokio::net::unix::OwnedWriteHalf>,
}

impl Handle {
    pub(super) fn new(key: UnitKey) -> (Self, UnboundedReceiver<Order>) {
        let (orders, receiver) = unbounded_channel();
        (Self { key, orders, told: Mutex::default() }, receiver)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Events to tell again.
    pub(super) fn told(&self) -> Vec<(i64, UnitHappening)> {
        let told = self.lock();
        [&told.started, &told.ready, &told.ended].into_iter().flatten().cloned().collect()
    }

    pub(crate) fn end(&self) -> Option<(i64, UnitHappening)> {
        self.lock().ended.clone()
    }

    /// Its scratch, to be given back once.
    pub(super) fn take_slot(&self) -> Option<std::path::PathBuf> {
        self.lock().slot.take()
    }

    /// Its scratch, found or made by somebody else.
    pub(super) fn offer_slot(&self, slot: std::path::PathBuf) {
        self.lock().slot.get_or_insert(slot);
    }

    pub(super) fn order(&self, order: Order) {
        let _ = self.orders.send(order);
    }
}

/// What the server must know to finish a unit after a restart; kept in the unit's claim.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Claim {
    pub namespace: Arc<str>,
    pub containers: Vec<String>,
    pub output_artifacts: Vec<model::workflow::Artifact>,
    pub log_archive: Option<model::workflow::Artifact>,
    /// Plain processes: outputs lie on the machine.
    pub plain: bool,
    /// Layers its containers stand on, which must not be removed.
    #[serde(default)]
    pub layers: Vec<std::path::PathBuf>,
}

/// Prepares and launches a new unit, then follows it to its end.
pub(super) async fn begin(inner: Arc<Inner>, handle: Arc<Handle>, mut orders: UnboundedReceiver<Order>, unit: Unit) {
    // A key that was claimed before is never started again.
    if record::read(&inner.places(&unit.key).log_dir).is_ok_and(|r| !r.is_empty()) {
        return follow(inner, handle, orders).await;
    }
    let prepared = tokio::select! {
        biased;
        order = stop_order(&mut orders) => {
            let Order::Stop { .. } = order;
            Err(ended(EndPhase::Failed, EndClass::Stopped, "it was stopped before it started".to_owned()))
        }
        () = deadline(unit.deadline_ms) => {
            let message = "Step exceeded its deadline before it could start (activeDeadlineSeconds)".to_owned();
            Err(ended(EndPhase::Failed, EndClass::DeadlineExceeded, message))
        }
        prepared = prepare(&inner, &handle, &unit) => prepared,
    };
    match prepared {
        Err(result) => finish(&inner, &handle, result).await,
        Ok(Plan::Launch(spec)) => launch(&inner, &handle, &mut orders, *spec).await,
        Ok(Plan::Component(plan)) => component::run(&inner, &handle, &mut orders, &unit, *plan).await,
    }
}

pub(super) async fn deadline(at_ms: Option<i64>) {
    match at_ms {
        Some(at_ms) => tokio::time::sleep(Duration::from_millis(u64::try_from(at_ms - now_ms()).unwrap_or(0))).await,
        None => std::future::pending().await,
    }
}

pub(super) async fn stop_order(orders: &mut UnboundedReceiver<Order>) -> Order {
    match orders.recv().await {
        Some(order) => order,
        // Its handle is gone; nobody will ever order anything.
        None => std::future::pending().await,
    }
}

async fn prepare(inner: &Arc<Inner>, handle: &Arc<Handle>, unit: &Unit) -> Result<Plan, UnitResult> {
    let error = |message: String| ended(EndPhase::Error, EndClass::CouldNotStart, message);
    let component = plan::main_image(unit).is_some_and(|image| inner.images.component_here(image).is_some());
    let isolation = match component {
        // It needs no agent, so none is waited for.
        true => Isolation::Root,
        false => inner.link.status().await.map_err(|e| error(e.to_string()))?.isolation,
    };
    // A component is prepared in less time than it takes to say so.
    if !component && inner.preparing.available_permits() == 0 {
        let message = "Waiting: the server prepares as many other steps as it may at once".to_owned();
        inner.hint(&handle.key, UnitHappening::Waiting { message });
    }
    let Ok(_permit) = inner.preparing.acquire().await else { return Err(error("the server is stopping".to_owned())) };
    let places = inner.places(&unit.key);
    // Of a component, folders and log are made when there is something to put there.
    let slot = match component && !plan::component::wants_files(unit) {
        true => None,
        false => {
            let made = inner.slots.take(&unit.key).and_then(|slot| {
                handle.lock().slot = Some(slot.clone());
                if !component {
                    std::fs::create_dir_all(&places.log_dir)?;
                }
                Ok(slot)
            });
            let below = inner.environment.data_dir.display();
            Some(made.map_err(|e| error(format!("the step's folder below {below}: {e}")))?)
        }
    };
    let waiting = {
        let (inner, key) = (inner.clone(), handle.key.clone());
        // In order with what follows, and not worth waiting for.
        move |message: String| inner.hint(&key, UnitHappening::Waiting { message })
    };
    let planner = Planner {
        settings: &inner.settings,
        environment: &inner.environment,
        images: &inner.images,
        isolation,
        places: &places,
        unit_dir: slot.as_deref(),
        waiting: &waiting,
    };
    let plan = plan::plan(&planner, unit).await.map_err(|c| ended(EndPhase::Error, c.class, c.message))?;
    let mut spec = match plan {
        Plan::Launch(spec) => spec,
        Plan::Component(_) => return Ok(plan),
    };
    let claim = Claim {
        namespace: unit.namespace.clone(),
        containers: spec.containers.iter().map(|c| c.name.clone()).collect(),
        output_artifacts: unit.output_artifacts.clone(),
        log_archive: unit.log_archive.clone(),
        plain: isolation == Isolation::Plain,
        layers: spec.containers.iter().filter(|c| !c.root.host).flat_map(|c| c.root.layers.clone()).collect(),
    };
    spec.claim = serde_json::to_value(&claim).map_err(|e| error(e.to_string()))?;
    Ok(Plan::Launch(spec))
}

async fn launch(inner: &Arc<Inner>, handle: &Arc<Handle>, orders: &mut UnboundedReceiver<Order>, spec: LaunchSpec) {
    let places = inner.places(&handle.key);
    let message = ToSupervisor::Launch(Box::new(spec));
    let mut trouble = String::new();
    for _ in 0..LAUNCH_TRIES {
        let sent = async {
            let mut stream = inner.link.connect().await?;
            link::send(&mut stream, &message).await?;
            std::io::Result::Ok(stream)
        };
        match sent.await {
            Err(e) => trouble = e.to_string(),
            Ok(stream) => match listen(inner, handle, orders, stream).await {
                Heard::End(outcome, supervisor) => return conclude(inner, handle, orders, outcome, supervisor).await,
                Heard::Refused { duplicate: true, .. } => return resume(inner, handle, orders).await,
                Heard::Refused { message, .. } => {
                    let result = ended(EndPhase::Error, EndClass::CouldNotStart, message);
                    return finish(inner, handle, result).await;
                }
                Heard::Silence => {
                    let claimed = record::read(&places.log_dir).is_ok_and(|r| !r.is_empty());
                    if claimed || link::supervisor_lives(&places.log_dir) {
                        return resume(inner, handle, orders).await;
                    }
                    trouble = "the agent went away".to_owned();
                }
            },
        }
    }
    let result = ended(
        EndPhase::Error,
        EndClass::CouldNotStart,
        format!("the step could not be handed to the agent: {trouble}"),
    );
    finish(inner, handle, result).await;
}

/// Follows a unit that was claimed, by this server or an earlier one.
pub(super) async fn follow(inner: Arc<Inner>, handle: Arc<Handle>, mut orders: UnboundedReceiver<Order>) {
    resume(&inner, &handle, &mut orders).await;
}

async fn resume(inner: &Arc<Inner>, handle: &Arc<Handle>, orders: &mut UnboundedReceiver<Order>) {
    let places = inner.places(&handle.key);
    for _ in 0..REACH_TRIES {
        let lives = link::supervisor_lives(&places.log_dir);
        let records = record::read(&places.log_dir).unwrap_or_default();
        let (mut outcome, mut result, mut claimed) = (None, None, None);
        for entry in records {
            match entry {
                Record::Claim { unit_dir, .. } => claimed = Some(unit_dir),
                Record::Started { at_ms, message, ip } => retell_started(inner, handle, at_ms, message, ip).await,
                Record::Ended(found) => outcome = Some(*found),
                Record::Result(found) => result = Some(*found),
            }
        }
        if let Some(unit_dir) = &claimed {
            handle.lock().slot.get_or_insert_with(|| unit_dir.clone());
        }
        if let Some(result) = result {
            return tell_end(inner, handle, result).await;
        }
        if !lives {
            return match outcome {
                Some(outcome) => conclude(inner, handle, orders, Box::new(outcome), None).await,
                None if claimed.is_some() => {
                    finish(inner, handle, lost("its supervisor is gone; nobody knows how it went".to_owned())).await;
                }
                None => finish(inner, handle, lost("nothing is known of it".to_owned())).await,
            };
        }
        if let Some(unit_dir) = &claimed
            && let Ok(stream) = link::connect_unit(unit_dir).await
            && let Heard::End(outcome, supervisor) = listen(inner, handle, orders, stream).await
        {
            return conclude(inner, handle, orders, outcome, supervisor).await;
        }
        tokio::time::sleep(REACH_PAUSE).await;
    }
    finish(inner, handle, lost("its supervisor does not answer".to_owned())).await;
}

pub(super) async fn retell_started(
    inner: &Arc<Inner>,
    handle: &Arc<Handle>,
    at_ms: i64,
    message: String,
    ip: Option<String>,
) {
    let what = UnitHappening::Started { message, ip: ip.clone(), host: Some(host_name()) };
    let first = {
        let mut told = handle.lock();
        told.ip = ip;
        told.started.replace((at_ms, what.clone())).is_none()
    };
    if first {
        inner.tell(&handle.key, at_ms, what).await;
    }
}

/// What a connection gave.
enum Heard {
    End(Box<Outcome>, Option<u32>),
    Refused {
        duplicate: bool,
        message: String,
    },
    /// It closed before the end.
    Silence,
}

/// Listens to a supervisor to its end, and passes orders on.
async fn listen(
    inner: &Arc<Inner>,
    handle: &Arc<Handle>,
    orders: &mut UnboundedReceiver<Order>,
    stream: UnixStream,
) -> Heard {
    let (mut read, mut write) = stream.into_split();
    let (said, mut messages) = tokio::sync::mpsc::channel::<FromSupervisor>(64);
    // A task of its own, because half a frame must not be lost to an order.
    let reader = tokio::spawn(async move {
        while let Ok(Some(message)) = link::receive(&mut read).await {
            if said.send(message).await.is_err() {
                return;
            }
        }
    });
    let mut supervisor = None;
    let heard = loop {
        tokio::select! {
            message = messages.recv() => match message {
                None => break Heard::Silence,
                Some(FromSupervisor::Refused { duplicate, message }) => break Heard::Refused { duplicate, message },
                Some(FromSupervisor::Claimed { supervisor: pid }) => supervisor = Some(pid),
                Some(FromSupervisor::Started { at_ms, message, ip }) => {
                    retell_started(inner, handle, at_ms, message, ip).await;
                }
                Some(FromSupervisor::Ready { at_ms }) => {
                    let (what, first) = {
                        let mut told = handle.lock();
                        let what = UnitHappening::Ready { ip: told.ip.clone() };
                        let first = told.ready.replace((at_ms, what.clone())).is_none();
                        (what, first)
                    };
                    if first {
                        inner.tell(&handle.key, at_ms, what).await;
                    }
                }
                Some(FromSupervisor::Progress { at_ms, done, total }) => {
                    inner.tell(&handle.key, at_ms, UnitHappening::Progress { done, total }).await;
                }
                Some(FromSupervisor::Ended(outcome)) => {
                    break Heard::End(outcome, supervisor);
                }
            },
            order = stop_order(orders) => {
                let Order::Stop { grace_ms } = order;
                let _ = link::send(&mut write, &ToSupervisor::Stop { grace_ms }).await;
            }
        }
    };
    if let Heard::End(outcome, _) = &heard
        && !outcome.artifacts_found.is_empty()
    {
        // Its files are still needed: the connection stays until they are saved.
        handle.keep(write);
    }
    reader.abort();
    heard
}

impl Handle {
    fn keep(&self, write: tokio::net::unix::OwnedWriteHalf) {
        self.lock().held = Some(write);
    }

    fn take_held(&self) -> Option<tokio::net::unix::OwnedWriteHalf> {
        self.lock().held.take()
    }
}

/// The processes are over: saves what they left, then tells the end.
async fn conclude(
    inner: &Arc<Inner>,
    handle: &Arc<Handle>,
    orders: &mut UnboundedReceiver<Order>,
    outcome: Box<Outcome>,
    supervisor: Option<u32>,
) {
    let places = inner.places(&handle.key);
    let claim = record::read(&places.log_dir).unwrap_or_default().into_iter().find_map(|r| match r {
        Record::Claim { unit, .. } => serde_json::from_value::<Claim>(unit).ok(),
        _ => None,
    });
    let result = match claim {
        Some(claim) if !claim.output_artifacts.is_empty() || claim.log_archive.is_some() => {
            let root = |outcome: &Outcome| source::root(&claim, &outcome.root_fd, supervisor);
            unless_stopped(orders, outputs::save(inner, &places, &claim, *outcome, root)).await
        }
        _ => outcome.result,
    };
    finish(inner, handle, result).await;
    if let Some(mut held) = handle.take_held() {
        let _ = link::send(&mut held, &ToSupervisor::Release).await;
    }
}

/// Saving may take long where the repository is slow: who stops the step then gets its end when the grace period is over.
pub(super) async fn unless_stopped(
    orders: &mut UnboundedReceiver<Order>,
    saving: impl Future<Output = UnitResult>,
) -> UnitResult {
    tokio::pin!(saving);
    let mut until: Option<tokio::time::Instant> = None;
    loop {
        let over = async {
            match until {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            result = &mut saving => return result,
            order = stop_order(orders) => {
                let Order::Stop { grace_ms } = order;
                let at = tokio::time::Instant::now() + Duration::from_millis(grace_ms);
                until = Some(until.map_or(at, |earlier| earlier.min(at)));
            }
            () = over => {
                let message = "it was stopped while its outputs were being saved".to_owned();
                return ended(EndPhase::Failed, EndClass::Stopped, message);
            }
        }
    }
}

/// Writes the last word down, so that it is the same whenever it is asked for again, and tells it.
async fn finish(inner: &Arc<Inner>, handle: &Arc<Handle>, result: UnitResult) {
    let places = inner.places(&handle.key);
    let changed = !result.artifacts.is_empty() || result.class != EndClass::None;
    if changed {
        // Only where the supervisor's own record would say something else.
        let _ = record::append(&places.log_dir, &Record::Result(Box::new(result.clone())));
    }
    tell_end(inner, handle, result).await;
}

pub(super) async fn tell_end(inner: &Arc<Inner>, handle: &Arc<Handle>, result: UnitResult) {
    let at_ms = result.finished_ms;
    let what = UnitHappening::Ended(Box::new(result));
    handle.lock().ended = Some((at_ms, what.clone()));
    inner.tell(&handle.key, at_ms, what).await;
}
