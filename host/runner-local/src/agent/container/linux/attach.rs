//! Safe mounting: targets are resolved inside the container's root, links included, and mounts are attached by descriptor.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen, move_mount, open_tree,
};

use crate::agent::fault::{At, Fault};
use crate::agent::sys;

/// Path components a target may have.
const COMPONENTS_MAX: usize = 256;
/// Links followed that lead to nothing yet.
const LINKS_MAX: usize = 16;

pub(crate) const READ_ONLY: u64 = 0x1;
pub(crate) const NO_SUID: u64 = 0x2;
pub(crate) const NO_DEV: u64 = 0x4;
pub(crate) const NO_EXEC: u64 = 0x8;

/// How a path is opened to see whether it is there.
pub(crate) const LOOK: OFlags = OFlags::PATH;

/// Opens a path as a container sees it below `root`; links never lead out.
pub(crate) fn resolve(root: impl AsFd, path: impl AsRef<Path>, flags: OFlags) -> io::Result<OwnedFd> {
    let path = path.as_ref();
    let path = if path.as_os_str().is_empty() { Path::new("/") } else { path };
    loop {
        let opened = openat2(
            root.as_fd(),
            path,
            flags | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
        );
        match opened {
            // A rename went on somewhere in the tree meanwhile.
            Err(Errno::AGAIN) => {}
            Err(e) => return Err(e.into()),
            Ok(fd) => return Ok(fd),
        }
    }
}

/// What a mount needs below it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Folder,
    File,
}

impl Shape {
    pub(crate) fn of(fd: impl AsFd) -> io::Result<Self> {
        let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode);
        Ok(if kind.is_dir() { Self::Folder } else { Self::File })
    }
}

/// Opens the place to mount on, and makes it when it is not there: where a link points to, if a link is all there is.
pub(crate) fn mount_point(root: impl AsFd, target: &str, shape: Shape) -> Result<OwnedFd, Fault> {
    let mut at = target.to_owned();
    for _ in 0..LINKS_MAX {
        match dangling(root.as_fd(), &at) {
            Some(next) => at = next,
            None => break,
        }
    }
    make_mount_point(root, &at, shape)
}

/// What a link that leads to nothing points to, as an absolute path in the container.
fn dangling(root: impl AsFd, path: &str) -> Option<String> {
    let missing = resolve(root.as_fd(), path, OFlags::PATH).is_err_and(|e| e.kind() == io::ErrorKind::NotFound);
    let (parent, name) = split(path).ok().filter(|_| missing)?;
    let folder = resolve(root, parent, OFlags::PATH | OFlags::DIRECTORY).ok()?;
    let target = rustix::fs::readlinkat(&folder, name, Vec::new()).ok()?;
    let mut at = std::path::PathBuf::new();
    for component in parent.join(target.to_str().ok()?).components() {
        match component {
            Component::Normal(name) => at.push(name),
            Component::ParentDir => {
                at.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    Some(Path::new("/").join(at).to_string_lossy().into_owned())
}

fn make_mount_point(root: impl AsFd, target: &str, shape: Shape) -> Result<OwnedFd, Fault> {
    match resolve(root.as_fd(), target, OFlags::PATH) {
        Ok(fd) => return Ok(fd),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e).at(|| format!("open {target} in the container")),
    }
    let (parent, name) = split(target)?;
    let parent = make_folders(root.as_fd(), parent)?;
    if shape == Shape::Folder {
        mkdirat(&parent, name, Mode::from_raw_mode(0o755))
            .at(|| format!("make the folder {target} in the container"))?;
    } else {
        openat(
            &parent,
            name,
            OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC,
            Mode::from_raw_mode(0o644),
        )
        .at(|| format!("make the file {target} in the container"))?;
    }
    resolve(root, target, OFlags::PATH).at(|| format!("open {target} in the container"))
}

/// The folder a path lies in, and its last name.
pub(crate) fn split(path: &str) -> Result<(&Path, &OsStr), Fault> {
    let path = Path::new(path);
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => Ok((parent, name)),
        _ => Err(Fault::new(format!("{} is not a path of a file or folder", path.display()))),
    }
}

/// Opens a folder inside `root`, making what is missing of it.
pub(crate) fn make_folders(root: impl AsFd, path: &Path) -> Result<OwnedFd, Fault> {
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    if let Ok(fd) = resolve(root.as_fd(), path, flags) {
        return Ok(fd);
    }
    let mut walked = std::path::PathBuf::from("/");
    let mut at = resolve(root.as_fd(), "/", flags).at(|| "open the container's root".to_owned())?;
    for component in path.components().take(COMPONENTS_MAX) {
        let name = match component {
            Component::RootDir | Component::CurDir => continue,
            Component::Normal(name) => name,
            Component::ParentDir | Component::Prefix(_) => {
                return Err(Fault::new(format!("{} has `..` in it", path.display())));
            }
        };
        walked.push(name);
        at = match resolve(root.as_fd(), &walked, flags) {
            Ok(next) => next,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                match mkdirat(&at, name, Mode::from_raw_mode(0o755)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(e) => return Err(e).at(|| format!("make the folder {} in the container", walked.display())),
                }
                resolve(root.as_fd(), &walked, flags).at(|| format!("open {} in the container", walked.display()))?
            }
            Err(e) => return Err(e).at(|| format!("open {} in the container", walked.display())),
        };
    }
    Ok(at)
}

/// A copy of the mount at `source`, not attached anywhere yet.
pub(crate) fn clone_tree(source: impl AsFd, recursive: bool) -> io::Result<OwnedFd> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    Ok(open_tree(source, "", flags)?)
}

/// Attaches a detached mount.
pub(crate) fn attach(tree: impl AsFd, target: impl AsFd) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(move_mount(tree, "", target, "", flags)?)
}

/// Mounts what `source` shows on `target`, with attributes.
pub(crate) fn bind(source: impl AsFd, target: impl AsFd, attributes: u64, recursive: bool) -> io::Result<()> {
    let tree = clone_tree(source, recursive)?;
    if attributes != 0 {
        sys::mount_attributes(tree.as_fd(), attributes, recursive)?;
    }
    attach(tree, target)
}

/// A new file system with options, not attached anywhere yet. The kernel's own words are added to an error.
pub(crate) fn new_filesystem(
    kind: &str,
    options: &[(&str, &str)],
    flags: &[&str],
    attributes: u64,
) -> Result<OwnedFd, Fault> {
    let fs = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC).at(|| format!("open a file system of type {kind}"))?;
    let made = (|| {
        for (name, value) in options {
            fsconfig_set_string(fs.as_fd(), *name, *value)?;
        }
        for flag in flags {
            fsconfig_set_flag(fs.as_fd(), *flag)?;
        }
        fsconfig_create(fs.as_fd())?;
        let attributes = MountAttrFlags::from_bits_retain(u32::try_from(attributes).unwrap_or(0));
        fsmount(fs.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
    })();
    made.at(|| {
        let mut log = [0u8; 512];
        match rustix::io::read(&fs, &mut log) {
            Ok(n) => format!("mount {kind} ({})", String::from_utf8_lossy(log.get(..n).unwrap_or_default()).trim()),
            Err(_) => format!("mount {kind}"),
        }
    })
}

/// Opens a path of the machine without following anything special.
pub(crate) fn open_path(path: &Path) -> io::Result<OwnedFd> {
    Ok(openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
}
