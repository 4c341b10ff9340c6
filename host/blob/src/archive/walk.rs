//! Reads a file or folder to be saved, whatever a step left there.
//!
//! The folder is opened once and everything below is resolved beneath it by `cap-std`: a step that is still running cannot swap a
//! folder for a link and have the server read its own files. Links are items of their own and never followed.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use cap_std::fs::Dir;

use super::local;
use super::paths::link_stays_inside;
use crate::failure::Failure;

/// What is to be saved.
pub(crate) enum Source {
    /// One file.
    File(File),
    /// A folder.
    Folder(Dir),
}

/// Something below a folder.
pub(crate) struct Item<'a> {
    /// Relative to the folder.
    pub(crate) path: &'a Path,
    /// What it is.
    pub(crate) kind: Kind,
    /// The permission bits.
    pub(crate) mode: u32,
    /// Seconds since 1970.
    pub(crate) modified: u64,
}

/// What an [`Item`] is.
pub(crate) enum Kind {
    /// A file of so many bytes.
    File(File, u64),
    /// A folder, told before what is in it; whether it is empty.
    Folder(bool),
    /// A link within the folder, to this target.
    Link(PathBuf),
}

/// Things in one folder tree.
const ITEMS_MAX: u64 = 1_000_000;
/// Folders within folders.
const DEPTH_MAX: usize = 128;

impl Source {
    /// Opens what is to be saved. Nothing there is `NotFound`.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let metadata =
            path.symlink_metadata().map_err(|error| Failure::file(format!("read {}", path.display()), error))?;
        let kind = metadata.file_type();
        if kind.is_symlink() {
            return Err(Failure::permanent(format!("{} is a symbolic link: save what it points to", path.display())));
        }
        if !kind.is_dir() && !kind.is_file() {
            return Err(Failure::permanent(format!(
                "{} is {}, neither a file nor a folder",
                path.display(),
                special(kind.is_socket(), kind.is_fifo())
            )));
        }
        let mut options = File::options();
        options.read(true).custom_flags(nofollow());
        let file = options.open(path).map_err(|error| Failure::file(format!("open {}", path.display()), error))?;
        if kind.is_dir() { Ok(Self::Folder(Dir::from_std_file(file))) } else { Ok(Self::File(file)) }
    }
}

/// `O_NOFOLLOW` and `O_NONBLOCK`: between look and open, a step may have put a link or a pipe there.
fn nofollow() -> i32 {
    (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits().cast_signed()
}

/// Visits everything below `root` in order of name, folders before their content.
pub(crate) fn walk(root: &Dir, visit: &mut dyn FnMut(Item<'_>) -> Result<(), Failure>) -> Result<(), Failure> {
    let mut seen = 0;
    below(root, Path::new(""), 0, &mut seen, visit)
}

/// Bytes and number of the items to be saved.
pub(crate) fn measure(source: &Source) -> Result<(u64, u64), Failure> {
    match source {
        Source::File(file) => {
            Ok((file.metadata().map_err(|error| local("read the file's size".to_owned(), error))?.len(), 1))
        }
        Source::Folder(root) => {
            let (mut bytes, mut items) = (0, 0);
            walk(root, &mut |item| {
                items += 1;
                if let Kind::File(_, size) = item.kind {
                    bytes += size;
                }
                Ok(())
            })?;
            Ok((bytes, items))
        }
    }
}

fn below(
    root: &Dir,
    folder: &Path,
    depth: usize,
    seen: &mut u64,
    visit: &mut dyn FnMut(Item<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if depth > DEPTH_MAX {
        return Err(Failure::permanent(format!("{} lies deeper than {DEPTH_MAX} folders", folder.display())));
    }
    for name in names(root, folder)? {
        *seen += 1;
        if *seen > ITEMS_MAX {
            return Err(Failure::permanent(format!("the folder holds more than {ITEMS_MAX} files")));
        }
        let path = folder.join(&name);
        if let Some(item) = look(root, &path)? {
            let is_folder = matches!(item.kind, Kind::Folder(_));
            visit(item)?;
            if is_folder {
                below(root, &path, depth + 1, seen, visit)?;
            }
        }
    }
    Ok(())
}

fn names(root: &Dir, folder: &Path) -> Result<Vec<std::ffi::OsString>, Failure> {
    let failed = |error| local(format!("list {}", folder.display()), error);
    let entries = if folder.as_os_str().is_empty() { root.entries() } else { root.read_dir(folder) };
    let mut names = Vec::new();
    for entry in entries.map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name());
    }
    names.sort_unstable();
    Ok(names)
}

/// What is at `path`; nothing when it went away since its folder was listed.
fn look<'a>(root: &Dir, path: &'a Path) -> Result<Option<Item<'a>>, Failure> {
    let failed = |error| local(format!("read {}", path.display()), error);
    let metadata = match root.symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let kind = if metadata.is_dir() {
        Kind::Folder(root.read_dir(path).map_err(failed)?.next().is_none())
    } else if metadata.is_symlink() {
        Kind::Link(link(root, path)?)
    } else if metadata.is_file() {
        let mut options = cap_std::fs::OpenOptions::new();
        cap_std::fs::OpenOptionsExt::custom_flags(options.read(true), nofollow());
        let file = root.open_with(path, &options).map_err(failed)?.into_std();
        let size = file.metadata().map_err(failed)?.len();
        Kind::File(file, size)
    } else {
        use cap_std::fs::FileTypeExt as _;
        let kind = metadata.file_type();
        return Err(Failure::permanent(format!(
            "{} is {}: it cannot be saved",
            path.display(),
            special(kind.is_socket(), kind.is_fifo())
        )));
    };
    let modified = metadata.modified().ok().and_then(|time| time.into_std().duration_since(std::time::UNIX_EPOCH).ok());
    Ok(Some(Item {
        path,
        kind,
        mode: cap_std::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777,
        modified: modified.map_or(0, |since| since.as_secs()),
    }))
}

/// A link that is saved must be one that can be loaded.
fn link(root: &Dir, path: &Path) -> Result<PathBuf, Failure> {
    let target =
        root.read_link_contents(path).map_err(|error| local(format!("read the link {}", path.display()), error))?;
    let leaves = !link_stays_inside(path, &target)
        || root.metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
    if leaves {
        return Err(Failure::permanent(format!(
            "{} is a link out of the folder, to {}: an artifact holds only what is in it (copy the file, or remove the link)",
            path.display(),
            target.display()
        )));
    }
    Ok(target)
}

fn special(socket: bool, fifo: bool) -> &'static str {
    match (socket, fifo) {
        (true, _) => "a socket",
        (_, true) => "a named pipe",
        _ => "a device",
    }
}

/// The permission bits of an open file.
pub(crate) fn mode_of(metadata: &std::fs::Metadata) -> u32 {
    metadata.permissions().mode() & 0o777
}
