//! Runs the beginning of a core module once, and makes a module that begins where it ended.
//!
//! ```text
//!   module ─► instance, whose _initialize runs ─► what its memory and globals are then ─► the same module with those, without _initialize
//! ```
//!
//! A runtime that takes its time to begin (Go's reads tables, compiles expressions, fills maps) has begun already in each instance of what comes out: a fresh
//! instance costs as much as one that stays.
//!
//! Invariants
//! - The beginning sees a clock that stands, randomness that is the same each time, no arguments, no variables and no files. It asks for nothing else, or nothing is made.
//! - The same module gives the same module.
//!
//! Waiting for a clock takes no time, an hour of it at most.
//!
//! So it is for modules alone whose instances would see the same clock and randomness anyway: renderers. Others would all have the same seeds.
//!
//! Must not know: components, interfaces, which languages there are.

mod preview1;
mod run;
mod segments;

pub use run::preinitialize;

/// Which form of module is made: another, when the same module would give another than before.
pub const FORM: &str = "begun 1";

/// Why no module was made.
#[derive(Debug, thiserror::Error)]
pub enum PreinitError {
    /// It cannot be instantiated, or begins in a way that cannot be kept.
    #[error("the module cannot be begun ahead: {0}")]
    Module(String),
    /// Its beginning broke off.
    #[error("its beginning broke off: {why}{}", if said.is_empty() { String::new() } else { format!("; it said: {said}") })]
    Begin {
        /// Why.
        why: String,
        /// What it wrote to its outputs.
        said: String,
    },
}
