//! What happens when a node fails, and around its end.

use super::{Arguments, TemplateRef};
use crate::values::{AnyString, IntOrString};

record! {
    /// When and how often a node is tried again.
    pub struct RetryStrategy {
        /// How many times it is tried again; without a limit when absent.
        pub limit: Option<IntOrString>,
        /// After which ends; `OnFailure` by default.
        pub retry_policy: Option<RetryPolicy>,
        /// How long to wait before.
        pub backoff: Option<Backoff>,
        /// Where it is tried again.
        pub affinity: Option<RetryAffinity> = kept "acts on the Kubernetes runner",
        /// An expression over `lastRetry.exitCode`, `.status`, `.duration` and `.message` that must hold.
        pub expression: Option<String>,
    }

    /// How long to wait before the next try.
    pub struct Backoff {
        /// The first wait: seconds, or a duration such as `2m`.
        pub duration: Option<AnyString>,
        /// By what each wait is multiplied to give the next.
        pub factor: Option<IntOrString>,
        /// The time since the first start after which it is not tried again.
        pub max_duration: Option<AnyString>,
        /// The longest single wait.
        pub cap: Option<AnyString>,
    }

    /// Where a node is tried again.
    pub struct RetryAffinity {
        /// On another machine.
        pub node_anti_affinity: Option<RetryNodeAntiAffinity>,
    }

    /// On another machine; has no fields.
    pub struct RetryNodeAntiAffinity {}

    /// Ends that count as success.
    pub struct ContinueOn {
        /// Errors.
        pub error: bool,
        /// Failures.
        pub failed: bool,
    }

    /// A template that runs when an expression becomes true, or at the end (the name `exit`).
    pub struct LifecycleHook {
        /// The template.
        pub template: String,
        /// What it is given.
        pub arguments: Arguments,
        /// A template of another object.
        pub template_ref: Option<TemplateRef>,
        /// When it runs; not for `exit`.
        pub expression: Option<String>,
    }
}

words! {
    /// After which ends a node is tried again.
    #[derive(Default)]
    pub enum RetryPolicy {
        /// Failures and errors.
        Always = "Always",
        /// Failures: the step's process ended with an error.
        #[default]
        OnFailure = "OnFailure",
        /// Errors: the server or the machine failed.
        OnError = "OnError",
        /// Errors that are known to pass.
        OnTransientError = "OnTransientError",
    }
}
