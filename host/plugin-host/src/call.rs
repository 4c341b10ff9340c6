//! One call: a place, an instance, its end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use plugin::{CallContext, ErrorClass, Kind, PluginError, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{Instrument as _, Span};
use wasmtime::component::{Instance, InstancePre};
use wasmtime::{Engine, PoolConcurrencyLimitError, Store, Trap};

use crate::bindings::imports::types;
use crate::convert;
use crate::instance::{CANCEL_GRACE, Ended, State};
use crate::loaded::{How, Loaded, Shared};
use crate::metrics::Times;
use crate::renders::Renders;
use crate::told::Told;
use crate::warm::Waiting;

/// The codes of ends that are the plugin's own fault.
const BROKEN: [&str; 2] = ["trapped", "limit"];

/// What a call of an export gives: a trap, the plugin's error, or its answer.
pub(crate) type Called<T> = wasmtime::Result<std::result::Result<T, types::PluginError>>;

/// How a call ended. The outer error is the host's: the instance did not come to an answer, and is never used again.
pub(crate) type Answer<T> = std::result::Result<Result<T>, PluginError>;

/// Where calls run.
#[derive(Clone)]
pub(crate) struct Ground {
    pub(crate) engine: Engine,
    /// Places in the pool; a full pool would be an error, and waits here instead.
    pub(crate) pool: Arc<Semaphore>,
    /// Places for instances that go on from call to call.
    pub(crate) subscriptions: Arc<Semaphore>,
    /// How long instances took to be there.
    pub(crate) instantiated: Arc<Times>,
    /// How many of those there are.
    pub(crate) places_max: usize,
    /// How long an instance of a renderer has to take to begin for the next to be made ahead; none is, without a time.
    pub(crate) prepares: Option<Duration>,
    /// What renderers made.
    pub(crate) renders: Arc<Renders>,
}

impl Ground {
    /// Calls an export of a component: in a fresh instance, or in one that waits for that where the plugin has some.
    pub(crate) async fn call<T: Told>(
        &self,
        loaded: &Loaded,
        kind: Kind,
        context: &CallContext,
        export: impl AsyncFnOnce(&mut Store<State>, &Instance) -> Called<T>,
    ) -> Result<T> {
        match loaded.shared.limits.pool_size {
            0 => self.call_as(loaded, &loaded.shared, kind, context, export).await,
            _ => self.call_warm(loaded, &loaded.shared, kind, context, export).await,
        }
    }

    /// In an instance that waits, or in a fresh one that waits afterwards.
    pub(crate) async fn call_warm<T: Told>(
        &self,
        loaded: &Loaded,
        shared: &Arc<Shared>,
        kind: Kind,
        context: &CallContext,
        export: impl AsyncFnOnce(&mut Store<State>, &Instance) -> Called<T>,
    ) -> Result<T> {
        admitted(loaded)?;
        let _own = self.own_place(loaded, shared, context).await?;
        let begun = Instant::now();
        let span = span(loaded, kind, context);
        let answer = self.call_waiting(loaded, shared, context, export).instrument(span.clone()).await;
        counted(loaded, &span, begun, answer)
    }

    /// The same in a fresh instance, with other grants than the component's own.
    pub(crate) async fn call_as<T: Told>(
        &self,
        loaded: &Loaded,
        shared: &Arc<Shared>,
        kind: Kind,
        context: &CallContext,
        export: impl AsyncFnOnce(&mut Store<State>, &Instance) -> Called<T>,
    ) -> Result<T> {
        admitted(loaded)?;
        let _own = self.own_place(loaded, shared, context).await?;
        let begun = Instant::now();
        let span = span(loaded, kind, context);
        let answer = self.call_unlimited(shared, &loaded.pre, context, export).instrument(span.clone()).await;
        counted(loaded, &span, begun, answer)
    }

    async fn call_waiting<T: Told>(
        &self,
        loaded: &Loaded,
        shared: &Arc<Shared>,
        context: &CallContext,
        export: impl AsyncFnOnce(&mut Store<State>, &Instance) -> Called<T>,
    ) -> Answer<T> {
        // What has grants and what has none are never the same instance.
        let warm = if shared.pure { &loaded.warm_renderers } else { &loaded.warm };
        let (mut store, mut instance, calls, place) = match warm.take() {
            Some(mut waiting) => {
                State::begin(&mut waiting.store, context.clone());
                (waiting.store, Some(waiting.instance), waiting.calls, waiting.place)
            }
            None => match self.subscriptions.clone().try_acquire_owned() {
                Ok(place) => (State::store(&self.engine, shared, context.clone()), None, 0, place),
                // Those that wait have no place left: this one does without.
                Err(_) => return self.call_unlimited(shared, &loaded.pre, context, export).await,
            },
        };
        let running = async |store: &mut Store<State>| {
            let instance = match instance {
                Some(instance) => instance,
                None => {
                    let begun = Instant::now();
                    let fresh = loaded.pre.instantiate_async(&mut *store).await?;
                    self.instantiated.count(begun.elapsed());
                    store.data().begin_anew();
                    *instance.insert(fresh)
                }
            };
            export(store, &instance).await
        };
        let answer = finish(&mut store, running).await;
        if let (Ok(_), Some(instance)) = (&answer, instance)
            && !loaded.superseded.load(Ordering::Relaxed)
        {
            warm.put(Waiting { since: Instant::now(), store, instance, calls: calls + 1, place }, &shared.limits);
        }
        answer
    }

    async fn own_place<'s>(
        &self,
        loaded: &'s Loaded,
        shared: &Shared,
        context: &CallContext,
    ) -> Result<tokio::sync::SemaphorePermit<'s>> {
        folders_there(shared)?;
        self.place(&loaded.places, shared, context, "concurrency").await.inspect_err(|_| loaded.counters.busy())
    }

    /// The same for a component that is not in service yet.
    pub(crate) async fn call_unlimited<T: Told>(
        &self,
        shared: &Arc<Shared>,
        pre: &InstancePre<State>,
        context: &CallContext,
        export: impl AsyncFnOnce(&mut Store<State>, &Instance) -> Called<T>,
    ) -> Answer<T> {
        let _pooled = self.place(&self.pool, shared, context, "the pool of instances").await?;
        let mut store = State::store(&self.engine, shared, context.clone());
        let running = async |store: &mut Store<State>| {
            let begun = Instant::now();
            let instance = pre.instantiate_async(&mut *store).await?;
            self.instantiated.count(begun.elapsed());
            store.data().begin_anew();
            export(store, &instance).await
        };
        finish(&mut store, running).await
    }

    /// An instance that goes on from call to call, with the first of them.
    pub(crate) async fn open<T: Told>(
        &self,
        loaded: &Arc<Loaded>,
        kind: Kind,
        context: &CallContext,
        export: impl AsyncFnOnce(&mut Store<State>, &Instance) -> Called<T>,
    ) -> Result<(Session, T)> {
        admitted(loaded)?;
        folders_there(&loaded.shared)?;
        let place = self.subscriptions.clone().try_acquire_owned().map_err(|_| {
            loaded.counters.busy();
            let message = "no more subscriptions can be open at once (limit: subscriptions_max, setting plugins.subscriptionsMax)";
            PluginError::new(ErrorClass::Unavailable, "busy", message)
        })?;
        let begun = Instant::now();
        let mut store = State::store(&self.engine, &loaded.shared, context.clone());
        let mut kept = None;
        let running = async |store: &mut Store<State>| {
            let instance = loaded.pre.instantiate_async(&mut *store).await?;
            let answer = export(store, &instance).await;
            kept = Some(instance);
            answer
        };
        let span = span(loaded, kind, context);
        let answer = finish(&mut store, running).instrument(span.clone()).await;
        let answer = counted(loaded, &span, begun, answer)?;
        let Some(instance) = kept else { return Err(broken(&loaded.shared)) };
        let session = Session { store: Some(store), instance, loaded: loaded.clone(), _place: place };
        Ok((session, answer))
    }

    pub(crate) async fn place<'s>(
        &self,
        places: &'s Semaphore,
        shared: &Shared,
        context: &CallContext,
        what: &str,
    ) -> Result<tokio::sync::SemaphorePermit<'s>> {
        let wait = shared.limits.wait_max.min(context.timeout);
        match tokio::time::timeout(wait, places.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            _ => {
                let message = format!(
                    "the plugin {} is busy: no place became free within {} ms (limit: {what})",
                    shared.name,
                    wait.as_millis()
                );
                Err(PluginError::new(ErrorClass::Unavailable, "busy", message))
            }
        }
    }
}

/// An instance that goes on from call to call: one of an event source.
pub(crate) struct Session {
    /// Gone when a call broke off: what is left of it is never used again.
    store: Option<Store<State>>,
    instance: Instance,
    pub(crate) loaded: Arc<Loaded>,
    _place: OwnedSemaphorePermit,
}

impl Session {
    /// Calls an export.
    pub(crate) async fn call<T: Told>(
        &mut self,
        kind: Kind,
        context: &CallContext,
        export: impl AsyncFnOnce(&mut Store<State>, &Instance) -> Called<T>,
    ) -> Result<T> {
        let Some(mut store) = self.store.take() else { return Err(broken(&self.loaded.shared)) };
        let begun = Instant::now();
        State::begin(&mut store, context.clone());
        let instance = self.instance;
        let running = async |store: &mut Store<State>| export(store, &instance).await;
        let span = span(&self.loaded, kind, context);
        let answer = finish(&mut store, running).instrument(span.clone()).await;
        if answer.is_ok() {
            self.store = Some(store);
        }
        counted(&self.loaded, &span, begun, answer)
    }

    /// Whether it has too little memory for many calls more.
    pub(crate) fn is_nearly_full(&self) -> bool {
        self.store.as_ref().is_some_and(|store| store.data().is_nearly_full())
    }

    /// What is left of it, if it may still be used.
    pub(crate) fn take_store(&mut self) -> Option<Store<State>> {
        self.store.take()
    }
}

fn broken(shared: &Shared) -> PluginError {
    let message = format!("the instance of plugin {} broke off in an earlier call; open another", shared.name);
    PluginError::new(ErrorClass::Unavailable, "broken", message)
}

/// Whether a plugin is called at all.
pub(crate) fn admitted(loaded: &Loaded) -> Result<()> {
    let Err(left) = loaded.quarantine.admit(Instant::now()) else { return Ok(()) };
    let seconds = left.as_secs_f64().ceil();
    let message = format!(
        "the plugin {} is set aside for {seconds} s: its last calls broke off one after another",
        loaded.shared.name
    );
    let class = ErrorClass::Throttled { retry_after: Some(left) };
    Err(PluginError::new(class, "set-aside", message).hint("`colchis plugin logs` and the server's log say why"))
}

/// Whether the folders that a plugin is granted are there.
fn folders_there(shared: &Shared) -> Result<()> {
    let Some(gone) = shared.grants.files.iter().find(|folder| !folder.path.is_dir()) else { return Ok(()) };
    let message =
        format!("spec.grants.files of the plugin {}: there is no folder {}", shared.name, gone.path.display());
    Err(PluginError::new(ErrorClass::Unavailable, "no-folder", message))
}

/// What is told of a call where calls are traced.
pub(crate) fn span(loaded: &Loaded, kind: Kind, context: &CallContext) -> Span {
    let (plugin, digest) = (&*loaded.shared.name, loaded.facts.digest.as_str());
    let object = tracing::field::display(&context.object);
    tracing::info_span!("plugin_call", plugin, digest, kind = kind.word(), object, outcome = tracing::field::Empty)
}

/// Counts a call, by how it ended.
pub(crate) fn counted<T>(loaded: &Loaded, span: &Span, begun: Instant, answer: Answer<T>) -> Result<T> {
    let how = match &answer {
        Ok(Ok(_)) => How::Answered,
        Ok(Err(error)) => How::Error(error),
        Err(error) => How::Killed(error),
    };
    span.record("outcome", how.word());
    match &how {
        How::Killed(error) if BROKEN.contains(&error.code.as_str()) => loaded.quarantine.broke_off(Instant::now()),
        // Nobody's fault, or nobody knows whose.
        How::Killed(_) => {}
        How::Answered | How::Error(_) => loaded.quarantine.answered(),
    }
    loaded.counters.count(begun.elapsed(), how);
    answer?
}

/// Waits for a call, as long as it may take, and looks at what it gave.
pub(crate) async fn finish<T: Told>(
    store: &mut Store<State>,
    running: impl AsyncFnOnce(&mut Store<State>) -> Called<T>,
) -> Answer<T> {
    let state = store.data();
    let (shared, context) = (state.shared.clone(), state.call.context.clone());
    let time = context.timeout.min(shared.limits.wall_time_max);
    let ended = tokio::select! {
        biased;
        ended = tokio::time::timeout(time, running(&mut *store)) => ended,
        () = cancelled(&context) => return Err(killed(&shared, &Ended::Cancelled, "cancelled")),
    };
    let state = store.data_mut();
    state.tell_dropped();
    let vault = state.vault().clone();
    match ended {
        Ok(Ok(Ok(mut answer))) => {
            answer.redact(&vault);
            Ok(Ok(answer))
        }
        Ok(Ok(Err(error))) => {
            let mut error = convert::error(error);
            vault.redact(&mut error.message);
            error.hints.extend(state.refusals());
            Ok(Err(error))
        }
        Ok(Err(trap)) => Err(trapped(state, &trap)),
        Err(_) => {
            let message = format!("the plugin {} did not answer within {} ms", shared.name, time.as_millis());
            Err(PluginError::new(ErrorClass::Unavailable, "timed-out", message))
        }
    }
}

/// Cancelled, and the plugin had a moment to see it.
async fn cancelled(context: &CallContext) {
    context.cancel.cancelled().await;
    tokio::time::sleep(CANCEL_GRACE * 2).await;
}

fn killed(shared: &Shared, why: &Ended, code: &str) -> PluginError {
    PluginError::new(ErrorClass::Permanent, code, format!("the call of plugin {} was ended: {why}", shared.name))
}

/// Why there was no answer, in a sentence. What the plugin last wrote to its standard error says most of it; the stack goes to the server's log.
fn trapped(state: &State, trap: &wasmtime::Error) -> PluginError {
    let shared = &state.shared;
    if let Some(ended) = trap.downcast_ref::<Ended>() {
        let code = if *ended == Ended::Cancelled { "cancelled" } else { "limit" };
        return killed(shared, ended, code);
    }
    if trap.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        let message = format!("the plugin {} finds no place among the instances: {trap}", shared.name);
        return PluginError::new(ErrorClass::Unavailable, "busy", message);
    }
    let mut said = state.last_words();
    state.vault().redact(&mut said);
    tracing::warn!(plugin = %shared.name, error = ?trap, said, "a plugin trapped");
    let why = match trap.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => trap.root_cause().to_string(),
    };
    let said =
        if said.is_empty() { said } else { format!(": {}", said.split_whitespace().collect::<Vec<_>>().join(" ")) };
    let message =
        format!("the plugin {} broke off: {}{}", shared.name, convert::cut(why, 1 << 10), convert::cut(said, 1 << 10));
    PluginError::new(ErrorClass::Permanent, "trapped", message)
}
