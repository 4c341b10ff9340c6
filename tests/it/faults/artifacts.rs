//! The artifact repository is down, slow, refuses, or breaks off, and comes back.

use tests::gate::{Door, Gate};
use tests::s3::{self, S3};

use super::*;

/// A server whose runs keep their artifacts in a bucket behind a gate.
struct World {
    server: Server,
    client: Client,
    s3: S3,
    gate: Gate,
}

impl World {
    async fn start(test: &str, door: Door, settings: &[(&str, &str)]) -> Option<Self> {
        let s3 = S3::start(test)?;
        s3.put("bucket", "readme", b"");
        let gate = Gate::before(s3.address(), door);
        let all = [("images", "host"), ("egress.allowPrivate", "[127.0.0.1/32]")];
        let all: Vec<_> = all.iter().chain(settings).copied().collect();
        let server = Server::with(&all).await;
        let client = server.client().await;
        let world = Self { server, client, s3, gate };
        world.credentials(s3::SECRET_KEY).await;
        Some(world)
    }

    async fn credentials(&self, secret: &str) {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bucket"}, "stringData": {"access": s3::ACCESS_KEY, "secret": secret}});
        apply(&self.client, "default", &secret).await;
    }

    /// An artifact in the bucket.
    fn artifact(&self, key: &str) -> Value {
        json!({"name": "it", "path": "/tmp/it", "archive": {"none": {}}, "s3": {
            "bucket": "bucket", "endpoint": self.gate.address(), "insecure": true, "key": key,
            "accessKeySecret": {"name": "bucket", "key": "access"}, "secretKeySecret": {"name": "bucket", "key": "secret"},
        }})
    }

    /// A step that leaves what `command` writes, and a second one that takes it.
    fn hand_over(&self, name: &str, command: &str) -> Value {
        let key = format!("{name}.bin");
        let mut make = shell("make", command);
        make["outputs"] = json!({"artifacts": [self.artifact(&key)]});
        let mut take = shell("take", "cksum < /tmp/it");
        take["inputs"] = json!({"artifacts": [{"name": "it", "path": "/tmp/it"}]});
        let from = json!({"artifacts": [{"name": "it", "from": "{{steps.make.outputs.artifacts.it}}"}]});
        let steps =
            json!([[{"name": "make", "template": "make"}], [{"name": "take", "template": "take", "arguments": from}]]);
        workflow(name, json!({"entrypoint": "main", "templates": [{"name": "main", "steps": steps}, make, take]}))
    }
}

/// A repository that is away for a while costs time and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_comes_back_is_waited_for() {
    let Some(world) = World::start("an artifact repository that comes back", Door::Shut, &[]).await else { return };
    submit(&world.client, &world.hand_over("back", "echo hello > /tmp/it")).await.unwrap();
    eventually("the upload is tried", || async { (world.gate.came() >= 2).then_some(()) }).await;
    assert_eq!(world.s3.get("bucket", "back.bin"), None);
    world.gate.set(Door::Open);
    let summary = ended(&world.client, "back").await;
    assert_eq!(summary.phase(), WorkflowPhase::Succeeded, "{}", summary.message);
    assert_eq!(world.s3.get("bucket", "back.bin").as_deref(), Some(&b"hello\n"[..]));
    assert_eq!(log(&world.client, "back", "take").await, "3015617425 6\n");
}

/// One that stays away is given up after so many tries, said on the node by driver, key and reason, and counted. The retry strategy of those who ask for it covers
/// it; and a retry by hand goes well when the repository is there again.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_stays_away_is_given_up_and_named() {
    let settings = [("artifacts.retry.attempts", "2")];
    let Some(world) = World::start("an artifact repository that is down", Door::Shut, &settings).await else { return };
    let mut manifest = world.hand_over("down", "echo hello > /tmp/it");
    manifest["spec"]["templates"][1]["retryStrategy"] = json!({"limit": 1, "retryPolicy": "OnTransientError"});
    submit(&world.client, &manifest).await.unwrap();
    assert_eq!(ended(&world.client, "down").await.phase(), WorkflowPhase::Failed, "steps whose step errored");
    let first = node(&world.client, "down", "make(0)").await;
    for word in ["s3", "bucket/down.bin", "tried 2 times"] {
        assert!(first.message.contains(word), "{word}: {}", first.message);
    }
    assert_eq!(node(&world.client, "down", "make(1)").await.phase(), NodePhase::Error);
    // Two attempts of the step, two tries each, two requests in a try, each sent twice at most: nobody tries again what was tried again.
    assert!(world.gate.came() <= 16, "{} connections", world.gate.came());
    let page = world.server.metrics();
    let failed =
        page.sum("colchis_artifact_transfers_total", &["driver=\"s3\"", "operation=\"save\"", "outcome=\"transient\""]);
    assert_eq!(failed, 2.0);
    assert_eq!(page.sum("colchis_step_retries_total", &["reason=\"transient\""]), 1.0);
    let circuit = format!("dependency=\"s3 {}\"", world.gate.address());
    assert_eq!(page.sum("colchis_circuit_open", &[&circuit]), 1.0);
    world.gate.set(Door::Open);
    world.server.cli(&["wf", "retry", "down"]).ok();
    let summary = ended(&world.client, "down").await;
    assert_eq!(summary.phase(), WorkflowPhase::Succeeded, "{}", summary.message);
    assert_eq!(world.server.metrics().sum("colchis_circuit_open", &[&circuit]), 0.0);
}

/// One that refuses is not asked again; the node says what was refused and where to look, and shows no credential.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_refuses_is_believed() {
    let Some(world) = World::start("an artifact repository that refuses", Door::Open, &[]).await else { return };
    world.credentials("not-the-secret-at-all").await;
    submit(&world.client, &world.hand_over("denied", "echo hello > /tmp/it")).await.unwrap();
    assert_eq!(ended(&world.client, "denied").await.phase(), WorkflowPhase::Failed, "steps whose step errored");
    let make = node(&world.client, "denied", "make").await;
    assert_eq!(make.phase(), NodePhase::Error);
    for word in ["s3", "bucket/denied.bin", "403", "access key"] {
        assert!(make.message.contains(word), "{word}: {}", make.message);
    }
    assert!(!make.message.contains("not-the-secret-at-all"), "{}", make.message);
    assert_eq!(world.server.metrics().sum("colchis_artifact_transfers_total", &["outcome=\"denied\""]), 1.0);
    assert_eq!(world.s3.get("bucket", "denied.bin"), None);
    // The input side says the same.
    let mut take = shell("main", "true");
    take["inputs"] = json!({"artifacts": [world.artifact("readme")]});
    submit(&world.client, &workflow("unread", json!({"entrypoint": "main", "templates": [take]}))).await.unwrap();
    let summary = ended(&world.client, "unread").await;
    assert_eq!(summary.phase(), WorkflowPhase::Error);
    assert!(summary.message.contains("input") && summary.message.contains("bucket/readme"), "{}", summary.message);
}

/// What was half uploaded is no output: not in the bucket, not on the node, and nobody goes on with it.
#[tokio::test(flavor = "multi_thread")]
async fn half_an_upload_is_none() {
    let settings = [("artifacts.retry.attempts", "2")];
    let Some(world) = World::start("an upload that breaks off", Door::Cut(1 << 20), &settings).await else { return };
    submit(&world.client, &world.hand_over("half", "head -c 20000000 /dev/urandom > /tmp/it")).await.unwrap();
    assert_eq!(ended(&world.client, "half").await.phase(), WorkflowPhase::Failed, "steps whose step errored");
    let make = node(&world.client, "half", "make").await;
    assert_eq!(make.phase(), NodePhase::Error);
    assert!(make.message.contains("bucket/half.bin"), "{}", make.message);
    let document = document(&world.client, "half").await;
    let outputs = document["status"]["nodes"].as_object().unwrap().values().filter_map(|n| n.get("outputs"));
    assert_eq!(outputs.filter(|o| o.get("artifacts").is_some()).count(), 0, "{document}");
    assert_eq!(world.s3.get("bucket", "half.bin"), None);
    assert!(nodes(&world.client, "half").await.iter().all(|n| n.display_name != "take"));
}

/// One that is slow holds nobody who wants to end the run.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_says_nothing_does_not_hold_a_run_that_is_ended() {
    let Some(world) = World::start("an artifact repository that is slow", Door::Silent, &[]).await else { return };
    submit(&world.client, &world.hand_over("slow", "echo hello > /tmp/it")).await.unwrap();
    eventually("the upload begins", || async { (world.gate.came() >= 1).then_some(()) }).await;
    world.server.cli(&["wf", "terminate", "slow"]).ok();
    let summary = ended(&world.client, "slow").await;
    assert_eq!(summary.phase(), WorkflowPhase::Failed, "{}", summary.message);
    assert!(summary.message.to_lowercase().contains("terminate"), "{}", summary.message);
    assert_eq!(world.s3.get("bucket", "slow.bin"), None);
}

/// One that is down keeps nobody from deleting a run, although its artifacts were to be deleted with it; and a step of another run does not wait for that. They are
/// deleted when it is there again, by a later server too.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_down_holds_no_deletion() {
    let settings = [("artifacts.retry.attempts", "2")];
    let Some(mut world) = World::start("an artifact repository that is down", Door::Open, &settings).await else {
        return;
    };
    let mut manifest = world.hand_over("collected", "echo hello > /tmp/it");
    manifest["spec"]["artifactGC"] = json!({"strategy": "OnWorkflowDeletion"});
    submit(&world.client, &manifest).await.unwrap();
    assert_eq!(ended(&world.client, "collected").await.phase(), WorkflowPhase::Succeeded);
    world.gate.set(Door::Shut);
    world.server.cli(&["wf", "delete", "collected"]).ok();
    let gone = GetWorkflowRequest { namespace: "default".into(), name: "collected".into(), ..Default::default() };
    assert!(world.client.workflows().get(gone).await.is_err_and(|e| e.is_not_found()));
    eventually("it is said that the artifact stays", || async {
        let log = world.server.full_log();
        (log.contains("bucket/collected.bin") && log.contains("stay")).then_some(())
    })
    .await;
    assert_eq!(world.s3.get("bucket", "collected.bin").as_deref(), Some(&b"hello\n"[..]));
    submit(&world.client, &workflow("next", json!({"entrypoint": "main", "templates": [shell("main", "true")]})))
        .await
        .unwrap();
    assert_eq!(ended(&world.client, "next").await.phase(), WorkflowPhase::Succeeded);
    eventually("what is left is counted", || async {
        (world.server.metrics().sum("colchis_artifact_gc_left", &["namespace=\"default\""]) == 1.0).then_some(())
    })
    .await;
    world.server.kill();
    world.server.restart().await;
    world.gate.set(Door::Open);
    eventually("the artifact is deleted", || async { world.s3.get("bucket", "collected.bin").is_none().then_some(()) })
        .await;
    eventually("nothing is left", || async {
        (world.server.metrics().sum("colchis_artifact_gc_left", &[]) == 0.0).then_some(())
    })
    .await;
}

/// What could not be deleted at a run's end is said on the run, and deleted later.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_at_the_end_is_said() {
    let settings = [("artifacts.retry.attempts", "1")];
    let Some(world) = World::start("an artifact repository that is down at the end", Door::Open, &settings).await
    else {
        return;
    };
    let mut manifest = world.hand_over("later", "echo hello > /tmp/it");
    manifest["spec"]["artifactGC"] = json!({"strategy": "OnWorkflowCompletion"});
    manifest["spec"]["onExit"] = json!("wait");
    manifest["spec"]["templates"].as_array_mut().unwrap().push(json!({"name": "wait", "suspend": {}}));
    submit(&world.client, &manifest).await.unwrap();
    running(&world.client, "later", "later.onExit").await;
    world.gate.set(Door::Shut);
    world.server.cli(&["wf", "resume", "later"]).ok();
    assert_eq!(ended(&world.client, "later").await.phase(), WorkflowPhase::Succeeded);
    let condition = |document: &Value| -> Option<String> {
        let conditions = document["status"]["conditions"].as_array()?;
        let ours = conditions.iter().find(|c| c["type"] == "ArtifactGCError")?;
        Some(ours["message"].as_str().unwrap_or_default().to_owned())
    };
    let message =
        eventually("the run says what is left", || async { condition(&document(&world.client, "later").await) }).await;
    assert!(message.starts_with("1 artifact ") && message.contains("bucket/later.bin"), "{message}");
    let stored = || -> Value {
        serde_json::from_str(&world.server.cli(&["get", "workflow", "later", "-o", "json"]).ok()).unwrap()
    };
    eventually("so does its object", || async { condition(&stored()) }).await;
    world.gate.set(Door::Open);
    eventually("the artifact is deleted", || async { world.s3.get("bucket", "later.bin").is_none().then_some(()) })
        .await;
    eventually("the run says no more of it", || async {
        (condition(&document(&world.client, "later").await).is_none() && condition(&stored()).is_none()).then_some(())
    })
    .await;
}
