//! The three ports on the store.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use model::Object;
use store::events::{Events, NewEvent, Retention, StoredEvent, admit_name, admit_publish};
use store::journal::{Append, Appended, InstanceId, InstanceInfo, Journal, Record, Replay, admit_append};
use store::objects::{
    DeleteOptions, Deleted, Key, ListQuery, Objects, Page, Precondition, Revision, Selector, Stamp, StatusUpdate,
    WatchStream,
};
use store::token::Token;
use store::{Result, StoreError, codec, semantics};

use crate::SqliteStore;
use crate::read;
use crate::write::{Request, newest};

#[async_trait]
impl Objects for SqliteStore {
    async fn get(&self, key: &Key) -> Result<Arc<Object>> {
        let shared = &self.shared;
        if let Some(row) = shared.cache.get(key) {
            return Ok(row.seen.object.clone());
        }
        let not_found = || StoreError::NotFound { what: key.to_string() };
        let kind = shared.kinds(|k| k.find(&key.gvk).cloned()).ok_or_else(not_found)?;
        let (inside, wanted) = (shared.clone(), key.clone());
        let found = shared.pool.read(move |tx| Ok((read::get(tx, &inside.seal, &kind, &wanted)?, newest(tx)?))).await?;
        let (Some(row), snapshot) = found else { return Err(not_found()) };
        let object = row.seen.object.clone();
        shared.cache.fill(row, snapshot);
        Ok(object)
    }

    async fn list(&self, query: &ListQuery) -> Result<Page> {
        query.selector.check(&self.shared.options.limits)?;
        let token = Token::of(query)?;
        let (shared, asked) = (self.shared.clone(), query.clone());
        self.shared
            .pool
            .read(move |tx| {
                let revision = match &token {
                    Some(token) => token.revision,
                    None => newest(tx)?,
                };
                let kinds = shared.kinds_for(&asked.selector);
                let after = token.as_ref().map(|t| &t.position);
                let listed = read::list(tx, &shared.seal, &kinds, &asked, after, &shared.options.limits)?;
                let next = listed.next.map(|position| Token::new(&asked, revision, position).encode()).transpose()?;
                Ok(Page {
                    items: listed.rows.iter().map(|row| row.seen.object.clone()).collect(),
                    remaining: next.is_none().then_some(0),
                    continue_token: next,
                    revision,
                })
            })
            .await
    }

    async fn watch(&self, selector: &Selector, from: Option<Revision>) -> Result<WatchStream> {
        selector.check(&self.shared.options.limits)?;
        crate::watch::watch(self.shared.clone(), selector.clone(), from).await
    }

    async fn create(&self, object: Object) -> Result<Arc<Object>> {
        let object = semantics::admit_create(object, &self.shared.options.limits)?;
        self.ask(Request::Create(object)).await?.object()
    }

    async fn update(&self, object: Object, precondition: Precondition) -> Result<Arc<Object>> {
        let object = semantics::admit_update(object, &self.shared.options.limits)?;
        self.ask(Request::Update { object, precondition }).await?.object()
    }

    async fn update_status(&self, key: &Key, status: StatusUpdate) -> Result<Arc<Object>> {
        let status = semantics::admit_status(key, status, &self.shared.options.limits)?;
        let phase = codec::phase_of(Some(&status.status));
        self.ask(Request::UpdateStatus { key: key.clone(), status, phase }).await?.object()
    }

    async fn delete(&self, key: &Key, options: DeleteOptions) -> Result<Deleted> {
        self.ask(Request::Delete { key: key.clone(), options }).await?.deleted()
    }

    async fn revision(&self) -> Result<Revision> {
        Ok(self.shared.revision.load(Ordering::Acquire))
    }
}

#[async_trait]
impl Journal for SqliteStore {
    async fn append(&self, append: Append) -> Result<u64> {
        admit_append(&append, &self.shared.options.limits)?;
        self.ask(Request::Append(append)).await?.number()
    }

    async fn append_with_status(&self, append: Append, key: &Key, status: StatusUpdate) -> Result<Appended> {
        let limits = &self.shared.options.limits;
        admit_append(&append, limits)?;
        let status = match semantics::admit_status(key, status, limits) {
            Ok(status) => status,
            Err(refused) => return Ok((self.append(append).await?, Some(Err(refused)))),
        };
        let phase = codec::phase_of(Some(&status.status));
        self.ask(Request::AppendWithStatus { append, key: key.clone(), status, phase }).await?.appended()
    }

    fn stamp(&self) -> Option<&dyn Stamp> {
        Some(&*self.shared.options.stamp)
    }

    async fn append_with_create(&self, append: Append, object: Object) -> Result<(u64, Arc<Object>)> {
        let limits = &self.shared.options.limits;
        admit_append(&append, limits)?;
        let object = semantics::admit_create(object, limits)?;
        self.ask(Request::AppendWithCreate { append, object }).await?.created()
    }

    async fn read(&self, instance: &InstanceId) -> Result<Replay> {
        let instance = instance.clone();
        self.shared.pool.read(move |tx| read::replay(tx, &instance)).await
    }

    async fn read_from(&self, instance: &InstanceId, from_seq: u64, limit: u32) -> Result<Vec<Record>> {
        let (instance, limit) = (instance.clone(), self.shared.options.limits.page(Some(limit)));
        self.shared.pool.read(move |tx| read::read_from(tx, &instance, from_seq, limit)).await
    }

    async fn live(&self, engine: &'static str) -> Result<BoxStream<'static, Result<InstanceInfo>>> {
        let shared = self.shared.clone();
        let first = shared.pool.read(move |tx| read::live_page(tx, engine, None)).await?;
        let pages = stream::try_unfold((shared, first), move |(shared, page)| async move {
            let Some(last) = page.last().map(|info| info.instance.id.clone()) else { return Ok::<_, StoreError>(None) };
            let next = shared.pool.read(move |tx| read::live_page(tx, engine, Some(&last))).await?;
            Ok(Some((stream::iter(page.into_iter().map(Ok)), (shared, next))))
        });
        Ok(futures::TryStreamExt::try_flatten(pages).boxed())
    }

    async fn info(&self, instance: &InstanceId) -> Result<Option<InstanceInfo>> {
        let instance = instance.clone();
        self.shared.pool.read(move |tx| read::info(tx, &instance)).await
    }

    async fn delete(&self, instance: &InstanceId) -> Result<()> {
        self.ask(Request::Forget(instance.clone())).await.map(|_| ())
    }
}

#[async_trait]
impl Events for SqliteStore {
    async fn publish(&self, topic: &str, events: Vec<NewEvent>) -> Result<Vec<u64>> {
        admit_publish(topic, &events, &self.shared.options.limits)?;
        self.ask(Request::Publish { topic: topic.to_owned(), events }).await?.numbers()
    }

    async fn read(&self, topic: &str, after: u64, limit: u32, wait_ms: u64) -> Result<Vec<StoredEvent>> {
        let limit = self.shared.options.limits.page(Some(limit));
        let deadline = (wait_ms > 0).then(|| tokio::time::Instant::now() + Duration::from_millis(wait_ms));
        loop {
            let published = self.shared.published.notified();
            tokio::pin!(published);
            published.as_mut().enable();
            let name = topic.to_owned();
            let events = self.shared.pool.read(move |tx| read::events_after(tx, &name, after, limit)).await?;
            let Some(deadline) = deadline.filter(|_| events.is_empty()) else { return Ok(events) };
            if tokio::time::timeout_at(deadline, published).await.is_err() {
                return Ok(events);
            }
        }
    }

    async fn cursor(&self, topic: &str, consumer: &str, start: u64) -> Result<u64> {
        let limits = &self.shared.options.limits;
        admit_name(topic, limits)?;
        admit_name(consumer, limits)?;
        let start = start.min(i64::MAX.cast_unsigned());
        self.ask(Request::Cursor { topic: topic.to_owned(), consumer: consumer.to_owned(), start }).await?.number()
    }

    async fn ack(&self, topic: &str, consumer: &str, offset: u64, rewind: bool) -> Result<()> {
        let (topic, consumer) = (topic.to_owned(), consumer.to_owned());
        self.ask(Request::Ack { topic, consumer, offset, rewind }).await.map(|_| ())
    }

    async fn forget(&self, topic: &str, consumer: &str) -> Result<()> {
        let (topic, consumer) = (topic.to_owned(), consumer.to_owned());
        self.ask(Request::ForgetConsumer { topic, consumer }).await.map(|_| ())
    }

    async fn trim(&self, topic: &str, retention: Retention) -> Result<u64> {
        admit_name(topic, &self.shared.options.limits)?;
        self.ask(Request::Trim { topic: topic.to_owned(), retention }).await?.number()
    }
}
