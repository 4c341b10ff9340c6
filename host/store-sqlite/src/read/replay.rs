//! Changes from the file, for watches that resume from before what is in memory.
//!
//! The file has every change's revision and what selectors asked about before it, but only the newest state of each object. So each object is told of
//! once, at the revision of its newest change; whether that is an addition, a change or a departure follows from what it was when the watch left off.

use std::collections::HashMap;
use std::sync::Arc;

use model::{Object, ObjectMeta, OwnerReference, Timestamp};
use rusqlite::Connection;
use store::objects::{Gvk, Revision, Selector, WatchEvent};
use store::watch::at_revision;
use store::{Result, StoreError, codec};

use super::objects::wide;
use crate::error::{corrupt, from_sql};
use crate::row::{Kind, NARROW, Narrow, Row, Traits};
use crate::seal::Seal;

/// Changes read at once.
const PIECE: usize = 1_000;

/// Objects whose changes were passed over because newer ones follow, by uid: whether the selector showed them when the watch left off; nothing when
/// what selectors ask about has not changed since.
pub(crate) type Passed = HashMap<String, Option<bool>>;

/// A piece of the history.
pub(crate) struct Replayed {
    pub(crate) events: Vec<(Arc<Object>, WatchEvent)>,
    /// Up to where.
    pub(crate) cursor: Revision,
    pub(crate) passed: Passed,
}

struct Entry {
    revision: Revision,
    before: Option<Vec<u8>>,
    narrow: Narrow,
    deleted: bool,
    gvk: Gvk,
    sealed: bool,
}

/// Reads the changes after `cursor`.
pub(crate) fn replay_changes(
    conn: &Connection,
    seal: &Seal,
    selector: &Selector,
    cursor: Revision,
    mut passed: Passed,
) -> Result<Replayed> {
    let bounds = conn.query_row("SELECT min(revision), max(revision) FROM changes", [], |r| {
        Ok((r.get::<_, Option<i64>>(0)?.unwrap_or(1), r.get::<_, Option<i64>>(1)?.unwrap_or(0)))
    });
    let (oldest, newest) = bounds.map_err(from_sql)?;
    let (oldest, newest) = (oldest.cast_unsigned(), newest.cast_unsigned());
    if cursor + 1 < oldest || cursor > newest {
        return Err(StoreError::Expired { asked: cursor, oldest: (oldest - 1).min(newest) });
    }
    let entries = entries(conn, cursor)?;
    let reached = entries.last().map_or(newest, |e| e.revision);
    let cursor = if entries.len() < PIECE { newest } else { reached };
    let mut events = Vec::new();
    for entry in entries {
        // What is settled by this entry stays settled for those that follow.
        let known = passed.remove(&entry.narrow.uid).flatten();
        let shown_before = match (known, &entry.before) {
            (Some(shown), _) => Some(shown),
            (None, Some(before)) if before.is_empty() => Some(false),
            (None, Some(before)) => Some(shown_with(selector, &entry, before)?),
            (None, None) => None,
        };
        if entry.narrow.revision.cast_unsigned() != entry.revision {
            passed.insert(entry.narrow.uid.clone(), shown_before);
            continue;
        }
        if let Some(event) = event(conn, seal, selector, &entry, shown_before)? {
            events.push(event);
        }
    }
    Ok(Replayed { events, cursor, passed })
}

fn entries(conn: &Connection, cursor: Revision) -> Result<Vec<Entry>> {
    let sql = format!(
        "SELECT {NARROW}, o.deleted, x.revision, x.before, k.api_version, k.kind, k.sealed
         FROM changes x JOIN objects o ON o.id = x.id JOIN kinds k ON k.id = o.kind
         WHERE x.revision > ?1 ORDER BY x.revision LIMIT {PIECE}"
    );
    let mut statement = conn.prepare_cached(&sql).map_err(from_sql)?;
    let rows = statement.query_map([cursor.cast_signed()], |row| {
        Ok(Entry {
            narrow: Narrow::read(row)?,
            deleted: row.get(9)?,
            revision: row.get::<_, i64>(10)?.cast_unsigned(),
            before: row.get(11)?,
            gvk: Gvk::new(row.get::<_, String>(12)?, row.get::<_, String>(13)?),
            sealed: row.get(14)?,
        })
    });
    rows.and_then(Iterator::collect).map_err(from_sql)
}

fn event(
    conn: &Connection,
    seal: &Seal,
    selector: &Selector,
    entry: &Entry,
    shown_before: Option<bool>,
) -> Result<Option<(Arc<Object>, WatchEvent)>> {
    let kind = Arc::new(Kind { id: entry.narrow.kind, gvk: entry.gvk.clone(), sealed: entry.sealed });
    let row: Row = wide(conn, seal, kind, entry.narrow.clone(), true)?;
    let object = row.seen.object.clone();
    let matches = selector.matches(&object, &row.seen.phase);
    let shown_before = shown_before.unwrap_or(matches);
    let event = match (shown_before, matches && !entry.deleted) {
        (false, true) => WatchEvent::Added(object.clone()),
        (true, true) => WatchEvent::Modified(object.clone()),
        (true, false) => WatchEvent::Deleted(at_revision(&object, entry.revision)),
        (false, false) => return Ok(None),
    };
    Ok(Some((object, event)))
}

/// Whether the selector showed the object as it was before the entry.
fn shown_with(selector: &Selector, entry: &Entry, before: &[u8]) -> Result<bool> {
    let traits: Traits =
        serde_json::from_slice(before).map_err(|e| corrupt(format!("the change at revision {}", entry.revision), e))?;
    let owner = |uid: String| OwnerReference { uid, ..OwnerReference::default() };
    let object = Object {
        api_version: entry.gvk.api_version.as_ref().to_owned(),
        kind: entry.gvk.kind.as_ref().to_owned(),
        metadata: ObjectMeta {
            name: entry.narrow.name.as_ref().to_owned(),
            namespace: entry.narrow.namespace.as_ref().to_owned(),
            creation_timestamp: Some(Timestamp::from_millis(entry.narrow.created_ms)),
            labels: traits.labels,
            owner_references: traits.owners.into_iter().map(owner).collect(),
            ..ObjectMeta::default()
        },
        body: codec::empty_object(),
        status: None,
    };
    Ok(selector.matches(&object, &traits.phase))
}
