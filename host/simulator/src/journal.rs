//! A journal whose appends fail, are slow, or are the last thing that a server did.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use store::Result;
use store::journal::{Append, InstanceId, InstanceInfo, Journal, Record, Replay};
use store::memory::MemoryStore;

use crate::faults::{Crash, Faults, unavailable};

pub(crate) struct LyingJournal {
    pub(crate) inner: Arc<MemoryStore>,
    pub(crate) faults: Arc<Faults>,
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

#[async_trait]
impl Journal for LyingJournal {
    async fn append(&self, append: Append) -> Result<u64> {
        let what = format!("append to {}", append.instance);
        self.faults.call(&what).await;
        let nth = self.faults.next_append();
        if self.faults.dies(Crash::Before(nth)) {
            self.faults.alive().await;
        }
        if self.faults.strikes(|| format!("{what} fails")) {
            return Err(unavailable("append"));
        }
        let appended = self.inner.append(append).await?;
        if self.faults.dies(Crash::After(nth)) {
            self.faults.alive().await;
        }
        if self.faults.strikes(|| format!("{what} is durable and its answer is lost")) {
            return Err(unavailable("the answer of an append"));
        }
        Ok(appended)
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
