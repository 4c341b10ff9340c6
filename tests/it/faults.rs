//! Bad days: kill -9 of the server and of its agents, two servers on one folder, a full disk, a read-only disk, a damaged file, hostile steps; and by
//! theme what else goes wrong.

mod artifacts;
mod changes;
mod limits;
mod secrets;
mod waits;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use client::Client;
use client::v1::{
    ApplyRequest, GetWorkflowRequest, ListNodesRequest, ListWorkflowsRequest, Node, NodePhase, StatusDetail,
    StreamLogsRequest, SubmitRequest, WorkflowPhase, WorkflowSummary, submit_request,
};
use futures::StreamExt;
use futures::future::join_all;
use serde_json::{Value, json};
use tests::{Server, eventually};

fn workflow(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name}, "spec": spec})
}

fn shell(name: &str, command: &str) -> Value {
    json!({"name": name, "container": {"image": "busybox", "command": ["/bin/sh", "-c", command]}})
}

async fn submit(client: &Client, manifest: &Value) -> Result<String, client::ClientError> {
    let source = Some(submit_request::Source::Manifest(manifest.to_string().into()));
    let request = SubmitRequest { namespace: "default".into(), source, options: None };
    client.submit(request).await.map(|answer| answer.name)
}

async fn nodes(client: &Client, name: &str) -> Vec<Node> {
    let request =
        ListNodesRequest { namespace: "default".into(), name: name.into(), limit: 500, ..ListNodesRequest::default() };
    client.workflows().list_nodes(request).await.map(|answer| answer.nodes).unwrap_or_default()
}

async fn running(client: &Client, name: &str, node: &str) {
    eventually(&format!("{node} of {name} runs"), || async {
        let nodes = nodes(client, name).await;
        nodes.iter().any(|n| n.display_name == node && n.phase() == NodePhase::Running).then_some(())
    })
    .await;
}

async fn ended(client: &Client, name: &str) -> WorkflowSummary {
    client.wait("default", name).await.unwrap_or_else(|e| panic!("waiting for {name}: {e}"))
}

/// The run as JSON, with all its nodes.
async fn document(client: &Client, name: &str) -> Value {
    let request =
        GetWorkflowRequest { namespace: "default".into(), name: name.into(), status: StatusDetail::Full.into() };
    serde_json::from_slice(&client.get_workflow(request).await.unwrap().document).unwrap()
}

async fn node(client: &Client, name: &str, node: &str) -> Node {
    let nodes = nodes(client, name).await;
    nodes.into_iter().find(|n| n.display_name == node).unwrap_or_else(|| panic!("{name} has no {node}"))
}

/// Waits until a node says something.
async fn says(client: &Client, name: &str, node: &str, text: &str) {
    eventually(&format!("{node} of {name} says {text:?}"), || async {
        let message = nodes(client, name).await.into_iter().find(|n| n.display_name == node)?.message;
        message.contains(text).then_some(())
    })
    .await;
}

async fn apply(client: &Client, namespace: &str, object: &Value) {
    let (document, namespace) = (object.to_string().into(), namespace.to_owned());
    let request = ApplyRequest { document, namespace, without_document: true, ..ApplyRequest::default() };
    client.resources().apply(request).await.unwrap_or_else(|e| panic!("{object}: {e}"));
}

async fn log(client: &Client, name: &str, node: &str) -> String {
    let request = StreamLogsRequest { namespace: "default".into(), name: name.into(), ..StreamLogsRequest::default() };
    let mut stream = client.logs().stream(request).await.unwrap();
    let mut text = String::new();
    while let Some(page) = stream.next().await {
        for entry in page.unwrap().entries.into_iter().filter(|e| e.node_name.ends_with(node)) {
            text.push_str(&String::from_utf8_lossy(&entry.text));
            text.push('\n');
        }
    }
    text
}

/// Each step leaves its mark in a volume of the run, and the last one shows them: every mark must stand there once, however often the
/// server was killed while the runs were under way.
#[tokio::test(flavor = "multi_thread")]
async fn killed_under_load_nothing_is_lost_and_nothing_runs_twice() {
    const RUNS: usize = 8;
    const STEPS: usize = 6;
    let mut server = Server::start().await;
    let client = server.client().await;
    let volume = json!([{"name": "marks", "mountPath": "/marks"}]);
    let mut mark = shell("mark", "echo {{inputs.parameters.n}} >> /marks/all; sleep 0.05");
    mark["inputs"] = json!({"parameters": [{"name": "n"}]});
    mark["container"]["volumeMounts"] = volume.clone();
    let mut show = shell("show", "cat /marks/all");
    show["container"]["volumeMounts"] = volume;
    let steps: Vec<Value> = (0..STEPS)
        .map(|n| json!([{"name": format!("s{n}"), "template": "mark", "arguments": {"parameters": [{"name": "n", "value": n}]}}]))
        .chain([json!([{"name": "show", "template": "show"}])])
        .collect();
    let spec = json!({
        "entrypoint": "main",
        "volumeClaimTemplates": [{"metadata": {"name": "marks"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}],
        "templates": [{"name": "main", "steps": steps}, mark, show],
    });
    let names: Vec<String> = (0..RUNS).map(|n| format!("load-{n}")).collect();
    for name in &names {
        submit(&client, &workflow(name, spec.clone())).await.unwrap();
    }
    // Each time a little later: at the first mark of a run, at the second …
    for round in 0..STEPS {
        let client = server.client().await;
        let name = &names[round % RUNS];
        eventually(&format!("{name} has come to its step {round}"), || async {
            nodes(&client, name).await.iter().any(|n| n.display_name == format!("s{round}")).then_some(())
        })
        .await;
        server.kill();
        server.restart().await;
    }
    let client = server.client().await;
    for name in &names {
        let summary = ended(&client, name).await;
        assert_eq!(summary.phase(), WorkflowPhase::Succeeded, "{name}: {}", summary.message);
        let marks = log(&client, name, "show").await;
        let wanted: String = (0..STEPS).map(|n| format!("{n}\n")).collect();
        assert_eq!(marks, wanted, "{name}");
    }
}

/// What was acknowledged is there after kill -9 in the very moment of the acknowledgement.
#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_is_durable() {
    let mut server = Server::start().await;
    let mut expected = Vec::new();
    for round in 0..3 {
        let client = server.client().await;
        let spec = json!({"entrypoint": "main", "suspend": true, "templates": [shell("main", "true")]});
        let manifests: Vec<Value> = (0..40).map(|n| workflow(&format!("r{round}-{n}"), spec.clone())).collect();
        // The last acknowledgements and the kill race on purpose: those that were not acknowledged may be there or not.
        let answers = join_all(manifests.iter().map(|m| submit(&client, m))).await;
        server.kill();
        expected.extend(answers.into_iter().filter_map(Result::ok));
        server.restart().await;
    }
    let client = server.client().await;
    let mut found = Vec::new();
    let mut request =
        ListWorkflowsRequest { namespace: "default".into(), limit: 100, ..ListWorkflowsRequest::default() };
    loop {
        let page = client.workflows().list(request.clone()).await.unwrap();
        found.extend(page.workflows.into_iter().map(|w| w.name));
        if page.continue_token.is_empty() {
            break;
        }
        request.continue_token = page.continue_token;
    }
    assert_eq!(expected.len(), 120);
    for name in expected {
        assert!(found.contains(&name), "{name} was acknowledged and is gone");
    }
}

/// A step goes on while there is no server; the next server adopts it and reads what it left.
#[tokio::test(flavor = "multi_thread")]
async fn a_running_step_is_adopted() {
    for graceful in [false, true] {
        let mut server = Server::start().await;
        let client = server.client().await;
        let gate = server.home().join("gate");
        Command::new("mkfifo").arg(&gate).status().unwrap();
        // The step waits for what nobody in its root can give: its own volume is a folder that the test finds again.
        let mut step = shell(
            "main",
            "echo before; while ! test -e /v/go; do sleep 0.05; done; echo after; printf 42 > /tmp/answer",
        );
        step["container"]["volumeMounts"] = json!([{"name": "v", "mountPath": "/v"}]);
        step["outputs"] =
            json!({"parameters": [{"name": "answer", "globalName": "answer", "valueFrom": {"path": "/tmp/answer"}}]});
        let spec = json!({
            "entrypoint": "main", "templates": [step],
            "volumeClaimTemplates": [{"metadata": {"name": "v"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}],
        });
        submit(&client, &workflow("adopt", spec)).await.unwrap();
        running(&client, "adopt", "adopt").await;
        if graceful {
            assert_eq!(server.stop().await, Some(0));
        } else {
            server.kill();
        }
        let volume = find(&server.data_dir(), "v").expect("the volume's folder");
        std::fs::write(volume.join("go"), "").unwrap();
        server.restart().await;
        let client = server.client().await;
        let summary = ended(&client, "adopt").await;
        assert_eq!(summary.phase(), WorkflowPhase::Succeeded, "{}", summary.message);
        assert_eq!(log(&client, "adopt", "adopt").await, "before\nafter\n");
        assert_eq!(document(&client, "adopt").await["status"]["outputs"]["parameters"][0]["value"], "42");
    }
}

/// The folder of a claim, wherever the server keeps it: an empty one whose name ends so.
fn find(folder: &Path, ending: &str) -> Option<std::path::PathBuf> {
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).ok()?.flatten().filter(|e| e.file_type().is_ok_and(|t| t.is_dir())) {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let within_volumes = path.components().any(|c| {
                c.as_os_str().to_string_lossy().contains("volume") || c.as_os_str().to_string_lossy().contains("claim")
            });
            if within_volumes && (name == ending || name.ends_with(&format!("-{ending}"))) {
                return Some(path);
            }
            open.push(path);
        }
    }
    None
}

/// Nobody knows how a step went whose agent is gone: it ends in error, and only a retry strategy runs it again.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_whose_agent_is_gone_is_lost() {
    let server = Server::start().await;
    let client = server.client().await;
    let lone = json!({"entrypoint": "main", "templates": [shell("main", "sleep 3600")]});
    let mut again = shell("main", "test {{retries}} -ge 1 || sleep 3600");
    again["retryStrategy"] = json!({"limit": 3, "retryPolicy": "Always"});
    submit(&client, &workflow("lone", lone)).await.unwrap();
    submit(&client, &workflow("again", json!({"entrypoint": "main", "templates": [again]}))).await.unwrap();
    running(&client, "lone", "lone").await;
    running(&client, "again", "again(0)").await;
    for pid in server.processes().into_iter().filter(|pid| *pid != server.pid()) {
        let _ = Command::new("kill").args(["-9", &pid.to_string()]).stderr(std::process::Stdio::null()).status();
    }
    let lone = ended(&client, "lone").await;
    assert_eq!(lone.phase(), WorkflowPhase::Error, "{}", lone.message);
    assert!(lone.message.contains("StepLost"), "{}", lone.message);
    let again = ended(&client, "again").await;
    assert_eq!(again.phase(), WorkflowPhase::Succeeded, "{}", again.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_on_one_folder() {
    let server = Server::start().await;
    let said = server.cli(&["server"]);
    let text = said.fails();
    assert!(
        text.contains("data") && text.contains(&server.pid().to_string()),
        "names the folder and who holds it: {text}"
    );
    assert!(server.client().await.info().get_server_info(client::v1::GetServerInfoRequest {}).await.is_ok());
}

/// A small file system of its own, gone with the test.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mount(test: &str, options: &str) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("colchis-disk-").tempdir().unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder.path()).output();
        if !mounted.is_ok_and(|o| o.status.success()) {
            testkit::tools::skip(test, "a file system cannot be mounted here");
            return None;
        }
        Some(Self(folder))
    }

    fn home(&self) -> tempfile::TempDir {
        tempfile::Builder::new().prefix("colchis-it-").tempdir_in(self.0.path()).unwrap()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// A full disk is said, loses nothing that was acknowledged, and is over when there is room again.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk() {
    let Some(disk) = Disk::mount("a full disk", "size=48m") else { return };
    let server = Server::at(disk.home(), &[("images", "host")]).await;
    let client = server.client().await;
    let spec = json!({"entrypoint": "main", "templates": [shell("main", "true")]});
    submit(&client, &workflow("before", spec.clone())).await.unwrap();
    assert_eq!(ended(&client, "before").await.phase(), WorkflowPhase::Succeeded);
    let filler = disk.0.path().join("filler");
    let _ = Command::new("dd")
        .args(["if=/dev/zero", "bs=64k", "conv=notrunc"])
        .arg(format!("of={}", filler.display()))
        .output();
    // The log may have some room left in it: what needs more is refused, and said.
    let mut acknowledged = Vec::new();
    let mut refusal = None;
    let padding = "x".repeat(200_000);
    for n in 0..500 {
        let mut manifest = workflow(&format!("full-{n}"), spec.clone());
        manifest["spec"]["suspend"] = json!(true);
        manifest["metadata"]["annotations"] = json!({"padding": padding});
        match submit(&client, &manifest).await {
            Ok(name) => acknowledged.push(name),
            Err(error) => {
                refusal = Some(error);
                break;
            }
        }
    }
    let refusal = refusal.expect("the disk is full").to_string();
    assert!(refusal.contains("full") || refusal.contains("space"), "{refusal}");
    // Reads still work.
    for name in &acknowledged {
        let request =
            GetWorkflowRequest { namespace: "default".into(), name: name.clone(), ..GetWorkflowRequest::default() };
        client.workflows().get(request).await.unwrap_or_else(|e| panic!("{name} was acknowledged: {e}"));
    }
    std::fs::remove_file(filler).unwrap();
    let after =
        eventually("there is room again", || async { submit(&client, &workflow("after", spec.clone())).await.ok() })
            .await;
    assert_eq!(ended(&client, &after).await.phase(), WorkflowPhase::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_disk() {
    let Some(disk) = Disk::mount("a read-only disk", "size=48m") else { return };
    let mut server = Server::at(disk.home(), &[("images", "host")]).await;
    server.stop().await;
    // Refused as long as somebody holds a file there open for writing: a process that another test is just starting, for a moment.
    eventually("the disk is read-only", || async {
        let remounted = Command::new("mount").args(["-o", "remount,ro"]).arg(disk.0.path()).output();
        remounted.is_ok_and(|o| o.status.success()).then_some(())
    })
    .await;
    let text = server.cli(&["server"]).fails();
    let _ = Command::new("mount").args(["-o", "remount,rw"]).arg(disk.0.path()).status();
    assert!(text.to_lowercase().contains("read-only"), "{text}");
    assert!(text.contains("data"), "names the folder: {text}");
    server.restart().await;
}

/// A damaged page is found and said, whatever stands on it; nothing is served from it as if nothing had happened.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database() {
    let mut server = Server::start().await;
    let client = server.client().await;
    let spec = json!({"entrypoint": "main", "suspend": true, "templates": [shell("main", "true")]});
    for n in 0..50 {
        submit(&client, &workflow(&format!("w{n}"), spec.clone())).await.unwrap();
    }
    server.stop().await;
    let file = server.data_dir().join("colchis.db");
    let mut bytes = std::fs::read(&file).unwrap();
    let last = bytes.len() - 4096;
    for byte in &mut bytes[last..] {
        *byte = 0xa5;
    }
    std::fs::write(&file, bytes).unwrap();
    server.spawn();
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let log = server.full_log().to_lowercase();
        if log.contains("damaged") || log.contains("malformed") || log.contains("corrupt") {
            break;
        }
        assert!(Instant::now() < deadline, "the damage is not told:\n{}", server.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A step that ignores TERM, floods its log and forks: the run ends by its deadline, the log is cut and says so, and nothing of it is left.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_steps() {
    let server = Server::with(&[("images", "host"), ("limits.log_bytes_max", "1Mi")]).await;
    let client = server.client().await;
    let mut stubborn = shell("stubborn", "trap '' TERM INT HUP; while :; do sleep 0.1; done");
    stubborn["activeDeadlineSeconds"] = json!(1);
    let flood = shell("flood", "yes colchis | head -c 8000000");
    let mut forks = shell("forks", "for i in 1 2 3 4 5 6 7 8; do (trap '' TERM; sleep 3600) & done; exit 0");
    forks["activeDeadlineSeconds"] = json!(20);
    for (name, template) in [("stubborn", stubborn), ("flood", flood), ("forks", forks)] {
        let spec =
            json!({"entrypoint": name, "podSpecPatch": "terminationGracePeriodSeconds: 1", "templates": [template]});
        submit(&client, &workflow(name, spec)).await.unwrap();
    }
    let stubborn = ended(&client, "stubborn").await;
    assert_eq!(stubborn.phase(), WorkflowPhase::Failed, "{}", stubborn.message);
    assert!(stubborn.message.to_lowercase().contains("deadline"), "{}", stubborn.message);
    assert_eq!(ended(&client, "flood").await.phase(), WorkflowPhase::Succeeded);
    let text = log(&client, "flood", "flood").await;
    assert!(text.len() < 3 << 20, "{} bytes", text.len());
    assert_eq!(ended(&client, "forks").await.phase(), WorkflowPhase::Succeeded);
    eventually("nothing of the steps is left", || async {
        let home = server.home().to_string_lossy().into_owned();
        let sleeping = server
            .processes()
            .into_iter()
            .filter(|pid| std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(b"sleep")));
        (sleeping.count() == 0 && !home.is_empty()).then_some(())
    })
    .await;
}

/// A restart reads the runs that are under way, not the finished ones; all of them go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_recovers_what_is_under_way() {
    let mut server = Server::start().await;
    let client = server.client().await;
    let waiting = json!({"entrypoint": "main", "templates": [{"name": "main", "steps": [[{"name": "wait", "template": "wait"}]]}, {"name": "wait", "suspend": {}}]});
    for n in 0..300 {
        submit(&client, &workflow(&format!("w{n}"), waiting.clone())).await.unwrap();
    }
    server.kill();
    let begun = Instant::now();
    server.restart().await;
    assert!(begun.elapsed() < Duration::from_secs(20), "took {:?}", begun.elapsed());
    let client = server.client().await;
    let mut phases: BTreeMap<String, usize> = BTreeMap::new();
    for n in 0..300 {
        let name = format!("w{n}");
        let request =
            client::v1::ResumeRequest { namespace: "default".into(), name: name.clone(), ..Default::default() };
        eventually(&format!("{name} takes a resume"), || async {
            client.workflows().resume(request.clone()).await.ok()
        })
        .await;
        *phases.entry(format!("{:?}", ended(&client, &name).await.phase())).or_default() += 1;
    }
    assert_eq!(phases, BTreeMap::from([("Succeeded".to_owned(), 300)]));
}
