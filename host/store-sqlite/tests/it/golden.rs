//! Databases of every format that was ever released: every later version reads them.
//!
//! A new format adds a folder under `golden` (`cargo test -p store-sqlite --test it golden::write -- --ignored`), and never changes an old one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::TryStreamExt;
use store::events::{Events, Retention};
use store::journal::{Append, Journal};
use store::objects::{Gvk, Key, LabelRequirement, ListQuery, Objects, Order, Selector, WatchEvent};
use store::stamp::ManualStamp;
use store_sqlite::{Check, Options, SqliteStore, check};

use crate::support::{append, event, instance, key, object, run, secret, status, workflow};

fn folder(format: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("golden/format-{format}"))
}

const FILES: [&str; 3] = ["colchis.db", "colchis.db-wal", "secrets.key"];
const BEGIN_MS: i64 = 1_767_225_600_000;

async fn fill(store: &SqliteStore, clock: &ManualStamp) {
    for (i, phase) in ["Succeeded", "Failed", "Running", ""].iter().enumerate() {
        let mut made = run(&format!("run-{i}"));
        made.metadata.labels.insert("team".into(), if i % 2 == 0 { "red" } else { "blue" }.into());
        made.metadata.annotations.insert("note".into(), "ünïcödé \u{1f980}".into());
        store.create(made).await.unwrap();
        clock.advance_ms(1000);
        if !phase.is_empty() {
            store.update_status(&key(&format!("run-{i}")), status(&format!(r#"{{"phase":"{phase}"}}"#))).await.unwrap();
        }
    }
    let mut held = run("held");
    held.metadata.finalizers.push("example.com/f".into());
    store.create(held).await.unwrap();
    Objects::delete(store, &key("held"), Default::default()).await.unwrap();
    store.create(run("gone")).await.unwrap();
    Objects::delete(store, &key("gone"), Default::default()).await.unwrap();
    store.create(object(&secret(), "s", r#"{"data":{"password":"aHVudGVyMg=="}}"#)).await.unwrap();
    store.create(object(&Gvk::new("v1", "ConfigMap"), "c", r#"{"data":{"a":"b"}}"#)).await.unwrap();

    for after in 0..3 {
        store.append(append("plain", after, &[u8::try_from(after).unwrap(); 40])).await.unwrap();
    }
    store.append(append("snapshot", 0, b"one")).await.unwrap();
    store
        .append(Append { snapshot: Some(b"state at 2".to_vec()), format: 3, ..append("snapshot", 1, b"two") })
        .await
        .unwrap();
    store.append(Append { generation: 5, wake_ms: Some(1234), ..append("snapshot", 2, b"three") }).await.unwrap();
    store.append(Append { live: false, ..append("finished", 0, b"end") }).await.unwrap();

    store.publish("topic", ["a", "b", "c"].map(event).to_vec()).await.unwrap();
    store.cursor("topic", "consumer", 1).await.unwrap();
    store.trim("topic", Retention { age_ms: 1 << 40, bytes_max: 30 }).await.unwrap();
}

async fn verify(store: &SqliteStore) {
    let newest = ListQuery { selector: Selector::of(workflow()), order: Order::NewestFirst, ..ListQuery::default() };
    let items = store.list(&newest).await.unwrap().items;
    let names: Vec<_> = items.iter().map(|o| o.metadata.name.as_str()).collect();
    assert_eq!(names, ["held", "run-3", "run-2", "run-1", "run-0"]);
    let first = &items[4];
    assert_eq!(first.metadata.creation_timestamp.unwrap().as_millis(), BEGIN_MS);
    assert_eq!(first.metadata.annotations["note"], "ünïcödé \u{1f980}");
    assert_eq!(first.body.get(), r#"{"spec":{"entrypoint":"main"}}"#);
    assert_eq!(first.status.as_ref().unwrap().get(), r#"{"phase":"Succeeded"}"#);
    assert!(items[0].metadata.deletion_timestamp.is_some() && items[0].metadata.generation == 2);
    let red = LabelRequirement::In("team".into(), vec!["red".into()]);
    let selector = Selector { labels: vec![red], phases: vec!["Running".into()], ..Selector::of(workflow()) };
    assert_eq!(
        store.list(&ListQuery { selector, ..ListQuery::default() }).await.unwrap().items[0].metadata.name,
        "run-2"
    );
    let sealed = store.get(&Key::new(secret(), "default", "s")).await.unwrap();
    assert_eq!(sealed.body.get(), r#"{"data":{"password":"aHVudGVyMg=="}}"#);
    store.get(&Key::new(Gvk::new("v1", "ConfigMap"), "default", "c")).await.unwrap();

    let plain = Journal::read(store, &instance("plain")).await.unwrap();
    assert!(plain.snapshot.is_none());
    let records: Vec<_> = plain.records.iter().map(|r| (r.seq, r.format, r.payload[0])).collect();
    assert_eq!(records, [(1, 1, 0), (2, 1, 1), (3, 1, 2)]);
    let replay = Journal::read(store, &instance("snapshot")).await.unwrap();
    assert_eq!(replay.snapshot, Some((2, 3, b"state at 2".to_vec())));
    assert_eq!(replay.records[0].payload, b"three");
    let live: Vec<_> = store.live("workflow").await.unwrap().try_collect().await.unwrap();
    assert_eq!(
        live.iter().map(|i| (&*i.instance.id, i.wake_ms)).collect::<Vec<_>>(),
        [("plain", None), ("snapshot", Some(1234))]
    );
    let fenced = store.append(Append { generation: 4, ..append("snapshot", 3, b"x") }).await.unwrap_err();
    assert_eq!(fenced.code(), "Fenced");

    let events = Events::read(store, "topic", 1, 10, 0).await.unwrap();
    assert_eq!(events.iter().map(|e| (e.offset, e.id.as_str())).collect::<Vec<_>>(), [(2, "b"), (3, "c")]);
    assert_eq!(store.cursor("topic", "consumer", 0).await.unwrap(), 1);

    // The history is there too: what came after the second revision, in its order.
    let mut watch = store.watch(&Selector::of(workflow()), Some(2)).await.unwrap();
    let mut came = Vec::new();
    while came.last().is_none_or(|name| name != "held") {
        if let WatchEvent::Added(o) = watch.try_next().await.unwrap().unwrap() {
            came.push(o.metadata.name.clone());
        }
    }
    assert_eq!(came, ["run-1", "run-2", "run-3", "held"]);

    // And it can be written.
    assert_eq!(store.append(append("plain", 3, b"more")).await.unwrap(), 4);
    let updated = store.update_status(&key("run-3"), status(r#"{"phase":"Pending"}"#)).await.unwrap();
    assert_eq!(updated.metadata.generation, 1);
}

#[tokio::test]
async fn every_format_is_read() {
    let mut formats = 0;
    for format in 1.. {
        let folder = folder(format);
        if !folder.exists() {
            break;
        }
        formats += 1;
        let dir = tempfile::tempdir().unwrap();
        for file in FILES {
            let from = folder.join(file);
            if from.exists() {
                std::fs::copy(from, dir.path().join(file)).unwrap();
            }
        }
        assert_eq!(check(dir.path()).unwrap().faults, Vec::<String>::new());
        let store = SqliteStore::open(Options { check: Check::Full, ..Options::new(dir.path()) }).unwrap();
        verify(&store).await;
        store.close();
    }
    assert!(formats >= 1, "the golden files are missing");
}

/// The newest format's folder must hold what `fill` makes today.
#[tokio::test]
async fn golden_content_is_todays_content() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualStamp::new(BEGIN_MS, 7));
    let store = SqliteStore::open(Options { stamp: clock.clone(), ..Options::new(dir.path()) }).unwrap();
    fill(&store, &clock).await;
    verify(&store).await;
}

#[tokio::test]
#[ignore = "writes the golden files of a new format"]
async fn write() {
    let folder = folder(1);
    assert!(!folder.exists(), "golden files are never changed");
    std::fs::create_dir_all(&folder).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualStamp::new(BEGIN_MS, 7));
    let store = SqliteStore::open(Options { stamp: clock.clone(), ..Options::new(dir.path()) }).unwrap();
    fill(&store, &clock).await;
    // As a crash leaves it: a part in the database, a part in the log.
    for file in FILES {
        std::fs::copy(dir.path().join(file), folder.join(file)).unwrap();
    }
}
