//! Reads a tar.

use std::cell::Cell;
use std::io::Read;
use std::rc::Rc;

use flate2::read::MultiGzDecoder;
use tar::EntryType;

use super::broken;
use super::extract::{Extractor, FILE_MODE, hostile};
use super::limits::{Counted, Metered};
use crate::failure::Failure;

/// The mode of a folder whose entry states none.
const FOLDER_MODE: u32 = 0o755;

/// Unpacks a tar, with gzip or without.
pub(crate) fn unpack(content: &mut dyn Read, gzip: bool, to: &mut Extractor) -> Result<(), Failure> {
    let packed = Rc::new(Cell::new(0));
    let counted = Counted::new(content, Rc::clone(&packed));
    let plain: Box<dyn Read + '_> = if gzip { Box::new(MultiGzDecoder::new(counted)) } else { Box::new(counted) };
    let header = Rc::new(Cell::new(None));
    let mut archive = tar::Archive::new(Metered::new(plain, packed, Rc::clone(&header), to.limits().clone()));
    let mut entries = archive.entries().map_err(broken)?;
    loop {
        // The library reads long names and extended headers into memory, so reading up to the next entry has a limit.
        header.set(Some(to.limits().metadata_bytes_max));
        let Some(entry) = entries.next() else { break };
        header.set(None);
        one(entry.map_err(broken)?, to)?;
    }
    header.set(None);
    // What is left of the gzip holds its checksum.
    std::io::copy(&mut archive.into_inner(), &mut std::io::sink()).map(drop).map_err(broken)
}

fn one<R: Read>(mut entry: tar::Entry<'_, R>, to: &mut Extractor) -> Result<(), Failure> {
    let kind = entry.header().entry_type();
    let name = entry.path_bytes().into_owned();
    refuse_sparse(&mut entry, &name)?;
    let mode = entry.header().mode().ok();
    match kind {
        EntryType::Regular | EntryType::Continuous if name.ends_with(b"/") => {
            to.folder(&name, mode.unwrap_or(FOLDER_MODE))
        }
        EntryType::Regular | EntryType::Continuous => {
            let modified = entry.header().mtime().ok();
            to.file(&name, mode.unwrap_or(FILE_MODE), modified, &mut entry)
        }
        EntryType::Directory => to.folder(&name, mode.unwrap_or(FOLDER_MODE)),
        EntryType::Symlink => {
            let target = entry.link_name_bytes().unwrap_or_default().into_owned();
            to.link(&name, &target)
        }
        EntryType::Link => {
            let target = entry.link_name_bytes().unwrap_or_default().into_owned();
            to.hard_link(&name, &target)
        }
        EntryType::XGlobalHeader => Ok(()),
        EntryType::Char | EntryType::Block => Err(hostile(&name, "it is a device node")),
        EntryType::Fifo => Err(hostile(&name, "it is a named pipe")),
        EntryType::GNUSparse => Err(sparse(&name)),
        _ => Err(hostile(&name, "it is of a kind that is not known")),
    }
}

/// A sparse file is a few bytes that say "and then eight exabytes of zeros"; both ways to write one are refused.
fn refuse_sparse<R: Read>(entry: &mut tar::Entry<'_, R>, name: &[u8]) -> Result<(), Failure> {
    let Some(extensions) = entry.pax_extensions().map_err(broken)? else { return Ok(()) };
    for extension in extensions {
        if extension.map_err(broken)?.key_bytes().starts_with(b"GNU.sparse.") {
            return Err(sparse(name));
        }
    }
    Ok(())
}

fn sparse(name: &[u8]) -> Failure {
    hostile(name, "it is a sparse file (pack it without the option --sparse)")
}
