//! Limits at every level: passing one is a clear error, and no crowd keeps others out.

use super::*;

/// A list of a million items is refused by the limit's name, at once; one that fits the list but not the run ends the run by that limit's name.
#[tokio::test(flavor = "multi_thread")]
async fn a_fan_out_without_bounds() {
    let server = Server::with(&[("images", "host"), ("runner", "virtual"), ("limits.nodes_max", "500")]).await;
    let client = server.client().await;
    let run = |items: usize| {
        let list: Vec<usize> = (0..items).collect();
        let each = json!({"name": "each", "template": "one", "withParam": "{{workflow.parameters.list}}"});
        json!({
            "entrypoint": "main", "arguments": {"parameters": [{"name": "list", "value": serde_json::to_string(&list).unwrap()}]},
            "templates": [{"name": "main", "steps": [[each]]}, shell("one", "true")],
        })
    };
    let begun = Instant::now();
    submit(&client, &workflow("million", run(1_000_000))).await.unwrap();
    let million = ended(&client, "million").await;
    assert_eq!(million.phase(), WorkflowPhase::Failed, "{}", million.message);
    assert!(million.message.contains("1000000") && million.message.contains("items_max"), "{}", million.message);
    assert!(begun.elapsed() < Duration::from_secs(30), "took {:?}", begun.elapsed());
    submit(&client, &workflow("many", run(2_000))).await.unwrap();
    let many = ended(&client, "many").await;
    assert!(matches!(many.phase(), WorkflowPhase::Error | WorkflowPhase::Failed), "{}", many.message);
    assert!(many.message.contains("nodes_max"), "{}", many.message);
    // A parameter beyond its limit is refused before it is stored.
    let huge = json!({
        "entrypoint": "main", "arguments": {"parameters": [{"name": "p", "value": "x".repeat(17 << 20)}]},
        "templates": [shell("main", "true")],
    });
    match submit(&client, &workflow("huge", huge)).await {
        Err(refused) => assert!(refused.to_string().contains("bytes_max"), "{refused}"),
        Ok(_) => {
            let huge = ended(&client, "huge").await;
            assert_eq!(huge.phase(), WorkflowPhase::Error);
            assert!(huge.message.contains("parameter_bytes_max"), "{}", huge.message);
        }
    }
    // The server is as well as before.
    submit(&client, &workflow("after", json!({"entrypoint": "main", "templates": [shell("main", "true")]})))
        .await
        .unwrap();
    assert_eq!(ended(&client, "after").await.phase(), WorkflowPhase::Succeeded);
}

/// Large values in many places are no reason to stop: what is written down at a time is bounded, what a run holds is not.
#[tokio::test(flavor = "multi_thread")]
async fn large_values_in_many_places() {
    let server = Server::with(&[("images", "host"), ("runner", "virtual")]).await;
    let client = server.client().await;
    let run = |bytes: usize, steps: usize| {
        let each = json!({
            "name": "each", "template": "one", "withSequence": {"count": steps},
            "arguments": {"parameters": [{"name": "p", "value": "{{workflow.parameters.p}}"}]},
        });
        let mut one = shell("one", "true");
        one["inputs"] = json!({"parameters": [{"name": "p"}]});
        json!({
            "entrypoint": "main", "arguments": {"parameters": [{"name": "p", "value": "x".repeat(bytes)}]},
            "templates": [{"name": "main", "steps": [[each]]}, one],
        })
    };
    for (name, bytes, steps) in [("one-huge", 12 << 20, 1), ("many-large", 1 << 20, 60)] {
        submit(&client, &workflow(name, run(bytes, steps))).await.unwrap();
        let summary = ended(&client, name).await;
        assert_eq!(summary.phase(), WorkflowPhase::Succeeded, "{name}: {}", summary.message);
    }
    assert_eq!(server.metrics().sum("colchis_quarantined_total", &[]), 0.0);
}

/// Templates that invoke each other for ever end by the limit's name; so does a step that would be tried again for ever.
#[tokio::test(flavor = "multi_thread")]
async fn what_would_not_end_by_itself() {
    let server = Server::with(&[("images", "host"), ("runner", "virtual"), ("limits.nodes_max", "300")]).await;
    let client = server.client().await;
    let again = json!({"name": "main", "steps": [[{"name": "again", "template": "main"}]]});
    submit(&client, &workflow("deep", json!({"entrypoint": "main", "templates": [again]}))).await.unwrap();
    let deep = ended(&client, "deep").await;
    assert_eq!(deep.phase(), WorkflowPhase::Failed, "{}", deep.message);
    assert!(deep.message.len() < 300, "the cause, not the way to it: {}", deep.message);
    assert!(deep.message.contains("recursion_max"), "{}", deep.message);
    let wide =
        json!({"name": "main", "steps": [[{"name": "a", "template": "main"}, {"name": "b", "template": "main"}]]});
    submit(&client, &workflow("wide", json!({"entrypoint": "main", "templates": [wide]}))).await.unwrap();
    let wide = ended(&client, "wide").await;
    assert!(wide.message.contains("nodes_max") || wide.message.contains("recursion_max"), "{}", wide.message);
    let fails = json!({"name": "x", "template": "leaf", "withParam": "{{workflow.parameters.p}}"});
    let storm = json!({"name": "main", "retryStrategy": {"retryPolicy": "Always"}, "steps": [[fails]]});
    let spec = json!({
        "entrypoint": "main", "arguments": {"parameters": [{"name": "p", "value": "no list"}]},
        "templates": [storm, shell("leaf", "true")],
    });
    submit(&client, &workflow("storm", spec)).await.unwrap();
    let storm = ended(&client, "storm").await;
    assert!(storm.message.contains("nodes_max"), "{}", storm.message);
}

/// One namespace with many runs does not keep another one out: places go round.
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_fair_between_namespaces() {
    let server = Server::with(&[("images", "host"), ("parallelism", "1")]).await;
    let client = server.client().await;
    for namespace in ["crowd", "other"] {
        apply(&client, "", &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})).await;
    }
    let spec = json!({"entrypoint": "main", "templates": [{"name": "main", "suspend": {}}]});
    let all: Vec<(&str, String)> =
        (0..20).map(|n| ("crowd", format!("c{n:02}"))).chain([("other", "o".to_owned())]).collect();
    for (namespace, name) in &all {
        let source = Some(submit_request::Source::Manifest(workflow(name, spec.clone()).to_string().into()));
        client.submit(SubmitRequest { namespace: (*namespace).to_owned(), source, options: None }).await.unwrap();
    }
    let waiting = || async {
        let page = server.metrics();
        let pending = page.sum("colchis_throttled_total", &["by=\"server_parallelism\""]);
        (pending == 20.0).then_some(())
    };
    eventually("all but one wait", waiting).await;
    server.cli(&["wf", "resume", "-n", "crowd", "c00"]).ok();
    // The one of the other namespace came last and is next.
    eventually("the other namespace has its turn", || async {
        let request =
            GetWorkflowRequest { namespace: "other".into(), name: "o".into(), ..GetWorkflowRequest::default() };
        let summary = client.workflows().get(request).await.ok()?.summary?;
        (summary.phase() == WorkflowPhase::Running).then_some(())
    })
    .await;
    let page = server.metrics();
    assert_eq!(page.sum("argo_workflows_gauge", &["phase=\"Running\"", "namespace=\"crowd\""]), 0.0);
}

/// A step that takes more memory than it may says so, is counted as failed, and is tried again where its strategy covers that.
#[tokio::test(flavor = "multi_thread")]
async fn out_of_memory() {
    let server = Server::start().await;
    let client = server.client().await;
    let mut hungry = shell("main", "test {{retries}} -ge 1 || exec tail /dev/zero");
    hungry["container"]["resources"] = json!({"limits": {"memory": "32Mi"}});
    hungry["retryStrategy"] = json!({"limit": 1});
    // Not what it is about: without a limit it would take all there is.
    hungry["activeDeadlineSeconds"] = json!(20);
    if server.full_log().contains("limits of memory are not enforced") {
        return testkit::tools::skip("out of memory", "no control group for memory here");
    }
    submit(&client, &workflow("hungry", json!({"entrypoint": "main", "templates": [hungry]}))).await.unwrap();
    let summary = ended(&client, "hungry").await;
    assert_eq!(summary.phase(), WorkflowPhase::Succeeded, "{}", summary.message);
    let first = node(&client, "hungry", "hungry(0)").await;
    assert_eq!(first.phase(), NodePhase::Failed);
    assert!(first.message.contains("OOMKilled"), "{}", first.message);
    assert_eq!(server.metrics().sum("colchis_step_retries_total", &["reason=\"failed\""]), 1.0);
}
