//! Components of WebAssembly as images: imported or pulled, run as the steps of workflows.

use client::Client;
use client::v1::WorkflowPhase;
use serde_json::{Value, json};
use testkit::registry::OciRegistry;
use tests::{Server, eventually};

use crate::plugins::{apply, plugin, run, stands};

/// A server that has the program as an image.
pub(crate) async fn server(test: &str, settings: &[(&str, &str)]) -> Option<Server> {
    let component = testkit::tools::guest("program", test)?;
    let server = Server::with(settings).await;
    let said = server.cli(&["image", "import", &component.display().to_string(), "--name", "program:1"]).ok();
    assert!(said.contains("docker.io/library/program:1 imported (sha256:"), "{said}");
    Some(server)
}

pub(crate) const IMPORTED: &[(&str, &str)] = &[("images", "imported")];

/// A container template of the program.
pub(crate) fn template(name: &str, actions: &[&str]) -> Value {
    json!({"name": name, "container": {"image": "program:1", "args": actions}})
}

/// With more of what a template may have.
pub(crate) fn with(mut template: Value, more: Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        match (template.get_mut(key), value) {
            (Some(Value::Object(there)), Value::Object(more)) => there.extend(more.clone()),
            _ => template[key] = value.clone(),
        }
    }
    template
}

pub(crate) fn workflow(name: &str, templates: Value) -> Value {
    let entrypoint = templates[0]["name"].clone();
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name},
        "spec": {"entrypoint": entrypoint, "templates": templates}})
}

pub(crate) fn node<'v>(workflow: &'v Value, name: &str) -> &'v Value {
    let nodes = workflow["status"]["nodes"].as_object().unwrap();
    nodes.values().find(|node| node["displayName"] == name).unwrap_or_else(|| panic!("no node {name}: {workflow}"))
}

pub(crate) async fn submit(server: &Server, workflow: &Value) {
    let file = server.home().join("submitted.json");
    std::fs::write(&file, workflow.to_string()).unwrap();
    server.cli(&["wf", "submit", &file.display().to_string()]).ok();
}

/// The message of a run of one step that has to fail so.
pub(crate) async fn fails(server: &Server, client: &Client, name: &str, template: Value, phase: &str) -> Value {
    let (ended, shown) = run(server, client, &workflow(name, json!([template]))).await;
    let expected = if phase == "Error" { WorkflowPhase::Error } else { WorkflowPhase::Failed };
    assert_eq!(ended, expected, "{shown}");
    let node = node(&shown, name).clone();
    assert_eq!(node["phase"], phase, "{node}");
    node
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_is_a_step_as_any_other() {
    let test = "a_component_is_a_step_as_any_other";
    let Some(server) = server(test, IMPORTED).await else { return };
    let client = server.client().await;
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}, "stringData": {"k": "open sesame"}});
    apply(&server, &secret);
    let first = json!({"name": "first", "inputs": {
        "parameters": [{"name": "who"}],
        "artifacts": [{"name": "in", "path": "/data/in.txt", "raw": {"data": "as it was"}}],
    },
    "container": {"image": "program:1", "workingDir": "/work",
        "command": ["args", "print=hello {{inputs.parameters.who}}"],
        "args": ["env=PLAIN", "env=SECRET", "env=PWD", "cwd", "error=to standard error", "list=/", "read=/data/in.txt", "copy=/data/in.txt=/vol/deep",
            "copy=/vol/deep=/out.txt", "write=/tmp/p=forty-two", "write=/work/w=x", "list=/vol", "print=$(PLAIN) again"],
        "env": [{"name": "PLAIN", "value": "1"}, {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "key", "key": "k"}}}],
        "volumeMounts": [{"name": "vol", "mountPath": "/vol"}]},
    "volumes": [{"name": "vol", "emptyDir": {}}],
    "outputs": {
        "parameters": [{"name": "p", "valueFrom": {"path": "/tmp/p"}}, {"name": "d", "valueFrom": {"path": "/none", "default": "by default"}}],
        "artifacts": [{"name": "out", "path": "/out.txt"}, {"name": "volume", "path": "/vol/deep", "archive": {"none": {}}}, {"name": "maybe", "path": "/none", "optional": true}],
    }});
    let second = with(
        template("second", &["read=/in/it", "print={{inputs.parameters.p}}"]),
        json!({"inputs": {"parameters": [{"name": "p"}], "artifacts": [{"name": "it", "path": "/in/it"}]}}),
    );
    let script = json!({"name": "script", "script": {"image": "program:1", "command": ["args"], "source": "print=from a script\nif-there=/none\nfail\n"}});
    let main = json!({"name": "main", "steps": [
        [{"name": "one", "template": "first", "arguments": {"parameters": [{"name": "who", "value": "Medea"}]}}],
        [{"name": "two", "template": "second", "arguments": {
            "parameters": [{"name": "p", "value": "{{steps.one.outputs.parameters.p}}, {{steps.one.outputs.parameters.d}}"}],
            "artifacts": [{"name": "it", "from": "{{steps.one.outputs.artifacts.out}}"}]}}],
    ]});
    let mut whole = workflow("whole", json!([main, first, second]));
    whole["spec"]["archiveLogs"] = json!(true);
    let (phase, shown) = run(&server, &client, &whole).await;
    assert_eq!(phase, WorkflowPhase::Succeeded, "{shown}");
    let (one, two) = (node(&shown, "one"), node(&shown, "two"));
    assert_eq!((&one["type"], &one["outputs"]["exitCode"]), (&json!("Pod"), &json!("0")), "{one}");
    let result = one["outputs"]["result"].as_str().unwrap();
    let lines: Vec<&str> = result.lines().collect();
    let arguments = lines.iter().position(|line| *line == "print=1 again").unwrap();
    assert_eq!(lines[0], "program", "its own name: {result}");
    let said = [
        "hello Medea",
        "1",
        "open sesame",
        "/work",
        "/work",
        "argo",
        "data",
        "tmp",
        "vol",
        "work",
        "as it was",
        "deep",
        "1 again",
    ];
    assert_eq!(&lines[arguments + 1..], said, "{result}");
    assert_eq!(two["outputs"]["result"], "as it was\nforty-two, by default");

    // What it wrote to both streams is its log, as of any step.
    let log = server.cli(&["wf", "logs", "whole", one["id"].as_str().unwrap()]).ok();
    assert!(
        log.contains("hello Medea\n") && log.contains("to standard error\n") && !log.contains("program:1"),
        "{log}"
    );
    let all = server.cli(&["wf", "logs", "whole", "--container", "main", "--follow"]).ok();
    assert!(all.contains("to standard error") && all.contains("forty-two, by default"), "{all}");
    let got = server.home().join("got");
    for (artifact, text) in [("volume", "as it was"), ("main-logs", "to standard error\n")] {
        server.cli(&["artifact", "get", "whole", artifact, "--node", "one", "-o", &got.display().to_string()]).ok();
        assert!(std::fs::read_to_string(&got).unwrap().contains(text), "{artifact}");
        std::fs::remove_file(&got).unwrap();
    }
    let (phase, shown) = run(&server, &client, &workflow("scripted", json!([script]))).await;
    assert_eq!(phase, WorkflowPhase::Succeeded, "{shown}");
    assert_eq!(
        node(&shown, "scripted")["outputs"]["result"],
        "program\nargs\n/argo/staging/script\nfrom a script",
        "{shown}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn how_a_component_ends() {
    let Some(server) = server("how_a_component_ends", IMPORTED).await else { return };
    let client = server.client().await;
    let limited = |template: Value| with(template, json!({"container": {"resources": {"limits": {"memory": "32Mi"}}}}));
    let late = |template: Value| with(template, json!({"activeDeadlineSeconds": 1}));
    for (name, step, code, part) in [
        ("coded", template("coded", &["print=so far", "exit=3"]), json!("3"), "exit code 3"),
        ("plain", template("plain", &["fail"]), json!("1"), "exit code 1"),
        (
            "explained",
            template("explained", &["folder=/dev", "write=/dev/termination-log=because", "exit=4"]),
            json!("4"),
            "exit code 4): because",
        ),
        ("trapped", template("trapped", &["trap"]), json!("134"), "unreachable"),
        (
            "greedy",
            limited(template("greedy", &["eat=64"])),
            json!("137"),
            "OOMKilled (exit code 137, limit 33554432 bytes)",
        ),
        ("late", late(template("late", &["sleep=600000"])), Value::Null, "Step exceeded its deadline"),
        ("busy", late(template("busy", &["spin"])), Value::Null, "Step exceeded its deadline"),
        ("unknown", template("unknown", &["dance"]), json!("2"), "exit code 2"),
    ] {
        let ended = fails(&server, &client, name, step, "Failed").await;
        assert!(ended["message"].as_str().unwrap().contains(part), "{ended}");
        assert_eq!(ended["outputs"]["exitCode"], code, "{ended}");
    }
    let log = server.cli(&["wf", "logs", "unknown"]).ok();
    assert!(log.contains("dance: no such action"), "{log}");
    // Within its limit it has what it asks for.
    let (phase, shown) =
        run(&server, &client, &workflow("modest", json!([limited(template("modest", &["eat=8"]))]))).await;
    assert_eq!(phase, WorkflowPhase::Succeeded, "{shown}");
    // It is tried again as any step, and what it leaves is missed.
    let tries = with(template("tries", &["print={{retries}}", "exit=1"]), json!({"retryStrategy": {"limit": 2}}));
    let (_, shown) = run(&server, &client, &workflow("tries", json!([tries]))).await;
    assert_eq!(node(&shown, "tries(2)")["outputs"]["result"], "2", "{shown}");
    let forgets =
        with(template("forgets", &["print=x"]), json!({"outputs": {"artifacts": [{"name": "it", "path": "/it"}]}}));
    let ended = fails(&server, &client, "forgets", forgets, "Error").await;
    assert!(
        ended["message"].as_str().unwrap().contains("output artifact it: /it: the step did not write it"),
        "{ended}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_is_stopped_and_the_server_goes_on() {
    let Some(server) = server("a_component_is_stopped_and_the_server_goes_on", IMPORTED).await else { return };
    let client = server.client().await;
    // More that compute for ever than there are processors.
    let many = json!({"name": "main", "steps": [[{"name": "s", "template": "spins", "withSequence": {"count": "6"}}]]});
    let spins = template("spins", &["print=begun", "spin"]);
    for (name, how) in [("stopped", "stop"), ("terminated", "terminate")] {
        submit(&server, &workflow(name, json!([many, spins]))).await;
        eventually(&format!("{name} is under way"), || async {
            (server.cli(&["wf", "logs", name]).out.matches("begun").count() == 6).then_some(())
        })
        .await;
        // Others have their turn.
        let other = workflow(&format!("beside-{name}"), json!([template("beside", &["print=me too"])]));
        let (phase, shown) = run(&server, &client, &other).await;
        assert_eq!(phase, WorkflowPhase::Succeeded, "{shown}");
        server.cli(&["wf", how, name]).ok();
        assert_eq!(client.wait("default", name).await.unwrap().phase(), WorkflowPhase::Failed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_begins_anew_when_its_server_was_killed() {
    let test = "a_component_begins_anew_when_its_server_was_killed";
    let Some(mut server) = server(test, IMPORTED).await else { return };
    let slow = json!({"name": "main", "steps": [
        [{"name": "one", "template": "quick"}],
        [{"name": "two", "template": "slow"}],
    ]});
    let slow = workflow(
        "slow",
        json!([
            slow,
            template("quick", &["print=quick"]),
            template("slow", &["print=begun", "sleep=4000", "print=ended"])
        ]),
    );
    submit(&server, &slow).await;
    eventually("the second step is under way", || async {
        server.cli(&["wf", "logs", "slow"]).out.contains("begun").then_some(())
    })
    .await;
    server.kill();
    server.restart().await;
    let client = server.client().await;
    assert_eq!(client.wait("default", "slow").await.unwrap().phase(), WorkflowPhase::Succeeded);
    let shown: Value = serde_json::from_str(&server.cli(&["wf", "get", "slow", "-o", "json"]).ok()).unwrap();
    assert_eq!(node(&shown, "two")["outputs"]["result"], "begun\nended", "{shown}");
    let id = node(&shown, "two")["id"].as_str().unwrap();
    assert_eq!(server.cli(&["wf", "logs", "slow", id]).ok(), "begun\nended\n");
    assert_eq!(
        server.cli(&["wf", "logs", "slow", id, "--previous"]).ok(),
        "begun\n",
        "what the one before wrote is kept"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_reaches_nothing() {
    let Some(server) = server("a_component_reaches_nothing", IMPORTED).await else { return };
    let client = server.client().await;
    let looks = template("looks", &["get=127.0.0.1:2746", "list=/", "list=/tmp"]);
    let (phase, shown) = run(&server, &client, &workflow("looks", json!([looks]))).await;
    assert_eq!(phase, WorkflowPhase::Succeeded, "{shown}");
    let result = node(&shown, "looks")["outputs"]["result"].as_str().unwrap().to_owned();
    assert!(result.starts_with("refused: ") && result.ends_with("\nargo\ntmp\n"), "{result:?}");
    for (name, actions) in [
        ("climbs", ["read=/../../../../../etc/passwd", "print=read"]),
        ("machine", ["read=/etc/passwd", "print=read"]),
        ("rooted", ["link=/etc/passwd=/l", "read=/l"]),
        ("linked", ["link=../../../../../../../../etc/passwd=/l", "read=/l"]),
    ] {
        let ended = fails(&server, &client, name, template(name, &actions), "Failed").await;
        assert_eq!(ended["outputs"]["exitCode"], "2", "{ended}");
    }
    // Nor do its outputs.
    let p = json!({"outputs": {"parameters": [{"name": "p", "valueFrom": {"path": "/l"}}]}});
    let leads_out = with(template("leads-out", &["link=../../../../../../../../etc/passwd=/l"]), p);
    let ended = fails(&server, &client, "leads-out", leads_out, "Error").await;
    assert!(ended["message"].as_str().unwrap().contains("the step did not write it"), "{ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_component_cannot_have_is_refused_by_its_path() {
    let test = "what_a_component_cannot_have_is_refused_by_its_path";
    let Some(server) = server(test, &[("images", "imported"), ("steps.allowHostPath", "true")]).await else { return };
    let client = server.client().await;
    let container = json!({"name": "c", "image": "program:1"});
    let mounted = |volume: Value, mount: Value| {
        let mut mount = mount;
        mount["name"] = json!("v");
        with(template("x", &[]), json!({"container": {"volumeMounts": [mount]}, "volumes": [volume]}))
    };
    let host = json!({"name": "v", "hostPath": {"path": "/etc"}});
    let empty = json!({"name": "v", "emptyDir": {}});
    let secret = json!({"name": "v", "secret": {"secretName": "s"}});
    let input = |path: &str| json!({"inputs": {"artifacts": [{"name": "a", "path": path, "raw": {"data": "x"}}]}});
    let rows: Vec<(Value, &str)> = vec![
        (with(template("x", &[]), json!({"sidecars": [container]})), "sidecars[0]"),
        (with(template("x", &[]), json!({"initContainers": [container]})), "initContainers[0]"),
        (with(template("x", &[]), json!({"daemon": true})), "daemon"),
        (json!({"name": "x", "containerSet": {"containers": [container]}}), "containerSet.containers[0].image"),
        (
            with(template("x", &[]), json!({"container": {"livenessProbe": {"exec": {"command": ["x"]}}}})),
            "container.livenessProbe",
        ),
        (
            with(template("x", &[]), json!({"container": {"readinessProbe": {"exec": {"command": ["x"]}}}})),
            "container.readinessProbe",
        ),
        (
            with(template("x", &[]), json!({"container": {"lifecycle": {"preStop": {"exec": {"command": ["x"]}}}}})),
            "container.lifecycle",
        ),
        (mounted(host, json!({"mountPath": "/v"})), "hostPath"),
        (mounted(empty, json!({"mountPath": "/v", "subPath": "s"})), "container.volumeMounts[0].subPath"),
        (mounted(secret, json!({"mountPath": "/v"})), "only ever held in memory"),
        (with(template("x", &[]), input("/argo/staging")), "inputs.artifacts: a: path"),
        (with(template("x", &[]), input("/a/../b")), "without `..`"),
    ];
    apply(&server, &json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"k": "v"}}));
    for (nth, (mut template, part)) in rows.into_iter().enumerate() {
        let name = format!("row-{nth}");
        template["name"] = json!(name);
        let (_, shown) = run(&server, &client, &workflow(&name, json!([template]))).await;
        let ended = node(&shown, &name);
        assert!(ended["phase"] == "Error" && ended["message"].as_str().unwrap().contains(part), "{part}: {ended}");
    }
    // A plugin is no program.
    let Some(greet) = testkit::tools::guest("greet", test) else { return };
    server.cli(&["image", "import", &greet.display().to_string(), "--name", "greet:1"]).ok();
    let ended =
        fails(&server, &client, "greet", json!({"name": "greet", "container": {"image": "greet:1"}}), "Error").await;
    assert!(ended["message"].as_str().unwrap().contains("wasi:cli/run"), "{ended}");
    // A core module is told what to do about it.
    let module = server.home().join("module.wasm");
    std::fs::write(&module, b"\0asm\x01\0\0\0").unwrap();
    let said = server.cli(&["image", "import", &module.display().to_string(), "--name", "m:1"]).fails();
    assert!(said.contains("wasm32-wasip2"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_is_pulled_from_a_registry() {
    let test = "a_component_is_pulled_from_a_registry";
    let home = tempfile::tempdir().unwrap();
    let Some(registry) = OciRegistry::start(home.path(), test).unwrap() else { return };
    let Some(component) = testkit::tools::guest("program", test) else { return };
    let server = Server::with(&[("images", "pull"), ("egress.allowPrivate", "127.0.0.0/8")]).await;
    let client = server.client().await;
    let image = format!("{}/team/program:1", registry.address);
    server.cli(&["plugin", "push", &component.display().to_string(), &image, "--insecure"]).ok();
    let step = json!({"name": "pulled", "container": {"image": image, "args": ["args"]}});
    let (phase, shown) = run(&server, &client, &workflow("pulled", json!([step]))).await;
    assert_eq!(phase, WorkflowPhase::Succeeded, "{shown}");
    assert_eq!(node(&shown, "pulled")["outputs"]["result"], "program\nargs");
    let images: Value = serde_json::from_str(&server.cli(&["image", "ls", "-o", "json"]).ok()).unwrap();
    assert_eq!((&images[0]["name"], &images[0]["platform"]), (&json!(image), &json!("wasi/wasm")), "{images}");
}

#[tokio::test(flavor = "multi_thread")]
async fn registries_of_images_are_asked_by_the_rules_of_the_server() {
    let test = "registries_of_images_are_asked_by_the_rules_of_the_server";
    let home = tempfile::tempdir().unwrap();
    let Some(registry) = OciRegistry::start(home.path(), test).unwrap() else { return };
    let image = format!("{}/team/program:1", registry.address);
    let step = json!({"name": "pulled", "container": {"image": image, "command": ["true"]}});
    for (settings, why) in [
        (&[][..], "egress.allowPrivate"),
        (&[("egress.allowPrivate", "true"), ("egress.allow", "docker.io")], "egress.allow does not name it"),
        (&[("egress.allowPrivate", "true"), ("egress.deny", "127.0.0.1")], "egress.deny names it"),
        // Let out, and asked: it has no such image.
        (&[("egress.allowPrivate", "true"), ("egress.allow", "127.0.0.1")], "manifest unknown"),
    ] {
        let server = Server::with(&[&[("images", "pull")], settings].concat()).await;
        let client = server.client().await;
        let ended = fails(&server, &client, "pulled", step.clone(), "Error").await;
        let message = ended["message"].as_str().unwrap().to_owned();
        assert!(message.contains(&registry.address) && message.contains(why), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plugin_writes_is_the_log_of_its_step() {
    let test = "what_a_plugin_writes_is_the_log_of_its_step";
    let Some(server) = crate::plugins::server(test, &["conformance", "greet"]).await else { return };
    let client = server.client().await;
    apply(&server, &plugin("conformance", json!({"source": {"file": "conformance.wasm"}})));
    stands(&client, "conformance", "True", "InService", "version").await;
    apply(&server, &plugin("greet", json!({"source": {"file": "greet.wasm"}})));
    stands(&client, "greet", "True", "InService", "version").await;
    let writes = json!({"name": "writes", "plugin": {"conformance": {"copy": ["in", "out"]}},
        "inputs": {"artifacts": [{"name": "in", "raw": {"data": "x"}}]}, "outputs": {"artifacts": [{"name": "out"}]}});
    let quiet = json!({"name": "quiet", "plugin": {"greet": {"who": "Medea"}}});
    let main = json!({"name": "main", "steps": [[{"name": "writes", "template": "writes"}, {"name": "quiet", "template": "quiet"}]]});
    let (phase, shown) = run(&server, &client, &workflow("told", json!([main, writes, quiet]))).await;
    assert_eq!(phase, WorkflowPhase::Succeeded, "{shown}");
    let id = node(&shown, "writes")["id"].as_str().unwrap();
    for arguments in [vec![id], vec![id, "--container", "main"], vec![id, "--follow"]] {
        let arguments: Vec<&str> = ["wf", "logs", "told"].into_iter().chain(arguments).collect();
        assert_eq!(server.cli(&arguments).ok(), "a line of the step\n", "{arguments:?}");
    }
    let all = server.cli(&["wf", "logs", "told", "-c", "*"]).ok();
    assert!(all.contains("a line of the step"), "{all}");
    assert_eq!(server.cli(&["wf", "logs", "told", node(&shown, "quiet")["id"].as_str().unwrap()]).ok(), "");
    // What is forgotten is gone.
    server.cli(&["delete", "wf", "told"]).ok();
    let logs = server.data_dir().join("logs");
    eventually("its log is gone", || async {
        std::fs::read_dir(&logs).is_ok_and(|mut d| d.next().is_none()).then_some(())
    })
    .await;
}
