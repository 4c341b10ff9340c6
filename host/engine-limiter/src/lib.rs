//! The limiter: decides who may go on where several runs share something.
//!
//! One instance per key: a mutex, a semaphore, the parallelism of a namespace or of the server, a rate. A request is an input, a grant an effect.
//!
//! ```text
//!   Request ──► waiting (priority, whose turn, age) ──► holding ──► Release
//!                        ▲                            │
//!                        └──── limit: how many ◄──────┘
//! ```
//!
//! # Invariants
//! - Never more holders than the limit, but for a limit that was lowered: then nobody new until enough have gone.
//! - A free place never waits for a holder that could take it: after each input the places are filled or nobody waits.
//! - Requesting twice and releasing twice change nothing more; a release of one who only waits takes it out of the queue.
//! - Higher priority first; then the account that holds less, or had its last place longer ago; then the older run, then the holder's name: one
//!   namespace with a hundred thousand runs does not keep another one out, and the order is the same at every replay.
//!
//! - Who holds one lock and waits for another may wait for ever: [`deadlock`] says who, and who is to give way.
//!
//! Must not know: what is limited, who the holders are.

pub mod deadlock;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine::{Engine, IdSource, Tx};
use model::Timestamp;
use serde::{Deserialize, Serialize};

/// Who asks. Unique over all runs: `<workflow uid>` or `<workflow uid>/<node>`.
pub type Holder = Arc<str>;
/// On whose account somebody asks, a namespace: places go round between accounts.
pub type Account = Arc<str>;

/// What can happen to a limiter.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Somebody asks for a place.
    Request {
        /// Who.
        holder: Holder,
        /// On whose account.
        account: Account,
        /// Higher goes first.
        priority: i32,
        /// Older goes first.
        created: Timestamp,
    },
    /// Somebody gives its place back, or no longer waits.
    Release(Holder),
    /// How many may hold at once. `None`: the limit cannot be read, nobody new may.
    Limit(Option<u32>),
    /// Time has passed.
    Wake,
}

/// One step of state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// Somebody waits.
    #[serde(rename = "w")]
    Queued {
        /// Who.
        #[serde(rename = "h")]
        holder: Holder,
        /// On whose account.
        #[serde(rename = "a", default, skip_serializing_if = "str::is_empty")]
        account: Account,
        /// Higher goes first.
        #[serde(rename = "p")]
        priority: i32,
        /// Older goes first.
        #[serde(rename = "c")]
        created: Timestamp,
    },
    /// Somebody holds a place.
    #[serde(rename = "g")]
    Granted {
        /// Who.
        #[serde(rename = "h")]
        holder: Holder,
        /// On whose account.
        #[serde(rename = "a", default, skip_serializing_if = "str::is_empty")]
        account: Account,
    },
    /// Somebody is gone.
    #[serde(rename = "r")]
    Gone {
        /// Who.
        #[serde(rename = "h")]
        holder: Holder,
    },
    /// The limit is another.
    #[serde(rename = "l")]
    LimitSet {
        /// The limit.
        #[serde(rename = "n")]
        limit: Option<u32>,
    },
    /// When an account had its last place, in the order of such moments; only in snapshots.
    #[serde(rename = "t")]
    Turn {
        /// Whose.
        #[serde(rename = "a")]
        account: Account,
        /// Lower was longer ago.
        #[serde(rename = "n")]
        at: u64,
    },
}

/// What the world is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The holder has its place. Told again after a restart, when the holder asks again.
    Grant(Holder),
}

/// Who holds and who waits.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct State {
    limit: Option<u32>,
    holding: BTreeMap<Holder, Account>,
    accounts: BTreeMap<Account, Queue>,
    places: BTreeMap<Holder, Place>,
}

/// Those of one account. It is forgotten when nobody of it holds or waits.
#[derive(Debug, Default, Clone, PartialEq)]
struct Queue {
    waiting: BTreeSet<Place>,
    holding: usize,
    /// When it had its last place; `None` for one that had none since it came.
    turn: Option<u64>,
}

/// A place in the queue, in the order in which it is served within its account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    before: std::cmp::Reverse<i32>,
    created: Timestamp,
    holder: Holder,
    account: Account,
}

impl State {
    /// The limit, when it is known.
    pub fn limit(&self) -> Option<u32> {
        self.limit
    }

    /// Who holds, in order of name.
    pub fn holding(&self) -> impl Iterator<Item = &Holder> {
        self.holding.keys()
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.places.len()
    }

    /// Whether somebody holds a place.
    pub fn holds(&self, holder: &str) -> bool {
        self.holding.contains_key(holder)
    }

    fn knows(&self, holder: &str) -> bool {
        self.holds(holder) || self.places.contains_key(holder)
    }

    fn free(&self) -> bool {
        self.limit.is_some_and(|limit| self.holding.len() < limit as usize)
    }

    /// Who is served next: one look per account, however many wait.
    fn next(&self) -> Option<&Place> {
        let firsts = self.accounts.values().filter_map(|queue| Some((queue, queue.waiting.first()?)));
        let next = firsts.min_by_key(|(queue, place)| (place.before, queue.holding, queue.turn, *place));
        next.map(|(_, place)| place)
    }

    fn take_from_queue(&mut self, holder: &Holder) {
        if let Some(place) = self.places.remove(holder)
            && let Some(queue) = self.accounts.get_mut(&place.account)
        {
            queue.waiting.remove(&place);
        }
    }

    fn forget_if_idle(&mut self, account: &Account) {
        if self.accounts.get(account).is_some_and(|queue| queue.waiting.is_empty() && queue.holding == 0) {
            self.accounts.remove(account);
        }
    }
}

/// What the limiter says: how somebody who asked stands.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    /// Of how many that wait, and in front of whom: for people.
    pub waiting: usize,
    /// How many hold.
    pub holding: usize,
}

/// The limiter.
pub struct Limiter;

impl Engine for Limiter {
    type State = State;
    type Input = Input;
    type Change = Change;
    type Effect = Effect;
    type Report = Report;

    const NAME: &'static str = "limiter";

    fn handle(tx: &mut Tx<'_, Self>, input: Input, _now: Timestamp, _ids: &mut dyn IdSource) -> Report {
        match input {
            Input::Request { holder, account, priority, created } => {
                if !tx.state().knows(&holder) {
                    tx.emit(Change::Queued { holder, account, priority, created });
                }
            }
            Input::Release(holder) => {
                if tx.state().knows(&holder) {
                    tx.emit(Change::Gone { holder });
                }
            }
            Input::Limit(limit) => {
                if tx.state().limit != limit {
                    tx.emit(Change::LimitSet { limit });
                }
            }
            Input::Wake => {}
        }
        while tx.state().free() && !tx.is_full() {
            let Some(Place { holder, account, .. }) = tx.state().next().cloned() else { break };
            tx.emit(Change::Granted { holder, account });
        }
        Report { waiting: tx.state().waiting(), holding: tx.state().holding.len() }
    }

    fn wake() -> Input {
        Input::Wake
    }

    fn apply(state: &mut State, change: &Change) {
        match change {
            Change::Queued { holder, account, priority, created } => {
                let before = std::cmp::Reverse(*priority);
                let place = Place { before, created: *created, holder: holder.clone(), account: account.clone() };
                state.accounts.entry(account.clone()).or_default().waiting.insert(place.clone());
                state.places.insert(holder.clone(), place);
            }
            Change::Granted { holder, account } => {
                state.take_from_queue(holder);
                let last = state.accounts.values().filter_map(|queue| queue.turn).max();
                let queue = state.accounts.entry(account.clone()).or_default();
                queue.turn = Some(last.map_or(0, |last| last + 1));
                queue.holding += 1;
                state.holding.insert(holder.clone(), account.clone());
            }
            Change::Gone { holder } => {
                let waited = state.places.get(holder).map(|place| place.account.clone());
                state.take_from_queue(holder);
                let held = state.holding.remove(holder);
                if let Some(queue) = held.as_ref().and_then(|account| state.accounts.get_mut(account)) {
                    queue.holding = queue.holding.saturating_sub(1);
                }
                held.iter().chain(&waited).for_each(|account| state.forget_if_idle(account));
            }
            Change::LimitSet { limit } => state.limit = *limit,
            Change::Turn { account, at } => {
                if let Some(queue) = state.accounts.get_mut(account) {
                    queue.turn = Some(*at);
                }
            }
        }
    }

    fn effects(_state: &State, change: &Change, out: &mut Vec<Effect>) {
        if let Change::Granted { holder, .. } = change {
            out.push(Effect::Grant(holder.clone()));
        }
    }

    fn outstanding(state: &State) -> Vec<Effect> {
        state.holding.keys().cloned().map(Effect::Grant).collect()
    }

    fn next_wake(state: &State) -> Option<Timestamp> {
        // A full transaction leaves places that could be filled.
        (state.free() && state.waiting() > 0).then(Timestamp::default)
    }

    fn live(state: &State) -> bool {
        !state.holding.is_empty() || state.waiting() > 0
    }

    fn condense(state: &State) -> Option<Vec<Change>> {
        let mut out = vec![Change::LimitSet { limit: state.limit }];
        out.extend(
            state
                .holding
                .iter()
                .map(|(holder, account)| Change::Granted { holder: holder.clone(), account: account.clone() }),
        );
        out.extend(state.places.values().map(|place| Change::Queued {
            holder: place.holder.clone(),
            account: place.account.clone(),
            priority: place.before.0,
            created: place.created,
        }));
        let turns = state.accounts.iter().filter_map(|(account, queue)| Some((account, queue.turn?)));
        out.extend(turns.map(|(account, at)| Change::Turn { account: account.clone(), at }));
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::SeededIds;
    use engine::proof::{Provable, Recorder};
    use proptest::prelude::*;

    impl Provable for Limiter {
        fn fingerprint(state: &State) -> String {
            format!("{state:?}")
        }
        fn key(effect: &Effect) -> String {
            format!("{effect:?}")
        }
        fn answers(_: &Input) -> Option<String> {
            None
        }
    }

    fn request(holder: &str, priority: i32, created: i64) -> Input {
        of("", holder, priority, created)
    }

    fn of(account: &str, holder: &str, priority: i32, created: i64) -> Input {
        let (holder, account) = (holder.into(), account.into());
        Input::Request { holder, account, priority, created: Timestamp::from_millis(created) }
    }

    /// Who got a place, in that order.
    fn grants(inputs: impl IntoIterator<Item = Input>) -> Vec<String> {
        let mut recorder = Recorder::<Limiter>::default();
        let mut ids = SeededIds::new(1);
        let mut grants = Vec::new();
        for input in inputs {
            let (effects, _, _) = recorder.step(input, Timestamp::default(), &mut ids);
            grants.extend(effects.into_iter().map(|Effect::Grant(holder)| holder.to_string()));
            recorder.check_replay();
        }
        grants
    }

    #[test]
    fn priority_then_age_decides_who_is_next() {
        let inputs = [
            Input::Limit(Some(1)),
            request("a", 0, 1),
            request("young", 0, 9),
            request("old", 0, 2),
            request("urgent", 5, 10),
            Input::Release("a".into()),
            Input::Release("urgent".into()),
            Input::Release("old".into()),
        ];
        assert_eq!(grants(inputs), ["a", "urgent", "old", "young"]);
    }

    #[test]
    fn places_go_round_between_accounts() {
        // A crowd that came first does not keep the others out, with one place or with several.
        let crowd = (1..=6).map(|n| of("crowd", &format!("c{n}"), 0, n));
        let others = [of("x", "x1", 0, 50), of("x", "x2", 0, 51), of("y", "y1", 0, 60)];
        let ends = ["c1", "x1", "y1", "c2"].map(|holder| Input::Release(holder.into()));
        let one = [Input::Limit(Some(1))].into_iter().chain(crowd.clone()).chain(others.clone()).chain(ends);
        assert_eq!(grants(one), ["c1", "x1", "y1", "c2", "x2"]);
        let ends = ["c1", "c2", "c3"].map(|holder| Input::Release(holder.into()));
        let three = [Input::Limit(Some(3))].into_iter().chain(crowd.clone()).chain(others.clone()).chain(ends);
        assert_eq!(grants(three), ["c1", "c2", "c3", "x1", "y1", "c4"]);
        // What is urgent is so for everybody.
        let urgent = [of("crowd", "now", 9, 99), Input::Release("c1".into()), Input::Release("now".into())];
        let urgent = [Input::Limit(Some(1))].into_iter().chain(crowd).chain(others).chain(urgent);
        assert_eq!(grants(urgent), ["c1", "now", "x1"]);
    }

    #[test]
    fn records_of_earlier_versions_are_read() {
        let text = r#"[{"w":{"h":"a","p":1,"c":"2024-01-01T00:00:00Z"}},{"g":{"h":"a"}},{"r":{"h":"a"}}]"#;
        let changes: Vec<Change> = serde_json::from_str(text).unwrap();
        let mut state = State::default();
        changes.iter().for_each(|change| Limiter::apply(&mut state, change));
        assert_eq!(state, State::default());
    }

    fn inputs() -> impl Strategy<Value = Input> {
        prop_oneof![
            (0..6u8, 0..3u8, -1..2i32, 0..4i64).prop_map(|(h, a, p, c)| of(&a.to_string(), &h.to_string(), p, c)),
            (0..6u8).prop_map(|h| Input::Release(h.to_string().into())),
            prop::option::of(0..4u32).prop_map(Input::Limit),
            Just(Input::Wake),
        ]
    }

    proptest! {
        #[test]
        fn places_are_neither_leaked_nor_given_twice(script in prop::collection::vec(inputs(), 1..80)) {
            let mut recorder = Recorder::<Limiter>::default();
            let mut ids = SeededIds::new(7);
            let mut allowed = 0usize;
            for input in script {
                let before = recorder.state.holding.len();
                let again = input.clone();
                recorder.step(input, Timestamp::default(), &mut ids);
                let (_, _, changes) = recorder.step(again, Timestamp::default(), &mut ids);
                prop_assert_eq!(changes, 0, "the same input again changes nothing more");
                let state = &recorder.state;
                allowed = state.limit.map_or(0, |l| l as usize).max(before.min(allowed.max(before)));
                prop_assert!(state.holding.len() <= allowed, "more holders than the limit");
                prop_assert!(!state.free() || state.waiting() == 0, "a free place while somebody waits");
                prop_assert!(state.holding.keys().all(|h| !state.places.contains_key(h)));
                recorder.check_replay();
                let mut condensed = State::default();
                for change in Limiter::condense(state).unwrap_or_default() {
                    Limiter::apply(&mut condensed, &change);
                }
                prop_assert_eq!(&condensed, state);
            }
        }
    }
}
