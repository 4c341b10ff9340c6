//! A run's nodes: pages and deltas that fit into messages.

use std::collections::VecDeque;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use model::workflow::NodeStatus;
use prost::Message;
use proto_gen::v1::{ListNodesRequest, ListNodesResponse, Node, WatchNodesResponse, WorkflowSummary};
use runtime::control::{Control, NodeEvent, NodePage};
use store::objects::Key;

use crate::failure::Outcome;
use crate::gate::Grant;
use crate::kinds::WORKFLOW;
use crate::settings::Limits;
use crate::summary;

/// Nodes in one message of a watch take about so many bytes at most.
const WATCH_MESSAGE_BYTES: usize = 1 << 20;

/// A page of nodes.
pub(crate) async fn page(grant: &Grant, key: &Key, request: &ListNodesRequest) -> Outcome<ListNodesResponse> {
    let limits = grant.limits();
    let token = (!request.continue_token.is_empty()).then_some(request.continue_token.as_str());
    let mut limit = limits.page(request.limit);
    loop {
        let page = some(grant.control(), key, &request.selector, limit, token).await?;
        let nodes: Vec<Node> = page.nodes.iter().map(|node| shown(node, request.full, limits)).collect();
        let mut used = 0;
        let fits = nodes.iter().take_while(|node| {
            used += node.encoded_len() as u64 + 8;
            used + (16 << 10) <= limits.message_bytes_max
        });
        let fits = fits.count();
        if fits < nodes.len() && nodes.len() > 1 {
            limit = u32::try_from(fits.max(1)).unwrap_or(1);
            continue;
        }
        return Ok(ListNodesResponse {
            nodes,
            continue_token: page.continue_token.unwrap_or_default(),
            position: page.position,
        });
    }
}

/// A page of nodes as the engine has them.
pub(crate) async fn some(
    control: &dyn Control,
    key: &Key,
    selector: &str,
    limit: u32,
    token: Option<&str>,
) -> Outcome<NodePage> {
    let selector = (!selector.is_empty()).then_some(selector);
    Ok(control.nodes(&key.namespace, &key.name, selector, limit, token).await?)
}

/// A node as a message; one whose document does not fit travels without it.
fn shown(status: &NodeStatus, full: bool, limits: &Limits) -> Node {
    let mut node = summary::node(status, full);
    if node.document.len() as u64 + (32 << 10) > limits.message_bytes_max {
        node.document = bytes::Bytes::new();
    }
    node
}

/// All nodes, then each change.
pub(crate) async fn watch(
    grant: &Grant,
    key: &Key,
    full: bool,
) -> Outcome<BoxStream<'static, Outcome<WatchNodesResponse>>> {
    struct State<S> {
        events: S,
        row: WorkflowSummary,
        waiting: VecDeque<WatchNodesResponse>,
        full: bool,
        limits: Limits,
    }
    let row = summary::workflow(&*grant.objects().get(key).await?, true);
    let events = grant.control().watch_nodes(&key.namespace, &key.name).await?;
    let state = State { events, row, waiting: VecDeque::new(), full, limits: *grant.limits() };
    Ok(stream::unfold(state, |mut state| async move {
        loop {
            if let Some(message) = state.waiting.pop_front() {
                return Some((Ok(message), state));
            }
            match state.events.next().await? {
                Err(error) => return Some((Err(error.into()), state)),
                Ok(NodeEvent::Changed { nodes, summary, position }) => {
                    state.row = summary::with_status(state.row, &summary);
                    state.waiting = split(&nodes, &state.row, position, state.full, &state.limits);
                }
                Ok(NodeEvent::Ended { summary }) => {
                    state.row = summary::with_status(state.row, &summary);
                    let workflow = Some(state.row.clone());
                    let message = WatchNodesResponse { nodes: Vec::new(), workflow, position: 0, ended: true };
                    return Some((Ok(message), state));
                }
            }
        }
    })
    .boxed())
}

fn split(
    nodes: &[NodeStatus],
    row: &WorkflowSummary,
    position: u64,
    full: bool,
    limits: &Limits,
) -> VecDeque<WatchNodesResponse> {
    let mut messages = VecDeque::new();
    let mut rest = nodes.iter().map(|node| shown(node, full, limits)).peekable();
    loop {
        let (mut nodes, mut used) = (Vec::new(), 0);
        while let Some(node) = rest.next_if(|node| nodes.is_empty() || used + node.encoded_len() <= WATCH_MESSAGE_BYTES)
        {
            used += node.encoded_len();
            nodes.push(node);
        }
        messages.push_back(WatchNodesResponse { nodes, workflow: Some(row.clone()), position, ended: false });
        if rest.peek().is_none() {
            return messages;
        }
    }
}

/// Which object a run's nodes belong to, for messages.
pub(crate) fn run_name(key: &Key) -> String {
    format!("{} {}/{}", WORKFLOW.kind.to_lowercase(), key.namespace, key.name)
}
