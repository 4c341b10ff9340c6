//! The temporary folders of `colchis run` and `colchis test`: each is locked by the process that works in it, so that one whose process was killed is known, and
//! removed by a later run.
//!
//! Only folders that hold a lock file are looked at: one that is kept on purpose has none, and the file comes under its name when it is locked already. They
//! must be this user's own, and no link is followed.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags, flock, openat};

/// How their names begin.
const PREFIX: &str = "colchis-run-";
/// The lock's name in a folder.
const LOCK: &str = "run.lock";

/// A folder of a run, held for as long as this is.
pub(crate) struct RunFolder {
    folder: tempfile::TempDir,
    /// Locked until the process ends, however that is. None of one that is to be kept.
    lock: Option<File>,
}

impl RunFolder {
    /// Makes one. One that is to be kept is not locked, so that nobody takes it for forgotten.
    pub(crate) fn make(keep: bool) -> std::io::Result<Self> {
        let folder = tempfile::Builder::new().prefix(PREFIX).disable_cleanup(keep).tempdir()?;
        let lock = if keep { None } else { Some(locked(folder.path())?) };
        Ok(Self { folder, lock })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What the caller removes, and its lock until then; nothing when it is to be kept.
    pub(crate) fn leave(self) -> Option<(PathBuf, File)> {
        let path = self.folder.keep();
        self.lock.map(|lock| (path, lock))
    }
}

fn locked(folder: &Path) -> std::io::Result<File> {
    let fresh = folder.join("run.lock.new");
    let lock = File::create_new(&fresh)?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
    std::fs::rename(&fresh, folder.join(LOCK))?;
    Ok(lock)
}

/// Removes what killed runs left, on a thread that holds nobody up: what it does not come to, the next one does.
pub(crate) fn remove_forgotten() {
    let _ =
        std::thread::Builder::new().name("forgotten-folders".to_owned()).spawn(|| remove_below(&std::env::temp_dir()));
}

fn remove_below(temporary: &Path) {
    for entry in std::fs::read_dir(temporary).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX)) {
            let path = entry.path();
            if let Some(_lock) = forgotten(&path) {
                tracing::debug!(folder = %path.display(), "a run was killed and left its folder; it is removed");
                remove(&path);
            }
        }
    }
}

/// The lock of a folder that nobody works in any more.
fn forgotten(folder: &Path) -> Option<File> {
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let opened = rustix::fs::open(folder, flags | OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).ok()?;
    let lock = File::from(openat(&opened, LOCK, flags | OFlags::RDWR, Mode::empty()).ok()?);
    let own = |metadata: std::fs::Metadata| metadata.uid() == rustix::process::geteuid().as_raw();
    let ours = own(File::from(opened).metadata().ok()?) && own(lock.metadata().ok()?);
    (ours && lock.metadata().ok()?.is_file() && flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok())
        .then_some(lock)
}

/// The lock goes last: a folder of which only a part is gone is found again.
fn remove(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten().filter(|e| e.file_name() != LOCK) {
        if let Err(problem) = runner_local::remove_all(&entry.path()) {
            tracing::debug!(%problem, "what a killed run left cannot all be removed; the next run tries again");
            return;
        }
    }
    let _ = runner_local::remove_all(folder);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_works_in_is_removed() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let path = temporary.path().join(name);
            std::fs::create_dir_all(path.join("data")).unwrap();
            path
        };
        let killed = folder("colchis-run-killed");
        drop(locked(&killed).unwrap());
        let at_work = folder("colchis-run-work");
        let _lock = locked(&at_work).unwrap();
        let kept = folder("colchis-run-kept");
        let other = folder("other");
        drop(locked(&other).unwrap());
        let outside = folder("outside");
        drop(locked(&outside).unwrap());
        let link = temporary.path().join("colchis-run-link");
        std::os::unix::fs::symlink(&outside, &link).unwrap();
        // A lock that is a link, and one that is a pipe.
        let (linked, piped) = (folder("colchis-run-linked"), folder("colchis-run-piped"));
        std::os::unix::fs::symlink(outside.join(LOCK), linked.join(LOCK)).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(piped.join(LOCK)).status().unwrap().success());
        remove_below(temporary.path());
        assert!(!killed.exists());
        for left in [at_work, kept, other, outside, link, linked, piped] {
            assert!(left.symlink_metadata().is_ok(), "{}", left.display());
        }
    }
}
