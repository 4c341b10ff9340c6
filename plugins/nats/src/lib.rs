//! The event source and the trigger `nats`.
//!
//! ```text
//!   source:  subject ──► messages as they come (at most once)
//!            stream  ──► consumer from the cursor's sequence on (at least once)
//!   trigger: payload ──► PUB with Nats-Msg-Id ──► PONG, or the stream's answer
//! ```
//!
//! Invariants
//! - A stream's cursor is the sequence of its last message: opened there, what was not durable comes again with the same id.
//! - Without a stream NATS keeps nothing: what is published while nobody listens is lost, as it is to every subscriber.
//!
//! Must not know: certificates and the values of secrets.

mod client;
mod config;
mod jetstream;
mod proto;
mod publisher;
mod source;

use colchis_sdk::{Capability, about};

pub use config::{Auth, Basic, Deliver, JetStream, Nkey, SourceConfig, TriggerConfig};
pub use publisher::Publisher;
pub use source::{Messages, Source};

colchis_sdk::export! {
    about: about!("nats", "Makes events of messages on NATS, and publishes to it")
        .needs(Capability::Endpoint("*".into()), "connects to the NATS that an event or a trigger names"),
    event_subscriber: Source,
    trigger: Publisher,
}

#[cfg(test)]
mod tests;
