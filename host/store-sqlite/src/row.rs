//! Objects between columns and memory.

use std::sync::Arc;

use model::meta::StringMap;
use model::{Object, ObjectMeta, OwnerReference, Timestamp};
use rusqlite::types::ValueRef;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::objects::{Gvk, Key};
use store::watch::Seen;
use store::{Result, StoreError, codec};

use crate::error::{corrupt, from_sql};
use crate::seal::Seal;

/// A kind as it is numbered in the file.
#[derive(Debug, Clone)]
pub(crate) struct Kind {
    pub(crate) id: i64,
    pub(crate) gvk: Gvk,
    /// Its contents are sealed at rest.
    pub(crate) sealed: bool,
}

impl Kind {
    /// Whether objects of a kind are sealed.
    pub(crate) fn is_sealed(gvk: &Gvk) -> bool {
        &*gvk.api_version == "v1" && &*gvk.kind == "Secret"
    }
}

/// One stored object, shared by the caches, the watches and the answers.
#[derive(Clone)]
pub(crate) struct Row(Arc<Stored>);

pub(crate) struct Stored {
    pub(crate) id: i64,
    pub(crate) kind: Arc<Kind>,
    pub(crate) key: Key,
    pub(crate) created_ms: i64,
    pub(crate) seen: Seen,
    pub(crate) bytes: u64,
}

impl std::ops::Deref for Row {
    type Target = Stored;
    fn deref(&self) -> &Stored {
        &self.0
    }
}

impl store::semantics::Row for Row {
    fn object(&self) -> &Arc<Object> {
        &self.seen.object
    }
    fn phase(&self) -> &Arc<str> {
        &self.seen.phase
    }
    fn id(&self) -> u64 {
        self.id.cast_unsigned()
    }
}

impl Row {
    pub(crate) fn new(id: i64, kind: Arc<Kind>, key: Key, created_ms: i64, seen: Seen) -> Self {
        let bytes = codec::size_of(&seen.object) + 512;
        Self(Arc::new(Stored { id, kind, key, created_ms, seen, bytes }))
    }

    pub(crate) fn revision(&self) -> u64 {
        store::semantics::revision_of(&self.seen.object)
    }
}

/// The part of the metadata that has no columns.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    generate_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_timestamp: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_grace_period_seconds: Option<i64>,
    #[serde(skip_serializing_if = "StringMap::is_empty")]
    labels: &'a StringMap,
    #[serde(skip_serializing_if = "StringMap::is_empty")]
    annotations: &'a StringMap,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    owner_references: &'a [OwnerReference],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    finalizers: &'a [String],
}

pub(crate) fn encode_metadata(meta: &ObjectMeta) -> Result<Vec<u8>> {
    // Without `..`: a new field must be given a place here.
    let ObjectMeta {
        name: _,
        namespace: _,
        uid: _,
        resource_version: _,
        generation: _,
        creation_timestamp: _,
        managed_fields: _,
        self_link: _,
        generate_name,
        deletion_timestamp,
        deletion_grace_period_seconds,
        labels,
        annotations,
        owner_references,
        finalizers,
    } = meta;
    let stored = Metadata {
        generate_name,
        deletion_timestamp: *deletion_timestamp,
        deletion_grace_period_seconds: *deletion_grace_period_seconds,
        labels,
        annotations,
        owner_references,
        finalizers,
    };
    serde_json::to_vec(&stored)
        .map_err(|e| StoreError::Invalid { what: "the metadata".to_owned(), reason: e.to_string() })
}

/// The columns that every reading statement selects first, from `objects o`.
pub(crate) const NARROW: &str =
    "o.id, o.kind, o.namespace, o.name, o.uid, o.revision, o.generation, o.created_ms, o.phase";

/// [`NARROW`], read.
#[derive(Debug, Clone)]
pub(crate) struct Narrow {
    pub(crate) id: i64,
    pub(crate) kind: i64,
    pub(crate) namespace: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) uid: String,
    pub(crate) revision: i64,
    pub(crate) generation: i64,
    pub(crate) created_ms: i64,
    pub(crate) phase: Arc<str>,
}

impl Narrow {
    pub(crate) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            kind: row.get(1)?,
            namespace: row.get::<_, String>(2)?.into(),
            name: row.get::<_, String>(3)?.into(),
            uid: row.get(4)?,
            revision: row.get(5)?,
            generation: row.get(6)?,
            created_ms: row.get(7)?,
            phase: row.get::<_, String>(8)?.into(),
        })
    }

    fn what(&self) -> String {
        format!("object {} ({}/{})", self.id, self.namespace, self.name)
    }

    /// Puts the object together; without a body it is `{}`.
    pub(crate) fn into_row(
        self,
        kind: Arc<Kind>,
        seal: &Seal,
        metadata: ValueRef<'_>,
        status: ValueRef<'_>,
        body: ValueRef<'_>,
    ) -> Result<Row> {
        let metadata = text(&self, &kind, seal, Column::Metadata, metadata)?;
        let metadata = metadata.ok_or_else(|| corrupt(self.what(), "its metadata is missing"))?;
        let mut meta: ObjectMeta = serde_json::from_str(&metadata).map_err(|e| corrupt(self.what(), e))?;
        meta.name = self.name.as_ref().to_owned();
        meta.namespace = self.namespace.as_ref().to_owned();
        meta.uid.clone_from(&self.uid);
        meta.resource_version = self.revision.to_string();
        meta.generation = self.generation;
        meta.creation_timestamp = Some(Timestamp::from_millis(self.created_ms));
        let json =
            |text: Option<String>| text.map(RawValue::from_string).transpose().map_err(|e| corrupt(self.what(), e));
        let status = json(text(&self, &kind, seal, Column::Status, status)?)?;
        let body = json(text(&self, &kind, seal, Column::Body, body)?)?;
        let object = Object {
            api_version: kind.gvk.api_version.as_ref().to_owned(),
            kind: kind.gvk.kind.as_ref().to_owned(),
            metadata: meta,
            body: body.map_or_else(codec::empty_object, Arc::from),
            status,
        };
        let key = Key { gvk: kind.gvk.clone(), namespace: self.namespace, name: self.name };
        let seen = Seen { object: Arc::new(object), phase: self.phase };
        Ok(Row::new(self.id, kind, key, self.created_ms, seen))
    }
}

/// The columns that can be sealed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Column {
    Metadata,
    Status,
    Body,
}

fn place(id: i64, column: Column) -> String {
    format!("{column:?} of object {id}")
}

/// The bytes to store for a text.
pub(crate) fn stored<'a>(
    id: i64,
    sealed: bool,
    seal: &Seal,
    column: Column,
    text: &'a [u8],
) -> Result<std::borrow::Cow<'a, [u8]>> {
    if sealed { Ok(seal.seal(&place(id, column), text)?.into()) } else { Ok(text.into()) }
}

fn text(narrow: &Narrow, kind: &Kind, seal: &Seal, column: Column, value: ValueRef<'_>) -> Result<Option<String>> {
    let bytes = match value {
        ValueRef::Null => return Ok(None),
        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => bytes,
        _ => return Err(corrupt(narrow.what(), format!("its {column:?} is no text"))),
    };
    let bytes = if kind.sealed { seal.open(&place(narrow.id, column), bytes)? } else { bytes.to_vec() };
    String::from_utf8(bytes).map(Some).map_err(|e| corrupt(narrow.what(), e))
}

/// What selectors ask about and what can change: kept of the state before a change.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Traits {
    #[serde(rename = "l", default, skip_serializing_if = "StringMap::is_empty")]
    pub(crate) labels: StringMap,
    #[serde(rename = "p", default, skip_serializing_if = "String::is_empty")]
    pub(crate) phase: String,
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) owners: Vec<String>,
}

impl Traits {
    /// Those of `before` when the change touched them.
    pub(crate) fn changed(before: &Seen, after: &Object, phase: &str) -> Option<Self> {
        let (was, is) = (&before.object.metadata, &after.metadata);
        let owners = |meta: &ObjectMeta| meta.owner_references.iter().map(|o| o.uid.clone()).collect::<Vec<_>>();
        let same_owners = was.owner_references.len() == is.owner_references.len()
            && was.owner_references.iter().zip(&is.owner_references).all(|(a, b)| a.uid == b.uid);
        if same_owners && *before.phase == *phase && was.labels == is.labels {
            return None;
        }
        Some(Self { labels: was.labels.clone(), phase: before.phase.as_ref().to_owned(), owners: owners(was) })
    }
}

/// The kinds, by name and number.
#[derive(Debug, Default)]
pub(crate) struct Kinds {
    all: Vec<Arc<Kind>>,
}

impl Kinds {
    pub(crate) fn load(conn: &rusqlite::Connection) -> Result<Self> {
        let mut statement = conn.prepare("SELECT id, api_version, kind, sealed FROM kinds").map_err(from_sql)?;
        let rows = statement.query_map([], |r| {
            let gvk = Gvk::new(r.get::<_, String>(1)?, r.get::<_, String>(2)?);
            Ok(Arc::new(Kind { id: r.get(0)?, gvk, sealed: r.get(3)? }))
        });
        let all = rows.and_then(Iterator::collect).map_err(from_sql)?;
        let mut this = Self { all };
        this.sort();
        Ok(this)
    }

    pub(crate) fn find(&self, gvk: &Gvk) -> Option<&Arc<Kind>> {
        self.all.iter().find(|k| k.gvk.kind == gvk.kind && k.gvk.api_version == gvk.api_version)
    }

    /// In the order of lists.
    pub(crate) fn all(&self) -> &[Arc<Kind>] {
        &self.all
    }

    pub(crate) fn add(&mut self, kind: Arc<Kind>) {
        self.all.push(kind);
        self.sort();
    }

    fn sort(&mut self) {
        self.all.sort_by(|a, b| (&a.gvk.kind, &a.gvk.api_version).cmp(&(&b.gvk.kind, &b.gvk.api_version)));
    }
}
