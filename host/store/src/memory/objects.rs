//! Objects in maps.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use model::Object;

use super::{MemoryStore, lock};
use crate::objects::{
    DeleteOptions, Deleted, Gvk, Key, ListQuery, Objects, Order, Page, Precondition, Revision, Selector, StatusUpdate,
    WatchEvent, WatchStream,
};
use crate::semantics::{self, Table, Work};
use crate::token::{Position, Token};
use crate::watch::{Change, Seen};
use crate::{Result, StoreError, codec};

#[derive(Default)]
pub(super) struct Tables {
    revision: Revision,
    next_id: u64,
    rows: BTreeMap<Key, Row>,
    ids: BTreeMap<u64, Key>,
    owned: BTreeSet<(String, u64)>,
    kinds: BTreeSet<Gvk>,
    work: VecDeque<Work>,
    pending: Vec<Change>,
}

#[derive(Clone)]
pub(super) struct Row {
    id: u64,
    seen: Seen,
}

impl semantics::Row for Row {
    fn object(&self) -> &Arc<Object> {
        &self.seen.object
    }
    fn phase(&self) -> &Arc<str> {
        &self.seen.phase
    }
    fn id(&self) -> u64 {
        self.id
    }
}

impl Row {
    fn created_ms(&self) -> i64 {
        self.seen.object.metadata.creation_timestamp.map_or(0, |t| t.as_millis())
    }
}

impl Tables {
    fn drop_owners(&mut self, row: &Row) {
        for owner in &row.seen.object.metadata.owner_references {
            self.owned.remove(&(owner.uid.clone(), row.id));
        }
    }

    fn next_revision(&mut self, object: &mut Object) -> Revision {
        self.revision += 1;
        object.metadata.resource_version = self.revision.to_string();
        self.revision
    }
}

impl Table for Tables {
    type Row = Row;
    type Error = StoreError;

    fn get(&mut self, key: &Key) -> Result<Option<Row>> {
        Ok(self.rows.get(key).cloned())
    }

    fn put(&mut self, before: Option<&Row>, mut after: Object, phase: Arc<str>) -> Result<Row> {
        let revision = self.next_revision(&mut after);
        let key = Key::of(&after);
        let id = match before {
            Some(row) => {
                self.drop_owners(row);
                row.id
            }
            None => {
                self.next_id += 1;
                self.kinds.insert(key.gvk.clone());
                self.ids.insert(self.next_id, key.clone());
                self.next_id
            }
        };
        for owner in &after.metadata.owner_references {
            self.owned.insert((owner.uid.clone(), id));
        }
        let row = Row { id, seen: Seen { object: Arc::new(after), phase } };
        self.rows.insert(key, row.clone());
        let (before, after) = (before.map(|r| r.seen.clone()), Some(row.seen.clone()));
        self.pending.push(Change { revision, before, after, last: None });
        Ok(row)
    }

    fn remove(&mut self, before: &Row, mut last: Object) -> Result<Arc<Object>> {
        let revision = self.next_revision(&mut last);
        self.drop_owners(before);
        self.ids.remove(&before.id);
        self.rows.remove(&Key::of(&last));
        let last = Arc::new(last);
        let change = Change { revision, before: Some(before.seen.clone()), after: None, last: Some(last.clone()) };
        self.pending.push(change);
        Ok(last)
    }

    fn removed(&mut self, uid: &str) -> Option<Arc<Object>> {
        self.pending.iter().rev().filter_map(|c| c.last.as_ref()).find(|o| o.metadata.uid == uid).cloned()
    }

    fn dependents(&mut self, owner_uid: &str, after: u64, limit: u32) -> Result<Vec<Row>> {
        let from = (owner_uid.to_owned(), after.saturating_add(1));
        let ids = self.owned.range(from..).take_while(|(uid, _)| uid == owner_uid).take(limit as usize);
        Ok(ids.filter_map(|(_, id)| self.rows.get(self.ids.get(id)?).cloned()).collect())
    }

    fn knows(&mut self, gvk: &Gvk) -> Result<bool> {
        Ok(self.kinds.contains(gvk))
    }

    fn push_work(&mut self, work: Work) -> Result<()> {
        self.work.push_back(work);
        Ok(())
    }

    fn pop_work(&mut self) -> Result<Option<Work>> {
        Ok(self.work.pop_front())
    }
}

impl MemoryStore {
    /// Runs one write, then the work it left, and tells the watchers.
    fn write<R>(&self, write: impl FnOnce(&mut Tables) -> Result<R>) -> Result<R> {
        let mut tables = lock(&self.objects);
        let answer = write(&mut tables);
        let left = semantics::collect(&mut *tables, &*self.stamp, u32::MAX);
        self.hub.publish(std::mem::take(&mut tables.pending));
        left.and(answer)
    }

    /// Creates an object that has its name, uid and creation time.
    pub(super) fn create_stamped(&self, object: Object) -> Result<Arc<Object>> {
        self.write(|tables| semantics::create_stamped(tables, object))
    }
}

#[async_trait]
impl Objects for MemoryStore {
    async fn get(&self, key: &Key) -> Result<Arc<Object>> {
        let tables = lock(&self.objects);
        let row = tables.rows.get(key).ok_or_else(|| StoreError::NotFound { what: key.to_string() })?;
        Ok(row.seen.object.clone())
    }

    async fn list(&self, query: &ListQuery) -> Result<Page> {
        query.selector.check(&self.limits)?;
        let token = Token::of(query)?;
        let tables = lock(&self.objects);
        let revision = token.as_ref().map_or(tables.revision, |t| t.revision);
        let shown = |row: &&Row| query.selector.matches(&row.seen.object, &row.seen.phase);
        let mut rows: Vec<&Row> = tables.rows.values().filter(shown).collect();
        match query.order {
            Order::Name => rows.sort_by_cached_key(|r| name_order(&r.seen.object)),
            Order::NewestFirst => rows.sort_by_key(|r| Reverse((r.created_ms(), r.id))),
        }
        let skip = match token.map(|t| t.position) {
            None => 0,
            Some(Position::Key(key)) => {
                let after = order_of(&key);
                rows.partition_point(|r| name_order(&r.seen.object) <= after)
            }
            Some(Position::Newest(ms, id)) => rows.partition_point(|r| (r.created_ms(), r.id) >= (ms, id)),
        };
        let (mut items, mut bytes, mut last) = (Vec::new(), 0, None);
        let limit = self.limits.page(query.limit);
        for row in rows.iter().skip(skip).take(limit) {
            let object = if query.without_body { without_body(&row.seen.object) } else { row.seen.object.clone() };
            bytes += codec::size_of(&object);
            if bytes > self.limits.page_bytes_max && !items.is_empty() {
                break;
            }
            items.push(object);
            last = Some(*row);
        }
        let remaining = rows.len() - skip - items.len();
        let position = last.filter(|_| remaining > 0).map(|row| match query.order {
            Order::Name => Position::Key(Key::of(&row.seen.object)),
            Order::NewestFirst => Position::Newest(row.created_ms(), row.id),
        });
        let continue_token = position.map(|p| Token::new(query, revision, p).encode()).transpose()?;
        Ok(Page { items, continue_token, revision, remaining: Some(remaining as u64) })
    }

    async fn watch(&self, selector: &Selector, from: Option<Revision>) -> Result<WatchStream> {
        selector.check(&self.limits)?;
        let tables = lock(&self.objects);
        let revision = tables.revision;
        let after = from.unwrap_or(revision);
        let expired = |oldest| StoreError::Expired { asked: after, oldest };
        if after > revision {
            return Err(expired(revision));
        }
        let live = self.hub.subscribe(selector, after)?.map_err(|gap| expired(gap.oldest))?.into_stream();
        if from.is_some() {
            return Ok(live.boxed());
        }
        let present = tables.rows.values().filter(|r| selector.matches(&r.seen.object, &r.seen.phase));
        let mut first: Vec<_> = present.map(|r| Ok(WatchEvent::Added(r.seen.object.clone()))).collect();
        first.push(Ok(WatchEvent::Bookmark(revision)));
        Ok(futures::stream::iter(first).chain(live).boxed())
    }

    async fn create(&self, object: Object) -> Result<Arc<Object>> {
        let object = semantics::admit_create(object, &self.limits)?;
        self.write(|tables| semantics::create(tables, &object, &*self.stamp, &self.limits))
    }

    async fn update(&self, object: Object, precondition: Precondition) -> Result<Arc<Object>> {
        let object = semantics::admit_update(object, &self.limits)?;
        self.write(|tables| semantics::update(tables, &object, &precondition, &self.limits))
    }

    async fn update_status(&self, key: &Key, status: StatusUpdate) -> Result<Arc<Object>> {
        let status = semantics::admit_status(key, status, &self.limits)?;
        let phase = codec::phase_of(Some(&status.status));
        self.write(|tables| semantics::update_status(tables, key, &status, &phase, &self.limits))
    }

    async fn delete(&self, key: &Key, options: DeleteOptions) -> Result<Deleted> {
        self.write(|tables| semantics::delete(tables, key, &options, &*self.stamp, &self.limits))
    }

    async fn revision(&self) -> Result<Revision> {
        Ok(lock(&self.objects).revision)
    }
}

type NameOrder = (String, String, String, String);

fn name_order(object: &Object) -> NameOrder {
    let meta = &object.metadata;
    (object.kind.clone(), object.api_version.clone(), meta.namespace.clone(), meta.name.clone())
}

fn order_of(key: &Key) -> NameOrder {
    (
        key.gvk.kind.as_ref().to_owned(),
        key.gvk.api_version.as_ref().to_owned(),
        key.namespace.as_ref().to_owned(),
        key.name.as_ref().to_owned(),
    )
}

fn without_body(object: &Object) -> Arc<Object> {
    Arc::new(Object {
        api_version: object.api_version.clone(),
        kind: object.kind.clone(),
        metadata: object.metadata.clone(),
        body: codec::empty_object(),
        status: object.status.clone(),
    })
}
