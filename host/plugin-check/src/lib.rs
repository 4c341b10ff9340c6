//! Tries a component out before anybody installs it: what every plugin promises, asked of this one.
//!
//! ```text
//!   component ─► Workbench (a host without a server) ─► load, describe ─► its schema ─► its configuration ─► calls
//!                                                                                                             │
//!         Switch: what becomes of its requests ◄── a tape │ a status │ nobody listens │ no answer at all ─────┘
//!                                                                                                             ▼
//!                                                                              Report: a verdict for each of CHECKS
//! ```
//!
//! Invariants
//! - A check tells what was seen, and what to do about it. What could not be looked at is left out with a reason; it never passes silently.
//! - Each check has a plugin of its own in the host, so that no check sees what another left.
//! - Faults are made between the plugin and the network: no server is needed, and none is asked but by the one call that was asked for.
//!
//! Must not know: how components are run, terminals, command lines.

mod artifacts;
mod catalogue;
mod drive;
mod faults;
mod input;
mod report;
mod run;
mod schema;
mod speed;
mod tape;
mod wires;
mod workbench;

pub use catalogue::{CHECKS, Spec};
pub use input::{Input, InputError};
pub use report::{Check, Report, Verdict};
pub use run::{Options, run};
pub use speed::{Speed, SpeedError, SpeedOptions, measure};
pub use tape::{Tape, TapeError};
pub use wires::Switch;
pub use workbench::{Grant, Order, Refused, Stage, Workbench};

/// A lock whose holder panicked is still good: what is behind it is changed in one step.
pub(crate) fn lock<T: ?Sized>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
