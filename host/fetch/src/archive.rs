//! Archives become trees, whatever their entries say.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use plugin::{FileTree, TreeFile};
use tar::{Entry, EntryType};

use crate::error::FetchError;
use crate::settings::Limits;

/// Bytes of one path.
const PATH_BYTES_MAX: usize = 4096;

/// What links of an archive are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    /// A reason to refuse it: of somebody else's archive.
    Refused,
    /// What cannot be read: of an archive that [`pack`] made of a checkout.
    Unreadable,
}

/// Unpacks a tar with gzip. Blocks.
///
/// # Errors
/// It cannot be read, an entry is none that an honest archive has, or a limit is passed.
pub(crate) fn unpack(archive: &[u8], links: Links, limits: &Limits) -> Result<FileTree, FetchError> {
    let metered = Metered {
        inner: MultiGzDecoder::new(archive),
        left: limits.unpacked_bytes_max,
        max: limits.unpacked_bytes_max,
    };
    let mut tar = tar::Archive::new(metered);
    let (mut files, mut entries) = (BTreeMap::new(), 0_u64);
    for entry in tar.entries().map_err(broken)? {
        entries += 1;
        if entries > limits.files_max {
            return Err(FetchError::Archive(format!(
                "it has more than {} files and folders (files_max)",
                limits.files_max
            )));
        }
        one(entry.map_err(broken)?, links, limits, &mut files)?;
    }
    // What is left of the gzip holds its checksum.
    io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(broken)?;
    FileTree::new(files).map_err(|error| FetchError::Archive(format!("entry {error}")))
}

fn one<R: Read>(
    mut entry: Entry<'_, R>,
    links: Links,
    limits: &Limits,
    files: &mut BTreeMap<String, TreeFile>,
) -> Result<(), FetchError> {
    let kind = entry.header().entry_type();
    if kind == EntryType::XGlobalHeader {
        return Ok(());
    }
    let bytes = entry.path_bytes().into_owned();
    let refused = |why: &str| FetchError::Archive(format!("entry {}: {why}", bytes.escape_ascii()));
    let path = relative(&bytes, limits).map_err(refused)?;
    let is_sparse = entry.pax_extensions().map_err(broken)?.is_some_and(|mut extensions| {
        extensions.any(|extension| extension.is_ok_and(|one| one.key_bytes().starts_with(b"GNU.sparse.")))
    });
    match kind {
        // A few bytes that say "and then eight exabytes of zeros".
        _ if is_sparse => return Err(refused("it is a sparse file")),
        EntryType::Directory => {}
        EntryType::Regular | EntryType::Continuous if bytes.ends_with(b"/") => {}
        EntryType::Regular | EntryType::Continuous if path.is_empty() => return Err(refused("it has no name")),
        EntryType::Regular | EntryType::Continuous => {
            let executable = entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
            let mut content = Vec::new();
            entry.read_to_end(&mut content).map_err(broken)?;
            files.insert(path, TreeFile::File { content: content.into(), executable });
        }
        EntryType::Symlink if links == Links::Unreadable => {
            files.insert(path, TreeFile::Other);
        }
        EntryType::Symlink | EntryType::Link => {
            return Err(refused("it is a link; put the file itself into the archive"));
        }
        EntryType::Char | EntryType::Block | EntryType::Fifo => return Err(refused("it is a device or pipe")),
        _ => return Err(refused("it is of a kind that is not known")),
    }
    Ok(())
}

/// The path that an entry's name means; empty for the root.
fn relative(name: &[u8], limits: &Limits) -> Result<String, &'static str> {
    if name.len() > PATH_BYTES_MAX {
        return Err("its path is longer than 4096 bytes");
    }
    let name = std::str::from_utf8(name).map_err(|_| "its path is no UTF-8")?;
    if name.starts_with('/') {
        return Err("its path is absolute");
    }
    if name.contains(['\0', '\\']) {
        return Err("its path holds a NUL byte or a backslash");
    }
    let parts: Vec<&str> = name.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        return Err("its path leads out of the archive");
    }
    if parts.len() > limits.depth_max {
        return Err("it lies deeper than depth_max");
    }
    Ok(parts.join("/"))
}

fn broken(error: io::Error) -> FetchError {
    FetchError::Archive(match error.get_ref().and_then(|inner| inner.downcast_ref::<TooLarge>()) {
        Some(too_large) => too_large.to_string(),
        None => format!("it cannot be read as a tar with gzip: {error}"),
    })
}

#[derive(Debug, thiserror::Error)]
#[error("it has more than {0} bytes unpacked (unpacked_bytes_max)")]
struct TooLarge(u64);

/// Ends a reading that unpacks too much.
struct Metered<R> {
    inner: R,
    left: u64,
    max: u64,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| io::Error::other(TooLarge(self.max)))?;
        Ok(count)
    }
}

/// Packs a checkout without git's own folders. A link to a file of the checkout becomes that file, any other what cannot be read. Blocks.
pub(crate) fn pack(folder: &Path, limits: &Limits) -> Result<Bytes, FetchError> {
    let failed = |error: io::Error| FetchError::Local(format!("the checkout cannot be read: {error}"));
    let root = folder.canonicalize().map_err(failed)?;
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let (mut left, mut files, mut bytes) = (vec![PathBuf::new()], 0_u64, 0_u64);
    while let Some(inside) = left.pop() {
        let mut names: Vec<_> =
            std::fs::read_dir(root.join(&inside)).map_err(failed)?.collect::<Result<_, _>>().map_err(failed)?;
        names.sort_by_key(std::fs::DirEntry::file_name);
        for entry in names {
            let at = inside.join(entry.file_name());
            if entry.file_name() == ".git" {
                continue;
            }
            files += 1;
            if files > limits.files_max {
                return Err(FetchError::Archive(format!(
                    "the repository has more than {} files (files_max)",
                    limits.files_max
                )));
            }
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                left.push(at);
                continue;
            }
            let Some(real) = readable(&root, &entry.path()) else {
                append(&mut tar, &at, EntryType::Symlink, 0o777, b"").map_err(failed)?;
                continue;
            };
            let content = std::fs::read(&real).map_err(failed)?;
            bytes = bytes.saturating_add(content.len() as u64);
            if bytes > limits.unpacked_bytes_max {
                let max = limits.unpacked_bytes_max;
                return Err(FetchError::Archive(format!(
                    "the repository has more than {max} bytes (unpacked_bytes_max)"
                )));
            }
            let mode = std::os::unix::fs::PermissionsExt::mode(&real.metadata().map_err(failed)?.permissions());
            append(&mut tar, &at, EntryType::Regular, mode & 0o777, &content).map_err(failed)?;
        }
    }
    let packed = tar.into_inner().and_then(GzEncoder::finish).map_err(failed)?;
    Ok(packed.into())
}

/// The file that a path leads to, if it is one of the checkout and none of git's own.
fn readable(root: &Path, path: &Path) -> Option<PathBuf> {
    let real = path.canonicalize().ok()?;
    let inside = real.strip_prefix(root).ok()?;
    let is_gits = inside.components().any(|part| part == Component::Normal(".git".as_ref()));
    (real.is_file() && !is_gits).then_some(real)
}

fn append(
    tar: &mut tar::Builder<impl Write>,
    path: &Path,
    kind: EntryType,
    mode: u32,
    content: &[u8],
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    match kind {
        EntryType::Symlink => tar.append_link(&mut header, path, "."),
        _ => tar.append_data(&mut header, path, content),
    }
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
