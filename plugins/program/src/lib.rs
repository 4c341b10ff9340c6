//! A program that does what its arguments say, one after the other: for the tests of runners. It is not shipped.
//!
//! ```text
//!   run(component, "print=hello", "exit=3") ──► Action::parse ──► WASI, by its interfaces alone
//! ```
//!
//! Invariants
//! - It knows nothing of plugins: what it needs, ordinary programs need.
//! - What cannot be done is told on standard error, and ends it with code 2.
//!
//! Must not know: who runs it.

mod action;
#[cfg(target_family = "wasm")]
mod component;

pub use action::Action;
