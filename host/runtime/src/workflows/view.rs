//! What the edges read of runs.

use std::sync::Arc;

use engine_workflow::{NodeIx, RunState, project};
use futures::StreamExt;
use futures::stream::BoxStream;
use model::Object;
use model::workflow::WorkflowStatus;
use runner::{LogQuery, RunnerError};
use store::StoreError;
use tokio::sync::broadcast::error::RecvError;

use super::Workflows;
use super::admit::{ARGO, id_of, is_finished, key};
use super::perform::unit_key;
use super::select::NodeSelector;
use crate::control::{ControlError, NodeEvent, NodeLog, NodePage};

/// Nodes of one page (`nodes_page_max`).
pub(super) const NODES_PAGE_MAX: u32 = 1_000;

impl Workflows {
    pub(crate) async fn object(&self, namespace: &str, name: &str) -> Result<Arc<Object>, ControlError> {
        match self.objects.get(&key(ARGO, "Workflow", namespace, name)).await {
            Ok(object) => Ok(object),
            Err(StoreError::NotFound { .. }) => {
                Err(ControlError::NotFound { namespace: namespace.to_owned(), name: name.to_owned() })
            }
            Err(problem) => Err(problem.into()),
        }
    }

    /// Reads a run's state; what has no journal (yet) has an empty one.
    async fn look<R: Send + 'static>(
        &self,
        id: &Arc<str>,
        look: impl FnOnce(&RunState, u64) -> R + Send + 'static,
    ) -> Result<R, ControlError> {
        Ok(self.registry.look(id, look).await?)
    }

    pub(crate) async fn nodes(
        &self,
        namespace: &str,
        name: &str,
        selector: Option<&str>,
        limit: u32,
        continue_token: Option<&str>,
    ) -> Result<NodePage, ControlError> {
        let object = self.object(namespace, name).await?;
        let refused =
            |reason: String| ControlError::Refused { namespace: namespace.to_owned(), name: name.to_owned(), reason };
        let selector = NodeSelector::parse(selector.unwrap_or_default()).map_err(refused)?;
        let from: usize = match continue_token.filter(|t| !t.is_empty()) {
            Some(token) => token.parse().map_err(|_| refused(format!("{token:?} is not a page of this list")))?,
            None => 0,
        };
        let limit = if limit == 0 { NODES_PAGE_MAX } else { limit.min(NODES_PAGE_MAX) } as usize;
        self.look(&id_of(&object), move |state, position| {
            let mut nodes = Vec::new();
            let mut next = None;
            for ix in project::shown(state).filter(|ix| ix.index() >= from) {
                if nodes.len() >= limit {
                    next = Some(ix.index().to_string());
                    break;
                }
                nodes.extend(project::node_status(state, ix).filter(|node| selector.matches(node)));
            }
            NodePage { nodes, continue_token: next, position }
        })
        .await
    }

    pub(crate) async fn full_status(&self, namespace: &str, name: &str) -> Result<Arc<WorkflowStatus>, ControlError> {
        let object = self.object(namespace, name).await?;
        let full = self.look(&id_of(&object), |state, _| state.run().map(|_| project::full(state))).await?;
        match full {
            Some(mut status) => {
                status.conditions.extend(self.artifact_gc_condition(&object.metadata.uid));
                Ok(Arc::new(status))
            }
            // No journal: the object was refused, or is about to begin.
            None => Ok(Arc::new(stored_status(&object))),
        }
    }

    pub(crate) async fn wait_for(&self, namespace: &str, name: &str) -> Result<Arc<WorkflowStatus>, ControlError> {
        let object = self.object(namespace, name).await?;
        let id = id_of(&object);
        let mut end = self.projector.end_of(&id);
        // Looked at after subscribing, so that an end between the two is not missed.
        let object = self.object(namespace, name).await?;
        if is_finished(&object) && !self.runs_again(&id).await {
            self.projector.forget_end(&id, end);
            return Ok(Arc::new(stored_status(&object)));
        }
        loop {
            if let Some(status) = end.borrow_and_update().clone() {
                return Ok(status);
            }
            if end.changed().await.is_err() {
                let object = self.object(namespace, name).await?;
                return Ok(Arc::new(stored_status(&object)));
            }
        }
    }

    /// Whether a run whose object says that it has ended was retried: the object follows a moment later.
    async fn runs_again(&self, id: &Arc<str>) -> bool {
        let runs = |state: &RunState, _| state.run().is_some_and(|run| run.finished.is_none());
        self.registry.is_loaded(id) && self.registry.look(id, runs).await.unwrap_or(false)
    }

    pub(crate) async fn watch_nodes(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<BoxStream<'static, Result<NodeEvent, ControlError>>, ControlError> {
        let object = self.object(namespace, name).await?;
        let id = id_of(&object);
        let mut deltas = self.watchers.subscribe(&id);
        // Looked at after subscribing, so that an end between the two is not missed.
        let object = self.object(namespace, name).await?;
        let first = self
            .look(&id, |state, position| {
                let over = state.run().is_none_or(|run| run.finished.is_some());
                let nodes: Vec<_> = project::shown(state).filter_map(|ix| project::node_status(state, ix)).collect();
                (nodes, project::summary(state), position, over)
            })
            .await?;
        let (nodes, mut summary, position, over) = first;
        let finished = is_finished(&object);
        if finished && nodes.is_empty() {
            summary = stored_status(&object);
        }
        // A run that is retried runs before its object says so.
        let over = if nodes.is_empty() { finished } else { over };
        let mut events: Vec<Result<NodeEvent, ControlError>> = Vec::new();
        let mut rest = nodes;
        loop {
            let tail =
                if rest.len() > NODES_PAGE_MAX as usize { rest.split_off(NODES_PAGE_MAX as usize) } else { Vec::new() };
            events.push(Ok(NodeEvent::Changed { nodes: rest, summary: Box::new(summary.clone()), position }));
            if tail.is_empty() {
                break;
            }
            rest = tail;
        }
        if over {
            events.push(Ok(NodeEvent::Ended { summary: Box::new(summary) }));
            return Ok(futures::stream::iter(events).boxed());
        }
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        let live = async_stream(move |sender| async move {
            loop {
                match deltas.recv().await {
                    Ok(event) => {
                        // What the first page showed already is not told again.
                        let old = matches!(&*event, NodeEvent::Changed { position: at, .. } if *at <= position);
                        let last = matches!(&*event, NodeEvent::Ended { .. });
                        if (!old && sender.send(Ok((*event).clone())).await.is_err()) || last {
                            return;
                        }
                    }
                    Err(RecvError::Lagged(missed)) => {
                        let reason = format!("the watch fell {missed} changes behind; begin it again");
                        let _ = sender.send(Err(ControlError::Refused { namespace, name, reason })).await;
                        return;
                    }
                    Err(RecvError::Closed) => return,
                }
            }
        });
        Ok(futures::stream::iter(events).chain(live).boxed())
    }

    pub(crate) async fn logs(
        &self,
        namespace: &str,
        name: &str,
        node_id: &str,
        query: LogQuery,
    ) -> Result<NodeLog, ControlError> {
        let object = self.object(namespace, name).await?;
        let id = id_of(&object);
        let wanted = node_id.to_owned();
        let refused =
            |reason: String| ControlError::Refused { namespace: namespace.to_owned(), name: name.to_owned(), reason };
        let source = self.look(&id, move |state, _| log_source(state, &wanted)).await?;
        let source = source.ok_or_else(|| refused(format!("it has no node {node_id:?} that writes a log")))?;
        let key = unit_key(&id, source.pod);
        let containers = match (source.container, query.container.as_deref()) {
            (Some(own), Some(asked)) if asked != own && asked != ALL_CONTAINERS => {
                return Err(refused(format!("node {node_id:?} is the container {own:?}, and not {asked:?}")));
            }
            (Some(own), _) => vec![Some(own)],
            (None, Some(ALL_CONTAINERS)) => match self.runner.containers(&key).await {
                Err(RunnerError::Unknown { .. }) if source.by_server => Vec::new(),
                containers => containers?.into_iter().map(Some).collect(),
            },
            (None, None) if !source.set.is_empty() => source.set.iter().cloned().map(Some).collect(),
            (None, asked) => vec![asked.map(str::to_owned)],
        };
        let mut each = Vec::new();
        for container in containers {
            match self.runner.logs(&key, LogQuery { container, ..query.clone() }).await {
                // One that wrote nothing has no log.
                Err(RunnerError::Unknown { .. }) if source.by_server => {}
                lines => each.push(lines?),
            }
        }
        // Side by side while they are followed, otherwise one after the other.
        let lines = if query.follow {
            futures::stream::select_all(each).boxed()
        } else {
            futures::stream::iter(each).flatten().boxed()
        };
        let lines = lines.map(|line| line.map_err(ControlError::from)).boxed();
        Ok(NodeLog { pod_name: source.name, pod_display_name: source.display_name, set: source.set, lines })
    }
}

/// A log query's container that means all of them.
const ALL_CONTAINERS: &str = "*";

/// Where a node's log is.
struct LogSource {
    pod: NodeIx,
    name: String,
    display_name: String,
    /// The container that the node is.
    container: Option<String>,
    /// Containers of a container set.
    set: Vec<String>,
    /// No unit of the runner: the server does it.
    by_server: bool,
}

/// The leaf whose log is meant: the node itself, the last attempt of a retried one, the pod of a container and that container.
fn log_source(state: &RunState, id: &str) -> Option<LogSource> {
    use engine_workflow::{Kind, Role};
    let ix = project::shown(state).find(|ix| state.id(*ix) == id)?;
    let node = state.node(ix)?;
    let (pod, container) = match (node.kind, node.role, node.parent) {
        (_, Role::Container(_), Some(parent)) => (parent, Some(state.display_name(ix))),
        (Kind::Retry, ..) => {
            let tries = project::shown(state).filter(|c| state.node(*c).and_then(|n| n.parent) == Some(ix));
            (tries.last()?, None)
        }
        _ => (ix, None),
    };
    let template = state.node(pod)?.template.and_then(|at| state.run()?.program.get(at));
    let set = template.and_then(|compiled| compiled.template.container_set.as_ref());
    let set = set.into_iter().flat_map(|set| &set.containers).map(|c| c.container.name.to_string()).collect();
    let by_server = state.node(pod).is_some_and(|node| node.kind == Kind::Plugin);
    Some(LogSource { pod, name: state.name(pod), display_name: state.display_name(pod), container, set, by_server })
}

fn stored_status(object: &Object) -> WorkflowStatus {
    object.decode_status::<WorkflowStatus>().ok().flatten().unwrap_or_default()
}

/// A stream that a task feeds.
fn async_stream<T, F, Fut>(feed: F) -> BoxStream<'static, T>
where
    T: Send + 'static,
    F: FnOnce(tokio::sync::mpsc::Sender<T>) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let (sender, receiver) = tokio::sync::mpsc::channel(64);
    tokio::spawn(feed(sender));
    tokio_stream::wrappers::ReceiverStream::new(receiver).boxed()
}
