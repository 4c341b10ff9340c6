use super::*;
use crate::conformance::refused;

fn last(deleted: &Deleted) -> &Arc<Object> {
    match deleted {
        Deleted::Gone(object) | Deleted::Waiting(object) => object,
    }
}

#[track_caller]
fn is_gone(deleted: &Deleted) {
    assert!(matches!(deleted, Deleted::Gone(_)), "{deleted:?}");
}

#[track_caller]
fn is_waiting(deleted: &Deleted) {
    assert!(matches!(deleted, Deleted::Waiting(_)), "{deleted:?}");
}

pub(super) async fn delete_answers_last_state(s: &ObjectsSubject) {
    s.create(labelled(s.object("a"), &[("x", "1")])).await;
    let running = s.set_status("a", r#"{"phase":"Running"}"#).await;
    let deleted = s.delete("a", Propagation::Background).await.unwrap();
    is_gone(&deleted);
    let end = last(&deleted);
    assert_eq!((end.metadata.labels["x"].as_str(), &end.metadata.uid), ("1", &running.metadata.uid));
    assert_eq!(end.status.as_ref().unwrap().get(), r#"{"phase":"Running"}"#);
    if s.promises.own_semantics {
        assert!(revision(end) > revision(&running), "with the revision of the deletion");
    }
    refused(s.get("a").await, "NotFound");
    refused(s.delete("a", Propagation::Background).await, "NotFound");
    assert!(s.selected(s.selector()).await.is_empty());
}

pub(super) async fn preconditions(s: &ObjectsSubject) {
    let made = s.named("a").await;
    let with = |precondition| DeleteOptions { precondition, ..DeleteOptions::default() };
    let uid = |uid: &str| Precondition { uid: Some(uid.into()), resource_version: None };
    let at = |r| Precondition { uid: None, resource_version: Some(r) };
    refused(s.store.delete(&s.key("a"), with(uid("3f2c0000-0000-4000-8000-000000000009"))).await, "Conflict");
    let newer = s.set_status("a", "{\"phase\":\"Running\"}").await;
    refused(s.store.delete(&s.key("a"), with(at(revision(&made)))).await, "Conflict");
    s.get("a").await.unwrap();
    let both = Precondition { uid: Some(made.metadata.uid.clone()), resource_version: Some(revision(&newer)) };
    s.store.delete(&s.key("a"), with(both)).await.unwrap();
    // The old uid does not mean the new object of the same name.
    let again = s.named("a").await;
    assert_ne!(again.metadata.uid, made.metadata.uid);
    refused(s.store.delete(&s.key("a"), with(uid(&made.metadata.uid))).await, "Conflict");
}

pub(super) async fn finalizers_hold(s: &ObjectsSubject) {
    let made = s.create(finalized(s.object("a"), &["example.com/one", "example.com/two"])).await;
    assert_eq!(made.metadata.finalizers.len(), 2);
    s.tick();
    let deleted = s.delete("a", Propagation::Background).await.unwrap();
    is_waiting(&deleted);
    let waiting = last(&deleted);
    assert!(waiting.metadata.deletion_timestamp.is_some() && revision(waiting) > revision(&made));
    assert_eq!(waiting.metadata.generation, 2, "deletion begins a generation");
    s.tick();
    let again = s.delete("a", Propagation::Background).await.unwrap();
    is_waiting(&again);
    assert_eq!(revision(last(&again)), revision(waiting), "deleting again changes nothing");
    assert_eq!(last(&again).metadata.deletion_timestamp, waiting.metadata.deletion_timestamp);
    let more = finalized(s.object("a"), &["example.com/one", "example.com/two", "example.com/three"]);
    refused(s.update(more).await, "Invalid");
    // It can still be changed, and its deletion is not undone by that.
    let edited = finalized(labelled(s.object("a"), &[("l", "1")]), &["example.com/one", "example.com/two"]);
    let edited = s.update(edited).await.unwrap();
    assert_eq!(edited.metadata.deletion_timestamp, waiting.metadata.deletion_timestamp);
    assert!(s.set_status("a", r#"{"phase":"Failed"}"#).await.metadata.deletion_timestamp.is_some());
    let error = refused(s.store.create(s.object("a")).await, "AlreadyExists");
    if s.promises.own_semantics {
        assert!(error.to_string().contains("being deleted"), "{error}");
    }
}

pub(super) async fn last_finalizer(s: &ObjectsSubject) {
    s.create(finalized(s.object("a"), &["example.com/one", "example.com/two"])).await;
    s.delete("a", Propagation::Background).await.unwrap();
    let one = s.update(finalized(s.object("a"), &["example.com/two"])).await.unwrap();
    assert_eq!(one.metadata.finalizers, ["example.com/two"]);
    s.get("a").await.unwrap();
    let end = s.update(s.object("a")).await.unwrap();
    assert!(end.metadata.finalizers.is_empty() && end.metadata.uid == one.metadata.uid);
    refused(s.get("a").await, "NotFound");
    // Without deletion, removing them keeps the object.
    s.create(finalized(s.object("b"), &["example.com/one"])).await;
    s.update(s.object("b")).await.unwrap();
    s.get("b").await.unwrap();
    is_gone(&s.delete("b", Propagation::Background).await.unwrap());
}

pub(super) async fn again_after(s: &ObjectsSubject) {
    let first = s.create(labelled(s.object("a"), &[("x", "1")])).await;
    s.set_status("a", r#"{"phase":"Running"}"#).await;
    s.delete("a", Propagation::Background).await.unwrap();
    let second = s.named("a").await;
    assert_ne!(first.metadata.uid, second.metadata.uid);
    assert!(second.status.is_none() && second.metadata.labels.is_empty() && second.metadata.generation == 1);
    assert_eq!(s.selected(s.selector()).await, ["a"]);
    let running = Selector { phases: vec!["Running".into()], ..s.selector() };
    if s.promises.own_semantics {
        assert!(s.selected(running).await.is_empty(), "nothing is left in an index");
    }
}
