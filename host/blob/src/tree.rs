//! A folder as many objects.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use artifact::Saved;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use futures::stream::{self, StreamExt, TryStreamExt};

use crate::archive::{Kind, UnpackLimits, local, relative, walk};
use crate::bridge::{self, Copy};
use crate::driver::{Entries, Size};
use crate::failure::Failure;
use crate::place::Place;
use crate::tap::Tap;

/// Objects moved at once.
const CONCURRENCY: usize = 8;

/// Something of a folder to be saved: its path, and its file or nothing for an empty folder.
struct Piece {
    path: String,
    file: Option<(std::fs::File, u64)>,
}

/// Saves every file below `root` as an object below the place's key. When one fails, those of this save are deleted again.
pub(crate) async fn save(place: &Place, root: Dir) -> Result<Saved, Failure> {
    let begun = Mutex::new(Vec::new());
    let result = store_all(place, root, &begun).await;
    if result.is_err() {
        let keys = begun.into_inner().unwrap_or_else(PoisonError::into_inner);
        let deleting = stream::iter(keys)
            .for_each_concurrent(CONCURRENCY, |key: String| async move { drop(place.driver.delete(&key).await) });
        deleting.await;
    }
    result
}

/// After a failure nothing new begins, and what is under way comes to its end: only then is it known what to delete.
async fn store_all(place: &Place, root: Dir, begun: &Mutex<Vec<String>>) -> Result<Saved, Failure> {
    let failed = AtomicBool::new(false);
    let mut results = pieces(root)
        .take_while(|_| std::future::ready(!failed.load(Ordering::Relaxed)))
        .map(|piece| async {
            let result = match piece {
                Ok(piece) => store(place, piece, begun).await,
                Err(failure) => Err(failure),
            };
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            result
        })
        .buffered(CONCURRENCY);
    let (mut bytes, mut digests, mut empty, mut first) = (0, Tap::default(), true, None);
    while let Some(result) = results.next().await {
        empty = false;
        match result {
            Ok((path, Some(one))) => {
                bytes += one.bytes;
                let mut line = String::new();
                writeln!(line, "{}  {path}", one.digest).ok();
                digests.update(line.as_bytes());
            }
            Ok((_, None)) => {}
            Err(failure) => first = first.or(Some(failure)),
        }
    }
    drop(results);
    match first {
        Some(failure) => return Err(failure),
        None if empty => place.driver.put_folder(&place.key).await?,
        None => {}
    }
    Ok(Saved { bytes, digest: digests.digest() })
}

async fn store(place: &Place, piece: Piece, begun: &Mutex<Vec<String>>) -> Result<(String, Option<Saved>), Failure> {
    let key = under(&place.key, &piece.path);
    begun.lock().unwrap_or_else(PoisonError::into_inner).push(key.clone());
    let Some((mut file, size)) = piece.file else {
        place.driver.put_folder(&key).await?;
        return Ok((piece.path, None));
    };
    let (tap, content) = Tap::on(bridge::produce(move |out| match bridge::copy(&mut file, out) {
        Ok(_) => Ok(()),
        Err(Copy::Read(error) | Copy::Write(error)) => Err(local("read the file".to_owned(), error)),
    }));
    place.driver.put(&key, content, Size { exact: Some(size), at_most: Some(size) }).await?;
    Ok((piece.path, Some(tap.saved())))
}

/// The key of `path` below `key`.
pub(crate) fn under(key: &str, path: &str) -> String {
    match (key.is_empty(), path.is_empty()) {
        (true, _) => path.to_owned(),
        (_, true) => key.to_owned(),
        _ => format!("{key}/{path}"),
    }
}

fn pieces(root: Dir) -> futures::stream::BoxStream<'static, Result<Piece, Failure>> {
    bridge::items(move |send| {
        walk(&root, &mut |item| {
            let path = item.path.to_str().ok_or_else(|| {
                Failure::permanent(format!("{} is no UTF-8, which the name of an object is", item.path.display()))
            })?;
            let file = match item.kind {
                Kind::File(file, size) => Some((file, size)),
                Kind::Folder(true) => None,
                Kind::Folder(false) => return Ok(()),
                Kind::Link(_) => match followed(&root, item.path)? {
                    Some(file) => Some(file),
                    None => return Ok(()),
                },
            };
            if send(Piece { path: path.to_owned(), file }) {
                Ok(())
            } else {
                Err(Failure::permanent("nobody listens any more"))
            }
        })
    })
}

/// Objects know no links: a link to a file within the folder is saved as that file.
fn followed(root: &Dir, path: &Path) -> Result<Option<(std::fs::File, u64)>, Failure> {
    let refused = |what: &str| {
        Failure::permanent(format!(
            "{} is a link to {what}, which cannot be stored as an object (archive: tar keeps links)",
            path.display()
        ))
    };
    match root.metadata(path) {
        Ok(metadata) if metadata.is_file() => {
            let file = root.open(path).map_err(|error| local(format!("read {}", path.display()), error))?;
            Ok(Some((file.into_std(), metadata.len())))
        }
        Ok(_) => Err(refused("a folder")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(refused("nothing")),
        Err(error) => Err(local(format!("read {}", path.display()), error)),
    }
}

/// Loads every object below the place's key into a new folder `to`. Returns the bytes, or nothing when there is no object.
pub(crate) async fn load(place: &Place, to: &Path, limits: &UnpackLimits) -> Result<Option<u64>, Failure> {
    let mut entries: Entries = place.driver.below(&place.key).await?;
    let Some(first) = entries.try_next().await? else { return Ok(None) };
    std::fs::create_dir(to).map_err(|error| local(format!("make {}", to.display()), error))?;
    let root = Dir::open_ambient_dir(to, ambient_authority())
        .map_err(|error| local(format!("open {}", to.display()), error))?;
    let writer = Arc::new(Writer {
        root,
        limits: limits.clone(),
        used: Mutex::new((0, 0)),
        folders: Mutex::new(HashSet::new()),
    });
    let all = stream::iter([Ok(first)]).chain(entries);
    let fetched = all.map_ok(|entry| fetch(place, Arc::clone(&writer), entry)).try_buffer_unordered(CONCURRENCY);
    fetched.try_fold(0, |sum, bytes| async move { Ok(sum + bytes) }).await.map(Some)
}

async fn fetch(place: &Place, writer: Arc<Writer>, entry: artifact::Entry) -> Result<u64, Failure> {
    let path = relative(entry.path.as_bytes(), &writer.limits)
        .map_err(|why| Failure::permanent(format!("the object {:?} is refused: {why}", entry.path)))?;
    writer.count(entry.size)?;
    if entry.path.is_empty() || entry.path.ends_with('/') {
        return writer
            .folder(&path)
            .map(|()| 0)
            .map_err(|error| local(format!("make the folder {}", path.display()), error));
    }
    let content = place.driver.get(&under(&place.key, &entry.path)).await?;
    bridge::consume(content, move |mut reader| writer.file(&path, &mut reader)).await
}

/// Writes files beneath one folder.
struct Writer {
    root: Dir,
    limits: UnpackLimits,
    used: Mutex<(u64, u64)>,
    folders: Mutex<HashSet<PathBuf>>,
}

impl Writer {
    fn count(&self, bytes: u64) -> Result<(), Failure> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.0 += 1;
        used.1 = used.1.saturating_add(bytes);
        if used.0 > self.limits.entries_max {
            return Err(Failure::permanent(format!(
                "there are more objects than the limit entriesMax of {}",
                self.limits.entries_max
            )));
        }
        if used.1 > self.limits.total_bytes_max {
            return Err(Failure::permanent(format!(
                "the objects pass the limit totalBytesMax of {}",
                self.limits.total_bytes_max
            )));
        }
        Ok(())
    }

    fn folder(&self, path: &Path) -> io::Result<()> {
        if path.as_os_str().is_empty() || self.folders.lock().unwrap_or_else(PoisonError::into_inner).contains(path) {
            return Ok(());
        }
        self.root.create_dir_all(path)?;
        self.folders.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned());
        Ok(())
    }

    fn file(&self, path: &Path, content: &mut dyn io::Read) -> Result<u64, Failure> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                Failure::permanent(format!("{} is an object and a folder at once", path.display()))
            }
            _ => local(format!("write {}", path.display()), error),
        };
        self.folder(path.parent().unwrap_or(Path::new(""))).map_err(failed)?;
        let mut file =
            self.root.open_with(path, OpenOptions::new().write(true).create_new(true)).map_err(failed)?.into_std();
        file.set_permissions(std::fs::Permissions::from_mode(0o644)).map_err(failed)?;
        bridge::copy(content, &mut file).map_err(|error| match error {
            Copy::Read(error) => Failure::transient(error.to_string()).because(error),
            Copy::Write(error) => failed(error),
        })
    }
}
