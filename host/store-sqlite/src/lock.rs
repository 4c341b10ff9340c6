//! One process per data directory.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use store::{Result, StoreError};

/// Held while the store is open; the kernel lets go when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct DirLock {
    file: File,
}

impl DirLock {
    /// Takes the lock or says who holds it.
    pub(crate) fn take(dir: &Path) -> Result<Self> {
        let path = dir.join("LOCK");
        let failed = |source: std::io::Error| StoreError::Unavailable {
            reason: format!("{} cannot be opened; look at the directory's permissions", path.display()),
            source: Some(Box::new(source)),
        };
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = open.map_err(failed)?;
        if let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            let mut holder = String::new();
            let _ = Read::by_ref(&mut file).take(32).read_to_string(&mut holder);
            let holder = match holder.trim() {
                "" => "another process".to_owned(),
                pid => format!("process {pid}"),
            };
            return Err(StoreError::Unavailable {
                reason: format!(
                    "the data directory {} is in use by {holder}; stop it or choose another directory",
                    dir.display()
                ),
                source: Some(Box::new(std::io::Error::from(error))),
            });
        }
        // The number is a help for people; the lock is what counts.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { file })
    }
}

impl Drop for DirLock {
    /// Lets go by word, not by closing: a child that is between fork and exec has the file, too, and would keep the lock until then.
    fn drop(&mut self) {
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_inherited_the_file_does_not_keep_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let lock = DirLock::take(dir.path()).unwrap();
        let inherited = lock.file.try_clone().unwrap();
        assert!(DirLock::take(dir.path()).is_err());
        drop(lock);
        DirLock::take(dir.path()).unwrap();
        drop(inherited);
    }
}
