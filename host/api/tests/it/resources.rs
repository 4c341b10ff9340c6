//! Objects of every kind.

use client::ErrorKind;
use client::v1::*;
use futures::TryStreamExt;

use crate::world::*;

#[tokio::test]
async fn an_object_is_written_and_read() {
    let world = World::new().await;
    let resources = world.root().await;
    let resources = resources.resources();
    let created = resources.create(create(&config_map("a", serde_json::json!({"k": "1"})))).await.unwrap();
    let created = json(&created.document);
    assert_eq!(created["metadata"]["namespace"], "default");
    assert!(created["metadata"]["uid"].is_string() && created["metadata"]["generation"] == 1);

    let read = resources.get(get("configmaps", "a")).await.unwrap();
    assert_eq!(json(&read.document), created);
    for name in ["cm", "ConfigMap", "configmap"] {
        assert_eq!(resources.get(get(name, "a")).await.unwrap().resource_version, read.resource_version, "{name}");
    }

    let mut changed = created.clone();
    changed["data"]["k"] = "2".into();
    let update = UpdateRequest { document: bytes(&changed), ..UpdateRequest::default() };
    let updated = resources.update(update.clone()).await.unwrap();
    assert_eq!(json(&updated.document)["data"]["k"], "2");

    // The revision in the document is the one before: somebody (we) wrote meanwhile.
    changed["data"]["k"] = "3".into();
    let error = refused(resources.update(UpdateRequest { document: bytes(&changed), ..update }).await);
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Aborted, "Conflict"));
    assert!(error.hints[0].contains("read the object again"));

    let deleted =
        resources.delete(DeleteRequest { key: object_key("cm", "a"), ..DeleteRequest::default() }).await.unwrap();
    assert!(deleted.gone);
    let error = refused(resources.get(get("cm", "a")).await);
    assert_eq!((error.kind, error.subject.as_str()), (ErrorKind::NotFound, "configmap default/a"));
}

#[tokio::test]
async fn what_is_there_is_not_created_again() {
    let world = World::new().await;
    let root = world.root().await;
    let request = create(&config_map("a", serde_json::json!({})));
    root.resources().create(request.clone()).await.unwrap();
    let error = refused(root.resources().create(request.clone()).await);
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::AlreadyExists, "AlreadyExists"));
    let error = refused(root.resources().create(CreateRequest { dry_run: DryRun::Server.into(), ..request }).await);
    assert_eq!(error.code, "AlreadyExists");
}

#[tokio::test]
async fn namespaces_must_agree() {
    let world = World::new().await;
    let root = world.root().await;
    let mut map = config_map("a", serde_json::json!({}));
    map["metadata"]["namespace"] = "x".into();
    let error = refused(root.resources().create(CreateRequest { namespace: "y".to_owned(), ..create(&map) }).await);
    assert_eq!(error.violations[0].path, "metadata.namespace");
    let mut cluster = template("ClusterWorkflowTemplate", "t");
    root.resources().create(create(&cluster)).await.unwrap();
    cluster["metadata"]["namespace"] = "x".into();
    let error = refused(root.resources().create(create(&cluster)).await);
    assert_eq!(error.violations[0].path, "metadata.namespace");
}

#[tokio::test]
async fn an_unknown_kind_gets_a_suggestion() {
    let world = World::new().await;
    let root = world.root().await;
    let error = refused(root.resources().get(get("workflw", "a")).await);
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::NotFound, "UnknownKind"));
    assert!(error.hints[0].contains("did you mean Workflow (argoproj.io/v1alpha1)?"), "{:?}", error.hints);
}

#[tokio::test]
async fn a_definition_makes_a_kind() {
    let world = World::new().await;
    let root = world.root().await;
    let widget = serde_json::json!({
        "apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 3}
    });
    let error = refused(root.resources().create(create(&widget)).await);
    assert_eq!(error.code, "UnknownKind");
    let definition = serde_json::json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "shortNames": ["wg"]},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}
            }}}]
        }
    });
    root.resources().create(create(&definition)).await.unwrap();
    root.resources().create(create(&widget)).await.unwrap();
    assert_eq!(json(&root.resources().get(get("wg", "w")).await.unwrap().document)["spec"]["size"], 3);
    let mut bad = widget.clone();
    bad["metadata"]["name"] = "v".into();
    bad["spec"]["size"] = "big".into();
    let error = refused(root.resources().create(create(&bad)).await);
    assert_eq!(error.violations[0].path, "spec.size");
    let kinds = root.resources().list_kinds(ListKindsRequest {}).await.unwrap().kinds;
    assert!(kinds.iter().any(|kind| kind.kind == "Widget" && kind.custom));
    assert!(kinds.iter().any(|kind| kind.kind == "Workflow" && !kind.custom && kind.short_names == ["wf"]));
}

#[tokio::test]
async fn a_wrong_field_is_refused_with_its_path_and_nothing_is_stored() {
    let world = World::new().await;
    let root = world.root().await;
    let mut run = hello("a");
    run["spec"]["entrypiont"] = "main".into();
    run["spec"]["parallelism"] = "many".into();
    let error = refused(root.resources().create(create(&run)).await);
    assert_eq!((error.kind, error.code.as_str(), error.fault), (ErrorKind::InvalidArgument, "Invalid", Fault::Caller));
    let paths: Vec<&str> = error.violations.iter().map(|v| v.path.as_str()).collect();
    assert_eq!(paths, ["spec.entrypiont", "spec.parallelism"]);
    assert!(error.violations[0].hint.contains("entrypoint"), "{:?}", error.violations[0]);
    assert!(refused(root.resources().get(get("wf", "a")).await).code == "NotFound");
}

#[tokio::test]
async fn fields_without_effect_are_told() {
    let world = World::new().await;
    let root = world.root().await;
    let mut run = hello("a");
    run["spec"]["serviceAccountName"] = "robot".into();
    let created = root.resources().create(create(&run)).await.unwrap();
    let warning = &created.warnings[0];
    assert_eq!((warning.path.as_str(), warning.severity()), ("spec.serviceAccountName", Severity::NoEffect));
}

#[tokio::test]
async fn lists_are_paged_and_selected() {
    let world = World::new().await;
    let root = world.root().await;
    for n in 0..25 {
        let mut map = config_map(&format!("m-{n:02}"), serde_json::json!({}));
        map["metadata"]["labels"] = serde_json::json!({"odd": (n % 2 == 1).to_string()});
        root.resources().create(create(&map)).await.unwrap();
    }
    let mut request = ListRequest { kind: "cm".to_owned(), limit: 10, ..ListRequest::default() };
    let mut names = Vec::new();
    loop {
        let page = root.resources().list(request.clone()).await.unwrap();
        assert!(page.items.len() <= 10 && page.revision > 0);
        names.extend(
            page.items.iter().map(|item| json(&item.document)["metadata"]["name"].as_str().unwrap().to_owned()),
        );
        request.continue_token = page.continue_token;
        if request.continue_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, (0..25).map(|n| format!("m-{n:02}")).collect::<Vec<_>>());

    let selector = |labels: &str, fields: &str| {
        Some(ObjectSelector { labels: labels.to_owned(), fields: fields.to_owned(), ..ObjectSelector::default() })
    };
    let count = |selector| {
        let request = ListRequest { kind: "cm".to_owned(), selector, ..ListRequest::default() };
        let root = root.clone();
        async move { root.resources().list(request).await.map(|page| page.items.len()) }
    };
    assert_eq!(count(selector("odd=true", "")).await.unwrap(), 12);
    assert_eq!(count(selector("odd!=true", "")).await.unwrap(), 13);
    assert_eq!(count(selector("", "metadata.name=m-03")).await.unwrap(), 1);
    assert_eq!(refused(count(selector("odd is true", "")).await).violations[0].path, "selector.labels");
    assert_eq!(refused(count(selector("", "spec.x=1")).await).violations[0].path, "selector.fields");
    let request =
        ListRequest { kind: "cm".to_owned(), continue_token: "nonsense".to_owned(), ..ListRequest::default() };
    assert_eq!(refused(root.resources().list(request).await).kind, ErrorKind::InvalidArgument);
}

#[tokio::test]
async fn a_page_has_at_most_the_servers_number_of_items() {
    let world = World::with(Setup {
        limits: api::Limits { page_max: 3, page_default: 2, ..Setup::default().limits },
        ..Setup::default()
    })
    .await;
    let root = world.root().await;
    for n in 0..5 {
        root.resources().create(create(&config_map(&format!("m-{n}"), serde_json::json!({})))).await.unwrap();
    }
    for (limit, expected) in [(0, 2), (1, 1), (1000, 3)] {
        let request = ListRequest { kind: "cm".to_owned(), limit, ..ListRequest::default() };
        assert_eq!(root.resources().list(request).await.unwrap().items.len(), expected);
    }
}

#[tokio::test]
async fn patches_of_three_kinds() {
    let world = World::new().await;
    let root = world.root().await;
    root.resources().create(create(&template("WorkflowTemplate", "t"))).await.unwrap();
    let patch = |kind: PatchType, patch: serde_json::Value| {
        let request = PatchRequest {
            key: object_key("wftmpl", "t"),
            r#type: kind.into(),
            patch: bytes(&patch),
            ..PatchRequest::default()
        };
        let root = root.clone();
        async move { root.resources().patch(request).await }
    };
    let answer = patch(PatchType::Merge, serde_json::json!({"metadata": {"labels": {"a": "b"}}})).await.unwrap();
    assert!(answer.changed && json(&answer.document)["metadata"]["labels"]["a"] == "b");
    let again = patch(PatchType::Merge, serde_json::json!({"metadata": {"labels": {"a": "b"}}})).await.unwrap();
    assert!(!again.changed);
    let answer = patch(
        PatchType::Json,
        serde_json::json!([{"op": "replace", "path": "/spec/templates/0/container/image", "value": "busybox"}]),
    );
    assert_eq!(json(&answer.await.unwrap().document)["spec"]["templates"][0]["container"]["image"], "busybox");
    let answer = patch(
        PatchType::Strategic,
        serde_json::json!({"spec": {"arguments": {"parameters": [{"name": "who", "value": "me"}, {"name": "new", "value": "1"}]}}}),
    );
    let document = json(&answer.await.unwrap().document);
    assert_eq!(
        document["spec"]["arguments"]["parameters"],
        serde_json::json!([{"name": "who", "value": "me"}, {"name": "new", "value": "1"}])
    );
    let error = refused(patch(PatchType::Merge, serde_json::json!({"spec": {"nonsense": 1}})).await);
    assert_eq!(error.violations[0].path, "spec.nonsense");
    let stale = PatchRequest {
        key: object_key("wftmpl", "t"),
        patch: bytes(&serde_json::json!({})),
        precondition: Some(Precondition { resource_version: 1, ..Precondition::default() }),
        ..PatchRequest::default()
    };
    assert_eq!(refused(root.resources().patch(stale).await).code, "Conflict");
}

#[tokio::test]
async fn applying_creates_configures_and_leaves_alone() {
    let world = World::new().await;
    let root = world.root().await;
    let outcome = |data: serde_json::Value| {
        let root = root.clone();
        async move { root.resources().apply(apply(&config_map("a", data))).await.unwrap() }
    };
    assert_eq!(outcome(serde_json::json!({"x": "1", "y": "1"})).await.outcome(), ApplyOutcome::Created);
    assert_eq!(outcome(serde_json::json!({"x": "1", "y": "1"})).await.outcome(), ApplyOutcome::Unchanged);
    // Somebody else sets a field: it stays. One of ours that we drop goes.
    let other = PatchRequest {
        key: object_key("cm", "a"),
        patch: bytes(&serde_json::json!({"data": {"z": "1"}})),
        ..PatchRequest::default()
    };
    root.resources().patch(other).await.unwrap();
    let configured = outcome(serde_json::json!({"x": "2"})).await;
    assert_eq!(configured.outcome(), ApplyOutcome::Configured);
    assert_eq!(json(&configured.document)["data"], serde_json::json!({"x": "2", "z": "1"}));
    let dry = ApplyRequest { dry_run: DryRun::Server.into(), ..apply(&config_map("a", serde_json::json!({"x": "9"}))) };
    assert_eq!(json(&root.resources().apply(dry).await.unwrap().document)["data"]["x"], "9");
    assert_eq!(json(&root.resources().get(get("cm", "a")).await.unwrap().document)["data"]["x"], "2");
}

#[tokio::test]
async fn a_batch_does_what_it_can() {
    let world = World::new().await;
    let root = world.root().await;
    let mut bad = hello("bad");
    bad["spec"]["nonsense"] = 1.into();
    let documents = [config_map("a", serde_json::json!({"x": "1"})), bad, config_map("b", serde_json::json!({}))];
    let texts: Vec<bytes::Bytes> = documents.iter().map(bytes).collect();
    let items: Vec<client::BatchItem> =
        root.apply_all(BatchApplyOptions::default(), texts.clone()).await.unwrap().try_collect().await.unwrap();
    let told: Vec<Result<ApplyOutcome, String>> =
        items.into_iter().map(|item| item.result.map(|a| a.outcome()).map_err(|e| e.code)).collect();
    assert_eq!(told, [Ok(ApplyOutcome::Created), Err("Invalid".to_owned()), Ok(ApplyOutcome::Created)]);

    let stop = BatchApplyOptions { stop_on_error: true, create_only: true, ..BatchApplyOptions::default() };
    let items: Vec<client::BatchItem> = root.apply_all(stop, texts).await.unwrap().try_collect().await.unwrap();
    let codes: Vec<String> = items.into_iter().map(|item| item.result.unwrap_err().code).collect();
    assert_eq!(codes, ["AlreadyExists"]);
}

#[tokio::test]
async fn finalizers_hold_an_object() {
    let world = World::new().await;
    let root = world.root().await;
    let mut map = config_map("a", serde_json::json!({}));
    map["metadata"]["finalizers"] = serde_json::json!(["example.com/x"]);
    root.resources().create(create(&map)).await.unwrap();
    let request = DeleteRequest { key: object_key("cm", "a"), ..DeleteRequest::default() };
    let dry = DeleteRequest { dry_run: DryRun::Server.into(), ..request.clone() };
    assert!(!root.resources().delete(dry).await.unwrap().gone);
    let held = root.resources().delete(request.clone()).await.unwrap();
    assert_eq!((held.gone, held.finalizers), (false, vec!["example.com/x".to_owned()]));
    let free = PatchRequest {
        key: object_key("cm", "a"),
        patch: bytes(&serde_json::json!({"metadata": {"finalizers": null}})),
        ..PatchRequest::default()
    };
    root.resources().patch(free).await.unwrap();
    assert_eq!(refused(root.resources().get(get("cm", "a")).await).code, "NotFound");
    let wrong = DeleteRequest {
        precondition: Some(Precondition { uid: "x".to_owned(), ..Precondition::default() }),
        ..request
    };
    root.resources().create(create(&config_map("a", serde_json::json!({})))).await.unwrap();
    assert_eq!(refused(root.resources().delete(wrong).await).code, "Conflict");
}

#[tokio::test]
async fn garbage_is_refused_with_its_place() {
    let world = World::new().await;
    let root = world.root().await;
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_object = format!(r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"a"}},"data":{deep}}}"#);
    for (text, path) in [
        ("", "document"),
        ("kind: Workflow", "document"),
        ("{\"apiVersion\":\"v1\"}", "kind"),
        ("\u{0}", "document"),
        ("[1,2,3]", "document"),
        (deep.as_str(), "document"),
        (r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":[]}"#, "metadata"),
    ] {
        let request = CreateRequest { document: bytes::Bytes::from(text.to_owned()), ..CreateRequest::default() };
        let error = refused(root.resources().create(request).await);
        assert_eq!(error.violations.first().map(|v| v.path.as_str()), Some(path), "{text:.40}: {error:?}");
    }
    let request = CreateRequest { document: deep_object.into(), ..CreateRequest::default() };
    assert_eq!(refused(root.resources().create(request).await).kind, ErrorKind::InvalidArgument);
}
