use super::*;
use crate::conformance::refused;

pub(super) async fn create_fills_metadata(s: &ObjectsSubject) {
    let before = s.store.revision().await.unwrap();
    let mut given = labelled(s.object("a"), &[("x", "1")]);
    given.metadata.annotations.insert("note".into(), "n".into());
    given.metadata.generation = 77;
    given.status = Some(raw(r#"{"phase":"Forged"}"#));
    let made = s.create(given).await;
    let meta = &made.metadata;
    assert!(!meta.uid.is_empty() && revision(&made) > before);
    assert!(meta.creation_timestamp.is_some() && meta.deletion_timestamp.is_none());
    assert_eq!(meta.generation, 1);
    assert_eq!((meta.labels["x"].as_str(), meta.annotations["note"].as_str()), ("1", "n"));
    assert!(made.status.is_none(), "the status is a subresource");
    assert_eq!(made.body_field("spec").unwrap().get(), r#"{"a":1}"#);
    assert!(*s.get("a").await.unwrap() == *made);
    assert!(s.store.revision().await.unwrap() >= revision(&made));
    let other = s.named("b").await;
    assert_ne!(other.metadata.uid, made.metadata.uid);
    if s.promises.own_semantics {
        let given = changed(&s.object("c"), |o| o.metadata.uid = "3f2c0000-0000-4000-8000-000000000001".into());
        assert_eq!(s.create(given).await.metadata.uid, "3f2c0000-0000-4000-8000-000000000001");
    }
    refused(s.get("nothing").await, "NotFound");
}

pub(super) async fn create_refuses(s: &ObjectsSubject) {
    s.named("a").await;
    let error = refused(s.store.create(s.object("a")).await, "AlreadyExists");
    assert!(error.to_string().contains("/a "), "{error}");
    let revision = s.store.revision().await.unwrap();
    refused(s.store.create(s.object("")).await, "Invalid");
    refused(s.store.create(changed(&s.object("b"), |o| o.metadata.resource_version = "1".into())).await, "Invalid");
    for name in ["a/b", "..", "a%b", "a\nb", &"x".repeat(254)] {
        refused(s.store.create(s.object(name)).await, "Invalid");
    }
    let mut no_uid = owned_by(s.object("b"), &s.object("a"));
    no_uid.metadata.owner_references[0].uid.clear();
    refused(s.store.create(no_uid).await, "Invalid");
    if s.promises.own_semantics {
        refused(s.store.create(changed(&s.object("b"), |o| o.kind.clear())).await, "Invalid");
        assert_eq!(s.store.revision().await.unwrap(), revision, "a refusal is no commit");
    }
    assert_eq!(s.selected(s.selector()).await, ["a"]);
}

pub(super) async fn generate_name(s: &ObjectsSubject) {
    let given = changed(&s.object(""), |o| o.metadata.generate_name = "run-".into());
    let (a, b) = (s.create(given.clone()).await, s.create(given.clone()).await);
    for made in [&a, &b] {
        let name = &made.metadata.name;
        assert!(name.starts_with("run-") && name.len() == 9, "{name}");
        assert!(name[4..].chars().all(|c| "bcdfghjklmnpqrstvwxz2456789".contains(c)), "{name}");
        assert_eq!(made.metadata.generate_name, "run-");
    }
    assert_ne!(a.metadata.name, b.metadata.name);
    let named = changed(&given, |o| o.metadata.name = "mine".into());
    assert_eq!(s.create(named).await.metadata.name, "mine", "a name wins over generateName");
    let long = changed(&given, |o| o.metadata.generate_name = "x".repeat(80));
    assert_eq!(s.create(long).await.metadata.name.len(), 63);
}

pub(super) async fn update_replaces(s: &ObjectsSubject) {
    let made = s.create(labelled(s.object("a"), &[("x", "1"), ("y", "2")])).await;
    s.set_status("a", r#"{"phase":"Running"}"#).await;
    s.tick();
    let mut next = labelled(s.object("a"), &[("x", "3")]);
    next.metadata.annotations.insert("n".into(), "v".into());
    next.body = raw(r#"{"spec":{"b":2}}"#).into();
    next.status = Some(raw(r#"{"phase":"Forged"}"#));
    next.metadata.generation = 50;
    let updated = s.update(next).await.unwrap();
    let (was, is) = (&made.metadata, &updated.metadata);
    assert_eq!((&is.uid, is.creation_timestamp), (&was.uid, was.creation_timestamp));
    assert!(!is.labels.contains_key("y") && is.labels["x"] == "3" && is.annotations["n"] == "v");
    assert_eq!(is.generation, 2);
    assert_eq!(updated.body_field("spec").unwrap().get(), r#"{"b":2}"#);
    assert_eq!(updated.status.as_ref().unwrap().get(), r#"{"phase":"Running"}"#, "the status stays");
    assert!(revision(&updated) > revision(&made));
    assert!(*s.get("a").await.unwrap() == *updated);
    refused(s.update(s.object("nothing")).await, "NotFound");
    let stranger = changed(&updated, |o| o.metadata.uid = "3f2c0000-0000-4000-8000-000000000009".into());
    refused(s.update(stranger).await, "Conflict");
}

pub(super) async fn no_op_updates(s: &ObjectsSubject) {
    let mut given = labelled(s.object_of(&s.kind, 0, "a", r#"{"a":1,"b":[1,2]}"#), &[("x", "1")]);
    let made = s.create(given.clone()).await;
    s.tick();
    let same = s.update(Object::clone(&made)).await.unwrap();
    assert_eq!(revision(&same), revision(&made));
    given.body = raw(" { \"spec\" : { \"b\" : [1, 2], \"a\" : 1 } } ").into();
    let same = s.update(given).await.unwrap();
    assert_eq!(
        (revision(&same), same.metadata.generation),
        (revision(&made), 1),
        "white space and the order of keys are no change"
    );
    let running = s.set_status("a", r#"{"phase":"Running","n":1}"#).await;
    assert!(revision(&running) > revision(&made));
    let again = s.set_status("a", r#"{"n": 1, "phase": "Running"}"#).await;
    assert_eq!(revision(&again), revision(&running));
    if s.promises.exact_revisions {
        assert_eq!(s.store.revision().await.unwrap(), revision(&running));
    }
    let reordered = s.object_of(&s.kind, 0, "a", r#"{"a":1,"b":[2,1]}"#);
    assert_eq!(
        s.update(labelled(reordered, &[("x", "1")])).await.unwrap().metadata.generation,
        2,
        "the order of a list is"
    );
}

pub(super) async fn compare_and_set(s: &ObjectsSubject) {
    let first = s.named("a").await;
    let at = |o: &Object| Precondition { resource_version: Some(revision(o)), uid: None };
    let second = s.store.update(labelled(s.object("a"), &[("n", "1")]), at(&first)).await.unwrap();
    let error = refused(s.store.update(labelled(s.object("a"), &[("n", "2")]), at(&first)).await, "Conflict");
    if s.promises.own_semantics {
        assert!(error.to_string().contains(&second.metadata.resource_version), "{error}");
    }
    assert_eq!(s.get("a").await.unwrap().metadata.labels["n"], "1");
    let stale = StatusUpdate { precondition: at(&first), ..status(r#"{"phase":"X"}"#) };
    refused(s.store.update_status(&s.key("a"), stale).await, "Conflict");
    let fresh = StatusUpdate { precondition: at(&second), ..status(r#"{"phase":"X"}"#) };
    s.store.update_status(&s.key("a"), fresh).await.unwrap();
    // Even an update that would change nothing is refused.
    refused(s.store.update(Object::clone(&second), at(&second)).await, "Conflict");
    let other = Precondition { resource_version: None, uid: Some("3f2c0000-0000-4000-8000-000000000009".into()) };
    refused(s.store.update(s.object("a"), other).await, "Conflict");
    let same = Precondition { resource_version: None, uid: Some(first.metadata.uid.clone()) };
    let last = s.store.update(labelled(s.object("a"), &[("n", "3")]), same).await.unwrap();
    // Without a precondition the last writer wins, whatever its object says.
    let stale = changed(&first, |o| o.metadata.annotations.insert("w".into(), "1".into()).map_or((), drop));
    let won = s.update(stale).await.unwrap();
    assert!(revision(&won) > revision(&last) && won.metadata.labels.is_empty());
}

pub(super) async fn generations(s: &ObjectsSubject) {
    s.named("a").await;
    let steps: [(Object, i64); 4] = [
        (labelled(s.object("a"), &[("x", "1")]), 1),
        (s.object_of(&s.kind, 0, "a", r#"{"a":2}"#), 2),
        (finalized(s.object_of(&s.kind, 0, "a", r#"{"a":2}"#), &["example.com/f"]), 2),
        (s.object_of(&s.kind, 0, "a", r#"{"a":3}"#), 3),
    ];
    for (object, want) in steps {
        assert_eq!(s.update(object).await.unwrap().metadata.generation, want);
    }
    assert_eq!(s.set_status("a", r#"{"phase":"Running"}"#).await.metadata.generation, 3);
}

pub(super) async fn status_apart(s: &ObjectsSubject) {
    let made = s.named("a").await;
    let running = s.set_status("a", r#"{"phase":"Running","message":"m"}"#).await;
    assert_eq!(running.body.get(), made.body.get());
    assert_eq!(running.metadata.uid, made.metadata.uid);
    // A server may order the keys in its own way.
    let want = raw(r#"{"phase":"Running","message":"m"}"#);
    assert!(crate::codec::same_json(running.status.as_ref().unwrap(), &want), "{running:?}");
    let replaced = s.set_status("a", r#"{"phase":"Failed"}"#).await;
    assert_eq!(replaced.status.as_ref().unwrap().get(), r#"{"phase":"Failed"}"#, "replaced, not merged");
    refused(s.store.update_status(&s.key("nothing"), status("{}")).await, "NotFound");
    for wrong in ["7", "[]", "\"x\""] {
        refused(s.store.update_status(&s.key("a"), status(wrong)).await, "Invalid");
    }
    if s.promises.own_semantics {
        assert!(s.set_status("a", "null").await.status.is_none());
    }
}

pub(super) async fn status_sets_labels(s: &ObjectsSubject) {
    s.create(labelled(s.object("a"), &[("keep", "1"), ("go", "1")])).await;
    let set = |name: &str, value: &str| (name.to_owned(), Some(value.to_owned()));
    let update = StatusUpdate {
        labels: vec![set("phase", "Running"), ("go".into(), None), ("never".into(), None)],
        annotations: vec![set("note", "n")],
        ..status(r#"{"phase":"Running"}"#)
    };
    let done = s.store.update_status(&s.key("a"), update.clone()).await.unwrap();
    let labels: Vec<_> = done.metadata.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(labels, ["keep=1", "phase=Running"]);
    assert_eq!((done.metadata.annotations["note"].as_str(), done.metadata.generation), ("n", 1));
    let again = s.store.update_status(&s.key("a"), update).await.unwrap();
    assert_eq!(revision(&again), revision(&done));
    let label = |key: &str, value: &str| Selector {
        labels: vec![crate::objects::LabelRequirement::In(key.into(), vec![value.into()])],
        ..s.selector()
    };
    assert_eq!(s.selected(label("phase", "Running")).await, ["a"]);
    assert!(s.selected(label("go", "1")).await.is_empty());
    // Labels alone, with the same status.
    let only = StatusUpdate { labels: vec![set("keep", "2")], ..status(r#"{"phase":"Running"}"#) };
    assert!(revision(&s.store.update_status(&s.key("a"), only).await.unwrap()) > revision(&done));
    assert_eq!(s.selected(label("keep", "2")).await, ["a"]);
}

pub(super) async fn namespaces_and_kinds_are_apart(s: &ObjectsSubject) {
    let a = s.named("same").await;
    let b = s.create(s.object_of(&s.kind, 1, "same", "{}")).await;
    let c = s.create(s.object_of(&s.other_kind, 0, "same", "{}")).await;
    for made in [&a, &b, &c] {
        assert_eq!(s.store.get(&Key::of(made)).await.unwrap().metadata.uid, made.metadata.uid);
    }
    s.delete("same", Propagation::Background).await.unwrap();
    refused(s.get("same").await, "NotFound");
    assert_eq!(s.store.get(&Key::of(&b)).await.unwrap().metadata.uid, b.metadata.uid);
    assert_eq!(s.store.get(&Key::of(&c)).await.unwrap().metadata.uid, c.metadata.uid);
}

pub(super) async fn racing_compare_and_set(s: &ObjectsSubject) {
    s.create(s.object_of(&s.kind, 0, "counter", r#"{"n":0}"#)).await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (store, key) = (s.store.clone(), s.key("counter"));
            tokio::spawn(async move {
                let mut done = 0;
                while done < 10 {
                    let seen = store.get(&key).await.unwrap();
                    let spec: serde_json::Value = serde_json::from_str(seen.body.get()).unwrap();
                    let n = spec["spec"]["n"].as_u64().unwrap() + 1;
                    let next = changed(&seen, |o| o.body = raw(&format!(r#"{{"spec":{{"n":{n}}}}}"#)).into());
                    let at = Precondition { resource_version: Some(revision(&seen)), uid: None };
                    match store.update(next, at).await {
                        Ok(_) => done += 1,
                        Err(error) => assert_eq!(error.code(), "Conflict", "{error}"),
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let end = s.get("counter").await.unwrap();
    assert_eq!(end.body_field("spec").unwrap().get(), r#"{"n":80}"#, "no update was lost");
    assert_eq!(end.metadata.generation, 81);
}

pub(super) async fn bytes_are_kept(s: &ObjectsSubject) {
    let text = "\u{1f980} ü \\\" \\u0000 </script> {{=x}} ".repeat(2000);
    // A server may write a number in its own way.
    let number = if s.promises.own_semantics { "1e3" } else { "1000" };
    let spec = format!(r#"{{"big":"{text}","f":1.50,"e":{number},"deep":[[[[]]]],"n":null}}"#);
    let given = s.object_of(&s.kind, 0, "a", &spec);
    let made = s.create(given).await;
    let read = s.get("a").await.unwrap();
    let value = |o: &Object| serde_json::from_str::<serde_json::Value>(o.body.get()).unwrap();
    assert_eq!(value(&read), serde_json::from_str::<serde_json::Value>(&format!(r#"{{"spec":{spec}}}"#)).unwrap());
    if s.promises.own_semantics {
        assert_eq!(read.body.get(), made.body.get());
        assert!(read.body.get().contains("1.50") && read.body.get().contains("1e3"), "numbers as they were written");
    }
}

pub(super) async fn revisions_grow(s: &ObjectsSubject) {
    let mut last = s.store.revision().await.unwrap();
    for i in 0..5 {
        let made = s.named(&format!("o{i}")).await;
        let next = revision(&made);
        if s.promises.exact_revisions {
            assert_eq!(next, last + 1);
        }
        assert!(next > last && s.store.revision().await.unwrap() >= next, "visible once it is acknowledged");
        last = next;
    }
}
