//! Finished runs.

use client::ErrorKind;
use client::v1::*;
use runtime::control::Command;

use crate::world::*;

async fn world() -> (World, client::Client, String) {
    let world = World::new().await;
    let mut uid = String::new();
    for (name, phase, label) in [("a", "Succeeded", "x"), ("b", "Failed", "y"), ("c", "Running", "z")] {
        let mut run = hello(name);
        run["metadata"]["labels"] = serde_json::json!({"team": label});
        let submitted = world.root().await.submit(submit(&run)).await.unwrap();
        world.control.change(name, |_| {});
        world.set_status(name, serde_json::json!({"phase": phase})).await;
        if name == "b" {
            uid = submitted.uid;
        }
    }
    let root = world.root().await;
    (world, root, uid)
}

#[tokio::test]
async fn only_finished_runs_are_listed() {
    let (_world, root, _) = world().await;
    let names =
        |page: ListArchivedWorkflowsResponse| page.workflows.into_iter().map(|row| row.name).collect::<Vec<_>>();
    assert_eq!(names(root.archive().list(ListArchivedWorkflowsRequest::default()).await.unwrap()), ["b", "a"]);
    let with =
        |selector: ObjectSelector| ListArchivedWorkflowsRequest { selector: Some(selector), ..Default::default() };
    let team = ObjectSelector { labels: "team=x".to_owned(), ..ObjectSelector::default() };
    assert_eq!(names(root.archive().list(with(team)).await.unwrap()), ["a"]);
    let late = ObjectSelector { created_from_ms: NOW_MS + 1, ..ObjectSelector::default() };
    assert!(names(root.archive().list(with(late)).await.unwrap()).is_empty());
    let running = ObjectSelector { phases: vec!["Running".to_owned()], ..ObjectSelector::default() };
    assert_eq!(refused(root.archive().list(with(running)).await).violations[0].path, "selector.phases");
}

#[tokio::test]
async fn labels_in_use_are_told() {
    let (_world, root, _) = world().await;
    let keys = root.archive().list_label_keys(ListLabelKeysRequest::default()).await.unwrap();
    assert_eq!(
        (keys.keys.as_slice(), keys.incomplete),
        (&["team".to_owned(), "workflows.argoproj.io/creator".to_owned()][..], false)
    );
    let request = ListLabelValuesRequest { key: "team".to_owned(), ..ListLabelValuesRequest::default() };
    assert_eq!(root.archive().list_label_values(request).await.unwrap().values, ["x", "y"]);
}

#[tokio::test]
async fn a_finished_run_is_found_by_uid_or_name() {
    let (world, root, uid) = world().await;
    let by = |uid: &str, name: &str| {
        Some(ArchivedKey { uid: uid.to_owned(), name: name.to_owned(), ..ArchivedKey::default() })
    };
    let get = |key| GetArchivedWorkflowRequest { key, ..GetArchivedWorkflowRequest::default() };
    for key in [by(&uid, ""), by("", "b"), by(&uid, "b")] {
        assert_eq!(root.get_archived_workflow(get(key)).await.unwrap().summary.name, "b");
    }
    for (key, kind) in [
        (by("none", ""), ErrorKind::NotFound),
        (by(&uid, "a"), ErrorKind::NotFound),
        (by("", "c"), ErrorKind::FailedPrecondition),
        (by("", ""), ErrorKind::InvalidArgument),
    ] {
        assert_eq!(refused(root.get_archived_workflow(get(key)).await).kind, kind);
    }
    root.archive().retry(RetryArchivedWorkflowRequest { key: by(&uid, ""), ..Default::default() }).await.unwrap();
    let taken = world.control.commands.lock().unwrap().clone();
    assert!(matches!(&taken[..], [(run, Command::Retry { .. })] if run == "default/b"), "{taken:?}");
    let again = ResubmitArchivedWorkflowRequest { key: by(&uid, ""), memoized: true, ..Default::default() };
    assert!(root.archive().resubmit(again).await.unwrap().submitted.unwrap().name.starts_with("b-"));
    assert!(root.archive().delete(DeleteArchivedWorkflowRequest { key: by(&uid, "") }).await.unwrap().gone);
    assert_eq!(refused(root.get_archived_workflow(get(by("", "b"))).await).kind, ErrorKind::NotFound);
}
