//! Events in maps.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use async_trait::async_trait;

use super::{MemoryStore, lock};
use crate::events::{Events, NewEvent, Retention, StoredEvent, admit_name, admit_publish, check_ack};
use crate::{Result, StoreError};

#[derive(Default)]
pub(super) struct Tables {
    topics: BTreeMap<String, Topic>,
}

#[derive(Default)]
struct Topic {
    last: u64,
    /// Everything up to here was dropped.
    dropped: u64,
    bytes: u64,
    bytes_max: Option<u64>,
    events: BTreeMap<u64, StoredEvent>,
    offsets: HashMap<String, u64>,
    consumers: BTreeMap<String, u64>,
}

impl Topic {
    /// Up to where every consumer has read.
    fn acknowledged(&self) -> u64 {
        self.consumers.values().min().copied().unwrap_or(u64::MAX)
    }

    fn drop_while(&mut self, mut beyond: impl FnMut(&StoredEvent, u64) -> bool) -> u64 {
        let (acknowledged, mut dropped) = (self.acknowledged(), 0);
        while let Some(first) = self.events.first_entry() {
            if *first.key() > acknowledged || !beyond(first.get(), self.bytes) {
                break;
            }
            let event = first.remove();
            self.bytes -= size(&event);
            self.dropped = event.offset;
            self.offsets.remove(&event.id);
            dropped += 1;
        }
        dropped
    }
}

fn size(event: &StoredEvent) -> u64 {
    (event.id.len() + event.payload.len()) as u64
}

#[async_trait]
impl Events for MemoryStore {
    async fn publish(&self, topic: &str, events: Vec<NewEvent>) -> Result<Vec<u64>> {
        admit_publish(topic, &events, &self.limits)?;
        let stored_ms = self.stamp.now_ms();
        let mut tables = lock(&self.events);
        let found = tables.topics.entry(topic.to_owned()).or_default();
        let fresh: HashMap<&str, u64> = events
            .iter()
            .filter(|e| !found.offsets.contains_key(&e.id))
            .map(|e| (e.id.as_str(), (e.id.len() + e.payload.len()) as u64))
            .collect();
        let (add, bytes_max) = (fresh.values().sum::<u64>(), found.bytes_max.unwrap_or(self.limits.topic_bytes_max));
        let freeable: u64 = found.events.range(..=found.acknowledged()).map(|(_, e)| size(e)).sum();
        crate::Limits::check(|| format!("topic {topic}"), "bytes_max", bytes_max, found.bytes - freeable + add)?;
        // Offsets of repeated ids are looked up first: making room may drop them.
        let mut known: HashMap<String, u64> =
            events.iter().filter_map(|e| Some((e.id.clone(), *found.offsets.get(&e.id)?))).collect();
        found.drop_while(|_, bytes| bytes + add > bytes_max);
        let mut offsets = Vec::with_capacity(events.len());
        for NewEvent { id, payload } in events {
            if let Some(offset) = known.get(&id) {
                offsets.push(*offset);
                continue;
            }
            found.last += 1;
            let event = StoredEvent { offset: found.last, id: id.clone(), stored_ms, payload };
            found.bytes += size(&event);
            found.offsets.insert(id.clone(), found.last);
            known.insert(id, found.last);
            found.events.insert(found.last, event);
            offsets.push(found.last);
        }
        drop(tables);
        self.published.notify_waiters();
        Ok(offsets)
    }

    async fn read(&self, topic: &str, after: u64, limit: u32, wait_ms: u64) -> Result<Vec<StoredEvent>> {
        let deadline = (wait_ms > 0).then(|| tokio::time::Instant::now() + Duration::from_millis(wait_ms));
        loop {
            let published = self.published.notified();
            tokio::pin!(published);
            published.as_mut().enable();
            {
                let tables = lock(&self.events);
                if let Some(found) = tables.topics.get(topic) {
                    if after > 0 && after < found.dropped {
                        return Err(StoreError::Expired { asked: after, oldest: found.dropped });
                    }
                    let limit = self.limits.page(Some(limit));
                    let events: Vec<_> =
                        found.events.range(after.saturating_add(1)..).take(limit).map(|(_, e)| e.clone()).collect();
                    if !events.is_empty() {
                        return Ok(events);
                    }
                }
            }
            let Some(deadline) = deadline else { return Ok(Vec::new()) };
            if tokio::time::timeout_at(deadline, published).await.is_err() {
                return Ok(Vec::new());
            }
        }
    }

    async fn cursor(&self, topic: &str, consumer: &str, start: u64) -> Result<u64> {
        admit_name(topic, &self.limits)?;
        admit_name(consumer, &self.limits)?;
        let mut tables = lock(&self.events);
        let found = tables.topics.entry(topic.to_owned()).or_default();
        Ok(*found.consumers.entry(consumer.to_owned()).or_insert(start))
    }

    async fn ack(&self, topic: &str, consumer: &str, offset: u64, rewind: bool) -> Result<()> {
        let mut tables = lock(&self.events);
        let found = tables.topics.get_mut(topic);
        let last = found.as_ref().map_or(0, |t| t.last);
        let cursor = found.and_then(|t| t.consumers.get_mut(consumer));
        check_ack(topic, consumer, offset, rewind, cursor.as_deref().copied(), last)?;
        if let Some(cursor) = cursor {
            *cursor = offset;
        }
        Ok(())
    }

    async fn forget(&self, topic: &str, consumer: &str) -> Result<()> {
        if let Some(found) = lock(&self.events).topics.get_mut(topic) {
            found.consumers.remove(consumer);
        }
        Ok(())
    }

    async fn trim(&self, topic: &str, retention: Retention) -> Result<u64> {
        admit_name(topic, &self.limits)?;
        let oldest = self.stamp.now_ms().saturating_sub(retention.age_ms);
        let mut tables = lock(&self.events);
        let found = tables.topics.entry(topic.to_owned()).or_default();
        found.bytes_max = Some(retention.bytes_max);
        Ok(found.drop_while(|event, bytes| event.stored_ms < oldest || bytes > retention.bytes_max))
    }
}
