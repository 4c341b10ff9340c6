//! Plugins in a real server: installed by an object, used by workflows.

use std::path::Path;

use client::Client;
use client::v1::{GetRequest, ObjectKey, WorkflowPhase};
use serde_json::{Value, json};
use tests::{Server, eventually};

/// A server with components in its folder of plugins.
pub(crate) async fn server(test: &str, guests: &[&str]) -> Option<Server> {
    server_with(test, guests, &[]).await
}

/// The same, with settings.
pub(crate) async fn server_with(test: &str, guests: &[&str], settings: &[(&str, &str)]) -> Option<Server> {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("plugins");
    std::fs::create_dir(&folder).unwrap();
    for guest in guests {
        let file = testkit::tools::guest(guest, test)?;
        std::fs::copy(file, folder.join(format!("{guest}.wasm"))).unwrap();
    }
    let folder = folder.display().to_string();
    let settings = [&[("plugins.folder", &*folder)], settings].concat();
    Some(Server::at(home, &settings).await)
}

pub(crate) fn plugin(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "colchis.dev/v1", "kind": "Plugin", "metadata": {"name": name}, "spec": spec})
}

fn write(folder: &Path, name: &str, object: &Value) -> String {
    let path = folder.join(name);
    std::fs::write(&path, object.to_string()).unwrap();
    path.display().to_string()
}

pub(crate) fn apply(server: &Server, object: &Value) {
    server.cli(&["apply", "-f", &write(server.home(), "applied.json", object)]).ok();
}

async fn get(client: &Client, name: &str) -> Value {
    let key = ObjectKey {
        api_version: "colchis.dev/v1".into(),
        kind: "Plugin".into(),
        name: name.into(),
        ..Default::default()
    };
    let request = GetRequest { key: Some(key), ..GetRequest::default() };
    serde_json::from_slice(&client.resources().get(request).await.unwrap().document).unwrap()
}

/// Waits until a plugin's one condition is as expected: status, reason, a part of the message.
pub(crate) async fn stands(client: &Client, name: &str, status: &str, reason: &str, part: &str) -> Value {
    eventually(&format!("{name} is {status}: {reason} {part}"), || async {
        let object = get(client, name).await;
        let condition = &object["status"]["conditions"][0];
        let generation = object["metadata"]["generation"] == object["status"]["observedGeneration"];
        let fits = condition["status"] == status
            && condition["reason"] == reason
            && condition["message"].as_str().is_some_and(|message| message.contains(part));
        (generation && fits).then_some(object)
    })
    .await
}

pub(crate) fn greets(name: &str, plugin: Value) -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name}, "spec": {
        "entrypoint": "main",
        "arguments": {"parameters": [{"name": "who", "value": "Medea"}]},
        "templates": [
            {"name": "main", "steps": [
                [{"name": "greet", "template": "greet", "arguments": {"parameters": [{"name": "who", "value": "{{workflow.parameters.who}}"}]}}],
                [{"name": "again", "template": "greet", "arguments": {"parameters": [{"name": "who", "value": "{{steps.greet.outputs.result}} ({{steps.greet.outputs.parameters.length}})"}]}}],
            ]},
            {"name": "greet", "inputs": {"parameters": [{"name": "who"}]}, "plugin": plugin},
        ],
    }})
}

pub(crate) async fn run(server: &Server, client: &Client, workflow: &Value) -> (WorkflowPhase, Value) {
    let name = workflow["metadata"]["name"].as_str().unwrap();
    server.cli(&["wf", "submit", &write(server.home(), "workflow.json", workflow)]).ok();
    let phase = client.wait("default", name).await.unwrap().phase();
    let shown = server.cli(&["wf", "get", name, "-o", "json"]).ok();
    (phase, serde_json::from_str(&shown).unwrap())
}

fn node<'v>(workflow: &'v Value, name: &str) -> &'v Value {
    workflow["status"]["nodes"].as_object().unwrap().values().find(|node| node["displayName"] == name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_a_plugin_does() {
    let Some(server) = server("a_step_that_a_plugin_does", &["greet"]).await else { return };
    let client = server.client().await;
    apply(&server, &plugin("greet", json!({"source": {"file": "greet.wasm"}})));
    let object = stands(&client, "greet", "True", "InService", "version 0.1.0").await;
    assert!(object["status"]["digest"].as_str().unwrap().starts_with("sha256:"), "{object}");
    assert_eq!(object["status"]["kinds"][0]["kind"], "step");

    let (phase, shown) = run(&server, &client, &greets("hello", json!({"greet": {"greeting": "Hail"}}))).await;
    assert_eq!(phase, WorkflowPhase::Succeeded, "{shown}");
    let again = node(&shown, "again");
    assert_eq!(again["type"], "Plugin");
    assert_eq!(again["outputs"]["result"], "Hail, Hail, Medea! (12)!");

    // One that is asked again and again, and tells how far it is.
    let slow = greets("slow", json!({"greet": {"rounds": 3, "between": 10}}));
    let (phase, shown) = run(&server, &client, &slow).await;
    assert_eq!((phase, &node(&shown, "greet")["progress"]), (WorkflowPhase::Succeeded, &json!("3/3")), "{shown}");

    for (name, given, expected, part) in [
        ("fails", json!({"greet": {"who": "nobody"}}), "Failed", "nobody is not greeted"),
        // What a template puts in is known no earlier than when the step begins.
        ("wrong", json!({"greet": {"rounds": "{{inputs.parameters.who}}"}}), "Error", "rounds"),
        ("missing", json!({"other": {}}), "Error", "there is no plugin other"),
    ] {
        let (phase, shown) = run(&server, &client, &greets(name, given)).await;
        assert_eq!((phase, &node(&shown, "greet")["phase"]), (WorkflowPhase::Failed, &json!(expected)), "{shown}");
        let message = node(&shown, "greet")["message"].as_str().unwrap();
        assert!(message.contains(part), "{name}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_the_schema_refuses_is_refused_with_its_object() {
    let test = "a_configuration_that_the_schema_refuses_is_refused_with_its_object";
    let Some(server) = server(test, &["greet"]).await else { return };
    let client = server.client().await;
    let wrong = json!({"greet": {"whom": "x", "rounds": "{{workflow.name}}"}});
    let template = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTemplate", "metadata": {"name": "early"},
        "spec": {"templates": [{"name": "a", "plugin": wrong}]},
    });
    // Whose plugin is not there, may come before it.
    apply(&server, &template);
    apply(&server, &plugin("greet", json!({"source": {"file": "greet.wasm"}})));
    stands(&client, "greet", "True", "InService", "version").await;
    let mut inline = greets("wrong", json!({"greet": {}}));
    inline["spec"]["templates"][0]["steps"][0][0] = json!({"name": "greet", "inline": {"plugin": wrong}});
    let cron = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "CronWorkflow", "metadata": {"name": "wrong"},
        "spec": {"schedules": ["@daily"], "workflowSpec": greets("a", wrong.clone())["spec"]},
    });
    for (object, path) in [
        (greets("wrong", wrong.clone()), "spec.templates[1].plugin.greet.whom"),
        (inline, "spec.templates[0].steps[0][0].inline.plugin.greet.whom"),
        (cron, "spec.workflowSpec.templates[1].plugin.greet.whom"),
        (template, "spec.templates[0].plugin.greet.whom"),
    ] {
        let said = server.cli(&["apply", "-f", &write(server.home(), "wrong.json", &object)]);
        assert!(said.code != 0 && said.err.contains(path), "{path}: {} {}", said.code, said.err);
        assert!(said.err.contains("no such field") && !said.err.contains("rounds"), "{}", said.err);
    }
    assert_ne!(server.cli(&["wf", "get", "wrong"]).code, 0);
    // A lint with the server says what the server would, and where.
    let wrong = write(server.home(), "wrong.json", &greets("wrong", wrong));
    let linted = server.cli(&["wf", "lint", &wrong]);
    let said = format!("{}{}", linted.out, linted.err);
    assert!(linted.code != 0 && said.contains("spec.templates[1].plugin.greet.whom"), "{said}");
    let offline = server.cli(&["lint", &wrong]);
    assert_eq!(offline.code, 0, "{}{}", offline.out, offline.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_a_plugin_does_reads_and_writes_artifacts() {
    let Some(server) = server("a_step_that_a_plugin_does_reads_and_writes_artifacts", &["conformance"]).await else {
        return;
    };
    let client = server.client().await;
    apply(&server, &plugin("conformance", json!({"source": {"file": "conformance.wasm"}})));
    stands(&client, "conformance", "True", "InService", "version").await;
    let copy = |from: &str, to: &str| json!({"conformance": {"copy": [from, to]}});
    let workflow = |name: &str, second: Value| {
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name}, "spec": {
            "entrypoint": "main",
            "archiveLogs": true,
            "templates": [
                {"name": "main", "steps": [
                    [{"name": "one", "template": "first"}],
                    [{"name": "two", "template": "second", "arguments": {"artifacts": [
                        {"name": "in", "from": "{{steps.one.outputs.artifacts.out}}"},
                    ]}}],
                ]},
                {"name": "first", "plugin": copy("in", "out"),
                    "inputs": {"artifacts": [{"name": "in", "raw": {"data": "as it was"}}]},
                    "outputs": {"artifacts": [{"name": "out"}]}},
                {"name": "second", "plugin": second,
                    "inputs": {"artifacts": [{"name": "in"}]},
                    "outputs": {"artifacts": [{"name": "last", "archive": {"none": {}}}, {"name": "maybe", "optional": true}]}},
            ],
        }})
    };
    let (phase, shown) = run(&server, &client, &workflow("copies", copy("in", "last"))).await;
    assert_eq!(phase, WorkflowPhase::Succeeded, "{shown}");
    let names = |node: &Value| -> Vec<String> {
        let artifacts = node["outputs"]["artifacts"].as_array().cloned().unwrap_or_default();
        artifacts.iter().map(|artifact| artifact["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(node(&shown, "two")), ["last", "main-logs"], "{shown}");
    let got = server.home().join("got");
    for (artifact, text) in [("last", "as it was"), ("main-logs", "a line of the step\n")] {
        server.cli(&["artifact", "get", "copies", artifact, "--node", "two", "-o", &got.display().to_string()]).ok();
        assert_eq!(std::fs::read_to_string(&got).unwrap(), text, "{artifact}");
        std::fs::remove_file(&got).unwrap();
    }

    // What was saved before it failed is told all the same: it can be looked at, and is collected with the run.
    let fail = json!({"do": "fail", "class": "permanent", "code": "c", "message": "after all"});
    let fails = json!({"conformance": {"copy": ["in", "last"], "then": fail}});
    let (_, shown) = run(&server, &client, &workflow("fails", fails)).await;
    let two = node(&shown, "two");
    assert!(two["phase"] == "Error" && two["message"].as_str().unwrap().contains("after all"), "{two}");
    assert_eq!(names(two), ["last", "main-logs"], "{two}");

    // What is not written is missed, what is not there is not read.
    for (name, second, part) in [
        ("forgets", json!({"conformance": {}}), "output artifact last: the step did not write it"),
        ("looks-elsewhere", copy("other", "last"), "the template has no input artifact \"other\""),
    ] {
        let (phase, shown) = run(&server, &client, &workflow(name, second)).await;
        let two = node(&shown, "two");
        assert_eq!((phase, &two["phase"]), (WorkflowPhase::Failed, &json!("Error")), "{shown}");
        assert!(two["message"].as_str().unwrap().contains(part), "{two}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_version_never_replaces_a_good_one() {
    let test = "a_bad_version_never_replaces_a_good_one";
    let Some(mut server) = server(test, &["greet", "prometheus"]).await else { return };
    let mut client = server.client().await;
    let folder = server.home().join("plugins");
    std::fs::write(folder.join("garbage.wasm"), b"garbage").unwrap();
    apply(&server, &plugin("greet", json!({"source": {"file": "greet.wasm"}})));
    let good = stands(&client, "greet", "True", "InService", "version").await;
    let digest = good["status"]["digest"].as_str().unwrap().to_owned();
    let wrong = format!("sha256:{}", "0".repeat(64));
    for (spec, reason, part) in [
        (json!({"source": {"file": "garbage.wasm"}}), "NotAComponent", "stays in service"),
        (json!({"source": {"file": "none.wasm"}}), "SourceUnreadable", "none.wasm"),
        (json!({"source": {"file": "greet.wasm", "digest": wrong}}), "DigestMismatch", &*digest),
    ] {
        apply(&server, &plugin("greet", spec));
        let bad = stands(&client, "greet", "False", reason, part).await;
        assert_eq!(bad["status"]["digest"], json!(digest));
    }
    let (phase, _) = run(&server, &client, &greets("still", json!({"greet": {}}))).await;
    assert_eq!(phase, WorkflowPhase::Succeeded);
    // Also a server that begins while the source is bad goes on with the last good one.
    server.kill();
    server.restart().await;
    client = server.client().await;
    stands(&client, "greet", "False", "DigestMismatch", "stays in service").await;
    let (phase, _) = run(&server, &client, &greets("after", json!({"greet": {}}))).await;
    assert_eq!(phase, WorkflowPhase::Succeeded);
    // Another version takes its place without a restart.
    apply(&server, &plugin("greet", json!({"source": {"file": "prometheus.wasm"}})));
    let other = stands(&client, "greet", "True", "InService", "version").await;
    assert_ne!(other["status"]["digest"], json!(digest));
    let (phase, shown) = run(&server, &client, &greets("other", json!({"greet": {}}))).await;
    assert_eq!(phase, WorkflowPhase::Failed);
    assert!(node(&shown, "greet")["message"].as_str().unwrap().contains("no step, but a metric-provider"), "{shown}");
    server.cli(&["delete", "plugin", "greet"]).ok();
    let (_, shown) = run(&server, &client, &greets("gone", json!({"greet": {}}))).await;
    assert!(node(&shown, "greet")["message"].as_str().unwrap().contains("there is no plugin greet"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_under_way_is_taken_up_again_and_told_when_it_is_stopped() {
    let test = "a_step_under_way_is_taken_up_again_and_told_when_it_is_stopped";
    let Some(mut server) = server(test, &["greet"]).await else { return };
    let mut client = server.client().await;
    apply(&server, &plugin("greet", json!({"source": {"file": "greet.wasm"}})));
    stands(&client, "greet", "True", "InService", "version").await;
    let long = |name: &str, rounds: u32| greets(name, json!({"greet": {"rounds": rounds, "between": 50}}));
    for (name, rounds) in [("survives", 40), ("stopped", 100_000)] {
        server.cli(&["wf", "submit", &write(server.home(), "workflow.json", &long(name, rounds))]).ok();
        eventually(&format!("{name} is under way"), || async {
            let shown = server.cli(&["wf", "get", name]).ok();
            shown.contains("thinking of a greeting").then_some(())
        })
        .await;
    }
    server.kill();
    server.restart().await;
    client = server.client().await;
    assert_eq!(client.wait("default", "survives").await.unwrap().phase(), WorkflowPhase::Succeeded);
    server.cli(&["wf", "terminate", "stopped"]).ok();
    assert_eq!(client.wait("default", "stopped").await.unwrap().phase(), WorkflowPhase::Failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_what_there_is_and_call_it_by_hand() {
    let test = "operators_see_what_there_is_and_call_it_by_hand";
    let Some(server) = server(test, &["greet", "conformance"]).await else { return };
    let client = server.client().await;
    apply(&server, &plugin("greet", json!({"source": {"file": "greet.wasm"}})));
    stands(&client, "greet", "True", "InService", "version").await;
    let list = server.cli(&["plugin", "list"]).ok();
    assert!(
        list.lines().any(|line| line.contains("greet") && line.contains("0.1.0") && line.contains("step")),
        "{list}"
    );
    let other = server.home().join("plugins/conformance.wasm").display().to_string();
    let inspected: Value =
        serde_json::from_str(&server.cli(&["plugin", "inspect", &other, "-o", "json"]).ok()).unwrap();
    assert!(inspected.to_string().contains("metric-provider"), "{inspected}");
    let asked = write(server.home(), "call.json", &json!({"config": {"greeting": "Hail", "who": "Medea"}}));
    let answer: Value =
        serde_json::from_str(&server.cli(&["plugin", "call", "greet", "start", "-f", &asked, "-o", "json"]).ok())
            .unwrap();
    assert!(answer.to_string().contains("Hail, Medea!"), "{answer}");
    let config = write(server.home(), "config.json", &json!({"greeting": " "}));
    let checked = server.cli(&["plugin", "check", "greet", "-f", &config]);
    assert!(
        checked.code != 0 && format!("{}{}", checked.out, checked.err).contains("expected a word"),
        "{}",
        checked.err
    );
    server.cli(&["plugin", "logs", "greet"]).ok();
    let wrong = server.cli(&["plugin", "call", "other", "start", "-f", &asked]).fails();
    assert!(wrong.contains("there is no plugin other"), "{wrong}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_file_takes_the_place_of_the_one_before() {
    let test = "another_file_takes_the_place_of_the_one_before";
    let Some(server) = server(test, &["greet", "conformance"]).await else { return };
    let client = server.client().await;
    apply(&server, &plugin("greet", json!({"source": {"file": "greet.wasm"}})));
    let before = stands(&client, "greet", "True", "InService", "version").await;
    let folder = server.home().join("plugins");
    std::fs::rename(folder.join("conformance.wasm"), folder.join("greet.wasm")).unwrap();
    eventually("the other component is in service", || async {
        let now = get(&client, "greet").await;
        (now["status"]["digest"] != before["status"]["digest"]).then_some(())
    })
    .await;
}
