//! What a pod has beside containers and volumes.

use crate::meta::{LabelSelector, StringMap};
use crate::values::{IntOrString, Raw};

record! {
    /// Labels and annotations put on pods or runs.
    pub struct Metadata {
        /// Labels.
        pub labels: StringMap,
        /// Annotations.
        pub annotations: StringMap,
    }

    /// A taint that the pod bears.
    pub struct Toleration {
        /// The taint's name.
        pub key: String,
        /// `Exists` or `Equal`.
        pub operator: String,
        /// The taint's value.
        pub value: String,
        /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
        pub effect: String,
        /// For how long.
        pub toleration_seconds: Option<i64>,
    }

    /// Names for an address, in `/etc/hosts`.
    pub struct HostAlias {
        /// The address.
        pub ip: String,
        /// The names.
        pub hostnames: Vec<String>,
    }

    /// How names are resolved.
    pub struct PodDnsConfig {
        /// Servers.
        pub nameservers: Vec<String>,
        /// Domains tried for short names.
        pub searches: Vec<String>,
        /// Options of the resolver.
        pub options: Vec<DnsConfigOption>,
    }

    /// An option of the resolver.
    pub struct DnsConfigOption {
        /// Name.
        pub name: String,
        /// Value.
        pub value: Option<String>,
    }

    /// How many pods must stay when nodes are emptied.
    pub struct PodDisruptionBudgetSpec {
        /// How many must stay.
        pub min_available: Option<IntOrString>,
        /// How many may go.
        pub max_unavailable: Option<IntOrString>,
        /// Which pods are meant.
        pub selector: Option<Raw<LabelSelector>>,
        /// `IfHealthyBudget` or `AlwaysAllow`.
        pub unhealthy_pod_eviction_policy: Option<String>,
    }

    /// A claim to a device, by dynamic resource allocation.
    pub struct PodResourceClaim {
        /// The claim's name in the pod.
        pub name: String,
        /// An existing ResourceClaim.
        pub resource_claim_name: Option<String>,
        /// A template from which a claim is made.
        pub resource_claim_template_name: Option<String>,
    }
}
