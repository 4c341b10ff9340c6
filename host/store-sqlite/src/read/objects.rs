//! One object.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};
use store::Result;
use store::objects::Key;

use crate::error::from_sql;
use crate::row::{Kind, NARROW, Narrow, Row};
use crate::seal::Seal;

/// Reads an object with its body.
pub(crate) fn get(conn: &Connection, seal: &Seal, kind: &Arc<Kind>, key: &Key) -> Result<Option<Row>> {
    let sql = format!(
        "SELECT {NARROW}, c.metadata, c.status, b.body FROM objects o INDEXED BY objects_name
         JOIN contents c ON c.id = o.id LEFT JOIN bodies b ON b.id = o.id
         WHERE o.kind = ?1 AND o.namespace = ?2 AND o.name = ?3 AND o.deleted = 0"
    );
    let mut statement = conn.prepare_cached(&sql).map_err(from_sql)?;
    let found = statement.query_row((kind.id, &*key.namespace, &*key.name), |row| {
        let narrow = Narrow::read(row)?;
        Ok(narrow.into_row(kind.clone(), seal, row.get_ref(9)?, row.get_ref(10)?, row.get_ref(11)?))
    });
    found.optional().map_err(from_sql)?.transpose()
}

/// Reads the wide part of an object; without its body when that is not wanted.
pub(super) fn wide(conn: &Connection, seal: &Seal, kind: Arc<Kind>, narrow: Narrow, body: bool) -> Result<Row> {
    let sql = match body {
        true => "SELECT c.metadata, c.status, b.body FROM contents c LEFT JOIN bodies b ON b.id = c.id WHERE c.id = ?1",
        false => "SELECT c.metadata, c.status, NULL FROM contents c WHERE c.id = ?1",
    };
    let mut statement = conn.prepare_cached(sql).map_err(from_sql)?;
    let row = statement.query_row([narrow.id], |row| {
        Ok(narrow.into_row(kind, seal, row.get_ref(0)?, row.get_ref(1)?, row.get_ref(2)?))
    });
    row.map_err(from_sql)?
}
