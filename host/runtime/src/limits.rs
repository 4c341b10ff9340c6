//! Limiters: who asks for which, in which order, and how many may.
//!
//! A holder that wants several locks gets them one after another in the order of their keys, the same for all, so that no two holders wait
//! for each other for that alone. Those in which other holders wait may: `workflows::deadlocks` finds them. A limiter's limit comes from the settings or from a config map, which is watched.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine::{Engine, Timestamp};
use engine_limiter::deadlock::Lock;
use engine_limiter::{Effect, Holder, Input, Limiter, State};
use engine_workflow::{LockKind, LockRequest, Text};
use model::core::ConfigMap;
use store::StoreError;
use store::objects::Objects;
use tokio::sync::{Notify, Semaphore};

use crate::config::Settings;
use crate::instance::{Committed, Host};
use crate::metrics::RuntimeMetrics;
use crate::registry::Registry;
use crate::workflows::key;

/// Waits between tries when the store cannot serve.
const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(5);

/// What a holder is told.
pub(crate) enum News {
    /// It holds all that it asked for.
    Granted,
    /// It waits; for people.
    Waiting(Text),
}

type Tell = Arc<dyn Fn(News) + Send + Sync>;

/// Who asks for locks, and in which order it is served.
pub(crate) struct Asker {
    /// Its name in the limiters.
    pub(crate) holder: Holder,
    /// Its name for people: `namespace/run` or the node's name.
    pub(crate) name: String,
    /// The namespace that it is of: places go round between namespaces.
    pub(crate) namespace: Arc<str>,
    /// Higher goes first.
    pub(crate) priority: i32,
    /// Older goes first.
    pub(crate) created: Timestamp,
}

/// A holder on its way through its locks.
struct Session {
    asker: Asker,
    locks: Vec<LockRequest>,
    next: usize,
    /// The last lock that it was counted as held back by.
    counted: Option<usize>,
    tell: Tell,
    /// It gives back what it holds, and begins again: until then nothing is granted to it.
    anew: bool,
    /// Held while its locks are given back.
    giving_back: Arc<tokio::sync::Mutex<()>>,
}

impl Session {
    /// The lock that it asks for.
    fn wanted(&self) -> Option<&LockRequest> {
        self.locks.get(self.next).filter(|_| !self.anew)
    }
}

/// All limiters.
pub(crate) struct Limits {
    registry: Arc<Registry<Limiter>>,
    objects: Arc<dyn Objects>,
    sessions: Mutex<HashMap<Holder, Session>>,
    /// Those who had to wait and may have others wait for them: nodes, and runs that hold a part of what they want.
    suspects: Mutex<BTreeSet<Holder>>,
    suspicion: Notify,
    settings: Settings,
    pace: Option<Pace>,
    metrics: Arc<RuntimeMetrics>,
    me: std::sync::Weak<Limits>,
}

impl Limits {
    pub(crate) fn new(
        registry: Arc<Registry<Limiter>>,
        objects: Arc<dyn Objects>,
        settings: &Settings,
        metrics: Arc<RuntimeMetrics>,
    ) -> Arc<Self> {
        let limits = Arc::new_cyclic(|me| Self {
            registry: registry.clone(),
            objects,
            sessions: Mutex::default(),
            suspects: Mutex::default(),
            suspicion: Notify::new(),
            settings: settings.clone(),
            pace: settings.start_rate.map(|(per_second, burst)| Pace::new(per_second, burst)),
            metrics: metrics.clone(),
            me: me.clone(),
        });
        registry.set_host(limits.clone());
        limits
    }

    /// Whether runs of a namespace need a place.
    pub(crate) fn limits_namespace(&self, _namespace: &str) -> bool {
        self.settings.namespace_parallelism.is_some()
    }

    /// Waits for the pace of `resourceRateLimit`; `held` is called when it does not go on at once.
    pub(crate) async fn pace(&self, namespace: &str, held: impl FnOnce(String)) {
        let Some(pace) = &self.pace else { return };
        if !pace.try_take() {
            self.metrics.throttled("start_rate", namespace);
            held(format!("Waiting for its turn: the server starts {} steps per second", pace.per_second));
            pace.take().await;
        }
    }

    /// Asks for locks. Asking again (after a restart) finds what was granted.
    pub(crate) fn acquire(&self, asker: Asker, locks: Vec<LockRequest>, tell: Tell) {
        let holder = asker.holder.clone();
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let known = sessions.get(&holder).map(|known| (known.anew, known.giving_back.clone()));
        let (anew, giving_back) = known.unwrap_or_default();
        let session = Session { asker, locks, next: 0, counted: None, tell, anew, giving_back };
        sessions.insert(holder.clone(), session);
        drop(sessions);
        if !anew {
            self.ask(&holder);
        }
    }

    /// Gives locks back, also those that were asked for and not granted. Returns when that is durable.
    pub(crate) async fn release(&self, holder: &Holder, locks: &[LockRequest]) {
        let session = self.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(holder);
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner).remove(holder);
        let giving_back = session.map(|session| session.giving_back).unwrap_or_default();
        let _alone = giving_back.lock().await;
        for lock in locks {
            self.give_back(lock, holder).await;
        }
    }

    async fn give_back(&self, lock: &LockRequest, holder: &Holder) {
        let mut pause = RETRY_MIN;
        while let Err(problem) = self.registry.commit(&id(lock), Input::Release(holder.clone())).await {
            tracing::warn!(%problem, lock = %lock.key, "a lock could not be given back; trying again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
    }

    /// Gives back what a holder has of the locks that it asked for, and asks for all of them anew: others who want them go first.
    pub(crate) async fn ask_anew(&self, holder: &Holder) {
        let (locks, giving_back) = {
            let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(session) = sessions.get_mut(holder).filter(|s| s.next > 0 && s.wanted().is_some()) else { return };
            session.anew = true;
            let locks: Vec<LockRequest> = session.locks.iter().take(session.next + 1).cloned().collect();
            (locks, session.giving_back.clone())
        };
        let alone = giving_back.lock().await;
        let still = |sessions: &HashMap<Holder, Session>| sessions.get(holder).is_some_and(|session| session.anew);
        if !still(&self.sessions.lock().unwrap_or_else(PoisonError::into_inner)) {
            return;
        }
        for lock in &locks {
            self.give_back(lock, holder).await;
        }
        if let Some(session) = self.sessions.lock().unwrap_or_else(PoisonError::into_inner).get_mut(holder) {
            session.anew = false;
            session.next = 0;
        }
        drop(alone);
        self.ask(holder);
    }

    /// Says that there may be a deadlock.
    pub(crate) fn suspect(&self) {
        if !self.suspects.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            self.suspicion.notify_one();
        }
    }

    /// Returns when there may be a deadlock.
    pub(crate) async fn somebody_waits(&self) {
        self.suspicion.notified().await;
    }

    /// Those who wait and may have others wait for them, each with the lock that it asks for now.
    pub(crate) fn waiting(&self) -> BTreeMap<Holder, LockRequest> {
        let suspects = self.suspects.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        suspects
            .into_iter()
            .filter_map(|holder| Some((holder.clone(), sessions.get(&holder)?.wanted()?.clone())))
            .collect()
    }

    /// Who holds a lock, of how many that may.
    pub(crate) async fn look(&self, lock: &LockRequest) -> store::Result<Lock> {
        let seen = |state: &State, _| Lock { limit: state.limit(), holders: state.holding().cloned().collect() };
        self.registry.look(&id(lock), seen).await
    }

    /// Asks for the next lock of a session.
    fn ask(&self, holder: &Holder) {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(session) = sessions.get(holder) else { return };
        let Some(lock) = session.locks.get(session.next).cloned() else {
            (session.tell)(News::Granted);
            self.suspects.lock().unwrap_or_else(PoisonError::into_inner).remove(holder);
            return;
        };
        let Asker { namespace, priority, created, .. } = &session.asker;
        let (account, priority, created) = (namespace.clone(), *priority, *created);
        let request = Input::Request { holder: holder.clone(), account, priority, created };
        let tell = session.tell.clone();
        drop(sessions);
        let (Some(this), holder) = (self.me.upgrade(), holder.clone()) else { return };
        tokio::spawn(async move {
            let mut pause = RETRY_MIN;
            while let Err(problem) = this.ask_for(&lock, &holder, &request, &tell).await {
                tell(News::Waiting(format!("{}: {problem}", shown(&lock)).into()));
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(RETRY_MAX);
                let sessions = this.sessions.lock().unwrap_or_else(PoisonError::into_inner);
                // Given back meanwhile: nobody waits for it any more.
                if sessions.get(&holder).is_none_or(|s| s.wanted() != Some(&lock)) {
                    return;
                }
            }
        });
    }

    /// Asks for one lock and tells how it stands; an error is the store's, and is no answer.
    async fn ask_for(&self, lock: &LockRequest, holder: &Holder, request: &Input, tell: &Tell) -> store::Result<()> {
        let (limit, limiter) = (self.limit(lock).await?, id(lock));
        self.registry.send(&limiter, Input::Limit(limit.clone().ok())).await?;
        self.registry.commit(&limiter, request.clone()).await?;
        self.tell_how_it_stands(lock, holder, limit, tell).await;
        Ok(())
    }

    async fn tell_how_it_stands(&self, lock: &LockRequest, holder: &Holder, limit: Result<u32, String>, tell: &Tell) {
        let who = holder.clone();
        let limiter = id(lock);
        let seen =
            self.registry.look(&limiter, move |state, _| (state.holds(&who), first(state), state.holding().count()));
        match (seen.await, limit) {
            (Ok((true, ..)), _) => self.granted(lock, holder),
            (_, Err(problem)) => tell(News::Waiting(format!("Waiting for {}: {problem}", shown(lock)).into())),
            (Ok((false, first, holding)), Ok(limit)) => {
                self.held_back(lock, holder);
                // Told once: who holds it may have changed by the time this is read.
                let by = first.map(|holder| format!(", by {} when asked", self.name_of(&holder))).unwrap_or_default();
                tell(News::Waiting(format!("Waiting for {}: {holding} of {limit} taken{by}", shown(lock)).into()));
            }
            (Err(_), Ok(_)) => {}
        }
    }

    /// Counts a holder that is held back, once for each lock.
    fn held_back(&self, lock: &LockRequest, holder: &Holder) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(session) = sessions.get_mut(holder) else { return };
        if session.counted != Some(session.next) {
            session.counted = Some(session.next);
            self.metrics.throttled(counted_as(lock), &session.asker.namespace);
        }
        // A run that holds nothing yet holds nobody up: however many wait for a place under a limit, they are not looked at.
        if session.next > 0 || holder.contains('/') {
            self.suspects.lock().unwrap_or_else(PoisonError::into_inner).insert(holder.clone());
            self.suspicion.notify_one();
        }
    }

    /// Who holds a lock, for people; its name in the limiters when it asked for it before the server's last start.
    fn name_of(&self, holder: &Holder) -> String {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.get(holder).map_or_else(|| holder.to_string(), |session| session.asker.name.clone())
    }

    /// A lock was granted: on to the next.
    fn granted(&self, lock: &LockRequest, holder: &Holder) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(session) = sessions.get_mut(holder) else { return };
        // A grant that was told twice moves nothing on twice.
        if session.wanted() != Some(lock) {
            return;
        }
        session.next += 1;
        drop(sessions);
        self.ask(holder);
    }

    /// How many may hold a lock, or why nobody knows.
    async fn limit(&self, lock: &LockRequest) -> store::Result<Result<u32, String>> {
        let parts: Vec<&str> = lock.key.split('/').collect();
        Ok(match (lock.kind, parts.as_slice()) {
            (LockKind::Mutex | LockKind::DatabaseMutex, _) => Ok(1),
            (LockKind::Parallelism, [""]) => Ok(self.settings.parallelism.unwrap_or(u32::MAX)),
            (LockKind::Parallelism, _) => Ok(self.namespace_limit(&lock.key).await?),
            (LockKind::Semaphore, [namespace, map, field]) => self.config_map_limit(namespace, map, field).await?,
            (LockKind::DatabaseSemaphore, [namespace, name]) => {
                // The server's own limits stand in a config map of the namespace, written by `sync` commands.
                self.config_map_limit(namespace, SYNC_LIMITS, name).await?
            }
            _ => Err(format!("{:?} is not a name of a lock", lock.key)),
        })
    }

    async fn namespace_limit(&self, namespace: &str) -> store::Result<u32> {
        // A label on the namespace goes before the server's setting, as Argo has it since 3.7.
        let own = match self.objects.get(&key("v1", "Namespace", "", namespace)).await {
            Ok(object) => {
                object.metadata.labels.get("workflows.argoproj.io/parallelism-limit").and_then(|v| v.parse().ok())
            }
            Err(StoreError::NotFound { .. }) => None,
            Err(problem) => return Err(problem),
        };
        Ok(own.or(self.settings.namespace_parallelism).unwrap_or(u32::MAX))
    }

    async fn config_map_limit(&self, namespace: &str, map: &str, field: &str) -> store::Result<Result<u32, String>> {
        match self.objects.get(&key("v1", "ConfigMap", namespace, map)).await {
            Ok(object) => Ok(object.decode::<ConfigMap>().map_err(|e| e.to_string()).and_then(|m| limit_in(&m, field))),
            // It may come: the map is watched.
            Err(problem @ StoreError::NotFound { .. }) => Ok(Err(problem.to_string())),
            Err(problem) => Err(problem),
        }
    }

    /// A config map has changed: semaphores that it limits follow.
    pub(crate) async fn config_map_changed(&self, namespace: &str, name: &str, map: Option<&ConfigMap>) {
        let prefixes = [
            (LockKind::Semaphore, format!("{namespace}/{name}/")),
            (
                LockKind::DatabaseSemaphore,
                if name == SYNC_LIMITS { format!("{namespace}/") } else { String::from("\0") },
            ),
        ];
        let wanted: Vec<(LockRequest, String)> = {
            let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            let locks = sessions.values().flat_map(|s| &s.locks);
            locks
                .filter_map(|lock| {
                    let (_, prefix) = prefixes.iter().find(|(kind, _)| *kind == lock.kind)?;
                    Some((lock.clone(), lock.key.strip_prefix(prefix.as_str())?.to_owned()))
                })
                .collect()
        };
        if !wanted.is_empty() {
            // Fewer may hold it now: who waited for one that goes may wait for ever.
            self.suspect();
        }
        for (lock, field) in wanted {
            let limit = map.map_or(Err("gone".to_owned()), |m| limit_in(m, &field)).ok();
            self.registry.post(&id(&lock), Input::Limit(limit));
        }
    }
}

/// The config map in which a namespace's server-side limits stand.
pub(crate) const SYNC_LIMITS: &str = "colchis-sync-limits";

fn limit_in(map: &ConfigMap, field: &str) -> Result<u32, String> {
    let text = map.data.get(field).ok_or_else(|| format!("config map {:?} has no key {field:?}", map.metadata.name))?;
    text.trim()
        .parse()
        .map_err(|_| format!("config map {:?}, key {field:?}: {text:?} is not a number", map.metadata.name))
}

fn first(state: &State) -> Option<Holder> {
    state.holding().next().cloned()
}

/// A limiter's id in the journal.
pub(crate) fn id(lock: &LockRequest) -> Arc<str> {
    format!("{}/{}", kind(lock.kind), lock.key).into()
}

fn kind(kind: LockKind) -> &'static str {
    match kind {
        LockKind::Mutex => "mutex",
        LockKind::Semaphore => "semaphore",
        LockKind::DatabaseMutex => "database-mutex",
        LockKind::DatabaseSemaphore => "database-semaphore",
        LockKind::Parallelism => "parallelism",
    }
}

/// A lock's name for people.
pub(crate) fn shown(lock: &LockRequest) -> String {
    match (lock.kind, &*lock.key) {
        (LockKind::Parallelism, "") => "a place under the server's parallelism".to_owned(),
        (LockKind::Parallelism, namespace) => format!("a place under the parallelism of namespace {namespace}"),
        (kind_of, key) => format!("{} lock {key}", kind(kind_of)),
    }
}

/// A lock's name in the counts of what was held back.
fn counted_as(lock: &LockRequest) -> &'static str {
    match (lock.kind, &*lock.key) {
        (LockKind::Parallelism, "") => "server_parallelism",
        (LockKind::Parallelism, _) => "namespace_parallelism",
        (LockKind::Mutex | LockKind::DatabaseMutex, _) => "mutex",
        (LockKind::Semaphore | LockKind::DatabaseSemaphore, _) => "semaphore",
    }
}

impl Host<Limiter> for Limits {
    fn perform(&self, id: &Arc<str>, _state: &State, effect: Effect) {
        let Effect::Grant(holder) = effect;
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let lock = sessions.get(&holder).and_then(|s| s.wanted()).cloned();
        drop(sessions);
        if let Some(lock) = lock.filter(|lock| self::id(lock) == *id) {
            self.granted(&lock, &holder);
        }
    }

    fn committed(&self, _: &Arc<str>, _: &State, _: Committed<Limiter>) {}

    fn recovered(&self, _: &Arc<str>, _: &State, _: u64) {}

    fn unloaded(&self, _: &Arc<str>, _: bool) {}

    fn quarantined(&self, id: &Arc<str>, problem: &str) {
        tracing::error!(limiter = %id, problem, engine = Limiter::NAME, "this lock is set aside: who wants it waits");
    }
}

/// A token bucket.
struct Pace {
    tokens: Arc<Semaphore>,
    per_second: f64,
}

impl Pace {
    fn new(per_second: f64, burst: u32) -> Self {
        let burst = burst.max(1) as usize;
        let tokens = Arc::new(Semaphore::new(burst));
        let refill = tokens.clone();
        let period = Duration::from_secs_f64(1.0 / per_second.clamp(0.001, 1e6));
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(period);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
            loop {
                ticks.tick().await;
                if refill.available_permits() < burst {
                    refill.add_permits(1);
                }
                if Arc::strong_count(&refill) == 1 {
                    return;
                }
            }
        });
        Self { tokens, per_second }
    }

    fn try_take(&self) -> bool {
        self.tokens.try_acquire().map(tokio::sync::SemaphorePermit::forget).is_ok()
    }

    async fn take(&self) {
        if let Ok(token) = self.tokens.acquire().await {
            token.forget();
        }
    }
}
