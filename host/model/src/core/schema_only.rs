//! Placement of pods: kept for the Kubernetes runner, so only their shape is checked (see [`crate::values::Raw`]).

use crate::meta::LabelSelector;

record! {
    /// Where a pod may or should run.
    pub struct Affinity {
        /// By labels of nodes.
        pub node_affinity: Option<NodeAffinity>,
        /// Near other pods.
        pub pod_affinity: Option<PodAffinity>,
        /// Away from other pods.
        pub pod_anti_affinity: Option<PodAffinity>,
    }

    /// Nodes that a pod needs or prefers.
    pub struct NodeAffinity {
        /// Needed.
        pub required_during_scheduling_ignored_during_execution: Option<NodeSelector>,
        /// Preferred.
        pub preferred_during_scheduling_ignored_during_execution: Vec<PreferredSchedulingTerm>,
    }

    /// A choice of nodes: one of the terms holds.
    pub struct NodeSelector {
        /// The terms.
        pub node_selector_terms: Vec<NodeSelectorTerm>,
    }

    /// All conditions of a term must hold.
    pub struct NodeSelectorTerm {
        /// Conditions on labels.
        pub match_expressions: Vec<NodeSelectorRequirement>,
        /// Conditions on fields.
        pub match_fields: Vec<NodeSelectorRequirement>,
    }

    /// One condition on a node.
    pub struct NodeSelectorRequirement {
        /// Name of the label or field.
        pub key: String,
        /// `In`, `NotIn`, `Exists`, `DoesNotExist`, `Gt` or `Lt`.
        pub operator: String,
        /// Values.
        pub values: Vec<String>,
    }

    /// A preference with its weight.
    pub struct PreferredSchedulingTerm {
        /// 1 to 100.
        pub weight: i32,
        /// The nodes.
        pub preference: NodeSelectorTerm,
    }

    /// Pods to be near to or away from.
    pub struct PodAffinity {
        /// Needed.
        pub required_during_scheduling_ignored_during_execution: Vec<PodAffinityTerm>,
        /// Preferred.
        pub preferred_during_scheduling_ignored_during_execution: Vec<WeightedPodAffinityTerm>,
    }

    /// A set of pods and what "near" means.
    pub struct PodAffinityTerm {
        /// Which pods.
        pub label_selector: Option<LabelSelector>,
        /// In which namespaces, by name.
        pub namespaces: Vec<String>,
        /// The node label that says what "near" means.
        pub topology_key: String,
        /// In which namespaces, by label.
        pub namespace_selector: Option<LabelSelector>,
        /// Labels whose values must be the pod's own.
        pub match_label_keys: Vec<String>,
        /// Labels whose values must not be the pod's own.
        pub mismatch_label_keys: Vec<String>,
    }

    /// A preference with its weight.
    pub struct WeightedPodAffinityTerm {
        /// 1 to 100.
        pub weight: i32,
        /// The pods.
        pub pod_affinity_term: PodAffinityTerm,
    }
}
