//! Metrics that manifests define.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use engine_workflow::{Sample, SampleValue};
use model::workflow::GaugeOperation;

use super::RuntimeMetrics;
use super::series::{Histogram, Labels, SERIES_MAX};

/// Metrics that manifests may define in all (`custom_metrics_max`).
const METRICS_MAX: usize = 1_000;

/// Names that the server's own metrics have, and beginnings of further ones: what users name does not take them, because a page on which a name stands
/// twice is refused as a whole.
const OURS: &[&str] = &[
    "argo_workflows_total_count",
    "argo_workflows_gauge",
    "argo_workflows_version",
    "argo_workflows_run_duration_seconds",
    "argo_workflows_queue_latency_seconds",
    "argo_workflows_pods_total_count",
    "argo_workflows_pods_started_total",
    "argo_workflows_cronworkflows_triggered_total",
    "argo_workflows_workflowtemplate_triggered_total",
    "argo_workflows_workflowtemplate_runtime",
];

/// All of them.
#[derive(Default)]
pub(super) struct Custom {
    metrics: BTreeMap<String, Metric>,
    /// Gauges of time: since when, and what they measure.
    lasting: HashMap<(Arc<str>, String, Labels), (i64, String)>,
}

pub(super) struct Metric {
    pub(super) help: String,
    pub(super) kind: &'static str,
    pub(super) series: BTreeMap<Labels, Value>,
}

pub(super) enum Value {
    Number(f64),
    Histogram(Histogram),
}

impl RuntimeMetrics {
    /// Metrics that a manifest defines. Answers those that cannot be kept, for people.
    pub(crate) fn custom(&self, id: &Arc<str>, samples: &[Sample]) -> Vec<String> {
        if samples.is_empty() {
            return Vec::new();
        }
        self.with(|m| samples.iter().filter_map(|sample| m.custom.take(id, sample).err()).collect())
    }
}

impl Custom {
    fn take(&mut self, id: &Arc<str>, sample: &Sample) -> Result<(), String> {
        let name = format!("argo_workflows_{}", sample.name);
        if is_ours(&name) {
            return Err(format!("metric {:?} is not kept: {name} is one of the server's own", sample.name));
        }
        let labels: Labels = sample.labels.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        if let SampleValue::Lasting { since_ms, .. } = &sample.value {
            if self.lasting.len() < SERIES_MAX {
                self.lasting.insert((id.clone(), name, labels), (*since_ms, sample.help.to_string()));
            }
            return Ok(());
        }
        if self.metrics.len() >= METRICS_MAX && !self.metrics.contains_key(&name) {
            return Err(format!(
                "metric {:?} is not kept: manifests have defined {METRICS_MAX} already (custom_metrics_max)",
                sample.name
            ));
        }
        self.lasting.remove(&(id.clone(), name.clone(), labels.clone()));
        let kind = kind(&sample.value);
        let metric = self.metrics.entry(name).or_insert_with(|| Metric {
            help: sample.help.to_string(),
            kind,
            series: BTreeMap::new(),
        });
        if metric.kind != kind {
            return Err(format!(
                "metric {:?} is not kept: it is a {kind} here and was a {} before",
                sample.name, metric.kind
            ));
        }
        if metric.series.len() >= SERIES_MAX && !metric.series.contains_key(&labels) {
            return Err(format!("metric {:?}: it has {SERIES_MAX} series already (series_max)", sample.name));
        }
        metric.take(labels, &sample.value);
        Ok(())
    }

    pub(super) fn forget_lasting(&mut self, id: &Arc<str>) {
        self.lasting.retain(|(of, ..), _| of != id);
    }

    pub(super) fn metrics(&self) -> impl Iterator<Item = (&String, &Metric)> {
        self.metrics.iter()
    }

    /// Gauges of time, by name: what they measure, and the seconds of each.
    pub(super) fn lasting(&self, now_ms: i64) -> BTreeMap<&str, (&str, BTreeMap<&Labels, f64>)> {
        let mut out: BTreeMap<&str, (&str, BTreeMap<&Labels, f64>)> = BTreeMap::new();
        for ((_, name, labels), (since, help)) in &self.lasting {
            let (_, series) = out.entry(name).or_insert_with(|| (help, BTreeMap::new()));
            // One series has one value: of several runs with the same labels, that of the one that began last.
            let value = series.entry(labels).or_insert(f64::INFINITY);
            *value = f64::min(*value, (now_ms - since).max(0) as f64 / 1000.0);
        }
        out
    }
}

/// Whether a name, or a part of a histogram of that name, is one of ours.
fn is_ours(name: &str) -> bool {
    OURS.iter().any(|ours| {
        name.strip_prefix(ours).is_some_and(|rest| matches!(rest, "" | "_bucket" | "_sum" | "_count"))
            || ours.strip_prefix(name).is_some_and(|rest| matches!(rest, "_bucket" | "_sum" | "_count"))
    })
}

fn kind(value: &SampleValue) -> &'static str {
    match value {
        SampleValue::Gauge(..) | SampleValue::Lasting { .. } => "gauge",
        SampleValue::Counter(_) => "counter",
        SampleValue::Histogram(..) => "histogram",
    }
}

impl Metric {
    fn take(&mut self, labels: Labels, value: &SampleValue) {
        match value {
            SampleValue::Histogram(bounds, value) => {
                let series = self.series.entry(labels).or_insert_with(|| Value::Histogram(Histogram::new(bounds)));
                if let Value::Histogram(histogram) = series {
                    histogram.observe(*value);
                }
            }
            SampleValue::Gauge(operation, value) => {
                if let Value::Number(number) = self.series.entry(labels).or_insert(Value::Number(0.0)) {
                    match operation {
                        GaugeOperation::Set => *number = *value,
                        GaugeOperation::Add => *number += value,
                        GaugeOperation::Sub => *number -= value,
                    }
                }
            }
            SampleValue::Counter(value) => {
                if let Value::Number(number) = self.series.entry(labels).or_insert(Value::Number(0.0)) {
                    *number += value.max(0.0);
                }
            }
            SampleValue::Lasting { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::Timestamp;

    use super::*;

    fn sample(value: SampleValue) -> Sample {
        Sample { name: "took".into(), help: "Seconds".into(), labels: vec![("of".into(), "a".into())], value }
    }

    #[test]
    fn a_gauge_in_real_time_grows_until_its_last_value() {
        let metrics = RuntimeMetrics::default();
        let id: Arc<str> = "run".into();
        let at = |ms| metrics.render(Timestamp::from_millis(ms));
        metrics.custom(&id, &[sample(SampleValue::Lasting { since_ms: 1_000, of: None })]);
        let shown = |text: &str| text.lines().filter(|l| l.contains("took")).map(str::to_owned).collect::<Vec<_>>();
        let heads = ["# HELP argo_workflows_took Seconds", "# TYPE argo_workflows_took gauge"];
        assert_eq!(shown(&at(3_500)), [heads[0], heads[1], "argo_workflows_took{of=\"a\"} 2.5"]);
        metrics.custom(&id, &[sample(SampleValue::Gauge(GaugeOperation::Set, 4.0))]);
        assert_eq!(shown(&at(60_000)), [heads[0], heads[1], "argo_workflows_took{of=\"a\"} 4"]);
        // The next run's is shown while it lasts, over what the last one left.
        metrics.custom(&"next".into(), &[sample(SampleValue::Lasting { since_ms: 61_000, of: None })]);
        assert_eq!(shown(&at(62_000)), [heads[0], heads[1], "argo_workflows_took{of=\"a\"} 1"]);
    }
}
