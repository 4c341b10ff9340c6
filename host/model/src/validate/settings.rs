//! Rules around the work: deadlines, retries, locks, memoization, metrics, retention.

use super::report::Report;
use super::scope::Scope;
use crate::names;
use crate::values::{IntOrString, parse_duration_ms, parse_go_duration_ms};
use crate::workflow::{
    Memoize, Metrics, Prometheus, RetryStrategy, Synchronization, Template, TemplateKind, WorkflowSpec,
};

/// Settings of a run; the walk is at the spec.
pub(super) fn of_spec(report: &mut Report<'_>, scope: &Scope<'_, '_>, spec: &WorkflowSpec) {
    positive(report, "parallelism", spec.parallelism);
    not_negative(report, "activeDeadlineSeconds", spec.active_deadline_seconds);
    if let Some(retry) = &spec.retry_strategy {
        report.within("retryStrategy", |r| self::retry(r, scope, retry));
    }
    if let Some(locks) = &spec.synchronization {
        report.within("synchronization", |r| self::locks(r, scope, locks));
    }
    if let Some(metrics) = &spec.metrics {
        report.within("metrics", |r| self::metrics(r, scope, metrics));
    }
    if let Some(ttl) = &spec.ttl_strategy {
        report.within("ttlStrategy", |r| {
            not_negative(r, "secondsAfterCompletion", ttl.seconds_after_completion);
            not_negative(r, "secondsAfterSuccess", ttl.seconds_after_success);
            not_negative(r, "secondsAfterFailure", ttl.seconds_after_failure);
        });
    }
    if let Some(gc) = &spec.pod_gc {
        report
            .within("podGC", |r| duration_field(r, "deleteDelayDuration", gc.delete_delay_duration.as_deref(), false));
    }
    if let Some(meta) = &spec.workflow_metadata {
        report.within("workflowMetadata", |r| {
            r.within("labels", |r| super::metadata::labels(r, &meta.labels));
            r.within("annotations", |r| super::metadata::annotations(r, &meta.annotations));
            for (key, from) in &meta.labels_from {
                r.within("labelsFrom", |r| {
                    r.within(key, |r| {
                        if let Err(error) = names::check_label_key(key) {
                            r.error("MD003", format!("the label's key: {error}"));
                        }
                        r.within("expression", |r| scope.expression(r, &from.expression));
                    });
                });
            }
        });
    }
}

/// Settings of a template; the walk is at it.
pub(super) fn of_template(report: &mut Report<'_>, scope: &Scope<'_, '_>, template: &Template, kind: TemplateKind<'_>) {
    let groups = matches!(kind, TemplateKind::Steps(_) | TemplateKind::Dag(_));
    if groups {
        for (field, set) in [
            ("activeDeadlineSeconds", template.active_deadline_seconds.is_some()),
            ("timeout", template.timeout.is_some()),
            ("daemon", template.daemon == Some(true)),
            ("archiveLocation", template.archive_location.is_some()),
        ] {
            if set {
                let reason = format!("{field} has no meaning for {}", kind.name());
                report.warning_in(field, "WF230", reason).hinted("it belongs to the templates that do the work");
            }
        }
    } else {
        for (field, set) in
            [("parallelism", template.parallelism.is_some()), ("failFast", template.fail_fast.is_some())]
        {
            if set {
                report.warning_in(field, "WF230", format!("{field} has a meaning only for steps and dag"));
            }
        }
    }
    positive(report, "parallelism", template.parallelism);
    count_field(report, "activeDeadlineSeconds", template.active_deadline_seconds.as_ref());
    duration_field(report, "timeout", template.timeout.as_deref(), true);
    duration_field(report, "pendingTimeout", template.pending_timeout.as_deref(), true);
    if let Some(retry) = &template.retry_strategy {
        report.within("retryStrategy", |r| self::retry(r, scope, retry));
    }
    if let Some(memoize) = &template.memoize {
        report.within("memoize", |r| self::memoize(r, scope, memoize));
    }
    if let Some(locks) = &template.synchronization {
        report.within("synchronization", |r| self::locks(r, scope, locks));
    }
    if let Some(metrics) = &template.metrics {
        report.within("metrics", |r| self::metrics(r, scope, metrics));
    }
    for (field, value) in [("timeout", &template.timeout), ("pendingTimeout", &template.pending_timeout)] {
        if let Some(value) = value {
            report.within(field, |r| scope.text(r, value));
        }
    }
    if let Some(location) = &template.archive_location {
        report.within("archiveLocation", |r| {
            super::artifacts::location(r, location);
            scope.check(r, &**location);
        });
    }
}

fn retry(report: &mut Report<'_>, scope: &Scope<'_, '_>, retry: &RetryStrategy) {
    count_field(report, "limit", retry.limit.as_ref());
    if let Some(backoff) = &retry.backoff {
        report.within("backoff", |r| {
            duration_field(r, "duration", backoff.duration.as_deref(), true);
            duration_field(r, "maxDuration", backoff.max_duration.as_deref(), true);
            duration_field(r, "cap", backoff.cap.as_deref(), true);
            count_field(r, "factor", backoff.factor.as_ref());
            if backoff.duration.is_none() && (backoff.factor.is_some() || backoff.cap.is_some()) {
                r.error_in("duration", "WF160", "the first wait is missing").hinted("such as 1s");
            }
        });
    }
    if let Some(expression) = retry.expression.as_deref().filter(|e| !e.is_empty()) {
        report.within("expression", |r| scope.expression(r, expression));
    }
    scope.check(report, retry);
}

fn memoize(report: &mut Report<'_>, scope: &Scope<'_, '_>, memoize: &Memoize) {
    if memoize.key.is_empty() {
        report.error_in("key", "WF180", "the key is missing");
    }
    let cache = memoize.cache.as_ref().and_then(|c| c.config_map.as_ref());
    if cache.is_none_or(|c| c.name.is_empty()) {
        let mark = report.path.push_path("cache.configMap.name");
        report.error("WF180", "the name of the cache is missing");
        report.path.truncate(mark);
    }
    let age = Some(memoize.max_age.as_str()).filter(|a| !a.is_empty());
    duration_field(report, "maxAge", age, true);
    scope.check(report, memoize);
}

fn locks(report: &mut Report<'_>, scope: &Scope<'_, '_>, locks: &Synchronization) {
    if locks.all_semaphores().next().is_none() && locks.all_mutexes().next().is_none() {
        report.error("WF190", "there is no lock").hinted("mutexes or semaphores are needed");
    }
    let older = locks.semaphore.iter().map(|s| ("semaphore".to_owned(), s));
    let newer = locks.semaphores.iter().enumerate().map(|(i, s)| (format!("semaphores[{i}]"), s));
    for (path, semaphore) in older.chain(newer) {
        let mark = report.path.push_path(&path);
        match (&semaphore.config_map_key_ref, &semaphore.database) {
            (Some(_), Some(_)) => report.error("WF191", "configMapKeyRef and database cannot stand together").done(),
            (None, None) => report.error("WF191", "configMapKeyRef or database is missing").done(),
            (Some(map), None) if map.name.is_empty() || map.key.is_empty() => {
                report.error_in("configMapKeyRef", "WF191", "name and key are needed");
            }
            (None, Some(database)) if database.key.is_empty() => {
                report.error_in("database", "WF191", "the key is missing");
            }
            _ => {}
        }
        report.path.truncate(mark);
    }
    let older = locks.mutex.iter().map(|m| ("mutex".to_owned(), m));
    let newer = locks.mutexes.iter().enumerate().map(|(i, m)| (format!("mutexes[{i}]"), m));
    for (path, mutex) in older.chain(newer) {
        if mutex.name.is_empty() {
            let mark = report.path.push_path(&path);
            report.error_in("name", "WF192", "the name of the mutex is missing");
            report.path.truncate(mark);
        }
    }
    scope.check(report, locks);
}

fn metrics(report: &mut Report<'_>, scope: &Scope<'_, '_>, metrics: &Metrics) {
    for (i, metric) in metrics.prometheus.iter().enumerate() {
        report.within_item("prometheus", i, |r| self::metric(r, scope, metric));
    }
}

fn metric(report: &mut Report<'_>, scope: &Scope<'_, '_>, metric: &Prometheus) {
    let is_name = |name: &str| {
        !name.starts_with(|c: char| c.is_ascii_digit())
            && !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':')
    };
    // A name with tags is known when the metric is emitted.
    if !is_name(&metric.name) && !metric.name.contains("{{") {
        report
            .error_in("name", "WF200", format!("{:?} is not the name of a metric", metric.name))
            .hinted("letters, digits and _, beginning with a letter");
    }
    if metric.help.is_empty() {
        report.error_in("help", "WF201", "what it measures is missing").hinted("a sentence for people");
    }
    for (i, label) in metric.labels.iter().enumerate() {
        if !is_name(&label.key) || label.key.contains(':') {
            report.within_item("labels", i, |r| {
                r.error_in("key", "WF202", format!("{:?} is not the name of a label", label.key));
            });
        }
    }
    let set = [
        ("gauge", metric.gauge.is_some()),
        ("histogram", metric.histogram.is_some()),
        ("counter", metric.counter.is_some()),
    ];
    let set: Vec<&str> = set.into_iter().filter_map(|(n, s)| s.then_some(n)).collect();
    match set.as_slice() {
        [_] => {}
        [] => report.error("WF203", "one of gauge, histogram and counter is needed").done(),
        many => report.error("WF203", format!("{} cannot stand together", many.join(" and "))).done(),
    }
    if let Some(histogram) = &metric.histogram {
        let rising = histogram.buckets.windows(2).all(|w| matches!(w, [a, b] if a.0 < b.0));
        if histogram.buckets.is_empty() || !rising {
            report.within("histogram", |r| {
                r.error_in("buckets", "WF204", "upper bounds are needed, each above the one before");
            });
        }
    }
    let values = [
        ("gauge.value", metric.gauge.as_ref().map(|g| g.value.as_str())),
        ("histogram.value", metric.histogram.as_ref().map(|h| h.value.as_str())),
        ("counter.value", metric.counter.as_ref().map(|c| c.value.as_str())),
    ];
    for (path, value) in values {
        let Some(value) = value else { continue };
        if value.is_empty() || (!value.contains("{{") && value.parse::<f64>().is_err()) {
            let mark = report.path.push_path(path);
            report.error("WF205", "a number or a tag is expected");
            report.path.truncate(mark);
        }
    }
    if let Some(when) = &metric.when {
        report.within("when", |r| scope.condition(r, when));
    }
    report.within("name", |r| scope.text(r, &metric.name));
    report.within("help", |r| scope.text(r, &metric.help));
    report.within("labels", |r| scope.check(r, &metric.labels));
    scope.check(report, &Values { gauge: &metric.gauge, histogram: &metric.histogram, counter: &metric.counter });
}

/// The parts of a metric in which tags stand.
#[derive(serde::Serialize)]
struct Values<'a> {
    gauge: &'a Option<crate::workflow::Gauge>,
    histogram: &'a Option<crate::workflow::Histogram>,
    counter: &'a Option<crate::workflow::Counter>,
}

fn positive(report: &mut Report<'_>, field: &str, value: Option<i64>) {
    if value.is_some_and(|v| v < 1) {
        report.error_in(field, "WF064", "a positive number is expected");
    }
}

pub(super) fn not_negative(report: &mut Report<'_>, field: &str, value: Option<i64>) {
    if value.is_some_and(|v| v < 0) {
        report.error_in(field, "WF064", "a number cannot be negative here");
    }
}

/// A count that may be text or a tag.
pub(super) fn count_field(report: &mut Report<'_>, field: &str, value: Option<&IntOrString>) {
    let Some(value) = value else { return };
    let text = value.to_text();
    if text.contains("{{") {
        return;
    }
    match value.as_i64() {
        None => report.error_in(field, "WF064", format!("{text:?} is not a whole number")).done(),
        Some(n) if n < 0 => report.error_in(field, "WF064", "a number cannot be negative here").done(),
        Some(_) => {}
    }
}

/// A duration, unless it holds a tag; `plain_seconds` admits a number of seconds.
pub(super) fn duration_field(report: &mut Report<'_>, field: &str, value: Option<&str>, plain_seconds: bool) {
    let Some(text) = value.filter(|t| !t.contains("{{")) else { return };
    let parsed = if plain_seconds { parse_duration_ms(text) } else { parse_go_duration_ms(text) };
    match parsed {
        Err(error) => report.error_in(field, "WF060", error.to_string()).done(),
        Ok(ms) if ms < 0 => report.error_in(field, "WF060", format!("{text:?} is a negative duration")).done(),
        Ok(_) => {}
    }
}
