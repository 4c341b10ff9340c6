//! The journal suite.

use std::future::Future;
use std::sync::Arc;

use futures::TryStreamExt;
use model::{Object, Timestamp};

use super::refused;
use crate::Limits;
use crate::journal::{Append, InstanceId, Journal, Replay};
use crate::objects::{Gvk, Key, Objects, Precondition, StatusUpdate};

/// Runs every case on fresh journals.
pub async fn journal<F, Fut>(make: F)
where
    F: Fn(Limits) -> Fut,
    Fut: Future<Output = Arc<dyn Journal>>,
{
    let fresh = || make(Limits::default());
    appends_count_from_one(&*fresh().await).await;
    conflicts_leave_nothing(&*fresh().await).await;
    later_generations_fence(&*fresh().await).await;
    marks_without_record(&*fresh().await).await;
    snapshots_replace_records(&*fresh().await).await;
    following(&*fresh().await).await;
    live_ones_only(&*fresh().await).await;
    deleting(&*fresh().await).await;
    instances_are_apart(&*fresh().await).await;
    bytes_are_kept(&*fresh().await).await;
    racing_appends(fresh().await).await;
    let small = Limits {
        record_bytes_max: 8,
        snapshot_bytes_max: 8,
        instance_id_bytes_max: 16,
        page_max: 3,
        ..Limits::default()
    };
    limits(&*make(small).await).await;
}

/// Runs the cases of a journal that is one store with the objects: statuses that come along with an append.
pub async fn journal_with_objects<S: Journal + Objects>(store: Arc<S>) {
    let a = id("a");
    let key = Key::new(Gvk::new("argoproj.io/v1alpha1", "Workflow"), "one", "run");
    let object = serde_json::from_value(serde_json::json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "run", "namespace": "one"}, "spec": {},
    }));
    let created = Objects::create(&*store, object.unwrap()).await.unwrap();
    let status = |phase: &str, uid: &str| StatusUpdate {
        status: serde_json::value::to_raw_value(&serde_json::json!({ "phase": phase })).unwrap(),
        labels: vec![("phase".to_owned(), Some(phase.to_owned()))],
        annotations: Vec::new(),
        precondition: Precondition { uid: Some(uid.to_owned()), ..Precondition::default() },
    };
    let phase = async || {
        let object = Objects::get(&*store, &key).await.unwrap();
        (object.status.as_ref().map(|s| s.get().to_owned()), object.metadata.labels.get("phase").cloned())
    };
    let uid = created.metadata.uid.as_str();

    let (seq, shown) = store.append_with_status(step(&a, 0, "x"), &key, status("Running", uid)).await.unwrap();
    assert_eq!((seq, shown.map(|s| s.is_ok())), (1, Some(true)));
    let running = (Some(r#"{"phase":"Running"}"#.to_owned()), Some("Running".to_owned()));
    assert_eq!(phase().await, running);
    // A refused append leaves the status alone.
    refused(store.append_with_status(step(&a, 0, "again"), &key, status("Failed", uid)).await, "Conflict");
    assert_eq!(phase().await, running);
    // A refused status leaves the append alone.
    let (seq, shown) = store.append_with_status(step(&a, 1, "y"), &key, status("Failed", "other")).await.unwrap();
    assert_eq!(seq, 2);
    refused(shown.expect("one store"), "Conflict");
    let gone = Key::new(key.gvk.clone(), "one", "gone");
    let (seq, shown) = store.append_with_status(step(&a, 2, "z"), &gone, status("Failed", uid)).await.unwrap();
    assert_eq!(seq, 3);
    refused(shown.expect("one store"), "NotFound");
    assert_eq!(phase().await, running);
    assert_eq!(texts(&Journal::read(&*store, &a).await.unwrap()).len(), 3);
}

/// Runs the cases of a journal that is one store with the objects: objects that come with their first record.
pub async fn journal_with_new_objects<S: Journal + Objects>(store: Arc<S>) {
    let stamped = |name: &str| -> Object {
        let stamp = store.stamp().expect("one store");
        let mut object: Object = serde_json::from_value(serde_json::json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name, "namespace": "one"}, "spec": {"a": 1},
        }))
        .unwrap();
        object.metadata.uid = stamp.uid();
        object.metadata.creation_timestamp = Some(Timestamp::from_millis(stamp.now_ms()));
        object
    };
    let get = async |name: &str| {
        let key = Key::new(Gvk::new("argoproj.io/v1alpha1", "Workflow"), "one", name);
        Objects::get(&*store, &key).await
    };

    let first = stamped("first");
    let a = id(&first.metadata.uid);
    let before = store.revision().await.unwrap();
    let (seq, made) = store.append_with_create(step(&a, 0, "x"), first.clone()).await.unwrap();
    assert_eq!(seq, 1);
    assert_eq!((&made.metadata.uid, made.metadata.generation), (&first.metadata.uid, 1));
    assert_eq!(made.metadata.creation_timestamp, first.metadata.creation_timestamp);
    assert!(made.metadata.resource_version.parse::<u64>().unwrap() > before);
    assert_eq!(*get("first").await.unwrap(), *made);
    assert_eq!(texts(&Journal::read(&*store, &a).await.unwrap()), [(1, "x".to_owned())]);
    // An object of that name is there: no record is written either.
    let again = stamped("first");
    let b = id(&again.metadata.uid);
    refused(store.append_with_create(step(&b, 0, "x"), again).await, "AlreadyExists");
    assert!(store.info(&b).await.unwrap().is_none());
    assert_eq!(*get("first").await.unwrap(), *made);
    // The record is refused: there is no object either.
    let other = stamped("other");
    refused(store.append_with_create(step(&a, 0, "x"), other.clone()).await, "Conflict");
    refused(store.append_with_create(Append { generation: 0, ..step(&a, 1, "x") }, other).await, "Fenced");
    assert_eq!(get("other").await.unwrap_err().code(), "NotFound");
    assert_eq!(store.revision().await.unwrap(), before + 1);
}

fn id(id: &str) -> InstanceId {
    InstanceId { engine: "workflow", id: id.into() }
}

fn step(instance: &InstanceId, after: u64, payload: &str) -> Append {
    Append {
        instance: instance.clone(),
        generation: 1,
        after,
        format: 1,
        payload: payload.into(),
        live: true,
        wake_ms: None,
        snapshot: None,
    }
}

fn texts(replay: &Replay) -> Vec<(u64, String)> {
    replay.records.iter().map(|r| (r.seq, String::from_utf8(r.payload.clone()).unwrap())).collect()
}

async fn appends_count_from_one(j: &dyn Journal) {
    let a = id("a");
    assert!(j.info(&a).await.unwrap().is_none());
    assert!(j.read(&a).await.unwrap().records.is_empty());
    for (after, text) in [(0, "x"), (1, "y"), (2, "z")] {
        assert_eq!(j.append(step(&a, after, text)).await.unwrap(), after + 1);
    }
    let replay = j.read(&a).await.unwrap();
    assert_eq!(texts(&replay), [(1, "x".into()), (2, "y".into()), (3, "z".into())]);
    assert!(replay.snapshot.is_none());
    let info = j.info(&a).await.unwrap().unwrap();
    assert_eq!((info.last_seq, info.tail, info.live, info.wake_ms), (3, 3, true, None));
}

async fn conflicts_leave_nothing(j: &dyn Journal) {
    let a = id("a");
    refused(j.append(step(&a, 1, "x")).await, "Conflict");
    assert!(j.info(&a).await.unwrap().is_none(), "a refused append made an instance");
    j.append(step(&a, 0, "x")).await.unwrap();
    let error = refused(j.append(step(&a, 0, "again")).await, "Conflict");
    assert!(error.to_string().contains("sequence 1"), "{error}");
    refused(j.append(step(&a, 2, "gap")).await, "Conflict");
    refused(j.append(Append { live: false, wake_ms: Some(5), ..step(&a, 9, "") }).await, "Conflict");
    assert_eq!(texts(&j.read(&a).await.unwrap()), [(1, "x".into())]);
    let info = j.info(&a).await.unwrap().unwrap();
    assert!(info.live && info.wake_ms.is_none());
}

async fn later_generations_fence(j: &dyn Journal) {
    let a = id("a");
    j.append(Append { generation: 3, ..step(&a, 0, "x") }).await.unwrap();
    refused(j.append(Append { generation: 2, ..step(&a, 1, "old") }).await, "Fenced");
    // Fencing is looked at before the sequence.
    refused(j.append(Append { generation: 2, ..step(&a, 0, "old") }).await, "Fenced");
    // A higher generation whose sequence does not fit takes nothing over.
    refused(j.append(Append { generation: 9, ..step(&a, 5, "far") }).await, "Conflict");
    j.append(Append { generation: 3, ..step(&a, 1, "y") }).await.unwrap();
    // Taking over without a record.
    assert_eq!(j.append(Append { generation: 4, ..step(&a, 2, "") }).await.unwrap(), 2);
    refused(j.append(Append { generation: 3, ..step(&a, 2, "late") }).await, "Fenced");
    assert_eq!(j.append(Append { generation: 4, ..step(&a, 2, "z") }).await.unwrap(), 3);
    assert_eq!(texts(&j.read(&a).await.unwrap()).len(), 3);
}

async fn marks_without_record(j: &dyn Journal) {
    let a = id("a");
    assert_eq!(j.append(Append { wake_ms: Some(7), ..step(&a, 0, "") }).await.unwrap(), 0);
    let info = j.info(&a).await.unwrap().unwrap();
    assert_eq!((info.last_seq, info.tail, info.live, info.wake_ms), (0, 0, true, Some(7)));
    j.append(step(&a, 0, "x")).await.unwrap();
    assert_eq!(j.info(&a).await.unwrap().unwrap().wake_ms, None);
    assert_eq!(j.append(Append { live: false, ..step(&a, 1, "") }).await.unwrap(), 1);
    let info = j.info(&a).await.unwrap().unwrap();
    assert_eq!((info.last_seq, info.live), (1, false));
    assert_eq!(texts(&j.read(&a).await.unwrap()), [(1, "x".into())]);
}

async fn snapshots_replace_records(j: &dyn Journal) {
    let a = id("a");
    for after in 0..4 {
        j.append(step(&a, after, "r")).await.unwrap();
    }
    j.append(Append { snapshot: Some(b"five".to_vec()), format: 2, ..step(&a, 4, "r") }).await.unwrap();
    let replay = j.read(&a).await.unwrap();
    assert_eq!(replay.snapshot, Some((5, 2, b"five".to_vec())));
    assert!(replay.records.is_empty());
    j.append(step(&a, 5, "s")).await.unwrap();
    let replay = j.read(&a).await.unwrap();
    assert_eq!(replay.snapshot.as_ref().unwrap().0, 5);
    assert_eq!(texts(&replay), [(6, "s".into())]);
    assert_eq!(j.info(&a).await.unwrap().unwrap().tail, 1);
    // A snapshot without a record covers the last one.
    assert_eq!(j.append(Append { snapshot: Some(b"six".to_vec()), ..step(&a, 6, "") }).await.unwrap(), 6);
    let replay = j.read(&a).await.unwrap();
    assert_eq!(replay.snapshot, Some((6, 1, b"six".to_vec())));
    assert!(replay.records.is_empty());
    assert_eq!(j.append(step(&a, 6, "t")).await.unwrap(), 7);
    // An empty snapshot is a snapshot.
    j.append(Append { snapshot: Some(Vec::new()), ..step(&a, 7, "u") }).await.unwrap();
    assert_eq!(j.read(&a).await.unwrap().snapshot, Some((8, 1, Vec::new())));
}

async fn following(j: &dyn Journal) {
    let a = id("a");
    assert!(j.read_from(&a, 1, 10).await.unwrap().is_empty());
    for after in 0..5 {
        j.append(step(&a, after, &format!("r{}", after + 1))).await.unwrap();
    }
    let seqs = |records: Vec<crate::journal::Record>| records.iter().map(|r| r.seq).collect::<Vec<_>>();
    assert_eq!(seqs(j.read_from(&a, 0, 2).await.unwrap()), [1, 2]);
    assert_eq!(seqs(j.read_from(&a, 3, 2).await.unwrap()), [3, 4]);
    assert_eq!(seqs(j.read_from(&a, 5, 2).await.unwrap()), [5]);
    assert!(j.read_from(&a, 6, 2).await.unwrap().is_empty());
    j.append(Append { snapshot: Some(vec![0]), ..step(&a, 5, "") }).await.unwrap();
    refused(j.read_from(&a, 5, 2).await, "Expired");
    refused(j.read_from(&a, 0, 2).await, "Expired");
    assert!(j.read_from(&a, 6, 2).await.unwrap().is_empty());
}

async fn live_ones_only(j: &dyn Journal) {
    for i in 0..40 {
        let a = id(&format!("i{i:02}"));
        j.append(Append { wake_ms: Some(i), ..step(&a, 0, "x") }).await.unwrap();
        if i % 2 == 0 {
            j.append(Append { live: false, ..step(&a, 1, "end") }).await.unwrap();
        }
    }
    let other = InstanceId { engine: "cron", id: "c".into() };
    j.append(step(&other, 0, "x")).await.unwrap();
    let live: Vec<_> = j.live("workflow").await.unwrap().try_collect().await.unwrap();
    let ids: Vec<_> = live.iter().map(|i| i.instance.id.to_string()).collect();
    let want: Vec<_> = (0..40).filter(|i| i % 2 == 1).map(|i| format!("i{i:02}")).collect();
    assert_eq!(ids, want);
    assert!(live.iter().all(|i| i.live && i.last_seq == 1 && i.tail == 1));
    assert_eq!(live[0].wake_ms, Some(1));
    // A finished one can live again.
    j.append(step(&id("i00"), 2, "retry")).await.unwrap();
    let live: Vec<_> = j.live("workflow").await.unwrap().try_collect().await.unwrap();
    assert_eq!(live.len(), 21);
    assert!(j.live("none").await.unwrap().try_collect::<Vec<_>>().await.unwrap().is_empty());
}

async fn deleting(j: &dyn Journal) {
    let (a, b) = (id("a"), id("b"));
    j.delete(&a).await.unwrap();
    j.append(Append { generation: 7, snapshot: Some(vec![1]), ..step(&a, 0, "x") }).await.unwrap();
    j.append(Append { generation: 7, ..step(&a, 1, "y") }).await.unwrap();
    j.append(step(&b, 0, "x")).await.unwrap();
    j.delete(&a).await.unwrap();
    assert!(j.info(&a).await.unwrap().is_none());
    let replay = j.read(&a).await.unwrap();
    assert!(replay.records.is_empty() && replay.snapshot.is_none());
    assert_eq!(j.live("workflow").await.unwrap().try_collect::<Vec<_>>().await.unwrap().len(), 1);
    // It begins anew.
    refused(j.append(step(&a, 2, "z")).await, "Conflict");
    assert_eq!(j.append(step(&a, 0, "x")).await.unwrap(), 1);
    assert_eq!(texts(&j.read(&b).await.unwrap()), [(1, "x".into())]);
}

async fn instances_are_apart(j: &dyn Journal) {
    let a = InstanceId { engine: "workflow", id: "x".into() };
    let b = InstanceId { engine: "limiter", id: "x".into() };
    j.append(step(&a, 0, "a")).await.unwrap();
    j.append(step(&b, 0, "b")).await.unwrap();
    assert_eq!(texts(&j.read(&a).await.unwrap()), [(1, "a".into())]);
    assert_eq!(texts(&j.read(&b).await.unwrap()), [(1, "b".into())]);
}

async fn bytes_are_kept(j: &dyn Journal) {
    let a = id("ü/ %\u{1f980}");
    let all: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    j.append(Append { payload: all.clone(), format: u16::MAX, wake_ms: Some(i64::MIN), ..step(&a, 0, "") })
        .await
        .unwrap();
    let replay = j.read(&a).await.unwrap();
    assert_eq!((replay.records[0].payload.as_slice(), replay.records[0].format), (all.as_slice(), u16::MAX));
    assert_eq!(j.info(&a).await.unwrap().unwrap().wake_ms, Some(i64::MIN));
}

async fn racing_appends(j: Arc<dyn Journal>) {
    let tasks: Vec<_> = (0..16)
        .map(|n| {
            let j = j.clone();
            tokio::spawn(async move {
                let (shared, own) = (id("shared"), id(&format!("own{n}")));
                let mut won = 0;
                for after in 0..20 {
                    assert_eq!(j.append(step(&own, after, "o")).await.unwrap(), after + 1);
                    won += u64::from(j.append(step(&shared, after, "s")).await.is_ok());
                }
                won
            })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        won += task.await.unwrap();
    }
    let records = j.read(&id("shared")).await.unwrap().records;
    assert_eq!(records.len() as u64, won, "each acknowledged append is one record");
    assert!(records.iter().zip(1..).all(|(r, n)| r.seq == n));
}

async fn limits(j: &dyn Journal) {
    let a = id("a");
    let error = refused(j.append(step(&a, 0, "123456789")).await, "TooLarge");
    assert!(error.to_string().contains("record_bytes_max"), "{error}");
    refused(j.append(Append { snapshot: Some(vec![0; 9]), ..step(&a, 0, "x") }).await, "TooLarge");
    refused(j.append(step(&id("123456789"), 0, "x")).await, "TooLarge");
    assert!(j.info(&a).await.unwrap().is_none());
    for after in 0..5 {
        j.append(step(&a, after, "12345678")).await.unwrap();
    }
    assert_eq!(j.read_from(&a, 1, 100).await.unwrap().len(), 3, "page_max bounds a read");
}
