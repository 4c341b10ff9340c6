//! Runs.

use std::collections::BTreeMap;
use std::time::Duration;

use client::ErrorKind;
use client::v1::*;
use futures::TryStreamExt;
use runtime::control::Command;

use crate::fakes::{node, phase};
use crate::world::*;

fn with(request: SubmitRequest, options: SubmitOptions) -> SubmitRequest {
    SubmitRequest { options: Some(options), ..request }
}

#[tokio::test]
async fn a_run_is_submitted_with_what_the_caller_changes() {
    let world = World::new().await;
    let root = world.root().await;
    let options = SubmitOptions {
        generate_name: "hello-".to_owned(),
        parameters: vec![Parameter { name: "p".to_owned(), value: "1".to_owned() }],
        labels: BTreeMap::from([("team".to_owned(), "x".to_owned())]),
        priority: Some(5),
        return_document: true,
        ..SubmitOptions::default()
    };
    let submitted = root.submit(with(submit(&hello("ignored")), options)).await.unwrap();
    assert!(submitted.name.starts_with("hello-") && submitted.namespace == "default" && submitted.resource_version > 0);
    let document = json(&submitted.document);
    assert_eq!(document["spec"]["arguments"]["parameters"], serde_json::json!([{"name": "p", "value": "1"}]));
    assert_eq!(document["spec"]["priority"], 5);
    assert_eq!(
        document["metadata"]["labels"],
        serde_json::json!({"team": "x", "workflows.argoproj.io/creator": "root"})
    );

    let got = root.workflows().get(get_workflow(&submitted.name, StatusDetail::Summary)).await.unwrap();
    assert_eq!(json(&got.document), document);
    let row = got.summary.unwrap();
    assert_eq!((row.name, row.phase, row.priority), (submitted.name, WorkflowPhase::Unknown as i32, 5));
}

#[tokio::test]
async fn a_dry_run_stores_nothing() {
    let world = World::new().await;
    let root = world.root().await;
    for how in [DryRun::MergeOnly, DryRun::Server] {
        let options = SubmitOptions { dry_run: how.into(), entrypoint: "main".to_owned(), ..SubmitOptions::default() };
        let answer = root.submit(with(submit(&hello("a")), options)).await.unwrap();
        assert_eq!(json(&answer.document)["metadata"]["name"], "a");
        assert_eq!(refused(root.workflows().get(get_workflow("a", StatusDetail::Summary)).await).code, "NotFound");
    }
    let mut wrong = hello("a");
    wrong["spec"]["nonsense"] = 1.into();
    let dry = |how: DryRun| with(submit(&wrong), SubmitOptions { dry_run: how.into(), ..SubmitOptions::default() });
    root.submit(dry(DryRun::MergeOnly)).await.unwrap();
    assert_eq!(refused(root.submit(dry(DryRun::Server)).await).violations[0].path, "spec.nonsense");
}

#[tokio::test]
async fn a_run_is_made_from_a_template_or_a_cron_workflow() {
    let world = World::new().await;
    let root = world.root().await;
    for document in [template("WorkflowTemplate", "t"), template("ClusterWorkflowTemplate", "c"), cron("nightly")] {
        root.resources().create(create(&document)).await.unwrap();
    }
    let from = |kind: TemplateKind, name: &str| SubmitRequest {
        source: Some(submit_request::Source::Template(TemplateSource { kind: kind.into(), name: name.to_owned() })),
        options: Some(SubmitOptions { return_document: true, ..SubmitOptions::default() }),
        ..SubmitRequest::default()
    };
    let run = json(&root.submit(from(TemplateKind::WorkflowTemplate, "t")).await.unwrap().document);
    assert_eq!(run["spec"]["workflowTemplateRef"], serde_json::json!({"name": "t"}));
    assert_eq!(run["metadata"]["labels"]["workflows.argoproj.io/workflow-template"], "t");
    let run = json(&root.submit(from(TemplateKind::ClusterWorkflowTemplate, "c")).await.unwrap().document);
    assert_eq!(run["spec"]["workflowTemplateRef"], serde_json::json!({"name": "c", "clusterScope": true}));
    let run = json(&root.submit(from(TemplateKind::CronWorkflow, "nightly")).await.unwrap().document);
    assert_eq!(run["metadata"]["labels"]["workflows.argoproj.io/cron-workflow"], "nightly");
    assert_eq!(run["metadata"]["labels"]["from"], "cron");
    assert_eq!(
        (&run["spec"]["entrypoint"], &run["metadata"]["ownerReferences"][0]["kind"]),
        (&"main".into(), &"CronWorkflow".into())
    );
    let error = refused(root.submit(from(TemplateKind::WorkflowTemplate, "none")).await);
    assert_eq!((error.kind, error.subject.as_str()), (ErrorKind::NotFound, "workflowtemplate default/none"));
    let error = refused(root.submit(from(TemplateKind::Unspecified, "t")).await);
    assert_eq!(error.violations[0].path, "template.kind");
}

#[tokio::test]
async fn other_kinds_are_not_submitted() {
    let world = World::new().await;
    let error = refused(world.root().await.submit(submit(&template("WorkflowTemplate", "t"))).await);
    assert_eq!(error.violations[0].path, "kind");
    assert!(error.hints[0].contains("submit from it by name"), "{:?}", error.hints);
}

#[tokio::test]
async fn rows_are_listed_by_phase_and_label() {
    let world = World::new().await;
    for name in ["a", "b", "c"] {
        world.run(name).await;
    }
    world.set_status("a", serde_json::json!({"phase": "Running", "progress": "1/2"})).await;
    world.set_status("b", serde_json::json!({"phase": "Failed", "message": "no"})).await;
    let root = world.root().await;
    let list = |phases: &[&str], order: Order| ListWorkflowsRequest {
        selector: Some(ObjectSelector {
            phases: phases.iter().map(|p| (*p).to_owned()).collect(),
            ..ObjectSelector::default()
        }),
        order: order.into(),
        ..ListWorkflowsRequest::default()
    };
    let names = |page: ListWorkflowsResponse| page.workflows.into_iter().map(|row| row.name).collect::<Vec<_>>();
    assert_eq!(names(root.workflows().list(list(&[], Order::Name)).await.unwrap()), ["a", "b", "c"]);
    assert_eq!(names(root.workflows().list(list(&[], Order::NewestFirst)).await.unwrap()), ["c", "b", "a"]);
    assert_eq!(names(root.workflows().list(list(&["Running", "Failed"], Order::Name)).await.unwrap()), ["a", "b"]);
    assert_eq!(names(root.workflows().list(list(&[""], Order::Name)).await.unwrap()), ["c"]);
    let row = &root.workflows().list(list(&["Failed"], Order::Name)).await.unwrap().workflows[0];
    assert_eq!((row.phase(), row.message.as_str()), (WorkflowPhase::Failed, "no"));
}

#[tokio::test]
async fn the_full_status_is_assembled_on_request() {
    let world = World::new().await;
    world.run("a").await;
    world.control.change("a", |run| {
        run.nodes = vec![node("n1", "x", "Succeeded")];
        run.status.phase = phase("Running");
    });
    let root = world.root().await;
    let full = root.get_workflow(get_workflow("a", StatusDetail::Full)).await.unwrap();
    let document = json(&full.document);
    assert_eq!(
        (&document["status"]["phase"], &document["status"]["nodes"]["n1"]["displayName"]),
        (&"Running".into(), &"x".into())
    );
    let none = root.workflows().get(get_workflow("a", StatusDetail::None)).await.unwrap();
    assert!(json(&none.document).get("status").is_none());
}

#[tokio::test]
async fn nodes_are_paged_and_watched_to_the_end() {
    let world = World::new().await;
    world.run("a").await;
    world
        .control
        .change("a", |run| run.nodes = (0..7).map(|n| node(&format!("n{n}"), &format!("x{n}"), "Running")).collect());
    let root = world.root().await;
    let mut request = ListNodesRequest { name: "a".to_owned(), limit: 3, full: true, ..ListNodesRequest::default() };
    let mut ids = Vec::new();
    loop {
        let page = root.workflows().list_nodes(request.clone()).await.unwrap();
        assert!(page.nodes.len() <= 3 && page.position == 7);
        ids.extend(page.nodes.into_iter().map(|node| {
            assert_eq!(json(&node.document)["id"], node.id.as_str());
            node.id
        }));
        request.continue_token = page.continue_token;
        if request.continue_token.is_empty() {
            break;
        }
    }
    assert_eq!(ids, ["n0", "n1", "n2", "n3", "n4", "n5", "n6"]);

    let mut watch = root.watch_nodes(WatchNodesRequest { name: "a".to_owned(), ..WatchNodesRequest::default() });
    assert_eq!(next(&mut watch).await.unwrap().nodes.len(), 7);
    world.control.change("a", |run| {
        run.nodes = vec![node("n9", "last", "Succeeded")];
        run.status.phase = phase("Succeeded");
    });
    let changed = next(&mut watch).await.unwrap();
    assert_eq!((changed.nodes[0].id.as_str(), changed.workflow.unwrap().phase()), ("n9", WorkflowPhase::Succeeded));
    assert!(next(&mut watch).await.unwrap().ended);
    assert!(watch.try_next().await.unwrap().is_none());
    let error =
        refused(root.workflows().list_nodes(ListNodesRequest { name: "none".to_owned(), ..Default::default() }).await);
    assert_eq!(error.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn waiting_ends_with_the_run() {
    let world = World::new().await;
    world.run("a").await;
    let root = world.root().await;
    let short = WaitRequest { name: "a".to_owned(), timeout_ms: 20, ..WaitRequest::default() };
    let answer = root.workflows().wait(short).await.unwrap();
    assert!(!answer.ended && answer.workflow.unwrap().name == "a");
    let waiting = tokio::spawn({
        let root = root.clone();
        async move { root.wait("", "a").await }
    });
    world.control.change("a", |run| {
        run.status.phase = phase("Failed");
        run.status.message = "broke".to_owned();
    });
    let row = tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap().unwrap().unwrap();
    assert_eq!((row.phase(), row.message.as_str()), (WorkflowPhase::Failed, "broke"));
    assert_eq!(refused(root.wait("", "none").await).kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn commands_reach_the_engine() {
    let world = World::new().await;
    world.run("a").await;
    let root = world.root().await;
    let workflows = root.workflows();
    let name = || "a".to_owned();
    let row = workflows
        .stop(StopRequest {
            name: name(),
            node_selector: "displayName=x".to_owned(),
            message: "enough".to_owned(),
            ..Default::default()
        })
        .await
        .unwrap();
    assert_eq!(row.workflow.unwrap().name, "a");
    workflows.terminate(TerminateRequest { name: name(), ..Default::default() }).await.unwrap();
    workflows.suspend(SuspendRequest { name: name(), ..Default::default() }).await.unwrap();
    workflows.resume(ResumeRequest { name: name(), ..Default::default() }).await.unwrap();
    let parameters = vec![Parameter { name: "p".to_owned(), value: "v".to_owned() }];
    workflows
        .retry(RetryRequest {
            name: name(),
            restart_successful: true,
            node_selector: "id=n".to_owned(),
            parameters: parameters.clone(),
            ..Default::default()
        })
        .await
        .unwrap();
    workflows
        .set_node(SetNodeRequest {
            name: name(),
            node_selector: "displayName=approve".to_owned(),
            output_parameters: parameters,
            phase: NodePhase::Succeeded.into(),
            message: "fine".to_owned(),
            ..Default::default()
        })
        .await
        .unwrap();
    let some = |text: &str| Some(text.to_owned());
    let pair = || vec![("p".to_owned(), "v".to_owned())];
    let expected = vec![
        Command::Stop { node_selector: some("displayName=x"), message: some("enough") },
        Command::Terminate,
        Command::Suspend,
        Command::Resume { node_selector: None },
        Command::Retry { restart_successful: true, node_selector: some("id=n"), parameters: pair() },
        Command::Set {
            node_selector: "displayName=approve".to_owned(),
            parameters: pair(),
            phase: Some(model::workflow::NodePhase::Succeeded),
            message: some("fine"),
        },
    ];
    let taken: Vec<Command> =
        world.control.commands.lock().unwrap().iter().map(|(_, command)| command.clone()).collect();
    assert_eq!(taken, expected);

    world.control.change("a", |run| run.status.phase = phase("Succeeded"));
    let error = refused(workflows.suspend(SuspendRequest { name: name(), ..Default::default() }).await);
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::FailedPrecondition, "Refused"));
    assert_eq!(error.subject, "workflow default/a");
}

#[tokio::test]
async fn a_run_is_resubmitted() {
    let world = World::new().await;
    let first = world.run("a").await;
    let root = world.root().await;
    let request = ResubmitRequest {
        name: "a".to_owned(),
        memoized: true,
        parameters: vec![Parameter { name: "p".to_owned(), value: "2".to_owned() }],
        ..ResubmitRequest::default()
    };
    let error = refused(root.workflows().resubmit(request.clone()).await);
    assert_eq!(error.kind, ErrorKind::FailedPrecondition);
    world.set_status("a", serde_json::json!({"phase": "Failed"})).await;
    let second = root.workflows().resubmit(request).await.unwrap().submitted.unwrap();
    assert!(second.name.starts_with("a-"));
    let document =
        json(&root.workflows().get(get_workflow(&second.name, StatusDetail::Summary)).await.unwrap().document);
    assert_eq!(document["metadata"]["annotations"][api::REUSE_ANNOTATION], first.uid.as_str());
    assert_eq!(document["metadata"]["labels"][api::RESUBMITTED_FROM_LABEL], "a");
    assert_eq!(document["spec"]["arguments"]["parameters"][0]["value"], "2");
}

#[tokio::test]
async fn a_run_is_deleted_by_force_if_need_be() {
    let world = World::new().await;
    let root = world.root().await;
    let mut run = hello("a");
    run["metadata"]["finalizers"] = serde_json::json!(["workflows.argoproj.io/artifact-gc"]);
    root.submit(submit(&run)).await.unwrap();
    let request = DeleteWorkflowRequest { name: "a".to_owned(), ..DeleteWorkflowRequest::default() };
    let held = root.workflows().delete(request.clone()).await.unwrap();
    assert_eq!((held.gone, held.finalizers.len()), (false, 1));
    let gone = root.workflows().delete(DeleteWorkflowRequest { force: true, ..request.clone() }).await.unwrap();
    assert!(gone.gone);
    assert_eq!(refused(root.workflows().delete(request).await).kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_runs_program_does_not_change_under_it() {
    let world = World::new().await;
    world.run("a").await;
    let root = world.root().await;
    let patch = |spec: serde_json::Value| {
        let patch = bytes(&serde_json::json!({"spec": spec}));
        let request = PatchRequest { key: object_key("wf", "a"), patch, ..PatchRequest::default() };
        let root = root.clone();
        async move { root.resources().patch(request).await }
    };
    for allowed in [
        serde_json::json!({"suspend": true}),
        serde_json::json!({"activeDeadlineSeconds": 5, "priority": 3, "parallelism": 2}),
        serde_json::json!({"ttlStrategy": {"secondsAfterCompletion": 1}}),
    ] {
        patch(allowed).await.unwrap();
    }
    let error = refused(patch(serde_json::json!({"entrypoint": "other", "suspend": false})).await);
    let paths: Vec<&str> = error.violations.iter().map(|v| v.path.as_str()).collect();
    assert_eq!((paths, error.violations[0].code.as_str()), (vec!["spec.entrypoint"], "Immutable"));
    assert!(error.hints[0].contains("activeDeadlineSeconds"));
    let error = refused(patch(serde_json::json!({"templates": null, "arguments": {"parameters": []}})).await);
    let paths: Vec<&str> = error.violations.iter().map(|v| v.path.as_str()).collect();
    assert_eq!(paths, ["spec.templates", "spec.arguments"]);
    // Labels may change.
    let labels = bytes(&serde_json::json!({"metadata": {"labels": {"a": "b"}}}));
    root.resources()
        .patch(PatchRequest { key: object_key("wf", "a"), patch: labels, ..PatchRequest::default() })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_server_may_run_only_what_its_templates_say() {
    for (mode, allowed) in [(api::TemplateReferencing::Strict, 2), (api::TemplateReferencing::Secure, 1)] {
        let admission = api::AdmissionSettings { template_referencing: Some(mode) };
        let world = World::with(Setup { admission, ..Setup::default() }).await;
        let root = world.root().await;
        root.resources().create(create(&template("WorkflowTemplate", "t"))).await.unwrap();
        let run = |spec: serde_json::Value| {
            let mut run = hello("x");
            run["metadata"] = serde_json::json!({"generateName": "x-"});
            run["spec"] = spec;
            submit(&run)
        };
        let reference = serde_json::json!({"name": "t"});
        let runs = [
            run(
                serde_json::json!({"workflowTemplateRef": reference, "arguments": {"parameters": [{"name": "who", "value": "x"}]}}),
            ),
            run(serde_json::json!({"workflowTemplateRef": reference, "parallelism": 1})),
            run(
                serde_json::json!({"workflowTemplateRef": reference, "templates": [{"name": "main", "container": {"image": "x"}}]}),
            ),
            submit(&hello("free")),
        ];
        let mut taken = 0;
        for request in runs {
            match root.submit(request).await {
                Ok(_) => taken += 1,
                Err(error) => assert_eq!(error.rpc().unwrap().violations[0].code, "Restricted"),
            }
        }
        assert_eq!(taken, allowed, "{mode:?}");
    }
}

#[tokio::test]
async fn a_reference_to_a_template_that_is_not_there_is_refused() {
    let world = World::new().await;
    let root = world.root().await;
    let mut run = hello("a");
    run["spec"]["templates"] = serde_json::json!([{"name": "main", "steps": [[{"name": "x", "templateRef": {"name": "shared", "template": "main"}}]]}]);
    let error = refused(root.submit(submit(&run)).await);
    assert!(error.violations[0].path.starts_with("spec.templates[0].steps[0][0].templateRef"), "{error:?}");
    root.resources().create(create(&template("WorkflowTemplate", "shared"))).await.unwrap();
    root.submit(submit(&run)).await.unwrap();
    run["metadata"]["name"] = "b".into();
    run["spec"]["templates"][0]["steps"][0][0]["templateRef"]["template"] = "mian".into();
    let error = refused(root.submit(submit(&run)).await);
    assert!(error.violations[0].path.starts_with("spec.templates[0].steps[0][0].templateRef"), "{error:?}");
    // Templates may come in any order.
    let mut early = template("WorkflowTemplate", "early");
    early["spec"]["templates"] = serde_json::json!([{"name": "main", "steps": [[{"name": "x", "templateRef": {"name": "late", "template": "main"}}]]}]);
    root.resources().create(create(&early)).await.unwrap();
}

#[tokio::test]
async fn linting_says_where() {
    let world = World::new().await;
    let root = world.root().await;
    let good: &'static str = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata:\n  name: a\nspec:\n  entrypoint: main\n  templates:\n  - name: main\n    container: {image: a, command: [b]}\n";
    let bad =
        "---\napiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata:\n  name: b\nspec:\n  entrypiont: main\n";
    let request = LintRequest { manifests: vec![bytes::Bytes::from(format!("{good}{bad}"))], ..LintRequest::default() };
    let answer = root.workflows().lint(request).await.unwrap();
    assert!(!answer.ok && answer.documents.len() == 2);
    let found = answer.violations.iter().find(|v| v.path == "spec.entrypiont").unwrap();
    assert_eq!((found.document, found.line, found.column), (1, 16, 3));
    assert_eq!(answer.documents[1].key.as_ref().unwrap().name, "b");
    let request = |text: &'static [u8]| LintRequest {
        manifests: vec![bytes::Bytes::from_static(text)],
        ..LintRequest::default()
    };
    assert!(root.workflows().lint(request(good.as_bytes())).await.unwrap().ok);
    for garbage in [&b"\xff\xfe"[..], b"a: [", b"{", b"- - -", b"a: &x [*x]"] {
        let answer = root.workflows().lint(request(garbage)).await.unwrap();
        assert!(!answer.ok && !answer.violations.is_empty(), "{garbage:?}");
    }
}
