//! The limiter: decides who may go on where several runs share something.
//!
//! One instance per key: a mutex, a semaphore, the parallelism of a namespace or of the server, a rate. A request is an input, a grant an effect.
//!
//! ```text
//!   Request ──► waiting (priority, age, holder) ──► holding ──► Release
//!                        ▲                            │
//!                        └──── limit: how many ◄──────┘
//! ```
//!
//! # Invariants
//! - Never more holders than the limit, but for a limit that was lowered: then nobody new until enough have gone.
//! - A free place never waits for a holder that could take it: after each input the places are filled or nobody waits.
//! - Requesting twice and releasing twice change nothing more; a release of one who only waits takes it out of the queue.
//! - Higher priority first, then the older run, then the holder's name, so that the order is the same at every replay.
//!
//! Must not know: what is limited, who the holders are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine::{Engine, IdSource, Tx};
use model::Timestamp;
use serde::{Deserialize, Serialize};

/// Who asks. Unique over all runs: `<workflow uid>` or `<workflow uid>/<node>`.
pub type Holder = Arc<str>;

/// What can happen to a limiter.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Somebody asks for a place.
    Request {
        /// Who.
        holder: Holder,
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
    holding: BTreeSet<Holder>,
    waiting: BTreeSet<Place>,
    places: BTreeMap<Holder, Place>,
}

/// A place in the queue, in the order in which it is served.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    before: std::cmp::Reverse<i32>,
    created: Timestamp,
    holder: Holder,
}

impl State {
    /// The limit, when it is known.
    pub fn limit(&self) -> Option<u32> {
        self.limit
    }

    /// Who holds, in order of name.
    pub fn holding(&self) -> impl Iterator<Item = &Holder> {
        self.holding.iter()
    }

    /// Who waits, the next one first.
    pub fn waiting(&self) -> impl Iterator<Item = &Holder> {
        self.waiting.iter().map(|place| &place.holder)
    }

    /// Whether somebody holds a place.
    pub fn holds(&self, holder: &str) -> bool {
        self.holding.contains(holder)
    }

    fn free(&self) -> bool {
        self.limit.is_some_and(|limit| self.holding.len() < limit as usize)
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
            Input::Request { holder, priority, created } => {
                let known = tx.state().holds(&holder) || tx.state().places.contains_key(&holder);
                if !known {
                    tx.emit(Change::Queued { holder, priority, created });
                }
            }
            Input::Release(holder) => {
                if tx.state().holds(&holder) || tx.state().places.contains_key(&holder) {
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
            let Some(holder) = tx.state().waiting().next().cloned() else { break };
            tx.emit(Change::Granted { holder });
        }
        Report { waiting: tx.state().waiting.len(), holding: tx.state().holding.len() }
    }

    fn wake() -> Input {
        Input::Wake
    }

    fn apply(state: &mut State, change: &Change) {
        match change {
            Change::Queued { holder, priority, created } => {
                let place = Place { before: std::cmp::Reverse(*priority), created: *created, holder: holder.clone() };
                state.waiting.insert(place.clone());
                state.places.insert(holder.clone(), place);
            }
            Change::Granted { holder } => {
                if let Some(place) = state.places.remove(holder) {
                    state.waiting.remove(&place);
                }
                state.holding.insert(holder.clone());
            }
            Change::Gone { holder } => {
                if let Some(place) = state.places.remove(holder) {
                    state.waiting.remove(&place);
                }
                state.holding.remove(holder);
            }
            Change::LimitSet { limit } => state.limit = *limit,
        }
    }

    fn effects(_state: &State, change: &Change, out: &mut Vec<Effect>) {
        if let Change::Granted { holder } = change {
            out.push(Effect::Grant(holder.clone()));
        }
    }

    fn outstanding(state: &State) -> Vec<Effect> {
        state.holding.iter().cloned().map(Effect::Grant).collect()
    }

    fn next_wake(state: &State) -> Option<Timestamp> {
        // A full transaction leaves places that could be filled.
        (state.free() && !state.waiting.is_empty()).then(Timestamp::default)
    }

    fn live(state: &State) -> bool {
        !state.holding.is_empty() || !state.waiting.is_empty()
    }

    fn condense(state: &State) -> Option<Vec<Change>> {
        let mut out = vec![Change::LimitSet { limit: state.limit }];
        out.extend(state.holding.iter().map(|holder| Change::Granted { holder: holder.clone() }));
        out.extend(state.waiting.iter().map(|place| Change::Queued {
            holder: place.holder.clone(),
            priority: place.before.0,
            created: place.created,
        }));
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
        Input::Request { holder: holder.into(), priority, created: Timestamp::from_millis(created) }
    }

    #[test]
    fn priority_then_age_decides_who_is_next() {
        let mut recorder = Recorder::<Limiter>::default();
        let mut ids = SeededIds::new(1);
        let mut grants = Vec::new();
        for input in [
            Input::Limit(Some(1)),
            request("a", 0, 1),
            request("young", 0, 9),
            request("old", 0, 2),
            request("urgent", 5, 10),
            Input::Release("a".into()),
            Input::Release("urgent".into()),
            Input::Release("old".into()),
        ] {
            let (effects, _, _) = recorder.step(input, Timestamp::default(), &mut ids);
            grants.extend(effects.into_iter().map(|Effect::Grant(holder)| holder.to_string()));
            recorder.check_replay();
        }
        assert_eq!(grants, ["a", "urgent", "old", "young"]);
    }

    fn inputs() -> impl Strategy<Value = Input> {
        prop_oneof![
            (0..6u8, -1..2i32, 0..4i64).prop_map(|(h, p, c)| request(&h.to_string(), p, c)),
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
                prop_assert!(!state.free() || state.waiting.is_empty(), "a free place while somebody waits");
                prop_assert!(state.holding.iter().all(|h| !state.places.contains_key(h)));
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
