//! What is due, decided from what is seen: no clock, no store.

use expr::{Condition, Env, Expression, MapScope, Mode, Template, Value};
use model::Timestamp;
use model::workflow::{CronWorkflow, CronWorkflowStatus};

/// How late a run may be made when the object gives no starting deadline: what a busy server needs, not what a stopped one has missed.
const GRACE_MS: i64 = 10_000;
/// How far ahead of the clock the last run may have been made, before the clock is taken to have been wrong then (`ahead_max`). Less is a clock that was
/// set back a little: what was run is not run again.
const AHEAD_MAX_MS: i64 = 3_600_000;
/// Moments looked at in one go (`missed_max`): a schedule of each minute that slept for a year is not walked through.
const MISSED_MAX: usize = 10_000;

/// What is to be done now, and when to look again.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) due: Due,
    pub(super) next: Option<Timestamp>,
    pub(super) stopped: bool,
}

/// What is to be done now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Make the run of this moment.
    Run(Timestamp),
    /// This moment's run would come too late.
    Missed(Timestamp),
    /// Nothing.
    Nothing,
}

/// Decides.
pub(super) fn plan(
    cron: &CronWorkflow,
    status: &CronWorkflowStatus,
    now: Timestamp,
    default_zone: &str,
) -> Result<Plan, String> {
    let schedules = schedules(cron, default_zone)?;
    let stopped = stopped(cron, status)?;
    if cron.spec.suspend || stopped || cron.metadata.deletion_timestamp.is_some() {
        return Ok(Plan { due: Due::Nothing, next: None, stopped });
    }
    let since = status.last_scheduled_time.or(cron.metadata.creation_timestamp).unwrap_or(now);
    // A schedule must not rest until a moment comes round that a wrong clock once showed.
    let since = if since.millis_since(now) > AHEAD_MAX_MS { now.plus_millis(-GRACE_MS) } else { since };
    // Of several missed moments only the last one is caught up with.
    let allowed = cron.spec.starting_deadline_seconds.map_or(GRACE_MS, |s| s.max(0).saturating_mul(1000).max(GRACE_MS));
    let earliest = now.plus_millis(-allowed);
    let last = |from: Timestamp| {
        let mut found = None;
        for schedule in &schedules {
            let mut at = from;
            for _ in 0..MISSED_MAX {
                match schedule.next_after(at) {
                    Some(next) if next <= now => {
                        at = next;
                        found = found.max(Some(next));
                    }
                    _ => break,
                }
            }
        }
        found
    };
    let next = schedules.iter().filter_map(|s| s.next_after(now)).min();
    let due = match last(since.max(earliest.plus_millis(-1))) {
        Some(at) => Due::Run(at),
        None => match schedules.iter().filter_map(|s| s.next_after(since)).filter(|at| *at <= now).min() {
            Some(at) => Due::Missed(schedules.iter().filter_map(|s| s.prev_before(now)).max().unwrap_or(at).max(at)),
            None => Due::Nothing,
        },
    };
    Ok(Plan { due, next, stopped })
}

/// The moments of a span, its end included.
pub(super) fn moments(
    cron: &CronWorkflow,
    (from, until): (Timestamp, Timestamp),
    max: usize,
    default_zone: &str,
) -> Result<Vec<Timestamp>, String> {
    let mut out = Vec::new();
    for schedule in schedules(cron, default_zone)? {
        let mut at = from.plus_millis(-1);
        while let Some(next) = schedule.next_after(at).filter(|next| *next <= until) {
            out.push(next);
            at = next;
            if out.len() > max {
                return Err(format!("the span has more than {max} moments (backfill_max); take a shorter one"));
            }
        }
    }
    out.sort();
    out.dedup();
    Ok(out)
}

/// Whether `when` lets a run be made.
pub(super) fn condition(cron: &CronWorkflow, status: &CronWorkflowStatus, now: Timestamp) -> Result<bool, String> {
    let Some(when) = cron.spec.when.as_deref().filter(|w| !w.trim().is_empty()) else { return Ok(true) };
    let scope = scope(cron, status);
    let mut env = Env::new(&scope);
    if let Ok(now) = jiff::Timestamp::from_millisecond(now.as_millis()) {
        env = env.with_now(now);
    }
    Condition::parse(when).and_then(|c| c.eval_in(&mut env)).map_err(|e| format!("spec.when: {e}"))
}

fn stopped(cron: &CronWorkflow, status: &CronWorkflowStatus) -> Result<bool, String> {
    let Some(stop) = cron.spec.stop_strategy.as_ref().filter(|s| !s.expression.is_empty()) else { return Ok(false) };
    let scope = scope(cron, status);
    let mut env = Env::new(&scope);
    // Tags are filled in before what they make is read, as in every expression.
    let filled =
        Template::parse(&stop.expression).and_then(|t| Ok(t.render_in(&mut env, Mode::Strict)?.text.into_owned()));
    let expression = filled.and_then(|text| Expression::parse(&text)?.eval_bool(&mut env));
    expression.map_err(|e| format!("spec.stopStrategy.expression: {e}"))
}

/// `cronworkflow.*`.
fn scope(cron: &CronWorkflow, status: &CronWorkflowStatus) -> MapScope {
    let mut scope = MapScope::new();
    let text = |map: &model::meta::StringMap| serde_json::to_string(map).unwrap_or_default();
    scope.insert("cronworkflow.name", cron.metadata.name.as_str());
    scope.insert("cronworkflow.namespace", cron.metadata.namespace.as_str());
    scope.insert("cronworkflow.succeeded", status.succeeded);
    scope.insert("cronworkflow.failed", status.failed);
    scope.insert("cronworkflow.labels.json", text(&cron.metadata.labels));
    scope.insert("cronworkflow.annotations.json", text(&cron.metadata.annotations));
    for (key, value) in &cron.metadata.labels {
        scope.insert(format!("cronworkflow.labels.{key}"), value.as_str());
    }
    for (key, value) in &cron.metadata.annotations {
        scope.insert(format!("cronworkflow.annotations.{key}"), value.as_str());
    }
    let last = status.last_scheduled_time.and_then(|t| jiff::Timestamp::from_millisecond(t.as_millis()).ok());
    scope.insert("cronworkflow.lastScheduledTime", last.map_or(Value::Nil, Value::from));
    scope
}

/// A schedule in its zone.
struct InZone {
    schedule: model::cron::Schedule,
    zone: jiff::tz::TimeZone,
}

impl InZone {
    fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        self.schedule.next_after(at, &self.zone)
    }
    fn prev_before(&self, at: Timestamp) -> Option<Timestamp> {
        self.schedule.previous_before(at, &self.zone)
    }
}

fn schedules(cron: &CronWorkflow, default_zone: &str) -> Result<Vec<InZone>, String> {
    let mut out = Vec::new();
    for text in cron.spec.all_schedules() {
        let schedule = model::cron::Schedule::parse(text).map_err(|e| format!("spec.schedules: {text:?}: {e}"))?;
        let zone = if cron.spec.timezone.is_empty() { default_zone } else { cron.spec.timezone.as_str() };
        let zone = model::cron::zone(zone).map_err(|e| format!("spec.timezone: {zone:?}: {e}"))?;
        out.push(InZone { schedule, zone });
    }
    if out.is_empty() {
        return Err("spec.schedules: there is none".to_owned());
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse::<jiff::Timestamp>().unwrap().into()
    }

    fn hourly(last: &str) -> (CronWorkflow, CronWorkflowStatus) {
        let cron = serde_json::json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "CronWorkflow", "metadata": {"name": "c"},
            "spec": {"schedules": ["0 * * * *"], "workflowSpec": {}},
        });
        let status = CronWorkflowStatus { last_scheduled_time: Some(at(last)), ..CronWorkflowStatus::default() };
        (serde_json::from_value(cron).unwrap(), status)
    }

    #[test]
    fn a_clock_that_jumps() {
        let last = "2024-05-01T10:00:00Z";
        for (now, due, next) in [
            // On time, and a moment later.
            ("2024-05-01T11:00:00Z", Due::Run(at("2024-05-01T11:00:00Z")), "2024-05-01T12:00:00Z"),
            ("2024-05-01T10:00:05Z", Due::Nothing, "2024-05-01T11:00:00Z"),
            // Set back a little: what was run is not run again.
            ("2024-05-01T09:59:58Z", Due::Nothing, "2024-05-01T10:00:00Z"),
            // Set forward over several moments: they were missed, and the schedule goes on from there.
            ("2024-05-03T15:30:00Z", Due::Missed(at("2024-05-03T15:00:00Z")), "2024-05-03T16:00:00Z"),
            // Set back by far, or the last run was made by a clock that was wrong: it goes on from now.
            ("2024-03-01T00:30:00Z", Due::Nothing, "2024-03-01T01:00:00Z"),
        ] {
            let (cron, status) = hourly(last);
            let expect = Plan { due, next: Some(at(next)), stopped: false };
            assert_eq!(plan(&cron, &status, at(now), "").unwrap(), expect, "{now}");
        }
        // And at that next moment it runs, long before the one that the wrong clock showed.
        let (cron, status) = hourly("2031-01-01T00:00:00Z");
        let now = at("2024-03-01T01:00:01Z");
        assert_eq!(plan(&cron, &status, now, "").unwrap().due, Due::Run(at("2024-03-01T01:00:00Z")));
    }

    #[test]
    fn a_schedule_that_stops_itself() {
        for expression in ["cronworkflow.failed >= 3", "{{cronworkflow.failed}} >= 3", "{{=cronworkflow.failed >= 3}}"]
        {
            let (mut cron, mut status) = hourly("2024-05-01T10:00:00Z");
            cron.spec.stop_strategy = serde_json::from_value(serde_json::json!({"expression": expression})).unwrap();
            for (failed, expect) in [(2, false), (3, true)] {
                status.failed = failed;
                let planned = plan(&cron, &status, at("2024-05-01T11:00:00Z"), "").unwrap();
                assert_eq!(planned.stopped, expect, "{expression} after {failed}");
            }
        }
        let (mut cron, status) = hourly("2024-05-01T10:00:00Z");
        cron.spec.stop_strategy =
            serde_json::from_value(serde_json::json!({"expression": "{{cronworkflow.nothing}} > 1"})).unwrap();
        let problem = plan(&cron, &status, at("2024-05-01T11:00:00Z"), "").unwrap_err();
        assert!(
            problem.contains("spec.stopStrategy.expression") && problem.contains("cronworkflow.nothing"),
            "{problem}"
        );
    }
}
