//! The resource model: kinds, metadata, what their fields mean and what is wrong with them.
//!
//! ```text
//!  text ──yaml──► Document (JSON + places) ──schema──► Checked ──► Object ──decode──► Workflow, ConfigMap, …
//!                                              │                     │                        │
//!                                              ▼                     ▼                        ▼
//!                                      violations, kept fields   what stores keep     validate ──► violations
//! ```
//!
//! - [`yaml`]: manifests from outside, with limits, to JSON text and the place of every value.
//! - [`schema`]: one source for JSON Schemas, the checker and the table of what each field does (acts, kept, refused).
//! - [`meta`], [`core`], [`workflow`], [`values`]: the kinds, Argo's and Kubernetes', field for field; read from JSON without a
//!   tree of values between, so that a graph of 10⁵ tasks costs little more than its text.
//! - [`mod@validate`]: what objects mean, as far as it can be known without running anything.
//! - [`merge`], [`defaults`]: patches, and specs laid over each other.
//! - [`names`], [`cron`]: how nodes and pods are named; when schedules come about.
//!
//! Invariants: nothing here reads a clock, a file, a socket or a random number; nothing panics on what comes from outside; every
//! field of the reference stands in [`schema::table`]; a Secret's data has no Debug, Display or Serialize.
//!
//! It must not know stores, engines, or the grammar of expressions (given to [`mod@validate`] by the caller).

#[macro_use]
mod empty;

pub mod core;
pub mod cron;
pub mod defaults;
pub mod merge;
pub mod meta;
pub mod names;
pub mod path;
pub mod plugin;
pub mod schema;
pub mod validate;
pub mod values;
pub mod violation;
pub mod workflow;
pub mod yaml;

pub use empty::Empty;
pub use meta::{Condition, Kind, KindInfo, LabelSelector, Object, ObjectMeta, OwnerReference, TypeMeta};
pub use values::{AnyString, IntOrString, Quantity, Raw, Timestamp};
pub use violation::{Severity, Violation};
