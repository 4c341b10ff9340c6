//! Events in the running transaction.

use std::collections::{HashMap, HashSet};

use rusqlite::OptionalExtension;
use store::Limits;
use store::events::{NewEvent, Retention, check_ack};

use super::statements::Statements;
use super::{Answer, Request};
use crate::Shared;
use crate::error::Fail;

/// Where a topic stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Topic {
    id: i64,
    last: u64,
    dropped: u64,
    bytes: u64,
    bytes_max: Option<u64>,
}

/// Does one request about events; `published` is set when readers have something to read.
pub(super) fn apply(
    sql: &mut Statements<'_>,
    shared: &Shared,
    request: &Request,
    published: &mut bool,
) -> Option<Result<Answer, Fail>> {
    Some(match request {
        Request::Publish { topic, events } => {
            *published |= !events.is_empty();
            publish(sql, shared, topic, events)
        }
        Request::Cursor { topic, consumer, start } => cursor(sql, topic, consumer, *start),
        Request::Ack { topic, consumer, offset, rewind } => ack(sql, topic, consumer, *offset, *rewind),
        Request::ForgetConsumer { topic, consumer } => forget(sql, topic, consumer),
        Request::Trim { topic, retention } => trim(sql, shared, topic, *retention),
        _ => return None,
    })
}

fn publish(sql: &mut Statements<'_>, shared: &Shared, name: &str, events: &[NewEvent]) -> Result<Answer, Fail> {
    let mut topic = topic_or_new(sql, name)?;
    let before = topic;
    let mut offsets = Vec::with_capacity(events.len());
    let (mut fresh, mut add) = (HashMap::<&str, u64>::new(), 0);
    let mut next = topic.last;
    for event in events {
        let known = match fresh.get(event.id.as_str()) {
            Some(offset) => Some(*offset),
            None => find(sql, topic.id, &event.id)?,
        };
        offsets.push(known.unwrap_or_else(|| {
            next += 1;
            add += (event.id.len() + event.payload.len()) as u64;
            fresh.insert(&event.id, next);
            next
        }));
    }
    let bytes_max = topic.bytes_max.unwrap_or(shared.options.limits.topic_bytes_max);
    if topic.bytes + add > bytes_max {
        let (upto, freed) = droppable(sql, &topic, |_, bytes| bytes + add > bytes_max)?;
        let what = || format!("topic {name}");
        Limits::check(what, "bytes_max", bytes_max, topic.bytes.saturating_sub(freed) + add)?;
        drop_upto(sql, &mut topic, upto, freed)?;
    }
    let stored_ms = shared.options.stamp.now_ms();
    let mut done = HashSet::with_capacity(fresh.len());
    for (event, offset) in events.iter().zip(&offsets) {
        if fresh.get(event.id.as_str()) == Some(offset) && done.insert(*offset) {
            let row = (topic.id, offset.cast_signed(), &event.id, stored_ms, event.payload.as_slice());
            sql.insert_event.execute(row)?;
        }
    }
    topic.last = next;
    topic.bytes += add;
    save(sql, before, topic)?;
    Ok(Answer::Numbers(offsets))
}

fn cursor(sql: &mut Statements<'_>, name: &str, consumer: &str, start: u64) -> Result<Answer, Fail> {
    let topic = topic_or_new(sql, name)?;
    if let Some(offset) = position(sql, topic.id, consumer)? {
        return Ok(Answer::Number(offset));
    }
    sql.put_consumer.execute((topic.id, consumer, start.cast_signed()))?;
    Ok(Answer::Number(start))
}

fn ack(sql: &mut Statements<'_>, name: &str, consumer: &str, offset: u64, rewind: bool) -> Result<Answer, Fail> {
    let topic = find_topic(sql, name)?;
    let cursor = match &topic {
        Some(topic) => position(sql, topic.id, consumer)?,
        None => None,
    };
    check_ack(name, consumer, offset, rewind, cursor, topic.map_or(0, |t| t.last))?;
    if let Some(topic) = topic.filter(|_| cursor != Some(offset)) {
        sql.put_consumer.execute((topic.id, consumer, offset.cast_signed()))?;
    }
    Ok(Answer::Done)
}

fn forget(sql: &mut Statements<'_>, name: &str, consumer: &str) -> Result<Answer, Fail> {
    if let Some(topic) = find_topic(sql, name)? {
        sql.delete_consumer.execute((topic.id, consumer))?;
    }
    Ok(Answer::Done)
}

fn trim(sql: &mut Statements<'_>, shared: &Shared, name: &str, retention: Retention) -> Result<Answer, Fail> {
    let mut topic = topic_or_new(sql, name)?;
    let before = topic;
    topic.bytes_max = Some(retention.bytes_max);
    let oldest = shared.options.stamp.now_ms().saturating_sub(retention.age_ms);
    let beyond = |stored_ms: i64, bytes: u64| stored_ms < oldest || bytes > retention.bytes_max;
    let (upto, freed) = droppable(sql, &topic, beyond)?;
    let dropped = drop_upto(sql, &mut topic, upto, freed)?;
    save(sql, before, topic)?;
    Ok(Answer::Number(dropped))
}

/// Up to which offset events may go while `beyond(stored_ms, bytes left)` holds, and how many bytes that frees.
fn droppable(
    sql: &mut Statements<'_>,
    topic: &Topic,
    mut beyond: impl FnMut(i64, u64) -> bool,
) -> Result<(u64, u64), Fail> {
    let acknowledged: Option<i64> = sql.acknowledged.query_row([topic.id], |r| r.get(0))?;
    let mut rows = sql.oldest_events.query((topic.id, acknowledged.unwrap_or(i64::MAX)))?;
    let (mut upto, mut freed) = (topic.dropped, 0);
    while let Some(row) = rows.next()? {
        if !beyond(row.get(1)?, topic.bytes.saturating_sub(freed)) {
            break;
        }
        upto = row.get::<_, i64>(0)?.cast_unsigned();
        freed += row.get::<_, i64>(2)?.cast_unsigned();
    }
    Ok((upto, freed))
}

fn drop_upto(sql: &mut Statements<'_>, topic: &mut Topic, upto: u64, freed: u64) -> Result<u64, Fail> {
    if upto <= topic.dropped {
        return Ok(0);
    }
    topic.dropped = upto;
    topic.bytes = topic.bytes.saturating_sub(freed);
    Ok(sql.delete_events.execute((topic.id, upto.cast_signed()))? as u64)
}

fn find(sql: &mut Statements<'_>, topic: i64, event: &str) -> Result<Option<u64>, Fail> {
    let found = sql.find_event.query_row((topic, event), |r| r.get::<_, i64>(0)).optional()?;
    Ok(found.map(i64::cast_unsigned))
}

fn position(sql: &mut Statements<'_>, topic: i64, consumer: &str) -> Result<Option<u64>, Fail> {
    let found = sql.find_consumer.query_row((topic, consumer), |r| r.get::<_, i64>(0)).optional()?;
    Ok(found.map(i64::cast_unsigned))
}

fn find_topic(sql: &mut Statements<'_>, name: &str) -> Result<Option<Topic>, Fail> {
    let found = sql.find_topic.query_row([name], |r| {
        Ok(Topic {
            id: r.get(0)?,
            last: r.get::<_, i64>(1)?.cast_unsigned(),
            dropped: r.get::<_, i64>(2)?.cast_unsigned(),
            bytes: r.get::<_, i64>(3)?.cast_unsigned(),
            bytes_max: r.get::<_, Option<i64>>(4)?.map(i64::cast_unsigned),
        })
    });
    Ok(found.optional()?)
}

fn topic_or_new(sql: &mut Statements<'_>, name: &str) -> Result<Topic, Fail> {
    if let Some(topic) = find_topic(sql, name)? {
        return Ok(topic);
    }
    let id = sql.insert_topic.insert([name])?;
    Ok(Topic { id, last: 0, dropped: 0, bytes: 0, bytes_max: None })
}

fn save(sql: &mut Statements<'_>, before: Topic, topic: Topic) -> Result<(), Fail> {
    if before != topic {
        let bytes_max = topic.bytes_max.map(|b| i64::try_from(b).unwrap_or(i64::MAX));
        let row =
            (topic.id, topic.last.cast_signed(), topic.dropped.cast_signed(), topic.bytes.cast_signed(), bytes_max);
        sql.update_topic.execute(row)?;
    }
    Ok(())
}
