//! Journals in maps.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use model::Object;

use super::{MemoryStore, lock};
use crate::journal::{Append, Appended, InstanceId, InstanceInfo, Journal, Record, Replay, admit_append, check_append};
use crate::objects::{Key, Objects, Stamp, StatusUpdate};
use crate::{Result, StoreError, semantics};

#[derive(Default)]
pub(super) struct Tables {
    instances: BTreeMap<InstanceId, Instance>,
}

#[derive(Default)]
struct Instance {
    generation: u64,
    last_seq: u64,
    live: bool,
    wake_ms: Option<i64>,
    snapshot: Option<(u64, u16, Vec<u8>)>,
    records: BTreeMap<u64, Record>,
}

impl Instance {
    fn info(&self, instance: &InstanceId) -> InstanceInfo {
        let covered = self.snapshot.as_ref().map_or(0, |s| s.0);
        InstanceInfo {
            instance: instance.clone(),
            last_seq: self.last_seq,
            tail: self.last_seq - covered,
            live: self.live,
            wake_ms: self.wake_ms,
        }
    }
}

impl Tables {
    fn check(&self, append: &Append) -> Result<()> {
        let known = self.instances.get(&append.instance);
        check_append(append, known.map_or((0, 0), |i| (i.generation, i.last_seq)))
    }

    fn append(&mut self, append: Append) -> Result<u64> {
        self.check(&append)?;
        let instance = self.instances.entry(append.instance).or_default();
        instance.generation = append.generation;
        instance.live = append.live;
        instance.wake_ms = append.wake_ms;
        if !append.payload.is_empty() {
            instance.last_seq += 1;
            let record = Record { seq: instance.last_seq, format: append.format, payload: append.payload };
            instance.records.insert(record.seq, record);
        }
        if let Some(bytes) = append.snapshot {
            instance.snapshot = Some((instance.last_seq, append.format, bytes));
            instance.records.clear();
        }
        Ok(instance.last_seq)
    }
}

#[async_trait]
impl Journal for MemoryStore {
    async fn append(&self, append: Append) -> Result<u64> {
        admit_append(&append, &self.limits)?;
        lock(&self.journal).append(append)
    }

    async fn append_with_status(&self, append: Append, key: &Key, status: StatusUpdate) -> Result<Appended> {
        let seq = self.append(append).await?;
        Ok((seq, Some(self.update_status(key, status).await.map(|_| ()))))
    }

    fn stamp(&self) -> Option<&dyn Stamp> {
        Some(&*self.stamp)
    }

    async fn append_with_create(&self, append: Append, object: Object) -> Result<(u64, Arc<Object>)> {
        admit_append(&append, &self.limits)?;
        let object = semantics::admit_create(object, &self.limits)?;
        let mut journal = lock(&self.journal);
        journal.check(&append)?;
        let object = self.create_stamped(object)?;
        Ok((journal.append(append)?, object))
    }

    async fn read(&self, instance: &InstanceId) -> Result<Replay> {
        let tables = lock(&self.journal);
        Ok(tables.instances.get(instance).map_or_else(Replay::default, |i| Replay {
            snapshot: i.snapshot.clone(),
            records: i.records.values().cloned().collect(),
        }))
    }

    async fn read_from(&self, instance: &InstanceId, from_seq: u64, limit: u32) -> Result<Vec<Record>> {
        let tables = lock(&self.journal);
        let Some(found) = tables.instances.get(instance) else { return Ok(Vec::new()) };
        let covered = found.snapshot.as_ref().map_or(0, |s| s.0);
        if from_seq.max(1) <= covered {
            return Err(StoreError::Expired { asked: from_seq, oldest: covered + 1 });
        }
        Ok(found.records.range(from_seq..).take(self.limits.page(Some(limit))).map(|(_, r)| r.clone()).collect())
    }

    async fn live(&self, engine: &'static str) -> Result<BoxStream<'static, Result<InstanceInfo>>> {
        let tables = lock(&self.journal);
        let live = tables.instances.iter().filter(|(id, i)| id.engine == engine && i.live);
        let infos: Vec<_> = live.map(|(id, i)| Ok(i.info(id))).collect();
        Ok(futures::stream::iter(infos).boxed())
    }

    async fn info(&self, instance: &InstanceId) -> Result<Option<InstanceInfo>> {
        Ok(lock(&self.journal).instances.get(instance).map(|i| i.info(instance)))
    }

    async fn delete(&self, instance: &InstanceId) -> Result<()> {
        lock(&self.journal).instances.remove(instance);
        Ok(())
    }
}
