//! Fixtures, clock, faulty store.

pub mod tools;
