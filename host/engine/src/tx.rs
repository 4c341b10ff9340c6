//! A transaction: the changes of one call.

use crate::Engine;

/// How many changes a call of [`Engine::handle`] makes before it stops at the next convenient point (`changes_max`).
pub const CHANGES_MAX: usize = 2_000;
/// How many bytes of users' values ([`Engine::weight`]) its changes hold before it stops (`changes_bytes_max`): a hundred steps with a megabyte of
/// parameters each are several records, and none is larger than a store takes.
pub const CHANGES_BYTES_MAX: usize = 4 << 20;

/// The changes of one call, applied as they are made.
pub struct Tx<'a, E: Engine> {
    state: &'a mut E::State,
    changes: Vec<E::Change>,
    effects: Vec<E::Effect>,
    changes_max: usize,
    bytes: usize,
}

impl<'a, E: Engine> Tx<'a, E> {
    /// A transaction over `state`.
    pub fn new(state: &'a mut E::State) -> Self {
        Self { state, changes: Vec::new(), effects: Vec::new(), changes_max: CHANGES_MAX, bytes: 0 }
    }

    /// The same with another bound on the number of changes, for tests.
    pub fn with_changes_max(state: &'a mut E::State, changes_max: usize) -> Self {
        Self { state, changes: Vec::new(), effects: Vec::new(), changes_max, bytes: 0 }
    }

    /// The state as it is with the changes so far.
    pub fn state(&self) -> &E::State {
        self.state
    }

    /// Applies a change and records it.
    pub fn emit(&mut self, change: E::Change) {
        E::apply(self.state, &change);
        E::effects(self.state, &change, &mut self.effects);
        self.bytes = self.bytes.saturating_add(E::weight(&change));
        self.changes.push(change);
    }

    /// Whether it is time to stop and ask to be called again.
    pub fn is_full(&self) -> bool {
        self.changes.len() >= self.changes_max || self.bytes >= CHANGES_BYTES_MAX
    }

    /// How many changes there are.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The changes to commit and the effects to perform afterwards.
    pub fn finish(self) -> (Vec<E::Change>, Vec<E::Effect>) {
        (self.changes, self.effects)
    }
}
