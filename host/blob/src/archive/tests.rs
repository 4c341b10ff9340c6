//! Round trips, and archives that no honest program makes.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::stream::{self, StreamExt};
use tar::{EntryType, Header};
use tempfile::TempDir;

use super::*;
use crate::bridge::{Chunks, consume, produce};

fn chunks(bytes: Vec<u8>) -> Chunks {
    let pieces: Vec<_> = bytes.chunks(1000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    stream::iter(pieces).boxed()
}

async fn unpack_to(
    bytes: Vec<u8>,
    unpacking: Unpacking,
    destination: &Path,
    limits: UnpackLimits,
) -> Result<bool, Failure> {
    let to = destination.to_owned();
    consume(chunks(bytes), move |reader| place(reader, unpacking, &to, &limits)).await
}

/// Unpacks into a folder of its own; nothing may be left beside the destination.
async fn unpack(bytes: Vec<u8>, unpacking: Unpacking) -> (TempDir, Result<bool, Failure>) {
    unpack_with(bytes, unpacking, UnpackLimits::default()).await
}

async fn unpack_with(bytes: Vec<u8>, unpacking: Unpacking, limits: UnpackLimits) -> (TempDir, Result<bool, Failure>) {
    let folder = tempfile::tempdir().unwrap();
    let result = unpack_to(bytes, unpacking, &folder.path().join("out"), limits).await;
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    if result.is_ok() {
        assert_eq!(left, ["out"])
    } else {
        assert!(left.is_empty(), "{left:?}")
    }
    (folder, result)
}

async fn packed(source: &Path, packing: Packing) -> Vec<u8> {
    let (opened, name) = (Source::open(source).unwrap(), source.file_name().unwrap().to_owned());
    let mut content = produce(move |out| pack(opened, &name, packing, out));
    let mut bytes = Vec::new();
    while let Some(chunk) = content.next().await {
        bytes.extend_from_slice(&chunk.unwrap());
    }
    bytes
}

/// An entry of a tar: kind, name, target or content.
type Entry<'a> = (EntryType, &'a str, &'a str);

/// A tar as the entries say; names go in as they are.
fn tarball(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, name, text) in entries {
        let mut header = Header::new_gnu();
        let old = header.as_old_mut();
        old.name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(if *kind == EntryType::Directory { 0o755 } else { 0o644 });
        let content = match kind {
            EntryType::Symlink | EntryType::Link => {
                header.as_old_mut().linkname[..text.len()].copy_from_slice(text.as_bytes());
                &[][..]
            }
            _ => text.as_bytes(),
        };
        if *kind == EntryType::GNUSparse {
            header.as_gnu_mut().unwrap().set_real_size(0);
        }
        header.set_size(content.len() as u64);
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A folder with what folders have.
fn sample(at: &Path) {
    fs::create_dir_all(at.join("sub/deep")).unwrap();
    fs::create_dir(at.join("empty")).unwrap();
    fs::write(at.join("a.txt"), "first").unwrap();
    fs::write(at.join("sub/b.txt"), "x".repeat(300_000)).unwrap();
    fs::write(at.join("sub/deep").join("n".repeat(200)), "long name").unwrap();
    fs::write(at.join("ünï côde"), "").unwrap();
    fs::set_permissions(at.join("a.txt"), fs::Permissions::from_mode(0o750)).unwrap();
    fs::set_permissions(at.join("sub"), fs::Permissions::from_mode(0o711)).unwrap();
    symlink("../a.txt", at.join("sub/link")).unwrap();
    symlink("missing", at.join("dangling")).unwrap();
    let then = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000));
    fs::File::options().write(true).open(at.join("a.txt")).unwrap().set_times(then).unwrap();
}

fn listing(at: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let root = cap_std::fs::Dir::open_ambient_dir(at, cap_std::ambient_authority()).unwrap();
    walk(&root, &mut |item| {
        let text = match &item.kind {
            Kind::File(_, size) => format!("{size}"),
            Kind::Folder(_) => "/".to_owned(),
            Kind::Link(target) => format!("-> {}", target.display()),
        };
        let mode = if matches!(item.kind, Kind::Link(_)) { 0 } else { item.mode };
        found.push(format!("{} {mode:o} {text}", item.path.display()));
        Ok(())
    })
    .unwrap();
    found
}

#[tokio::test]
async fn a_folder_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    sample(&source);
    for (packing, unpacking) in
        [(Packing::Tar(6), Unpacking::Detect), (Packing::Tar(0), Unpacking::Tar), (Packing::Zip, Unpacking::Zip)]
    {
        let bytes = packed(&source, packing).await;
        let (to, result) = unpack(bytes, unpacking).await;
        assert!(result.unwrap(), "{packing:?}");
        let out = to.path().join("out");
        assert_eq!(listing(&out), listing(&source), "{packing:?}");
        assert_eq!(fs::read_to_string(out.join("sub/link")).unwrap(), "first");
        if packing != Packing::Zip {
            assert_eq!(out.join("a.txt").metadata().unwrap().mtime(), 1_000_000_000);
        }
    }
}

#[tokio::test]
async fn a_file_comes_back_as_a_file_under_another_name() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("message.txt");
    fs::write(&source, "hello").unwrap();
    for (packing, unpacking) in [
        (Packing::Tar(9), Unpacking::Detect),
        (Packing::Zip, Unpacking::Zip),
        (Packing::None, Unpacking::Detect),
        (Packing::None, Unpacking::None),
    ] {
        let (to, result) = unpack(packed(&source, packing).await, unpacking).await;
        assert!(!result.unwrap(), "{packing:?}");
        assert_eq!(fs::read_to_string(to.path().join("out")).unwrap(), "hello");
    }
}

#[tokio::test]
async fn packing_twice_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    sample(&source);
    for packing in [Packing::Tar(6), Packing::Zip] {
        assert!(packed(&source, packing).await == packed(&source, packing).await, "{packing:?}");
    }
}

#[tokio::test]
async fn only_a_tar_with_gzip_is_unpacked_unasked() {
    let tar = tarball(&[(EntryType::Regular, "x", "inside")]);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x"), "inside").unwrap();
    let zip = packed(&folder.path().join("x"), Packing::Zip).await;
    let table: [(&str, Vec<u8>, Unpacking, bool); 9] = [
        ("tar.gz", gzip(&tar), Unpacking::Detect, true),
        ("tar.gz", gzip(&tar), Unpacking::None, false),
        ("tar", tar.clone(), Unpacking::Detect, false),
        ("tar", tar.clone(), Unpacking::Tar, true),
        ("zip", zip.clone(), Unpacking::Detect, false),
        ("zip", zip, Unpacking::Zip, true),
        ("gzip of text", gzip(&b"some text ".repeat(200)), Unpacking::Detect, false),
        ("gzip of zeros", gzip(&[0; 4096]), Unpacking::Detect, false),
        ("short", vec![0x1f, 0x8b], Unpacking::Detect, false),
    ];
    for (what, bytes, unpacking, unpacked) in table {
        let (to, result) = unpack(bytes.clone(), unpacking).await;
        result.unwrap();
        let got = fs::read(to.path().join("out")).unwrap();
        assert_eq!(got == b"inside", unpacked, "{what} {unpacking:?}");
        assert_eq!(got == bytes, !unpacked, "{what} {unpacking:?}");
    }
}

#[tokio::test]
async fn several_entries_at_the_top_become_a_folder() {
    let tar = tarball(&[
        (EntryType::Regular, "./a", "1"),
        (EntryType::Regular, "b/c", "2"),
        (EntryType::Continuous, "d", "3"),
    ]);
    let (to, result) = unpack(tar, Unpacking::Tar).await;
    assert!(result.unwrap());
    assert_eq!(listing(&to.path().join("out")), ["a 644 1", "b 755 /", "b/c 644 1", "d 644 1"]);
    let (to, result) = unpack(tarball(&[]), Unpacking::Tar).await;
    assert!(result.unwrap());
    assert!(listing(&to.path().join("out")).is_empty());
}

#[tokio::test]
async fn a_hostile_tar_leaves_nothing() {
    use EntryType::{Block, Char, Directory, Fifo, GNUSparse, Link, Regular, Symlink};
    let table: &[(&str, &[Entry<'_>])] = &[
        ("its path leaves the destination", &[(Regular, "../x", "")]),
        ("its path leaves the destination", &[(Regular, "a/../../x", "")]),
        ("its path leaves the destination", &[(Directory, "a/..", "")]),
        ("its path leaves the destination", &[(Symlink, "../x", "a")]),
        ("its path is absolute", &[(Regular, "/etc/x", "")]),
        ("its path is absolute", &[(Link, "/etc/x", "a")]),
        ("it links out of the destination", &[(Regular, "a", ""), (Symlink, "b", "/etc/passwd")]),
        ("it links out of the destination", &[(Regular, "a", ""), (Symlink, "b", "../x")]),
        ("it links out of the destination", &[(Regular, "d/a", ""), (Symlink, "d/e/b", "../../../x")]),
        // Each looks harmless alone; together they climb.
        (
            "it links out of the destination",
            &[
                (Regular, "x/y/z/f", ""),
                (Regular, "o", ""),
                (Symlink, "x/y/z/up", "../../.."),
                (Symlink, "out", "x/y/z/up/../.."),
            ],
        ),
        // The one folder at the top becomes the destination itself, so its neighbour is outside.
        ("it links out of the destination", &[(Directory, "top/", ""), (Symlink, "top/b", "../x")]),
        ("it is a link and the whole archive", &[(Symlink, "b", "c")]),
        ("it would be written through a link", &[(Directory, "d", ""), (Symlink, "b", "d"), (Regular, "b/x", "")]),
        ("it would be written through a link", &[(Regular, "a", ""), (Symlink, "b", "/tmp"), (Regular, "b/x", "")]),
        ("it would be written through a link", &[(Regular, "a", ""), (Symlink, "b", "."), (Link, "b/x", "a")]),
        ("it would be written through a link", &[(Regular, "a", ""), (Symlink, "b", "."), (Directory, "b/c/d", "")]),
        ("a link and a folder at once", &[(Regular, "a", ""), (Symlink, "b", "a"), (Directory, "b", "")]),
        ("hard link out of the destination", &[(Link, "b", "../../etc/passwd")]),
        ("hard link out of the destination", &[(Link, "b", "/etc/passwd")]),
        ("hard link to what is no file of the archive", &[(Link, "b", "missing")]),
        ("hard link to what is no file of the archive", &[(Regular, "a", ""), (Symlink, "l", "a"), (Link, "b", "l")]),
        ("hard link to what is no file of the archive", &[(Directory, "a", ""), (Link, "b", "a")]),
        ("a device node", &[(Char, "x", "")]),
        ("a device node", &[(Block, "x", "")]),
        ("a named pipe", &[(Fifo, "x", "")]),
        ("a sparse file", &[(GNUSparse, "x", "")]),
        ("it is of a kind that is not known", &[(EntryType::new(b'Z'), "x", "")]),
        ("a folder and a file at once", &[(Regular, "a/b", ""), (Regular, "a", "")]),
        ("it links to nothing", &[(Regular, "a", ""), (Symlink, "b", "")]),
        ("it has no name", &[(Regular, ".", "x")]),
    ];
    for (expect, entries) in table {
        let (_to, result) = unpack(gzip(&tarball(entries)), Unpacking::Tar).await;
        // A folder entry that ends with a slash is a folder; only `./` alone as a file has no name.
        let Err(failure) = result else { panic!("unpacked: {entries:?}") };
        assert!(failure.reason.contains(expect), "{entries:?}: {} — {expect}", failure.reason);
        assert_eq!(failure.class, artifact::ErrorClass::Permanent);
    }
}

#[tokio::test]
async fn honest_links_are_kept_and_later_entries_win() {
    use EntryType::{Directory, Link, Regular, Symlink};
    let (to, result) = unpack(
        tarball(&[
            (Regular, "t/a", "one"),
            (Link, "t/hard", "t/a"),
            (Symlink, "t/soft", "a"),
            (Symlink, "t/up/up", "../a"),
            (Symlink, "t/loop", "loop"),
            (Regular, "t/twice", "old"),
            (Regular, "t/twice", "new"),
            (Symlink, "t/was", "a"),
            (Regular, "t/was", "file"),
            (Regular, "t/becomes", "file"),
            (Symlink, "t/becomes", "a"),
            (Directory, "t/twice2", ""),
            (Directory, "t/twice2", ""),
        ]),
        Unpacking::Tar,
    )
    .await;
    assert!(result.unwrap());
    let out = to.path().join("out");
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    assert_eq!(
        (read("hard"), read("soft"), read("up/up"), read("twice"), read("was"), read("becomes")),
        ("one".into(), "one".into(), "one".into(), "new".into(), "file".into(), "one".into())
    );
    assert_eq!(out.join("hard").metadata().unwrap().ino(), out.join("a").metadata().unwrap().ino());
    assert!(out.join("loop").symlink_metadata().unwrap().is_symlink());
}

#[tokio::test]
async fn modes_lose_what_would_give_rights() {
    let mut tar = tarball(&[]);
    tar.clear();
    for (kind, name, mode) in
        [(EntryType::Regular, "f", 0o6777), (EntryType::Directory, "d", 0o1000), (EntryType::Regular, "n", 0)]
    {
        let mut header = Header::new_ustar();
        header.set_path(name).unwrap();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_size(0);
        header.set_cksum();
        tar.extend_from_slice(header.as_bytes());
    }
    let (to, result) = unpack(tar, Unpacking::Tar).await;
    assert!(result.unwrap());
    let mode = |name: &str| to.path().join("out").join(name).metadata().unwrap().mode() & 0o7777;
    assert_eq!((mode("f"), mode("d"), mode("n")), (0o777, 0o700, 0o400));
}

#[tokio::test]
async fn bombs_are_stopped_by_the_limit_they_pass() {
    let limits = UnpackLimits {
        total_bytes_max: 1 << 20,
        entries_max: 20,
        ratio_max: 100,
        ratio_free_bytes: 100_000,
        metadata_bytes_max: 4096,
        ..UnpackLimits::default()
    };
    let many: Vec<String> = (0..30).map(|number| format!("d/{number}")).collect();
    let many: Vec<Entry<'_>> = many.iter().map(|name| (EntryType::Regular, name.as_str(), "")).collect();
    let links: Vec<String> = (0..15).map(|number| format!("{number:0>90}")).collect();
    let target = "t".repeat(90);
    let mut links: Vec<Entry<'_>> =
        links.iter().map(|name| (EntryType::Symlink, name.as_str(), target.as_str())).collect();
    links.extend_from_slice(&links.clone()[..5]);
    let noise: String = (0..2_000_000u32)
        .map(|number| char::from(b' ' + (number.wrapping_mul(2_654_435_761) >> 25) as u8 % 94))
        .collect();
    let long = "x".repeat(9000);
    let table: [(&str, Vec<u8>); 5] = [
        ("totalBytesMax", tarball(&[(EntryType::Regular, "big", &noise)])),
        ("ratioMax", tarball(&[(EntryType::Regular, "zeros", &"\0".repeat(900_000))])),
        ("entriesMax", tarball(&many)),
        ("metadataBytesMax", tarball(&links)),
        // A long name is read into memory by the library: the reader under it has the limit.
        (
            "metadataBytesMax",
            tarball(&[(EntryType::GNULongName, "././@LongLink", &long), (EntryType::Regular, "x", "")]),
        ),
    ];
    for (expect, bytes) in table {
        let (_to, result) = unpack_with(gzip(&bytes), Unpacking::Tar, limits.clone()).await;
        let reason = result.unwrap_err().reason;
        assert!(reason.contains(expect), "{reason} — {expect}");
    }
}

/// A zip of these entries: name, mode, content.
fn zip_of(entries: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, mode, content) in entries {
        let options = zip::write::SimpleFileOptions::default().unix_permissions(mode & 0o777);
        if mode & 0o170_000 == 0o120_000 {
            writer.add_symlink(*name, String::from_utf8_lossy(content), options).unwrap();
        } else {
            writer.start_file(*name, options).unwrap();
            writer.write_all(content).unwrap();
        }
    }
    writer.finish().unwrap().into_inner()
}

#[tokio::test]
async fn a_hostile_zip_leaves_nothing() {
    let limits = UnpackLimits {
        total_bytes_max: 1 << 20,
        entries_max: 20,
        ratio_max: 100,
        ratio_free_bytes: 100_000,
        ..UnpackLimits::default()
    };
    let many: Vec<String> = (0..30).map(|number| number.to_string()).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), 0o644, &b""[..])).collect();
    let zeros = vec![0; 900_000];
    let table: &[(&str, Vec<u8>)] = &[
        ("its path leaves the destination", zip_of(&[("../x", 0o644, b"")])),
        ("its path is absolute", zip_of(&[("/x", 0o644, b"")])),
        ("it links out of the destination", zip_of(&[("a", 0o644, b""), ("b", 0o120_777, b"/etc/passwd")])),
        ("it would be written through a link", zip_of(&[("a", 0o120_777, b"."), ("a/b", 0o644, b"")])),
        ("it is a link and the whole archive", zip_of(&[("a", 0o120_777, b"b")])),
        ("entriesMax", zip_of(&many)),
        ("ratioMax", zip_of(&[("a", 0o644, &zeros)])),
        ("cannot be read as a zip", b"this is no zip at all".to_vec()),
        ("cannot be read as a zip", Vec::new()),
    ];
    for (expect, bytes) in table {
        let (_to, result) = unpack_with(bytes.clone(), Unpacking::Zip, limits.clone()).await;
        let reason = result.unwrap_err().reason;
        assert!(reason.contains(expect), "{reason} — {expect}");
    }
    let mut device = zip_of(&[("a", 0o644, b"")]);
    let central = device.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    device[central + 38..central + 42].copy_from_slice(&(0o020_644u32 << 16).to_le_bytes());
    let (_to, result) = unpack(device, Unpacking::Zip).await;
    assert!(result.unwrap_err().reason.contains("neither file, folder nor link"));
}

#[tokio::test]
async fn a_broken_archive_is_said_to_be_broken() {
    let folder = tempfile::tempdir().unwrap();
    sample(&folder.path().join("s"));
    let tar = packed(&folder.path().join("s"), Packing::Tar(6)).await;
    let zip = packed(&folder.path().join("s"), Packing::Zip).await;
    let mut flipped = tar.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0xff;
    for (bytes, unpacking) in [
        (tar[..tar.len() - 20].to_vec(), Unpacking::Tar),
        (flipped, Unpacking::Detect),
        (b"no archive".to_vec(), Unpacking::Tar),
        (zip[..zip.len() / 2].to_vec(), Unpacking::Zip),
    ] {
        let (_to, result) = unpack(bytes, unpacking).await;
        let failure = result.unwrap_err();
        assert!(failure.reason.contains("cannot be read"), "{}", failure.reason);
        assert_eq!(failure.class, artifact::ErrorClass::Permanent);
    }
}

#[test]
fn what_cannot_be_saved_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |path: &Path| Source::open(path).map(|_| ()).unwrap_err();
    assert_eq!(refused(&folder.path().join("missing")).class, artifact::ErrorClass::NotFound);
    symlink("/etc/passwd", folder.path().join("link")).unwrap();
    assert!(refused(&folder.path().join("link")).reason.contains("is a symbolic link"));
    let socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    assert!(refused(&folder.path().join("socket")).reason.contains("is a socket"));
    let Source::Folder(root) = Source::open(folder.path()).unwrap() else { panic!() };
    let reason = |root: &cap_std::fs::Dir| walk(root, &mut |_| Ok(())).unwrap_err().reason;
    assert!(reason(&root).contains("link is a link out of the folder, to /etc/passwd"), "{}", reason(&root));
    fs::remove_file(folder.path().join("link")).unwrap();
    assert!(reason(&root).contains("socket is a socket"), "{}", reason(&root));
    drop(socket);
}

#[test]
fn levels_and_strategies() {
    let packing =
        |json: &str| Packing::of(Some(&serde_json::from_str(json).unwrap())).map_err(|failure| failure.reason);
    assert_eq!(Packing::of(None).unwrap(), Packing::Tar(6));
    assert_eq!(packing(r#"{"none": {}}"#).unwrap(), Packing::None);
    assert_eq!(packing(r#"{"zip": {}}"#).unwrap(), Packing::Zip);
    assert_eq!(packing(r#"{"tar": {}}"#).unwrap(), Packing::Tar(6));
    assert_eq!(packing(r#"{"tar": {"compressionLevel": 0}}"#).unwrap(), Packing::Tar(0));
    assert_eq!(packing(r#"{"tar": {"compressionLevel": -1}}"#).unwrap(), Packing::Tar(6));
    assert!(packing(r#"{"tar": {"compressionLevel": 10}}"#).unwrap_err().contains("compressionLevel is 10"));
}

mod any {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn kind() -> impl Strategy<Value = EntryType> {
        use EntryType::{Directory, Link, Regular, Symlink};
        prop_oneof![4 => Just(Regular), 2 => Just(Directory), 3 => Just(Symlink), 2 => Just(Link)]
    }

    /// Names that meet each other, climb, and are absolute.
    fn name() -> impl Strategy<Value = String> {
        let part =
            prop_oneof![8 => "[abc]", 2 => Just("..".to_owned()), 1 => Just(".".to_owned()), 1 => Just(String::new())];
        (prop_oneof![12 => Just(""), 1 => Just("/")], vec(part, 1..4))
            .prop_map(|(root, parts)| format!("{root}{}", parts.join("/")))
    }

    /// Everything in a folder, links not followed.
    fn everything(at: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            found.push(path.display().to_string());
            if path.symlink_metadata().unwrap().is_dir() {
                everything(&path, found);
            }
        }
    }

    fn check(bytes: Vec<u8>, unpacking: Unpacking) {
        let outer = tempfile::tempdir().unwrap();
        fs::create_dir(outer.path().join("a")).unwrap();
        fs::write(outer.path().join("b"), "untouched").unwrap();
        let inner = outer.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let limits = UnpackLimits { total_bytes_max: 1 << 20, ..UnpackLimits::default() };
        let result = runtime.block_on(unpack_to(bytes, unpacking, &inner.join("out"), limits));
        drop(runtime);
        let mut beside = Vec::new();
        everything(&outer.path().join("a"), &mut beside);
        assert!(beside.is_empty(), "{beside:?}");
        assert_eq!(fs::read_to_string(outer.path().join("b")).unwrap(), "untouched");
        assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 3);
        assert_eq!(fs::read_dir(&inner).unwrap().count(), usize::from(result.is_ok()));
        let out = inner.join("out");
        if result.unwrap_or(false) {
            let real = out.canonicalize().unwrap();
            let mut found = Vec::new();
            everything(&out, &mut found);
            for path in found {
                if let Ok(target) = Path::new(&path).canonicalize() {
                    assert!(target.starts_with(&real), "{path} leads to {}", target.display());
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

        #[test]
        fn no_tar_reaches_beyond_its_destination(entries in vec((kind(), name(), name()), 1..12)) {
            let entries: Vec<Entry<'_>> = entries.iter().map(|(kind, name, text)| (*kind, name.as_str(), text.as_str())).collect();
            check(tarball(&entries), Unpacking::Tar);
        }

        #[test]
        fn no_zip_reaches_beyond_its_destination(entries in vec((any::<bool>(), name(), name()), 1..12)) {
            let mut seen = std::collections::HashSet::new();
            let entries: Vec<_> = entries
                .iter()
                .filter(|(_, name, _)| seen.insert(name.clone()))
                .map(|(link, name, text)| (name.as_str(), if *link { 0o120_777 } else { 0o644 }, text.as_bytes()))
                .collect();
            check(zip_of(&entries), Unpacking::Zip);
        }
    }

    /// Bytes of honest archives, damaged anywhere.
    #[test]
    fn hostile_archives_stay_inside() {
        let entries: &[Entry<'_>] = &[
            (EntryType::Directory, "d", ""),
            (EntryType::Regular, "d/f", "text"),
            (EntryType::Symlink, "d/l", "f"),
            (EntryType::Link, "d/h", "d/f"),
        ];
        let tar = tarball(entries);
        let zip = zip_of(&[("d/f", 0o644, b"text"), ("d/l", 0o120_777, b"f")]);
        testkit::hostile::attack("archives", &[&tar, &gzip(&tar), &zip], |bytes| {
            check(bytes.to_vec(), Unpacking::Detect);
            check(bytes.to_vec(), if bytes.starts_with(b"PK") { Unpacking::Zip } else { Unpacking::Tar });
        });
    }
}
