//! Packing and unpacking.
//!
//! ```text
//!   pack    file or folder ──walk──► tar+gzip | zip | as it is ──► Chunks
//!   unpack  Chunks ──peek──► tar(+gzip) | zip | as it is ──► hidden folder beside the destination ──rename──► destination
//! ```
//!
//! An archive with one entry at its top becomes that entry at the destination (a saved file comes back as a file, a saved folder
//! as a folder); any other becomes a folder of its entries. A folder that exists only in part is never at the destination.

mod detect;
mod extract;
mod limits;
mod pack;
mod paths;
mod tarball;
mod walk;
mod zipfile;

use std::io::{self, Read};
use std::path::Path;

use model::workflow::ArchiveStrategy;

use crate::bridge::{self, ChunkReader};
use crate::failure::Failure;

pub(crate) use extract::Extractor;
pub use limits::UnpackLimits;
pub(crate) use pack::pack;
pub(crate) use paths::relative;
pub(crate) use walk::{Kind, Source, measure, walk};

/// The prefix of the hidden folders in which a load is prepared.
pub(crate) const SCRATCH_PREFIX: &str = ".colchis-load-";

/// How an artifact is packed when it is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    /// As it is: a file is one object, a folder many.
    None,
    /// A tar with gzip of this level (0 to 9).
    Tar(u32),
    /// A zip.
    Zip,
}

/// What is done with a stored object when it is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unpacking {
    /// Left as it is.
    None,
    /// A tar, with or without gzip.
    Tar,
    /// A zip.
    Zip,
    /// A tar with gzip is unpacked, anything else left as it is. (A zip is not: a jar or a spreadsheet is one too.)
    Detect,
}

impl Packing {
    /// The packing that `archive` asks for; the default is a tar with gzip.
    pub(crate) fn of(archive: Option<&ArchiveStrategy>) -> Result<Self, Failure> {
        let Some(archive) = archive else { return Ok(Self::Tar(LEVEL_DEFAULT)) };
        if archive.none.is_some() {
            return Ok(Self::None);
        }
        if archive.zip.is_some() {
            return Ok(Self::Zip);
        }
        match archive.tar.as_ref().and_then(|tar| tar.compression_level) {
            None | Some(-1) => Ok(Self::Tar(LEVEL_DEFAULT)),
            Some(-2) => Ok(Self::Tar(1)),
            Some(level @ 0..=9) => Ok(Self::Tar(level.unsigned_abs())),
            Some(other) => Err(Failure::permanent(format!(
                "archive.tar.compressionLevel is {other}, expected -1 (default) or 0 to 9"
            ))),
        }
    }
}

impl Unpacking {
    /// What `archive` says about a stored object.
    pub(crate) fn of(archive: Option<&ArchiveStrategy>) -> Self {
        match archive {
            Some(archive) if archive.none.is_some() => Self::None,
            Some(archive) if archive.zip.is_some() => Self::Zip,
            Some(archive) if archive.tar.is_some() => Self::Tar,
            _ => Self::Detect,
        }
    }
}

/// The gzip level of a tar whose strategy names none.
const LEVEL_DEFAULT: u32 = 6;

/// Writes one stored object to `destination`, unpacked as `unpacking` says. Returns whether it became a folder.
pub(crate) fn place(
    mut content: ChunkReader,
    unpacking: Unpacking,
    destination: &Path,
    limits: &UnpackLimits,
) -> Result<bool, Failure> {
    let scratch = scratch(destination)?;
    let head = detect::Head::read(&mut content).map_err(broken)?;
    let tar = match unpacking {
        Unpacking::None | Unpacking::Zip => false,
        Unpacking::Tar => true,
        Unpacking::Detect => head.is_tar_with_gzip(),
    };
    let gzip = head.is_gzip();
    let mut content = head.chain(content);
    if tar {
        let tree = scratch.path().join("tree");
        let mut extractor = Extractor::new(&tree, limits)?;
        tarball::unpack(&mut content, gzip, &mut extractor)?;
        let root = extractor.finish()?;
        drain(&mut content)?;
        return publish(&tree.join(root), destination);
    }
    let file = scratch.path().join("content");
    write(&mut content, &file)?;
    if unpacking == Unpacking::Zip {
        let tree = scratch.path().join("tree");
        let mut extractor = Extractor::new(&tree, limits)?;
        zipfile::unpack(&file, &mut extractor)?;
        let root = extractor.finish()?;
        return publish(&tree.join(root), destination);
    }
    publish(&file, destination)
}

/// A hidden folder beside the destination: on the same file system, so that the last step is one rename.
pub(crate) fn scratch(destination: &Path) -> Result<tempfile::TempDir, Failure> {
    let parent = match destination.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if destination.symlink_metadata().is_ok() {
        return Err(Failure::permanent(format!("{} exists already", destination.display())));
    }
    tempfile::Builder::new()
        .prefix(SCRATCH_PREFIX)
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .tempdir_in(parent)
        .map_err(|error| local(format!("make a folder in {}", parent.display()), error))
}

/// Moves what was prepared to its destination. Returns whether it is a folder.
pub(crate) fn publish(prepared: &Path, destination: &Path) -> Result<bool, Failure> {
    let failed = |error| local(format!("write {}", destination.display()), error);
    let directory = prepared.symlink_metadata().map_err(failed)?.is_dir();
    std::fs::rename(prepared, destination).map_err(failed)?;
    Ok(directory)
}

fn write(content: &mut dyn Read, to: &Path) -> Result<u64, Failure> {
    let mut file = std::fs::File::create_new(to).map_err(|error| local(format!("create {}", to.display()), error))?;
    bridge::copy(content, &mut file).map_err(|error| match error {
        bridge::Copy::Read(error) => broken(error),
        bridge::Copy::Write(error) => local(format!("write {}", to.display()), error),
    })
}

/// Reads what follows an archive, so that the transport sees its end.
fn drain(content: &mut dyn Read) -> Result<(), Failure> {
    io::copy(content, &mut io::sink()).map(drop).map_err(broken)
}

/// A local file operation that failed. That a local file is missing says nothing about the artifact, so it is never `NotFound`.
pub(crate) fn local(doing: String, error: io::Error) -> Failure {
    let mut failure = Failure::file(doing, error);
    if failure.class == artifact::ErrorClass::NotFound {
        failure.class = artifact::ErrorClass::Permanent;
    }
    failure
}

/// An archive that cannot be read, or that passed a limit.
pub(crate) fn broken(error: io::Error) -> Failure {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<limits::Exceeded>()) {
        Some(exceeded) => Failure::permanent(exceeded.to_string()),
        None => Failure::permanent(format!("the archive cannot be read: {error}")).because(error),
    }
}

#[cfg(test)]
mod tests;
