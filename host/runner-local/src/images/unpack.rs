//! Unpacks a layer: whatever a hostile archive says, nothing is written outside the layer's own folder.
//!
//! Every folder on the way to an entry is opened without following links, so that a link planted by an earlier entry is an error
//! and not a way out. Devices are left out; a whiteout becomes what overlay takes for one.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RawMode, XattrFlags, linkat, mkdirat, openat, symlinkat, unlinkat,
};
use rustix::io::Errno;
use sha2::Digest;
use tar::{Archive, EntryType};

use super::{ImageError, layer_path, tmp_path};

/// Entries of one layer.
const ENTRIES_MAX: u64 = 2_000_000;
/// Bytes of one layer, unpacked.
const LAYER_BYTES_MAX: u64 = 64 << 30;
/// Components of one path.
const COMPONENTS_MAX: usize = 256;
const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";

/// Unpacks a layer's blob (plain, gzip or zstd) unless it is there, and answers its unpacked size.
pub(super) fn layer(store: &Path, blob: &Path, diff_id: &str) -> Result<u64, ImageError> {
    let at = layer_path(store, diff_id);
    if at.is_dir() {
        return Ok(size(&at));
    }
    let fail = |what: &str, e: io::Error| ImageError::io(format!("layer {diff_id}: {what}"), e);
    let tmp = tmp_path(store, "layer").map_err(|e| fail("make a folder", e))?;
    std::fs::create_dir_all(&tmp).map_err(|e| fail("make a folder", e))?;
    let unpacked = (|| {
        let file = File::open(blob).map_err(|e| fail("open the blob", e))?;
        let mut reader = Counted {
            inner: decompressed(file).map_err(|e| fail("decompress", e))?,
            hash: sha2::Sha256::new(),
            bytes: 0,
        };
        unpack(&mut reader, &tmp).map_err(|e| fail("unpack", e))?;
        // What lies after the archive's end counts for the digest too.
        io::copy(&mut reader, &mut io::sink()).map_err(|e| fail("read to the end", e))?;
        let found: String = reader.hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
        if format!("sha256:{found}") != diff_id.to_ascii_lowercase() {
            return Err(ImageError::new(format!("layer {diff_id}: its content has digest sha256:{found}")));
        }
        // A name that lasts must not stand for files that a power failure takes.
        synced(&tmp).map_err(|e| fail("make it durable", e))?;
        match std::fs::rename(&tmp, &at) {
            Ok(()) => Ok(reader.bytes),
            // Somebody else unpacked it meanwhile.
            Err(_) if at.is_dir() => Ok(reader.bytes),
            Err(e) => Err(fail("move it to its place", e)),
        }
    })();
    if tmp.exists() {
        crate::local::remove(&tmp);
    }
    unpacked
}

#[cfg(all(target_os = "linux", not(colchis_plain)))]
fn synced(folder: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(folder)?)?)
}

#[cfg(not(all(target_os = "linux", not(colchis_plain))))]
fn synced(_: &Path) -> io::Result<()> {
    Ok(())
}

/// By its first bytes.
pub(super) fn decompressed(file: File) -> io::Result<Box<dyn Read>> {
    let mut file = io::BufReader::with_capacity(256 << 10, file);
    let head = io::BufRead::fill_buf(&mut file)?;
    Ok(if head.starts_with(&[0x1f, 0x8b]) {
        Box::new(flate2::bufread::MultiGzDecoder::new(file))
    } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        Box::new(zstd::Decoder::with_buffer(file)?)
    } else {
        Box::new(file)
    })
}

/// Counts, hashes and bounds what passes.
struct Counted<R> {
    inner: R,
    hash: sha2::Sha256,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hash.update(buffer.get(..n).unwrap_or_default());
        self.bytes += n as u64;
        if self.bytes > LAYER_BYTES_MAX {
            return Err(io::Error::other(format!("a layer of more than {LAYER_BYTES_MAX} bytes")));
        }
        Ok(n)
    }
}

fn unpack(reader: &mut impl Read, into: &Path) -> io::Result<()> {
    let root = openat(CWD, into, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let privileged = rustix::process::geteuid().is_root();
    let mut folders: Vec<(PathBuf, Mode, u64)> = Vec::new();
    let mut archive = Archive::new(reader);
    for (at, entry) in archive.entries()?.enumerate() {
        if at as u64 >= ENTRIES_MAX {
            return Err(io::Error::other(format!("more than {ENTRIES_MAX} entries")));
        }
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        place(&root, &mut entry, &path, privileged, &mut folders)
            .map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))?;
    }
    // At the end, because a folder may be closed to us afterwards.
    for (path, mode, seconds) in folders.into_iter().rev() {
        let folder = walk(&root, &path, false)?;
        rustix::fs::fchmod(&folder, mode)?;
        let _ = rustix::fs::futimens(&folder, &times(seconds));
    }
    Ok(())
}

fn times(seconds: u64) -> rustix::fs::Timestamps {
    let time = rustix::fs::Timespec { tv_sec: i64::try_from(seconds).unwrap_or(0), tv_nsec: 0 };
    rustix::fs::Timestamps { last_access: time, last_modification: time }
}

/// The names of a path: no `..`, no more than is sensible.
fn names(path: &Path) -> io::Result<Vec<&OsStr>> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => names.push(name),
            Component::ParentDir | Component::Prefix(_) => return Err(io::Error::other("a path with `..`")),
        }
    }
    if names.len() > COMPONENTS_MAX {
        return Err(io::Error::other("a path of too many folders"));
    }
    Ok(names)
}

/// Opens a folder below the root, following no link; makes what is missing if asked.
fn walk(root: &OwnedFd, path: &Path, make: bool) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = rustix::io::dup(root)?;
    for name in names(path)? {
        at = match openat(&at, name, flags, Mode::empty()) {
            Ok(next) => next,
            Err(Errno::NOENT) if make => {
                mkdirat(&at, name, Mode::from_raw_mode(0o755))?;
                openat(&at, name, flags, Mode::empty())?
            }
            Err(Errno::LOOP | Errno::NOTDIR) => {
                return Err(io::Error::other("a folder on its way is a link or a file"));
            }
            Err(e) => return Err(e.into()),
        };
    }
    Ok(at)
}

fn place<R: Read>(
    root: &OwnedFd,
    entry: &mut tar::Entry<'_, R>,
    path: &Path,
    privileged: bool,
    folders: &mut Vec<(PathBuf, Mode, u64)>,
) -> io::Result<()> {
    let names = names(path)?;
    let Some(name) = names.last().copied() else { return Ok(()) };
    let parent_path: PathBuf = names.iter().take(names.len() - 1).collect();
    let parent = walk(root, &parent_path, true)?;
    if let Some(hidden) = name.to_str().and_then(|n| n.strip_prefix(WHITEOUT)) {
        return whiteout(&parent, name, hidden);
    }
    let header = entry.header();
    let (kind, mode) = (header.entry_type(), Mode::from_raw_mode((header.mode()? & 0o7777) as RawMode));
    let seconds = header.mtime().unwrap_or(0);
    // An archive may leave them out.
    let id = |number: io::Result<u64>| number.ok().and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    let owner = (id(header.uid()), id(header.gid()));
    match kind {
        EntryType::Directory => {
            match mkdirat(&parent, name, Mode::from_raw_mode(0o755)) {
                Ok(()) => {}
                Err(Errno::EXIST) => {
                    let stat = rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
                    if !FileType::from_raw_mode(stat.st_mode).is_dir() {
                        unlinkat(&parent, name, AtFlags::empty())?;
                        mkdirat(&parent, name, Mode::from_raw_mode(0o755))?;
                    }
                }
                Err(e) => return Err(e.into()),
            }
            own(&parent, name, owner, privileged)?;
            folders.push((names.iter().collect(), mode, seconds));
        }
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
            clear(&parent, name)?;
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let mut file = File::from(openat(&parent, name, flags, Mode::from_raw_mode(0o600))?);
            io::copy(entry, &mut file)?;
            own(&parent, name, owner, privileged)?;
            // After the owner, whose change would take setuid bits away.
            rustix::fs::fchmod(&file, mode)?;
            attributes(entry, &file)?;
            rustix::fs::futimens(&file, &times(seconds))?;
        }
        EntryType::Symlink => {
            clear(&parent, name)?;
            let target = entry.link_name()?.ok_or_else(|| io::Error::other("a link without a target"))?;
            symlinkat(&*target, &parent, name)?;
            own(&parent, name, owner, privileged)?;
        }
        EntryType::Link => {
            let target = entry.link_name()?.ok_or_else(|| io::Error::other("a link without a target"))?.into_owned();
            let parts = self::names(&target)?;
            let Some(last) = parts.last().copied() else { return Err(io::Error::other("a link to the root")) };
            let folder = walk(root, &parts.iter().take(parts.len() - 1).collect::<PathBuf>(), false)?;
            clear(&parent, name)?;
            linkat(&folder, last, &parent, name, AtFlags::empty())?;
        }
        EntryType::Fifo => {
            clear(&parent, name)?;
            #[cfg(all(target_os = "linux", not(colchis_plain)))]
            rustix::fs::mknodat(&parent, name, FileType::Fifo, mode, 0)?;
        }
        // Containers see the devices of the runner, never an image's.
        EntryType::Char | EntryType::Block => {}
        // Headers for the entry that follows, which the reader has taken in.
        _ => {}
    }
    Ok(())
}

/// Makes room for an entry; a later entry of the same name wins.
fn clear(parent: &OwnedFd, name: &OsStr) -> io::Result<()> {
    match unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

fn own(parent: &OwnedFd, name: &OsStr, owner: (u32, u32), privileged: bool) -> io::Result<()> {
    if !privileged {
        // All is the user's; inside a user namespace it shows as root's.
        return Ok(());
    }
    let (uid, gid) = (rustix::fs::Uid::from_raw(owner.0), rustix::fs::Gid::from_raw(owner.1));
    Ok(rustix::fs::chownat(parent, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?)
}

/// File capabilities and users' attributes.
fn attributes<R: Read>(entry: &mut tar::Entry<'_, R>, file: &File) -> io::Result<()> {
    const PREFIX: &str = "SCHILY.xattr.";
    let Some(extensions) = entry.pax_extensions()? else { return Ok(()) };
    for extension in extensions.flatten() {
        let Some(name) = extension.key().ok().and_then(|k| k.strip_prefix(PREFIX)) else { continue };
        if name == "security.capability" || (name.starts_with("user.") && !name.starts_with("user.overlay.")) {
            // Not every file system has them; the program then lacks a capability, no more.
            let _ = rustix::fs::fsetxattr(file, name, extension.value_bytes(), XattrFlags::empty());
        }
    }
    Ok(())
}

fn whiteout(parent: &OwnedFd, name: &OsStr, hidden: &str) -> io::Result<()> {
    if name == OPAQUE {
        // For overlay mounted by root and by a user.
        let trusted = rustix::fs::fsetxattr(parent, "trusted.overlay.opaque", b"y", XattrFlags::empty());
        let user = rustix::fs::fsetxattr(parent, "user.overlay.opaque", b"y", XattrFlags::empty());
        return Ok(trusted.or(user)?);
    }
    if hidden.is_empty() || hidden.starts_with(WHITEOUT) || hidden == "." || hidden == ".." {
        return Ok(());
    }
    clear(parent, OsStr::new(hidden))?;
    #[cfg(all(target_os = "linux", not(colchis_plain)))]
    rustix::fs::mknodat(parent, hidden, FileType::CharacterDevice, Mode::empty(), 0)?;
    Ok(())
}

/// Bytes of a folder's files.
pub(super) fn size(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    let each = entries.flatten().map(|entry| match entry.metadata() {
        Ok(m) if m.is_dir() => size(&entry.path()),
        Ok(m) => m.len(),
        Err(_) => 0,
    });
    each.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entries as `(name, kind, link or content)`; names are written raw, because the library refuses hostile ones.
    fn archive(entries: &[(&str, EntryType, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, kind, text) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o644);
            header.set_size(0);
            if let Some(bytes) = header.as_gnu_mut() {
                bytes.name[..name.len()].copy_from_slice(name.as_bytes());
            }
            let linked = matches!(kind, EntryType::Symlink | EntryType::Link);
            if linked {
                if let Some(bytes) = header.as_gnu_mut() {
                    bytes.linkname[..text.len()].copy_from_slice(text.as_bytes());
                }
            } else {
                header.set_size(text.len() as u64);
            }
            header.set_cksum();
            builder.append(&header, if linked { &b""[..] } else { text.as_bytes() }).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn check(entries: &[(&str, EntryType, &str)]) -> Result<tempfile::TempDir, String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("victim"), "untouched").unwrap();
        std::fs::create_dir(dir.path().join("layer")).unwrap();
        let result = unpack(&mut archive(entries).as_slice(), &dir.path().join("layer"));
        assert_eq!(std::fs::read_to_string(dir.path().join("victim")).unwrap(), "untouched");
        result.map(|()| dir).map_err(|e| e.to_string())
    }

    #[test]
    fn ordinary_layers() {
        use EntryType as T;
        let dir = check(&[
            ("./etc/", T::Directory, ""),
            ("etc/a", T::Regular, "one"),
            ("/etc/b", T::Symlink, "/etc/a"),
            ("etc/c", T::Link, "etc/a"),
            ("etc/a", T::Regular, "two"),
            ("dev/sda", T::Block, ""),
            ("deep/er/file", T::Regular, "x"),
        ])
        .unwrap();
        let layer = dir.path().join("layer");
        assert_eq!(std::fs::read_to_string(layer.join("etc/a")).unwrap(), "two");
        assert_eq!(std::fs::read_to_string(layer.join("etc/c")).unwrap(), "one");
        assert_eq!(std::fs::read_link(layer.join("etc/b")).unwrap(), Path::new("/etc/a"));
        assert!(!layer.join("dev/sda").exists());
    }

    #[test]
    fn hostile_layers_stay_inside() {
        use EntryType as T;
        for entries in [
            &[("../victim", T::Regular, "evil")][..],
            &[("a/../../victim", T::Regular, "evil")],
            &[("up", T::Symlink, ".."), ("up/victim", T::Regular, "evil")],
            &[("up", T::Symlink, "/"), ("up/etc/evil", T::Regular, "evil")],
            &[("v", T::Link, "../victim")],
            &[("up", T::Symlink, ".."), ("v", T::Link, "up/victim")],
            &[("up", T::Symlink, ".."), ("up/.wh.victim", T::Regular, "")],
            &[("../.wh.victim", T::Regular, "")],
        ] {
            assert!(check(entries).is_err(), "{entries:?}");
        }
        // An absolute name is a name below the layer; a file through a link replaces the link.
        let dir = check(&[("f", T::Symlink, "../victim"), ("f", T::Regular, "mine")]).unwrap();
        assert_eq!(std::fs::read_to_string(dir.path().join("layer/f")).unwrap(), "mine");
    }

    #[test]
    fn whiteouts_hide_and_never_delete_elsewhere() {
        use EntryType as T;
        if !rustix::process::geteuid().is_root() {
            testkit::tools::skip("whiteouts_hide_and_never_delete_elsewhere", "it needs root");
            return;
        }
        let dir = check(&[
            ("etc/", T::Directory, ""),
            ("etc/.wh.gone", T::Regular, ""),
            ("opt/.wh..wh..opq", T::Regular, ""),
            (".wh...", T::Regular, ""),
        ])
        .unwrap();
        let gone = rustix::fs::stat(dir.path().join("layer/etc/gone")).unwrap();
        assert!(FileType::from_raw_mode(gone.st_mode).is_char_device() && gone.st_rdev == 0);
        let mut value = [0u8; 4];
        let length = rustix::fs::lgetxattr(dir.path().join("layer/opt"), "trusted.overlay.opaque", &mut value).unwrap();
        assert_eq!(&value[..length], b"y");
    }
}
