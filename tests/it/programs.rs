//! What programs (components as images) have of volumes, notes and limits, and one that Go made.

use std::path::{Path, PathBuf};
use std::process::Command;

use client::v1::WorkflowPhase;
use serde_json::{Value, json};
use sha2::Digest as _;
use tests::{Server, eventually};

use crate::components::{IMPORTED, fails, node, server, submit, template, with, workflow};
use crate::plugins::{apply, run};

#[tokio::test(flavor = "multi_thread")]
async fn claims_are_mounted_in_a_component() {
    let Some(server) = server("claims_are_mounted_in_a_component", IMPORTED).await else { return };
    let client = server.client().await;
    let mounted = |name: &str, actions: &[&str], read_only: bool| {
        let mounts = json!([{"name": "work", "mountPath": "/work"}, {"name": "shared", "mountPath": "/shared", "readOnly": read_only}]);
        with(template(name, actions), json!({"container": {"volumeMounts": mounts}}))
    };
    let claim = json!({"metadata": {"name": "work"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}});
    let mut shared = claim.clone();
    shared["apiVersion"] = json!("v1");
    shared["kind"] = json!("PersistentVolumeClaim");
    shared["metadata"]["name"] = json!("shared");
    apply(&server, &shared);
    let main = json!({"name": "main", "steps": [
        [{"name": "writes", "template": "writes"}],
        [{"name": "reads", "template": "reads"}],
        [{"name": "may-not", "template": "may-not", "continueOn": {"failed": true}}],
    ]});
    let mut claimed = workflow(
        "claimed",
        json!([
            main,
            mounted("writes", &["write=/work/w=of the run", "write=/shared/s=of the namespace"], false),
            mounted("reads", &["read=/work/w", "print=", "read=/shared/s"], true),
            mounted("may-not", &["write=/shared/t=x"], true),
        ]),
    );
    claimed["spec"]["volumeClaimTemplates"] = json!([claim]);
    claimed["spec"]["volumes"] = json!([{"name": "shared", "persistentVolumeClaim": {"claimName": "shared"}}]);
    let (phase, shown) = run(&server, &client, &claimed).await;
    assert_eq!(phase, WorkflowPhase::Succeeded, "{shown}");
    let read = node(&shown, "reads")["outputs"]["result"].as_str().unwrap();
    assert!(read.starts_with("of the run") && read.ends_with("of the namespace"), "{read}");
    assert_eq!(node(&shown, "may-not")["outputs"]["exitCode"], "2", "{shown}");
    let volumes = server.data_dir().join("volumes/default");
    assert_eq!(std::fs::read_to_string(volumes.join("shared/s")).unwrap(), "of the namespace");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_component_notes_is_told() {
    let Some(server) = server("what_a_component_notes_is_told", IMPORTED).await else { return };
    let client = server.client().await;
    let progresses = template("progresses", &["env=ARGO_PROGRESS_FILE", "write=/argo/progress=3/8", "sleep=600000"]);
    submit(&server, &workflow("progresses", json!([progresses]))).await;
    eventually("its progress is told", || async {
        let shown: Value = serde_json::from_str(&server.cli(&["wf", "get", "progresses", "-o", "json"]).ok()).unwrap();
        (shown["status"]["progress"] == "3/8").then_some(())
    })
    .await;
    assert_eq!(server.cli(&["wf", "logs", "progresses", "progresses"]).ok(), "/argo/progress\n");
    server.cli(&["wf", "terminate", "progresses"]).ok();
    client.wait("default", "progresses").await.unwrap();

    let policy = json!({"container": {"terminationMessagePolicy": "FallbackToLogsOnError"}});
    for (name, step, said) in [
        (
            "from-log",
            with(template("from-log", &["error=no ships", "exit=3"]), policy.clone()),
            "exit code 3): no ships",
        ),
        (
            "from-file",
            with(
                template("from-file", &["error=no ships", "folder=/dev", "write=/dev/termination-log=storm", "exit=3"]),
                policy,
            ),
            "exit code 3): storm",
        ),
    ] {
        let ended = fails(&server, &client, name, step, "Failed").await;
        assert!(ended["message"].as_str().unwrap().ends_with(said), "{ended}");
    }
    let ended = fails(&server, &client, "silent", template("silent", &["error=no ships", "exit=3"]), "Failed").await;
    assert!(ended["message"].as_str().unwrap().ends_with("(exit code 3)"), "{ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_light_component_leaves_nothing() {
    let Some(server) = server("a_light_component_leaves_nothing", IMPORTED).await else { return };
    let client = server.client().await;
    let units = server.data_dir().join("agent/units");
    let folders = || std::fs::read_dir(&units).map_or(0, Iterator::count);
    let begun_with = folders();
    let (phase, shown) = run(&server, &client, &workflow("light", json!([template("light", &["print=x"])]))).await;
    assert_eq!(phase, WorkflowPhase::Succeeded, "{shown}");
    assert_eq!(folders(), begun_with, "it looked at no file, and no folder was made");
    // What one wrote in its root, the next does not see, also where the folder is used again.
    for (name, actions) in [
        ("writes", ["write=/tmp/x=1", "list=/tmp"]),
        ("looks", ["list=/tmp", "list=/argo"]),
        ("again", ["list=/tmp", "list=/argo"]),
    ] {
        let (phase, shown) = run(&server, &client, &workflow(name, json!([template(name, &actions)]))).await;
        assert_eq!(phase, WorkflowPhase::Succeeded, "{shown}");
        let expected = if name == "writes" { "x" } else { "\nstaging" };
        assert_eq!(node(&shown, name)["outputs"]["result"], expected, "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_are_bounded_and_counted() {
    let test = "programs_are_bounded_and_counted";
    let settings = [
        ("images", "imported"),
        ("plugins.programsMax", "1"),
        ("plugins.programsReadyMax", "1"),
        ("plugins.programMemory", "16Mi"),
    ];
    let Some(server) = server(test, &settings).await else { return };
    let client = server.client().await;
    // The container's limit acts below the server's, and never above it.
    let limited = |template: Value, memory: &str| {
        with(template, json!({"container": {"resources": {"limits": {"memory": memory, "cpu": "1"}}}}))
    };
    for (name, step, limit) in [
        ("greedy", template("greedy", &["eat=32"]), 16 << 20),
        ("more", limited(template("more", &["eat=32"]), "1Gi"), 16 << 20),
        ("less", limited(template("less", &["eat=12"]), "8Mi"), 8 << 20),
    ] {
        let ended = fails(&server, &client, name, step, "Failed").await;
        assert_eq!(ended["outputs"]["exitCode"], "137", "{ended}");
        let said = format!("OOMKilled (exit code 137, limit {limit} bytes)");
        assert!(ended["message"].as_str().unwrap().contains(&said), "{ended}");
    }
    let slow = limited(template("slow", &["sleep=600000"]), "8Mi");
    submit(&server, &workflow("slow", json!([slow]))).await;
    eventually("it is said what has no effect", || async {
        let shown: Value = serde_json::from_str(&server.cli(&["wf", "get", "slow", "-o", "json"]).ok()).unwrap();
        let message = shown["status"]["nodes"]["slow"]["message"].as_str().unwrap_or_default().to_owned();
        message.contains("cpu is kept and has no effect on a component").then_some(())
    })
    .await;
    server.cli(&["wf", "terminate", "slow"]).ok();
    client.wait("default", "slow").await.unwrap();
    // The only place is taken: the next waits for it and says so.
    submit(&server, &workflow("holds", json!([template("holds", &["print=begun", "sleep=600000"])]))).await;
    eventually("one is under way", || async {
        server.cli(&["wf", "logs", "holds"]).out.contains("begun").then_some(())
    })
    .await;
    submit(&server, &workflow("waits", json!([template("waits", &["print=x", "get=127.0.0.1:2746"])]))).await;
    eventually("the other waits", || async {
        server.cli(&["wf", "get", "waits", "-o", "json"]).out.contains("plugins.programsMax").then_some(())
    })
    .await;
    let free = |n: f64| {
        let server = &server;
        eventually("places are counted", move || async move {
            (server.metrics().sum("colchis_program_places_free", &[]) == n).then_some(())
        })
    };
    free(0.0).await;
    server.cli(&["wf", "terminate", "holds"]).ok();
    assert_eq!(client.wait("default", "waits").await.unwrap().phase(), WorkflowPhase::Succeeded);
    free(1.0).await;
    let page = server.metrics();
    let runs = |outcome: &str| page.sum("colchis_program_runs_total", &[&format!("outcome=\"{outcome}\"")]);
    let counted = ["succeeded", "failed", "broke", "out-of-memory", "cancelled"].map(runs);
    assert_eq!(counted, [1.0, 0.0, 0.0, 3.0, 2.0], "{}", page.text());
    for (name, expected) in [
        ("colchis_program_refusals_total", 1.0),
        ("colchis_program_seconds_count", 6.0),
        ("colchis_program_ready_seconds_count", 1.0),
        ("colchis_programs_ready", 1.0),
    ] {
        assert_eq!(page.sum(name, &[]), expected, "{name}\n{}", page.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layout_with_a_component_is_imported() {
    let test = "a_layout_with_a_component_is_imported";
    let Some(component) = testkit::tools::guest("program", test) else { return };
    let server = Server::with(IMPORTED).await;
    let client = server.client().await;
    let layout = server.home().join("layout");
    std::fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
    let keep = |bytes: &[u8], media_type: &str| {
        let digest: String = sha2::Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
        std::fs::write(layout.join("blobs/sha256").join(&digest), bytes).unwrap();
        json!({"mediaType": media_type, "digest": format!("sha256:{digest}"), "size": bytes.len()})
    };
    let layer = keep(&std::fs::read(component).unwrap(), "application/wasm");
    let config = keep(br#"{"architecture": "wasm", "os": "wasip2"}"#, "application/vnd.wasm.config.v0+json");
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": [layer]}).to_string();
    let mut manifest = keep(manifest.as_bytes(), "application/vnd.oci.image.manifest.v1+json");
    manifest["annotations"] = json!({"org.opencontainers.image.ref.name": "layout:1"});
    std::fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion": "1.0.0"}"#).unwrap();
    let shown = layout.display().to_string();
    let said = server.cli(&["image", "import", &shown]).fails();
    assert!(said.contains("no OCI layout"), "{said}");
    std::fs::write(layout.join("index.json"), json!({"schemaVersion": 2, "manifests": [manifest]}).to_string())
        .unwrap();
    server.cli(&["image", "import", &shown]).ok();
    assert!(layout.join("index.json").is_file(), "the folder stays as it was");
    let step = json!({"name": "laid", "container": {"image": "layout:1", "args": ["args"]}});
    let (phase, shown) = run(&server, &client, &workflow("laid", json!([step]))).await;
    assert_eq!(phase, WorkflowPhase::Succeeded, "{shown}");
    assert_eq!(node(&shown, "laid")["outputs"]["result"], "layout\nargs");
}

/// A program as anybody would write it.
const GO: &str = r#"package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

func main() {
	fmt.Println(strings.Join(os.Args, " "), os.Getenv("WHO"))
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		fmt.Println("stdin:", err)
	}
	if text, err := os.ReadFile("/in.txt"); err == nil {
		if err := os.WriteFile("/out.txt", []byte(strings.ToUpper(string(text))), 0o644); err != nil {
			panic(err)
		}
	}
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[len(os.Args)-1], "/argo/staging/") {
		text, err := os.ReadFile(os.Args[len(os.Args)-1])
		fmt.Print(string(text), err)
	}
	if os.Getenv("FAIL") != "" {
		fmt.Fprintln(os.Stderr, "told to fail")
		os.Exit(7)
	}
}
"#;

/// Builds it, and makes a component of it with the command line; says aloud where there is no Go.
fn built_with_go(folder: &Path, test: &str) -> Option<PathBuf> {
    std::fs::write(folder.join("main.go"), GO).unwrap();
    std::fs::write(folder.join("go.mod"), "module report\n\ngo 1.21\n").unwrap();
    let mut go = Command::new("go");
    go.args(["build", "-o", "core.wasm", "."]).current_dir(folder).env("GOOS", "wasip1").env("GOARCH", "wasm");
    match go.output() {
        Ok(said) => assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr)),
        Err(_) => {
            testkit::tools::skip(test, "go is missing: install Go 1.25 or newer");
            return None;
        }
    }
    Some(folder.join("core.wasm"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_of_go_is_a_step() {
    let test = "a_program_of_go_is_a_step";
    let folder = tempfile::tempdir().unwrap();
    let Some(core) = built_with_go(folder.path(), test) else { return };
    let server = Server::with(IMPORTED).await;
    let client = server.client().await;
    let (core, component) = (core.display().to_string(), folder.path().join("report.wasm").display().to_string());
    let said = server.cli(&["image", "import", &core, "--name", "report:1"]).fails();
    assert!(said.contains("colchis plugin componentize FILE --program"), "{said}");
    server.cli(&["plugin", "componentize", &core, "--program", "-o", &component]).ok();
    server.cli(&["image", "import", &component, "--name", "report:1"]).ok();
    let container = json!({"image": "report:1", "args": ["a", "b c"], "env": [{"name": "WHO", "value": "Medea"}]});
    let whole = json!({"name": "whole", "container": container,
        "inputs": {"artifacts": [{"name": "in", "path": "/in.txt", "raw": {"data": "golden fleece"}}]},
        "outputs": {"artifacts": [{"name": "out", "path": "/out.txt", "archive": {"none": {}}}]}});
    let (phase, shown) = run(&server, &client, &workflow("whole", json!([whole]))).await;
    assert_eq!(phase, WorkflowPhase::Succeeded, "{shown}");
    assert_eq!(node(&shown, "whole")["outputs"]["result"], "report a b c Medea\nstdin: EOF", "{shown}");
    let got = server.home().join("got");
    server.cli(&["artifact", "get", "whole", "out", "-o", &got.display().to_string()]).ok();
    assert_eq!(std::fs::read_to_string(&got).unwrap(), "GOLDEN FLEECE");
    let script = json!({"name": "script", "script": {"image": "report:1", "source": "a line\n"}});
    let (phase, shown) = run(&server, &client, &workflow("script", json!([script]))).await;
    assert_eq!(phase, WorkflowPhase::Succeeded, "{shown}");
    let result = node(&shown, "script")["outputs"]["result"].as_str().unwrap();
    assert!(result.ends_with("stdin: EOF\na line\n<nil>"), "{result}");
    let failing =
        json!({"name": "failing", "container": {"image": "report:1", "env": [{"name": "FAIL", "value": "1"}]}});
    let ended = fails(&server, &client, "failing", failing, "Failed").await;
    // WASI preview 1, by its adapter, tells that a program failed and not with which code.
    assert_eq!(ended["outputs"]["exitCode"], "1", "{ended}");
    assert!(server.cli(&["wf", "logs", "failing"]).ok().contains("told to fail"));
}
