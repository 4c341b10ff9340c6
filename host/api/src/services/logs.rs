//! `Logs`: the lines of one node or of many.
//!
//! Without `follow` the nodes are read one after the other, in the order in which they came to be; with it, all at once (`log_streams_max`), nodes that start
//! later included.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use futures::stream::{self, BoxStream, SelectAll};
use futures::{Stream, StreamExt};
use model::workflow::{NodePhase, NodeStatus, NodeType};
use proto_gen::v1::logs_server::Logs;
use proto_gen::v1::*;
use regex::bytes::{Regex, RegexBuilder};
use runner::LogQuery;
use runtime::control::{Control, NodeEvent, NodeLog};
use store::objects::Key;
use tonic::{Request, Response, Status};

use super::nodes;
use super::workflows::some;
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::gate::{Gate, Grant};
use crate::kinds::WORKFLOW;
use crate::settings::Limits;
use crate::streams::{Answers, bounded};

/// Lines that are ready at once travel in one message, up to so many.
const LINES_PER_MESSAGE: usize = 256;
/// … and about so many bytes.
const BYTES_PER_MESSAGE: usize = 256 << 10;
/// A query's container that means all of them.
const ALL_CONTAINERS: &str = "*";
/// A compiled filter's size (bytes).
const FILTER_BYTES_MAX: usize = 1 << 20;

/// The service.
#[derive(Clone)]
pub(crate) struct LogsService(pub(crate) Gate);

#[tonic::async_trait]
impl Logs for LogsService {
    type StreamStream = Answers<StreamLogsResponse>;

    async fn stream(&self, request: Request<StreamLogsRequest>) -> Result<Response<Self::StreamStream>, Status> {
        let (call, request) = Call::of(request)?;
        let grant = self.0.pass(&call, &request.namespace)?;
        let key = grant.key(&WORKFLOW, &request.name)?;
        let lines = lines(&grant, key, request).await?;
        Ok(Response::new(bounded(&self.0, &call, messages(lines))))
    }
}

/// One line with whose it is, or why there are no more.
type Lines = BoxStream<'static, Outcome<LogEntry>>;

async fn lines(grant: &Grant, key: Key, request: StreamLogsRequest) -> Outcome<Lines> {
    let limits = *grant.limits();
    let filter = filter(&request, &limits)?;
    let query = LogQuery {
        container: some(request.container),
        follow: request.follow,
        tail_lines: request.tail_lines,
        since_ms: (request.since_ms != 0).then_some(request.since_ms),
        limit_bytes: (request.limit_bytes != 0).then_some(request.limit_bytes),
        previous: request.previous,
    };
    let one = !request.node_id.is_empty();
    let selector = if one { format!("id={}", request.node_id) } else { request.selector };
    let reader = Arc::new(Reader { control: grant.shared_control(), key, selector, query });
    // Asked at once, so that a wrong name or selector is an error of the call and not of its stream.
    let first = nodes::some(&*reader.control, &reader.key, &reader.selector, limits.page_max, None).await?;
    let lines = match first.nodes.first() {
        None if one => {
            let what = format!("node {} of {}", request.node_id, nodes::run_name(&reader.key));
            return Err(Failure::not_found(what).hint("Workflows.ListNodes tells the nodes of a run"));
        }
        Some(node) if one => reader.node(node.clone()).await?,
        _ if request.follow => reader.following(&limits).await?,
        _ => reader.in_turn(first, limits.page_max),
    };
    Ok(match filter {
        Some((regex, invert)) => lines
            .filter(move |entry| {
                let keep = entry.as_ref().map_or(true, |entry| regex.is_match(&entry.text) != invert);
                futures::future::ready(keep)
            })
            .boxed(),
        None => lines,
    })
}

fn filter(request: &StreamLogsRequest, limits: &Limits) -> Outcome<Option<(Regex, bool)>> {
    if request.grep.is_empty() {
        return Ok(None);
    }
    let length = request.grep.len() as u64;
    if length > limits.grep_bytes_max {
        return Err(Failure::too_large("grep", "grep_bytes_max", limits.grep_bytes_max, length));
    }
    let regex = RegexBuilder::new(&request.grep).size_limit(FILTER_BYTES_MAX).dfa_size_limit(FILTER_BYTES_MAX).build();
    let regex = regex.map_err(|error| Failure::field("grep", format!("is no regular expression: {error}")))?;
    Ok(Some((regex, request.invert)))
}

/// Reads the logs of one run's nodes.
struct Reader {
    control: Arc<dyn Control>,
    key: Key,
    selector: String,
    query: LogQuery,
}

/// Whether a node of this kind writes logs.
fn writes(node: &NodeStatus) -> bool {
    matches!(node.r#type, Some(NodeType::Pod | NodeType::Container | NodeType::Plugin)) && node.started_at.is_some()
}

/// Whether its log is there to be followed: a node that waits has a start already, and no log before it runs.
fn has_begun(node: &NodeStatus) -> bool {
    writes(node) && node.phase != NodePhase::Pending && node.phase != NodePhase::default()
}

impl Reader {
    /// One node's lines.
    async fn node(&self, node: NodeStatus) -> Outcome<Lines> {
        let log = self.control.logs(&self.key.namespace, &self.key.name, &node.id, self.query.clone()).await?;
        Ok(entries(log, node, self.key.name.to_string()).boxed())
    }

    /// Whether a node's lines are told by itself, `read` being the nodes that were read before: a container of a container set is a part of its pod, whose
    /// node comes first, and is read by itself only where that one was not asked for.
    fn tells(&self, node: &NodeStatus, read: &HashSet<Box<str>>) -> bool {
        if node.r#type != Some(NodeType::Container) {
            return true;
        }
        let asked = self.query.container.as_deref().is_none_or(|c| c == ALL_CONTAINERS || *c == *node.display_name);
        asked && !pod_of(&self.key.name, node).is_some_and(|pod| read.contains(&*pod))
    }

    /// A node's lines among those of others: one that has none is left out.
    async fn node_of_many(&self, node: NodeStatus) -> Lines {
        match self.node(node).await {
            Ok(lines) => lines,
            Err(failure) if failure.code == tonic::Code::NotFound => stream::empty().boxed(),
            Err(failure) => stream::iter([Err(failure)]).boxed(),
        }
    }

    /// All nodes, one after the other.
    fn in_turn(self: Arc<Self>, first: runtime::control::NodePage, page: u32) -> Lines {
        struct State {
            reader: Arc<Reader>,
            nodes: VecDeque<NodeStatus>,
            /// Pods that have been read.
            read: HashSet<Box<str>>,
            token: Option<String>,
            page: u32,
        }
        let read = HashSet::new();
        let state = State { reader: self, nodes: first.nodes.into(), read, token: first.continue_token, page };
        stream::try_unfold(state, |mut state| async move {
            loop {
                if let Some(node) = state.nodes.pop_front() {
                    if writes(&node) && state.reader.tells(&node, &state.read) {
                        // Containers are children of their pod.
                        if !node.children.is_empty() {
                            state.read.insert(node.id.clone());
                        }
                        let lines = state.reader.node_of_many(node).await;
                        return Ok(Some((lines, state)));
                    }
                    continue;
                }
                let Some(token) = state.token.take() else { return Ok(None) };
                let reader = &state.reader;
                let page =
                    nodes::some(&*reader.control, &reader.key, &reader.selector, state.page, Some(&token)).await?;
                state.nodes = page.nodes.into();
                state.token = page.continue_token;
            }
        })
        .flat_map(|lines: Outcome<Lines>| lines.unwrap_or_else(|failure| stream::iter([Err(failure)]).boxed()))
        .boxed()
    }

    /// All nodes at once, until the run has ended and all is told.
    async fn following(self: Arc<Self>, limits: &Limits) -> Outcome<Lines> {
        struct State<S> {
            reader: Arc<Reader>,
            events: Option<S>,
            known: HashSet<Box<str>>,
            waiting: VecDeque<NodeStatus>,
            open: SelectAll<Lines>,
            open_max: usize,
        }
        let events = self.control.watch_nodes(&self.key.namespace, &self.key.name).await?;
        let wanted = NodeFilter::parse(&self.selector)?;
        let state = State {
            reader: self,
            events: Some(events),
            known: HashSet::new(),
            waiting: VecDeque::new(),
            open: SelectAll::new(),
            open_max: limits.log_streams_max,
        };
        Ok(stream::unfold((state, wanted), |(mut state, wanted)| async move {
            loop {
                while state.open.len() < state.open_max {
                    let Some(node) = state.waiting.pop_front() else { break };
                    let lines = state.reader.node_of_many(node).await;
                    state.open.push(lines);
                }
                let event = async {
                    match state.events.as_mut() {
                        Some(events) => events.next().await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    biased;
                    entry = state.open.next(), if !state.open.is_empty() => {
                        if let Some(entry) = entry {
                            return Some((entry, (state, wanted)));
                        }
                    }
                    event = event => match event {
                        Some(Ok(NodeEvent::Changed { nodes, .. })) => {
                            for node in nodes {
                                if has_begun(&node)
                                    && wanted.shows(&node)
                                    && state.reader.tells(&node, &state.known)
                                    && state.known.insert(node.id.clone())
                                {
                                    state.waiting.push_back(node);
                                }
                            }
                        }
                        Some(Ok(NodeEvent::Ended { .. })) | None => state.events = None,
                        Some(Err(error)) => return Some((Err(error.into()), (state, wanted))),
                    },
                }
                if state.events.is_none() && state.open.is_empty() && state.waiting.is_empty() {
                    return None;
                }
            }
        })
        .boxed())
    }
}

/// The id of the pod's node that a container is a part of.
fn pod_of(run: &str, container: &NodeStatus) -> Option<String> {
    let pod = container.name.strip_suffix(&*container.display_name)?.strip_suffix('.')?;
    Some(model::names::node_id(run, pod))
}

fn entries(log: NodeLog, node: NodeStatus, run: String) -> impl Stream<Item = Outcome<LogEntry>> + Send + 'static {
    let NodeLog { pod_name, pod_display_name, set, lines } = log;
    let whole = if node.display_name.is_empty() { &node.name } else { &node.display_name }.to_string();
    lines.map(move |line| {
        let line = line?;
        // A container of a container set is a node, and has the name of its pod's before its own: several pods may be made of the same template.
        let (node_id, node_name) = if set.iter().any(|container| **container == *line.container) {
            let name = format!("{pod_name}.{}", line.container);
            (model::names::node_id(&run, &name), format!("{pod_display_name}/{}", line.container))
        } else {
            (node.id.to_string(), whole.clone())
        };
        Ok(LogEntry {
            node_id,
            node_name,
            template_name: node.template_name.to_string(),
            container: line.container.to_string(),
            at_ms: line.at_ms,
            text: line.text,
        })
    })
}

/// The node selector, for nodes that come later than the question.
struct NodeFilter(Vec<(String, String, bool)>);

impl NodeFilter {
    fn parse(text: &str) -> Outcome<Self> {
        let mut terms = Vec::new();
        for term in text.split(',').map(str::trim).filter(|term| !term.is_empty()) {
            let (name, value, equal) = match term.split_once("!=") {
                Some((name, value)) => (name, value, false),
                None => match term.split_once('=') {
                    Some((name, value)) => (name, value.strip_prefix('=').unwrap_or(value), true),
                    None => return Err(Failure::field("selector", format!("`{term}`: = or != is expected"))),
                },
            };
            terms.push((name.trim().to_owned(), value.trim().to_owned(), equal));
        }
        Ok(Self(terms))
    }

    /// What changes with time (phase, message) is not looked at: a node is followed from its start.
    fn shows(&self, node: &NodeStatus) -> bool {
        self.0.iter().all(|(name, value, equal)| {
            let is: &str = match name.as_str() {
                "id" => &node.id,
                "name" => &node.name,
                "displayName" => &node.display_name,
                "templateName" => &node.template_name,
                "boundaryID" => &node.boundary_id,
                "type" => node.r#type.map_or("", NodeType::as_str),
                _ => return true,
            };
            (is == value) == *equal
        })
    }
}

/// Lines that are ready at once as one message.
fn messages(lines: Lines) -> impl Stream<Item = Outcome<StreamLogsResponse>> + Send + 'static {
    struct State {
        lines: stream::Peekable<Lines>,
    }
    let state = State { lines: lines.peekable() };
    stream::unfold(state, |mut state| async move {
        let first = match state.lines.next().await? {
            Ok(entry) => entry,
            Err(failure) => return Some((Err(failure), state)),
        };
        let mut bytes = first.text.len();
        let mut entries = vec![first];
        while entries.len() < LINES_PER_MESSAGE && bytes < BYTES_PER_MESSAGE {
            // Only what is there already: a line is never held back for the next.
            let ready =
                futures::FutureExt::now_or_never(std::pin::Pin::new(&mut state.lines).next_if(|entry| entry.is_ok()));
            let Some(Some(Ok(entry))) = ready else { break };
            bytes += entry.text.len();
            entries.push(entry);
        }
        Some((Ok(StreamLogsResponse { entries }), state))
    })
}
