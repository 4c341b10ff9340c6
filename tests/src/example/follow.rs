//! Follows a run by its node deltas, doing what a person does meanwhile.

use std::collections::BTreeMap;

use client::Client;
use client::v1::{
    Node, NodePhase, Parameter, ResumeRequest, SetNodeRequest, StopRequest, WatchNodesRequest, WorkflowPhase,
    WorkflowSummary,
};
use futures::StreamExt;

use super::Action;
use super::run::{phase_name, text_of};

/// What was seen of a run.
pub(super) struct Followed {
    pub(super) namespace: String,
    pub(super) name: String,
    /// At its end.
    pub(super) summary: WorkflowSummary,
    /// The last state of each node, by id.
    pub(super) nodes: BTreeMap<String, Node>,
    /// The most steps that ran at once.
    pub(super) running_at_once: usize,
}

/// Follows a run to its end.
pub(super) async fn follow(
    client: &Client,
    namespace: &str,
    name: &str,
    actions: &[Action],
) -> Result<Followed, String> {
    let request = WatchNodesRequest { namespace: namespace.to_owned(), name: name.to_owned(), full: true };
    let mut watch = client.watch_nodes(request);
    let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
    let mut actions = actions.iter().filter(|a| a.submit_from.is_none()).peekable();
    let (mut summary, mut running_at_once) = (None, 0);
    while let Some(news) = watch.next().await {
        let news = news.map_err(|e| format!("the watch of its nodes: {}", text_of(&e)))?;
        nodes.extend(news.nodes.into_iter().map(|node| (node.id.clone(), node)));
        running_at_once = running_at_once
            .max(nodes.values().filter(|n| n.r#type == "Pod" && n.phase() == NodePhase::Running).count());
        summary = news.workflow.or(summary);
        while let Some(action) = actions.next_if(|action| is_due(action, &nodes)) {
            act(client, namespace, name, action).await?;
        }
        if news.ended {
            break;
        }
    }
    if let Some(action) = actions.next() {
        return Err(format!("ended before {:?} was {:?}, which the header waits for", action.when, action.is));
    }
    let summary = summary.ok_or("the watch of its nodes told nothing of the run")?;
    if matches!(summary.phase(), WorkflowPhase::Unknown | WorkflowPhase::Pending | WorkflowPhase::Running) {
        return Err(format!("the watch of its nodes ended while the run was {:?}", phase_name(summary.phase())));
    }
    Ok(Followed { namespace: namespace.to_owned(), name: name.to_owned(), summary, nodes, running_at_once })
}

fn is_due(action: &Action, nodes: &BTreeMap<String, Node>) -> bool {
    let (Some(when), Some(is)) = (&action.when, &action.is) else { return true };
    nodes.values().any(|n| n.display_name == *when && node_phase(n.phase()) == is)
}

async fn act(client: &Client, namespace: &str, name: &str, action: &Action) -> Result<(), String> {
    let (namespace, name) = (namespace.to_owned(), name.to_owned());
    let failed = |what: &str, error| format!("{what}: {}", text_of(&error));
    if let Some(node_selector) = action.set.clone() {
        let output_parameters =
            action.outputs.iter().map(|(name, value)| Parameter { name: name.clone(), value: value.clone() }).collect();
        let request = SetNodeRequest { namespace, name, node_selector, output_parameters, ..SetNodeRequest::default() };
        client.workflows().set_node(request).await.map_err(|e| failed("set", e))?;
    } else if let Some(node_selector) = action.resume.clone() {
        let request = ResumeRequest { namespace, name, node_selector };
        client.workflows().resume(request).await.map_err(|e| failed("resume", e))?;
    } else if let Some(message) = action.stop.clone() {
        let request = StopRequest { namespace, name, message, ..StopRequest::default() };
        client.workflows().stop(request).await.map_err(|e| failed("stop", e))?;
    }
    Ok(())
}

/// As manifests write it.
pub(super) fn node_phase(phase: NodePhase) -> &'static str {
    match phase {
        NodePhase::Unknown => "",
        NodePhase::Pending => "Pending",
        NodePhase::Running => "Running",
        NodePhase::Succeeded => "Succeeded",
        NodePhase::Skipped => "Skipped",
        NodePhase::Failed => "Failed",
        NodePhase::Error => "Error",
        NodePhase::Omitted => "Omitted",
    }
}
