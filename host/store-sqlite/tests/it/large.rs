//! Large objects: their states share a body, and are found without reading it for as long as somebody holds one of them.

use std::sync::Arc;

use store::objects::{Objects, Precondition, Selector};
use store_sqlite::{Options, SqliteStore};

use crate::support::{key, object, status, workflow};

#[tokio::test]
async fn states_share_a_body() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    let body = |text: &str| format!(r#"{{"spec":{{"text":"{}"}}}}"#, text.repeat(5 << 20));
    let watch = store.watch(&Selector::of(workflow()), Some(0)).await.unwrap();
    let made = store.create(object(&workflow(), "large", &body("a"))).await.unwrap();
    let mut last = made.clone();
    for n in 0..3 {
        let phase = format!(r#"{{"phase":"Running","n":{n}}}"#);
        last = store.update_status(&key("large"), status(&phase)).await.unwrap();
        assert!(Arc::ptr_eq(&made.body, &last.body), "the body was read again");
        let found = store.get(&key("large")).await.unwrap();
        assert_eq!(found.status.as_ref().unwrap().get(), phase);
        assert!(Arc::ptr_eq(&found, &last));
    }
    // A new body is seen at once, and one that nobody holds is read.
    let update = store.update(object(&workflow(), "large", &body("b")), Precondition::default()).await.unwrap();
    assert!(Arc::ptr_eq(&update, &store.get(&key("large")).await.unwrap()) && update.body.get() != last.body.get());
    let (text, revision) = (update.body.get().to_owned(), update.metadata.resource_version.clone());
    drop((watch, made, last, update));
    store.close();
    drop(store);
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    let found = store.get(&key("large")).await.unwrap();
    assert_eq!((found.body.get(), &found.metadata.resource_version), (text.as_str(), &revision));
    drop(found);
    assert_eq!(store.get(&key("large")).await.unwrap().body.get(), text);
    // One that is gone is not found again, however long somebody holds it.
    let held = store.get(&key("large")).await.unwrap();
    store.delete(&key("large"), Default::default()).await.unwrap();
    assert!(store.get(&key("large")).await.is_err(), "{:?} is held", held.metadata.name);
}
