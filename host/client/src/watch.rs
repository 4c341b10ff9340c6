//! Watches that go on after a cut.

use std::future::Future;
use std::pin::Pin;

use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use proto_gen::v1::*;

use crate::{Client, ClientError, ErrorKind, Messages, Result};

/// What a watch tells.
#[derive(Debug, Clone, PartialEq)]
pub enum WatchItem<T> {
    /// News.
    Event(T),
    /// The revision it was at is no longer kept: forget what was told; what is there now follows, as added.
    Restarted,
}

/// A watch that opens itself again after a cut; ends after its first error that no repeating cures.
pub type WatchStream<T> = BoxStream<'static, Result<WatchItem<T>>>;

impl Client {
    /// Watches objects.
    pub fn watch_objects(&self, request: WatchRequest) -> WatchStream<WatchResponse> {
        let client = self.clone();
        let from = request.from_revision;
        resuming(
            self,
            from,
            move |from_revision| {
                let (client, request) = (client.clone(), WatchRequest { from_revision, ..request.clone() });
                Box::pin(async move { client.resources().watch(request).await })
            },
            |event| event.revision,
        )
    }

    /// Watches runs.
    pub fn watch_workflows(&self, request: WatchWorkflowsRequest) -> WatchStream<WatchWorkflowsResponse> {
        let client = self.clone();
        let from = request.from_revision;
        resuming(
            self,
            from,
            move |from_revision| {
                let (client, request) = (client.clone(), WatchWorkflowsRequest { from_revision, ..request.clone() });
                Box::pin(async move { client.workflows().watch(request).await })
            },
            |event| event.revision,
        )
    }

    /// Watches a run's nodes until it has ended. After a cut all nodes are told again: each replaces what was told of it before.
    pub fn watch_nodes(&self, request: WatchNodesRequest) -> Messages<WatchNodesResponse> {
        let client = self.clone();
        resuming(
            self,
            None,
            move |_| {
                let (client, request) = (client.clone(), request.clone());
                Box::pin(async move { client.workflows().watch_nodes(request).await })
            },
            |_| 0,
        )
        .try_filter_map(|item| async move {
            Ok(match item {
                WatchItem::Event(event) => Some(event),
                WatchItem::Restarted => None,
            })
        })
        .boxed()
    }
}

type Opening<T> = Pin<Box<dyn Future<Output = Result<Messages<T>>> + Send>>;

struct State<T, O> {
    open: O,
    current: Option<Messages<T>>,
    /// The last revision told.
    at: Option<u64>,
    /// Cuts since the last event.
    cuts: u32,
    ended: bool,
}

fn resuming<T: Send + 'static>(
    client: &Client,
    from: Option<u64>,
    open: impl FnMut(Option<u64>) -> Opening<T> + Send + 'static,
    revision_of: impl Fn(&T) -> u64 + Send + 'static,
) -> WatchStream<T> {
    let retry = client.retry;
    let state = State { open, current: None, at: from, cuts: 0, ended: false };
    stream::try_unfold((state, revision_of), move |(mut state, revision_of)| async move {
        loop {
            if state.ended {
                return Ok(None);
            }
            let next = match &mut state.current {
                Some(messages) => messages.next().await,
                None => match (state.open)(state.at).await {
                    Ok(messages) => {
                        state.current = Some(messages);
                        continue;
                    }
                    Err(error) => Some(Err(error)),
                },
            };
            let error = match next {
                Some(Ok(event)) => {
                    state.cuts = 0;
                    let revision = revision_of(&event);
                    if revision > 0 {
                        state.at = Some(revision);
                    }
                    return Ok(Some((WatchItem::Event(event), (state, revision_of))));
                }
                // The server ended it in order: a run's end.
                None => {
                    state.ended = true;
                    continue;
                }
                Some(Err(error)) => error,
            };
            state.current = None;
            if error.kind() == ErrorKind::OutOfRange && state.at.is_some() {
                state.at = None;
                return Ok(Some((WatchItem::Restarted, (state, revision_of))));
            }
            if !cut(&error) || state.cuts + 1 >= retry.attempts_max {
                return Err(error);
            }
            state.cuts += 1;
            tokio::time::sleep(retry.pause(state.cuts + 1)).await;
        }
    })
    .boxed()
}

/// Whether opening it again may help.
fn cut(error: &ClientError) -> bool {
    match error {
        ClientError::Rpc(rpc) => {
            rpc.kind == ErrorKind::Unavailable
                || rpc.code == "TooSlow"
                // The transport's own, which carry no detail: a connection that broke.
                || (rpc.page.is_empty() && matches!(rpc.kind, ErrorKind::Unknown | ErrorKind::Internal | ErrorKind::Cancelled))
        }
        ClientError::Connect { .. } => true,
        _ => false,
    }
}
