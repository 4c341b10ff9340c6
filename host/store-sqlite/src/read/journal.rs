//! Journals.

use rusqlite::{Connection, OptionalExtension};
use store::journal::{InstanceId, InstanceInfo, Record, Replay};
use store::{Result, StoreError};

use crate::error::from_sql;

/// Instances of one page of the live ones.
const LIVE_PAGE: i64 = 500;

pub(crate) fn replay(conn: &Connection, instance: &InstanceId) -> Result<Replay> {
    let Some((id, snapshot_seq)) = find(conn, instance)? else { return Ok(Replay::default()) };
    let mut statement =
        conn.prepare_cached("SELECT format, state FROM snapshots WHERE instance = ?1").map_err(from_sql)?;
    let snapshot =
        statement.query_row([id], |r| Ok((snapshot_seq, r.get(0)?, r.get(1)?))).optional().map_err(from_sql)?;
    let records = records(conn, id, 0, i64::MAX)?;
    Ok(Replay { snapshot, records })
}

pub(crate) fn read_from(conn: &Connection, instance: &InstanceId, from_seq: u64, limit: usize) -> Result<Vec<Record>> {
    let Some((id, snapshot_seq)) = find(conn, instance)? else { return Ok(Vec::new()) };
    if from_seq.max(1) <= snapshot_seq {
        return Err(StoreError::Expired { asked: from_seq, oldest: snapshot_seq + 1 });
    }
    records(conn, id, from_seq, i64::try_from(limit).unwrap_or(i64::MAX))
}

fn find(conn: &Connection, instance: &InstanceId) -> Result<Option<(i64, u64)>> {
    let sql = "SELECT id, snapshot_seq FROM instances WHERE engine = ?1 AND name = ?2";
    let mut statement = conn.prepare_cached(sql).map_err(from_sql)?;
    let found =
        statement.query_row((instance.engine, &*instance.id), |r| Ok((r.get(0)?, r.get::<_, i64>(1)?.cast_unsigned())));
    found.optional().map_err(from_sql)
}

fn records(conn: &Connection, instance: i64, from_seq: u64, limit: i64) -> Result<Vec<Record>> {
    let sql = "SELECT seq, format, payload FROM records WHERE instance = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3";
    let mut statement = conn.prepare_cached(sql).map_err(from_sql)?;
    let from_seq = i64::try_from(from_seq).unwrap_or(i64::MAX);
    let rows = statement.query_map((instance, from_seq, limit), |r| {
        Ok(Record { seq: r.get::<_, i64>(0)?.cast_unsigned(), format: r.get(1)?, payload: r.get(2)? })
    });
    rows.and_then(Iterator::collect).map_err(from_sql)
}

const INFO: &str = "SELECT i.name, i.live, i.wake_ms, i.snapshot_seq,
    coalesce((SELECT max(r.seq) FROM records r WHERE r.instance = i.id), i.snapshot_seq) FROM instances i";

fn read_info(engine: &'static str, row: &rusqlite::Row<'_>) -> rusqlite::Result<InstanceInfo> {
    let (covered, last_seq) = (row.get::<_, i64>(3)?.cast_unsigned(), row.get::<_, i64>(4)?.cast_unsigned());
    Ok(InstanceInfo {
        instance: InstanceId { engine, id: row.get::<_, String>(0)?.into() },
        last_seq,
        tail: last_seq.saturating_sub(covered),
        live: row.get(1)?,
        wake_ms: row.get(2)?,
    })
}

pub(crate) fn info(conn: &Connection, instance: &InstanceId) -> Result<Option<InstanceInfo>> {
    let sql = format!("{INFO} WHERE i.engine = ?1 AND i.name = ?2");
    let mut statement = conn.prepare_cached(&sql).map_err(from_sql)?;
    let found = statement.query_row((instance.engine, &*instance.id), |r| read_info(instance.engine, r));
    found.optional().map_err(from_sql)
}

/// The next live instances by name; an empty page is the end.
pub(crate) fn live_page(conn: &Connection, engine: &'static str, after: Option<&str>) -> Result<Vec<InstanceInfo>> {
    let sql = format!(
        "{INFO} INDEXED BY instances_live WHERE i.engine = ?1 AND i.live = 1 AND (?2 IS NULL OR i.name > ?2)
         ORDER BY i.name LIMIT ?3"
    );
    let mut statement = conn.prepare_cached(&sql).map_err(from_sql)?;
    let rows = statement.query_map((engine, after, LIVE_PAGE), |r| read_info(engine, r));
    rows.and_then(Iterator::collect).map_err(from_sql)
}
