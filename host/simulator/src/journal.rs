//! A journal whose appends fail, are slow, or are the last thing that a server did.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::stream::BoxStream;
use model::Object;
use store::journal::{Append, Appended, InstanceId, InstanceInfo, Journal, Record, Replay};
use store::memory::MemoryStore;
use store::objects::{Key, Stamp, StatusUpdate};
use store::{Result, StoreError};

use crate::faults::{Crash, Faults, unavailable};

pub(crate) struct LyingJournal {
    pub(crate) inner: Arc<MemoryStore>,
    pub(crate) faults: Arc<Faults>,
    /// Whether a status cannot be written with an append.
    pub(crate) apart: bool,
    pub(crate) owners: Arc<Owners>,
}

/// Which generation of servers has appended to which instance last.
#[derive(Default)]
pub(crate) struct Owners {
    generations: Mutex<BTreeMap<String, u64>>,
    seen: Mutex<(Vec<String>, u64)>,
}

impl Owners {
    fn appended(&self, instance: String, generation: u64) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let before = generations.insert(instance.clone(), generation).unwrap_or(0);
        if before > generation {
            let what = format!("{instance}: generation {generation} commits after {before}");
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).0.push(what);
        }
    }

    fn fenced(&self) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).1 += 1;
    }

    /// Commits that should have been refused, and how many were.
    pub(crate) fn seen(&self) -> (Vec<String>, u64) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl LyingJournal {
    async fn reads(&self, what: &str) -> Result<()> {
        self.faults.call(what).await;
        match self.faults.strikes(|| format!("{what} fails")) {
            true => Err(unavailable(what)),
            false => Ok(()),
        }
    }
}

impl LyingJournal {
    /// An append, with or without a status, around which something goes wrong.
    async fn appends<T>(
        &self,
        (instance, generation): (InstanceId, u64),
        append: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let what = format!("append to {instance}");
        self.faults.call(&what).await;
        let nth = self.faults.next_append();
        if self.faults.dies(Crash::Before(nth)) {
            self.faults.alive().await;
        }
        if self.faults.strikes(|| format!("{what} fails")) {
            return Err(unavailable("append"));
        }
        let appended = append.await;
        match &appended {
            Ok(_) => self.owners.appended(instance.to_string(), generation),
            Err(StoreError::Fenced { .. }) => self.owners.fenced(),
            Err(_) => {}
        }
        let appended = appended?;
        if self.faults.dies(Crash::After(nth)) {
            self.faults.alive().await;
        }
        if self.faults.strikes(|| format!("{what} is durable and its answer is lost")) {
            return Err(unavailable("the answer of an append"));
        }
        Ok(appended)
    }
}

#[async_trait]
impl Journal for LyingJournal {
    async fn append(&self, append: Append) -> Result<u64> {
        let by = (append.instance.clone(), append.generation);
        self.appends(by, self.inner.append(append)).await
    }

    async fn append_with_status(&self, append: Append, key: &Key, status: StatusUpdate) -> Result<Appended> {
        let by = (append.instance.clone(), append.generation);
        if self.apart {
            return Ok((self.appends(by, self.inner.append(append)).await?, None));
        }
        self.appends(by, self.inner.append_with_status(append, key, status)).await
    }

    fn stamp(&self) -> Option<&dyn Stamp> {
        if self.apart { None } else { self.inner.stamp() }
    }

    async fn append_with_create(&self, append: Append, object: Object) -> Result<(u64, Arc<Object>)> {
        let by = (append.instance.clone(), append.generation);
        self.appends(by, self.inner.append_with_create(append, object)).await
    }

    async fn read(&self, instance: &InstanceId) -> Result<Replay> {
        self.reads("reading a journal").await?;
        self.inner.read(instance).await
    }

    async fn read_from(&self, instance: &InstanceId, from_seq: u64, limit: u32) -> Result<Vec<Record>> {
        self.reads("following a journal").await?;
        self.inner.read_from(instance, from_seq, limit).await
    }

    async fn live(&self, engine: &'static str) -> Result<BoxStream<'static, Result<InstanceInfo>>> {
        self.faults.alive().await;
        self.inner.live(engine).await
    }

    async fn info(&self, instance: &InstanceId) -> Result<Option<InstanceInfo>> {
        self.reads("asking the journal").await?;
        self.inner.info(instance).await
    }

    async fn delete(&self, instance: &InstanceId) -> Result<()> {
        self.reads("forgetting a journal").await?;
        self.inner.delete(instance).await
    }
}
