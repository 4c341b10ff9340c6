//! Fixtures, clock, faulty store.

pub mod git;
pub mod hostile;
pub mod net;
pub mod registry;
pub mod tools;
pub mod web;
