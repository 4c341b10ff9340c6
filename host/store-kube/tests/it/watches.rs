use std::time::Duration;

use futures::StreamExt;
use serde_json::json;
use serde_json::value::RawValue;
use store::objects::{
    DeleteOptions, Key, ListQuery, Objects, Precondition, Selector, StatusUpdate, WatchEvent, WatchStream,
};
use store_kube::{KubeStore, Settings};

use crate::cluster::{self, object, workflow};

async fn next(watch: &mut WatchStream) -> String {
    loop {
        let event = tokio::time::timeout(Duration::from_secs(30), watch.next())
            .await
            .expect("in time")
            .expect("goes on")
            .unwrap();
        return match event {
            WatchEvent::Added(o) => format!("+{}", o.metadata.name),
            WatchEvent::Modified(o) => format!("~{}", o.metadata.name),
            WatchEvent::Deleted(o) => format!("-{}", o.metadata.name),
            WatchEvent::Bookmark(_) => continue,
        };
    }
}

async fn make(store: &KubeStore, namespace: &str, name: &str) -> u64 {
    let made = store
        .create(object(json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name, "namespace": namespace}, "spec": {}})))
        .await
        .unwrap();
    made.metadata.resource_version.parse().unwrap()
}

async fn phase(store: &KubeStore, namespace: &str, name: &str, phase: &str) {
    let status = RawValue::from_string(format!(r#"{{"phase":"{phase}"}}"#)).unwrap();
    let update =
        StatusUpdate { status, labels: Vec::new(), annotations: Vec::new(), precondition: Precondition::default() };
    store.update_status(&Key::new(workflow(), namespace, name), update).await.unwrap();
}

/// The server closes each request after a second; the watch goes on over many of them without a gap.
#[tokio::test(flavor = "multi_thread")]
async fn goes_on_when_the_server_closes() {
    let settings = Settings { watch_open: Duration::from_secs(1), ..Settings::default() };
    let Some(store) = cluster::store("reopened watches", settings).await else { return };
    let [namespace, _] = cluster::namespaces(&store).await;
    let selector = Selector { namespace: Some(namespace.clone()), ..Selector::of(workflow()) };
    let mut watch = store.watch(&selector, None).await.unwrap();
    let mut pace = tokio::time::interval(Duration::from_millis(200));
    for n in 0..20 {
        pace.tick().await;
        make(&store, &namespace, &format!("w{n}")).await;
        assert_eq!(next(&mut watch).await, format!("+w{n}"));
    }
}

/// A resumed watch over what the server cannot select knows what was shown when it was left.
#[tokio::test(flavor = "multi_thread")]
async fn resumes_a_selection_by_phase() {
    let Some(store) = cluster::store("watches by phase", Settings::default()).await else { return };
    let [namespace, _] = cluster::namespaces(&store).await;
    for name in ["a", "b"] {
        make(&store, &namespace, name).await;
        phase(&store, &namespace, name, "Running").await;
    }
    let from = make(&store, &namespace, "c").await;
    phase(&store, &namespace, "a", "Succeeded").await;
    phase(&store, &namespace, "c", "Running").await;
    store.delete(&Key::new(workflow(), namespace.clone(), "b"), DeleteOptions::default()).await.unwrap();
    let selector = Selector { phases: vec!["Running".into()], namespace: Some(namespace), ..Selector::of(workflow()) };
    let mut watch = store.watch(&selector, Some(from)).await.unwrap();
    let heard = [next(&mut watch).await, next(&mut watch).await, next(&mut watch).await];
    assert_eq!(heard, ["-a", "+c", "-b"]);
}

/// Dropping the reader ends the request: the server's watchers are not collected.
#[tokio::test(flavor = "multi_thread")]
async fn ends_with_its_reader() {
    let Some(store) = cluster::store("dropped watches", Settings::default()).await else { return };
    let [namespace, _] = cluster::namespaces(&store).await;
    let selector = Selector { namespace: Some(namespace), ..Selector::of(workflow()) };
    for _ in 0..50 {
        drop(store.watch(&selector, None).await.unwrap());
    }
    let metrics = tokio::runtime::Handle::current().metrics();
    cluster::eventually("the followers end", || async { metrics.num_alive_tasks() < 40 }).await;
}

/// What the server has forgotten cannot be resumed from, and a list that was being read goes on all the same.
#[tokio::test(flavor = "multi_thread")]
async fn forgotten_revisions() {
    let Some(store) = cluster::store("forgotten revisions", Settings::default()).await else { return };
    let [namespace, _] = cluster::namespaces(&store).await;
    for n in 0..6 {
        make(&store, &namespace, &format!("w{n}")).await;
    }
    let selector = Selector { namespace: Some(namespace.clone()), ..Selector::of(workflow()) };
    let query = ListQuery { selector: selector.clone(), limit: Some(2), ..ListQuery::default() };
    let mut page = store.list(&query).await.unwrap();
    let mut names: Vec<String> = page.items.iter().map(|o| o.metadata.name.clone()).collect();
    make(&store, &namespace, "w9").await;
    cluster::compact(store.revision().await.unwrap()).await;
    while let Some(token) = page.continue_token.take() {
        page = store.list(&ListQuery { continue_token: Some(token), ..query.clone() }).await.unwrap();
        names.extend(page.items.iter().map(|o| o.metadata.name.clone()));
    }
    let kept: Vec<_> = names.iter().filter(|n| *n != "w9").map(String::as_str).collect();
    assert_eq!(kept, ["w0", "w1", "w2", "w3", "w4", "w5"], "each is listed once");
    // The server's memory may reach behind its storage, but not to the beginning.
    let error = store.watch(&selector, Some(1)).await.map(drop).unwrap_err();
    assert_eq!(error.code(), "Expired", "{error}");
}
