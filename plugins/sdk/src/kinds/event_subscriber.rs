//! Event sources that go and get their events.
//!
//! The host keeps the cursor, and writes it down after the events: a crash repeats events and loses none.

use std::time::Duration;

pub use super::event::Event;
use crate::export::{Checked, KindOf};
use crate::{Config, Finding, Result};

/// An event source that goes and gets its events.
pub trait EventSubscriber {
    /// What users write for one event of the source.
    type Config: Config;

    /// A running subscription. Dropped, its connections are closed.
    type Subscription: Subscription + 'static;

    /// All that is wrong with a configuration that can be read, at once. Only looks: nothing outside is called.
    fn check(config: &Self::Config) -> Vec<Finding> {
        let _ = config;
        Vec::new()
    }

    /// Opens a subscription, at a cursor or, without one, where the configuration says.
    fn open(config: Self::Config, name: &str, cursor: Option<&str>) -> Result<Self::Subscription>;
}

/// A running subscription.
pub trait Subscription {
    /// Waits for events, at most `max` of them and at most that long.
    fn poll(&mut self, max: u32, wait: Duration) -> Result<Batch>;

    /// The events of a batch are durable: the other side may forget them. Asked twice, it does no harm.
    fn ack(&mut self, delivery: u64) -> Result<()> {
        let _ = delivery;
        Ok(())
    }

    /// Stops taking new events; those that were polled may still be acknowledged.
    fn drain(&mut self) -> Result<()> {
        Ok(())
    }
}

/// How much data a batch has before it is given (bytes): what comes behind waits for the next poll. So many events as are asked for may be more than the memory holds.
pub const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// What a poll gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// The events, in their order; none when none came.
    pub events: Vec<Event>,
    /// Where to go on after them; at most 64 KiB. Empty where the other side remembers by itself.
    pub cursor: String,
    /// What [`Subscription::ack`] is given when the events are durable.
    pub delivery: u64,
}

struct EventSubscriberOf<T>(std::marker::PhantomData<T>);

impl<T: EventSubscriber> Checked for EventSubscriberOf<T> {
    type Config = T::Config;

    fn check(config: &T::Config) -> Vec<Finding> {
        T::check(config)
    }
}

#[doc(hidden)]
pub fn __kind<T: EventSubscriber>() -> KindOf {
    KindOf::of::<EventSubscriberOf<T>>("event-source")
}

#[cfg(target_family = "wasm")]
mod component {
    use std::cell::RefCell;
    use std::time::Duration;

    use super::{EventSubscriber, Subscription};
    use crate::bindings::event_subscriber::colchis::event_source::events as wit_events;
    use crate::bindings::event_subscriber::exports::colchis::event_source::subscriber as wit;
    use crate::bindings::host::colchis::plugin::types::PluginError;
    use crate::export::Adapter;
    use crate::host::{begin, error_into};
    use crate::{Result, config};

    /// A subscription as the host holds it.
    pub struct Held<S>(RefCell<S>);

    impl<T: EventSubscriber + 'static> wit::Guest for Adapter<T> {
        type Subscription = Held<T::Subscription>;

        fn open(config: String, name: String, cursor: Option<String>) -> Result<wit::Subscription, PluginError> {
            begin();
            let opened = config::parse(&config).and_then(|config| T::open(config, &name, cursor.as_deref()));
            Ok(wit::Subscription::new(Held(RefCell::new(opened.map_err(error_into)?))))
        }
    }

    impl<S: Subscription + 'static> wit::GuestSubscription for Held<S> {
        fn poll(&self, max: u32, wait: u64) -> Result<wit::Batch, PluginError> {
            begin();
            let batch = self.0.borrow_mut().poll(max, Duration::from_millis(wait)).map_err(error_into)?;
            let events = batch.events.into_iter().map(|event| wit_events::Event {
                id: event.id,
                type_: event.kind,
                time: event.time_ms,
                content_type: event.content_type,
                data: event.data,
                extensions: event.attributes,
            });
            Ok(wit::Batch { events: events.collect(), cursor: batch.cursor, delivery: batch.delivery })
        }

        fn ack(&self, delivery: u64) -> Result<(), PluginError> {
            begin();
            self.0.borrow_mut().ack(delivery).map_err(error_into)
        }

        fn drain(&self) -> Result<(), PluginError> {
            begin();
            self.0.borrow_mut().drain().map_err(error_into)
        }
    }
}
