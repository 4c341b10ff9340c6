//! Becoming a container's program: user, groups, capabilities, filter, limits, streams, exec.

use std::convert::Infallible;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

use super::process::{Program, begin, enter};
use super::seccomp::Filters;
use super::user::Identity;
use crate::agent::protocol::SecuritySpec;
use crate::agent::sys;

/// Drops what the program must not have and executes it. For a child that shares memory: keeps nothing.
pub(crate) fn become_program(
    program: &Program,
    identity: &Identity,
    security: &SecuritySpec,
    in_user_namespace: bool,
    (bounding, filters): (u64, &Filters),
    working_dir: &Path,
    streams: [BorrowedFd<'_>; 3],
) -> Result<Infallible, String> {
    let step = |what: &'static str| move |e: io::Error| format!("{what}: {e}");
    begin(streams)?;
    let mut bounding = bounding;
    if in_user_namespace && (identity.uid, identity.gid) != (0, 0) {
        own_user(identity).map_err(step("make a user namespace for the step's user"))?;
        // A new user namespace begins with all there are.
        bounding = u64::MAX;
    }
    if !security.privileged {
        super::seccomp::limit_bounding_set(bounding, security.capabilities).map_err(step("drop capabilities"))?;
        if security.seccomp && !security.no_new_privileges {
            // Installing it needs either the privilege or the promise; later there is neither.
            filters.install(security.capabilities)?;
        }
    }
    for fd in streams.iter().skip(1) {
        // So that a program of another user may open /dev/stdout.
        let _ = rustix::fs::fchown(fd, Some(rustix::fs::Uid::from_raw(identity.uid)), None);
    }
    // In a user namespace there is one group, and all files are its own.
    let groups: &[u32] = if in_user_namespace { &[] } else { &identity.groups };
    sys::become_user(identity.uid, identity.gid, groups)
        .map_err(|e| format!("become user {}:{}: {e}", identity.uid, identity.gid))?;
    if !security.privileged {
        super::seccomp::limit_capabilities(security.capabilities, identity.uid).map_err(step("drop capabilities"))?;
    }
    enter(working_dir)?;
    if security.no_new_privileges && !security.privileged {
        rustix::thread::set_no_new_privs(true).map_err(|e| step("set no_new_privs")(e.into()))?;
        if security.seccomp {
            filters.install(security.capabilities)?;
        }
    }
    Err(program.exec())
}

/// A user namespace in which the one user there is has the number the step asks for.
fn own_user(identity: &Identity) -> io::Result<()> {
    sys::unshare(libc::CLONE_NEWUSER)?;
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("{} 0 1", identity.uid))?;
    std::fs::write("/proc/self/gid_map", format!("{} 0 1", identity.gid))
}
