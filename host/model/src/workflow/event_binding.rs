//! WorkflowEventBinding: runs by events.

use super::{Arguments, WorkflowTemplateRef};
use crate::meta::{ObjectMeta, impl_kind};

record! {
    /// Runs made by events.
    pub struct WorkflowEventBinding {
        /// Metadata.
        pub metadata: ObjectMeta,
        /// Which events, and which runs.
        pub spec: WorkflowEventBindingSpec,
    }

    /// Which events make which runs.
    pub struct WorkflowEventBindingSpec {
        /// The events.
        pub event: Event,
        /// The runs.
        pub submit: Option<Submit>,
    }

    /// Which events.
    pub struct Event {
        /// An expression over `payload`, `metadata` and `discriminator`.
        pub selector: String,
    }

    /// Which run is made.
    pub struct Submit {
        /// The template object.
        pub workflow_template_ref: WorkflowTemplateRef,
        /// Metadata of the run; `name` and `generateName` may hold tags.
        pub metadata: Option<ObjectMeta>,
        /// What the run is given; values may come from the event.
        pub arguments: Option<Arguments>,
    }
}

impl_kind!(WorkflowEventBinding, "argoproj.io/v1alpha1", "workfloweventbindings", namespaced: true, short: ["wfeb"]);
