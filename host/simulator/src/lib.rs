//! The real loop and engines in a world where everything around them goes wrong: seeded, on one thread, in a time of its own.
//!
//! ```text
//!   world ── life 1 ── crash ── life 2 ── crash ── … ── the runs have ended ──► outcome ──► compared with a world without faults
//!              │  runtime over ports that lie ─┐
//!              ▼                               ▼
//!          memory store (what is durable)   machine (steps that run, with or without a server)
//! ```
//!
//! A life is one server: a runtime on a Tokio runtime of its own whose clock is paused. A crash is the end of that Tokio runtime at an exact point: between a
//! port's call and its answer. What is durable and what runs on the machine survive it; nothing else does.
//!
//! Faults, each by chance from the seed: a call that fails before or after it had its effect, a call that is slow, a watch that is cut, an event that comes
//! twice, a crash before or after a commit.
//!
//! A person gives commands meanwhile, at a given append or after a while, and asks again until there is an answer, in the next life too.
//!
//! Another server can take over at a given append while the first lives on: both hear of every step and both try to commit. The journal fences: an instance to which
//! the second has committed takes nothing from the first any more, and before that the one that comes second reads the other's commit. That is all the fencing there
//! is: objects, and what runs on the machine, know no generations, so a first server that is slow besides may write an old status or start a step that is over.
//! What keeps two servers from one data folder is its lock; the generation is for when a lock was lost unnoticed. So takeovers are played without other faults.
//!
//! # Invariants
//! - The same scenario ends the same, with faults and without: phases of runs and nodes, outputs.
//! - A step that has ended is never run again under its key; at no time do more steps hold a lock than may.
//! - Who watches a run is told its end.
//! - A command that was taken takes effect once: a run that is terminated ends, one that is suspended begins nothing, one that is retried runs nothing again that
//!   succeeded, one pause is ended by one resume.
//! - No commit of a server is taken for an instance to which a later one has committed.
//! - Who waits for each other without end gives way, and nobody else.
//! - At the end nothing is left: no live run, no lock that is held or waited for, no step that runs.
//!
//! # What this crate must not know
//! Adapters, processes, the wall clock.

mod faults;
mod journal;
mod machine;
mod objects;
mod person;
mod ports;
mod time;
mod world;

pub use faults::{Crash, Plan};
pub use machine::{Decide, Step};
pub use person::{Answer, Asked, When};
pub use world::{Outcome, RunOutcome, Scenario, play};
