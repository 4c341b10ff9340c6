//! Watches: the initial list or the history from the file, then what is committed.
//!
//! ```text
//!   None ──► Listing: pages, each of its own snapshot ─► bookmark ─┐
//!   Some(revision) ────────────────────────────────────────────────┴─► Replaying: from the file until memory reaches back ─► Live
//! ```
//!
//! A page's snapshot covers a range of keys: a change at or before the snapshot of its key is in the list already and is not told again.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt};
use model::Object;
use store::objects::{Key, ListQuery, Order, Revision, Selector, WatchEvent};
use store::semantics::revision_of;
use store::token::Position;
use store::watch::{Change, Next, Subscription, at_revision};
use store::{Result, StoreError};

use crate::Shared;
use crate::read::{list, replay_changes};
use crate::write::newest;

/// Begins a watch; the first reads happen here, so that their errors are the call's.
pub(crate) async fn watch(
    shared: Arc<Shared>,
    selector: Selector,
    from: Option<Revision>,
) -> Result<BoxStream<'static, Result<WatchEvent>>> {
    let mut watch = Watch {
        shared,
        selector,
        ready: VecDeque::new(),
        covered: Vec::new(),
        passed: HashMap::new(),
        phase: Phase::Replaying(from.unwrap_or(0)),
    };
    match from {
        None => watch.list_page(None).await?,
        Some(revision) => watch.replay(revision).await?,
    }
    Ok(stream::unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        if event.is_err() {
            watch.ready.clear();
            watch.phase = Phase::Ended;
        }
        Some((event, watch))
    })
    .boxed())
}

struct Watch {
    shared: Arc<Shared>,
    selector: Selector,
    ready: VecDeque<WatchEvent>,
    /// The initial list: up to which key (nothing: to the end) which snapshot holds.
    covered: Vec<(Option<NameOrder>, Revision)>,
    passed: HashMap<String, Option<bool>>,
    phase: Phase,
}

enum Phase {
    Listing(Position),
    Replaying(Revision),
    Live(Subscription),
    Ended,
}

type NameOrder = (Arc<str>, Arc<str>, Arc<str>, Arc<str>);

fn name_order(key: &Key) -> NameOrder {
    (key.gvk.kind.clone(), key.gvk.api_version.clone(), key.namespace.clone(), key.name.clone())
}

impl Watch {
    async fn next(&mut self) -> Option<Result<WatchEvent>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            let step = match &self.phase {
                Phase::Listing(after) => {
                    let after = Some(after.clone());
                    self.list_page(after).await
                }
                Phase::Replaying(cursor) => {
                    let cursor = *cursor;
                    self.replay(cursor).await
                }
                Phase::Live(subscription) => match subscription.next().await? {
                    Ok(Next::Bookmark(revision)) => return Some(Ok(WatchEvent::Bookmark(revision))),
                    Ok(Next::Change(change)) => {
                        let event = self.event(&change);
                        self.ready.extend(event);
                        Ok(())
                    }
                    Err(error) => Err(error),
                },
                Phase::Ended => return None,
            };
            if let Err(error) = step {
                return Some(Err(error));
            }
        }
    }

    async fn list_page(&mut self, after: Option<Position>) -> Result<()> {
        let query = ListQuery { selector: self.selector.clone(), order: Order::Name, ..ListQuery::default() };
        let shared = self.shared.clone();
        let (listed, snapshot) = self
            .shared
            .pool
            .read(move |tx| {
                let snapshot = newest(tx)?;
                let kinds = shared.kinds_for(&query.selector);
                let limits = &shared.options.limits;
                Ok((list(tx, &shared.seal, &kinds, &query, after.as_ref(), limits)?, snapshot))
            })
            .await?;
        self.ready.extend(listed.rows.iter().map(|row| WatchEvent::Added(row.seen.object.clone())));
        let first = self.covered.first().map_or(snapshot, |(_, first)| *first);
        match listed.next {
            Some(Position::Key(end)) => {
                self.covered.push((Some(name_order(&end)), snapshot));
                self.phase = Phase::Listing(Position::Key(end));
            }
            _ => {
                self.covered.push((None, snapshot));
                // Resuming from the first page's revision tells some things twice, and misses none.
                self.ready.push_back(WatchEvent::Bookmark(first));
                self.phase = Phase::Replaying(first);
                if self.covered.len() == 1 {
                    // One snapshot holds for all: what follows it is told as it is.
                    self.covered.clear();
                }
            }
        }
        Ok(())
    }

    /// From memory, or a piece from the file.
    async fn replay(&mut self, cursor: Revision) -> Result<()> {
        match self.shared.hub.subscribe(&self.selector, cursor)? {
            // Memory may be a commit behind the file, never ahead: a revision it has not reached is asked of the file.
            Ok(live) if cursor <= self.shared.hub.revision() => {
                self.phase = Phase::Live(live);
                return Ok(());
            }
            Ok(live) => {
                if cursor <= self.shared.pool.read(|tx| newest(tx)).await? {
                    self.phase = Phase::Live(live);
                    return Ok(());
                }
                return Err(StoreError::Expired { asked: cursor, oldest: self.shared.hub.revision() });
            }
            Err(_gap) => {}
        }
        let (shared, selector) = (self.shared.clone(), self.selector.clone());
        let passed = std::mem::take(&mut self.passed);
        let replayed =
            self.shared.pool.read(move |tx| replay_changes(tx, &shared.seal, &selector, cursor, passed)).await?;
        for (object, event) in replayed.events {
            if !self.is_listed(&object, revision_of(&object)) {
                self.ready.push_back(event);
            }
        }
        self.passed = replayed.passed;
        self.phase = Phase::Replaying(replayed.cursor);
        Ok(())
    }

    /// What a committed change means to this watch.
    fn event(&mut self, change: &Change) -> Option<WatchEvent> {
        let object = change.object()?;
        if self.is_listed(object, change.revision) {
            return None;
        }
        let shown_before = self.passed.remove(&object.metadata.uid).flatten();
        let Some(shown_before) = shown_before else { return change.event(&self.selector) };
        let after = change.after.as_ref().filter(|s| self.selector.matches(&s.object, &s.phase));
        match (shown_before, after) {
            (false, Some(now)) => Some(WatchEvent::Added(now.object.clone())),
            (true, Some(now)) => Some(WatchEvent::Modified(now.object.clone())),
            (true, None) => Some(WatchEvent::Deleted(at_revision(object, change.revision))),
            (false, None) => None,
        }
    }

    fn is_listed(&self, object: &Object, revision: Revision) -> bool {
        if self.covered.is_empty() {
            return false;
        }
        let key = name_order(&Key::of(object));
        let page = self.covered.iter().find(|(end, _)| end.as_ref().is_none_or(|end| key <= *end));
        page.is_some_and(|(_, snapshot)| revision <= *snapshot)
    }
}
