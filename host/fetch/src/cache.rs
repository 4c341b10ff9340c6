//! What was fetched before, by its content, and what exact versions stood for.
//!
//! ```text
//!   content/HEX            bytes whose SHA-256 is HEX; their time of change is when they were used last
//!   names/HEX.json         {digest, etag} of what a name stood for, HEX being that of the name
//! ```

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Names that are kept.
const NAMES_MAX: usize = 10_000;

/// A folder of its own. Everything here blocks.
pub(crate) struct Cache {
    folder: PathBuf,
    bytes_max: u64,
    sweeping: Mutex<()>,
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Named {
    /// Of the content, `sha256:…`.
    pub(crate) digest: String,
    /// The server's word for this content, if it told one.
    pub(crate) etag: Option<String>,
}

impl Cache {
    /// Nothing is read or made before it is used.
    pub(crate) fn new(folder: PathBuf, bytes_max: u64) -> Self {
        Self { folder, bytes_max, sweeping: Mutex::default() }
    }

    /// A content that is kept, if it is still what it was.
    pub(crate) fn content(&self, digest: &str) -> Option<Bytes> {
        let path = self.content_path(digest)?;
        let bytes = fs::read(&path).ok()?;
        if digest_of(&bytes) != digest {
            let _ = fs::remove_file(&path);
            return None;
        }
        // Those that were not used for the longest time go first.
        let _ = File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        Some(bytes.into())
    }

    /// What a name stood for.
    pub(crate) fn named(&self, name: &str) -> Option<Named> {
        serde_json::from_slice(&fs::read(self.name_path(name)).ok()?).ok()
    }

    /// Keeps a content, and that a name stands for it. What is larger than all of the cache is not kept.
    pub(crate) fn keep(&self, name: Option<&str>, bytes: &[u8], etag: Option<String>) -> io::Result<()> {
        if bytes.len() as u64 > self.bytes_max {
            return Ok(());
        }
        let digest = digest_of(bytes);
        if let Some(path) = self.content_path(&digest).filter(|path| !path.exists()) {
            write(&path, bytes)?;
        }
        if let Some(name) = name {
            write(&self.name_path(name), serde_json::to_string(&Named { digest, etag })?.as_bytes())?;
        }
        self.sweep()
    }

    /// Removes what was not used for the longest time, until the rest fits.
    fn sweep(&self) -> io::Result<()> {
        let _one = self.sweeping.lock().unwrap_or_else(PoisonError::into_inner);
        let contents = oldest_last(&self.folder.join("content"))?;
        let (mut sum, bytes_max) = (0_u64, self.bytes_max);
        for (path, _, bytes) in contents {
            sum = sum.saturating_add(bytes);
            if sum > bytes_max {
                fs::remove_file(path)?;
            }
        }
        for (path, ..) in oldest_last(&self.folder.join("names"))?.into_iter().skip(NAMES_MAX) {
            fs::remove_file(path)?;
        }
        Ok(())
    }

    fn content_path(&self, digest: &str) -> Option<PathBuf> {
        let hex = digest.strip_prefix("sha256:")?;
        let good = hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        good.then(|| self.folder.join("content").join(hex))
    }

    fn name_path(&self, name: &str) -> PathBuf {
        let digest = digest_of(name.as_bytes());
        let hex = digest.strip_prefix("sha256:").unwrap_or_default();
        self.folder.join("names").join(format!("{hex}.json"))
    }
}

/// The files of a folder: path, when they were used, bytes; the latest first.
fn oldest_last(folder: &Path) -> io::Result<Vec<(PathBuf, SystemTime, u64)>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        // Another fetch may have removed it.
        let Ok(metadata) = entry.metadata() else { continue };
        found.push((entry.path(), metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), metadata.len()));
    }
    found.sort_by_key(|(_, at, _)| std::cmp::Reverse(*at));
    Ok(found)
}

/// All or nothing.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// `sha256:…` of some bytes.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_and_looked_at() {
        let home = tempfile::tempdir().unwrap();
        let cache = Cache::new(home.path().join("fetched"), 10);
        assert!(cache.named("a").is_none() && cache.content(&digest_of(b"1")).is_none());
        cache.keep(Some("a"), b"12345", Some("\"e\"".to_owned())).unwrap();
        let named = cache.named("a").unwrap();
        assert_eq!(named, Named { digest: digest_of(b"12345"), etag: Some("\"e\"".to_owned()) });
        assert_eq!(&cache.content(&named.digest).unwrap()[..], b"12345");

        // Changed behind our back: not given out, and gone.
        let path = cache.content_path(&named.digest).unwrap();
        fs::write(&path, "54321").unwrap();
        assert!(cache.content(&named.digest).is_none() && !path.exists());

        // The one that was used last stays.
        for (text, age) in [("aaaa", 20), ("bbbb", 10), ("cccc", 0)] {
            cache.keep(None, text.as_bytes(), None).unwrap();
            let path = cache.content_path(&digest_of(text.as_bytes())).unwrap();
            let at = SystemTime::now() - std::time::Duration::from_secs(age + 100);
            let _ = File::open(path).and_then(|file| file.set_modified(at));
        }
        cache.keep(None, b"d", None).unwrap();
        let there = |text: &str| cache.content(&digest_of(text.as_bytes())).is_some();
        assert!(!there("aaaa") && there("bbbb") && there("cccc") && there("d"));
        cache.keep(None, b"larger than ten bytes", None).unwrap();
        assert!(!there("larger than ten bytes") && there("bbbb"));
        assert!(cache.content("sha256:../../etc/passwd").is_none());
    }
}
