//! Objects whose calls fail and whose watches are cut or say things twice.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use model::Object;
use store::Result;
use store::memory::MemoryStore;
use store::objects::{
    DeleteOptions, Deleted, Key, ListQuery, Objects, Page, Precondition, Revision, Selector, StatusUpdate, WatchStream,
};

use crate::faults::{Faults, unavailable};

pub(crate) struct LyingObjects {
    pub(crate) inner: Arc<MemoryStore>,
    pub(crate) faults: Arc<Faults>,
}

impl LyingObjects {
    async fn begins(&self, what: &str) -> Result<()> {
        self.faults.call(what).await;
        match self.faults.strikes(|| format!("{what} fails")) {
            true => Err(unavailable(what)),
            false => Ok(()),
        }
    }

    /// A write was done; its answer may be lost.
    fn ends<T>(&self, what: &str, answer: T) -> Result<T> {
        match self.faults.strikes(|| format!("{what} is done and its answer is lost")) {
            true => Err(unavailable(what)),
            false => Ok(answer),
        }
    }
}

#[async_trait]
impl Objects for LyingObjects {
    async fn get(&self, key: &Key) -> Result<Arc<Object>> {
        self.begins("reading an object").await?;
        self.inner.get(key).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page> {
        self.begins("listing objects").await?;
        self.inner.list(query).await
    }

    async fn watch(&self, selector: &Selector, from: Option<Revision>) -> Result<WatchStream> {
        self.begins("watching objects").await?;
        let events = self.inner.watch(selector, from).await?;
        let faults = self.faults.clone();
        let lying = futures::stream::unfold((events, false), move |(mut events, cut)| {
            let faults = faults.clone();
            async move {
                if cut {
                    return None;
                }
                let event = events.next().await?;
                faults.call("a watch event").await;
                if faults.strikes(|| "a watch is cut".to_owned()) {
                    return Some((vec![Err(unavailable("a watch was cut"))], (events, true)));
                }
                let twice = match &event {
                    Ok(event) if faults.strikes(|| "a watch event comes twice".to_owned()) => Some(Ok(event.clone())),
                    _ => None,
                };
                Some((std::iter::once(event).chain(twice).collect(), (events, false)))
            }
        });
        Ok(lying.flat_map(futures::stream::iter).boxed())
    }

    async fn create(&self, object: Object) -> Result<Arc<Object>> {
        self.begins("creating an object").await?;
        let made = self.inner.create(object).await?;
        self.ends("creating an object", made)
    }

    async fn update(&self, object: Object, precondition: Precondition) -> Result<Arc<Object>> {
        self.begins("updating an object").await?;
        let made = self.inner.update(object, precondition).await?;
        self.ends("updating an object", made)
    }

    async fn update_status(&self, key: &Key, status: StatusUpdate) -> Result<Arc<Object>> {
        self.begins("writing a status").await?;
        let made = self.inner.update_status(key, status).await?;
        self.ends("writing a status", made)
    }

    async fn delete(&self, key: &Key, options: DeleteOptions) -> Result<Deleted> {
        self.begins("deleting an object").await?;
        let gone = self.inner.delete(key, options).await?;
        self.ends("deleting an object", gone)
    }

    async fn revision(&self) -> Result<Revision> {
        self.faults.alive().await;
        self.inner.revision().await
    }
}
