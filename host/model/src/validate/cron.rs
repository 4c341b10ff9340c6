//! CronWorkflows.

use super::report::Report;
use super::scope::Scope;
use super::settings::not_negative;
use super::spec::{self, Role};
use crate::cron::{Schedule, zone};
use crate::workflow::CronWorkflow;

/// Checks a CronWorkflow; the walk is at the object.
pub(super) fn check(report: &mut Report<'_>, cron: &CronWorkflow) {
    let cron = &cron.spec;
    report.within("spec", |r| {
        if cron.all_schedules().next().is_none() {
            r.error_in("schedules", "WF210", "there is no schedule").hinted("such as [\"0 8 * * MON-FRI\"]");
        }
        if !cron.schedule.is_empty() && !cron.schedules.is_empty() {
            r.error_in("schedule", "WF210", "schedule and schedules cannot stand together")
                .hinted("write all of them in schedules");
        }
        if !cron.schedule.is_empty() {
            r.within("schedule", |r| schedule(r, &cron.schedule));
        }
        for (i, text) in cron.schedules.iter().enumerate() {
            r.within_item("schedules", i, |r| schedule(r, text));
        }
        if let Err(error) = zone(&cron.timezone) {
            r.error_in("timezone", "WF063", error.to_string());
        }
        not_negative(r, "startingDeadlineSeconds", cron.starting_deadline_seconds);
        not_negative(r, "successfulJobsHistoryLimit", cron.successful_jobs_history_limit.map(i64::from));
        not_negative(r, "failedJobsHistoryLimit", cron.failed_jobs_history_limit.map(i64::from));
        if let Some(meta) = &cron.workflow_metadata {
            r.within("workflowMetadata", |r| {
                r.within("labels", |r| super::metadata::labels(r, &meta.labels));
                r.within("annotations", |r| super::metadata::annotations(r, &meta.annotations));
            });
        }
        let expressions = spec::expressions(&cron.workflow_spec);
        let scope = Scope::of(&expressions);
        if let Some(when) = &cron.when {
            r.within("when", |r| scope.condition(r, when));
        }
        if let Some(stop) = &cron.stop_strategy {
            r.within("stopStrategy", |r| r.within("expression", |r| scope.expression(r, &stop.expression)));
        }
        r.within("workflowSpec", |r| spec::check_at(r, &cron.workflow_spec, Role::Cron));
    });
}

fn schedule(report: &mut Report<'_>, text: &str) {
    if let Err(error) = Schedule::parse(text) {
        report.error("WF062", error.to_string());
    }
}
