//! Writes Colchis plugins in Rust.
//!
//! A plugin is a component: an author writes a struct for the configuration and implements the trait of a kind, and [`export!`] makes the component's functions of
//! both. Everything outside goes through the host, which grants it or does not.
//!
//! ```
//! use colchis_sdk::http::Request;
//! use colchis_sdk::metric_provider::{Measurement, MetricProvider, Request as Asked};
//! use colchis_sdk::{Capability, Result, about};
//!
//! /// What users write below the provider's name.
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Config {
//!     /// Where the dice are thrown.
//!     url: String,
//! }
//!
//! struct Dice;
//!
//! impl MetricProvider for Dice {
//!     type Config = Config;
//!
//!     fn run(config: Config, _: &Asked) -> Result<Measurement> {
//!         let thrown: u32 = Request::get(config.url).send()?.ok()?.json()?;
//!         Ok(Measurement::of(thrown))
//!     }
//! }
//!
//! colchis_sdk::export! {
//!     about: about!("dice", "Throws dice of a service").needs(Capability::Http("*".into()), "asks the service that the metric names"),
//!     metric_provider: Dice,
//! }
//! ```
//!
//! What it is made of
//! - a module per kind, behind a feature of its name: `metric-provider`, `manifest-renderer`, `event-subscriber`, `event-receiver`, `trigger`, `step`; a component may
//!   be of several
//! - [`http`], [`secrets`], [`state`], [`blob`], [`endpoint`], [`log`](mod@log), [`call`]: the host's interfaces
//! - [`Error`]: what the caller does about it, a stable word, a sentence
//! - `testing`: the host's stand-ins, so that `cargo test` runs a plugin's tests natively
//!
//! Invariants
//! - Natively nothing of the component model is compiled: what a plugin decides is tested without WebAssembly.
//! - Types here are not those of the interfaces, so that a later version of those need not change a plugin's source.
//!
//! Must not know: any service that a plugin talks to.

mod about;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod bindings;
pub mod blob;
pub mod call;
mod config;
pub mod endpoint;
mod error;
pub mod event_id;
#[doc(hidden)]
pub mod export;
mod host;
pub mod http;
mod kinds;
pub mod log;
mod secret_ref;
pub mod secrets;
pub mod state;
#[cfg(not(target_family = "wasm"))]
pub mod testing;

/// The README's example is compiled as the others are.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

pub use about::{About, Capability, Need};
pub use config::{Config, Finding, Severity, parse, schema};
pub use error::{Class, Error, Result};
#[allow(unused_imports, reason = "without a kind's feature there is none")]
pub use kinds::*;
pub use secret_ref::SecretRef;
pub use {schemars, serde, serde_json};
