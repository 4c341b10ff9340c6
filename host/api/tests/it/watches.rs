//! Watches: the beginning, news, resuming, expiry, slow readers, a stopping server.

use std::time::Duration;

use client::v1::*;
use client::{ErrorKind, Retry, WatchItem};
use futures::{StreamExt, TryStreamExt};

use crate::world::*;

fn watch(from_revision: Option<u64>) -> WatchRequest {
    WatchRequest { kind: "cm".to_owned(), from_revision, ..WatchRequest::default() }
}

fn name(event: &WatchResponse) -> String {
    json(&event.object.as_ref().unwrap().document)["metadata"]["name"].as_str().unwrap().to_owned()
}

async fn make(world: &World, name: &str) {
    world.root().await.resources().create(create(&config_map(name, serde_json::json!({})))).await.unwrap();
}

#[tokio::test]
async fn what_is_there_comes_first_then_each_change() {
    let world = World::new().await;
    make(&world, "a").await;
    let root = world.root().await;
    let mut events = root.resources().watch(watch(None)).await.unwrap();
    let first = next(&mut events).await.unwrap();
    // 0: a watch that is cut now must begin again.
    assert_eq!((first.r#type(), name(&first).as_str(), first.revision), (WatchEventType::Added, "a", 0));
    let bookmark = next(&mut events).await.unwrap();
    assert!(bookmark.r#type() == WatchEventType::Bookmark && bookmark.revision > 0 && bookmark.object.is_none());
    make(&world, "b").await;
    let added = next(&mut events).await.unwrap();
    assert_eq!((added.r#type(), name(&added).as_str()), (WatchEventType::Added, "b"));
    assert!(added.revision > bookmark.revision);
    root.resources().delete(DeleteRequest { key: object_key("cm", "a"), ..DeleteRequest::default() }).await.unwrap();
    assert_eq!(next(&mut events).await.unwrap().r#type(), WatchEventType::Deleted);

    // Resumed from the bookmark, the same two come again.
    let mut again = root.resources().watch(watch(Some(bookmark.revision))).await.unwrap();
    assert_eq!(name(&next(&mut again).await.unwrap()), "b");
    assert_eq!(next(&mut again).await.unwrap().r#type(), WatchEventType::Deleted);
}

#[tokio::test]
async fn rows_are_watched_with_their_phase() {
    let world = World::new().await;
    world.run("a").await;
    let root = world.root().await;
    let selector = ObjectSelector { phases: vec!["Running".to_owned()], ..ObjectSelector::default() };
    let request = WatchWorkflowsRequest { selector: Some(selector), ..WatchWorkflowsRequest::default() };
    let mut events = root.workflows().watch(request).await.unwrap();
    assert_eq!(next(&mut events).await.unwrap().r#type(), WatchEventType::Bookmark);
    world.set_status("a", serde_json::json!({"phase": "Running"})).await;
    let event = next(&mut events).await.unwrap();
    assert_eq!((event.r#type(), event.workflow.unwrap().phase()), (WatchEventType::Added, WorkflowPhase::Running));
    world.set_status("a", serde_json::json!({"phase": "Succeeded"})).await;
    assert_eq!(next(&mut events).await.unwrap().r#type(), WatchEventType::Deleted);
}

/// A store that keeps few changes.
fn forgetful() -> Setup {
    let store_limits = store::Limits { watch_ring_max: 4, watch_buffer_max: 4, ..store::Limits::default() };
    Setup { store_limits, ..Setup::default() }
}

#[tokio::test]
async fn a_revision_that_is_no_longer_kept_is_said_to_be_so() {
    let world = World::with(forgetful()).await;
    for n in 0..20 {
        make(&world, &format!("m{n}")).await;
    }
    let root = world.root().await;
    let error = match root.resources().watch(watch(Some(1))).await {
        Err(error) => error,
        Ok(mut events) => events.try_next().await.unwrap_err(),
    };
    let error = error.rpc().unwrap().clone();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::OutOfRange, "Expired"));
    assert!(error.hints[0].contains("list again"));

    // The client's watch begins anew and says so.
    let mut events = root.watch_objects(watch(Some(1)));
    assert_eq!(next(&mut events).await.unwrap(), WatchItem::Restarted);
    let WatchItem::Event(first) = next(&mut events).await.unwrap() else { panic!("no event") };
    assert_eq!(first.r#type(), WatchEventType::Added);
}

#[tokio::test]
async fn a_reader_that_does_not_keep_up_is_cut() {
    let world = World::with(forgetful()).await;
    let root = world.root().await;
    let mut events = root.resources().watch(watch(None)).await.unwrap();
    assert_eq!(next(&mut events).await.unwrap().r#type(), WatchEventType::Bookmark);
    // Nobody reads: the windows fill, then the store's buffer.
    let padding = "x".repeat(200_000);
    for n in 0..60 {
        let map = config_map(&format!("m{n}"), serde_json::json!({"padding": padding}));
        world.root().await.resources().create(create(&map)).await.unwrap();
    }
    let error = loop {
        match next(&mut events).await {
            Ok(_) => {}
            Err(error) => break error.rpc().unwrap().clone(),
        }
    };
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::ResourceExhausted, "TooSlow"));
}

#[tokio::test]
async fn a_stopping_server_ends_its_streams() {
    let mut world = World::new().await;
    let root = world.root().await;
    let mut events = root.resources().watch(watch(None)).await.unwrap();
    next(&mut events).await.unwrap();
    world.shut_down();
    let error = next(&mut events).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "Stopping"));
    drop((events, root));
    tokio::time::timeout(Duration::from_secs(10), world.served.take().unwrap()).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_watch_goes_on_after_a_cut() {
    let mut world = World::new().await;
    make(&world, "a").await;
    let mut options = world.options("root");
    options.retry =
        Retry { attempts_max: 100, pause_min: Duration::from_millis(5), pause_max: Duration::from_millis(20) };
    let client = client::Client::connect(options).await.unwrap();
    let mut events = client.watch_objects(watch(None));
    for _ in 0..2 {
        next(&mut events).await.unwrap();
    }
    // The server goes, another comes at the same address over the same store.
    world.shut_down();
    tokio::time::timeout(Duration::from_secs(10), world.served.take().unwrap()).await.unwrap().unwrap();
    world.serve_again().await;
    make(&world, "b").await;
    let event = next(&mut events).await.unwrap();
    let WatchItem::Event(event) = event else { panic!("{event:?}") };
    assert_eq!((event.r#type(), name(&event).as_str()), (WatchEventType::Added, "b"));
}

#[tokio::test]
async fn an_idle_watch_says_that_it_is_there() {
    let limits = api::Limits { watch_idle_ms: 20, ..api::Limits::default() };
    let world = World::with(Setup { limits, ..Setup::default() }).await;
    make(&world, "a").await;
    let root = world.root().await;
    let events = root.resources().watch(watch(None)).await.unwrap();
    let told: Vec<WatchResponse> = events.take(4).try_collect().await.unwrap();
    assert!(
        told[2..].iter().all(|event| event.r#type() == WatchEventType::Bookmark && event.revision == told[1].revision)
    );
}
