//! Archives that are good, and those that are made to harm.

use std::io::Write as _;

use plugin::Tree as _;

use super::*;

/// A tar with gzip of entries: name, kind, content (of a link: where it leads).
fn archive(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, kind, content) in entries {
        let mut header = tar::Header::new_gnu();
        // By hand: the library refuses to write what an attacker would.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o755);
        let is_link = matches!(kind, EntryType::Symlink | EntryType::Link);
        if is_link {
            header.as_old_mut().linkname[..content.len()].copy_from_slice(content);
        }
        let content = if is_link { &[][..] } else { content };
        header.set_size(content.len() as u64);
        header.set_cksum();
        tar.append(&header, content).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn limits() -> Limits {
    Limits { unpacked_bytes_max: 1 << 20, files_max: 20, depth_max: 5, ..Limits::default() }
}

fn refused(archive: &[u8]) -> String {
    unpack(archive, Links::Refused, &limits()).unwrap_err().to_string()
}

#[test]
fn files_come_out_as_they_were() {
    let file = EntryType::Regular;
    let made = archive(&[
        ("./common/", EntryType::Directory, b""),
        ("./common/Chart.yaml", file, b"name: common"),
        ("common//templates/./a.tpl", file, b"a"),
        ("common/Chart.yaml", file, b"name: later"),
    ]);
    let tree = unpack(&made, Links::Refused, &limits()).unwrap();
    let paths: Vec<&String> = tree.files().keys().collect();
    assert_eq!(paths, ["common/Chart.yaml", "common/templates/a.tpl"]);
    assert_eq!(tree.files()["common/Chart.yaml"], TreeFile::File { content: "name: later".into(), executable: true });
    assert_eq!(tree.bytes(), 12);
    assert!(tree.digest().starts_with("sha256:"));
}

#[test]
fn entries_that_leave_or_link_are_refused() {
    let file = EntryType::Regular;
    for (name, kind, content, part) in [
        ("../x", file, &b""[..], "leads out"),
        ("a/../../x", file, b"", "leads out"),
        ("a/../x", file, b"", "leads out"),
        ("/etc/passwd", file, b"", "absolute"),
        ("a\\..\\x", file, b"", "backslash"),
        ("a", EntryType::Symlink, b"/etc/passwd", "link"),
        ("a", EntryType::Symlink, b"b", "link"),
        ("a", EntryType::Link, b"/etc/passwd", "link"),
        ("a", EntryType::Char, b"", "device"),
        ("a", EntryType::Fifo, b"", "pipe"),
        ("a/b/c/d/e/f", file, b"", "depth_max"),
        (".", file, b"x", "no name"),
    ] {
        let error = refused(&archive(&[(name, kind, content)]));
        assert!(error.contains(part) && error.contains("refused"), "{name} {kind:?}: {error}");
    }
    let error = refused(&archive(&[("a", file, b"x"), ("a/b", file, b"y")]));
    assert!(error.contains("lies in what is a file"), "{error}");
}

#[test]
fn bombs_have_an_end() {
    let zeros = vec![0; 2 << 20];
    let error = refused(&archive(&[("zeros", EntryType::Regular, &zeros)]));
    assert!(error.contains("unpacked_bytes_max"), "{error}");
    let many: Vec<String> = (0..30).map(|n| format!("f{n}")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), EntryType::Directory, &b""[..])).collect();
    let error = refused(&archive(&many));
    assert!(error.contains("files_max"), "{error}");
    // A header that says more than there is.
    let mut lies = archive(&[("a", EntryType::Regular, b"abc")]);
    lies.truncate(lies.len() / 2);
    assert!(refused(&lies).contains("cannot be read"));
    for garbage in [&b""[..], b"PK\x03\x04", b"not an archive"] {
        assert!(refused(garbage).contains("cannot be read"), "{garbage:?}");
    }
    let mut endless = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..64 {
        endless.write_all(&vec![b'x'; 1 << 20]).unwrap();
    }
    assert!(!refused(&endless.finish().unwrap()).is_empty());
}

#[test]
fn hostile_archives_break_nothing() {
    let good = archive(&[("a/b", EntryType::Regular, b"text"), ("c", EntryType::Directory, b"")]);
    testkit::hostile::attack("an archive", &[&good], |bytes| drop(unpack(bytes, Links::Refused, &limits())));
}

#[test]
fn a_checkout_is_packed_without_gits_own() {
    let home = tempfile::tempdir().unwrap();
    let (root, outside) = (home.path().join("checkout"), home.path().join("secret"));
    std::fs::create_dir_all(root.join(".git")).unwrap();
    std::fs::create_dir_all(root.join("base")).unwrap();
    std::fs::write(root.join(".git/config"), "token").unwrap();
    std::fs::write(root.join("base/a.yaml"), "a").unwrap();
    std::fs::write(&outside, "secret").unwrap();
    for (name, to) in [
        ("same", root.join("base/a.yaml")),
        ("out", outside),
        ("folder", root.join("base")),
        ("git", root.join(".git/config")),
        ("nowhere", root.join("absent")),
    ] {
        std::os::unix::fs::symlink(to, root.join(name)).unwrap();
    }
    let packed = pack(&root, &limits()).unwrap();
    let tree = unpack(&packed, Links::Unreadable, &limits()).unwrap();
    let found: Vec<(&str, bool)> =
        tree.files().iter().map(|(path, file)| (path.as_str(), *file != TreeFile::Other)).collect();
    let expected =
        [("base/a.yaml", true), ("folder", false), ("git", false), ("nowhere", false), ("out", false), ("same", true)];
    assert_eq!(found, expected);
    let small = Limits { files_max: 3, ..limits() };
    assert!(pack(&root, &small).unwrap_err().to_string().contains("files_max"));
}
