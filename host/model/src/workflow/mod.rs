//! Argo's workflow kinds, field for field.

mod arguments;
mod artifact;
mod artifact_location;
mod artifact_repository;
mod control;
mod cron;
mod data;
mod event_binding;
mod kinds;
mod loops;
mod metrics;
mod node_status;
mod spec;
mod status;
mod step;
mod synchronization;
mod template;
mod work;

pub use arguments::{Arguments, Inputs, Outputs, Parameter, SuppliedValueFrom, ValueFrom};
pub use artifact::{ArchiveStrategy, Artifact, NoneStrategy, TarStrategy, ZipStrategy};
pub use artifact_location::{
    ArtifactLocation, ArtifactoryArtifact, AzureArtifact, BasicAuth, ClientCertAuth, CreateS3Bucket, GcsArtifact,
    GitArtifact, HdfsArtifact, HttpArtifact, HttpAuth, OAuth2Auth, OAuth2EndpointParam, OssArtifact, OssLifecycleRule,
    PlainHeader, PluginArtifact, RawArtifact, S3Artifact, S3EncryptionOptions,
};
pub use artifact_repository::{
    ArtifactRepository, ArtifactoryArtifactRepository, AzureArtifactRepository, GcsArtifactRepository,
    KEY_FORMAT_DEFAULT, OssArtifactRepository, S3ArtifactRepository,
};
pub use control::{
    Backoff, ContinueOn, LifecycleHook, RetryAffinity, RetryNodeAntiAffinity, RetryPolicy, RetryStrategy,
};
pub use cron::{ConcurrencyPolicy, CronPhase, CronWorkflow, CronWorkflowSpec, CronWorkflowStatus, StopStrategy};
pub use data::{DataSource, DataTemplate, TransformationStep};
pub use event_binding::{Event, Submit, WorkflowEventBinding, WorkflowEventBindingSpec};
pub use kinds::{ClusterWorkflowTemplate, Workflow, WorkflowTemplate};
pub use loops::{Item, Sequence};
pub use metrics::{Amount, Counter, Gauge, GaugeOperation, Histogram, MetricLabel, Metrics, Prometheus};
pub use node_status::{MemoizationStatus, NodeFlag, NodePhase, NodeStatus, NodeSynchronizationStatus, NodeType};
pub use spec::{
    ArtifactGc, ArtifactGcStrategy, ArtifactRepositoryRef, ExecutorConfig, ExecutorPlugin, ExecutorPluginSpec,
    LabelValueFrom, PodGc, PodGcStrategy, ShutdownStrategy, TtlStrategy, VolumeClaimGc, VolumeClaimGcStrategy,
    WorkflowArtifactGc, WorkflowMetadata, WorkflowSpec, WorkflowTemplateRef,
};
pub use status::{
    ArtifactGcStatus, ArtifactRepositoryRefStatus, MutexHolding, MutexStatus, SemaphoreHolding, SemaphoreStatus,
    SynchronizationStatus, WorkflowPhase, WorkflowStatus,
};
pub use step::{DagTask, DagTemplate, ParallelSteps, TemplateRef, WorkflowStep};
pub use synchronization::{Mutex, SemaphoreRef, SyncDatabaseRef, Synchronization};
pub use template::{Memoize, MemoizeCache, Template, TemplateKind};
pub use work::{
    ContainerSetRetryStrategy, ContainerSetTemplate, HttpBodySource, HttpHeader, HttpHeaderSource, HttpTemplate,
    ManifestFrom, ResourceAction, ResourceTemplate, ScriptTemplate, SuspendTemplate,
};
