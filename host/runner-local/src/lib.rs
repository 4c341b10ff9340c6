//! Steps as processes and containers on this machine, without a daemon and without root where the machine allows it.
//!
//! ```text
//!            Unit                 LaunchSpec                          namespaces
//!   engine ───────► LocalRunner ─────────────► agent ─► supervisor ───────────────► init ─► the step's program
//!          ◄─────── (plan, images,  ◄───────────────────  (claim, logs, probes, deadline,
//!           events   artifacts)      Started … Ended       results; outlives the server)
//! ```
//!
//! - [`LocalRunner`] is the runner port's implementation in the server: it plans a unit, obtains images, loads and saves artifacts,
//!   reads logs, and finds units again after a restart.
//! - [`agent_main`] is the agent: a process of one thread, started by the server from its own program, that forks a supervisor for
//!   each unit. Whoever embeds this crate calls it first thing in `main` when the hidden subcommand is given.
//! - [`ImageStore`] keeps images: pulled by digest or imported, each layer unpacked once.
//!
//! Where there is no Linux, steps are plain processes and say so. What needs Linux stands in modules of which each has a `plain` one in its place
//! (`container`, `namespaces`, `network`, `inside`, `source`); `--cfg colchis_plain` chooses those on Linux, so that they are known to compile.
//!
//! Invariants
//! - A key is claimed once for ever, durably, before anything of it runs; life is told by a lock, never by a process id.
//! - Secrets go to a step through sockets and memory, never through a file of the runner, a log line, an event or an error.
//! - Nothing a step or an image holds makes the runner read or write outside the step's own root, volumes and scratch.
//! - When the server is killed steps go on; when a supervisor is killed its containers end with it and the unit is lost.
//!
//! Must not know: engines, stores, how artifacts are packed or where they go.

#![cfg_attr(
    not(all(target_os = "linux", not(colchis_plain))),
    allow(dead_code, reason = "of what containers need, plain processes need only a part")
)]

pub(crate) mod agent;
mod images;
mod local;
mod plan;
mod settings;

pub use agent::agent_main;
pub use images::{Credentials, ImageConfig, ImageError, ImageRecord, ImageStore};
pub use local::{LocalRunner, remove_all};
pub use settings::{AgentProgram, ImagesMode, Isolation, Settings};
