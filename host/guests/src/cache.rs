//! Components by content: what goes into one is its key.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// Changes whenever the same sources become another component: a new encoder, other flags.
const FORMAT: &str = "guests 1";

/// A key that is being made of files and words.
pub struct Key(Sha256);

impl Default for Key {
    fn default() -> Self {
        let mut hash = Sha256::new();
        hash.update(FORMAT);
        Self(hash)
    }
}

impl Key {
    /// Adds a word.
    pub fn word(&mut self, word: &str) {
        self.0.update((word.len() as u64).to_be_bytes());
        self.0.update(word);
    }

    /// Adds a file, or nothing but its absence.
    pub fn file(&mut self, base: &Path, file: &Path) -> Result<()> {
        self.word(&file.strip_prefix(base).unwrap_or(file).to_string_lossy());
        match fs::read(file) {
            Ok(bytes) => {
                self.0.update((bytes.len() as u64).to_be_bytes());
                self.0.update(&bytes);
                Ok(())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error).with_context(|| format!("reading {}", file.display())),
        }
    }

    /// Adds all files below a folder.
    pub fn folder(&mut self, base: &Path, folder: &Path) -> Result<()> {
        for file in files(folder)? {
            self.file(base, &file)?;
        }
        Ok(())
    }

    /// The key as a word for file names.
    pub fn finish(self) -> String {
        self.0.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// All files below a folder in order, without build output, hidden ones and links.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        let entries = folder.read_dir().with_context(|| format!("reading {}", folder.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("reading {}", folder.display()))?;
            let name = entry.file_name();
            let kind = entry.file_type().with_context(|| format!("reading {}", entry.path().display()))?;
            if name.to_string_lossy().starts_with('.') || name == "target" {
                continue;
            }
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Writes a file whole or not at all: beside its place, then renamed.
pub fn write_whole(file: &Path, bytes: &[u8]) -> Result<()> {
    let folder = file.parent().context("a file lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let fresh = folder.join(format!(".{name}-{}", std::process::id()));
    fs::write(&fresh, bytes).with_context(|| format!("writing {}", fresh.display()))?;
    fs::rename(&fresh, file).with_context(|| format!("writing {}", file.display()))
}

/// Waits until nobody else holds a file's lock, and holds it until the answer is dropped.
pub fn lock(file: &Path) -> Result<fs::File> {
    let folder = file.parent().context("a file lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    let held = fs::File::create(file).with_context(|| format!("writing {}", file.display()))?;
    held.lock().with_context(|| format!("locking {}", file.display()))?;
    Ok(held)
}

/// Removes the oldest files beside one whose names begin so and have no further `-`, beyond a number. What cannot be removed stays.
pub fn forget_old(beside: &Path, beginning: &str, files_max: usize) {
    let Some(entries) = beside.parent().and_then(|folder| folder.read_dir().ok()) else { return };
    let mut found: Vec<_> = entries
        .flatten()
        .filter(|entry| {
            entry.file_name().to_string_lossy().strip_prefix(beginning).is_some_and(|rest| !rest.contains('-'))
        })
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .filter(|(_, path)| path != beside)
        .collect();
    found.sort();
    found.reverse();
    for (_, path) in found.into_iter().skip(files_max.saturating_sub(1)) {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(folder: &Path) -> String {
        let mut key = Key::default();
        key.folder(folder, folder).unwrap();
        key.finish()
    }

    #[test]
    fn a_key_follows_content_and_names_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("src")).unwrap();
        fs::write(at("src/lib.rs"), "one").unwrap();
        let first = key(folder.path());
        fs::create_dir_all(at("target")).unwrap();
        fs::write(at("target/built"), "x").unwrap();
        fs::write(at(".hidden"), "x").unwrap();
        fs::write(at("src/lib.rs"), "one").unwrap();
        assert_eq!(key(folder.path()), first);
        fs::write(at("src/lib.rs"), "two").unwrap();
        let second = key(folder.path());
        assert_ne!(second, first);
        fs::rename(at("src/lib.rs"), at("src/other.rs")).unwrap();
        assert_ne!(key(folder.path()), second);
    }

    #[test]
    fn words_do_not_run_into_each_other() {
        let of = |words: &[&str]| {
            let mut key = Key::default();
            words.iter().for_each(|word| key.word(word));
            key.finish()
        };
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (age, name) in ["a-1", "a-2", "a-3", "a-b-1"].iter().enumerate() {
            fs::write(at(name), "").unwrap();
            let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(age as u64);
            fs::File::options().write(true).open(at(name)).unwrap().set_modified(time).unwrap();
        }
        forget_old(&at("a-1"), "a-", 2);
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["a-1", "a-3", "a-b-1"]);
    }

    #[test]
    fn a_lock_is_held_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/lock");
        let held = lock(&file).unwrap();
        assert!(fs::File::open(&file).unwrap().try_lock().is_err());
        drop(held);
        assert!(fs::File::open(&file).unwrap().try_lock().is_ok());
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/name.wasm");
        write_whole(&file, b"one").unwrap();
        write_whole(&file, b"two").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
    }
}
