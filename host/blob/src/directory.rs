//! Objects as files of one folder: the default repository of a laptop.
//!
//! ```text
//!   <root>/<namespace>/<key>     one file each object, moved there when it is whole and on the disk
//!   <root>/.incoming/<unique>    what is being written; swept when it is a day old
//! ```
//!
//! Every path is resolved beneath the root by `cap-std`; a namespace sees only its own folder.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use artifact::Entry;
use async_trait::async_trait;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use tokio::task;

use crate::archive::{UnpackLimits, relative};
use crate::bridge::{self, ChunkReader, Chunks, Copy};
use crate::driver::{Driver, Entries, Size};
use crate::failure::Failure;

/// Where what is being written lies. No namespace begins with a dot.
const INCOMING: &str = ".incoming";
/// When what a crash left there is removed.
const INCOMING_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// How often a folder may vanish under a writer because a delete tidied it up.
const PARENT_ATTEMPTS_MAX: usize = 16;
/// Folders within folders.
const DEPTH_MAX: usize = 256;

/// The folder of all namespaces.
#[derive(Clone)]
pub(crate) struct Directory {
    root: Arc<Dir>,
    at: Arc<Path>,
}

impl Directory {
    /// Opens the folder, making it if it is not there.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        if !root.exists() {
            std::fs::create_dir_all(root)?;
            std::fs::set_permissions(root, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        }
        let dir = Dir::open_ambient_dir(root, ambient_authority())?;
        dir.create_dir_all(INCOMING)?;
        sweep(&dir)?;
        Ok(Self { root: Arc::new(dir), at: root.into() })
    }

    /// Where things may wait that are on their way elsewhere.
    pub(crate) fn incoming(&self) -> Arc<Path> {
        self.at.join(INCOMING).into()
    }

    /// The objects of one namespace.
    pub(crate) fn of(&self, namespace: &str) -> Result<Namespace, Failure> {
        let name = relative(namespace.as_bytes(), &UnpackLimits::default()).ok();
        match name.filter(|name| name.components().count() == 1 && !namespace.starts_with('.')) {
            Some(name) => Ok(Namespace { directory: self.clone(), name }),
            None => Err(Failure::permanent(format!("{namespace:?} is no namespace"))),
        }
    }
}

/// Removes what an earlier process left half written.
fn sweep(root: &Dir) -> io::Result<()> {
    for entry in root.read_dir(INCOMING)? {
        let entry = entry?;
        let path = Path::new(INCOMING).join(entry.file_name());
        let modified =
            entry.metadata().and_then(|metadata| metadata.modified()).map(cap_std::time::SystemTime::into_std);
        let old =
            modified.is_ok_and(|time| SystemTime::now().duration_since(time).is_ok_and(|age| age > INCOMING_AGE_MAX));
        if old {
            root.remove_file(&path).or_else(|_| root.remove_dir_all(&path)).ok();
        }
    }
    Ok(())
}

/// The objects of one namespace.
#[derive(Clone)]
pub(crate) struct Namespace {
    directory: Directory,
    name: PathBuf,
}

impl Namespace {
    /// The path of a key below the root.
    fn path(&self, key: &str) -> Result<PathBuf, Failure> {
        let below = relative(key.as_bytes(), &UnpackLimits::default())
            .map_err(|why| Failure::permanent(format!("the key is refused: {why}")))?;
        Ok(self.name.join(below))
    }

    fn shown(&self, path: &Path) -> String {
        self.directory.at.join(path).display().to_string()
    }

    fn failed(&self, doing: &str, path: &Path, error: io::Error) -> Failure {
        let mut failure = crate::archive::local(format!("{doing} {}", self.shown(path)), error);
        if is_a_folder(&failure) {
            failure.reason.push_str(" (another object's key is a part of this one's)");
        }
        failure
    }

    fn write(&self, mut content: ChunkReader, path: &Path) -> Result<(), Failure> {
        let root = &self.directory.root;
        let incoming = Incoming::new(root);
        let failed = |error| self.failed("write", path, error);
        let mut file =
            root.open_with(&incoming.path, OpenOptions::new().write(true).create_new(true)).map_err(failed)?.into_std();
        bridge::copy(&mut content as &mut dyn Read, &mut file).map_err(|error| match error {
            Copy::Read(error) => Failure::transient(error.to_string()).because(error),
            Copy::Write(error) => failed(error),
        })?;
        file.sync_all().map_err(failed)?;
        drop(file);
        self.publish(&incoming.path, path).map_err(failed)
    }

    /// Moves what is whole to its place, making the folders above.
    fn publish(&self, from: &Path, to: &Path) -> io::Result<()> {
        let root = &self.directory.root;
        let parent = to.parent().unwrap_or(Path::new(""));
        for attempt in 1.. {
            make_folders(root, parent)?;
            match root.rename(from, root, to) {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::NotFound && attempt < PARENT_ATTEMPTS_MAX => {}
                Err(error) => return Err(error),
            }
        }
        sync_folder(root, parent)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let root = &self.directory.root;
        let gone = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(()),
            _ => Err(error),
        };
        match root.symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => root.remove_dir_all(path).or_else(gone)?,
            Ok(_) => root.remove_file(path).or_else(gone)?,
            Err(error) => return gone(error),
        }
        // Folders that became empty go too, up to the namespace's own; one that is not empty ends this.
        let mut above = path.parent();
        while let Some(folder) = above.filter(|folder| folder.components().count() > 1) {
            if root.remove_dir(folder).is_err() {
                break;
            }
            above = folder.parent();
        }
        Ok(())
    }
}

fn is_a_folder(failure: &Failure) -> bool {
    let cause = failure.source.as_ref().and_then(|source| source.downcast_ref::<io::Error>());
    cause.is_some_and(|error| {
        matches!(
            error.kind(),
            io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory | io::ErrorKind::DirectoryNotEmpty
        )
    })
}

/// Makes every folder of `path` that is not there, each durable in the one above before the next.
fn make_folders(root: &Dir, path: &Path) -> io::Result<()> {
    let mut folder = PathBuf::new();
    for name in path.components() {
        let above = folder.clone();
        folder.push(name);
        match root.create_dir(&folder) {
            Ok(()) => sync_folder(root, &above)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn sync_folder(root: &Dir, path: &Path) -> io::Result<()> {
    let folder = if path.as_os_str().is_empty() { root.open_dir(".") } else { root.open_dir(path) };
    // Ours to open again: a folder's handle for listing may not be one that can be synced.
    match folder {
        Ok(folder) => std::fs::File::from(rustix_dir(&folder)?).sync_all(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn rustix_dir(folder: &Dir) -> io::Result<std::os::fd::OwnedFd> {
    use rustix::fs::{Mode, OFlags, openat};
    Ok(openat(folder, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// A name below [`INCOMING`]; what is there when it goes is removed.
struct Incoming<'a> {
    root: &'a Dir,
    path: PathBuf,
}

impl<'a> Incoming<'a> {
    fn new(root: &'a Dir) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let name = format!("{}-{}-{nanos}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self { root, path: Path::new(INCOMING).join(name) }
    }
}

impl Drop for Incoming<'_> {
    fn drop(&mut self) {
        self.root.remove_file(&self.path).ok();
    }
}

#[async_trait]
impl Driver for Namespace {
    async fn get(&self, key: &str) -> Result<Chunks, Failure> {
        let (this, path) = (self.clone(), self.path(key)?);
        let open = move || {
            let root = &this.directory.root;
            match root.open(&path) {
                Ok(file) if file.metadata().is_ok_and(|metadata| metadata.is_file()) => Ok(file.into_std()),
                Ok(_) => Err(Failure::not_found("there is no such object")),
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    Err(Failure::not_found("there is no such object"))
                }
                Err(error) => Err(this.failed("read", &path, error)),
            }
        };
        let mut file = blocking(open).await?;
        let (this, path) = (self.clone(), self.path(key)?);
        Ok(bridge::produce(move |out| match bridge::copy(&mut file, out) {
            Ok(_) => Ok(()),
            Err(Copy::Read(error) | Copy::Write(error)) => Err(this.failed("read", &path, error)),
        }))
    }

    async fn put(&self, key: &str, content: Chunks, _: Size) -> Result<(), Failure> {
        let (this, path) = (self.clone(), self.path(key)?);
        if path == this.name {
            return Err(Failure::permanent("the key is empty"));
        }
        bridge::consume(content, move |reader| this.write(reader, &path)).await
    }

    async fn below(&self, folder: &str) -> Result<Entries, Failure> {
        let (this, path) = (self.clone(), self.path(folder)?);
        Ok(bridge::items(move |send| {
            let found = match this.directory.root.open_dir(&path) {
                Ok(folder) => list(&folder, Path::new(""), 0, send),
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(()),
                Err(error) => Err(error),
            };
            found.map_err(|error| this.failed("list", &path, error))
        }))
    }

    async fn delete(&self, key: &str) -> Result<(), Failure> {
        let (this, path) = (self.clone(), self.path(key)?);
        blocking(move || this.remove(&path).map_err(|error| this.failed("delete", &path, error))).await
    }

    async fn put_folder(&self, key: &str) -> Result<(), Failure> {
        let (this, path) = (self.clone(), self.path(key)?);
        blocking(move || make_folders(&this.directory.root, &path).map_err(|error| this.failed("make", &path, error)))
            .await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    task::spawn_blocking(work)
        .await
        .map_err(|error| Failure::permanent("the work on a blocking thread ended early").because(error))?
}

/// Sends what lies below a folder in the order of the bytes of the paths: a folder stands where `name/` would.
fn list(root: &Dir, folder: &Path, depth: usize, send: &mut dyn FnMut(Entry) -> bool) -> io::Result<()> {
    if depth > DEPTH_MAX {
        return Err(io::Error::other("folders lie too deep"));
    }
    let mut names = Vec::new();
    for entry in if folder.as_os_str().is_empty() { root.entries()? } else { root.read_dir(folder)? } {
        let entry = entry?;
        let Ok(mut name) = entry.file_name().into_string() else { continue };
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            name.push('/');
        }
        names.push((name, metadata.len()));
    }
    if names.is_empty() {
        let path = folder.to_str().unwrap_or_default();
        let mark = if path.is_empty() { String::new() } else { format!("{path}/") };
        send(Entry { path: mark, size: 0 });
    }
    names.sort_unstable();
    for (name, size) in names {
        let path = folder.join(name.trim_end_matches('/'));
        if name.ends_with('/') {
            list(root, &path, depth + 1, send)?;
        } else if !send(Entry { path: path.to_str().unwrap_or_default().to_owned(), size }) {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;
