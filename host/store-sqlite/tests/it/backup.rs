//! Backups of a working store, and what a restore finds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use store::objects::Objects;
use store_sqlite::{Options, SqliteStore, check};

use crate::support::{names, object, run, secret};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_writes_is_a_data_directory() {
    let (dir, dest) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    for i in 0..50 {
        store.create(run(&format!("before-{i:02}"))).await.unwrap();
    }
    store.create(object(&secret(), "s", r#"{"data":{}}"#)).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (store, stop) = (store.clone(), stop.clone());
        async move {
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                store.create(run(&format!("during-{n:05}"))).await.unwrap();
                n += 1;
            }
        }
    });
    let target = dest.path().join("copy");
    let report = store.backup(&target, true).await.unwrap();
    stop.store(true, Ordering::Relaxed);
    writer.await.unwrap();
    assert!(report.faults.is_empty() && report.objects >= 51 && report.revision >= 51, "{report:?}");
    let error = store.backup(&target, false).await.unwrap_err();
    assert_eq!(error.code(), "AlreadyExists");
    let bare = dest.path().join("without-key");
    store.backup(&bare, false).await.unwrap();

    assert_eq!(check(&target).unwrap(), report);
    let copy = SqliteStore::open(Options::new(&target)).unwrap();
    let there = names(&copy).await;
    assert!((0..50).all(|i| there.contains(&format!("before-{i:02}"))));
    // One moment: of what was written one after the other, what is there is a prefix.
    let during: Vec<_> = there.iter().filter(|n| n.starts_with("during")).collect();
    assert!(during.iter().enumerate().all(|(i, name)| **name == format!("during-{i:05}")));
    let sealed = store::objects::Key::new(secret(), "default", "s");
    copy.get(&sealed).await.unwrap();
    copy.create(run("goes-on")).await.unwrap();

    let error = SqliteStore::open(Options::new(&bare)).err().unwrap();
    assert!(error.to_string().contains("key of the secrets is missing"), "{error}");
    std::fs::copy(dir.path().join("secrets.key"), bare.join("secrets.key")).unwrap();
    SqliteStore::open(Options::new(&bare)).unwrap().get(&sealed).await.unwrap();
    // Another key opens nothing, and a check says so.
    let wrong = dest.path().join("wrong-key");
    store.backup(&wrong, false).await.unwrap();
    std::fs::write(wrong.join("secrets.key"), "00".repeat(32)).unwrap();
    let faults = check(&wrong).unwrap().faults;
    assert!(faults.len() == 1 && faults[0].contains("secrets.key"), "{faults:?}");
}

#[tokio::test]
async fn a_failed_backup_leaves_nothing() {
    let (dir, dest) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    let blocked = dest.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    assert_eq!(store.backup(&blocked.join("below"), false).await.unwrap_err().code(), "Unavailable");
    assert_eq!(check(dest.path()).unwrap_err().code(), "NotFound");
}
