//! Kinds, metadata, conditions, validation.

#[macro_use]
mod empty;

pub mod core;
pub mod cron;
pub mod defaults;
pub mod merge;
pub mod meta;
pub mod names;
pub mod path;
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
