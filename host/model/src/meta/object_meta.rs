//! Metadata as Kubernetes writes it.

use std::collections::BTreeMap;

use crate::empty::Dropped;
use crate::values::Timestamp;

/// Labels, annotations, node selectors: text by name, in the names' order.
pub type StringMap = BTreeMap<String, String>;

record! {
    /// The two fields that say what an object is.
    pub struct TypeMeta {
        /// Group and version, such as `argoproj.io/v1alpha1`; `v1` for the core group.
        pub api_version: String,
        /// The kind, such as `Workflow`.
        pub kind: String,
    }

    /// Metadata of an object (`metadata`).
    pub struct ObjectMeta {
        /// Unique among the objects of a kind in a namespace.
        pub name: String,
        /// A prefix from which the server makes a unique name when `name` is empty.
        pub generate_name: String,
        /// The namespace; empty for cluster-wide kinds and before the default is filled in.
        pub namespace: String,
        /// Unique in time and space; given by the server.
        pub uid: String,
        /// The revision at which the object was last changed; opaque to clients.
        pub resource_version: String,
        /// Counts changes of the desired state.
        pub generation: i64,
        /// When the server created the object.
        pub creation_timestamp: Option<Timestamp>,
        /// When deletion was asked for; the object goes when its finalizers are gone.
        pub deletion_timestamp: Option<Timestamp>,
        /// Seconds of grace given at deletion.
        pub deletion_grace_period_seconds: Option<i64>,
        /// Names and values by which objects are selected.
        pub labels: StringMap,
        /// Notes of tools and people; not selectable.
        pub annotations: StringMap,
        /// The objects on which this one depends; it is deleted after the last of them.
        pub owner_references: Vec<OwnerReference>,
        /// Names that must be removed before the object may go.
        pub finalizers: Vec<String>,
        /// Written by Kubernetes' server-side apply; accepted and dropped.
        pub managed_fields: Dropped,
        /// Written by old Kubernetes servers; accepted and dropped.
        pub self_link: Dropped,
    }

    /// The owner of an object, in the same namespace or cluster-wide.
    pub struct OwnerReference {
        /// Group and version of the owner.
        pub api_version: String,
        /// Kind of the owner.
        pub kind: String,
        /// Name of the owner.
        pub name: String,
        /// Uid of the owner.
        pub uid: String,
        /// True for the one owner that manages the object.
        pub controller: Option<bool>,
        /// True when the owner may not go before this object.
        pub block_owner_deletion: Option<bool>,
    }

    /// One observation about an object's state (`status.conditions[]`).
    pub struct Condition {
        /// What is observed, such as `PodRunning` or `SpecWarning`.
        pub r#type: String,
        /// `True`, `False` or `Unknown`.
        pub status: String,
        /// One word for machines.
        pub reason: String,
        /// A sentence for people.
        pub message: String,
        /// When `status` last changed.
        pub last_transition_time: Option<Timestamp>,
        /// The generation that was observed.
        pub observed_generation: i64,
    }

    /// Selects objects by labels; all conditions must hold, and an empty selector selects everything.
    pub struct LabelSelector {
        /// Labels that must have these values.
        pub match_labels: StringMap,
        /// Further conditions.
        pub match_expressions: Vec<LabelSelectorRequirement>,
    }

    /// One condition of a label selector.
    pub struct LabelSelectorRequirement {
        /// The label's name.
        pub key: String,
        /// How the label is compared.
        pub operator: Option<LabelSelectorOperator>,
        /// The values of `In` and `NotIn`.
        pub values: Vec<String>,
    }

    /// The name of an object in the same namespace.
    pub struct LocalObjectReference {
        /// The name.
        pub name: String,
    }

    /// A reference to any object.
    pub struct ObjectReference {
        /// Group and version.
        pub api_version: String,
        /// Kind.
        pub kind: String,
        /// Namespace.
        pub namespace: String,
        /// Name.
        pub name: String,
        /// Uid.
        pub uid: String,
        /// Revision.
        pub resource_version: String,
        /// A part of the object.
        pub field_path: String,
    }
}

words! {
    /// How a label is compared.
    pub enum LabelSelectorOperator {
        /// The label is one of the values.
        In = "In",
        /// The label is absent or none of the values.
        NotIn = "NotIn",
        /// The label is there.
        Exists = "Exists",
        /// The label is absent.
        DoesNotExist = "DoesNotExist",
    }
}

impl ObjectMeta {
    /// Metadata with a name and a namespace (empty: none).
    pub fn named(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { name: name.into(), namespace: namespace.into(), ..Self::default() }
    }
}

impl LabelSelector {
    /// Says whether an object with these labels is selected.
    pub fn matches(&self, labels: &StringMap) -> bool {
        self.match_labels.iter().all(|(k, v)| labels.get(k) == Some(v))
            && self.match_expressions.iter().all(|e| e.matches(labels))
    }
}

impl LabelSelectorRequirement {
    /// Says whether the condition holds for these labels; without an operator it never does.
    pub fn matches(&self, labels: &StringMap) -> bool {
        let value = labels.get(&self.key);
        match self.operator {
            Some(LabelSelectorOperator::In) => value.is_some_and(|v| self.values.contains(v)),
            Some(LabelSelectorOperator::NotIn) => value.is_none_or(|v| !self.values.contains(v)),
            Some(LabelSelectorOperator::Exists) => value.is_some(),
            Some(LabelSelectorOperator::DoesNotExist) => value.is_none(),
            None => false,
        }
    }
}
