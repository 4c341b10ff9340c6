//! Files that are not what they should be: said, and never served.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use store::objects::Objects;
use store_sqlite::{Check, Options, SqliteStore, check};
use tempfile::TempDir;

use crate::support::run;

/// A data directory with some objects, closed.
async fn filled() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    for i in 0..200 {
        store.create(run(&format!("o{i:03}"))).await.unwrap();
    }
    store.close();
    let path = dir.path().join("colchis.db");
    (dir, path)
}

fn refused(dir: &TempDir) -> store::StoreError {
    SqliteStore::open(Options::new(dir.path())).err().expect("the store must not open")
}

#[tokio::test]
async fn a_damaged_last_page() {
    let (dir, path) = filled().await;
    let length = path.metadata().unwrap().len();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&[0xa5; 4096], length - 4096).unwrap();
    let error = refused(&dir);
    assert_eq!(error.code(), "Corrupt");
    assert!(error.to_string().contains("restore the last backup"), "{error}");
    assert!(!check(dir.path()).unwrap().faults.is_empty());
    // Without a look at every page it opens; what cannot be read is said when it is asked for.
    let store = SqliteStore::open(Options { check: Check::Header, ..Options::new(dir.path()) }).unwrap();
    store.close();
}

#[tokio::test]
async fn a_damaged_page_somewhere() {
    let (dir, path) = filled().await;
    let pages = path.metadata().unwrap().len() / 4096;
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    for page in [1, pages / 2, pages - 2] {
        file.write_all_at(&[0; 1000], page * 4096).unwrap();
    }
    assert_eq!(refused(&dir).code(), "Corrupt");
}

#[tokio::test]
async fn a_file_that_was_cut() {
    let (dir, path) = filled().await;
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(path.metadata().unwrap().len() - 4096).unwrap();
    let error = refused(&dir);
    assert!(error.code() == "Corrupt" && error.to_string().contains("pages"), "{error}");
    file.set_len(50).unwrap();
    assert_eq!(refused(&dir).code(), "Corrupt");
}

#[tokio::test]
async fn garbage() {
    let (dir, path) = filled().await;
    std::fs::write(&path, "no database, but long enough for a header: ".repeat(50)).unwrap();
    let error = refused(&dir);
    assert!(error.code() == "Corrupt" && error.to_string().contains("not a SQLite database"), "{error}");
}

#[tokio::test]
async fn another_programs_database() {
    let dir = tempfile::tempdir().unwrap();
    let other = rusqlite::Connection::open(dir.path().join("colchis.db")).unwrap();
    other.execute_batch("CREATE TABLE theirs(x)").unwrap();
    drop(other);
    std::fs::write(dir.path().join("secrets.key"), "00".repeat(32)).unwrap();
    let error = refused(&dir);
    assert!(error.code() == "Invalid" && error.to_string().contains("not a database of this server"), "{error}");
}

#[tokio::test]
async fn a_later_format() {
    let (dir, path) = filled().await;
    let later = rusqlite::Connection::open(&path).unwrap();
    later.execute("INSERT INTO format VALUES (99, 0, 'later')", []).unwrap();
    drop(later);
    let error = refused(&dir);
    assert!(error.code() == "Invalid" && error.to_string().contains("later version (format 99"), "{error}");
}

#[tokio::test]
async fn a_directory_that_cannot_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = SqliteStore::open(Options::new(file.join("data"))).err().unwrap();
    assert!(error.code() == "Unavailable" && error.to_string().contains("cannot be made"), "{error}");
}

/// Bytes behind the last whole commit are what a crash leaves; they are dropped.
#[tokio::test]
async fn a_torn_log() {
    let (dir, _) = filled().await;
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    store.create(run("kept")).await.unwrap();
    let copy = tempfile::tempdir().unwrap();
    for name in ["colchis.db", "colchis.db-wal", "secrets.key"] {
        std::fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
    }
    store.close();
    let log = OpenOptions::new().append(true).open(copy.path().join("colchis.db-wal")).unwrap();
    std::io::Write::write_all(&mut &log, &[7; 3000]).unwrap();
    let store = SqliteStore::open(Options::new(copy.path())).unwrap();
    assert!(crate::support::names(&store).await.contains(&"kept".to_owned()));
}
