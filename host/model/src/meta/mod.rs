//! What every object has: its type, its metadata, its conditions; the untyped form that stores keep; the table of kinds.

mod kind;
mod object;
mod object_meta;

pub(crate) use kind::impl_kind;
pub use kind::{Kind, KindInfo, KindRole, find_kind, find_resource, kinds};
pub use object::{DecodeError, EncodeError, Object, ObjectError};
pub use object_meta::{
    Condition, LabelSelector, LabelSelectorOperator, LabelSelectorRequirement, LocalObjectReference, ObjectMeta,
    ObjectReference, OwnerReference, StringMap, TypeMeta,
};

#[cfg(test)]
mod tests;
