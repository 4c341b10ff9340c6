//! Watches: one request per kind that stays open, opened again from the last revision seen.
//!
//! ```text
//!   from None: list ──► Added … ──► Bookmark ──┐
//!   from N: is N retained? (else Expired) ─────┴─► GET …?watch=1&resourceVersion=N ──► event, event, bookmark …
//!                                                         ▲         server closes, connection breaks │
//!                                                         └──────── again from the last revision ────┘
//! ```
//!
//! Events of one kind come in the order of revisions. A watch over several kinds is several requests whose events interleave as they arrive.

mod lines;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::poll_fn;
use http::Method;
use model::Object;
use serde::Deserialize;
use serde_json::value::RawValue;
use store::objects::{Revision, Selector, WatchEvent, WatchStream};
use store::{Result, StoreError};
use tokio::sync::mpsc;

use crate::Inner;
use crate::kinds::Resource;
use crate::list::{field_selector, label_selector, shows};
use crate::shown::{Happened, Shown};
use crate::wire;
use lines::Lines;

/// Events that wait for a watcher before the server is made to wait.
const BUFFER: usize = 64;
/// The first pause before a watch is opened again; doubled each time, up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

type Sender = mpsc::Sender<Result<WatchEvent>>;

/// Opens a watch. What is wrong with the revision is told here, what goes wrong later by the stream.
pub(crate) async fn open(inner: &Arc<Inner>, selector: &Selector, from: Option<Revision>) -> Result<WatchStream> {
    selector.check(&inner.settings.limits)?;
    let resources = inner.resources(selector).await?;
    let newest = inner.revision().await?;
    if let Some(asked) = from.filter(|asked| *asked > newest) {
        return Err(StoreError::Expired { asked, oldest: newest });
    }
    let (sender, mut receiver) = mpsc::channel(BUFFER);
    let mut followers = Vec::new();
    let mut first = Vec::new();
    let mut bookmark = from;
    for resource in resources {
        let mut shown = Shown::new(selector);
        // Without a revision all kinds are read as of one, so that a watch can go on from it.
        let at = bookmark;
        let (present, revision) =
            present(inner, selector, &resource, at, from.is_some() && !shown.needs_states()).await?;
        bookmark.get_or_insert(revision);
        for object in present.into_iter().filter(|o| shows(selector, o)).map(Arc::new) {
            shown.remember(&object);
            if from.is_none() {
                first.push(Ok(WatchEvent::Added(object)));
            }
        }
        followers.push(Follower { inner: inner.clone(), resource, shown, selector: selector.clone(), seen: revision });
    }
    if from.is_none() {
        first.push(Ok(WatchEvent::Bookmark(bookmark.unwrap_or(newest))));
    }
    let many = followers.len() > 1;
    for follower in followers {
        tokio::spawn(follower.run(sender.clone(), many));
    }
    // With no kind to follow the watch stays open and says nothing, until its reader goes.
    let keep = sender;
    let live = poll_fn(move |context| {
        let _open = &keep;
        receiver.poll_recv(context)
    });
    let mut ended = false;
    let live = live.take_while(move |event| {
        let go_on = !ended;
        ended |= event.is_err();
        futures::future::ready(go_on)
    });
    Ok(futures::stream::iter(first).chain(live).boxed())
}

/// What is there at a revision, and which one that is. `probe`: only whether the revision is retained.
async fn present(
    inner: &Inner,
    selector: &Selector,
    resource: &Resource,
    at: Option<Revision>,
    probe: bool,
) -> Result<(Vec<Object>, Revision)> {
    let limit = if probe { 1 } else { inner.settings.server_page_max };
    let expired = |error| match (error, at) {
        (StoreError::Expired { oldest, .. }, Some(asked)) => StoreError::Expired { asked, oldest },
        (other, _) => other,
    };
    let page = inner.server_page(selector, resource, limit, None, at).await.map_err(expired)?;
    let (mut objects, mut next) = (page.objects, page.next);
    while let Some(text) = next.filter(|_| !probe) {
        let page = inner.server_page(selector, resource, limit, Some(&text), None).await.map_err(expired)?;
        objects.extend(page.objects);
        next = page.next;
    }
    Ok((if probe { Vec::new() } else { objects }, page.revision))
}

/// One kind's part of a watch.
struct Follower {
    inner: Arc<Inner>,
    resource: Arc<Resource>,
    selector: Selector,
    shown: Shown,
    /// The last revision of which everything was told.
    seen: Revision,
}

/// Why a request ended.
enum End {
    /// The reader is gone.
    Unwanted,
    /// The server closed it, as it does from time to time.
    Closed,
    /// Nothing came through.
    Broken(StoreError),
    /// It cannot go on.
    Over(StoreError),
}

#[derive(Deserialize)]
struct Line {
    r#type: String,
    object: Box<RawValue>,
}

impl Follower {
    /// Follows until the reader goes or the watch cannot go on. `many`: other kinds are told beside, whose bookmarks differ.
    async fn run(mut self, sender: Sender, many: bool) {
        let mut failures = 0;
        loop {
            let before = self.seen;
            let end = tokio::select! {
                end = self.follow(&sender, many) => end,
                () = sender.closed() => End::Unwanted,
            };
            let error = match end {
                End::Unwanted => return,
                End::Closed => {
                    failures = 0;
                    continue;
                }
                End::Over(error) => error,
                End::Broken(error) => {
                    failures = if self.seen > before { 1 } else { failures + 1 };
                    if failures < self.inner.settings.watch_tries_max {
                        tracing::warn!(kind = %self.resource.gvk.kind, %error, failures, "a watch broke, opening it again");
                        tokio::time::sleep((PAUSE * 2_u32.saturating_pow(failures)).min(PAUSE_MAX)).await;
                        continue;
                    }
                    error
                }
            };
            let _ = sender.send(Err(error)).await;
            return;
        }
    }

    async fn follow(&mut self, sender: &Sender, many: bool) -> End {
        let what = format!("the watch of {}", self.resource.gvk.kind);
        let seen = self.seen.to_string();
        let seconds = self.inner.settings.watch_open.as_secs().max(1).to_string();
        let (labels, fields) = (label_selector(&self.selector), field_selector(&self.selector));
        let mut pairs = vec![
            ("watch", "1"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", &seen),
            ("timeoutSeconds", &seconds),
        ];
        pairs.extend(labels.as_deref().map(|l| ("labelSelector", l)));
        pairs.extend(fields.as_deref().map(|f| ("fieldSelector", f)));
        let collection = self.resource.collection(self.selector.namespace.as_deref().unwrap_or_default());
        let request = match wire::request(&what, Method::GET, format!("{collection}{}", wire::query(&pairs)), None) {
            Ok(mut request) => {
                // A compressed stream is cut into members per event, which the decoder of the client does not follow.
                request.headers_mut().insert(http::header::ACCEPT_ENCODING, http::HeaderValue::from_static("identity"));
                request
            }
            Err(error) => return End::Over(error),
        };
        let stream = match self.inner.client.request_stream(request).await {
            Ok(stream) => stream,
            Err(error) => return self.end_of(wire::failed(&what, error)),
        };
        let mut lines = Lines::new(stream, self.inner.settings.watch_line_bytes_max);
        loop {
            let event = match lines.next().await {
                Ok(Some(line)) => self.read(&what, &line, many),
                Ok(None) => return End::Closed,
                Err(error) => {
                    return End::Broken(StoreError::Unavailable {
                        reason: format!("{what} broke: {error}"),
                        source: Some(Box::new(error)),
                    });
                }
            };
            match event {
                Ok(Some(event)) => {
                    if sender.send(Ok(event)).await.is_err() {
                        return End::Unwanted;
                    }
                }
                Ok(None) => {}
                Err(error) => return self.end_of(error),
            }
        }
    }

    /// Whether another attempt can help.
    fn end_of(&self, error: StoreError) -> End {
        match error {
            StoreError::Expired { oldest, .. } => End::Over(StoreError::Expired { asked: self.seen, oldest }),
            error @ StoreError::Unavailable { .. } => End::Broken(error),
            StoreError::NotFound { .. } => {
                self.inner.kinds.forget(&self.resource.gvk);
                End::Over(StoreError::Unavailable {
                    reason: format!("the kind {} is no longer defined; watch again", self.resource.gvk.kind),
                    source: None,
                })
            }
            error => End::Over(error),
        }
    }

    fn read(&mut self, what: &str, line: &str, many: bool) -> Result<Option<WatchEvent>> {
        let corrupt = |e: serde_json::Error| StoreError::Corrupt { what: what.to_owned(), reason: e.to_string() };
        let line: Line = serde_json::from_str(line).map_err(corrupt)?;
        let happened = match line.r#type.as_str() {
            "ADDED" => Happened::Added,
            "MODIFIED" => Happened::Modified,
            "DELETED" => Happened::Deleted,
            "ERROR" => {
                let status: kube::core::Status = serde_json::from_str(line.object.get()).map_err(corrupt)?;
                return Err(wire::refused(what.to_owned(), status));
            }
            // Also what later servers may add: its revision is what can be read of it.
            _ => {
                let object = wire::object(what, &self.resource.gvk, line.object.get())?;
                self.seen = wire::revision(what, &object.metadata.resource_version)?;
                // Beside other kinds a bookmark of one would say too much.
                return Ok((!many).then_some(WatchEvent::Bookmark(self.seen)));
            }
        };
        let object = wire::object(what, &self.resource.gvk, line.object.get())?;
        self.seen = wire::revision(what, &object.metadata.resource_version)?;
        Ok(self.shown.event(happened, object))
    }
}
