//! Namespaces of the agent and of its units.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::fault::{At, Fault};
use super::protocol::Isolation;
use super::sys;

pub(crate) fn own_namespaces() -> io::Result<()> {
    sys::unshare(libc::CLONE_NEWNS | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS)
}

pub(crate) fn attempt(dir: &Path, isolation: Isolation) -> Result<(), String> {
    let (read, write) = rustix::pipe::pipe().map_err(|e| e.to_string())?;
    match sys::fork().map_err(|e| e.to_string())? {
        None => {
            let tried = enter(isolation).and_then(|()| {
                own_namespaces().at(|| "make namespaces".to_owned())?;
                super::container::try_overlay(&dir.join("probe"), isolation)
            });
            if let Err(fault) = tried {
                let _ = rustix::io::write(&write, fault.to_string().as_bytes());
            }
            sys::exit_now(0)
        }
        Some(pid) => {
            drop(write);
            let mut why = String::new();
            let _ = File::from(read).read_to_string(&mut why);
            let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
            if why.is_empty() { Ok(()) } else { Err(why) }
        }
    }
}

pub(crate) fn enter(isolation: Isolation) -> Result<(), Fault> {
    use rustix::mount::{MountPropagationFlags, mount_change};
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    match isolation {
        Isolation::Plain => return Ok(()),
        Isolation::Root => sys::unshare(libc::CLONE_NEWNS).at(|| "make a mount namespace".to_owned())?,
        Isolation::User => {
            sys::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS).at(|| "make a user namespace".to_owned())?;
            // Whoever maps a group must first give up changing the list of groups.
            fs::write("/proc/self/setgroups", "deny").at(|| "write /proc/self/setgroups".to_owned())?;
            fs::write("/proc/self/uid_map", format!("0 {uid} 1")).at(|| "map the user".to_owned())?;
            fs::write("/proc/self/gid_map", format!("0 {gid} 1")).at(|| "map the group".to_owned())?;
        }
    }
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)
        .at(|| "take the mounts apart from the machine's".to_owned())
}
