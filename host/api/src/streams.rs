//! Streams to callers: they end at the caller's deadline, when the server stops, and after their first error.

use std::time::Duration;

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use model::Object;
use proto_gen::v1::{Fault, WatchEventType};
use std::sync::Arc;
use store::StoreError;
use store::objects::{Objects, Selector, WatchEvent};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use crate::call::Call;
use crate::document::revision_of;
use crate::failure::{Failure, Outcome, stopping};
use crate::gate::Gate;

/// A stream of answers.
pub(crate) type Answers<T> = BoxStream<'static, Result<T, Status>>;

/// Bounds a stream by the call's deadline and the server's life.
pub(crate) fn bounded<T: Send + 'static>(
    gate: &Gate,
    call: &Call,
    items: impl Stream<Item = Outcome<T>> + Send + 'static,
) -> Answers<T> {
    struct State<S> {
        items: S,
        stop: CancellationToken,
        deadline: Option<Instant>,
        ended: bool,
    }
    let rpc = call.rpc();
    let state = State { items: items.boxed(), stop: gate.stopping().clone(), deadline: call.deadline(), ended: false };
    stream::unfold(state, move |mut state| async move {
        if state.ended {
            return None;
        }
        let late = async {
            match state.deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let item = tokio::select! {
            biased;
            () = late => Some(Err(crate::layer::late(rpc))),
            () = state.stop.cancelled() => Some(Err(stopping())),
            item = state.items.next() => item,
        };
        let item = item?.map_err(Status::from);
        state.ended = item.is_err();
        Some((item, state))
    })
    .boxed()
}

/// One piece of news of a watch: its type, the object, the revision to resume from (0 in the beginning's list).
pub(crate) type News = (WatchEventType, Option<Arc<Object>>, u64);

/// A watch of the store as news. A watch that saw nothing for `idle` tells a bookmark, so that both sides know that the other is there.
pub(crate) async fn watch(
    objects: &dyn Objects,
    selector: &Selector,
    from: Option<u64>,
    idle: Duration,
) -> Outcome<BoxStream<'static, Outcome<News>>> {
    struct State {
        events: store::objects::WatchStream,
        /// What was there at the beginning is being told.
        listing: bool,
        /// The last revision told.
        at: u64,
    }
    let events = objects.watch(selector, from).await?;
    let state = State { events, listing: from.is_none(), at: from.unwrap_or(0) };
    Ok(stream::unfold(state, move |mut state| async move {
        let event = match tokio::time::timeout(idle, state.events.next()).await {
            Ok(event) => event?,
            Err(_) if state.listing => return Some((Ok((WatchEventType::Bookmark, None, 0)), state)),
            Err(_) => return Some((Ok((WatchEventType::Bookmark, None, state.at)), state)),
        };
        let (kind, object) = match event {
            Ok(WatchEvent::Added(object)) => (WatchEventType::Added, object),
            Ok(WatchEvent::Modified(object)) => (WatchEventType::Modified, object),
            Ok(WatchEvent::Deleted(object)) => (WatchEventType::Deleted, object),
            Ok(WatchEvent::Bookmark(revision)) => {
                state.listing = false;
                state.at = state.at.max(revision);
                return Some((Ok((WatchEventType::Bookmark, None, revision)), state));
            }
            Err(error) => return Some((Err(cut(error)), state)),
        };
        let revision = if state.listing { 0 } else { revision_of(&object) };
        state.at = state.at.max(revision);
        Some((Ok((kind, Some(object), revision)), state))
    })
    .boxed())
}

/// A watch that was under way: `Expired` then means that its events waited too long.
fn cut(error: StoreError) -> Failure {
    match error {
        StoreError::Expired { .. } => Failure::new(
            Code::ResourceExhausted,
            "TooSlow",
            Fault::Caller,
            "the watch was cut: its events were not taken as fast as they came",
        )
        .hint("resume from the last revision seen; watch less, or read faster"),
        other => other.into(),
    }
}
