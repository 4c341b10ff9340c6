//! Compares a run with what its header expects.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use client::v1::{
    ArtifactDirection, ArtifactKey, GetArtifactRequest, GetWorkflowRequest, Node, StatusDetail, StreamLogsRequest,
};
use futures::StreamExt;
use serde_json::Value;

use super::follow::{Followed, node_phase};
use super::run::{World, phase_name, text_of};
use super::{End, Example, NodeExpected};

/// Everything that differs, in the header's words.
pub(super) async fn check(world: &World, example: &Example, followed: &Followed) -> Vec<String> {
    let mut differences = Vec::new();
    let (expected, summary) = (&example.expected, &followed.summary);
    let phase = phase_name(summary.phase());
    let wanted = match expected.expect {
        End::Succeeded => "Succeeded",
        End::Failed => "Failed",
        End::Error => "Error",
        End::Applied | End::Refused => return vec![format!("ran and ended {phase}, which its header does not expect")],
    };
    if phase != wanted {
        differences.push(format!("ended {phase}, expected {wanted}: {}", summary.message));
    }
    if let Some(part) = expected.message.as_ref().filter(|part| !contains(&summary.message, part)) {
        differences.push(format!("message does not say {part:?}: {:?}", summary.message));
    }
    for (name, want) in &expected.nodes {
        differences.extend(node(name, want, find(followed, name)));
    }
    order(expected.order.as_slice(), followed, &mut differences);
    if let Some(limit) = expected.running_at_once.filter(|limit| followed.running_at_once > *limit) {
        differences.push(format!("{} steps ran at once, at most {limit} may", followed.running_at_once));
    }
    let document = match document(world, followed).await {
        Ok(document) => document,
        Err(error) => return vec![error],
    };
    outputs(&expected.outputs, &document, find(followed, "run"), &mut differences);
    let logs = match logs(world, followed).await {
        Ok(logs) => logs,
        Err(error) => return vec![error],
    };
    for (name, want) in &expected.logs {
        let texts: Vec<&str> = all(followed, name).filter_map(|n| logs.get(&n.id)).map(String::as_str).collect();
        if !texts.iter().any(|text| text.contains(want)) {
            differences.push(format!("log of {name} does not say {want:?}: {texts:?}"));
        }
    }
    for (name, want) in &expected.artifacts {
        let got = find(followed, name).map(artifacts).unwrap_or_default();
        for artifact in want.iter().filter(|a| !got.contains(a)) {
            differences.push(format!("{name} has no output artifact {artifact}: {got:?}"));
        }
    }
    for text in &expected.never {
        let places = [("the run's document", document.to_string()), ("the server's log", world.server.full_log())];
        let in_logs = logs.values().map(|l| ("a step's log", l.clone()));
        for (place, _) in places.into_iter().chain(in_logs).filter(|(_, content)| content.contains(text)) {
            differences.push(format!("{text:?} stands in {place}"));
        }
    }
    afterwards(world, example, followed, &mut differences).await;
    if !differences.is_empty() {
        differences.push(picture(followed));
    }
    differences
}

fn node(name: &str, want: &NodeExpected, node: Option<&Node>) -> Vec<String> {
    let got = node.map_or("none", |n| node_phase(n.phase()));
    let said = node.map_or("", |n| n.message.as_str());
    let (phase, message, exit_code, memoized) = match want {
        NodeExpected::Phase(phase) => (Some(phase.as_str()), None, None, None),
        NodeExpected::More { phase, message, exit_code, memoized } => {
            (phase.as_deref(), message.as_ref(), *exit_code, *memoized)
        }
    };
    let mut differences = Vec::new();
    if let Some(phase) = phase.filter(|phase| *phase != got) {
        differences.push(format!("{name} is {got}, expected {phase}: {said}"));
    }
    if let Some(part) = message.filter(|part| !contains(said, part)) {
        differences.push(format!("{name} does not say {part:?}: {said:?}"));
    }
    if let Some(code) = exit_code {
        let got = node.map_or("", |n| n.exit_code.as_str());
        if got != code.to_string() {
            differences.push(format!("{name} has exit code {got:?}, expected {code}"));
        }
    }
    if let Some(memoized) = memoized {
        let hit = node.map(json).is_some_and(|d| d["memoizationStatus"]["hit"] == true);
        if hit != memoized {
            differences.push(format!("{name}: came from the cache: {hit}, expected {memoized}"));
        }
    }
    differences
}

/// Without regard to the case of letters.
fn contains(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}

/// All nodes of a display name; `run` stands for the run's own.
fn all<'a>(followed: &'a Followed, name: &'a str) -> impl Iterator<Item = &'a Node> {
    let own = match name.strip_prefix("run") {
        Some(rest) if rest.is_empty() || rest.starts_with('(') => Some(format!("{}{rest}", followed.name)),
        _ => None,
    };
    followed
        .nodes
        .values()
        .filter(move |n| n.display_name == name || own.as_ref().is_some_and(|own| n.display_name == *own))
}

fn find<'a>(followed: &'a Followed, name: &'a str) -> Option<&'a Node> {
    all(followed, name).next()
}

fn order(names: &[String], followed: &Followed, differences: &mut Vec<String>) {
    for pair in names.windows(2) {
        let [before, after] = pair else { continue };
        match (find(followed, before), find(followed, after)) {
            (Some(b), Some(a)) if b.finished_ms <= a.started_ms => {}
            (Some(b), Some(a)) => {
                differences
                    .push(format!("{after} began at {} before {before} had ended at {}", a.started_ms, b.finished_ms));
            }
            _ => differences.push(format!("{before} or {after} is not there")),
        }
    }
}

fn json(node: &Node) -> Value {
    serde_json::from_slice(&node.document).unwrap_or_default()
}

/// Names of output artifacts.
fn artifacts(node: &Node) -> Vec<String> {
    let document = json(node);
    let list = document["outputs"]["artifacts"].as_array().cloned().unwrap_or_default();
    list.iter().filter_map(|a| Some(a["name"].as_str()?.to_owned())).collect()
}

/// The run's own outputs (`globalName`), or those of its own node.
fn outputs(expected: &BTreeMap<String, String>, document: &Value, own: Option<&Node>, differences: &mut Vec<String>) {
    let mut list = document["status"]["outputs"]["parameters"].as_array().cloned().unwrap_or_default();
    if let Some(own) = own.map(json) {
        list.extend(own["outputs"]["parameters"].as_array().cloned().unwrap_or_default());
    }
    for (name, want) in expected {
        let got = list.iter().find(|p| p["name"] == **name).map(|p| p["value"].as_str().unwrap_or_default().to_owned());
        if got.as_ref() != Some(want) {
            differences.push(format!("output {name} is {got:?}, expected {want:?}"));
        }
    }
}

async fn document(world: &World, followed: &Followed) -> Result<Value, String> {
    let request = GetWorkflowRequest {
        namespace: followed.namespace.clone(),
        name: followed.name.clone(),
        status: StatusDetail::Full.into(),
    };
    let got = world.client.get_workflow(request).await.map_err(|e| format!("reading the run: {}", text_of(&e)))?;
    serde_json::from_slice(&got.document).map_err(|e| format!("the run's document: {e}"))
}

/// What each node wrote, by node id.
async fn logs(world: &World, followed: &Followed) -> Result<BTreeMap<String, String>, String> {
    let request = StreamLogsRequest {
        namespace: followed.namespace.clone(),
        name: followed.name.clone(),
        container: "*".into(),
        ..StreamLogsRequest::default()
    };
    let failed = |e| format!("reading the logs: {}", text_of(&e));
    let mut stream = world.client.logs().stream(request).await.map_err(failed)?;
    let mut logs: BTreeMap<String, String> = BTreeMap::new();
    while let Some(page) = stream.next().await {
        for entry in page.map_err(failed)?.entries {
            let text = logs.entry(entry.node_id).or_default();
            text.push_str(&String::from_utf8_lossy(&entry.text));
            text.push('\n');
        }
    }
    Ok(logs)
}

/// What comes true after the end.
async fn afterwards(world: &World, example: &Example, followed: &Followed, differences: &mut Vec<String>) {
    if !example.expected.metrics.is_empty() {
        let text = metrics(world).await;
        for line in example.expected.metrics.iter().filter(|line| !text.lines().any(|l| l == **line)) {
            differences.push(format!("/metrics has no line {line:?}"));
        }
    }
    for (name, want) in &example.expected.labels {
        // They are written with the status, a moment after the end.
        let shown = settled(|| async {
            let document = document(world, followed).await.ok()?;
            (document["metadata"]["labels"][name] == **want).then_some(())
        });
        if shown.await.is_none() {
            differences.push(format!("label {name} is not {want:?}"));
        }
    }
    for (name, want) in &example.expected.artifacts_deleted {
        let Some(node) = find(followed, name) else { continue };
        for artifact in &artifacts(node) {
            let collected = want.contains(artifact);
            let settled = settled(|| async {
                (artifact_is_there(world, followed, node, artifact).await != collected).then_some(())
            });
            if settled.await.is_none() {
                differences.push(format!("artifact {artifact} of {name}: collected should be {collected}"));
            }
        }
    }
}

/// Asks until there is an answer, or no longer.
async fn settled<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> Option<T> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = ask().await;
        if answer.is_some() || Instant::now() > deadline {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether an artifact's bytes can still be had.
async fn artifact_is_there(world: &World, followed: &Followed, node: &Node, artifact: &str) -> bool {
    let key = ArtifactKey {
        namespace: followed.namespace.clone(),
        name: followed.name.clone(),
        node: node.id.clone(),
        artifact_name: artifact.to_owned(),
        direction: ArtifactDirection::Output.into(),
    };
    let request = GetArtifactRequest { key: Some(key), path: String::new() };
    match world.client.artifacts().get(request).await {
        Ok(mut stream) => stream.next().await.is_some_and(|first| first.is_ok()),
        Err(_) => false,
    }
}

async fn metrics(world: &World) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let Some(address) = world.server.metrics_address() else { return String::new() };
    let Ok(mut stream) = tokio::net::TcpStream::connect(address.trim_start_matches("http://")).await else {
        return String::new();
    };
    let mut text = String::new();
    let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
    let _ = stream.read_to_string(&mut text).await;
    text
}

/// The run's nodes, for whoever reads the failure.
fn picture(followed: &Followed) -> String {
    let mut nodes: Vec<&Node> = followed.nodes.values().collect();
    nodes.sort_by_key(|n| (n.started_ms, n.name.clone()));
    let lines = nodes
        .iter()
        .map(|n| format!("    {:<10}{:<10}{} {}", n.r#type, node_phase(n.phase()), n.display_name, n.message));
    format!("its nodes:\n{}", lines.collect::<Vec<_>>().join("\n"))
}
