//! Where an output lies, as its driver may open it.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use plugin::Folder;
use rustix::fs::{CWD, Mode, OFlags, openat};

use super::unit::Claim;
use crate::agent::container::resolve;
use crate::plan::component::deepest;

/// Links followed in one output's path.
const LINKS_MAX: usize = 40;

/// Where outputs are read from.
pub(super) enum Root {
    Container(OwnedFd),
    Machine,
    Program(Folders),
}

/// The folders that a program saw.
pub(super) struct Folders {
    seen: Vec<Folder>,
    opened: Vec<OwnedFd>,
}

impl Folders {
    pub(super) fn open(seen: &[Folder]) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened =
            seen.iter().map(|folder| openat(CWD, &folder.path, flags, Mode::empty())).collect::<Result<_, _>>();
        Ok(Self { seen: seen.to_vec(), opened: opened? })
    }

    /// The folder that a path lies in, and the path as it is called there.
    fn find(&self, path: &str) -> io::Result<(&OwnedFd, PathBuf)> {
        let whole = Path::new("/").join(path);
        let (folder, below) = deepest(&self.seen, &whole).ok_or(io::ErrorKind::NotFound)?;
        let at = self.seen.iter().position(|seen| seen == folder).and_then(|at| self.opened.get(at));
        Ok((at.ok_or(io::ErrorKind::NotFound)?, Path::new("/").join(below)))
    }

    /// Opens a path; links never lead out of its folder.
    pub(super) fn look(&self, path: &str, flags: OFlags) -> io::Result<OwnedFd> {
        let (folder, below) = self.find(path)?;
        resolve(folder, below, flags)
    }
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
    match root {
        Root::Machine => Ok(Source { path: PathBuf::from(path), _folder: None }),
        Root::Container(root) => below(root, Path::new("/").join(path)),
        Root::Program(folders) => {
            let (folder, path) = folders.find(path)?;
            below(folder, path)
        }
    }
}

/// A path below a root, by its last name, which is no link.
fn below(root: &OwnedFd, mut path: PathBuf) -> io::Result<Source> {
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
