//! ConfigMaps, claims and namespaces as objects.

use std::collections::BTreeMap;

use super::PersistentVolumeClaimSpec;
use crate::meta::{Condition, ObjectMeta, impl_kind};
use crate::values::Quantity;

record! {
    /// Configuration by key.
    pub struct ConfigMap {
        /// Metadata.
        pub metadata: ObjectMeta,
        /// Text by key.
        pub data: BTreeMap<String, String>,
        /// Bytes by key, in base64.
        pub binary_data: BTreeMap<String, String>,
        /// Refuses changes of the data.
        pub immutable: Option<bool>,
    }

    /// A claim to storage.
    pub struct PersistentVolumeClaim {
        /// Metadata.
        pub metadata: ObjectMeta,
        /// What is claimed.
        pub spec: PersistentVolumeClaimSpec,
        /// What was given.
        pub status: Option<PersistentVolumeClaimStatus>,
    }

    /// What a claim was given.
    pub struct PersistentVolumeClaimStatus {
        /// `Pending`, `Bound` or `Lost`.
        pub phase: String,
        /// How it may be mounted.
        pub access_modes: Vec<String>,
        /// How much it holds.
        pub capacity: BTreeMap<String, Quantity>,
        /// Observations.
        pub conditions: Vec<Condition>,
    }

    /// A name that holds objects.
    pub struct Namespace {
        /// Metadata.
        pub metadata: ObjectMeta,
        /// Finalizers of the namespace.
        pub spec: Option<NamespaceSpec>,
        /// State.
        pub status: Option<NamespaceStatus>,
    }

    /// Finalizers of a namespace.
    pub struct NamespaceSpec {
        /// Names that must be removed before it may go.
        pub finalizers: Vec<String>,
    }

    /// State of a namespace.
    pub struct NamespaceStatus {
        /// `Active` or `Terminating`.
        pub phase: String,
        /// Observations.
        pub conditions: Vec<Condition>,
    }
}

impl_kind!(ConfigMap, "v1", "configmaps", namespaced: true, short: ["cm"]);
impl_kind!(PersistentVolumeClaim, "v1", "persistentvolumeclaims", namespaced: true, short: ["pvc"], status: status);
impl_kind!(Namespace, "v1", "namespaces", namespaced: false, short: ["ns"], status: status);
