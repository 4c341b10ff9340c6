//! Reads a zip. A zip is read from its end, so it is a file first.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use zip::result::ZipError;
use zip::unstable::read::ZipIterable;
use zip::{CompressionMethod, ZipReadOptions};

use super::extract::{Extractor, FILE_MODE, hostile};
use super::limits::{Exceeded, check_ratio};
use super::{broken, local};
use crate::failure::Failure;

/// The bits of a mode that hold the kind of file, and the kinds.
const KIND_MASK: u32 = 0o170_000;
const KIND_FILE: u32 = 0o100_000;
const KIND_FOLDER: u32 = 0o040_000;
const KIND_LINK: u32 = 0o120_000;

/// Unpacks the zip at `file`.
pub(crate) fn unpack(file: &Path, to: &mut Extractor) -> Result<(), Failure> {
    let open =
        || File::open(file).map(BufReader::new).map_err(|error| local(format!("open {}", file.display()), error));
    let packed = file.metadata().map_err(|error| local(format!("open {}", file.display()), error))?.len();
    let mut archive = ZipIterable::try_new(open()?, zip::read::Config::default())
        .map_err(unreadable)?
        .enforce_header_consistency(true);
    if archive.len() as u64 > to.limits().entries_max {
        return Err(broken(Exceeded::io("entriesMax", to.limits().entries_max)));
    }
    let mut files = archive.files_with_reader(open()?, ZipReadOptions::new()).map_err(unreadable)?;
    let mut unpacked = 0;
    while let Some(entry) = files.next() {
        let mut entry = entry.map_err(unreadable)?;
        let name = entry.name_raw().to_vec();
        if entry.encrypted() {
            return Err(hostile(&name, "it is encrypted"));
        }
        if !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
            return Err(hostile(&name, "it is compressed in a way that is not known (stored and deflated are)"));
        }
        let mode = entry.unix_mode();
        match mode.map(|mode| mode & KIND_MASK) {
            _ if entry.is_dir() => to.folder(&name, mode.unwrap_or(0o755))?,
            Some(KIND_FOLDER) => to.folder(&name, mode.unwrap_or(0o755))?,
            Some(KIND_LINK) => {
                let target = read_target(&mut entry, to.limits().path_bytes_max)?;
                to.link(&name, &target)?;
            }
            None | Some(0 | KIND_FILE) => {
                let limits = to.limits().clone();
                let mut content = Ratio {
                    inner: &mut entry,
                    unpacked: &mut unpacked,
                    packed,
                    check: |unpacked, packed| check_ratio(unpacked, packed, &limits),
                };
                to.file(&name, mode.unwrap_or(FILE_MODE), None, &mut content)?;
            }
            Some(_) => return Err(hostile(&name, "it is neither file, folder nor link")),
        }
    }
    Ok(())
}

fn read_target(entry: &mut dyn Read, max: usize) -> Result<Vec<u8>, Failure> {
    let mut target = Vec::new();
    entry.take(max as u64 + 1).read_to_end(&mut target).map_err(broken)?;
    Ok(target)
}

fn unreadable(error: ZipError) -> Failure {
    match error {
        ZipError::Io(error) => broken(error),
        other => Failure::permanent(format!("the archive cannot be read as a zip: {other}")).because(other),
    }
}

/// Counts over all entries: overlapping ones are each small.
struct Ratio<'a, R, F> {
    inner: R,
    unpacked: &'a mut u64,
    packed: u64,
    check: F,
}

impl<R: Read, F: Fn(u64, u64) -> io::Result<()>> Read for Ratio<'_, R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        *self.unpacked = self.unpacked.saturating_add(count as u64);
        (self.check)(*self.unpacked, self.packed)?;
        Ok(count)
    }
}
