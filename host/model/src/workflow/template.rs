//! Templates: the functions of a workflow.

use super::{
    ArtifactLocation, ContainerSetTemplate, DagTemplate, DataTemplate, ExecutorConfig, HttpTemplate, Inputs, Metrics,
    Outputs, ParallelSteps, ResourceTemplate, RetryStrategy, ScriptTemplate, SuspendTemplate, Synchronization,
};
use crate::core::{
    Affinity, ConfigMapKeySelector, Container, HostAlias, Metadata, PodResourceClaim, PodSecurityContext,
    ResourceRequirements, Toleration, UserContainer, Volume,
};
use crate::meta::StringMap;
use crate::values::{AnyString, IntOrString, Raw};

record! {
    /// A template: exactly one of the ten kinds of work, with its inputs, outputs and rules.
    pub struct Template {
        /// The name, unique in the object.
        pub name: String,
        /// What it takes.
        pub inputs: Inputs,
        /// What it gives.
        pub outputs: Outputs,
        /// Labels and annotations of its pods.
        pub metadata: Option<Box<Metadata>>,
        /// Annotations of its nodes.
        pub annotations: StringMap,

        /// Kind of work: one container.
        pub container: Option<Box<Container>>,
        /// Kind of work: several containers in one pod.
        pub container_set: Option<Box<ContainerSetTemplate>>,
        /// Kind of work: a program written here.
        pub script: Option<Box<ScriptTemplate>>,
        /// Kind of work: an action on an object.
        pub resource: Option<Box<ResourceTemplate>>,
        /// Kind of work: a graph of tasks.
        pub dag: Option<Box<DagTemplate>>,
        /// Kind of work: lists of steps, one list after another.
        pub steps: Option<Vec<ParallelSteps>>,
        /// Kind of work: a wait.
        pub suspend: Option<Box<SuspendTemplate>>,
        /// Kind of work: lists and transforms data.
        pub data: Option<Box<DataTemplate>>,
        /// Kind of work: a request.
        pub http: Option<Box<HttpTemplate>>,
        /// Kind of work: a plugin.
        pub plugin: Option<Raw>,

        /// Containers that run to their end before the main one.
        pub init_containers: Vec<UserContainer>,
        /// Containers that run beside the main one and are ended with it.
        pub sidecars: Vec<UserContainer>,
        /// The container serves the steps that follow and is ended with the enclosing template.
        pub daemon: Option<bool>,
        /// Volumes.
        pub volumes: Vec<Volume>,
        /// Where outputs without a location go.
        pub archive_location: Option<Box<ArtifactLocation>>,

        /// Seconds that one try may take, from its start.
        pub active_deadline_seconds: Option<IntOrString>,
        /// The time that a node may take, waiting included.
        pub timeout: Option<AnyString>,
        /// The time that a node may wait for its start.
        pub pending_timeout: Option<AnyString>,
        /// When and how often it is tried again.
        pub retry_strategy: Option<Box<RetryStrategy>>,
        /// How many of its children run at once.
        pub parallelism: Option<i64>,
        /// Starts no further step once one has failed.
        pub fail_fast: Option<bool>,
        /// Keeps its outputs and takes them the next time.
        pub memoize: Option<Box<Memoize>>,
        /// Locks.
        pub synchronization: Option<Box<Synchronization>>,
        /// Metrics.
        pub metrics: Option<Box<Metrics>>,

        /// The user and groups of its containers.
        pub security_context: Option<Box<PodSecurityContext>>,
        /// Labels of the machine that it needs.
        pub node_selector: StringMap = kept "acts on the Kubernetes runner",
        /// Where it may run.
        pub affinity: Option<Raw<Affinity>> = kept "acts on the Kubernetes runner",
        /// Taints that it bears.
        pub tolerations: Vec<Raw<Toleration>> = kept "acts on the Kubernetes runner",
        /// The scheduler.
        pub scheduler_name: String = kept "acts on the Kubernetes runner",
        /// The class of its priority.
        pub priority_class_name: String = kept "acts on the Kubernetes runner",
        /// The priority of its pods.
        pub priority: Option<i32> = kept "acts on the Kubernetes runner",
        /// The service account.
        pub service_account_name: String = kept "acts on the Kubernetes runner",
        /// Mounts the service account's token.
        pub automount_service_account_token: Option<bool> = kept "acts on the Kubernetes runner",
        /// The executor's service account.
        pub executor: Option<Box<ExecutorConfig>> = kept "acts on the Kubernetes runner",
        /// Names for addresses.
        pub host_aliases: Vec<HostAlias>,
        /// A patch of the pod.
        pub pod_spec_patch: Option<String> = kept "acts on the Kubernetes runner",
        /// Limits and requests of the whole pod.
        pub pod_resources: Option<Box<ResourceRequirements>> = kept "acts on the Kubernetes runner",
        /// Claims to devices.
        pub resource_claims: Vec<PodResourceClaim> = kept "acts on the Kubernetes runner",
    }

    /// Keeps a template's outputs and takes them the next time.
    pub struct Memoize {
        /// Under which key; may hold tags.
        pub key: String,
        /// Where they are kept.
        pub cache: Option<MemoizeCache>,
        /// How old they may be; without a limit when empty.
        pub max_age: String,
    }

    /// Where outputs are kept.
    pub struct MemoizeCache {
        /// The cache's name, as a ConfigMap (`key` has no meaning).
        pub config_map: Option<ConfigMapKeySelector>,
    }
}

/// The kind of work that a template does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TemplateKind<'a> {
    /// `container`
    Container(&'a Container),
    /// `containerSet`
    ContainerSet(&'a ContainerSetTemplate),
    /// `script`
    Script(&'a ScriptTemplate),
    /// `resource`
    Resource(&'a ResourceTemplate),
    /// `dag`
    Dag(&'a DagTemplate),
    /// `steps`
    Steps(&'a [ParallelSteps]),
    /// `suspend`
    Suspend(&'a SuspendTemplate),
    /// `data`
    Data(&'a DataTemplate),
    /// `http`
    Http(&'a HttpTemplate),
    /// `plugin`
    Plugin(&'a Raw),
}

impl TemplateKind<'_> {
    /// The field's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Container(_) => "container",
            Self::ContainerSet(_) => "containerSet",
            Self::Script(_) => "script",
            Self::Resource(_) => "resource",
            Self::Dag(_) => "dag",
            Self::Steps(_) => "steps",
            Self::Suspend(_) => "suspend",
            Self::Data(_) => "data",
            Self::Http(_) => "http",
            Self::Plugin(_) => "plugin",
        }
    }
}

impl Template {
    /// The kinds of work that are set, in the order of the fields; a valid template has exactly one.
    pub fn kinds(&self) -> impl Iterator<Item = TemplateKind<'_>> {
        [
            self.container.as_deref().map(TemplateKind::Container),
            self.container_set.as_deref().map(TemplateKind::ContainerSet),
            self.script.as_deref().map(TemplateKind::Script),
            self.resource.as_deref().map(TemplateKind::Resource),
            self.dag.as_deref().map(TemplateKind::Dag),
            self.steps.as_deref().map(TemplateKind::Steps),
            self.suspend.as_deref().map(TemplateKind::Suspend),
            self.data.as_deref().map(TemplateKind::Data),
            self.http.as_deref().map(TemplateKind::Http),
            self.plugin.as_ref().map(TemplateKind::Plugin),
        ]
        .into_iter()
        .flatten()
    }

    /// The kind of work; the first when several are set (which validation refuses).
    pub fn kind(&self) -> Option<TemplateKind<'_>> {
        self.kinds().next()
    }
}
