//! Scratch folders of units, used again and again.
//!
//! ```text
//!   <data>/agent/units/<n>/unit      the key of the unit it belongs to; empty when free
//!                         /c/0.0/    upper, work, root: a container's private layer
//!                         /root/     what a program sees as `/`
//!                         /…         volumes, inputs, socket: removed when the unit is released
//! ```
//!
//! A step that writes nothing leaves its private layer as it found it, and then the next one gets the same folders: making and
//! removing a dozen inodes for each step is what a file system is slowest at.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::remove;

/// Free folders kept.
const FREE_MAX: usize = 64;
const UNIT_FILE: &str = "unit";
/// How long an ended supervisor may take to go.
const END_PATIENCE: Duration = Duration::from_secs(10);

/// All scratch folders of a data folder.
#[derive(Debug)]
pub(super) struct Slots {
    dir: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    free: Vec<PathBuf>,
    next: u64,
}

impl Slots {
    /// Finds those that are there.
    pub(super) fn open(dir: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        let mut state = State::default();
        for entry in fs::read_dir(&dir)?.flatten() {
            let Some(number) = entry.file_name().to_str().and_then(|n| n.parse::<u64>().ok()) else { continue };
            state.next = state.next.max(number + 1);
            if owner(&entry.path()).is_none() && state.free.len() < FREE_MAX {
                state.free.push(entry.path());
            }
        }
        for path in &state.free {
            reset(path);
        }
        Ok(Self { dir, state: Mutex::new(state) })
    }

    /// A clean folder for this unit.
    pub(super) fn take(&self, key: &str) -> io::Result<PathBuf> {
        let path = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            match state.free.pop() {
                Some(path) => path,
                None => {
                    let path = self.dir.join(state.next.to_string());
                    state.next += 1;
                    path
                }
            }
        };
        match fs::write(path.join(UNIT_FILE), key) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                fs::DirBuilder::new().recursive(true).mode(0o755).create(&path)?;
                fs::write(path.join(UNIT_FILE), key)?;
            }
            other => other?,
        }
        Ok(path)
    }

    /// Cleans a folder and keeps it for another unit. Takes its time: call it where that is no harm.
    ///
    /// A supervisor that has not ended yet (its lock is on `record`) still has the folder mounted: then it is left for the next start.
    pub(super) fn give_back(&self, path: PathBuf, record: &Path) {
        if !path.starts_with(&self.dir) || !wait_for_end(record) {
            return;
        }
        reset(&path);
        if fs::write(path.join(UNIT_FILE), b"").is_err() {
            return;
        }
        let keep = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let keep = state.free.len() < FREE_MAX;
            if keep {
                state.free.push(path.clone());
            }
            keep
        };
        if !keep {
            remove(&path);
        }
    }

    /// Folders that belong to a unit, with its key.
    pub(super) fn owned(&self) -> Vec<(PathBuf, String)> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        entries.filter_map(|e| owner(&e.path()).map(|key| (e.path(), key))).collect()
    }
}

/// Waits for a supervisor that has said its last word to be gone with its mounts.
fn wait_for_end(record: &Path) -> bool {
    let begun = Instant::now();
    let mut pause = Duration::from_micros(200);
    while super::link::is_locked(record) {
        if begun.elapsed() > END_PATIENCE {
            return false;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
    true
}

fn owner(path: &Path) -> Option<String> {
    fs::read_to_string(path.join(UNIT_FILE)).ok().filter(|key| !key.is_empty())
}

/// Removes everything but a first container's layer and a program's root that nobody touched.
fn reset(path: &Path) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name == UNIT_FILE {
            continue;
        }
        if name == "c" {
            for container in fs::read_dir(entry.path()).into_iter().flatten().flatten() {
                if container.file_name() == "0.0" && untouched(&container.path()) {
                    // Overlay makes it anew, and refuses one that an earlier mount marked.
                    remove(&container.path().join("work/work"));
                } else {
                    remove(&container.path());
                }
            }
            continue;
        }
        if name != "root" || !untouched_root(&entry.path()) {
            remove(&entry.path());
        }
    }
}

/// Whether a program's root is as every root is made: no name too many, and folders that are no links.
fn untouched_root(root: &Path) -> bool {
    let has_only = |folder: &Path, names: &[&str]| {
        let known = |entry: io::Result<fs::DirEntry>| {
            entry.is_ok_and(|e| names.iter().any(|n| e.file_name() == *n) && e.file_type().is_ok_and(|t| t.is_dir()))
        };
        fs::read_dir(folder).is_ok_and(|mut entries| entries.all(known))
    };
    let empty = |folder: &str| !root.join(folder).exists() || has_only(&root.join(folder), &[]);
    has_only(root, &["tmp", "argo"])
        && empty("tmp")
        && (!root.join("argo").exists() || has_only(&root.join("argo"), &["staging"]))
        && empty("argo/staging")
}

/// Whether a layer is as it was made: names, owners, modes, and no attributes but overlay's own.
fn untouched(container: &Path) -> bool {
    let upper = container.join("upper");
    let allowed = |folder: &Path, names: &[&str]| {
        fs::read_dir(folder)
            .is_ok_and(|mut entries| entries.all(|e| e.is_ok_and(|e| names.iter().any(|n| e.file_name() == *n))))
    };
    let as_made = |folder: &Path, mode: u32| {
        let Ok(metadata) = fs::symlink_metadata(folder) else { return folder != upper };
        let owner = rustix::process::geteuid().as_raw();
        metadata.is_dir()
            && metadata.permissions().mode() & 0o7777 == mode
            && metadata.uid() == owner
            && metadata.gid() == rustix::process::getegid().as_raw()
            && plain_attributes(folder)
    };
    allowed(container, &["upper", "work", "root"])
        && allowed(&upper, &["tmp", "argo"])
        && as_made(&upper, 0o755)
        && as_made(&upper.join("tmp"), 0o1777)
        && as_made(&upper.join("argo"), 0o777)
        && ["tmp", "argo"].iter().all(|name| !upper.join(name).exists() || allowed(&upper.join(name), &[]))
}

fn plain_attributes(folder: &Path) -> bool {
    let mut names = [0u8; 1024];
    match rustix::fs::llistxattr(folder, &mut names) {
        Ok(length) => {
            let names = names.get(..length).unwrap_or_default();
            names
                .split(|b| *b == 0)
                .filter(|n| !n.is_empty())
                .all(|n| n.starts_with(b"trusted.overlay.") || n.starts_with(b"user.overlay."))
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(slot: &Path) -> PathBuf {
        let container = slot.join("c/0.0");
        for (folder, mode) in
            [("work", 0o755), ("root", 0o755), ("upper", 0o755), ("upper/tmp", 0o1777), ("upper/argo", 0o777)]
        {
            fs::create_dir_all(container.join(folder)).unwrap();
            fs::set_permissions(container.join(folder), fs::Permissions::from_mode(mode)).unwrap();
        }
        container.join("upper")
    }

    #[test]
    fn only_an_untouched_layer_is_used_again() {
        let dir = tempfile::tempdir().unwrap();
        let slots = Slots::open(dir.path().join("units")).unwrap();
        for (touch, kept) in [
            ((|_: &Path| ()) as fn(&Path), true),
            (|upper| fs::write(upper.join("tmp/x"), b"x").unwrap(), false),
            (|upper| fs::create_dir(upper.join("etc")).unwrap(), false),
            (|upper| fs::set_permissions(upper.join("tmp"), fs::Permissions::from_mode(0o700)).unwrap(), false),
            (|upper| fs::remove_dir(upper.join("tmp")).unwrap(), true),
        ] {
            let slot = slots.take("a/b").unwrap();
            assert_eq!(slots.owned(), [(slot.clone(), "a/b".to_owned())]);
            let upper = layer(&slot);
            fs::write(slot.join("sock"), b"").unwrap();
            touch(&upper);
            slots.give_back(slot.clone(), Path::new("/nowhere"));
            assert_eq!(upper.exists(), kept);
            assert!(!slot.join("sock").exists());
            assert!(slots.owned().is_empty());
            assert_eq!(slots.take("c/d").unwrap(), slot, "the folder itself is used again");
            slots.give_back(slot, Path::new("/nowhere"));
        }
    }
    #[test]
    fn only_an_untouched_root_is_used_again() {
        let dir = tempfile::tempdir().unwrap();
        let slots = Slots::open(dir.path().join("units")).unwrap();
        for (touch, kept) in [
            ((|_: &Path| ()) as fn(&Path), true),
            (|root| fs::write(root.join("tmp/x"), b"x").unwrap(), false),
            (|root| fs::write(root.join("argo/progress"), b"1/2").unwrap(), false),
            (|root| fs::create_dir(root.join("work")).unwrap(), false),
            (
                |root| {
                    fs::remove_dir(root.join("tmp")).unwrap();
                    std::os::unix::fs::symlink("/etc", root.join("tmp")).unwrap();
                },
                false,
            ),
        ] {
            let slot = slots.take("a/b").unwrap();
            let root = slot.join("root");
            ["tmp", "argo/staging"].iter().for_each(|folder| fs::create_dir_all(root.join(folder)).unwrap());
            touch(&root);
            slots.give_back(slot, Path::new("/nowhere"));
            assert_eq!(root.exists(), kept);
        }
        assert!(Path::new("/etc").is_dir());
    }
}
