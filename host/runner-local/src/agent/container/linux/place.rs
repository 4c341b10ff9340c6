//! Putting an input artifact into a volume: once for the unit, before any container sees it.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, mkdirat, openat, renameat_with};
use rustix::io::Errno;

use super::{Pod, attach, root};
use crate::agent::fault::{At, Fault};
use crate::agent::protocol::{MountSource, Placement};

/// Lays it over what the volume holds: folders are merged, a file takes the place of one by its name. No link in the volume leads
/// out of it.
pub(crate) fn place(pod: &Pod<'_>, placement: &Placement) -> Result<(), Fault> {
    let Placement { from, volume, sub_path, target } = placement;
    let volume = root::source(pod, volume, sub_path.as_deref(), target)?;
    let may_move = !wanted_again(pod, placement);
    let done = || format!("place the artifact at {target} in its volume");
    if target != "/" {
        let (parent, name) = attach::split(target)?;
        let parent = attach::make_folders(&volume, parent)?;
        return entry(from, &parent, Path::new(name), may_move).at(done);
    }
    if !from.is_dir() {
        return Err(Fault::new(
            "an artifact that is a file cannot take the place of a whole volume: give it a path in it",
        ));
    }
    let volume = attach::make_folders(&volume, Path::new("/"))?;
    content(from, &volume, may_move).at(done)
}

/// Whether something else is made of the same files.
fn wanted_again(pod: &Pod<'_>, placement: &Placement) -> bool {
    let mut mounts = pod.spec.containers.iter().flat_map(|c| &c.mounts);
    mounts.any(|m| matches!(&m.source, MountSource::Path(path) if *path == placement.from))
        || pod.spec.placements.iter().any(|other| other != placement && other.from == placement.from)
}

fn content(from: &Path, to: &OwnedFd, may_move: bool) -> io::Result<()> {
    for each in fs::read_dir(from)? {
        let each = each?;
        entry(&each.path(), to, Path::new(&each.file_name()), may_move)?;
    }
    Ok(())
}

/// Links are kept as links.
fn entry(from: &Path, to: &OwnedFd, name: &Path, may_move: bool) -> io::Result<()> {
    let metadata = fs::symlink_metadata(from)?;
    if !metadata.is_dir() {
        match rustix::fs::unlinkat(to, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(e) => return Err(e.into()),
        }
    }
    // Into a folder on the same disk it costs nothing, however large it is.
    if may_move && renameat_with(CWD, from, to, name, RenameFlags::NOREPLACE).is_ok() {
        return Ok(());
    }
    let mode = Mode::from_raw_mode(metadata.permissions().mode() & 0o7777);
    if metadata.is_dir() {
        match mkdirat(to, name, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(e) => return Err(e.into()),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = openat(to, name, flags, Mode::empty())?;
        content(from, &folder, may_move)?;
        return Ok(rustix::fs::fchmod(&folder, mode)?);
    }
    if metadata.is_symlink() {
        return Ok(rustix::fs::symlinkat(fs::read_link(from)?, to, name)?);
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = fs::File::from(openat(to, name, flags, Mode::from_raw_mode(0o600))?);
    io::copy(&mut fs::File::open(from)?, &mut file)?;
    Ok(rustix::fs::fchmod(&file, mode)?)
}
