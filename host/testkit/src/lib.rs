//! Fixtures, clock, faulty store.

pub mod hostile;
pub mod tools;
