//! What a run is asked to do (`spec`).

use indexmap::IndexMap;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Arguments, LifecycleHook, Metrics, RetryStrategy, Synchronization, Template};
use crate::core::{
    Affinity, Container, HostAlias, Metadata, PersistentVolumeClaimTemplate, PodDisruptionBudgetSpec, PodDnsConfig,
    PodResourceClaim, PodSecurityContext, ResourceRequirements, Toleration, Volume,
};
use crate::meta::{LabelSelector, LocalObjectReference, StringMap};
use crate::values::Raw;

record! {
    /// What a run is asked to do.
    pub struct WorkflowSpec {
        /// The templates. Shared: a run, its journal and its program hold the same ones.
        pub templates: Vec<Arc<Template>>,
        /// The template to begin with.
        pub entrypoint: Option<String>,
        /// What the run is given.
        pub arguments: Arguments,
        /// The template that runs at the end, whatever the outcome.
        pub on_exit: Option<String>,
        /// Templates that run when an expression becomes true, or at the end (`exit`).
        pub hooks: IndexMap<String, LifecycleHook>,
        /// Fields that templates have unless they say otherwise.
        pub template_defaults: Option<Box<Template>>,
        /// The template object from which the run is made.
        pub workflow_template_ref: Option<WorkflowTemplateRef>,

        /// How many steps run at once.
        pub parallelism: Option<i64>,
        /// Starts suspended, or is suspended.
        pub suspend: Option<bool>,
        /// Ends the run.
        pub shutdown: Option<ShutdownStrategy>,
        /// Seconds that the run may take, from its start.
        pub active_deadline_seconds: Option<i64>,
        /// Higher runs go first when runs wait.
        pub priority: Option<i32>,
        /// When and how often nodes are tried again.
        pub retry_strategy: Option<Box<RetryStrategy>>,
        /// Locks.
        pub synchronization: Option<Box<Synchronization>>,
        /// Metrics.
        pub metrics: Option<Box<Metrics>>,

        /// When the finished run is deleted.
        pub ttl_strategy: Option<TtlStrategy>,
        /// When finished pods are deleted.
        #[serde(rename = "podGC")]
        pub pod_gc: Option<Box<PodGc>>,
        /// When volumes of `volumeClaimTemplates` are deleted.
        #[serde(rename = "volumeClaimGC")]
        pub volume_claim_gc: Option<VolumeClaimGc>,
        /// When artifacts are deleted.
        #[serde(rename = "artifactGC")]
        pub artifact_gc: Option<Box<WorkflowArtifactGc>>,
        /// Keeps logs as artifacts.
        pub archive_logs: Option<bool>,
        /// The artifact repository.
        pub artifact_repository_ref: Option<ArtifactRepositoryRef>,

        /// Labels and annotations of all pods.
        pub pod_metadata: Option<Box<Metadata>>,
        /// Labels and annotations of the run.
        pub workflow_metadata: Option<Box<WorkflowMetadata>>,

        /// Volumes of all steps.
        pub volumes: Vec<Volume>,
        /// Claims made for the run.
        pub volume_claim_templates: Vec<PersistentVolumeClaimTemplate>,
        /// Credentials for images.
        pub image_pull_secrets: Vec<LocalObjectReference>,
        /// The user and groups of all containers.
        pub security_context: Option<Box<PodSecurityContext>>,
        /// The service account.
        pub service_account_name: String = kept "acts on the Kubernetes runner",
        /// Mounts the service account's token.
        pub automount_service_account_token: Option<bool> = kept "acts on the Kubernetes runner",
        /// The executor's service account.
        pub executor: Option<Box<ExecutorConfig>> = kept "acts on the Kubernetes runner",
        /// Labels of the machines that steps need.
        pub node_selector: StringMap = kept "acts on the Kubernetes runner",
        /// Where steps may run.
        pub affinity: Option<Raw<Affinity>> = kept "acts on the Kubernetes runner",
        /// Taints that pods bear.
        pub tolerations: Vec<Raw<Toleration>> = kept "acts on the Kubernetes runner",
        /// Uses the machine's network; `false` gives each step one of its own.
        pub host_network: Option<bool>,
        /// How names are resolved.
        pub dns_policy: Option<String> = kept "acts on the Kubernetes runner",
        /// How names are resolved.
        pub dns_config: Option<Raw<PodDnsConfig>> = kept "acts on the Kubernetes runner",
        /// The scheduler.
        pub scheduler_name: String = kept "acts on the Kubernetes runner",
        /// The class of the pods' priority.
        pub pod_priority_class_name: String = kept "acts on the Kubernetes runner",
        /// The pods' priority, in the form before 4.0.
        pub pod_priority: Option<i32> = kept "acts on the Kubernetes runner",
        /// Names for addresses.
        pub host_aliases: Vec<HostAlias>,
        /// A patch of all pods.
        pub pod_spec_patch: Option<String> = kept "acts on the Kubernetes runner",
        /// How many pods must stay when machines are emptied.
        pub pod_disruption_budget: Option<Raw<PodDisruptionBudgetSpec>> = kept "acts on the Kubernetes runner",
        /// Limits and requests of whole pods.
        pub pod_resources: Option<Box<ResourceRequirements>> = kept "acts on the Kubernetes runner",
        /// Claims to devices.
        pub resource_claims: Vec<PodResourceClaim> = kept "acts on the Kubernetes runner",
        /// Plugins that run templates.
        pub executor_plugins: Vec<ExecutorPlugin> = refused "executor plugins are not available yet",
    }

    /// A WorkflowTemplate or ClusterWorkflowTemplate.
    pub struct WorkflowTemplateRef {
        /// The object's name.
        pub name: String,
        /// The object is a ClusterWorkflowTemplate.
        pub cluster_scope: bool,
    }

    /// When a finished run is deleted, in seconds after its end.
    pub struct TtlStrategy {
        /// Whatever the outcome.
        pub seconds_after_completion: Option<i64>,
        /// After success.
        pub seconds_after_success: Option<i64>,
        /// After failure.
        pub seconds_after_failure: Option<i64>,
    }

    /// When finished pods are deleted.
    pub struct PodGc {
        /// When.
        pub strategy: Option<PodGcStrategy>,
        /// Which pods; all by default.
        pub label_selector: Option<LabelSelector>,
        /// How long after.
        pub delete_delay_duration: Option<String>,
    }

    /// When volumes of a run are deleted.
    pub struct VolumeClaimGc {
        /// When.
        pub strategy: Option<VolumeClaimGcStrategy>,
    }

    /// When an artifact is deleted.
    pub struct ArtifactGc {
        /// When.
        pub strategy: Option<ArtifactGcStrategy>,
        /// Labels and annotations of the deleting pod.
        pub pod_metadata: Option<Metadata> = kept "acts on the Kubernetes runner",
        /// The deleting pod's service account.
        pub service_account_name: String = kept "acts on the Kubernetes runner",
    }

    /// When a run's artifacts are deleted.
    pub struct WorkflowArtifactGc {
        /// When.
        pub strategy: Option<ArtifactGcStrategy>,
        /// Labels and annotations of the deleting pod.
        pub pod_metadata: Option<Metadata> = kept "acts on the Kubernetes runner",
        /// The deleting pod's service account.
        pub service_account_name: String = kept "acts on the Kubernetes runner",
        /// A patch of the deleting pod.
        pub pod_spec_patch: String = kept "acts on the Kubernetes runner",
        /// Lets the run go even when artifacts could not be deleted.
        pub force_finalizer_removal: bool,
    }

    /// The ConfigMap's key that describes the artifact repository.
    pub struct ArtifactRepositoryRef {
        /// The ConfigMap; `artifact-repositories` by default.
        pub config_map: String,
        /// The key.
        pub key: String,
    }

    /// Labels and annotations of a run.
    pub struct WorkflowMetadata {
        /// Labels.
        pub labels: StringMap,
        /// Annotations.
        pub annotations: StringMap,
        /// Labels whose values are expressions.
        pub labels_from: BTreeMap<String, LabelValueFrom>,
    }

    /// A label whose value is an expression.
    pub struct LabelValueFrom {
        /// The expression.
        pub expression: String,
    }

    /// The executor's service account.
    pub struct ExecutorConfig {
        /// Its name.
        pub service_account_name: String,
    }

    /// A plugin that runs templates.
    pub struct ExecutorPlugin {
        /// Its name.
        pub metadata: Raw,
        /// Its container.
        pub spec: ExecutorPluginSpec,
    }

    /// The container of a plugin.
    pub struct ExecutorPluginSpec {
        /// The sidecar.
        pub sidecar: Option<Raw<Container>>,
    }
}

words! {
    /// How a run is ended.
    pub enum ShutdownStrategy {
        /// Steps are ended, exit handlers run.
        Stop = "Stop",
        /// Everything is ended at once.
        Terminate = "Terminate",
    }

    /// When finished pods are deleted.
    pub enum PodGcStrategy {
        /// When the pod has ended.
        OnPodCompletion = "OnPodCompletion",
        /// When the pod has succeeded.
        OnPodSuccess = "OnPodSuccess",
        /// When the run has ended.
        OnWorkflowCompletion = "OnWorkflowCompletion",
        /// When the run has succeeded.
        OnWorkflowSuccess = "OnWorkflowSuccess",
    }

    /// When volumes of a run are deleted.
    pub enum VolumeClaimGcStrategy {
        /// When the run has ended.
        OnWorkflowCompletion = "OnWorkflowCompletion",
        /// When the run has succeeded.
        OnWorkflowSuccess = "OnWorkflowSuccess",
    }

    /// When artifacts are deleted.
    pub enum ArtifactGcStrategy {
        /// When the run has ended.
        OnWorkflowCompletion = "OnWorkflowCompletion",
        /// When the run is deleted.
        OnWorkflowDeletion = "OnWorkflowDeletion",
        /// Never.
        Never = "Never",
    }
}

impl WorkflowSpec {
    /// The template with this name; walks the list.
    pub fn template(&self, name: &str) -> Option<&Template> {
        self.templates.iter().find(|t| t.name == name).map(|t| &**t)
    }
}
