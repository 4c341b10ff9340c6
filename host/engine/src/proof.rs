//! Tests that hold for every engine and every fixture. An engine's own tests run its scenarios through [`Recorder`], which checks at each step that
//!
//! - replaying the changes so far gives the state that is live ([`Provable::fingerprint`]),
//! - the outstanding effects are those issued and not answered,
//! - changes survive their encoding.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Codec, Engine, IdSource, Json, Timestamp, Tx};

/// What an engine must offer to be proven.
pub trait Provable: Engine {
    /// The whole of a state as text, equal exactly when two states behave alike.
    fn fingerprint(state: &Self::State) -> String;
    /// An effect's stable key.
    fn key(effect: &Self::Effect) -> String;
    /// The key of the effect that this input answers for good, if it does.
    fn answers(input: &Self::Input) -> Option<String>;
}

/// A run of an engine with its journal.
pub struct Recorder<E: Provable> {
    /// The live state.
    pub state: E::State,
    /// The journal: one entry per transaction.
    pub journal: Vec<Vec<u8>>,
    /// Effects issued and not answered, as the changes told.
    pub issued: BTreeMap<String, usize>,
    changes_max: usize,
}

impl<E: Provable> Default for Recorder<E> {
    fn default() -> Self {
        Self {
            state: E::State::default(),
            journal: Vec::new(),
            issued: BTreeMap::new(),
            changes_max: crate::CHANGES_MAX,
        }
    }
}

impl<E> Recorder<E>
where
    E: Provable,
    E::Change: Serialize + DeserializeOwned,
{
    /// A recorder whose transactions are cut after `changes_max` changes.
    pub fn with_changes_max(changes_max: usize) -> Self {
        Self { changes_max, ..Self::default() }
    }

    /// Handles one input in one transaction; answers the effects and the report.
    pub fn step(
        &mut self,
        input: E::Input,
        now: Timestamp,
        ids: &mut dyn IdSource,
    ) -> (Vec<E::Effect>, E::Report, usize) {
        let mut tx = Tx::<E>::with_changes_max(&mut self.state, self.changes_max);
        let report = E::handle(&mut tx, input, now, ids);
        let (changes, effects) = tx.finish();
        let count = changes.len();
        if count > 0 {
            self.journal.push(Json::encode(&changes));
        }
        for effect in &effects {
            *self.issued.entry(E::key(effect)).or_default() += 1;
        }
        (effects, report, count)
    }

    /// The state that the first `transactions` transactions give.
    ///
    /// # Panics
    /// When a record cannot be decoded: that is the finding.
    pub fn replayed(&self, transactions: usize) -> E::State {
        let mut state = E::State::default();
        for bytes in self.journal.iter().take(transactions) {
            let changes: Vec<E::Change> = match Json::decode(1, bytes) {
                Ok(changes) => changes,
                Err(error) => panic!("journal record: {error}"),
            };
            for change in &changes {
                E::apply(&mut state, change);
            }
        }
        state
    }

    /// Panics unless replay gives the live state.
    ///
    /// # Panics
    /// When the fingerprints differ.
    pub fn check_replay(&self) {
        let replayed = self.replayed(self.journal.len());
        assert_eq!(E::fingerprint(&replayed), E::fingerprint(&self.state), "replay differs from the live state");
        let mut live: Vec<String> = E::outstanding(&self.state).iter().map(E::key).collect();
        let mut again: Vec<String> = E::outstanding(&replayed).iter().map(E::key).collect();
        live.sort();
        again.sort();
        assert_eq!(again, live, "outstanding effects differ after replay");
    }
}
