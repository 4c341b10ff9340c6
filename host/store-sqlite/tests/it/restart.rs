//! What lasts from one opening to the next.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use model::OwnerReference;
use store::Limits;
use store::events::{Events, Retention};
use store::journal::{Append, Journal};
use store::objects::{LabelRequirement, ListQuery, Objects, Order, Selector, WatchEvent};
use store_sqlite::{Options, SqliteStore, Writes};
use tempfile::TempDir;

use crate::support::{append, event, eventually, instance, key, names, object, run, secret, status, workflow};

fn open(dir: &TempDir) -> Arc<SqliteStore> {
    SqliteStore::open(Options::new(dir.path())).unwrap()
}

fn again(dir: &TempDir, store: Arc<SqliteStore>) -> Arc<SqliteStore> {
    store.close();
    drop(store);
    open(dir)
}

#[tokio::test]
async fn everything_lasts() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let mut made = run("a");
    made.metadata.labels.insert("app".into(), "x".into());
    made.metadata.annotations.insert("note".into(), "n".into());
    made.metadata.finalizers.push("example.com/f".into());
    made.metadata.generate_name = "a-".into();
    let made = store.create(made).await.unwrap();
    store.update_status(&key("a"), status(r#"{"phase":"Running"}"#)).await.unwrap();
    Objects::delete(&*store, &key("a"), Default::default()).await.unwrap();
    let before = store.get(&key("a")).await.unwrap();
    store.append(append("i", 0, b"one")).await.unwrap();
    store
        .append(Append { snapshot: Some(b"state".to_vec()), wake_ms: Some(9), ..append("i", 1, b"two") })
        .await
        .unwrap();
    store.append(Append { generation: 4, ..append("i", 2, b"three") }).await.unwrap();
    let offsets = store.publish("t", vec![event("a"), event("b")]).await.unwrap();
    store.cursor("t", "s", 0).await.unwrap();
    store.ack("t", "s", offsets[0], false).await.unwrap();
    store.trim("t", Retention { age_ms: 1 << 40, bytes_max: 40 }).await.unwrap();
    let revision = store.revision().await.unwrap();

    let store = again(&dir, store);
    assert_eq!(store.revision().await.unwrap(), revision);
    let after = store.get(&key("a")).await.unwrap();
    assert!(*after == *before && after.metadata.uid == made.metadata.uid);
    assert_eq!(after.metadata.generate_name, "a-");
    let running = Selector { phases: vec!["Running".into()], ..Selector::of(workflow()) };
    assert_eq!(store.list(&ListQuery { selector: running, ..ListQuery::default() }).await.unwrap().items.len(), 1);
    let replay = Journal::read(&*store, &instance("i")).await.unwrap();
    assert_eq!(replay.snapshot, Some((2, 1, b"state".to_vec())));
    assert_eq!(replay.records.len(), 1);
    let fenced = store.append(Append { generation: 3, ..append("i", 3, b"x") }).await.unwrap_err();
    assert_eq!(fenced.code(), "Fenced");
    assert_eq!(store.append(Append { generation: 4, ..append("i", 3, b"four") }).await.unwrap(), 4);
    let live: Vec<_> = store.live("workflow").await.unwrap().try_collect().await.unwrap();
    assert_eq!((live.len(), live[0].tail), (1, 2));
    assert_eq!(store.cursor("t", "s", 0).await.unwrap(), offsets[0]);
    assert_eq!(store.publish("t", vec![event("b")]).await.unwrap(), [offsets[1]]);
    assert_eq!(store.publish("t", vec![event("c")]).await.unwrap(), [offsets[1] + 1]);
    let next = store.create(run("b")).await.unwrap();
    assert_eq!(next.metadata.resource_version, (revision + 1).to_string());
}

#[tokio::test]
async fn watches_resume_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let labelled = |name: &str, value: &str| {
        let mut object = run(name);
        object.metadata.labels.insert("app".into(), value.into());
        object
    };
    for name in ["leaves", "stays", "goes"] {
        store.create(labelled(name, "x")).await.unwrap();
    }
    let from = store.create(labelled("never", "y")).await.unwrap();
    let from: u64 = from.metadata.resource_version.parse().unwrap();
    let left = store.update(labelled("leaves", "y"), Default::default()).await.unwrap();
    store.update_status(&key("stays"), status(r#"{"phase":"Running"}"#)).await.unwrap();
    store.update_status(&key("never"), status(r#"{"phase":"Running"}"#)).await.unwrap();
    store.update_status(&key("stays"), status(r#"{"phase":"Failed"}"#)).await.unwrap();
    Objects::delete(&*store, &key("goes"), Default::default()).await.unwrap();
    store.create(labelled("blinks", "x")).await.unwrap();
    Objects::delete(&*store, &key("blinks"), Default::default()).await.unwrap();
    store.create(labelled("comes", "y")).await.unwrap();
    store.update(labelled("comes", "x"), Default::default()).await.unwrap();
    let mut stream = store.watch(&Selector::of(workflow()), None).await.unwrap();

    let store = again(&dir, store);
    let cut = loop {
        match stream.next().await.expect("an open watch is told that the store closed") {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(cut.code(), "Unavailable");
    let label = LabelRequirement::In("app".into(), vec!["x".into()]);
    let selector = Selector { labels: vec![label], ..Selector::of(workflow()) };
    let mut stream = store.watch(&selector, Some(from)).await.unwrap();
    store.create(labelled("end", "x")).await.unwrap();
    let mut told = Vec::new();
    while told.last().is_none_or(|t| t != "+end") {
        match stream.next().await.unwrap().unwrap() {
            WatchEvent::Added(o) => told.push(format!("+{}", o.metadata.name)),
            WatchEvent::Modified(o) => told.push(format!("~{}", o.metadata.name)),
            WatchEvent::Deleted(o) => {
                if o.metadata.name == "leaves" {
                    assert_eq!(o.metadata.resource_version, left.metadata.resource_version);
                }
                told.push(format!("-{}", o.metadata.name));
            }
            WatchEvent::Bookmark(_) => {}
        }
    }
    assert_eq!(told, ["-leaves", "~stays", "-goes", "+comes", "+end"]);
    let newest = store.revision().await.unwrap();
    let future = store.watch(&selector, Some(newest + 5)).await.map(|_| ()).unwrap_err();
    assert_eq!(future.code(), "Expired");
}

#[tokio::test]
async fn cascades_and_purges_go_on_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { cascade_step_max: 3, ..Limits::default() };
    let store = SqliteStore::open(Options { limits, ..Options::new(dir.path()) }).unwrap();
    let owner = store.create(run("owner")).await.unwrap();
    let reference = OwnerReference {
        api_version: owner.api_version.clone(),
        kind: owner.kind.clone(),
        name: owner.metadata.name.clone(),
        uid: owner.metadata.uid.clone(),
        ..OwnerReference::default()
    };
    let dependents = (0..200).map(|i| {
        let mut object = run(&format!("d{i}"));
        object.metadata.owner_references.push(reference.clone());
        store.create(object)
    });
    futures::future::try_join_all(dependents).await.unwrap();
    // Longer than what one commit removes.
    for first in (0..2500).step_by(20) {
        // A fresh budget, so that they are sent in their order.
        tokio::task::yield_now().await;
        let records = (first..first + 20).map(|after| store.append(append("long", after, b"x")));
        futures::future::try_join_all(records).await.unwrap();
    }
    Journal::delete(&*store, &instance("long")).await.unwrap();
    assert!(store.info(&instance("long")).await.unwrap().is_none());
    store.append(append("long", 0, b"anew")).await.unwrap();
    Objects::delete(&*store, &key("owner"), Default::default()).await.unwrap();
    let store = again(&dir, store);
    eventually("the dependents go", || async { names(&store).await.is_empty().then_some(()) }).await;
    assert_eq!(Journal::read(&*store, &instance("long")).await.unwrap().records.len(), 1);
    store.close();
    let db = rusqlite::Connection::open(dir.path().join("colchis.db")).unwrap();
    let count = |sql: &str| db.query_row(sql, [], |r| r.get::<_, i64>(0)).unwrap();
    assert_eq!((count("SELECT count(*) FROM purges"), count("SELECT count(*) FROM records")), (0, 1));
    assert_eq!(count("SELECT count(*) FROM work"), 0);
}

#[tokio::test]
async fn old_changes_and_deleted_objects_are_let_go() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { watch_retention_max: 50, watch_ring_max: 10, ..Limits::default() };
    let store = SqliteStore::open(Options { limits, ..Options::new(dir.path()) }).unwrap();
    store.create(run("first")).await.unwrap();
    for i in 0..300 {
        store.create(run(&format!("o{i}"))).await.unwrap();
        Objects::delete(&*store, &key(&format!("o{i}")), Default::default()).await.unwrap();
    }
    store.close();
    let db = rusqlite::Connection::open(dir.path().join("colchis.db")).unwrap();
    let count = |sql: &str| db.query_row(sql, [], |r| r.get::<_, i64>(0)).unwrap();
    assert!(count("SELECT count(*) FROM changes") < 50 + 60);
    assert!(count("SELECT count(*) FROM objects WHERE deleted = 1") < 60);
    for table in ["contents", "bodies"] {
        assert_eq!(count(&format!("SELECT count(*) FROM {table}")), count("SELECT count(*) FROM objects"));
    }
    assert_eq!(count("SELECT count(*) FROM objects WHERE deleted = 0"), 1);
}

#[tokio::test]
async fn secrets_are_sealed_at_rest() {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("data");
    let store = SqliteStore::open(Options::new(&dir)).unwrap();
    let mut made = object(&secret(), "s", r#"{"data":{"password":"aHVudGVyMg=="},"type":"Opaque"}"#);
    made.metadata.annotations.insert("last-applied".into(), "aHVudGVyMg==".into());
    store.create(made).await.unwrap();
    store.create(object(&workflow(), "plain", r#"{"spec":"findable-text"}"#)).await.unwrap();
    let holds = |needle: &str| {
        std::fs::read_dir(&dir).unwrap().any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            bytes.windows(needle.len()).any(|w| w == needle.as_bytes())
        })
    };
    assert!(holds("findable-text"), "the search finds what is there");
    assert!(!holds("aHVudGVyMg=="), "neither in the log");
    store.close();
    assert!(!holds("aHVudGVyMg=="), "nor in the database");
    let store = SqliteStore::open(Options::new(&dir)).unwrap();
    let selector = Selector::of(secret());
    let page = store.list(&ListQuery { selector, order: Order::NewestFirst, ..ListQuery::default() }).await.unwrap();
    assert_eq!(page.items[0].body_field("data").unwrap().get(), r#"{"password":"aHVudGVyMg=="}"#);
    for file in std::fs::read_dir(&dir).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?} is for the user alone", file.path());
    }
    assert_eq!(dir.metadata().unwrap().permissions().mode() & 0o077, 0);
}

#[tokio::test]
async fn one_process_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let error = SqliteStore::open(Options::new(dir.path())).err().unwrap().to_string();
    assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
    store.close();
    assert_eq!(store.health().writes, Writes::Closed);
    assert_eq!(store.create(run("late")).await.unwrap_err().code(), "Unavailable");
    assert_eq!(store.list(&ListQuery::default()).await.unwrap_err().code(), "Unavailable");
    open(&dir);
}

#[tokio::test]
async fn reads_have_a_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    futures::future::try_join_all((0..4000).map(|i| store.create(run(&format!("o{i}"))))).await.unwrap();
    store.close();
    let store = SqliteStore::open(Options { read_deadline: Duration::ZERO, ..Options::new(dir.path()) }).unwrap();
    let selector = Selector { name_prefix: Some("none".into()), ..Selector::of(workflow()) };
    let error = store.list(&ListQuery { selector, ..ListQuery::default() }).await.unwrap_err();
    assert!(error.to_string().contains("read_deadline"), "{error}");
    // The next short read is well.
    store.create(run("x")).await.unwrap();
    store.get(&key("x")).await.unwrap();
}

#[tokio::test]
async fn a_quiet_log_is_emptied() {
    let dir = tempfile::tempdir().unwrap();
    let idle = Duration::from_millis(20);
    let store = SqliteStore::open(Options { checkpoint_idle: idle, ..Options::new(dir.path()) }).unwrap();
    for i in 0..20 {
        store.create(run(&format!("o{i}"))).await.unwrap();
    }
    let log = dir.path().join("colchis.db-wal");
    eventually("the log is emptied", || async { (log.metadata().unwrap().len() == 0).then_some(()) }).await;
    store.create(run("next")).await.unwrap();
    assert_eq!(names(&store).await.len(), 21);
}

/// Under steady writes the log starts over instead of growing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_log_stays_short() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(Options { checkpoint_pages: 50, ..Options::new(dir.path()) }).unwrap();
    let mut longest = 0;
    for round in 0..60 {
        let writes = (0..40).map(|i| store.create(run(&format!("o{round}-{i}"))));
        futures::future::try_join_all(writes).await.unwrap();
        longest = longest.max(store.health().log_pages);
    }
    assert!(longest > 50, "it was long enough to be copied");
    let log = dir.path().join("colchis.db-wal").metadata().unwrap().len();
    assert!(log < 60 * 40 * 4096, "{log} bytes");
}
