//! Fixtures, clock, faulty store.
