//! Large values of plugins, as files: a folder for each plugin, a file for each value.
//!
//! Names are hashed, as they are the plugins' own. A value that is being written has a name of its own until it is whole.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use plugin::{ErrorClass, PluginError, Result};
use plugin_host::{BlobReader, BlobWriter, Blobs};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::task::spawn_blocking;

/// How the names of values begin that are being written.
const UNFINISHED: &str = ".";

/// Keeps values below a folder.
#[derive(Debug, Clone)]
pub(crate) struct FolderBlobs {
    folder: PathBuf,
    /// One at a time counts and takes its place, so that two together are not more than one may be.
    placing: Arc<Mutex<()>>,
}

impl FolderBlobs {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, placing: Arc::default() }
    }

    /// Removes what a server that was killed left half-written. Before anybody writes. Blocks.
    pub(super) fn clear_half_written(&self) -> io::Result<()> {
        for plugin in entries(&self.folder)? {
            for value in entries(&plugin)? {
                if value.file_name().is_some_and(|name| name.to_string_lossy().starts_with(UNFINISHED)) {
                    fs::remove_file(value)?;
                }
            }
        }
        Ok(())
    }

    /// Forgets the values of a plugin. Blocks.
    pub(super) fn forget(&self, plugin: &str) -> io::Result<()> {
        match fs::remove_dir_all(self.of(plugin)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn of(&self, plugin: &str) -> PathBuf {
        self.folder.join(hex(&Sha256::digest(plugin)))
    }

    fn place(&self, plugin: &str, name: &str) -> PathBuf {
        self.of(plugin).join(hex(&Sha256::digest(name)))
    }

    /// Forgets the values of all plugins but these. Blocks.
    pub(super) fn keep_only<'a>(&self, plugins: impl Iterator<Item = &'a str>) -> io::Result<()> {
        let kept: Vec<PathBuf> = plugins.map(|plugin| self.of(plugin)).collect();
        for path in entries(&self.folder)? {
            if !kept.contains(&path) {
                fs::remove_dir_all(path)?;
            }
        }
        Ok(())
    }
}

/// What stands in a folder; nothing where there is none.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn trouble(what: &str, error: &io::Error) -> PluginError {
    PluginError::new(ErrorClass::Unavailable, "no-storage", format!("a large value cannot be {what}: {error}"))
}

/// Runs what blocks where it may.
async fn blocking<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    match spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| trouble(what, &error)),
        Err(_) => Err(trouble(what, &io::Error::other("it broke off"))),
    }
}

#[async_trait]
impl Blobs for FolderBlobs {
    async fn open(&self, plugin: &str, name: &str) -> Result<Box<dyn BlobReader>> {
        let place = self.place(plugin, name);
        let opened = blocking("read", move || match File::open(place) {
            Ok(file) => Ok(Some((file.metadata()?.len(), file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        });
        match opened.await? {
            Some((size, file)) => Ok(Box::new(Reader { file: Arc::new(file), size })),
            None => Err(PluginError::new(ErrorClass::NotFound, "no-blob", format!("there is no large value {name:?}"))),
        }
    }

    async fn create(&self, plugin: &str, name: &str, bytes_max: u64) -> Result<Box<dyn BlobWriter>> {
        let (folder, place) = (self.of(plugin), self.place(plugin, name));
        let file = blocking("written", move || {
            fs::create_dir_all(&folder)?;
            NamedTempFile::with_prefix_in(UNFINISHED, folder)
        });
        let file = Some(file.await?);
        Ok(Box::new(Writer { file, hash: Sha256::new(), bytes: 0, bytes_max, place, placing: self.placing.clone() }))
    }

    async fn delete(&self, plugin: &str, name: &str) -> Result<()> {
        let place = self.place(plugin, name);
        let deleted = blocking("removed", move || match fs::remove_file(place) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        });
        deleted.await
    }
}

struct Reader {
    file: Arc<File>,
    size: u64,
}

#[async_trait]
impl BlobReader for Reader {
    fn size(&self) -> u64 {
        self.size
    }

    async fn read(&self, offset: u64, length: u64) -> Result<Vec<u8>> {
        let (file, left) = (self.file.clone(), self.size.saturating_sub(offset).min(length));
        blocking("read", move || {
            let mut bytes = vec![0; usize::try_from(left).map_err(io::Error::other)?];
            file.read_exact_at(&mut bytes, offset)?;
            Ok(bytes)
        })
        .await
    }
}

struct Writer {
    /// Gone when writing failed.
    file: Option<NamedTempFile>,
    hash: Sha256,
    bytes: u64,
    bytes_max: u64,
    place: PathBuf,
    placing: Arc<Mutex<()>>,
}

impl Writer {
    fn too_large(&self, bytes: u64) -> PluginError {
        let message =
            format!("the plugin would keep {bytes} bytes, more than spec.grants.blobs.bytes ({})", self.bytes_max);
        PluginError::new(ErrorClass::Permanent, "too-large", message)
    }
}

#[async_trait]
impl BlobWriter for Writer {
    async fn write(&mut self, bytes: Vec<u8>) -> Result<()> {
        self.bytes += bytes.len() as u64;
        if self.bytes > self.bytes_max {
            self.file = None;
            return Err(self.too_large(self.bytes));
        }
        self.hash.update(&bytes);
        let Some(mut file) = self.file.take() else { return Err(trouble("written", &io::Error::other("it failed"))) };
        self.file = Some(
            blocking("written", move || {
                file.write_all(&bytes)?;
                Ok(file)
            })
            .await?,
        );
        Ok(())
    }

    async fn finish(&mut self) -> Result<String> {
        let Some(file) = self.file.take() else { return Err(trouble("written", &io::Error::other("it failed"))) };
        let (place, placing, fresh, max) = (self.place.clone(), self.placing.clone(), self.bytes, self.bytes_max);
        let placed = blocking("written", move || {
            file.as_file().sync_all()?;
            let _one = placing.lock().unwrap_or_else(PoisonError::into_inner);
            let folder = place.parent().unwrap_or_else(|| Path::new("."));
            let all = fresh + others(folder, &place)?;
            if all > max {
                return Ok(Err(all));
            }
            file.persist(&place).map_err(|error| error.error)?;
            File::open(folder)?.sync_all()?;
            Ok(Ok(()))
        });
        match placed.await? {
            Ok(()) => Ok(format!("sha256:{}", hex(&self.hash.clone().finalize()))),
            Err(all) => Err(self.too_large(all)),
        }
    }
}

/// Bytes of the finished values in a folder, without one.
fn others(folder: &Path, without: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path() != without && !entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            // One that was removed meanwhile takes no room.
            bytes += entry.metadata().map_or(0, |metadata| metadata.len());
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn put(blobs: &FolderBlobs, plugin: &str, name: &str, bytes: &[u8], max: u64) -> Result<String> {
        let mut writer = blobs.create(plugin, name, max).await?;
        for piece in bytes.chunks(3) {
            writer.write(piece.to_vec()).await?;
        }
        writer.finish().await
    }

    async fn get(blobs: &FolderBlobs, plugin: &str, name: &str) -> Option<Vec<u8>> {
        let reader = blobs.open(plugin, name).await.ok()?;
        Some(reader.read(0, reader.size() + 10).await.unwrap())
    }

    #[tokio::test]
    async fn each_plugin_has_its_own_and_no_more_than_it_may() {
        let home = tempfile::tempdir().unwrap();
        let blobs = FolderBlobs::new(home.path().join("blobs"));
        let digest = put(&blobs, "a", "../../x", b"hello", 100).await.unwrap();
        assert_eq!(digest, "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        assert_eq!(get(&blobs, "a", "../../x").await.unwrap(), b"hello");
        assert_eq!(get(&blobs, "b", "../../x").await, None);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "names do not lead out");
        let reader = blobs.open("a", "../../x").await.unwrap();
        assert_eq!(reader.read(3, 9).await.unwrap(), b"lo");
        assert_eq!(reader.read(9, 9).await.unwrap(), b"");
        // Another in its place; who reads has what was there.
        put(&blobs, "a", "../../x", b"another", 100).await.unwrap();
        assert_eq!(reader.read(0, 9).await.unwrap(), b"hello");
        assert_eq!(get(&blobs, "a", "../../x").await.unwrap(), b"another");
        for (name, bytes) in [("y", &[7; 11][..]), ("z", &[7; 4][..])] {
            let error = put(&blobs, "a", name, bytes, 10).await.unwrap_err();
            assert!(error.message.contains("more than spec.grants.blobs.bytes (10)"), "{error}");
            assert_eq!(get(&blobs, "a", name).await, None);
        }
        drop(blobs.create("a", "unfinished", 100).await.unwrap());
        assert_eq!(fs::read_dir(blobs.of("a")).unwrap().count(), 1, "what was not finished never was");
        blobs.delete("a", "../../x").await.unwrap();
        blobs.delete("a", "../../x").await.unwrap();
        assert_eq!(get(&blobs, "a", "../../x").await, None);
        put(&blobs, "b", "x", b"1", 10).await.unwrap();
        blobs.keep_only(["a"].into_iter()).unwrap();
        assert!(blobs.of("a").exists() && !blobs.of("b").exists());
        put(&blobs, "a", "whole", b"1", 10).await.unwrap();
        fs::write(blobs.of("a").join(format!("{UNFINISHED}left")), "by a server that was killed").unwrap();
        blobs.clear_half_written().unwrap();
        assert_eq!(fs::read_dir(blobs.of("a")).unwrap().count(), 1);
        assert_eq!(get(&blobs, "a", "whole").await.unwrap(), b"1");
        blobs.forget("a").unwrap();
        blobs.forget("a").unwrap();
        assert_eq!(get(&blobs, "a", "whole").await, None);
    }
}
