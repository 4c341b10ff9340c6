//! Appends in the running transaction.

use hashlink::LruCache;
use rusqlite::OptionalExtension;
use store::journal::{Append, InstanceId, check_append};

use super::Answer;
use super::statements::Statements;
use crate::error::Fail;

/// Records that one commit removes at most for a deleted instance.
const PURGE_PIECE: u64 = 2_000;

/// Where an instance stands.
#[derive(Debug, Clone, Copy)]
struct Instance {
    id: i64,
    generation: u64,
    last_seq: u64,
    live: bool,
    wake_ms: Option<i64>,
    snapshot_seq: u64,
}

/// What the writer knows of the journals.
pub(super) struct Journals {
    next_id: i64,
    known: LruCache<InstanceId, Instance>,
    purging: bool,
}

impl Journals {
    pub(super) fn load(sql: &Statements<'_>, cached_max: usize) -> Result<Self, Fail> {
        let number =
            |query: &str| sql.conn.query_row(query, [], |r| r.get::<_, Option<i64>>(0)).map(|n| n.unwrap_or(0));
        // Purged instances still have records under their numbers.
        let ids = number("SELECT max(id) FROM instances")?.max(number("SELECT max(instance) FROM purges")?);
        Ok(Self {
            next_id: ids + 1,
            known: LruCache::new(cached_max.max(1)),
            purging: number("SELECT count(*) FROM purges")? > 0,
        })
    }

    pub(super) fn has_work(&self) -> bool {
        self.purging
    }

    /// Refuses an append that does not follow what is there.
    pub(super) fn check(&mut self, sql: &mut Statements<'_>, append: &Append) -> Result<(), Fail> {
        self.checked(sql, append).map(|_| ())
    }

    fn checked(&mut self, sql: &mut Statements<'_>, append: &Append) -> Result<Option<Instance>, Fail> {
        let known = self.find(sql, &append.instance)?;
        check_append(append, known.map_or((0, 0), |i| (i.generation, i.last_seq)))?;
        Ok(known)
    }

    pub(super) fn append(&mut self, sql: &mut Statements<'_>, append: &Append) -> Result<u64, Fail> {
        let known = self.checked(sql, append)?;
        let mut now = known.unwrap_or(Instance {
            id: self.next_id,
            generation: append.generation,
            last_seq: 0,
            live: append.live,
            wake_ms: append.wake_ms,
            snapshot_seq: 0,
        });
        if known.is_none() {
            let name = &*append.instance.id;
            let generation = append.generation.cast_signed();
            sql.insert_instance.execute((
                now.id,
                append.instance.engine,
                name,
                generation,
                append.live,
                append.wake_ms,
            ))?;
            self.next_id += 1;
        }
        let before = now;
        now.generation = append.generation;
        now.live = append.live;
        now.wake_ms = append.wake_ms;
        if !append.payload.is_empty() {
            now.last_seq += 1;
            sql.insert_record.execute((
                now.id,
                now.last_seq.cast_signed(),
                append.format,
                append.payload.as_slice(),
            ))?;
        }
        if let Some(state) = &append.snapshot {
            now.snapshot_seq = now.last_seq;
            sql.insert_snapshot.execute((now.id, append.format, state.as_slice()))?;
            sql.delete_records.execute((now.id, now.last_seq.cast_signed()))?;
        }
        let row = (now.id, now.generation.cast_signed(), now.wake_ms, now.snapshot_seq.cast_signed());
        // The last sequence number is that of the last record: most appends leave this row alone.
        if now.live != before.live {
            sql.update_instance_live.execute((row.0, row.1, row.2, row.3, now.live))?;
        } else if (now.generation, now.wake_ms) != (before.generation, before.wake_ms) || append.snapshot.is_some() {
            sql.update_instance.execute(row)?;
        }
        self.known.insert(append.instance.clone(), now);
        Ok(now.last_seq)
    }

    pub(super) fn forget(&mut self, sql: &mut Statements<'_>, instance: &InstanceId) -> Result<Answer, Fail> {
        let Some(found) = self.find(sql, instance)? else { return Ok(Answer::Done) };
        self.known.remove(instance);
        sql.delete_instance.execute([found.id])?;
        sql.delete_snapshot.execute([found.id])?;
        if found.last_seq - found.snapshot_seq <= PURGE_PIECE {
            sql.delete_records.execute((found.id, i64::MAX))?;
        } else {
            sql.insert_purge.execute([found.id])?;
            self.purging = true;
        }
        Ok(Answer::Done)
    }

    /// Removes a piece of what deleted instances left.
    pub(super) fn tidy(&mut self, sql: &mut Statements<'_>) -> Result<(), Fail> {
        if !self.purging {
            return Ok(());
        }
        let Some(instance) = sql.first_purge.query_row([], |r| r.get::<_, i64>(0)).optional()? else {
            self.purging = false;
            return Ok(());
        };
        if sql.purge_piece.execute((instance, PURGE_PIECE.cast_signed()))? == 0 {
            sql.delete_purge.execute([instance])?;
        }
        Ok(())
    }

    fn find(&mut self, sql: &mut Statements<'_>, instance: &InstanceId) -> Result<Option<Instance>, Fail> {
        if let Some(known) = self.known.get(instance) {
            return Ok(Some(*known));
        }
        let found = sql.find_instance.query_row((instance.engine, &*instance.id), |r| {
            Ok(Instance {
                id: r.get(0)?,
                generation: r.get::<_, i64>(1)?.cast_unsigned(),
                live: r.get(2)?,
                wake_ms: r.get(3)?,
                snapshot_seq: r.get::<_, i64>(4)?.cast_unsigned(),
                last_seq: r.get::<_, i64>(5)?.cast_unsigned(),
            })
        });
        Ok(found.optional()?)
    }
}
