//! Objects as a [`Table`] of the running transaction.

use std::collections::HashMap;
use std::sync::Arc;

use model::Object;
use rusqlite::{OptionalExtension, Row as SqlRow, Statement, ToSql};
use store::objects::{Gvk, Key, Stamp, StatusUpdate};
use store::semantics::{Table, Work};
use store::watch::{Change, Seen};
use store::{Limits, semantics};

use super::statements::Statements;
use super::{Answer, Request};
use crate::Shared;
use crate::error::{Fail, corrupt};
use crate::row::{Column, Kind, Narrow, Row, Traits, encode_metadata, stored};

/// Label names remembered with their numbers.
const LABEL_NAMES_MAX: usize = 10_000;
/// Revisions that one commit trims at most.
const TRIM_PIECE: u64 = 512;

/// What the writer knows of the objects, and what the running transaction changed.
pub(super) struct Objects {
    pub(super) revision: u64,
    /// The oldest change that is kept.
    oldest: u64,
    next_id: i64,
    next_kind: i64,
    work: u64,
    kinds: HashMap<Gvk, Arc<Kind>>,
    label_names: HashMap<String, i64>,
    // Of the running transaction.
    pub(super) overlay: HashMap<Key, Option<Row>>,
    pub(super) changes: Vec<Change>,
    pub(super) new_kinds: Vec<Arc<Kind>>,
}

impl Objects {
    pub(super) fn load(sql: &Statements<'_>, shared: &Shared) -> Result<Self, Fail> {
        let number =
            |query: &str| sql.conn.query_row(query, [], |r| r.get::<_, Option<i64>>(0)).map(|n| n.unwrap_or(0));
        let ids = number("SELECT max(id) FROM objects")?.max(number("SELECT max(id) FROM changes")?);
        let all = shared.kinds(|k| k.all().to_vec());
        Ok(Self {
            revision: number("SELECT max(revision) FROM changes")?.cast_unsigned(),
            oldest: number("SELECT min(revision) FROM changes")?.cast_unsigned(),
            next_id: ids + 1,
            next_kind: number("SELECT max(id) FROM kinds")? + 1,
            work: number("SELECT count(*) FROM work")?.cast_unsigned(),
            kinds: all.into_iter().map(|k| (k.gvk.clone(), k)).collect(),
            label_names: HashMap::new(),
            overlay: HashMap::new(),
            changes: Vec::new(),
            new_kinds: Vec::new(),
        })
    }

    pub(super) fn has_work(&self) -> bool {
        self.work > 0
    }
}

/// The running transaction, as the semantics see it.
pub(super) struct Txn<'a, 'c> {
    pub(super) sql: &'a mut Statements<'c>,
    pub(super) state: &'a mut Objects,
    pub(super) shared: &'a Shared,
}

impl Txn<'_, '_> {
    /// Does one request about objects.
    pub(super) fn apply(&mut self, request: &Request) -> Option<Result<Answer, Fail>> {
        let shared = self.shared;
        let (stamp, limits): (&dyn Stamp, &Limits) = (&*shared.options.stamp, &shared.options.limits);
        Some(match request {
            Request::Create(object) => semantics::create(self, object, stamp, limits).map(Answer::Object),
            Request::Update { object, precondition } => {
                semantics::update(self, object, precondition, limits).map(Answer::Object)
            }
            Request::UpdateStatus { key, status, phase } => self.update_status(key, status, phase).map(Answer::Object),
            Request::Delete { key, options } => {
                semantics::delete(self, key, options, stamp, limits).map(Answer::Deleted)
            }
            _ => return None,
        })
    }

    pub(super) fn update_status(
        &mut self,
        key: &Key,
        status: &StatusUpdate,
        phase: &Arc<str>,
    ) -> Result<Arc<Object>, Fail> {
        let limits = self.shared.options.limits;
        semantics::update_status(self, key, status, phase, &limits)
    }

    /// A piece of what deletions left, and of what the retention lets go.
    pub(super) fn tidy(&mut self) -> Result<(), Fail> {
        let limits = self.shared.options.limits;
        if self.state.work > 0 {
            semantics::collect(self, &*self.shared.options.stamp, limits.cascade_step_max)?;
        }
        let kept = self.state.revision.saturating_sub(self.state.oldest);
        let surplus = kept.saturating_sub(limits.watch_retention_max);
        // In pieces of some size: a piece costs a few statements.
        if surplus > (TRIM_PIECE / 2).min(limits.watch_retention_max) {
            let upto = (self.state.oldest + surplus.min(TRIM_PIECE)).cast_signed();
            let sql = &mut self.sql;
            for statement in
                [&mut sql.trim_bodies, &mut sql.trim_contents, &mut sql.trim_objects, &mut sql.trim_changes]
            {
                statement.execute([upto])?;
            }
            self.state.oldest = upto.cast_unsigned() + 1;
        }
        Ok(())
    }

    fn kind(&mut self, gvk: &Gvk) -> Result<Arc<Kind>, Fail> {
        if let Some(kind) = self.state.kinds.get(gvk) {
            return Ok(kind.clone());
        }
        let kind = Arc::new(Kind { id: self.state.next_kind, gvk: gvk.clone(), sealed: Kind::is_sealed(gvk) });
        self.sql.insert_kind.execute((kind.id, &*gvk.api_version, &*gvk.kind, kind.sealed))?;
        self.state.next_kind += 1;
        self.state.kinds.insert(gvk.clone(), kind.clone());
        self.state.new_kinds.push(kind.clone());
        Ok(kind)
    }

    fn label_name(&mut self, name: &str) -> Result<i64, Fail> {
        if let Some(id) = self.state.label_names.get(name) {
            return Ok(*id);
        }
        let found = self.sql.find_label_name.query_row([name], |r| r.get(0)).optional()?;
        let id = match found {
            Some(id) => id,
            None => self.sql.insert_label_name.insert([name])?,
        };
        if self.state.label_names.len() >= LABEL_NAMES_MAX {
            self.state.label_names.clear();
        }
        self.state.label_names.insert(name.to_owned(), id);
        Ok(id)
    }

    fn next_revision(&mut self, object: &mut Object) -> i64 {
        self.state.revision += 1;
        object.metadata.resource_version = self.state.revision.to_string();
        self.state.revision.cast_signed()
    }

    fn insert(&mut self, kind: &Kind, id: i64, revision: i64, created_ms: i64, object: &Object) -> Result<(), Fail> {
        let meta = &object.metadata;
        let sql = &mut self.sql;
        let columns: [&dyn ToSql; 9] =
            [&id, &kind.id, &meta.namespace, &meta.name, &meta.uid, &revision, &meta.generation, &created_ms, &""];
        sql.insert_object.execute(columns.as_slice())?;
        let seal = &self.shared.seal;
        let metadata = encode_metadata(meta)?;
        let metadata = stored(id, kind.sealed, seal, Column::Metadata, &metadata)?;
        sql.insert_contents.execute((id, &*metadata, None::<&[u8]>))?;
        let body = stored(id, kind.sealed, seal, Column::Body, object.body.get().as_bytes())?;
        sql.insert_body.execute((id, &*body))?;
        sql.insert_change.execute((revision, id, b"".as_slice()))?;
        for owner in &meta.owner_references {
            sql.insert_owner.execute((&owner.uid, id))?;
        }
        for (name, value) in &meta.labels {
            let name = self.label_name(name)?;
            self.sql.insert_label.execute((kind.id, name, value, created_ms, id))?;
        }
        Ok(())
    }

    fn change(&mut self, row: &Row, revision: i64, after: &Object, phase: &str) -> Result<(), Fail> {
        let before = &row.seen.object;
        let (id, sealed, seal) = (row.id, row.kind.sealed, &self.shared.seal);
        let generation = after.metadata.generation;
        if *row.seen.phase == *phase {
            self.sql.update_object.execute((id, revision, generation))?;
        } else {
            self.sql.update_object_phase.execute((id, revision, generation, phase))?;
        }
        let metadata = match same_metadata(before, after) {
            true => None,
            false => Some(encode_metadata(&after.metadata)?),
        };
        let metadata = metadata.as_deref().map(|m| stored(id, sealed, seal, Column::Metadata, m)).transpose()?;
        let new_status = (status_text(before) != status_text(after)).then_some(after.status.as_ref());
        let status = match new_status {
            Some(Some(status)) => Some(stored(id, sealed, seal, Column::Status, status.get().as_bytes())?),
            _ => None,
        };
        match (&metadata, new_status) {
            (Some(metadata), Some(_)) => self.sql.update_contents.execute((id, &**metadata, status.as_deref()))?,
            (Some(metadata), None) => self.sql.update_metadata.execute((id, &**metadata))?,
            (None, Some(_)) => self.sql.update_status.execute((id, status.as_deref()))?,
            (None, None) => 0,
        };
        if !Arc::ptr_eq(&before.body, &after.body) && before.body.get() != after.body.get() {
            let body = stored(id, sealed, seal, Column::Body, after.body.get().as_bytes())?;
            self.sql.update_body.execute((id, &*body))?;
        }
        self.reindex(row, Some(after))?;
        self.record(row, revision, after, phase)
    }

    /// Brings the side tables from the old labels and owners to the new ones.
    fn reindex(&mut self, row: &Row, after: Option<&Object>) -> Result<(), Fail> {
        let was = &row.seen.object.metadata;
        let is = after.map(|o| &o.metadata);
        for (name, value) in &was.labels {
            if is.and_then(|m| m.labels.get(name)) != Some(value) {
                let name = self.label_name(name)?;
                self.sql.delete_label.execute((row.kind.id, name, value, row.created_ms, row.id))?;
            }
        }
        for (name, value) in is.iter().flat_map(|m| &m.labels) {
            if was.labels.get(name) != Some(value) {
                let name = self.label_name(name)?;
                self.sql.insert_label.execute((row.kind.id, name, value, row.created_ms, row.id))?;
            }
        }
        let owners = is.map_or(&[][..], |m| &m.owner_references);
        for old in was.owner_references.iter().filter(|o| !owners.iter().any(|n| n.uid == o.uid)) {
            self.sql.delete_owner.execute((&old.uid, row.id))?;
        }
        for new in owners.iter().filter(|n| !was.owner_references.iter().any(|o| o.uid == n.uid)) {
            self.sql.insert_owner.execute((&new.uid, row.id))?;
        }
        Ok(())
    }

    fn record(&mut self, row: &Row, revision: i64, after: &Object, phase: &str) -> Result<(), Fail> {
        let before = Traits::changed(&row.seen, after, phase).map(|t| serde_json::to_vec(&t)).transpose();
        let before = before.map_err(|e| corrupt(row.key.to_string(), e))?;
        self.sql.insert_change.execute((revision, row.id, before))?;
        Ok(())
    }
}

fn status_text(object: &Object) -> Option<&str> {
    object.status.as_ref().map(|status| status.get())
}

fn same_metadata(before: &Object, after: &Object) -> bool {
    let (was, is) = (&before.metadata, &after.metadata);
    was.labels == is.labels
        && was.annotations == is.annotations
        && was.finalizers == is.finalizers
        && was.owner_references == is.owner_references
        && was.deletion_timestamp == is.deletion_timestamp
        && was.generate_name == is.generate_name
}

fn read(state: &Objects, shared: &Shared, row: &SqlRow<'_>) -> rusqlite::Result<store::Result<Row>> {
    let narrow = Narrow::read(row)?;
    let Some(kind) = state.kinds.values().find(|k| k.id == narrow.kind).cloned() else {
        return Ok(Err(corrupt("the table of kinds", format!("there is no kind {}", narrow.kind))));
    };
    Ok(narrow.into_row(kind, &shared.seal, row.get_ref(9)?, row.get_ref(10)?, row.get_ref(11)?))
}

fn query(
    state: &Objects,
    shared: &Shared,
    statement: &mut Statement<'_>,
    params: impl rusqlite::Params,
) -> Result<Option<Row>, Fail> {
    let found = statement.query_row(params, |row| read(state, shared, row)).optional()?;
    Ok(found.transpose()?)
}

impl Table for Txn<'_, '_> {
    type Row = Row;
    type Error = Fail;

    fn get(&mut self, key: &Key) -> Result<Option<Row>, Fail> {
        if let Some(row) = self.state.overlay.get(key) {
            return Ok(row.clone());
        }
        if let Some(row) = self.shared.cache.get(key) {
            return Ok(Some(row));
        }
        let Some(kind) = self.state.kinds.get(&key.gvk) else { return Ok(None) };
        let params = (kind.id, &*key.namespace, &*key.name);
        query(self.state, self.shared, &mut self.sql.get, params)
    }

    fn put(&mut self, before: Option<&Row>, mut after: Object, phase: Arc<str>) -> Result<Row, Fail> {
        let revision = self.next_revision(&mut after);
        let (id, kind, key, created_ms) = match before {
            Some(row) => {
                self.change(row, revision, &after, &phase)?;
                (row.id, row.kind.clone(), row.key.clone(), row.created_ms)
            }
            None => {
                let mut key = Key::of(&after);
                let kind = self.kind(&key.gvk)?;
                key.gvk = kind.gvk.clone();
                let id = self.state.next_id;
                let created_ms = after.metadata.creation_timestamp.map_or(0, |t| t.as_millis());
                self.insert(&kind, id, revision, created_ms, &after)?;
                self.state.next_id += 1;
                (id, kind, key, created_ms)
            }
        };
        let row = Row::new(id, kind, key, created_ms, Seen { object: Arc::new(after), phase });
        self.state.overlay.insert(row.key.clone(), Some(row.clone()));
        self.state.changes.push(Change {
            revision: revision.cast_unsigned(),
            before: before.map(|r| r.seen.clone()),
            after: Some(row.seen.clone()),
            last: None,
        });
        Ok(row)
    }

    fn remove(&mut self, before: &Row, mut last: Object) -> Result<Arc<Object>, Fail> {
        let revision = self.next_revision(&mut last);
        self.sql.mark_deleted.execute((before.id, revision, last.metadata.generation))?;
        let sealed = before.kind.sealed;
        let metadata = encode_metadata(&last.metadata)?;
        let metadata = stored(before.id, sealed, &self.shared.seal, Column::Metadata, &metadata)?;
        self.sql.update_metadata.execute((before.id, &*metadata))?;
        if sealed {
            // What was secret goes at once; watches that resume are told without it.
            self.sql.delete_body.execute([before.id])?;
        }
        self.reindex(before, None)?;
        self.record(before, revision, &last, &before.seen.phase)?;
        let last = Arc::new(last);
        self.state.overlay.insert(before.key.clone(), None);
        self.state.changes.push(Change {
            revision: revision.cast_unsigned(),
            before: Some(before.seen.clone()),
            after: None,
            last: Some(last.clone()),
        });
        Ok(last)
    }

    fn removed(&mut self, uid: &str) -> Option<Arc<Object>> {
        self.state.changes.iter().rev().filter_map(|c| c.last.as_ref()).find(|o| o.metadata.uid == uid).cloned()
    }

    fn dependents(&mut self, owner_uid: &str, after: u64, limit: u32) -> Result<Vec<Row>, Fail> {
        let ids = self.sql.dependents.query_map((owner_uid, after.cast_signed(), limit), |r| r.get::<_, i64>(0))?;
        let ids: Vec<i64> = ids.collect::<rusqlite::Result<_>>()?;
        let mut rows = Vec::with_capacity(ids.len());
        for id in ids {
            rows.extend(query(self.state, self.shared, &mut self.sql.get_by_id, [id])?);
        }
        Ok(rows)
    }

    fn knows(&mut self, gvk: &Gvk) -> Result<bool, Fail> {
        Ok(self.state.kinds.contains_key(gvk))
    }

    fn push_work(&mut self, work: Work) -> Result<(), Fail> {
        let work = serde_json::to_string(&work).map_err(|e| corrupt("the queue of deletions", e))?;
        self.sql.push_work.execute([work])?;
        self.state.work += 1;
        Ok(())
    }

    fn pop_work(&mut self) -> Result<Option<Work>, Fail> {
        if self.state.work == 0 {
            return Ok(None);
        }
        let first = self.sql.first_work.query_row([], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, String>(1)?)));
        let Some((seq, work)) = first.optional()? else {
            self.state.work = 0;
            return Ok(None);
        };
        self.sql.delete_work.execute([seq])?;
        self.state.work -= 1;
        let work = serde_json::from_str(&work).map_err(|e| corrupt("the queue of deletions", e))?;
        Ok(Some(work))
    }
}
