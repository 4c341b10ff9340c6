//! In place of the insides of containers, where there are none: every unit is plain processes, and nothing here is ever asked for in earnest.
//!
//! `--cfg colchis_plain` builds this on Linux too, so that it is known to compile: `cargo xtask plain`.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::Pod;
use crate::agent::fault::Fault;
use crate::agent::protocol::{Isolation, MemoryVolume, Placement};

const WHY: &str = "containers need Linux";

/// Devices are the machine's own.
pub(crate) struct DeviceTemplate;

impl DeviceTemplate {
    pub(crate) fn make(_: &Path, _: Isolation) -> Result<Self, Fault> {
        Ok(Self)
    }
}

/// No system call is filtered.
pub(crate) struct Filters;

impl Filters {
    pub(crate) fn compile() -> Result<Self, Fault> {
        Ok(Self)
    }
}

pub(crate) fn limit_bounding_set(_: u64, _: u64) -> io::Result<()> {
    Ok(())
}

pub(crate) fn machine_mounts(_: &[PathBuf]) -> Vec<PathBuf> {
    Vec::new()
}

pub(crate) fn memory_volume(_: &Path, _: &MemoryVolume) -> Result<(), Fault> {
    Err(Fault::new(WHY))
}

pub(crate) fn place(_: &Pod<'_>, _: &Placement) -> Result<(), Fault> {
    Err(Fault::new(WHY))
}

pub(crate) fn shared_memory(_: &Path) -> Result<(), Fault> {
    Err(Fault::new(WHY))
}

/// How a path is opened to see whether it is there.
pub(crate) const LOOK: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK);

pub(crate) fn resolve(_: &OwnedFd, _: &str, _: OFlags) -> io::Result<OwnedFd> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}
