//! What only Linux has for it: namespaces, mounts, capabilities, filters.

mod attach;
mod confined;
mod init;
mod place;
mod root;
mod seccomp;
mod user;

use super::{Pod, process};

pub(crate) use attach::{LOOK, resolve};
pub(crate) use init::{Handles, Message, run};
pub(crate) use place::place;
pub(crate) use root::{DeviceTemplate, machine_mounts, memory_volume, shared_memory, try_overlay};
pub(crate) use seccomp::{Filters, limit_bounding_set};
