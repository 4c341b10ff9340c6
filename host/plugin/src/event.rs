//! Event sources.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use crate::{CallContext, Result};

/// An event, in the terms of CloudEvents 1.0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Of the same event, always the same.
    pub id: String,
    /// `com.github.push`; the event source's type when empty.
    pub r#type: String,
    /// When it happened (ms since the epoch).
    pub time_ms: Option<u64>,
    /// What `data` is; `application/json` when empty.
    pub content_type: String,
    /// The event's data.
    pub data: Vec<u8>,
    /// CloudEvents attributes beyond these.
    pub extensions: Vec<(String, String)>,
}

/// What a poll gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The events, in their order.
    pub events: Vec<Event>,
    /// Where to go on after them.
    pub cursor: String,
    /// What `ack` is given.
    pub delivery: u64,
}

/// A source that goes and gets its events.
#[async_trait]
pub trait Subscriber: Send + Sync {
    /// Opens a subscription, at a cursor or where the configuration says.
    async fn open(
        &self,
        call: &CallContext,
        config: &Value,
        name: &str,
        cursor: Option<&str>,
    ) -> Result<Box<dyn Subscription>>;
}

/// A running subscription.
#[async_trait]
pub trait Subscription: Send {
    /// Waits for events, at most `max` and at most that long.
    async fn poll(&mut self, call: &CallContext, max: u32, wait: Duration) -> Result<Batch>;
    /// The events of a batch are durable.
    async fn ack(&mut self, call: &CallContext, delivery: u64) -> Result<()>;
    /// Stops taking new events.
    async fn drain(&mut self, call: &CallContext) -> Result<()>;
    /// Whether another has to take over: the plugin is served in another version by now, or the memory of this one's instance is nearly full, as languages leave something
    /// behind in each call. Whoever polls drains this one, acknowledges, and opens the next at the cursor.
    fn is_superseded(&self) -> bool;
}

/// A request that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// `POST` …
    pub method: String,
    /// The path behind the endpoint's own, and the query.
    pub path: String,
    /// In the order they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Where it came from.
    pub remote_address: String,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// 200 …
    pub status: u16,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The events in it.
    pub events: Vec<Event>,
    /// What is answered when they are durable.
    pub answer: Outgoing,
}

/// Where requests are expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The path.
    pub path: String,
    /// The methods; all when empty.
    pub methods: Vec<String>,
}

/// A source to which its events come as HTTP requests.
#[async_trait]
pub trait Receiver: Send + Sync {
    /// Where requests are expected.
    async fn endpoints(&self, call: &CallContext, config: &Value, name: &str) -> Result<Vec<Endpoint>>;
    /// Takes a request in.
    async fn on_request(&self, call: &CallContext, config: &Value, name: &str, request: Incoming) -> Result<Outcome>;
}
