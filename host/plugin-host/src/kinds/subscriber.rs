//! `colchis:event-source/subscriber`: an instance for each subscription, which goes on from call to call.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use plugin::{Batch, CallContext, Kind, PluginError, Result, Subscriber, Subscription};
use serde_json::Value;
use tokio::runtime::Handle;
use wasmtime::component::ResourceAny;

use super::events::{self, Said};
use super::{no_export, no_larger};
use crate::bindings::subscriber::SubscribingIndices;
use crate::bindings::subscriber::exports::colchis::event_source::subscriber as wit;
use crate::call::{Ground, Session};
use crate::loaded::Loaded;

/// The longest cursor (bytes).
const CURSOR_BYTES_MAX: usize = 64 << 10;
/// How long a plugin may take to say farewell to the other side.
const FAREWELL: Duration = Duration::from_secs(2);

/// A component that gets its events.
pub(crate) struct ComponentSubscriber {
    pub(crate) ground: Ground,
    pub(crate) loaded: Arc<Loaded>,
}

#[async_trait]
impl Subscriber for ComponentSubscriber {
    async fn open(
        &self,
        call: &CallContext,
        config: &Value,
        name: &str,
        cursor: Option<&str>,
    ) -> Result<Box<dyn Subscription>> {
        self.loaded.check(Kind::EventSource, config)?;
        let indices = indices(&self.loaded)?;
        let config = config.to_string();
        let opening = self.ground.open(&self.loaded, Kind::EventSource, call, async |store, instance| {
            let subscribing = indices.load(&mut *store, instance)?;
            subscribing.colchis_event_source_subscriber().call_open(store, &config, name, cursor).await
        });
        let (session, subscription) = opening.await?;
        Ok(Box::new(ComponentSubscription { session, subscription }))
    }
}

/// A subscription of a component. What is left of a call that broke off is never used again.
struct ComponentSubscription {
    session: Session,
    subscription: ResourceAny,
}

fn indices(loaded: &Loaded) -> Result<&SubscribingIndices> {
    loaded.exports.subscriber.as_ref().ok_or_else(|| no_export(&loaded.shared.name, "event source of this way"))
}

#[async_trait]
impl Subscription for ComponentSubscription {
    async fn poll(&mut self, call: &CallContext, max: u32, wait: Duration) -> Result<Batch> {
        let (loaded, subscription) = (self.session.loaded.clone(), self.subscription);
        let indices = indices(&loaded)?;
        // Whoever waits as long as a call may take would be ended for it.
        let wait = wait.min(call.timeout.min(loaded.shared.limits.wall_time_max).mul_f32(0.75));
        let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let said = self.session.call(Kind::EventSource, call, async |store, instance| {
            let subscribing = indices.load(&mut *store, instance)?;
            let guest = subscribing.colchis_event_source_subscriber();
            guest.subscription().call_poll(store, subscription, max, wait).await
        });
        batch(said.await?, max, loaded.shared.limits.payload_bytes_max)
    }

    async fn ack(&mut self, call: &CallContext, delivery: u64) -> Result<()> {
        let (loaded, subscription) = (self.session.loaded.clone(), self.subscription);
        let indices = indices(&loaded)?;
        let said = self.session.call(Kind::EventSource, call, async |store, instance| {
            let subscribing = indices.load(&mut *store, instance)?;
            let guest = subscribing.colchis_event_source_subscriber();
            guest.subscription().call_ack(store, subscription, delivery).await
        });
        said.await
    }

    async fn drain(&mut self, call: &CallContext) -> Result<()> {
        let (loaded, subscription) = (self.session.loaded.clone(), self.subscription);
        let indices = indices(&loaded)?;
        let said = self.session.call(Kind::EventSource, call, async |store, instance| {
            let subscribing = indices.load(&mut *store, instance)?;
            let guest = subscribing.colchis_event_source_subscriber();
            guest.subscription().call_drain(store, subscription).await
        });
        said.await
    }

    fn is_superseded(&self) -> bool {
        self.session.loaded.superseded.load(Ordering::Relaxed) || self.session.is_nearly_full()
    }
}

impl Drop for ComponentSubscription {
    fn drop(&mut self) {
        // The plugin closes what it has open; what it leaves goes with the store.
        let (Some(mut store), Ok(server)) = (self.session.take_store(), Handle::try_current()) else { return };
        let subscription = self.subscription;
        server.spawn(async move {
            let _ = tokio::time::timeout(FAREWELL, subscription.resource_drop_async(&mut store)).await;
        });
    }
}

fn batch(said: wit::Batch, max: u32, data_bytes_max: usize) -> Result<Batch> {
    no_larger("the cursor", said.cursor.len(), CURSOR_BYTES_MAX)?;
    if said.events.len() > max as usize {
        let message = format!("the plugin gave {} events when asked for at most {max}", said.events.len());
        return Err(PluginError::new(plugin::ErrorClass::Permanent, "bad-answer", message));
    }
    let events = said.events.into_iter().map(|event| Said {
        id: event.id,
        kind: event.type_,
        time: event.time,
        content_type: event.content_type,
        data: event.data,
        extensions: event.extensions,
    });
    Ok(Batch { events: events::taken(events, data_bytes_max)?, cursor: said.cursor, delivery: said.delivery })
}
