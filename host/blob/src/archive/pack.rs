//! Packs a file or folder into a stream, without a copy of it.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::walk::{Item, Kind, Source, mode_of, walk};
use super::{Packing, local};
use crate::bridge::{self, ChunkWriter, Copy};
use crate::failure::Failure;

/// Writes `source`, whose last name is `name`, packed to `out`.
pub(crate) fn pack(source: Source, name: &OsStr, packing: Packing, out: &mut ChunkWriter) -> Result<(), Failure> {
    match packing {
        Packing::None => plain(source, out),
        Packing::Tar(level) => tar_gzip(source, name, level, out),
        Packing::Zip => zip(source, name, out),
    }
}

fn plain(source: Source, out: &mut ChunkWriter) -> Result<(), Failure> {
    match source {
        Source::File(mut file) => bridge::copy(&mut file, out).map(drop).map_err(copying),
        Source::Folder(_) => Err(Failure::permanent("a folder without an archive is many objects, not one")),
    }
}

fn tar_gzip(source: Source, name: &OsStr, level: u32, out: &mut ChunkWriter) -> Result<(), Failure> {
    let mut builder = tar::Builder::new(GzEncoder::new(out, Compression::new(level)));
    let top = Path::new(name);
    match source {
        Source::File(file) => {
            let metadata = file.metadata().map_err(|error| local("read the file's size".to_owned(), error))?;
            let modified = metadata
                .modified()
                .ok()
                .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
                .map_or(0, |since| since.as_secs());
            let item = Item {
                path: Path::new(""),
                mode: mode_of(&metadata),
                modified,
                kind: Kind::File(file, metadata.len()),
            };
            append(&mut builder, top, item)?;
        }
        Source::Folder(root) => {
            let mode = root
                .dir_metadata()
                .map_or(0o755, |metadata| cap_std::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777);
            append(&mut builder, top, Item { path: Path::new(""), kind: Kind::Folder(false), mode, modified: 0 })?;
            walk(&root, &mut |item| {
                let path = top.join(item.path);
                append(&mut builder, &path, item)
            })?;
        }
    }
    let gzip = builder.into_inner().map_err(sending)?;
    gzip.finish().map(drop).map_err(sending)
}

/// Owner and group are left out: they mean nothing on another machine, and the same content gives the same digest.
fn append<W: Write>(builder: &mut tar::Builder<W>, path: &Path, item: Item<'_>) -> Result<(), Failure> {
    let mut header = Header::new_gnu();
    header.set_mode(item.mode);
    header.set_mtime(item.modified);
    match item.kind {
        Kind::File(file, size) => {
            header.set_entry_type(EntryType::Regular);
            header.set_size(size);
            builder.append_data(&mut header, path, Exact { file, left: size }).map_err(sending)
        }
        Kind::Folder(_) => {
            header.set_entry_type(EntryType::Directory);
            header.set_size(0);
            builder.append_data(&mut header, path, io::empty()).map_err(sending)
        }
        Kind::Link(target) => {
            header.set_entry_type(EntryType::Symlink);
            header.set_size(0);
            builder.append_link(&mut header, path, target).map_err(sending)
        }
    }
}

fn zip(source: Source, name: &OsStr, out: &mut ChunkWriter) -> Result<(), Failure> {
    let mut writer = ZipWriter::new_stream(out);
    let top = Path::new(name);
    match source {
        Source::File(file) => {
            let metadata = file.metadata().map_err(|error| local("read the file's size".to_owned(), error))?;
            add(&mut writer, top, Kind::File(file, metadata.len()), mode_of(&metadata))?;
        }
        Source::Folder(root) => {
            add(&mut writer, top, Kind::Folder(false), 0o755)?;
            walk(&root, &mut |item| add(&mut writer, &top.join(item.path), item.kind, item.mode))?;
        }
    }
    writer.finish().map_err(zipping)?.into_inner().flush().map_err(sending)
}

fn add(
    writer: &mut ZipWriter<zip::write::StreamWriter<&mut ChunkWriter>>,
    path: &Path,
    kind: Kind,
    mode: u32,
) -> Result<(), Failure> {
    let name = path.to_str().ok_or_else(|| {
        Failure::permanent(format!("{} is no UTF-8, which a zip needs (a tar does not)", path.display()))
    })?;
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).unix_permissions(mode);
    match kind {
        Kind::File(file, size) => {
            writer.start_file(name, options.large_file(size >= ZIP64_BYTES)).map_err(zipping)?;
            bridge::copy(&mut Exact { file, left: size }, writer).map(drop).map_err(copying)
        }
        Kind::Folder(_) => writer.add_directory(name, options).map_err(zipping),
        Kind::Link(target) => {
            let target = target.to_str().ok_or_else(|| {
                Failure::permanent(format!("the target of {name} is no UTF-8, which a zip needs (a tar does not)"))
            })?;
            writer.add_symlink(name, target, options).map_err(zipping)
        }
    }
}

/// From here on a file's entry in a zip has the large form: a little under 4 GiB, because packing may add some.
const ZIP64_BYTES: u64 = 0xFFFF_FFFF - (16 << 20);

/// Reads exactly as much as the header said: a file that shrinks meanwhile is an error, one that grows is cut.
struct Exact {
    file: std::fs::File,
    left: u64,
}

impl Read for Exact {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let want = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if want == 0 {
            return Ok(0);
        }
        match self.file.read(buffer.get_mut(..want).unwrap_or_default())? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was saved")),
            count => {
                self.left -= count as u64;
                Ok(count)
            }
        }
    }
}

fn copying(error: Copy) -> Failure {
    match error {
        Copy::Read(error) | Copy::Write(error) => sending(error),
    }
}

fn zipping(error: ZipError) -> Failure {
    match error {
        ZipError::Io(error) => sending(error),
        other => Failure::permanent(format!("pack as a zip: {other}")).because(other),
    }
}

/// The file changed under the packing, or nobody reads any more (whose own error then tells why).
fn sending(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Failure::transient(error.to_string()).because(error),
        _ => local("pack".to_owned(), error),
    }
}
