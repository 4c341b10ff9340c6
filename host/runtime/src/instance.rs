//! One instance of an engine: its state, its inputs one after another, its commits.
//!
//! ```text
//!   inputs ──► handle ──► journal.append ──► perform effects, tell the host
//!      ▲          │            │ failed
//!      │          └── timers   └──► drop the state, read it again, handle the inputs again
//!      └───────────── results
//! ```
//!
//! Where journal and objects are one store, a run's object comes with the run's first record, and the status of its end with its last one.
//!
//! An input is taken from the queue before it is handled and is kept until the commit that holds its consequences: a commit that fails handles it
//! again on the state that is rebuilt. Engines are idempotent, so that a commit which was durable although its answer was lost does no harm: what it asked
//! for is outstanding then, and is performed as after a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine::{Codec, Engine, Json, Timestamp, Tx};
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::journal::{Append, InstanceId, Journal};
use store::objects::{Key, StatusUpdate};
use store::{Result, StoreError};
use tokio::sync::{mpsc, oneshot};

use crate::clock::{SharedClock, SystemIds};

/// Inputs that may wait in front of an instance (`inputs_max`); whoever sends more waits.
pub(crate) const INPUTS_MAX: usize = 1024;
/// Inputs that are handled in one commit at most (`batch_max`).
const BATCH_MAX: usize = 256;
/// Records after which an instance that lives long gets a snapshot (`tail_max`).
const TAIL_MAX: u64 = 2_000;
/// Waits between tries when the store cannot serve.
const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// How long an instance with nothing to do stays in memory (`idle_max`).
const IDLE_MAX: Duration = Duration::from_secs(20);

/// A message to an instance.
pub(crate) enum Message<E: Engine> {
    /// Handle this; say when its consequences are durable.
    Input(E::Input, Option<oneshot::Sender<Result<()>>>),
    /// Handle these one after another; say when the consequences of all are durable.
    Inputs(Vec<E::Input>, oneshot::Sender<Result<()>>),
    /// Look at the state between two inputs.
    Look(Look<E>),
    /// Handle what this makes of the state, unless it refuses.
    Decide(Decide<E>, oneshot::Sender<Result<()>>),
    /// Perform again what is outstanding, as one that an earlier server left: it came into memory for another reason first.
    Recover,
}

/// Reads a state and its position.
pub(crate) type Look<E> = Box<dyn FnOnce(&<E as Engine>::State, u64) + Send>;
/// Makes an input of a state, or refuses.
pub(crate) type Decide<E> = Box<dyn FnOnce(&<E as Engine>::State) -> Option<<E as Engine>::Input> + Send>;

/// What an instance is given by those who own its engine.
pub(crate) trait Host<E: Engine>: Send + Sync + 'static {
    /// Performs an effect. Returns at once; the answer comes as an input.
    fn perform(&self, id: &Arc<str>, state: &E::State, effect: E::Effect);
    /// A status that says what these changes made of the state and is to be durable with them, if the store can do that.
    fn shows(&self, _id: &Arc<str>, _state: &E::State, _changes: &[E::Change]) -> Option<(Key, StatusUpdate)> {
        None
    }
    /// A transaction is durable.
    fn committed(&self, id: &Arc<str>, state: &E::State, committed: Committed<E>);
    /// The state was read from the journal and holds what another server committed: nobody here was told of it.
    fn recovered(&self, id: &Arc<str>, state: &E::State, position: u64);
    /// The instance leaves memory.
    fn unloaded(&self, id: &Arc<str>, live: bool);
    /// Its journal cannot be read: it is set aside, and nothing else is disturbed.
    fn quarantined(&self, id: &Arc<str>, problem: &str);
}

/// A durable transaction.
pub(crate) struct Committed<E: Engine> {
    pub(crate) changes: Vec<E::Change>,
    pub(crate) reports: Vec<E::Report>,
    /// The instance's position after it.
    pub(crate) position: u64,
    /// What became of the status that was to come along; `None` when it is still to be written.
    pub(crate) shown: Option<Result<()>>,
}

/// What every instance shares.
pub(crate) struct Common {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) clock: SharedClock,
    pub(crate) generation: u64,
    /// The server stops: what cannot be committed any more is decided anew by the next one.
    pub(crate) stopped: AtomicBool,
}

impl Common {
    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

/// What is known of an instance's journal when the instance comes into memory.
pub(crate) enum Begin<E: Engine> {
    /// It has none: nothing is read. Should it have one all the same, its first commit conflicts, and then it is.
    Fresh,
    /// It may have one, and nothing is outstanding.
    Known,
    /// An earlier server left it: what is outstanding is performed again.
    Recovered,
    /// It has the one record that was written with its object: nothing of it has been performed or told.
    Born(Box<Born<E>>),
}

/// An instance that has handled its first input, before anything of that is durable.
pub(crate) struct Born<E: Engine> {
    state: E::State,
    changes: Vec<E::Change>,
    effects: Vec<E::Effect>,
    reports: Vec<E::Report>,
}

impl<E: Engine> Born<E>
where
    E::Change: Serialize + DeserializeOwned,
{
    /// Handles the first input of an instance that there is nowhere yet. Answers what is to be appended, too.
    pub(crate) fn of(common: &Common, id: Arc<str>, input: E::Input) -> (Self, Append) {
        let mut state = E::State::default();
        let mut tx = Tx::<E>::new(&mut state);
        let reports = vec![E::handle(&mut tx, input, common.clock.now(), &mut SystemIds)];
        let (changes, effects) = tx.finish();
        let append = Append {
            instance: InstanceId { engine: E::NAME, id },
            generation: common.generation,
            after: 0,
            format: <Json as Codec<E::Change>>::FORMAT,
            payload: Json::encode(&changes),
            live: E::live(&state),
            wake_ms: E::next_wake(&state).map(Timestamp::as_millis),
            snapshot: None,
        };
        (Self { state, changes, effects, reports }, append)
    }
}

/// Runs an instance until it has nothing to do, or its sender is gone.
pub(crate) async fn run<E>(
    common: Arc<Common>,
    host: Arc<dyn Host<E>>,
    id: Arc<str>,
    mut inbox: mpsc::Receiver<Message<E>>,
    begin: Begin<E>,
) where
    E: Engine,
    E::Change: Serialize + DeserializeOwned,
    E::Input: Clone + Sync,
{
    let mut instance = Instance::<E> {
        common,
        host,
        instance: InstanceId { engine: E::NAME, id: id.clone() },
        state: E::State::default(),
        seq: 0,
        tail: 0,
        wake: None,
        live: false,
        doubted: None,
    };
    let loaded = match begin {
        Begin::Fresh => true,
        Begin::Known => instance.load(false).await,
        Begin::Recovered => instance.load(true).await,
        Begin::Born(born) => {
            instance.born(*born);
            true
        }
    };
    if !loaded {
        instance.host.unloaded(&id, false);
        return;
    }
    loop {
        // What is over leaves memory at once; a closed inbox still gives what was sent to it before.
        if !instance.live && instance.seq > 0 && inbox.is_empty() {
            inbox.close();
        }
        let due = E::next_wake(&instance.state);
        let now = instance.common.clock.now();
        let mut batch = Vec::new();
        if due.is_some_and(|at| at <= now) {
            if let Ok(message) = inbox.try_recv() {
                batch.push(message);
            }
        } else {
            tokio::select! {
                biased;
                message = inbox.recv() => match message {
                    Some(message) => batch.push(message),
                    None => break,
                },
                () = wait(&instance.common.clock, due) => {}
                () = tokio::time::sleep(IDLE_MAX) => {
                    if instance.may_leave() {
                        inbox.close();
                    }
                    continue;
                }
            }
        }
        while batch.len() < BATCH_MAX {
            match inbox.try_recv() {
                Ok(message) => batch.push(message),
                Err(_) => break,
            }
        }
        if !instance.step(batch).await {
            inbox.close();
            break;
        }
    }
    instance.host.unloaded(&id, E::live(&instance.state));
}

async fn wait(clock: &SharedClock, due: Option<Timestamp>) {
    match due {
        Some(at) => clock.until(at).await,
        None => std::future::pending().await,
    }
}

struct Instance<E: Engine> {
    common: Arc<Common>,
    host: Arc<dyn Host<E>>,
    instance: InstanceId,
    state: E::State,
    seq: u64,
    tail: u64,
    wake: Option<i64>,
    live: bool,
    /// Changes and reports of an append that may be durable or not.
    doubted: Option<Doubted<E>>,
}

/// What a transaction changed and reports.
type Doubted<E> = (Vec<<E as Engine>::Change>, Vec<<E as Engine>::Report>);

/// An input that waits for its commit, and who waits for it.
struct Pending<E: Engine> {
    input: E::Input,
    done: Option<oneshot::Sender<Result<()>>>,
}

impl<E> Instance<E>
where
    E: Engine,
    E::Change: Serialize + DeserializeOwned,
    E::Input: Clone + Sync,
{
    /// Reads the state again after a commit that failed. Was it durable all the same, what it asked for is performed and what it changed is told now.
    async fn reload(&mut self) -> bool {
        let known = self.seq;
        if !self.load(false).await {
            return false;
        }
        let doubted = self.doubted.take();
        if self.seq > known {
            self.perform_outstanding();
            match doubted {
                Some((changes, reports)) => {
                    let committed = Committed { changes, reports, position: self.seq, shown: None };
                    self.host.committed(&self.instance.id, &self.state, committed);
                }
                None => self.host.recovered(&self.instance.id, &self.state, self.seq),
            }
        }
        true
    }

    /// Takes up what was committed with the instance's object.
    fn born(&mut self, born: Born<E>) {
        let Born { state, changes, effects, reports } = born;
        (self.seq, self.tail) = (1, 1);
        (self.live, self.wake) = (E::live(&state), E::next_wake(&state).map(Timestamp::as_millis));
        self.state = state;
        self.durable(effects, Committed { changes, reports, position: 1, shown: None });
    }

    /// Performs what a durable transaction asks for, and tells of it.
    fn durable(&self, effects: Vec<E::Effect>, committed: Committed<E>) {
        for effect in effects {
            self.host.perform(&self.instance.id, &self.state, effect);
        }
        self.host.committed(&self.instance.id, &self.state, committed);
    }

    /// Performs what is outstanding, as nobody can tell how far that had come.
    fn perform_outstanding(&self) {
        for effect in E::outstanding(&self.state) {
            self.host.perform(&self.instance.id, &self.state, effect);
        }
    }

    /// Reads the state; after a restart its outstanding effects are performed again. False when it cannot be read for good.
    async fn load(&mut self, recovered: bool) -> bool {
        let mut pause = RETRY_MIN;
        loop {
            match self.try_load().await {
                Ok(()) => break,
                Err(StoreError::Corrupt { what, reason }) => {
                    self.host.quarantined(&self.instance.id, &format!("{what}: {reason}"));
                    return false;
                }
                Err(_) if self.common.is_stopped() => return false,
                Err(problem) => {
                    tracing::warn!(instance = %self.instance, %problem, "cannot read the journal; trying again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY_MAX);
                }
            }
        }
        if recovered {
            self.recovered();
        }
        true
    }

    fn recovered(&self) {
        self.perform_outstanding();
        self.host.recovered(&self.instance.id, &self.state, self.seq);
    }

    async fn try_load(&mut self) -> Result<()> {
        let replay = self.common.journal.read(&self.instance).await?;
        let corrupt = |reason: String| StoreError::Corrupt { what: format!("journal of {}", self.instance), reason };
        let mut state = E::State::default();
        let mut seq = 0;
        if let Some((at, format, bytes)) = &replay.snapshot {
            let changes: Vec<E::Change> =
                Json::decode(*format, bytes).map_err(|e| corrupt(format!("snapshot: {e}")))?;
            changes.iter().for_each(|change| E::apply(&mut state, change));
            seq = *at;
        }
        for record in &replay.records {
            if record.seq != seq + 1 {
                return Err(corrupt(format!("record {} follows {seq}", record.seq)));
            }
            let changes: Vec<E::Change> = Json::decode(record.format, &record.payload)
                .map_err(|e| corrupt(format!("record {}: {e}", record.seq)))?;
            changes.iter().for_each(|change| E::apply(&mut state, change));
            seq = record.seq;
        }
        self.tail = replay.records.len() as u64;
        self.seq = seq;
        self.live = E::live(&state);
        self.state = state;
        Ok(())
    }

    /// Handles a batch of messages and commits what follows. False when the instance belongs to somebody else now.
    async fn step(&mut self, batch: Vec<Message<E>>) -> bool {
        let mut pending: Vec<Pending<E>> = Vec::with_capacity(batch.len());
        for message in batch {
            match message {
                Message::Input(input, done) => pending.push(Pending { input, done }),
                Message::Inputs(inputs, done) => {
                    let before = pending.len();
                    pending.extend(inputs.into_iter().map(|input| Pending { input, done: None }));
                    match pending.get_mut(before..).and_then(<[_]>::last_mut) {
                        Some(last) => last.done = Some(done),
                        None => drop(done.send(Ok(()))),
                    }
                }
                Message::Look(look) => {
                    // What was sent before is seen by who looks.
                    if !pending.is_empty() && !self.commit(&mut pending).await {
                        return false;
                    }
                    look(&self.state, self.seq);
                }
                Message::Recover => {
                    if !pending.is_empty() && !self.commit(&mut pending).await {
                        return false;
                    }
                    self.recovered();
                }
                Message::Decide(decide, done) => {
                    if !pending.is_empty() && !self.commit(&mut pending).await {
                        return false;
                    }
                    match decide(&self.state) {
                        Some(input) => pending.push(Pending { input, done: Some(done) }),
                        None => drop(done),
                    }
                }
            }
        }
        self.commit(&mut pending).await
    }

    async fn commit(&mut self, pending: &mut Vec<Pending<E>>) -> bool {
        let mut pause = RETRY_MIN;
        loop {
            match self.try_commit(pending).await {
                Ok(handled) => {
                    for done in pending.drain(..handled).filter_map(|p| p.done) {
                        let _ = done.send(Ok(()));
                    }
                    if pending.is_empty() {
                        return true;
                    }
                }
                Err(StoreError::Fenced { instance, ours, theirs }) => {
                    tracing::error!(instance, ours, theirs, "another server owns this instance now");
                    return false;
                }
                Err(StoreError::TooLarge { what, limit_name, limit, actual }) => {
                    // No try again will make it smaller.
                    self.host
                        .quarantined(&self.instance.id, &format!("{what}: {actual} exceeds {limit_name} ({limit})"));
                    return false;
                }
                Err(_) if self.common.is_stopped() => return false,
                Err(problem) => {
                    tracing::warn!(instance = %self.instance, %problem, "cannot commit; the state is read again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY_MAX);
                    if !self.reload().await {
                        return false;
                    }
                }
            }
        }
    }

    /// Handles inputs until the transaction is full, and commits what follows. Answers how many were handled: at least one, if there was one.
    async fn try_commit(&mut self, pending: &[Pending<E>]) -> Result<usize> {
        let now = self.common.clock.now();
        let mut ids = SystemIds;
        let mut reports = Vec::new();
        let mut tx = Tx::<E>::new(&mut self.state);
        for item in pending {
            reports.push(E::handle(&mut tx, item.input.clone(), now, &mut ids));
            if tx.is_full() {
                break;
            }
        }
        let handled = reports.len();
        if pending.is_empty() || (E::next_wake(tx.state()).is_some_and(|at| at <= now) && !tx.is_full()) {
            // A timer is due that nobody's input has taken along.
            reports.push(E::handle(&mut tx, E::wake(), now, &mut ids));
        }
        let (changes, effects) = tx.finish();
        let live = E::live(&self.state);
        let wake = E::next_wake(&self.state).map(Timestamp::as_millis);
        if changes.is_empty() && live == self.live && wake == self.wake {
            return Ok(handled);
        }
        let snapshot = if self.tail >= TAIL_MAX { E::condense(&self.state).map(|c| Json::encode(&c)) } else { None };
        let condensed = snapshot.is_some();
        let payload = if changes.is_empty() { Vec::new() } else { Json::encode(&changes) };
        let append = Append {
            instance: self.instance.clone(),
            generation: self.common.generation,
            after: self.seq,
            format: <Json as Codec<E::Change>>::FORMAT,
            payload,
            live,
            wake_ms: wake,
            snapshot,
        };
        let appended = match self.host.shows(&self.instance.id, &self.state, &changes) {
            Some((key, status)) => self.common.journal.append_with_status(append, &key, status).await,
            None => self.common.journal.append(append).await.map(|seq| (seq, None)),
        };
        let (position, shown) = match appended {
            Ok(appended) => appended,
            Err(problem) => {
                // Somebody else's record stands there: ours does not, for certain.
                let refused = matches!(problem, StoreError::Conflict { .. });
                self.doubted = (!refused).then_some((changes, reports));
                return Err(problem);
            }
        };
        self.seq = position;
        self.tail = if condensed { 0 } else { self.tail + 1 };
        self.live = live;
        self.wake = wake;
        self.durable(effects, Committed { changes, reports, position, shown });
        Ok(handled)
    }

    /// Whether the instance may leave memory.
    fn may_leave(&self) -> bool {
        !self.live || E::rests(&self.state)
    }
}
