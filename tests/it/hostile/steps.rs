//! Steps that leave what nobody expects: each ends, with a reason that a person can read, and the server goes on. In an image, so that what they break is theirs.

use std::time::{Duration, Instant};

use client::v1::{SubmitRequest, WorkflowPhase, WorkflowSummary, submit_request};
use serde_json::{Value, json};
use tests::Server;

/// What a step may take that does nothing for ever, on a busy machine and without optimisation.
const ENDS_WITHIN: Duration = Duration::from_secs(60);
/// What all of them may add to the server's memory (bytes).
const MEMORY_MAX: u64 = 400 << 20;

async fn world(test: &str) -> Option<Server> {
    let home = tempfile::Builder::new().prefix("colchis-it-").tempdir().unwrap();
    let archive = home.path().join("image.tar");
    if !tests::images::write(&archive, &["docker.io/library/small:1"]) {
        testkit::tools::skip(test, "busybox is missing");
        return None;
    }
    let server = Server::at(home, &[("images", "imported")]).await;
    server.cli(&["image", "import", archive.to_str().unwrap()]).ok();
    Some(server)
}

/// A run of one step that leaves `outputs`, and of a second that takes the artifact `it` if there is one.
async fn run(server: &Server, name: &str, command: &str, outputs: Value) -> WorkflowSummary {
    submit(server, name, command, outputs).await;
    server.client().await.wait("default", name).await.unwrap()
}

async fn submit(server: &Server, name: &str, command: &str, outputs: Value) {
    let shell = |name: &str, command: &str| json!({"name": name, "container": {"image": "small:1", "command": ["/bin/sh", "-c", command]}});
    let mut make = shell("make", command);
    let hands_over = outputs["artifacts"].is_array();
    make["outputs"] = outputs;
    let mut steps = vec![json!([{"name": "make", "template": "make"}])];
    let mut take = shell("take", "ls -lR /tmp/it");
    if hands_over {
        take["inputs"] = json!({"artifacts": [{"name": "it", "path": "/tmp/it"}]});
        let from = json!({"artifacts": [{"name": "it", "from": "{{steps.make.outputs.artifacts.it}}"}]});
        steps.push(json!([{"name": "take", "template": "take", "arguments": from}]));
    }
    let spec = json!({"entrypoint": "main", "templates": [{"name": "main", "steps": steps}, make, take]});
    let manifest =
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name}, "spec": spec});
    let source = Some(submit_request::Source::Manifest(manifest.to_string().into()));
    server.client().await.submit(SubmitRequest { namespace: "default".into(), source, options: None }).await.unwrap();
}

fn parameter() -> Value {
    json!({"parameters": [{"name": "p", "valueFrom": {"path": "/tmp/p"}}]})
}

fn artifact() -> Value {
    json!({"artifacts": [{"name": "it", "path": "/tmp/it"}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_outputs() {
    let Some(server) = world("hostile_outputs").await else { return };
    let before = server.memory();
    let good = WorkflowPhase::Succeeded;
    let bad = WorkflowPhase::Failed;
    let rows: Vec<(&str, &str, Value, WorkflowPhase, &[&str])> = vec![
        ("pipe", "mkfifo /tmp/p", parameter(), bad, &["regular file"]),
        ("device", "mknod /tmp/p c 1 5 || ln -s /dev/zero /tmp/p", parameter(), bad, &["/tmp/p"]),
        ("folder", "mkdir /tmp/p", parameter(), bad, &["/tmp/p"]),
        ("shadow", "ln -s /etc/shadow /tmp/p", parameter(), bad, &["did not write it"]),
        ("climbs", "ln -s ../../../../../../etc/shadow /tmp/p", parameter(), bad, &["did not write it"]),
        ("of-others", "ln -s /proc/1/root/etc/passwd /tmp/p", parameter(), bad, &["/tmp/p"]),
        ("loop", "ln -s /tmp/p /tmp/p", parameter(), bad, &["/tmp/p"]),
        ("large", "head -c 40000000 /dev/zero > /tmp/p", parameter(), bad, &["parameter_bytes_max"]),
        ("bytes", "printf '\\377\\376' > /tmp/p", parameter(), bad, &["UTF-8"]),
        ("sparse", "truncate -s 1000000000000 /tmp/p", parameter(), bad, &["parameter_bytes_max"]),
        ("says-much", "head -c 100000000 /dev/zero | tr '\\0' x", json!({}), good, &[]),
        ("pipe-artifact", "mkfifo /tmp/it", artifact(), bad, &["/tmp/it is a named pipe"]),
        ("device-artifact", "mknod /tmp/it c 1 5 || ln -s /dev/zero /tmp/it", artifact(), bad, &["it"]),
        ("link-artifact", "ln -s /etc/shadow /tmp/it", artifact(), bad, &["it"]),
        (
            "link-inside",
            "mkdir /tmp/it; ln -s /etc/shadow /tmp/it/link",
            artifact(),
            bad,
            &["a link out of the folder"],
        ),
        ("pipe-inside", "mkdir /tmp/it; echo x > /tmp/it/x; mkfifo /tmp/it/pipe", artifact(), bad, &["a named pipe"]),
        ("closed", "mkdir /tmp/it; echo x > /tmp/it/x; chmod 000 /tmp/it/x /tmp/it", artifact(), good, &[]),
        (
            "names",
            "mkdir /tmp/it; cd /tmp/it; touch \"$(printf 'a\\nb')\" \"$(printf '\\377\\376')\" ' ' ./-rf '*'",
            artifact(),
            good,
            &[],
        ),
        (
            "many",
            "mkdir /tmp/it; cd /tmp/it; i=0; while [ $i -lt 5000 ]; do : > $i; i=$((i+1)); done",
            artifact(),
            good,
            &[],
        ),
        (
            "deep",
            "mkdir /tmp/it; cd /tmp/it; d=$(head -c 200 /dev/zero | tr '\\0' d); i=0; while [ $i -lt 200 ]; do mkdir $d; cd $d; i=$((i+1)); done",
            artifact(),
            bad,
            &["too long"],
        ),
        ("no-root", "rm -rf /tmp /etc /usr /home /var 2>/dev/null; true", artifact(), bad, &["did not write it"]),
        ("nothing-left", "(sleep 1000 &) ; (trap '' TERM HUP; sleep 1000 &); true", json!({}), good, &[]),
    ];
    for (name, command, outputs, phase, words) in rows {
        let begun = Instant::now();
        let summary = run(&server, name, command, outputs).await;
        let nodes = server.cli(&["wf", "get", name, "-o", "json"]).ok();
        let said = format!("{name}: {}", summary.message);
        assert_eq!(summary.phase(), phase, "{said}");
        for word in words {
            assert!(nodes.contains(word), "{word}: {said}");
        }
        assert!(summary.message.len() < 10_000, "{name}: a message of {} bytes", summary.message.len());
        assert!(begun.elapsed() < ENDS_WITHIN, "{name} took {:?}", begun.elapsed());
    }
    let grown = server.memory_peak().saturating_sub(before);
    assert!(grown < MEMORY_MAX, "{grown} bytes");
    assert!(!server.full_log().contains("panicked"), "{}", server.log());
}

/// A file of holes that would take days to pack holds nobody who wants to end the run.
#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_artifact_without_end() {
    let Some(server) = world("a_hostile_artifact_without_end").await else { return };
    submit(&server, "holes", "truncate -s 4000000000000 /tmp/it; echo made", artifact()).await;
    tests::eventually("the step is over", || async {
        server.cli(&["wf", "logs", "holes"]).out.contains("made").then_some(())
    })
    .await;
    let begun = Instant::now();
    server.cli(&["wf", "terminate", "holes"]).ok();
    let summary = server.client().await.wait("default", "holes").await.unwrap();
    assert_eq!(summary.phase(), WorkflowPhase::Failed, "{}", summary.message);
    assert!(begun.elapsed() < ENDS_WITHIN, "took {:?}", begun.elapsed());
    assert_eq!(run(&server, "after", "true", json!({})).await.phase(), WorkflowPhase::Succeeded);
}
