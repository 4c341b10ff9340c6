//! Writes the entries of an archive below a folder, whatever the entries say.
//!
//! Invariants
//! - Every path is resolved beneath the destination by `cap-std`, so that no race and no link leads out of it.
//! - Symbolic links are made last, when every file is written: nothing is ever written through one. They are then resolved once,
//!   as a step would resolve them, and one that leads out of the destination fails the whole.
//! - Modes are the permission bits only (no set-user-id, no sticky bit), and the owner can always read files and remove folders.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{File, FileTimes, Permissions};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use indexmap::IndexMap;

use super::limits::{Exceeded, UnpackLimits};
use super::paths::{link_stays_inside, relative, shown};
use super::{broken, local};
use crate::bridge::{self, Copy};
use crate::failure::Failure;

/// Permission bits kept of what an archive says.
const MODE_MASK: u32 = 0o777;
/// The mode of a folder that no entry names.
const FOLDER_MODE: u32 = 0o755;
/// The mode of a file whose entry states none.
pub(crate) const FILE_MODE: u32 = 0o644;

/// Writes entries below one folder.
pub(crate) struct Extractor {
    root: Dir,
    limits: UnpackLimits,
    entries: u64,
    bytes: u64,
    remembered: usize,
    folders: HashSet<PathBuf>,
    folder_modes: IndexMap<PathBuf, u32>,
    links: IndexMap<PathBuf, PathBuf>,
    top: Option<OsString>,
    tops: Tops,
}

/// Names at the top of the archive.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tops {
    None,
    One,
    Many,
}

impl Extractor {
    /// Makes `root`, which must not exist.
    pub(crate) fn new(root: &Path, limits: &UnpackLimits) -> Result<Self, Failure> {
        let failed = |error| local(format!("make {}", root.display()), error);
        std::fs::create_dir(root).map_err(failed)?;
        std::fs::set_permissions(root, Permissions::from_mode(FOLDER_MODE)).map_err(failed)?;
        Ok(Self {
            root: Dir::open_ambient_dir(root, ambient_authority()).map_err(failed)?,
            limits: limits.clone(),
            entries: 0,
            bytes: 0,
            remembered: 0,
            folders: HashSet::new(),
            folder_modes: IndexMap::new(),
            links: IndexMap::new(),
            top: None,
            tops: Tops::None,
        })
    }

    /// The limits of this unpacking.
    pub(crate) fn limits(&self) -> &UnpackLimits {
        &self.limits
    }

    /// A folder.
    pub(crate) fn folder(&mut self, name: &[u8], mode: u32) -> Result<(), Failure> {
        let path = self.enter(name)?;
        if path.as_os_str().is_empty() {
            return Ok(());
        }
        self.make_folder(&path)?;
        let mode = mode & MODE_MASK | 0o700;
        if mode != FOLDER_MODE || self.folder_modes.contains_key(&path) {
            self.remember(path.as_os_str().len())?;
            self.folder_modes.insert(path, mode);
        }
        Ok(())
    }

    /// A file. A later entry of the same name replaces it.
    pub(crate) fn file(
        &mut self,
        name: &[u8],
        mode: u32,
        modified: Option<u64>,
        content: &mut dyn Read,
    ) -> Result<(), Failure> {
        let path = self.enter_named(name)?;
        self.clear(&path)?;
        let failed = |error| local(format!("write {}", shown(name)), error);
        let mut file =
            self.root.open_with(&path, OpenOptions::new().write(true).create_new(true)).map_err(failed)?.into_std();
        let left = self.limits.total_bytes_max.saturating_sub(self.bytes);
        let written =
            bridge::copy(&mut content.take(left.saturating_add(1)), &mut file).map_err(|error| match error {
                Copy::Read(error) => broken(error),
                Copy::Write(error) => failed(error),
            })?;
        self.bytes = self.bytes.saturating_add(written);
        if written > left {
            return Err(broken(Exceeded::io("totalBytesMax", self.limits.total_bytes_max)));
        }
        finish_file(&file, mode, modified).map_err(failed)
    }

    /// A symbolic link, made at the end.
    pub(crate) fn link(&mut self, name: &[u8], target: &[u8]) -> Result<(), Failure> {
        let path = self.enter_named(name)?;
        if target.is_empty() || target.len() > self.limits.path_bytes_max || target.contains(&0) {
            return Err(hostile(name, "it links to nothing that could be"));
        }
        self.clear(&path)?;
        self.remember(path.as_os_str().len() + target.len())?;
        self.links.insert(path, PathBuf::from(OsString::from_vec(target.to_vec())));
        Ok(())
    }

    /// A second name of a file that was written before.
    pub(crate) fn hard_link(&mut self, name: &[u8], target: &[u8]) -> Result<(), Failure> {
        let path = self.enter_named(name)?;
        let target =
            relative(target, &self.limits).map_err(|_| hostile(name, "it is a hard link out of the destination"))?;
        let found = self.root.symlink_metadata(&target).map(|metadata| metadata.is_file());
        if !found.unwrap_or(false) {
            return Err(hostile(name, "it is a hard link to what is no file of the archive"));
        }
        if path == target {
            return Ok(());
        }
        self.clear(&path)?;
        self.root.hard_link(&target, &self.root, &path).map_err(|error| local(format!("link {}", shown(name)), error))
    }

    /// Makes the links, sets the modes of folders, and says what of the root is the artifact: the one entry at the top, or all.
    pub(crate) fn finish(self) -> Result<PathBuf, Failure> {
        for (path, mode) in &self.folder_modes {
            let permissions = cap_std::fs::Permissions::from_std(Permissions::from_mode(*mode));
            self.root
                .set_permissions(path, permissions)
                .map_err(|error| local(format!("set the mode of {}", path.display()), error))?;
        }
        let top = match (self.tops, self.top) {
            (Tops::One, Some(top)) => PathBuf::from(top),
            _ => PathBuf::new(),
        };
        if self.links.contains_key(&top) {
            return Err(hostile(top.as_os_str().as_bytes(), "it is a link and the whole archive"));
        }
        if self.links.is_empty() {
            return Ok(top);
        }
        let opened = if top.as_os_str().is_empty() { self.root.try_clone() } else { self.root.open_dir(&top) };
        let inside = opened.map_err(|error| local(format!("open {}", top.display()), error))?;
        make_links(&inside, &self.links, &top)?;
        Ok(top)
    }

    fn enter_named(&mut self, name: &[u8]) -> Result<PathBuf, Failure> {
        let path = self.enter(name)?;
        if path.as_os_str().is_empty() {
            return Err(hostile(name, "it has no name"));
        }
        Ok(path)
    }

    /// Counts an entry, checks its name and where it lies.
    fn enter(&mut self, name: &[u8]) -> Result<PathBuf, Failure> {
        self.entries += 1;
        if self.entries > self.limits.entries_max {
            return Err(broken(Exceeded::io("entriesMax", self.limits.entries_max)));
        }
        let path = relative(name, &self.limits).map_err(|why| hostile(name, why))?;
        if !self.links.is_empty() && path.ancestors().skip(1).any(|above| self.links.contains_key(above)) {
            return Err(hostile(name, "it would be written through a link"));
        }
        if let Some(first) = path.components().next() {
            let first = first.as_os_str();
            if self.top.as_deref() != Some(first) {
                self.tops = if self.top.is_none() { Tops::One } else { Tops::Many };
                self.top = Some(first.to_owned());
            }
        }
        Ok(path)
    }

    /// Makes room for a file or link: the folder above exists, an earlier entry of the name is gone.
    fn clear(&mut self, path: &Path) -> Result<(), Failure> {
        if let Some(parent) = path.parent() {
            self.make_folder(parent)?;
        }
        self.links.shift_remove(path);
        let failed = |error| local(format!("replace {}", path.display()), error);
        match self.root.symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                Err(hostile(path.as_os_str().as_bytes(), "it is a folder and a file at once"))
            }
            Ok(_) => self.root.remove_file(path).map_err(failed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    fn make_folder(&mut self, path: &Path) -> Result<(), Failure> {
        if path.as_os_str().is_empty() || self.folders.contains(path) {
            return Ok(());
        }
        if self.links.contains_key(path) {
            return Err(hostile(path.as_os_str().as_bytes(), "it is a link and a folder at once"));
        }
        if let Some(parent) = path.parent() {
            self.make_folder(parent)?;
        }
        match self.root.create_dir(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && self.is_folder(path) => {}
            Err(error) => return Err(local(format!("make the folder {}", path.display()), error)),
        }
        let permissions = cap_std::fs::Permissions::from_std(Permissions::from_mode(FOLDER_MODE));
        self.root
            .set_permissions(path, permissions)
            .map_err(|error| local(format!("set the mode of {}", path.display()), error))?;
        if self.folders.len() < FOLDERS_REMEMBERED_MAX {
            self.folders.insert(path.to_owned());
        }
        Ok(())
    }

    fn is_folder(&self, path: &Path) -> bool {
        self.root.symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
    }

    fn remember(&mut self, bytes: usize) -> Result<(), Failure> {
        self.remembered += bytes + REMEMBERED_BYTES;
        if self.remembered > self.limits.metadata_bytes_max {
            return Err(broken(Exceeded::io("metadataBytesMax", self.limits.metadata_bytes_max as u64)));
        }
        Ok(())
    }
}

/// Folders known to exist, so that most files need no look.
const FOLDERS_REMEMBERED_MAX: usize = 10_000;
/// What remembering one path costs beside its text.
const REMEMBERED_BYTES: usize = 96;
/// Seconds beyond which a time of change is nonsense (the year 9999).
const MODIFIED_MAX: u64 = 253_402_300_799;

fn finish_file(file: &File, mode: u32, modified: Option<u64>) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(mode & MODE_MASK | 0o400))?;
    let modified = modified.filter(|seconds| *seconds > 0 && *seconds <= MODIFIED_MAX);
    match modified.and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))) {
        Some(time) => file.set_times(FileTimes::new().set_modified(time)),
        None => Ok(()),
    }
}

/// Makes every link relative to the artifact's own root, then resolves each as a step would.
fn make_links(inside: &Dir, links: &IndexMap<PathBuf, PathBuf>, top: &Path) -> Result<(), Failure> {
    let out = |path: &Path| hostile(path.as_os_str().as_bytes(), "it links out of the destination");
    for (path, target) in links {
        let path = path.strip_prefix(top).unwrap_or(path);
        if !link_stays_inside(path, target) {
            return Err(out(path));
        }
        inside.symlink_contents(target, path).map_err(|error| local(format!("link {}", path.display()), error))?;
    }
    for path in links.keys() {
        let path = path.strip_prefix(top).unwrap_or(path);
        if let Err(error) = inside.metadata(path)
            && error.kind() == io::ErrorKind::PermissionDenied
        {
            return Err(out(path));
        }
    }
    Ok(())
}

/// An entry that no honest archive has.
pub(crate) fn hostile(name: &[u8], why: &str) -> Failure {
    Failure::permanent(format!("the archive is refused: entry {}: {why}", shown(name)))
}
