//! The kinds that hold a workflow's spec.

use super::{WorkflowSpec, WorkflowStatus};
use crate::meta::{ObjectMeta, impl_kind};

record! {
    /// A run.
    pub struct Workflow {
        /// Metadata.
        pub metadata: ObjectMeta,
        /// What it is asked to do.
        pub spec: WorkflowSpec,
        /// How far it is.
        pub status: Option<WorkflowStatus>,
    }

    /// Templates that runs of a namespace share.
    pub struct WorkflowTemplate {
        /// Metadata.
        pub metadata: ObjectMeta,
        /// The templates, and what a run made from them does.
        pub spec: WorkflowSpec,
    }

    /// Templates that runs of all namespaces share.
    pub struct ClusterWorkflowTemplate {
        /// Metadata.
        pub metadata: ObjectMeta,
        /// The templates, and what a run made from them does.
        pub spec: WorkflowSpec,
    }
}

impl_kind!(Workflow, "argoproj.io/v1alpha1", "workflows", namespaced: true, short: ["wf"], status: status);
impl_kind!(WorkflowTemplate, "argoproj.io/v1alpha1", "workflowtemplates", namespaced: true, short: ["wftmpl"]);
impl_kind!(
    ClusterWorkflowTemplate, "argoproj.io/v1alpha1", "clusterworkflowtemplates",
    namespaced: false, short: ["clusterwftmpl", "cwft"]
);
