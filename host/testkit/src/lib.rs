//! Fixtures, clock, faulty store.

pub mod hostile;
pub mod net;
pub mod registry;
pub mod tools;
