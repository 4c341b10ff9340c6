//! The text format that Prometheus reads.

use std::fmt::Write;

use engine::Timestamp;

use super::Inner;
use super::custom::Value;
use super::series::{Histogram, Labels, labels};

pub(super) fn render(m: &Inner, now: Timestamp) -> String {
    let mut out = String::new();
    for (name, series) in &m.counters {
        let _ = writeln!(out, "# TYPE {name} counter");
        series.iter().for_each(|(labels, value)| line(&mut out, name, labels, None, *value));
    }
    live(&mut out, m, now);
    for (name, series) in &m.histograms {
        let _ = writeln!(out, "# TYPE {name} histogram");
        series.iter().for_each(|(labels, histogram)| histogram_lines(&mut out, name, labels, histogram));
    }
    custom(&mut out, m, now);
    out
}

fn live(out: &mut String, m: &Inner, now: Timestamp) {
    let _ = writeln!(out, "# TYPE argo_workflows_gauge gauge");
    for ((namespace, phase), count) in &m.live.phases() {
        let of = labels(&[("phase", phase.as_str()), ("namespace", namespace.as_str())]);
        line(out, "argo_workflows_gauge", &of, None, *count as f64);
    }
    let _ = writeln!(out, "# TYPE colchis_artifact_gc_left gauge");
    for (namespace, left) in &m.uncollected {
        line(out, "colchis_artifact_gc_left", &labels(&[("namespace", namespace)]), None, *left as f64);
    }
    let _ = writeln!(out, "# TYPE colchis_queue_oldest_seconds gauge");
    for (namespace, created) in m.live.oldest_pending() {
        let waits = created.map_or(0, |created| now.millis_since(created).max(0)) as f64 / 1000.0;
        line(out, "colchis_queue_oldest_seconds", &labels(&[("namespace", namespace)]), None, waits);
    }
}

fn custom(out: &mut String, m: &Inner, now: Timestamp) {
    let mut lasting = m.custom.lasting(now.as_millis());
    for (name, metric) in m.custom.metrics() {
        head(out, name, &metric.help, metric.kind);
        // A name stands on the page once, and what lasts goes before what an earlier run left.
        let running = lasting.remove(name.as_str()).filter(|_| metric.kind == "gauge");
        let running = running.map(|(_, series)| series).unwrap_or_default();
        for (labels, value) in metric.series.iter().filter(|(labels, _)| !running.contains_key(labels)) {
            match value {
                Value::Number(value) => line(out, name, labels, None, *value),
                Value::Histogram(histogram) => histogram_lines(out, name, labels, histogram),
            }
        }
        running.into_iter().for_each(|(labels, value)| line(out, name, labels, None, value));
    }
    for (name, (help, series)) in lasting {
        head(out, name, help, "gauge");
        series.into_iter().for_each(|(labels, value)| line(out, name, labels, None, value));
    }
}

fn head(out: &mut String, name: &str, help: &str, kind: &str) {
    let help = help.replace('\\', "\\\\").replace('\n', "\\n");
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(out: &mut String, name: &str, labels: &Labels, extra: Option<(&str, &str)>, value: f64) {
    out.push_str(name);
    let all = labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).chain(extra);
    let mut first = true;
    for (key, value) in all {
        out.push(if first { '{' } else { ',' });
        first = false;
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(out, "{key}=\"{value}\"");
    }
    if !first {
        out.push('}');
    }
    let _ = writeln!(out, " {value}");
}

fn histogram_lines(out: &mut String, name: &str, labels: &Labels, histogram: &Histogram) {
    let bucket = format!("{name}_bucket");
    for (bound, count) in histogram.bounds.iter().zip(&histogram.counts) {
        line(out, &bucket, labels, Some(("le", &bound.to_string())), *count as f64);
    }
    line(out, &bucket, labels, Some(("le", "+Inf")), histogram.count as f64);
    line(out, &format!("{name}_sum"), labels, None, histogram.sum);
    line(out, &format!("{name}_count"), labels, None, histogram.count as f64);
}
