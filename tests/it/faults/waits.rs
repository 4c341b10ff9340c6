//! Every wait has a reason that a person can read, and nothing waits for what can no longer come.

use super::*;

/// A step that waits until the test says `go` in its volume, and the volume's folder.
fn gated(name: &str) -> Value {
    let mut step = shell(name, "while ! test -e /v/go; do sleep 0.02; done");
    step["container"]["volumeMounts"] = json!([{"name": "gate", "mountPath": "/v"}]);
    step
}

fn volume() -> Value {
    json!([{"metadata": {"name": "gate"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}])
}

/// What waits, and what it must say.
#[tokio::test(flavor = "multi_thread")]
async fn each_says_what_for() {
    let server = Server::with(&[("images", "host"), ("namespaceParallelism", "100")]).await;
    let client = server.client().await;
    let two = |template: &str| json!({"name": "main", "parallelism": 1, "dag": {"tasks": [{"name": "a", "template": template}, {"name": "b", "template": template}]}});
    let mut mutex = gated("main");
    mutex["synchronization"] = json!({"mutexes": [{"name": "door"}]});
    let mut semaphore = gated("work");
    semaphore["synchronization"] = json!({"semaphores": [{"configMapKeyRef": {"name": "nowhere", "key": "n"}}]});
    let mut dag = two("work");
    dag.as_object_mut().unwrap().remove("parallelism");
    let mut claims = shell("main", "true");
    claims["container"]["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
    claims["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "not-there-yet"}}]);
    let run = |spec: Value| {
        let mut spec = spec;
        spec["entrypoint"] = json!("main");
        spec["volumeClaimTemplates"] = volume();
        spec
    };
    let rows = [
        (
            "template-parallelism",
            run(json!({"templates": [two("work"), gated("work")]})),
            "b",
            "the template's parallelism (1)",
        ),
        (
            "run-parallelism",
            run(json!({"parallelism": 1, "templates": [dag, gated("work")]})),
            "b",
            "the workflow's parallelism (1)",
        ),
        ("mutex", run(json!({"templates": [mutex]})), "mutex", ""),
        ("semaphore", run(json!({"templates": [two("work"), semaphore]})), "a", "nowhere"),
        ("suspended", run(json!({"suspend": true, "templates": [gated("main")]})), "suspended", "to be resumed"),
        ("claim", json!({"entrypoint": "main", "templates": [claims]}), "claim", "not-there-yet"),
    ];
    for (name, spec, node, text) in &rows {
        submit(&client, &workflow(name, spec.clone())).await.unwrap();
        says(&client, name, node, text).await;
    }
    // The second one at the door, of another run, says who is before it.
    let mut second = gated("main");
    second["synchronization"] = json!({"mutexes": [{"name": "door"}]});
    running(&client, "mutex", "mutex").await;
    submit(&client, &workflow("second", run(json!({"templates": [second]})))).await.unwrap();
    says(&client, "second", "second", "by default/mutex").await;
    says(&client, "second", "second", "1 of 1 taken").await;
    for (name, ..) in rows.iter().chain([&("second", json!(null), "", "")]) {
        server.cli(&["wf", "terminate", name]).ok();
        assert_eq!(ended(&client, name).await.phase(), WorkflowPhase::Failed, "{name}");
    }
    let page = server.metrics();
    for by in ["template_parallelism", "workflow_parallelism", "mutex"] {
        assert!(page.sum("colchis_throttled_total", &[&format!("by=\"{by}\"")]) >= 1.0, "{by}\n{}", page.text());
    }
}

/// Two runs each of which holds a lock while a step of it waits for the other's: the younger one gives way with the whole circle in its message, and the older
/// one goes on. Also after kill -9, when nobody remembers who waited.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_each_other_does_not_wait_for_ever() {
    let mut server = Server::with(&[("images", "host")]).await;
    let client = server.client().await;
    let mutex = |name: &str| json!({"mutexes": [{"name": name}]});
    let run = |first: &str, then: &str| {
        let mut wants = shell("wants", "true");
        wants["synchronization"] = mutex(then);
        let pause = json!({"name": "pause", "suspend": {}});
        let holds = json!({"name": "holds", "synchronization": mutex(first), "steps": [[{"name": "pause", "template": "pause"}], [{"name": "wants", "template": "wants"}]]});
        json!({"entrypoint": "holds", "templates": [holds, pause, wants]})
    };
    for (name, first, then) in [("older", "m1", "m2"), ("younger", "m2", "m1")] {
        submit(&client, &workflow(name, run(first, then))).await.unwrap();
        running(&client, name, "pause").await;
    }
    server.cli(&["wf", "resume", "older"]).ok();
    says(&client, "older", "wants", "default/m2: 1 of 1 taken").await;
    server.cli(&["wf", "resume", "younger"]).ok();
    says(&client, "younger", "wants", "default/m1").await;
    server.kill();
    server.restart().await;
    let client = server.client().await;
    let younger = ended(&client, "younger").await;
    assert_eq!(younger.phase(), WorkflowPhase::Failed, "{}", younger.message);
    let message = node(&client, "younger", "wants").await.message;
    for part in ["deadlock: default/younger holds mutex lock default/m2", "default/older holds mutex lock default/m1"] {
        assert!(message.contains(part), "{message}");
    }
    let older = ended(&client, "older").await;
    assert_eq!(older.phase(), WorkflowPhase::Succeeded, "{}", older.message);
    assert_eq!(server.metrics().sum("colchis_deadlocks_total", &["ended_by=\"failing\""]), 1.0);
}

/// A manifest that is no manifest is told as such, with the artifact's name.
#[tokio::test(flavor = "multi_thread")]
async fn an_artifact_that_is_no_manifest_is_named() {
    let server = Server::with(&[("images", "host")]).await;
    let client = server.client().await;
    for (name, command, says) in [
        ("folder", "mkdir /tmp/out && echo x > /tmp/out/x", "a file is needed, this is a folder"),
        ("bytes", "printf '\\377\\376' > /tmp/out", "it is not UTF-8"),
        ("two", "printf 'a: 1\\n---\\nb: 2\\n' > /tmp/out", "one object is needed, there are 2"),
        ("huge", "head -c 67108865 /dev/zero | tr '\\0' x > /tmp/out", "document_bytes_max"),
    ] {
        let mut make = shell("make", command);
        make["outputs"] = json!({"artifacts": [{"name": "out", "path": "/tmp/out"}]});
        let act = json!({"name": "act", "inputs": {"artifacts": [{"name": "what"}]},
            "resource": {"action": "create", "manifestFrom": {"artifact": {"name": "what"}}}});
        let from = json!({"artifacts": [{"name": "what", "from": "{{steps.make.outputs.artifacts.out}}"}]});
        let main = json!({"name": "main", "steps": [[{"name": "make", "template": "make"}], [{"name": "act", "template": "act", "arguments": from}]]});
        submit(&client, &workflow(name, json!({"entrypoint": "main", "templates": [main, make, act]}))).await.unwrap();
        assert_eq!(ended(&client, name).await.phase(), WorkflowPhase::Failed, "{name}");
        let message = node(&client, name, "act").await.message;
        assert!(message.starts_with("resource.manifestFrom") && message.contains(says), "{name}: {message}");
    }
}

/// A run that waits for a place on the server says so on its object; its age is measured, and it begins when there is a place.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_says_so() {
    let server = Server::with(&[("images", "host"), ("parallelism", "1")]).await;
    let client = server.client().await;
    let spec = json!({"entrypoint": "main", "templates": [{"name": "main", "suspend": {}}]});
    submit(&client, &workflow("first", spec.clone())).await.unwrap();
    running(&client, "first", "first").await;
    submit(&client, &workflow("next", spec)).await.unwrap();
    eventually("the pending run says what it waits for", || async {
        let request =
            GetWorkflowRequest { namespace: "default".into(), name: "next".into(), ..GetWorkflowRequest::default() };
        let summary = client.workflows().get(request).await.ok()?.summary?;
        (summary.message.contains("the server's parallelism") && summary.message.contains("default/first"))
            .then_some(())
    })
    .await;
    let page = server.metrics();
    assert_eq!(page.sum("argo_workflows_gauge", &["phase=\"Pending\""]), 1.0);
    assert_eq!(page.sum("argo_workflows_gauge", &["phase=\"Running\""]), 1.0);
    assert!(page.sum("colchis_queue_oldest_seconds", &["namespace=\"default\""]) > 0.0, "{}", page.text());
    assert_eq!(page.sum("colchis_throttled_total", &["by=\"server_parallelism\""]), 1.0);
    for name in ["first", "next"] {
        running(&client, name, name).await;
        server.cli(&["wf", "resume", name]).ok();
        assert_eq!(ended(&client, name).await.phase(), WorkflowPhase::Succeeded);
    }
    assert_eq!(server.metrics().sum("argo_workflows_gauge", &["phase=\"Pending\""]), 0.0);
}

/// Steps that wait for objects leave room for those whose work they wait for.
#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_objects_takes_no_place() {
    // More than may work inside the server at once.
    const WAITING: usize = 80;
    let server = Server::start().await;
    let client = server.client().await;
    let map = |name: &str, action: &str, state: &str| {
        let manifest =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"state": state}});
        json!({"name": "main", "resource": {"action": action, "manifest": manifest.to_string()}})
    };
    let mut wait = map("m{{inputs.parameters.n}}", "create", "new");
    wait["name"] = json!("wait");
    wait["inputs"] = json!({"parameters": [{"name": "n"}]});
    wait["resource"]["successCondition"] = json!("data.state == done");
    let each = json!({"name": "w", "template": "wait", "withSequence": {"count": WAITING}, "arguments": {"parameters": [{"name": "n", "value": "{{item}}"}]}});
    let spec = json!({"entrypoint": "main", "templates": [{"name": "main", "steps": [[each]]}, wait]});
    submit(&client, &workflow("waiting", spec)).await.unwrap();
    let last = format!("w({}:{})", WAITING - 1, WAITING - 1);
    says(&client, "waiting", &last, "data.state == done").await;
    for n in 0..WAITING {
        let name = format!("done-{n}");
        let spec = json!({"entrypoint": "main", "templates": [map(&format!("m{n}"), "patch", "done")]});
        submit(&client, &workflow(&name, spec)).await.unwrap();
    }
    let summary = ended(&client, "waiting").await;
    assert_eq!(summary.phase(), WorkflowPhase::Succeeded, "{}", summary.message);
}

/// A step that made an object and waits for it goes on waiting after kill -9: it finds its own object, and makes no second one.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_made_once() {
    let mut server = Server::start().await;
    let client = server.client().await;
    let made = |meta: Value| {
        let manifest = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"state": "new"}});
        json!({"action": "create", "manifest": manifest.to_string(), "successCondition": "data.state == done"})
    };
    let labels = json!({"made": "here"});
    for (name, meta) in [
        ("named", json!({"name": "one", "labels": labels})),
        ("generated", json!({"generateName": "two-", "labels": labels})),
    ] {
        let spec = json!({"entrypoint": "main", "templates": [{"name": "main", "resource": made(meta)}]});
        submit(&client, &workflow(name, spec)).await.unwrap();
        running(&client, name, name).await;
    }
    let maps = |server: &Server| -> Vec<String> {
        let said = server.cli(&["get", "configmap", "-l", "made=here", "-o", "name"]).ok();
        said.lines().map(|line| line.rsplit('/').next().unwrap_or_default().to_owned()).collect()
    };
    eventually("both are made", || async { (maps(&server).len() == 2).then_some(()) }).await;
    let before = maps(&server);
    server.kill();
    server.restart().await;
    assert_eq!(server.metrics().sum("colchis_runs_taken_over_total", &[]), 2.0);
    let client = server.client().await;
    for map in &before {
        apply(&client, "default", &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": map, "labels": labels}, "data": {"state": "done"}})).await;
    }
    for name in ["named", "generated"] {
        let summary = ended(&client, name).await;
        assert_eq!(summary.phase(), WorkflowPhase::Succeeded, "{name}: {}", summary.message);
    }
    assert_eq!(maps(&server), before);
}

/// A step that patched an object and waits for it patches it once, also when the server is killed meanwhile: what it added stands there once, and what others
/// changed since stays.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_patched_once() {
    let mut server = Server::start().await;
    let client = server.client().await;
    let list = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTemplate", "metadata": {"name": "list", "labels": {"state": "new"}}, "spec": {"arguments": {"parameters": [{"name": "first", "value": "1"}]}, "templates": [shell("x", "true")]}});
    apply(&client, "default", &list).await;
    let add = json!([{"op": "add", "path": "/spec/arguments/parameters/-", "value": {"name": "second", "value": "2"}}]);
    let resource = json!({
        "action": "patch", "mergeStrategy": "json", "flags": ["workflowtemplate", "list"], "manifest": add.to_string(),
        "successCondition": "metadata.labels.state == done", "failureCondition": "metadata.labels.state == bad",
    });
    let spec = json!({"entrypoint": "main", "templates": [{"name": "main", "resource": resource}]});
    submit(&client, &workflow("patch", spec)).await.unwrap();
    let read = |server: &Server| -> Value {
        serde_json::from_str(&server.cli(&["get", "workflowtemplate", "list", "-o", "json"]).ok()).unwrap()
    };
    let parameters = |server: &Server| read(server)["spec"]["arguments"]["parameters"].as_array().unwrap().len();
    eventually("it is patched", || async { (parameters(&server) == 2).then_some(()) }).await;
    for _ in 0..2 {
        server.kill();
        server.restart().await;
        running(&server.client().await, "patch", "patch").await;
    }
    let client = server.client().await;
    let mut done = read(&server);
    done["metadata"]["labels"]["state"] = json!("done");
    apply(&client, "default", &done).await;
    let summary = ended(&client, "patch").await;
    assert_eq!(summary.phase(), WorkflowPhase::Succeeded, "{}", summary.message);
    assert_eq!(parameters(&server), 2);
}

/// Steps that end well when they are told to end did not do what they had to: not at a stop, not at a termination, not when their time is over.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_is_stopped_fails() {
    let server = Server::start().await;
    let client = server.client().await;
    let polite = || shell("polite", "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done");
    let steps = json!({"name": "main", "steps": [[{"name": "it", "template": "polite"}], [{"name": "after", "template": "polite"}]]});
    let spec = json!({"entrypoint": "main", "onExit": "bye", "templates": [steps, polite(), shell("bye", "echo bye")]});
    for (name, order, message) in [("stop", "stop", "'Stop'"), ("terminate", "terminate", "'Terminate'")] {
        submit(&client, &workflow(name, spec.clone())).await.unwrap();
        eventually("it is up", || async { (log(&client, name, "it").await == "up\n").then_some(()) }).await;
        server.cli(&["wf", order, name]).ok();
        let summary = ended(&client, name).await;
        assert_eq!(summary.phase(), WorkflowPhase::Failed, "{}", summary.message);
        assert_eq!(summary.message, format!("Stopped with strategy {message}"));
        let it = node(&client, name, "it").await;
        assert_eq!(it.phase(), NodePhase::Failed, "{}", it.message);
        assert!(it.message.contains("shutdown with strategy"), "{}", it.message);
        let nodes = nodes(&client, name).await;
        assert!(nodes.iter().all(|n| n.display_name != "after"));
        let bye = nodes.iter().find(|n| n.display_name.ends_with(".onExit")).map(Node::phase);
        assert_eq!(bye, (order == "stop").then_some(NodePhase::Succeeded), "{name}");
    }
    let mut late = polite();
    late["activeDeadlineSeconds"] = json!(1);
    submit(&client, &workflow("late", json!({"entrypoint": "polite", "templates": [late]}))).await.unwrap();
    let late = ended(&client, "late").await;
    assert_eq!(late.phase(), WorkflowPhase::Failed, "{}", late.message);
    assert!(late.message.contains("Step exceeded its deadline"), "{}", late.message);
    // The run's own deadline.
    let spec = json!({"entrypoint": "polite", "activeDeadlineSeconds": 1, "templates": [polite()]});
    submit(&client, &workflow("over", spec)).await.unwrap();
    let over = ended(&client, "over").await;
    assert_eq!((over.phase(), over.message.as_str()), (WorkflowPhase::Failed, "Workflow exceeded its deadline"));
    assert_eq!(node(&client, "over", "over").await.phase(), NodePhase::Failed);
}
