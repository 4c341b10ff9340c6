//! The kinds of plugins, each behind its feature.

#[cfg(feature = "event-receiver")]
pub mod event_receiver;
#[cfg(feature = "event-subscriber")]
pub mod event_subscriber;
#[cfg(feature = "manifest-renderer")]
pub mod manifest_renderer;
#[cfg(feature = "metric-provider")]
pub mod metric_provider;
#[cfg(feature = "step")]
pub mod step;
#[cfg(feature = "trigger")]
pub mod trigger;
#[cfg(feature = "event-receiver")]
pub mod webhook;

#[cfg(any(feature = "event-receiver", feature = "event-subscriber"))]
pub mod event;
