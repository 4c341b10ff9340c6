use std::collections::BTreeMap;

use futures::StreamExt;

use super::*;
use crate::conformance::{DEADLINE, refused};
use crate::objects::{LabelRequirement, WatchEvent, WatchStream};

/// The next message that is no bookmark.
pub(super) async fn next(watch: &mut WatchStream) -> WatchEvent {
    loop {
        match message(watch).await {
            WatchEvent::Bookmark(_) => {}
            event => return event,
        }
    }
}

pub(super) async fn message(watch: &mut WatchStream) -> WatchEvent {
    let next = tokio::time::timeout(DEADLINE, watch.next()).await.expect("the watch says something in time");
    next.expect("the watch goes on").expect("the watch does not fail")
}

/// As text: `+a` added, `~a` modified, `-a` deleted.
pub(super) fn said(event: &WatchEvent) -> String {
    match event {
        WatchEvent::Added(o) => format!("+{}", o.metadata.name),
        WatchEvent::Modified(o) => format!("~{}", o.metadata.name),
        WatchEvent::Deleted(o) => format!("-{}", o.metadata.name),
        WatchEvent::Bookmark(_) => "bookmark".into(),
    }
}

pub(super) async fn says(watch: &mut WatchStream, want: &[&str]) {
    for (i, want) in want.iter().enumerate() {
        let event = next(watch).await;
        assert_eq!(said(&event), *want, "message {i}: {event:?}");
    }
}

fn label(key: &str, value: &str) -> LabelRequirement {
    LabelRequirement::In(key.into(), vec![value.into()])
}

pub(super) async fn initial_list(s: &ObjectsSubject) {
    for name in ["a", "b", "c"] {
        s.named(name).await;
    }
    s.create(s.object_of(&s.kind, 1, "elsewhere", "{}")).await;
    let mut watch = s.store.watch(&s.selector(), None).await.unwrap();
    let mut first: Vec<_> = Vec::new();
    for _ in 0..3 {
        first.push(said(&message(&mut watch).await));
    }
    first.sort();
    assert_eq!(first, ["+a", "+b", "+c"]);
    let WatchEvent::Bookmark(at) = message(&mut watch).await else { panic!("a bookmark ends the initial list") };
    assert!(at >= revision(&s.get("c").await.unwrap()));
    s.named("d").await;
    s.set_status("d", r#"{"phase":"Running"}"#).await;
    says(&mut watch, &["+d", "~d"]).await;
    let mut empty = s.store.watch(&Selector { name: Some("nothing".into()), ..s.selector() }, None).await.unwrap();
    assert!(matches!(message(&mut empty).await, WatchEvent::Bookmark(_)));
}

pub(super) async fn resume(s: &ObjectsSubject) {
    let a = s.named("a").await;
    let b = s.named("b").await;
    s.update(labelled(s.object("a"), &[("x", "1")])).await.unwrap();
    s.delete("b", Propagation::Background).await.unwrap();
    let mut watch = s.store.watch(&s.selector(), Some(revision(&a))).await.unwrap();
    says(&mut watch, &["+b", "~a", "-b"]).await;
    let mut watch = s.store.watch(&s.selector(), Some(revision(&b))).await.unwrap();
    let event = next(&mut watch).await;
    let WatchEvent::Modified(now) = &event else { panic!("{event:?}") };
    assert_eq!(now.metadata.labels["x"], "1");
    let event = next(&mut watch).await;
    let WatchEvent::Deleted(gone) = &event else { panic!("{event:?}") };
    assert_eq!(gone.metadata.uid, b.metadata.uid);
    // The deletion's own revision resumes behind it.
    let mut watch = s.store.watch(&s.selector(), Some(revision(gone))).await.unwrap();
    s.named("c").await;
    says(&mut watch, &["+c"]).await;
}

pub(super) async fn leaving_the_selector(s: &ObjectsSubject) {
    s.create(labelled(s.object("a"), &[("app", "x")])).await;
    s.named("b").await;
    let selector = Selector { labels: vec![label("app", "x")], ..s.selector() };
    let mut watch = s.store.watch(&selector, None).await.unwrap();
    says(&mut watch, &["+a"]).await;
    s.update(labelled(s.object("b"), &[("app", "y")])).await.unwrap();
    s.update(labelled(s.object("b"), &[("app", "x")])).await.unwrap();
    let left = s.update(labelled(s.object("a"), &[("app", "y")])).await.unwrap();
    s.delete("a", Propagation::Background).await.unwrap();
    s.delete("b", Propagation::Background).await.unwrap();
    says(&mut watch, &["+b"]).await;
    let event = next(&mut watch).await;
    let WatchEvent::Deleted(last) = &event else { panic!("an object that leaves is deleted: {event:?}") };
    assert_eq!(last.metadata.labels["app"], "x", "the last state that the selector showed");
    assert_eq!(revision(last), revision(&left), "under the revision at which it left");
    says(&mut watch, &["-b"]).await;
    if !s.promises.own_semantics {
        return;
    }
    // The same by phase.
    s.named("c").await;
    let running = Selector { phases: vec!["Running".into()], ..s.selector() };
    let mut watch = s.store.watch(&running, None).await.unwrap();
    assert!(matches!(message(&mut watch).await, WatchEvent::Bookmark(_)));
    for phase in ["Pending", "Running", "Running\",\"n\":\"1", "Succeeded"] {
        s.set_status("c", &format!(r#"{{"phase":"{phase}"}}"#)).await;
    }
    says(&mut watch, &["+c", "~c", "-c"]).await;
}

pub(super) async fn deletions(s: &ObjectsSubject) {
    let owner = s.create(finalized(s.object("owner"), &["example.com/f"])).await;
    s.create(owned_by(s.object("a"), &owner)).await;
    let mut watch = s.store.watch(&s.selector(), None).await.unwrap();
    says(&mut watch, &["+a", "+owner"]).await;
    s.delete("owner", Propagation::Background).await.unwrap();
    let event = next(&mut watch).await;
    let WatchEvent::Modified(marked) = &event else { panic!("{event:?}") };
    assert!(marked.metadata.deletion_timestamp.is_some());
    s.update(s.object("owner")).await.unwrap();
    says(&mut watch, &["-owner"]).await;
    let event = next(&mut watch).await;
    assert_eq!(said(&event), "-a");
}

pub(super) async fn list_then_watch(s: &ObjectsSubject) {
    for i in 0..7 {
        s.named(&format!("o{i}")).await;
    }
    let mut query = ListQuery { limit: Some(3), ..s.query() };
    let mut view = BTreeMap::new();
    let mut start = None;
    let mut round = 0;
    loop {
        let page = s.list(&query).await;
        start.get_or_insert(page.revision);
        for object in page.items {
            view.insert(object.metadata.name.clone(), object);
        }
        s.named(&format!("n{round}")).await;
        s.delete(&format!("o{round}"), Propagation::Background).await.unwrap();
        s.set_status("o6", &format!(r#"{{"round":{round}}}"#)).await;
        round += 1;
        match page.continue_token {
            Some(token) => query.continue_token = Some(token),
            None => break,
        }
    }
    let end = s.named("end").await;
    let mut watch = s.store.watch(&s.selector(), start).await.unwrap();
    loop {
        match next(&mut watch).await {
            WatchEvent::Deleted(o) => drop(view.remove(&o.metadata.name)),
            WatchEvent::Added(o) | WatchEvent::Modified(o) => {
                let done = o.metadata.uid == end.metadata.uid;
                view.insert(o.metadata.name.clone(), o);
                if done {
                    break;
                }
            }
            WatchEvent::Bookmark(_) => {}
        }
    }
    let truth = s.list(&s.query()).await.items;
    assert_eq!(
        view.keys().cloned().collect::<Vec<_>>(),
        truth.iter().map(|o| o.metadata.name.clone()).collect::<Vec<_>>()
    );
    for object in truth {
        assert_eq!(view[&object.metadata.name].metadata.resource_version, object.metadata.resource_version);
    }
}

pub(super) async fn future_revision(s: &ObjectsSubject) {
    if s.promises.own_semantics {
        let now = s.store.revision().await.unwrap();
        refused(s.store.watch(&s.selector(), Some(now + 1000)).await.map(|_| ()), "Expired");
        drop(s.store.watch(&s.selector(), Some(now)).await.unwrap());
    }
}

/// Many writers; a watcher from the start sees every acknowledged change of each object, in order, and ends with the truth.
pub(super) async fn under_load(s: &ObjectsSubject) {
    let mut watch = s.store.watch(&s.selector(), None).await.unwrap();
    let writers: Vec<_> = (0..6)
        .map(|w| {
            let (store, object, key) = (s.store.clone(), s.object(&format!("w{w}")), s.key(&format!("w{w}")));
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for round in 0..15 {
                    acknowledged.push(revision(&store.create(object.clone()).await.unwrap()));
                    acknowledged.push(revision(
                        &store.update_status(&key, status(&format!(r#"{{"n":{round}}}"#))).await.unwrap(),
                    ));
                    match store.delete(&key, DeleteOptions::default()).await.unwrap() {
                        Deleted::Gone(last) => acknowledged.push(revision(&last)),
                        waiting => panic!("{waiting:?}"),
                    }
                }
                (key.name.to_string(), acknowledged)
            })
        })
        .collect();
    let mut told: BTreeMap<String, Vec<(char, Revision)>> = BTreeMap::new();
    let mut latest = 0;
    for _ in 0..6 * 15 * 3 {
        let event = next(&mut watch).await;
        let sign = said(&event).chars().next().unwrap();
        let (WatchEvent::Added(o) | WatchEvent::Modified(o) | WatchEvent::Deleted(o)) = event else { continue };
        assert!(revision(&o) > latest, "in the order of revisions");
        latest = revision(&o);
        told.entry(o.metadata.name.clone()).or_default().push((sign, latest));
    }
    for writer in writers {
        let (name, acknowledged) = writer.await.unwrap();
        let told = &told[&name];
        assert!(told.iter().zip(['+', '~', '-'].iter().cycle()).all(|((sign, _), want)| sign == want), "{told:?}");
        if s.promises.own_semantics {
            assert_eq!(told.iter().map(|t| t.1).collect::<Vec<_>>(), acknowledged);
        }
    }
}

pub(super) async fn one_name(s: &ObjectsSubject) {
    let selector = Selector { name: Some("a".into()), ..s.selector() };
    let mut watch = s.store.watch(&selector, None).await.unwrap();
    s.named("b").await;
    s.create(s.object_of(&s.kind, 1, "a", "{}")).await;
    s.create(s.object_of(&s.other_kind, 0, "a", "{}")).await;
    s.named("a").await;
    s.delete("a", Propagation::Background).await.unwrap();
    says(&mut watch, &["+a", "-a"]).await;
}

/// What left or never entered a selector before the watch was resumed.
pub(super) async fn resumed_leaving(s: &ObjectsSubject) {
    let x = |name: &str, value: &str| labelled(s.object(name), &[("app", value)]);
    s.create(x("leaves", "x")).await;
    s.create(x("stays", "x")).await;
    let never = s.create(x("never", "y")).await;
    let from = revision(&never);
    s.update(x("leaves", "y")).await.unwrap();
    s.update(changed(&x("never", "y"), |o| o.body = raw(r#"{"spec":{"a":2}}"#).into())).await.unwrap();
    s.create(x("enters", "y")).await;
    s.update(x("enters", "x")).await.unwrap();
    s.create(x("blinks", "x")).await;
    s.delete("blinks", Propagation::Background).await.unwrap();
    s.update(changed(&x("stays", "x"), |o| o.body = raw(r#"{"spec":{"a":2}}"#).into())).await.unwrap();
    let selector = Selector { labels: vec![label("app", "x")], ..s.selector() };
    let mut watch = s.store.watch(&selector, Some(from)).await.unwrap();
    // A resumed watch may leave out what was overtaken: `blinks` came and went.
    let mut heard = Vec::new();
    while heard.last().is_none_or(|h| h != "~stays") {
        heard.push(said(&next(&mut watch).await));
    }
    heard.retain(|h| !h.ends_with("blinks"));
    assert_eq!(heard, ["-leaves", "+enters", "~stays"]);
}
