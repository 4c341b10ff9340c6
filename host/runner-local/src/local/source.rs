//! Where an output lies, as its driver may open it.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};

use super::unit::Claim;
use crate::agent::container::resolve;

/// Links followed in one output's path.
const LINKS_MAX: usize = 40;

/// Where outputs are read from.
pub(super) enum Root {
    Container(OwnedFd),
    Machine,
}

pub(super) fn root(claim: &Claim, root_fd: &Option<i32>, supervisor: Option<u32>) -> io::Result<Root> {
    if claim.plain {
        return Ok(Root::Machine);
    }
    let (Some(fd), Some(pid)) = (root_fd, supervisor) else {
        return Err(io::Error::other("its supervisor is gone"));
    };
    let path = format!("/proc/{pid}/fd/{fd}");
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(Root::Container(openat(CWD, path, flags, Mode::empty())?))
}

/// A path that the driver may open, valid as long as the folder's descriptor is held.
pub(super) struct Source {
    pub path: PathBuf,
    _folder: Option<OwnedFd>,
}

pub(super) fn source(root: &Root, path: &str) -> io::Result<Source> {
    let Root::Container(root) = root else {
        return Ok(Source { path: PathBuf::from(path), _folder: None });
    };
    let mut path = Path::new("/").join(path);
    for _ in 0..LINKS_MAX {
        let Some(name) = path.file_name().map(ToOwned::to_owned) else {
            // The root itself, or a path that ends in `..`: its folder is what is meant.
            let folder = resolve(root, &path, OFlags::PATH | OFlags::DIRECTORY)?;
            let path = PathBuf::from(format!("/proc/self/fd/{}/.", folder.as_raw_fd()));
            return Ok(Source { path, _folder: Some(folder) });
        };
        let parent = path.parent().unwrap_or(Path::new("/")).to_owned();
        let folder = resolve(root, &parent, OFlags::PATH | OFlags::DIRECTORY)?;
        let stat = rustix::fs::statat(&folder, &name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW)?;
        if !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_symlink() {
            let path = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name);
            return Ok(Source { path, _folder: Some(folder) });
        }
        let target = rustix::fs::readlinkat(&folder, &name, Vec::new())?;
        let target = PathBuf::from(std::ffi::OsString::from(target.to_string_lossy().into_owned()));
        path = if target.is_absolute() { target } else { parent.join(target) };
    }
    Err(io::Error::other("too many links"))
}
