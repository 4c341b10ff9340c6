use std::sync::Arc;

use serde_json::json;
use serde_json::value::RawValue;
use store::conformance::{ObjectsSubject, Promises};
use store::objects::{DeleteOptions, Deleted, Gvk, Key, ListQuery, Objects, Precondition, Selector, StatusUpdate};
use store::{Limits, StoreError};
use store_kube::Settings;

use crate::cluster::{self, cron_workflow, object, workflow};

async fn subject(limits: Limits, kind: Gvk, other_kind: Gvk) -> ObjectsSubject {
    let settings =
        Settings { kinds: vec![kind.clone(), other_kind.clone()], limits, server_page_max: 7, ..Settings::default() };
    let store = cluster::store("conformance", settings).await.unwrap();
    let namespaces = cluster::namespaces(&store).await;
    ObjectsSubject { store: Arc::new(store), kind, other_kind, namespaces, clock: None, promises: Promises::REMOTE }
}

#[tokio::test(flavor = "multi_thread")]
async fn conforms_with_a_status_subresource() {
    if cluster::store("conformance with a status subresource", Settings::default()).await.is_some() {
        store::conformance::objects(|limits| subject(limits, workflow(), cron_workflow())).await;
    }
}

/// The definitions that Argo ships have no status subresource: there a status is written with the labels in one step, and counts as a generation.
#[tokio::test(flavor = "multi_thread")]
async fn a_kind_without_a_status_subresource() {
    let Some(store) = cluster::store("a kind without a status subresource", Settings::default()).await else { return };
    let [namespace, _] = cluster::namespaces(&store).await;
    let manifest = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "CronWorkflow", "metadata": {"name": "c", "namespace": *namespace},
        "spec": {"schedules": ["* * * * *"]}, "status": {"phase": "Forged"}});
    let made = store.create(object(manifest)).await.unwrap();
    assert!(made.status.is_none(), "a new object has no status, whatever its text says");
    let key = Key::new(cron_workflow(), namespace, "c");
    let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
    let update = StatusUpdate {
        status: raw(r#"{"phase":"Active"}"#),
        labels: vec![("phase".into(), Some("Active".into()))],
        annotations: Vec::new(),
        precondition: Precondition { resource_version: made.metadata.resource_version.parse().ok(), uid: None },
    };
    let active = store.update_status(&key, update.clone()).await.unwrap();
    assert_eq!((active.metadata.labels["phase"].as_str(), active.body.get()), ("Active", made.body.get()));
    assert_eq!(store.update_status(&key, update).await.unwrap_err().code(), "Conflict");
    let mut changed = model::Object::clone(&made);
    changed.body = raw(r#"{"spec":{"schedules":["0 0 * * *"]}}"#).into();
    let updated = store.update(changed, Precondition::default()).await.unwrap();
    assert_eq!(updated.status.as_ref().unwrap().get(), r#"{"phase":"Active"}"#, "an update keeps the status");
}

/// Kinds of Kubernetes itself: items of their lists come without a type, and nobody may write a status into them.
#[tokio::test(flavor = "multi_thread")]
async fn built_in_kinds() {
    let Some(store) = cluster::store("built-in kinds", Settings::default()).await else { return };
    let [namespace, _] = cluster::namespaces(&store).await;
    let gvk = Gvk::new("v1", "Secret");
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": *namespace}, "stringData": {"k": "value"}});
    let made = store.create(object(secret)).await.unwrap();
    assert_eq!(made.body_field("data").unwrap().get(), r#"{"k":"dmFsdWU="}"#);
    let query = ListQuery {
        selector: Selector { namespace: Some(namespace.clone()), ..Selector::of(gvk.clone()) },
        ..ListQuery::default()
    };
    let page = store.list(&query).await.unwrap();
    assert_eq!((page.items[0].api_version.as_str(), page.items[0].kind.as_str()), ("v1", "Secret"));
    assert!(*page.items[0] == *made);
    let key = Key::new(gvk, namespace, "s");
    assert!(matches!(store.delete(&key, DeleteOptions::default()).await.unwrap(), Deleted::Gone(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_told_by_what_is_missing() {
    let Some(store) = cluster::store("mistakes", Settings::default()).await else { return };
    let code = |error: StoreError| (error.code(), error.to_string());
    let in_namespace = |namespace: &str| {
        object(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": namespace}}))
    };
    let (word, text) = code(store.create(in_namespace("no-such-namespace")).await.unwrap_err());
    assert!(word == "NotFound" && text.contains("namespace no-such-namespace"), "{text}");
    let (word, text) = code(store.create(in_namespace("")).await.unwrap_err());
    assert!(word == "Invalid" && text.contains("namespaced"), "{text}");
    let unknown = object(
        json!({"apiVersion": "example.com/v1", "kind": "Nothing", "metadata": {"name": "n", "namespace": "default"}}),
    );
    let (word, text) = code(store.create(unknown).await.unwrap_err());
    assert!(word == "NotFound" && text.contains("kind Nothing"), "{text}");
    for name in ["../../secrets", "a?b", "%2e%2e"] {
        let key = Key::new(Gvk::new("v1", "ConfigMap"), "default", name);
        assert_eq!(store.get(&key).await.unwrap_err().code(), "NotFound", "{name}");
    }
    let big = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "big", "namespace": "default"}, "data": {"k": "x".repeat(2 << 20)}});
    assert_eq!(store.create(object(big)).await.unwrap_err().code(), "TooLarge");
}

/// Without a precondition a write is repeated on the newest state, so that all of many writers get through.
#[tokio::test(flavor = "multi_thread")]
async fn racing_writers_without_preconditions() {
    let Some(store) = cluster::store("racing writers", Settings { update_tries_max: 200, ..Settings::default() }).await
    else {
        return;
    };
    let [namespace, _] = cluster::namespaces(&store).await;
    let key = Key::new(workflow(), namespace.clone(), "w");
    store
        .create(object(json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "w", "namespace": *namespace}, "spec": {}})))
        .await
        .unwrap();
    let writers: Vec<_> = (0..6)
        .map(|n| {
            let (store, key) = (store.clone(), key.clone());
            tokio::spawn(async move {
                for i in 0..5 {
                    let status =
                        RawValue::from_string(format!(r#"{{"phase":"Running","message":"{n}.{i}"}}"#)).unwrap();
                    let labels = vec![(format!("w{n}"), Some(i.to_string()))];
                    let update =
                        StatusUpdate { status, labels, annotations: Vec::new(), precondition: Precondition::default() };
                    store.update_status(&key, update).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let end = store.get(&key).await.unwrap();
    assert!((0..6).all(|n| end.metadata.labels[&format!("w{n}")] == "4"), "{:?}", end.metadata.labels);
}
