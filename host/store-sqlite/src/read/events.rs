//! Events.

use rusqlite::{Connection, OptionalExtension};
use store::events::StoredEvent;
use store::{Result, StoreError};

use crate::error::from_sql;

/// What a reader finds behind its offset.
pub(crate) type Tail = Vec<StoredEvent>;

pub(crate) fn events_after(conn: &Connection, topic: &str, after: u64, limit: usize) -> Result<Tail> {
    let mut statement = conn.prepare_cached("SELECT id, dropped FROM topics WHERE name = ?1").map_err(from_sql)?;
    let found = statement.query_row([topic], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)?))).optional();
    let Some((id, dropped)) = found.map_err(from_sql)? else { return Ok(Vec::new()) };
    let dropped = dropped.cast_unsigned();
    if after > 0 && after < dropped {
        return Err(StoreError::Expired { asked: after, oldest: dropped });
    }
    let sql = "SELECT offset, event, stored_ms, payload FROM events WHERE topic = ?1 AND offset > ?2 ORDER BY offset LIMIT ?3";
    let mut statement = conn.prepare_cached(sql).map_err(from_sql)?;
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let rows = statement.query_map((id, after, i64::try_from(limit).unwrap_or(i64::MAX)), |r| {
        Ok(StoredEvent {
            offset: r.get::<_, i64>(0)?.cast_unsigned(),
            id: r.get(1)?,
            stored_ms: r.get(2)?,
            payload: r.get(3)?,
        })
    });
    rows.and_then(Iterator::collect).map_err(from_sql)
}
