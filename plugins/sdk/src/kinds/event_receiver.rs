//! Event sources to which their events come as HTTP requests. The answer is sent when the events are durable.

pub use super::event::Event;
use crate::export::{Checked, KindOf};
use crate::{Config, Finding, Result};

/// An event source that takes requests in.
pub trait EventReceiver {
    /// What users write for one event of the source.
    type Config: Config;

    /// All that is wrong with a configuration that can be read, at once. Only looks: nothing outside is called.
    fn check(config: &Self::Config) -> Vec<Finding> {
        let _ = config;
        Vec::new()
    }

    /// Where the source of this configuration expects its requests.
    fn endpoints(config: Self::Config, name: &str) -> Result<Vec<Endpoint>>;

    /// Takes a request in. One that is not genuine is answered with 401 or 403 and has no events; an error is answered with 500.
    fn on_request(config: Self::Config, name: &str, request: &Incoming) -> Result<Outcome>;
}

/// Where requests are expected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// The path, as `/push`.
    pub path: String,
    /// The methods; all when empty.
    pub methods: Vec<String>,
}

/// A request that came in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Incoming {
    /// `POST` …
    pub method: String,
    /// The path behind the endpoint's own, and the query.
    pub path: String,
    /// In the order they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The address that it came from.
    pub remote_address: String,
}

impl Incoming {
    /// A header's first value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// What became of a request: its events, and what is answered when they are durable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The events in it; none of a ping or a handshake.
    pub events: Vec<Event>,
    /// The answer's status.
    pub status: u16,
    /// The answer's headers, beside those that HTTP needs.
    pub headers: Vec<(String, String)>,
    /// The answer's body.
    pub body: Vec<u8>,
}

impl Outcome {
    /// Events, answered with 200.
    pub fn events(events: impl IntoIterator<Item = Event>) -> Self {
        Self { events: events.into_iter().collect(), status: 200, ..Self::default() }
    }

    /// An answer without events.
    pub fn answer(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into(), ..Self::default() }
    }

    /// With a header.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

struct EventReceiverOf<T>(std::marker::PhantomData<T>);

impl<T: EventReceiver> Checked for EventReceiverOf<T> {
    type Config = T::Config;

    fn check(config: &T::Config) -> Vec<Finding> {
        T::check(config)
    }
}

#[doc(hidden)]
pub fn __kind<T: EventReceiver>() -> KindOf {
    KindOf::of::<EventReceiverOf<T>>("event-source")
}

#[cfg(target_family = "wasm")]
mod component {
    use super::{EventReceiver, Incoming};
    use crate::bindings::event_receiver::colchis::event_source::events as wit_events;
    use crate::bindings::event_receiver::exports::colchis::event_source::receiver as wit;
    use crate::bindings::host::colchis::plugin::types::PluginError;
    use crate::export::Adapter;
    use crate::host::{begin, error_into};
    use crate::{Result, config};

    impl<T: EventReceiver> wit::Guest for Adapter<T> {
        fn endpoints(config: String, name: String) -> Result<Vec<wit::Endpoint>, PluginError> {
            begin();
            let endpoints =
                config::parse(&config).and_then(|config| T::endpoints(config, &name)).map_err(error_into)?;
            Ok(endpoints.into_iter().map(|one| wit::Endpoint { path: one.path, methods: one.methods }).collect())
        }

        fn on_request(config: String, name: String, request: wit::Incoming) -> Result<wit::Outcome, PluginError> {
            begin();
            let wit::Incoming { method, path, headers, body, remote_address, .. } = request;
            let request = Incoming { method, path, headers, body, remote_address };
            let outcome = config::parse(&config).and_then(|config| T::on_request(config, &name, &request));
            let outcome = outcome.map_err(error_into)?;
            let events = outcome.events.into_iter().map(|event| wit_events::Event {
                id: event.id,
                type_: event.kind,
                time: event.time_ms,
                content_type: event.content_type,
                data: event.data,
                extensions: event.attributes,
            });
            Ok(wit::Outcome {
                events: events.collect(),
                answer: wit::Outgoing { status: outcome.status, headers: outcome.headers, body: outcome.body },
            })
        }
    }
}
