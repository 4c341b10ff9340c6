//! Kinds, metadata, conditions, validation.

#[macro_use]
mod empty;

pub mod core;
pub mod meta;
pub mod values;
pub mod workflow;

pub use empty::Empty;
pub use meta::{Condition, Kind, KindInfo, LabelSelector, Object, ObjectMeta, OwnerReference, TypeMeta};
pub use values::{AnyString, IntOrString, Quantity, Raw, Timestamp};
