//! The suites of the ports.

use std::sync::{Arc, Mutex};

use store::Limits;
use store::conformance::{self, EventsSubject, ObjectsSubject, Promises};
use store::objects::Gvk;
use store::stamp::ManualStamp;
use store_sqlite::{Options, SqliteStore};
use tempfile::TempDir;

fn open(dirs: &Mutex<Vec<TempDir>>, limits: Limits) -> (Arc<SqliteStore>, Arc<ManualStamp>) {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualStamp::new(1_700_000_000_000, 1));
    let options = Options { limits, stamp: clock.clone(), ..Options::new(dir.path()) };
    dirs.lock().unwrap().push(dir);
    (SqliteStore::open(options).unwrap(), clock)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_conform() {
    let dirs = &Mutex::default();
    conformance::objects(|limits| async move {
        let (store, clock) = open(dirs, limits);
        ObjectsSubject {
            store,
            kind: Gvk::new("argoproj.io/v1alpha1", "Workflow"),
            other_kind: Gvk::new("argoproj.io/v1alpha1", "CronWorkflow"),
            namespaces: ["one".into(), "two".into()],
            clock: Some(clock),
            promises: Promises::OWN,
        }
    })
    .await;
}

/// The same for a kind whose contents are sealed at rest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sealed_objects_conform() {
    let dirs = &Mutex::default();
    conformance::objects(|limits| async move {
        let (store, clock) = open(dirs, limits);
        ObjectsSubject {
            store,
            kind: Gvk::new("v1", "Secret"),
            other_kind: Gvk::new("v1", "ConfigMap"),
            namespaces: ["one".into(), "two".into()],
            clock: Some(clock),
            promises: Promises::OWN,
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn journal_conforms() {
    let dirs = &Mutex::default();
    conformance::journal(|limits| async move { open(dirs, limits).0 as Arc<dyn store::journal::Journal> }).await;
}

#[tokio::test]
async fn journal_and_objects_are_one_store() {
    let dirs = &Mutex::default();
    conformance::journal_with_objects(open(dirs, Limits::default()).0).await;
    conformance::journal_with_new_objects(open(dirs, Limits::default()).0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_conform() {
    let dirs = &Mutex::default();
    conformance::events(|limits| async move {
        let (store, clock) = open(dirs, limits);
        EventsSubject { store, clock }
    })
    .await;
}
