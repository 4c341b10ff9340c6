//! Faults under the file layer: acknowledged ⊆ recovered, and the database opens.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use store::StoreError;
use store::journal::Journal;
use store::objects::Objects;
use store_sqlite::{Check, Options, SqliteStore, Writes};
use tempfile::TempDir;

use crate::fault_vfs::{Fault, Faults};
use crate::support::{Done, Random, append, eventually, key, names, run, status, verify, work};

fn open(dir: &TempDir, faults: &Faults) -> Arc<SqliteStore> {
    SqliteStore::open(Options {
        vfs: Some(faults.name.clone()),
        checkpoint_pages: 48,
        reopen_pause: (Duration::from_millis(2), Duration::from_millis(20)),
        ..Options::new(dir.path())
    })
    .unwrap()
}

/// Runs writers until they have done their rounds; answers what was acknowledged.
async fn writers(store: &Arc<SqliteStore>, prefix: &str, rounds: u64, until_error: bool) -> Vec<Done> {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..4)
        .map(|w| {
            let told = told.clone();
            let tell = move |done| told.lock().unwrap().push(done);
            tokio::spawn(work(store.clone(), format!("{prefix}-{w}"), rounds, until_error, tell))
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    Arc::try_unwrap(told).unwrap().into_inner().unwrap()
}

/// As after a restart of the machine: on the system's own file layer, every page looked at.
async fn recovered(dir: &TempDir, done: &[Done]) {
    let _ = std::fs::remove_file(dir.path().join("colchis.db-shm"));
    let store = SqliteStore::open(Options { check: Check::Full, ..Options::new(dir.path()) }).unwrap();
    verify(&store, done).await;
    store.create(run("afterwards")).await.unwrap();
    store.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loss_of_power() {
    for seed in 0..40 {
        let mut random = Random(seed);
        let dir = tempfile::tempdir().unwrap();
        let faults = Faults::new();
        let store = open(&dir, &faults);
        let mut done = writers(&store, "calm", random.draw(6), true).await;
        let fault = if random.draw(2) == 0 { Fault::PowerAtSync } else { Fault::PowerAtWrite };
        faults.arm(fault, random.draw(40));
        done.extend(writers(&store, "storm", 25, true).await);
        faults.die();
        store.close();
        drop(store);
        faults.forget(&mut random);
        println!("seed {seed}: {fault:?}, struck {:?}, {} acknowledged", faults.struck(), done.len());
        recovered(&dir, &done).await;
    }
}

/// One write or sync fails, the machine goes on: the store reopens the database by itself and nothing acknowledged is lost, whether the power goes afterwards or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_write_or_sync() {
    for seed in 0..40 {
        let mut random = Random(seed ^ 0xabcd);
        let dir = tempfile::tempdir().unwrap();
        let faults = Faults::new();
        let store = open(&dir, &faults);
        let mut done = writers(&store, "calm", random.draw(4), true).await;
        let fault =
            [Fault::WriteFails, Fault::WriteIsShort, Fault::SyncFails][usize::try_from(random.draw(3)).unwrap()];
        faults.arm(fault, random.draw(30));
        done.extend(writers(&store, "storm", 15, false).await);
        let name = eventually("writes are acknowledged again", || async {
            let name = format!("again-{}", names(&store).await.len());
            store.create(run(&name)).await.ok().map(|_| name)
        })
        .await;
        assert!(store.get(&key(&name)).await.is_ok());
        assert_eq!(store.health().writes, Writes::Acknowledged);
        verify(&store, &done).await;
        done.extend(writers(&store, "after", 3, true).await);
        println!("seed {seed}: {fault:?}, struck {:?}, reopened {}", faults.struck(), store.health().reopened);
        if random.draw(2) == 0 {
            faults.die();
            store.close();
            faults.forget(&mut random);
        }
        store.close();
        recovered(&dir, &done).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_and_a_read_only_one() {
    for (fault, hint) in [(Fault::DiskFull, "full"), (Fault::ReadOnly, "reopened")] {
        let dir = tempfile::tempdir().unwrap();
        let faults = Faults::new();
        let store = open(&dir, &faults);
        let done = writers(&store, "before", 3, true).await;
        faults.arm(fault, 0);
        let error = store.create(run("no-room")).await.unwrap_err();
        assert_eq!(error.code(), "Unavailable");
        assert!(error.to_string().contains(hint), "{fault:?}: {error}");
        for n in 0..5 {
            let error = store.append(append("j", 0, &[n])).await.unwrap_err();
            assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
        }
        assert!(!matches!(store.health().writes, Writes::Acknowledged), "{:?}", store.health());
        // Reads go on, from memory and from the file.
        store.get(&key("before-0-0")).await.unwrap();
        assert!(names(&store).await.contains(&"before-0-1".to_owned()));
        verify(&store, &done).await;
        // And writes, without a restart, once there is room.
        faults.mend();
        eventually("writes go on", || async { store.create(run("room")).await.ok() }).await;
        store.update_status(&key("room"), status("{\"phase\":\"Running\"}")).await.unwrap();
        assert_eq!(store.health().writes, Writes::Acknowledged);
        assert!(store.get(&key("no-room")).await.is_err());
        verify(&store, &done).await;
        store.close();
        recovered(&dir, &done).await;
    }
}

/// A commit is one gathered write and one sync.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_is_one_write_and_one_sync() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Faults::new();
    let store = SqliteStore::open(Options { vfs: Some(faults.name.clone()), ..Options::new(dir.path()) }).unwrap();
    store.create(run("first")).await.unwrap();
    let before = faults.counts();
    for after in 0..10 {
        store.append(append("j", after, b"payload")).await.unwrap();
    }
    let after = faults.counts();
    assert_eq!((after.0 - before.0, after.1 - before.1), (10, 10));
}
