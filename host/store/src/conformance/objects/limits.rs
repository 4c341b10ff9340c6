use futures::StreamExt;

use super::watching::{message, next, said, says};
use super::*;
use crate::conformance::{DEADLINE, refused};
use crate::objects::{LabelRequirement, WatchEvent, WatchStream};

/// Reads until the watch fails; answers what it said before.
async fn until_it_fails(watch: &mut WatchStream) -> (usize, crate::StoreError) {
    let mut said = 0;
    loop {
        match tokio::time::timeout(DEADLINE, watch.next()).await.expect("in time").expect("an error before the end") {
            Ok(_) => said += 1,
            Err(error) => {
                let end = tokio::time::timeout(DEADLINE, watch.next()).await.expect("in time");
                assert!(end.is_none(), "an error ends the watch");
                return (said, error);
            }
        }
    }
}

pub(super) async fn slow_watchers_are_cut(s: &ObjectsSubject) {
    if !s.promises.own_limits {
        return;
    }
    s.named("a").await;
    let mut slow = s.store.watch(&s.selector(), None).await.unwrap();
    let mut quick = s.store.watch(&s.selector(), None).await.unwrap();
    let elsewhere = Selector { namespace: Some("elsewhere".into()), ..Selector::default() };
    let mut unconcerned = s.store.watch(&elsewhere, None).await.unwrap();
    assert!(matches!(message(&mut unconcerned).await, WatchEvent::Bookmark(_)));
    says(&mut quick, &["+a"]).await;
    // From here on it is live, and then reads no more.
    says(&mut slow, &["+a"]).await;
    s.set_status("a", r#"{"n":-1}"#).await;
    says(&mut slow, &["~a"]).await;
    says(&mut quick, &["~a"]).await;
    for i in 0..20 {
        s.set_status("a", &format!(r#"{{"n":{i}}}"#)).await;
        says(&mut quick, &["~a"]).await;
    }
    let (_, error) = until_it_fails(&mut slow).await;
    assert_eq!(error.code(), "Expired", "{error}");
    s.create(changed(&s.object("b"), |o| o.metadata.namespace = "elsewhere".into())).await;
    says(&mut unconcerned, &["+b"]).await;
}

pub(super) async fn expired(s: &ObjectsSubject) {
    if !s.promises.own_limits {
        return;
    }
    let a = s.named("a").await;
    for i in 0..3000 {
        s.set_status("a", &format!(r#"{{"n":{i}}}"#)).await;
    }
    let watch = s.store.watch(&s.selector(), Some(revision(&a))).await;
    let error = match watch {
        Err(error) => error,
        Ok(mut watch) => until_it_fails(&mut watch).await.1,
    };
    let crate::StoreError::Expired { asked, oldest } = error else { panic!("{error}") };
    assert!(asked == revision(&a) && oldest > asked);
    // What it names can be resumed from.
    let mut watch = s.store.watch(&s.selector(), Some(oldest)).await.unwrap();
    says(&mut watch, &["~a"]).await;
}

/// The retention reaches further than the memory where the store says so.
pub(super) async fn resume_past_memory(s: &ObjectsSubject) {
    if !s.promises.own_limits {
        return;
    }
    let start = s.named("start").await;
    let start = revision(&start);
    for name in ["a", "b", "c"] {
        s.named(name).await;
    }
    s.delete("b", Propagation::Background).await.unwrap();
    s.named("d").await;
    s.set_status("a", r#"{"phase":"Running"}"#).await;
    match s.store.watch(&s.selector(), Some(start)).await {
        Err(error) => assert_eq!(error.code(), "Expired"),
        Ok(mut watch) => {
            let mut heard = Vec::new();
            while heard.last().is_none_or(|h: &String| !h.ends_with('e')) {
                if heard.is_empty() {
                    s.named("e").await;
                }
                heard.push(said(&next(&mut watch).await));
            }
            heard.retain(|h| !h.ends_with('b'));
            // `a` may be told of in two steps or in one.
            let heard: Vec<_> = heard.iter().map(String::as_str).collect();
            assert!(heard == ["+c", "+d", "+a", "+e"] || heard == ["+a", "+c", "+d", "~a", "+e"], "{heard:?}");
        }
    }
}

pub(super) async fn bookmarks(s: &ObjectsSubject) {
    if !s.promises.own_limits {
        return;
    }
    let selector = Selector { name: Some("quiet".into()), ..s.selector() };
    let mut watch = s.store.watch(&selector, None).await.unwrap();
    let WatchEvent::Bookmark(first) = message(&mut watch).await else { panic!("a bookmark first") };
    for i in 0..12 {
        s.named(&format!("o{i}")).await;
    }
    let WatchEvent::Bookmark(later) = message(&mut watch).await else { panic!("then bookmarks as others change") };
    assert!(later >= first + 5);
    s.named("quiet").await;
    let mut watch = s.store.watch(&selector, Some(later)).await.unwrap();
    says(&mut watch, &["+quiet"]).await;
}

pub(super) async fn sizes(s: &ObjectsSubject) {
    if !s.promises.own_limits {
        return;
    }
    let big = s.object_of(&s.kind, 0, "big", &format!(r#""{}""#, "x".repeat(2000)));
    let error = refused(s.store.create(big.clone()).await, "TooLarge");
    assert!(error.to_string().contains("object_bytes_max"), "{error}");
    s.named("big").await;
    refused(s.update(big).await, "TooLarge");
    let status_of = |n: usize| status(&format!(r#"{{"m":"{}"}}"#, "x".repeat(n)));
    refused(s.store.update_status(&s.key("big"), status_of(2000)).await, "TooLarge");
    refused(s.store.update_status(&s.key("big"), status_of(1900)).await, "TooLarge");
    let error = refused(s.store.create(labelled(s.object("l"), &[("x", &"y".repeat(600))])).await, "TooLarge");
    assert!(error.to_string().contains("metadata_bytes_max"), "{error}");
    let label = ("x".to_owned(), Some("y".repeat(600)));
    refused(
        s.store.update_status(&s.key("big"), StatusUpdate { labels: vec![label], ..status("{}") }).await,
        "TooLarge",
    );
    let many = LabelRequirement::In("x".into(), (0..4).map(|i| i.to_string()).collect());
    let selector = Selector { labels: vec![many], ..s.selector() };
    refused(s.store.list(&ListQuery { selector: selector.clone(), ..ListQuery::default() }).await, "TooLarge");
    refused(s.store.watch(&selector, None).await.map(|_| ()), "TooLarge");
    let nameless = Selector { labels: vec![LabelRequirement::Exists(String::new())], ..s.selector() };
    refused(s.store.list(&ListQuery { selector: nameless, ..ListQuery::default() }).await, "Invalid");
    // Pages end at the count and at the bytes.
    for i in 0..5 {
        s.create(s.object_of(&s.kind, 0, &format!("p{i}"), &format!(r#""{}""#, "x".repeat(900)))).await;
    }
    let page = s
        .list(&ListQuery {
            selector: Selector { name_prefix: Some("p".into()), ..s.selector() },
            ..ListQuery::default()
        })
        .await;
    assert!(page.items.len() == 1 && page.continue_token.is_some(), "page_bytes_max");
    let query = ListQuery { without_body: true, ..s.query() };
    assert_eq!(s.list(&query).await.items.len(), 3, "page_max");
    assert_eq!(s.names(s.query()).await.len(), 6);
}

pub(super) async fn watchers(s: &ObjectsSubject) {
    if !s.promises.own_limits {
        return;
    }
    let first = s.store.watch(&s.selector(), None).await.unwrap();
    let mut second = s.store.watch(&s.selector(), None).await.unwrap();
    assert!(matches!(message(&mut second).await, WatchEvent::Bookmark(_)));
    // Where the initial list is read on demand, so is the limit.
    let third = s.store.watch(&s.selector(), Some(s.store.revision().await.unwrap())).await;
    if let Err(error) = third.map(|_| ()) {
        assert_eq!(error.code(), "TooLarge", "{error}");
    }
    drop((first, second));
    let mut again = s.store.watch(&s.selector(), None).await.unwrap();
    s.named("a").await;
    assert_eq!(said(&next(&mut again).await), "+a");
}

/// Objects come, change and go while the initial list is read: each is told of once, and the end is the truth.
pub(super) async fn initial_list_in_pages(s: &ObjectsSubject) {
    for i in 0..40 {
        s.named(&format!("o{i:02}")).await;
    }
    let mut watch = s.store.watch(&s.selector(), None).await.unwrap();
    let mut view = std::collections::BTreeMap::new();
    let (mut bookmarked, mut messages) = (false, 0);
    let end = loop {
        let event = message(&mut watch).await;
        messages += 1;
        match event {
            WatchEvent::Added(o) => {
                assert!(view.insert(o.metadata.name.clone(), o.clone()).is_none(), "added twice: {o:?}");
                if o.metadata.name == "z-end" {
                    break o;
                }
            }
            WatchEvent::Modified(o) => {
                let was = view.insert(o.metadata.name.clone(), o.clone());
                assert!(was.is_some_and(|was| revision(&was) < revision(&o)), "modified, but not shown before: {o:?}");
            }
            WatchEvent::Deleted(o) => {
                assert!(view.remove(&o.metadata.name).is_some(), "deleted, but not shown before: {o:?}")
            }
            WatchEvent::Bookmark(_) => {
                if !bookmarked {
                    s.named("z-end").await;
                }
                bookmarked = true;
            }
        }
        if messages <= 30 {
            let i = messages;
            s.delete(&format!("o{:02}", 39 - i), Propagation::Background)
                .await
                .unwrap_or(Deleted::Gone(Arc::new(s.object("x"))));
            s.named(&format!("p{i:02}")).await;
            s.named(&format!("a{i:02}")).await;
            s.set_status(&format!("p{i:02}"), r#"{"phase":"Running"}"#).await;
        }
    };
    assert_eq!(view["z-end"].metadata.uid, end.metadata.uid);
    let truth = s.names(s.query()).await;
    assert_eq!(view.keys().cloned().collect::<Vec<_>>(), truth);
}
