//! Kubernetes' own types, as far as workflows use them.

mod config;
mod container;
mod crd;
mod env;
mod pod;
mod probe;
mod schema_only;
mod secret;
mod security;
mod volume;
mod volume_sources;

pub use config::{
    ConfigMap, Namespace, NamespaceSpec, NamespaceStatus, PersistentVolumeClaim, PersistentVolumeClaimStatus,
};
pub(crate) use container::container_record;
pub use container::{
    Container, ContainerNode, ContainerPort, ContainerResizePolicy, ContainerRestartRule, ExitCodeRule, PullPolicy,
    ResourceClaim, ResourceRequirements, UserContainer, VolumeDevice, VolumeMount,
};
pub use crd::{
    CrdNames, CrdScope, CrdSpec, CrdVersion, CrdVersionSchema, CustomResourceDefinition, CustomResourceDefinitionStatus,
};
pub use env::{
    ConfigMapEnvSource, ConfigMapKeySelector, EnvFromSource, EnvVar, EnvVarSource, FileKeySelector,
    ObjectFieldSelector, ResourceFieldSelector, SecretEnvSource, SecretKeySelector,
};
pub use pod::{
    DnsConfigOption, HostAlias, Metadata, PodDisruptionBudgetSpec, PodDnsConfig, PodResourceClaim, Toleration,
};
pub use probe::{
    ExecAction, GrpcAction, HttpGetAction, HttpHeader, Lifecycle, LifecycleHandler, Probe, SleepAction, TcpSocketAction,
};
pub use schema_only::{
    Affinity, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodAffinity, PodAffinityTerm,
    PreferredSchedulingTerm, WeightedPodAffinityTerm,
};
pub use secret::{Secret, SecretBody, SecretBytes};
pub use security::{
    AppArmorProfile, Capabilities, PodSecurityContext, SeLinuxOptions, SeccompProfile, SecurityContext, Sysctl,
    WindowsOptions,
};
pub use volume::{
    ConfigMapVolume, DownwardApiFile, DownwardApiProjection, DownwardApiVolume, EmptyDirVolume, EphemeralVolume,
    HostPathVolume, KeyToPath, PersistentVolumeClaimSpec, PersistentVolumeClaimTemplate, PersistentVolumeClaimVolume,
    ProjectedVolume, SecretVolume, ServiceAccountTokenProjection, TypedObjectReference, Volume, VolumeProjection,
    VolumeResources,
};
pub use volume_sources::{
    AwsElasticBlockStoreVolume, AzureDiskVolume, AzureFileVolume, CephFsVolume, CinderVolume, CsiVolume, FcVolume,
    FlexVolume, FlockerVolume, GcePersistentDiskVolume, GitRepoVolume, GlusterfsVolume, ImageVolume, IscsiVolume,
    NfsVolume, PhotonPersistentDiskVolume, PortworxVolume, QuobyteVolume, RbdVolume, ScaleIoVolume, StorageOsVolume,
    VsphereVolume,
};
