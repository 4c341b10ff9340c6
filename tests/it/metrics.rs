//! The metrics page beside what reads it: the dashboard, the alerts and their page of explanations.

use std::collections::BTreeSet;

use client::v1::{ApplyRequest, SubmitRequest, submit_request};
use serde_json::{Value, json};
use tests::{Server, binary, eventually};

/// What no healthy server shows, and what the scraper itself says.
const NOT_HERE: &[&str] =
    &["colchis_artifact_gc_left", "colchis_circuit_open", "colchis_deadlocks_total", "colchis_quarantined_total", "up"];

fn asked_for() -> BTreeSet<String> {
    let folder = binary::root().join("examples/observability");
    let mut names = BTreeSet::new();
    for file in ["dashboard.json", "alerts.yaml", "README.md"] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        names.extend(
            words
                .filter(|w| ["argo_workflows_", "colchis_", "process_"].iter().any(|p| w.starts_with(p)))
                .map(str::to_owned),
        );
    }
    names
}

async fn apply(client: &client::Client, object: &Value) {
    let request =
        ApplyRequest { document: object.to_string().into(), namespace: "default".into(), ..Default::default() };
    client.resources().apply(request).await.unwrap_or_else(|e| panic!("{object}: {e}"));
}

/// A little of everything, and every name that the dashboard and the alerts ask for is on the page; none stands there twice, whatever manifests name their own.
#[tokio::test(flavor = "multi_thread")]
async fn every_name_that_is_asked_for_is_measured() {
    let server = Server::start().await;
    let client = server.client().await;
    let shell = |name: &str, command: &str| json!({"name": name, "container": {"image": "busybox", "command": ["/bin/sh", "-c", command]}});
    let mut work = shell("work", "test {{retries}} -ge 1 && echo x > /tmp/x");
    work["retryStrategy"] = json!({"limit": 2});
    work["outputs"] = json!({"artifacts": [{"name": "x", "path": "/tmp/x"}]});
    let metric = |name: &str| json!({"name": name, "help": "one", "counter": {"value": "1"}});
    work["metrics"] = json!({"prometheus": [metric("work_done"), metric("total_count"), metric("gauge")]});
    let task = |name: &str| json!({"name": name, "template": "work"});
    let main = json!({"name": "main", "parallelism": 1, "dag": {"tasks": [task("a"), task("b")]}});
    let spec = json!({"entrypoint": "main", "templates": [main, work]});
    let template = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTemplate", "metadata": {"name": "of-template"}, "spec": spec});
    apply(&client, &template).await;
    let cron = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "CronWorkflow", "metadata": {"name": "often"},
        "spec": {"schedules": ["@every 1s"], "workflowSpec": {"workflowTemplateRef": {"name": "of-template"}}}});
    apply(&client, &cron).await;
    let run = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "run"}, "spec": {"workflowTemplateRef": {"name": "of-template"}}});
    let source = Some(submit_request::Source::Manifest(run.to_string().into()));
    client.submit(SubmitRequest { namespace: "default".into(), source, options: None }).await.unwrap();
    client.wait("default", "run").await.unwrap();
    eventually("every name is on the page", || async {
        let page = server.metrics();
        let there = page.names();
        let missing: Vec<String> = asked_for()
            .into_iter()
            .filter(|name| !NOT_HERE.contains(&name.as_str()))
            .filter(|name| !there.contains(name.as_str()) && !there.contains(format!("{name}_count").as_str()))
            .collect();
        missing.is_empty().then_some(())
    })
    .await;
    // Each run counts two. A run that the schedule began a moment ago may have counted one: none begins any more, and those under way are waited for.
    let mut paused = cron;
    paused["spec"]["suspend"] = json!(true);
    apply(&client, &paused).await;
    runs(&server, "Running", 0.0).await;
    runs(&server, "Pending", 0.0).await;
    let page = eventually("runs have counted both of their steps", || async {
        let page = server.metrics();
        (page.sum("argo_workflows_work_done", &[]).rem_euclid(2.0) == 0.0).then_some(page)
    })
    .await;
    assert!(
        page.sum("colchis_artifact_transfers_total", &["driver=\"directory\"", "operation=\"save\"", "outcome=\"ok\""])
            >= 2.0,
        "{}",
        page.text()
    );
    assert!(
        page.sum("argo_workflows_workflowtemplate_triggered_total", &["name=\"of-template\"", "phase=\"Succeeded\""])
            >= 1.0
    );
    // A family stands on the page once, or the whole page is refused.
    let kinds: Vec<&str> = page.text().lines().filter_map(|l| l.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let once: BTreeSet<&str> = kinds.iter().copied().collect();
    assert_eq!(kinds.len(), once.len(), "{kinds:?}");
}

async fn runs(server: &Server, phase: &str, n: f64) {
    let label = format!("phase=\"{phase}\"");
    let counted = || async { (server.metrics().sum("argo_workflows_gauge", &[&label]) == n).then_some(()) };
    eventually(&format!("{n} runs are {phase}"), counted).await;
}

/// What is under way is counted, also what an earlier server left.
#[tokio::test(flavor = "multi_thread")]
async fn runs_are_counted_over_a_restart() {
    let mut server = Server::start().await;
    let client = server.client().await;
    for n in 0..3 {
        let run = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": format!("r{n}")},
            "spec": {"entrypoint": "main", "templates": [{"name": "main", "suspend": {}}]}});
        let source = Some(submit_request::Source::Manifest(run.to_string().into()));
        client.submit(SubmitRequest { namespace: "default".into(), source, options: None }).await.unwrap();
    }
    runs(&server, "Running", 3.0).await;
    // Their objects say so, too: what a next server begins from.
    eventually("the objects say that they run", || async {
        (server.cli(&["wf", "list", "--status", "Running", "-o", "name"]).ok().lines().count() == 3).then_some(())
    })
    .await;
    server.kill();
    server.restart().await;
    runs(&server, "Running", 3.0).await;
    server.cli(&["wf", "resume", "r0"]).ok();
    runs(&server, "Running", 2.0).await;
    runs(&server, "Succeeded", 1.0).await;
}
