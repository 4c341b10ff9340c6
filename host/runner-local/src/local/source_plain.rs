//! Where an output lies of a plain process: where it says; of a program: in the folders that it saw.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use plugin::Folder;
use rustix::fs::{Mode, OFlags};

use super::unit::Claim;
use crate::plan::component::deepest;

/// Where outputs are read from.
pub(super) enum Root {
    Machine,
    Program(Folders),
}

/// The folders that a program saw.
pub(super) struct Folders(Vec<Folder>);

impl Folders {
    pub(super) fn open(seen: &[Folder]) -> io::Result<Self> {
        Ok(Self(seen.to_vec()))
    }

    /// Where a path lies; links may lead on within its folder.
    fn find(&self, path: &str) -> io::Result<PathBuf> {
        let whole = Path::new("/").join(path);
        let (folder, below) = deepest(&self.0, &whole).ok_or(io::ErrorKind::NotFound)?;
        let (real, root) = (folder.path.join(below).canonicalize()?, folder.path.canonicalize()?);
        match real.starts_with(root) {
            true => Ok(real),
            false => Err(io::Error::other("a link leads out of the program's folder")),
        }
    }

    /// Opens a path; links never lead out of its folder.
    pub(super) fn look(&self, path: &str, flags: OFlags) -> io::Result<OwnedFd> {
        Ok(rustix::fs::open(self.find(path)?, flags | OFlags::CLOEXEC, Mode::empty())?)
    }
}

pub(super) fn root(_: &Claim, _: &Option<i32>, _: Option<u32>) -> io::Result<Root> {
    Ok(Root::Machine)
}

/// A path that the driver may open.
pub(super) struct Source {
    pub path: PathBuf,
}

pub(super) fn source(root: &Root, path: &str) -> io::Result<Source> {
    let path = match root {
        Root::Machine => PathBuf::from(path),
        Root::Program(folders) => folders.find(path)?,
    };
    Ok(Source { path })
}
