//! Instances of renderers that are made ahead.
//!
//! ```text
//!   call ─► the instance that was made ahead, or a fresh one ─► answer
//!                                                                 └─► another is made, beside the next calls; given up when none comes
//! ```
//!
//! A large renderer takes longer to begin than to render. Each instance is still used once, and its randomness begins with the call, so a result does not depend on
//! when its instance was made.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use plugin::{CallContext, Kind, ObjectRef, Result};
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument as _;
use wasmtime::Store;
use wasmtime::component::Instance;

use crate::call::{Answer, Called, Ground, admitted, counted, finish, span};
use crate::instance::State;
use crate::loaded::Loaded;
use crate::told::Told;

/// How long one may take to begin.
const BEGIN_MAX: Duration = Duration::from_secs(5);
/// How long one waits for a call.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// The instance of a renderer that waits for a call.
#[derive(Default)]
pub(crate) struct Spare {
    waiting: Mutex<Option<Waiting>>,
    /// One is being made.
    making: AtomicBool,
}

struct Waiting {
    store: Store<State>,
    instance: Instance,
    since: Instant,
    _place: OwnedSemaphorePermit,
}

impl Spare {
    fn take(&self) -> Option<Waiting> {
        crate::lock(&self.waiting).take()
    }

    /// Gives it up, and whoever is being made is not wanted.
    pub(crate) fn clear(&self) {
        drop(self.take());
    }

    /// Gives up one that has waited for too long.
    fn forget(&self) {
        crate::lock(&self.waiting).take_if(|waiting| waiting.since.elapsed() >= WAIT_MAX);
    }
}

impl Ground {
    /// Calls an export of a renderer.
    pub(crate) async fn call_renderer<T: Told>(
        &self,
        loaded: &Arc<Loaded>,
        context: &CallContext,
        export: impl AsyncFnOnce(&mut Store<State>, &Instance) -> Called<T>,
    ) -> Result<T> {
        if loaded.shared.limits.pool_size > 0 {
            return self.call_warm(loaded, &loaded.pure, Kind::ManifestRenderer, context, export).await;
        }
        let Some(waiting) = loaded.spare.take() else {
            let begun = Instant::now();
            let mut began = Duration::ZERO;
            let answer =
                self.call_as(loaded, &loaded.pure, Kind::ManifestRenderer, context, async |store, instance| {
                    began = begun.elapsed();
                    export(store, instance).await
                });
            let answer = answer.await;
            if self.prepares.is_some_and(|slow| began >= slow) {
                self.prepare(loaded);
            }
            return answer;
        };
        admitted(loaded)?;
        let _own = self
            .place(&loaded.places, &loaded.pure, context, "concurrency")
            .await
            .inspect_err(|_| loaded.counters.busy())?;
        let begun = Instant::now();
        let span = span(loaded, Kind::ManifestRenderer, context);
        let answer = call_waiting(waiting, context, export).instrument(span.clone()).await;
        self.prepare(loaded);
        counted(loaded, &span, begun, answer)
    }

    /// Has another made, unless places are scarce or nobody wants one.
    fn prepare(&self, loaded: &Arc<Loaded>) {
        let scarce = self.pool.available_permits() < self.places_max / 2;
        if self.prepares.is_none() || scarce || loaded.superseded.load(Ordering::Relaxed) {
            return;
        }
        let Ok(place) = self.pool.clone().try_acquire_owned() else { return };
        if loaded.spare.making.swap(true, Ordering::AcqRel) {
            return;
        }
        let (ground, loaded) = (self.clone(), Arc::downgrade(loaded));
        tokio::spawn(async move {
            let Some(strong) = loaded.upgrade() else { return };
            let made = ground.make(&strong, place).await;
            if !strong.superseded.load(Ordering::Relaxed) {
                *crate::lock(&strong.spare.waiting) = made;
            }
            strong.spare.making.store(false, Ordering::Release);
            drop(strong);
            tokio::time::sleep(WAIT_MAX).await;
            if let Some(loaded) = loaded.upgrade() {
                loaded.spare.forget();
            }
        });
    }

    /// `None` when it did not come to its beginning: the next call is told why by a fresh one.
    async fn make(&self, loaded: &Loaded, place: OwnedSemaphorePermit) -> Option<Waiting> {
        let object = ObjectRef { kind: "Plugin".into(), namespace: "".into(), name: loaded.shared.name.clone() };
        let mut store = State::store(&self.engine, &loaded.pure, CallContext::new(object, BEGIN_MAX));
        let begun = Instant::now();
        let made = tokio::time::timeout(BEGIN_MAX, loaded.pre.instantiate_async(&mut store)).await;
        let instance = made.ok()?.ok()?;
        self.instantiated.count(begun.elapsed());
        Some(Waiting { store, instance, since: Instant::now(), _place: place })
    }
}

async fn call_waiting<T: Told>(
    waiting: Waiting,
    context: &CallContext,
    export: impl AsyncFnOnce(&mut Store<State>, &Instance) -> Called<T>,
) -> Answer<T> {
    let Waiting { mut store, instance, .. } = waiting;
    State::begin(&mut store, context.clone());
    finish(&mut store, async |store: &mut Store<State>| export(store, &instance).await).await
}
