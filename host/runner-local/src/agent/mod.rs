//! The agent: a small process of one thread that forks a supervisor for each unit.
//!
//! ```text
//!   server ── spawns ──► zygote ── forks ahead ──► idle supervisors ── accept ──► supervisor of one unit ──► containers
//!      │ connection ───────────────────────────────────────┘      (each outlives the server and the zygote)
//! ```
//!
//! Starting a program costs a millisecond and more, forking a small process a tenth: so the zygote executes nothing and keeps a
//! few supervisors ready, in their namespaces and control groups, waiting on the shared socket.

pub(crate) mod cgroup;
pub(crate) mod container;
pub(crate) mod fault;
#[cfg(all(target_os = "linux", not(colchis_plain)))]
mod namespaces;
#[cfg(not(all(target_os = "linux", not(colchis_plain))))]
#[path = "namespaces_plain.rs"]
mod namespaces;
#[cfg(all(target_os = "linux", not(colchis_plain)))]
pub(crate) mod network;
#[cfg(not(all(target_os = "linux", not(colchis_plain))))]
#[path = "network_plain.rs"]
pub(crate) mod network;
pub(crate) mod protocol;
pub(crate) mod supervisor;
pub(crate) mod sys;
pub(crate) mod zygote;

pub use zygote::agent_main;
