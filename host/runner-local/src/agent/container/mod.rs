//! The inside of a container: process 1 of its namespaces.
//!
//! ```text
//!   supervisor ── clone(pid, mount) ──► init: root, mounts, pivot ── Ready ─►
//!              ── Go ─────────────────► init ── clone, exec ──► the step's program
//!              ◄─ Exited ────────────── init reaps all orphans; its own end ends everything else inside
//! ```
//!
//! The step's program is not process 1, so that signals have their usual effect on it and orphans are reaped.

#[cfg(all(target_os = "linux", not(colchis_plain)))]
mod linux;
#[cfg(not(all(target_os = "linux", not(colchis_plain))))]
#[path = "plain.rs"]
mod linux;
mod process;

pub(crate) use linux::*;
pub(crate) use process::{Program, become_plain, null_device};

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::protocol::{Isolation, LaunchSpec};

/// To init.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Command {
    /// Start the program.
    Go,
    /// Pass a signal to it.
    Signal(i32),
    /// Run another command beside it.
    Exec { id: u64, argv: Vec<String> },
    /// Kill that command.
    Cancel { id: u64 },
}

/// What all containers of a unit are made from.
pub(crate) struct Pod<'a> {
    /// The unit.
    pub spec: &'a LaunchSpec,
    /// Made once by the agent.
    pub devices: &'a DeviceTemplate,
    /// Compiled once by the agent.
    pub filters: &'a Filters,
    /// The bounding set that the agent has left.
    pub bounding: u64,
    /// File systems of the machine that lie over its root (for the machine's own root).
    pub machine_mounts: &'a [PathBuf],
    /// `/etc/hosts` for containers of images and units with a network of their own.
    pub hosts_file: Option<PathBuf>,
    /// `/etc/resolv.conf` likewise.
    pub resolv_file: Option<PathBuf>,
    /// `/etc/hostname` likewise.
    pub hostname_file: Option<PathBuf>,
    /// The unit's own address, for those who ask for `status.podIP`.
    pub address: Option<String>,
    /// A shared `/dev/shm`, when several containers need one.
    pub shm: Option<PathBuf>,
}

/// Where a unit on the machine's network is reached: by others on the machine.
pub(crate) const LOOPBACK: &str = "127.0.0.1";

/// Texts with this address in place of what stands for it.
pub(crate) fn with_address(texts: &[String], address: &str) -> Vec<String> {
    texts.iter().map(|text| text.replace(crate::plan::env::ADDRESS_TOKEN, address)).collect()
}

impl Pod<'_> {
    /// Where the memory volume of this name is mounted, in the supervisor's mount namespace.
    pub(crate) fn memory_dir(&self, name: &str) -> PathBuf {
        self.spec.unit_dir.join("memory").join(name)
    }

    /// Arguments or variables with the unit's address in place of what stands for it.
    fn with_address(&self, texts: &[String]) -> Vec<String> {
        with_address(texts, self.address.as_deref().unwrap_or(LOOPBACK))
    }

    pub(crate) fn in_user_namespace(&self) -> bool {
        self.spec.isolation == Isolation::User
    }
}
