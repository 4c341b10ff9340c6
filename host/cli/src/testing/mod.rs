//! Tests of workflows: runs whose steps go as a file says, on a server of which nothing is real.
//!
//! ```text
//!   release.test.yaml ──load──► texts ──check──► Suite { cases: Ready } ──run──► play ──► Played ──expect──► differences ──► report
//!                                 │                                               │          └──► coverage
//!                              problems with their lines                        mocks: how each step goes
//! ```
//!
//! - [`format`]: the file's words; the JSON Schema and the checker are made from them.
//! - [`load`], [`check`]: from names to [`suite`]s that can be run, or everything that is wrong.
//! - [`mocks`]: the actor of a rehearsal; [`play`]: one case; [`run`]: all of them.
//! - [`expect`], [`coverage`], [`report`]: what differs, what no case ran, and how it is told.
//!
//! Invariants: a test file that has a mistake runs nothing; each case has a server of its own; nothing waits in real time, and a run that never ends is told.
//!
//! Must not know: engines, runners, stores. The host rehearses.

mod check;
pub mod coverage;
pub mod expect;
pub mod format;
pub mod load;
pub mod manifests;
pub mod mocks;
pub mod naming;
pub mod pattern;
pub mod play;
pub mod report;
pub mod run;
pub mod suite;

#[cfg(test)]
mod tests;
