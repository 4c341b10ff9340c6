//! CustomResourceDefinitions: kinds that users bring.

use std::borrow::Cow;

use crate::meta::{Condition, KindInfo, KindRole, ObjectMeta, impl_kind};
use crate::values::Raw;

record! {
    /// A kind that users bring.
    pub struct CustomResourceDefinition {
        /// Metadata; the name is `<plural>.<group>`.
        pub metadata: ObjectMeta,
        /// The kind.
        pub spec: CrdSpec,
        /// State.
        pub status: Option<CustomResourceDefinitionStatus>,
    }

    /// The kind that a definition brings.
    pub struct CrdSpec {
        /// The group.
        pub group: String,
        /// The names.
        pub names: CrdNames,
        /// Whether its objects live in namespaces.
        pub scope: Option<CrdScope>,
        /// The versions.
        pub versions: Vec<CrdVersion>,
        /// How versions are turned into one another.
        pub conversion: Option<Raw> = kept "acts on Kubernetes",
        /// Keeps unknown fields in every version.
        pub preserve_unknown_fields: bool,
    }

    /// The names of a kind.
    pub struct CrdNames {
        /// In addresses.
        pub plural: String,
        /// For one object; the kind in lower case by default.
        pub singular: String,
        /// The kind.
        pub kind: String,
        /// The kind of a list.
        pub list_kind: String,
        /// What people type.
        pub short_names: Vec<String>,
        /// Groups such as `all`.
        pub categories: Vec<String>,
    }

    /// One version of a kind.
    pub struct CrdVersion {
        /// Such as `v1`.
        pub name: String,
        /// Offered by the API.
        pub served: bool,
        /// The one that is stored.
        pub storage: bool,
        /// Shown as old.
        pub deprecated: bool,
        /// Shown to those who use it.
        pub deprecation_warning: Option<String>,
        /// The shape of its objects.
        pub schema: Option<CrdVersionSchema>,
        /// `status` and `scale`.
        pub subresources: Option<Raw>,
        /// What lists show.
        pub additional_printer_columns: Vec<Raw>,
        /// Fields by which objects are selected.
        pub selectable_fields: Vec<Raw>,
    }

    /// The shape of a version's objects.
    pub struct CrdVersionSchema {
        /// A structural schema; see [`crate::schema::CustomSchema`].
        #[serde(rename = "openAPIV3Schema")]
        pub open_api_v3_schema: Option<Raw>,
    }

    /// State of a definition.
    pub struct CustomResourceDefinitionStatus {
        /// Observations.
        pub conditions: Vec<Condition>,
        /// Names that were accepted.
        pub accepted_names: CrdNames,
        /// Versions that objects were ever stored in.
        pub stored_versions: Vec<String>,
    }
}

words! {
    /// Whether a kind's objects live in namespaces.
    pub enum CrdScope {
        /// In namespaces.
        Namespaced = "Namespaced",
        /// Cluster-wide.
        Cluster = "Cluster",
    }
}

impl CustomResourceDefinition {
    /// The rows that this definition adds to the table of kinds: one for each version that is served.
    pub fn kinds(&self) -> impl Iterator<Item = KindInfo> + '_ {
        let spec = &self.spec;
        spec.versions.iter().filter(|v| v.served).map(|v| KindInfo {
            api_version: Cow::Owned(format!("{}/{}", spec.group, v.name)),
            kind: Cow::Owned(spec.names.kind.clone()),
            plural: Cow::Owned(spec.names.plural.clone()),
            singular: Cow::Owned(if spec.names.singular.is_empty() {
                spec.names.kind.to_ascii_lowercase()
            } else {
                spec.names.singular.clone()
            }),
            namespaced: spec.scope != Some(CrdScope::Cluster),
            short_names: spec.names.short_names.iter().cloned().map(Cow::Owned).collect(),
            role: KindRole::Custom,
        })
    }
}

impl_kind!(
    CustomResourceDefinition, "apiextensions.k8s.io/v1", "customresourcedefinitions",
    namespaced: false, short: ["crd", "crds"], status: status
);
