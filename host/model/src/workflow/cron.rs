//! CronWorkflow: runs by the clock.

use super::WorkflowSpec;
use crate::core::Metadata;
use crate::meta::{Condition, ObjectMeta, ObjectReference, impl_kind};
use crate::values::Timestamp;

record! {
    /// Runs made by the clock.
    pub struct CronWorkflow {
        /// Metadata.
        pub metadata: ObjectMeta,
        /// When, and what.
        pub spec: CronWorkflowSpec,
        /// What was made.
        pub status: Option<CronWorkflowStatus>,
    }

    /// When runs are made, and what they do.
    pub struct CronWorkflowSpec {
        /// What each run does.
        pub workflow_spec: WorkflowSpec,
        /// When: five fields, or `@hourly` and the like.
        pub schedules: Vec<String>,
        /// When, in the form before 3.6.
        pub schedule: String,
        /// The time zone of the schedules, such as `Europe/Berlin`; the server's by default.
        pub timezone: String,
        /// What happens when the last run still runs; `Allow` by default.
        pub concurrency_policy: Option<ConcurrencyPolicy>,
        /// Makes no runs.
        pub suspend: bool,
        /// Seconds after a missed moment in which the run is still made.
        pub starting_deadline_seconds: Option<i64>,
        /// How many successful runs are kept; 3 by default.
        pub successful_jobs_history_limit: Option<i32>,
        /// How many failed runs are kept; 1 by default.
        pub failed_jobs_history_limit: Option<i32>,
        /// Labels and annotations of the runs.
        pub workflow_metadata: Option<Metadata>,
        /// When no further runs are made.
        pub stop_strategy: Option<StopStrategy>,
        /// A condition under which a run is made.
        pub when: Option<String>,
    }

    /// When no further runs are made.
    pub struct StopStrategy {
        /// An expression over `cronworkflow`.
        pub expression: String,
    }

    /// What was made.
    pub struct CronWorkflowStatus {
        /// Runs that have not ended.
        pub active: Vec<ObjectReference>,
        /// The last moment at which a run was made.
        pub last_scheduled_time: Option<Timestamp>,
        /// Observations.
        pub conditions: Vec<Condition>,
        /// How many runs succeeded.
        pub succeeded: i64,
        /// How many runs failed.
        pub failed: i64,
        /// Whether runs are still made.
        pub phase: Option<CronPhase>,
    }
}

words! {
    /// What happens when the last run still runs.
    #[derive(Default)]
    pub enum ConcurrencyPolicy {
        /// Another is made.
        #[default]
        Allow = "Allow",
        /// None is made.
        Forbid = "Forbid",
        /// The last one is ended and another made.
        Replace = "Replace",
    }

    /// Whether runs are still made.
    pub enum CronPhase {
        /// They are.
        Active = "Active",
        /// The stop strategy has ended them.
        Stopped = "Stopped",
    }
}

impl CronWorkflowSpec {
    /// All schedules, also that of the older form.
    pub fn all_schedules(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.schedule.as_str())
            .filter(|s| !s.is_empty())
            .chain(self.schedules.iter().map(String::as_str))
    }
}

impl_kind!(
    CronWorkflow, "argoproj.io/v1alpha1", "cronworkflows", namespaced: true, short: ["cwf", "cronwf"], status: status
);
