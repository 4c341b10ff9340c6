//! What operators and authors measure: counts of the loop, and the metrics that manifests define.
//!
//! Names are those that Argo's dashboards know where the meaning is the same. Rendered in the text format that Prometheus reads.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

use engine::Timestamp;
use engine_workflow::{Change, Kind, RunState, Sample, SampleValue};
use model::workflow::{GaugeOperation, NodePhase};

/// Series of one metric that manifests define (`series_max`): labels come from users.
const SERIES_MAX: usize = 10_000;
/// Bounds of the histograms of durations, in seconds.
const SECONDS: &[f64] = &[0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0];

/// The metrics of one runtime.
#[derive(Default)]
pub struct RuntimeMetrics {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    counters: BTreeMap<&'static str, BTreeMap<Labels, f64>>,
    gauges: BTreeMap<&'static str, BTreeMap<Labels, f64>>,
    histograms: BTreeMap<&'static str, BTreeMap<Labels, Histogram>>,
    custom: BTreeMap<String, Custom>,
    lasting: HashMap<(Arc<str>, String, Labels), (i64, String)>,
    phases: HashMap<(String, String), i64>,
}

type Labels = Vec<(String, String)>;

#[derive(Default, Clone)]
struct Histogram {
    bounds: Vec<f64>,
    counts: Vec<u64>,
    sum: f64,
    count: u64,
}

struct Custom {
    help: String,
    kind: &'static str,
    series: BTreeMap<Labels, Series>,
}

enum Series {
    Number(f64),
    Histogram(Histogram),
}

impl Histogram {
    fn new(bounds: &[f64]) -> Self {
        Self { bounds: bounds.to_vec(), counts: vec![0; bounds.len()], sum: 0.0, count: 0 }
    }

    fn observe(&mut self, value: f64) {
        for (bound, count) in self.bounds.iter().zip(self.counts.iter_mut()) {
            *count += u64::from(value <= *bound);
        }
        self.sum += value;
        self.count += 1;
    }
}

impl Inner {
    fn add(&mut self, name: &'static str, labels: &[(&str, &str)], by: f64) {
        *self.counters.entry(name).or_default().entry(owned(labels)).or_default() += by;
    }

    fn observe(&mut self, name: &'static str, labels: &[(&str, &str)], value: f64) {
        let histograms = self.histograms.entry(name).or_default();
        histograms.entry(owned(labels)).or_insert_with(|| Histogram::new(SECONDS)).observe(value);
    }
}

fn owned(labels: &[(&str, &str)]) -> Labels {
    labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

impl RuntimeMetrics {
    fn with<R>(&self, change: impl FnOnce(&mut Inner) -> R) -> R {
        change(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A step was handed to its runner.
    pub(crate) fn started(&self) {
        self.with(|m| m.add("argo_workflows_pods_started_total", &[], 1.0));
    }

    /// An instance was set aside.
    pub(crate) fn quarantined(&self, engine: &str) {
        self.with(|m| m.add("colchis_quarantined_total", &[("engine", engine)], 1.0));
    }

    /// A cron schedule made, skipped or missed a run.
    pub fn cron(&self, what: &str) {
        self.with(|m| m.add("argo_workflows_cronworkflows_triggered_total", &[("result", what)], 1.0));
    }

    /// Sets a gauge.
    pub fn set(&self, name: &'static str, labels: &[(&str, &str)], value: f64) {
        self.with(|m| {
            m.gauges.entry(name).or_default().insert(owned(labels), value);
        });
    }

    /// A transaction is durable.
    pub(crate) fn changed(&self, state: &RunState, changes: &[Change]) {
        let Some(run) = state.run() else { return };
        let namespace = run.submission.metadata.namespace.as_str();
        self.with(|m| {
            for change in changes {
                match change {
                    Change::Created { .. } => {
                        m.add("argo_workflows_total_count", &[("phase", "Pending"), ("namespace", namespace)], 1.0)
                    }
                    Change::RunStarted { at } => {
                        let waited = at.millis_since(run.created).max(0) as f64 / 1000.0;
                        m.observe("argo_workflows_queue_latency_seconds", &[("namespace", namespace)], waited);
                        m.add("argo_workflows_total_count", &[("phase", "Running"), ("namespace", namespace)], 1.0);
                    }
                    Change::RunFinished { phase, at, .. } => {
                        m.add(
                            "argo_workflows_total_count",
                            &[("phase", phase.as_str()), ("namespace", namespace)],
                            1.0,
                        );
                        let lasted = at.millis_since(run.created).max(0) as f64 / 1000.0;
                        m.observe(
                            "argo_workflows_run_duration_seconds",
                            &[("phase", phase.as_str()), ("namespace", namespace)],
                            lasted,
                        );
                    }
                    Change::Running { node, at, .. } => {
                        let created = state.node(*node).map_or(*at, |n| n.created);
                        let waited = at.millis_since(created).max(0) as f64 / 1000.0;
                        m.observe("colchis_step_start_seconds", &[("namespace", namespace)], waited);
                    }
                    Change::Finished(end) => {
                        let Some(node) = state.node(end.node).filter(|n| n.kind.is_leaf()) else { continue };
                        let kind = if node.kind == Kind::Http { "http" } else { "pod" };
                        let labels = [("phase", end.phase.as_str()), ("namespace", namespace), ("type", kind)];
                        m.add("argo_workflows_pods_total_count", &labels, 1.0);
                        if matches!(node.role, engine_workflow::Role::Attempt(n) if n > 0) {
                            m.add("colchis_step_retries_total", &[("namespace", namespace)], 1.0);
                        }
                    }
                    Change::Held { .. } => {
                        m.add("colchis_throttled_total", &[("by", "parallelism"), ("namespace", namespace)], 1.0)
                    }
                    Change::LocksWanted { .. } | Change::RunLocksWanted { .. } => {
                        m.add("colchis_throttled_total", &[("by", "lock"), ("namespace", namespace)], 1.0);
                    }
                    _ => {}
                }
            }
            count_phase(m, namespace, changes);
        });
    }

    /// Metrics that a manifest defines.
    pub(crate) fn custom(&self, id: &Arc<str>, samples: &[Sample], now: Timestamp) {
        let _ = now;
        if samples.is_empty() {
            return;
        }
        self.with(|m| {
            for sample in samples {
                let labels: Labels = sample.labels.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
                let name = format!("argo_workflows_{}", sample.name);
                match &sample.value {
                    SampleValue::Lasting { since_ms, .. } => {
                        m.lasting.insert((id.clone(), name, labels), (*since_ms, sample.help.to_string()));
                    }
                    value => {
                        m.lasting.remove(&(id.clone(), name.clone(), labels.clone()));
                        observe_custom(m, name, &sample.help, labels, value);
                    }
                }
            }
        });
    }

    /// A run is over: its gauges of time end.
    pub(crate) fn forget_lasting(&self, id: &Arc<str>) {
        self.with(|m| m.lasting.retain(|(of, ..), _| of != id));
    }

    /// Everything, as Prometheus reads it.
    pub fn render(&self, now: Timestamp) -> String {
        let mut out = String::new();
        self.with(|m| {
            for (name, series) in &m.counters {
                let _ = writeln!(out, "# TYPE {name} counter");
                series.iter().for_each(|(labels, value)| line(&mut out, name, labels, None, *value));
            }
            for (name, series) in &m.gauges {
                let _ = writeln!(out, "# TYPE {name} gauge");
                series.iter().for_each(|(labels, value)| line(&mut out, name, labels, None, *value));
            }
            let _ = writeln!(out, "# TYPE argo_workflows_gauge gauge");
            for ((namespace, phase), count) in &m.phases {
                let labels = owned(&[("phase", phase.as_str()), ("namespace", namespace.as_str())]);
                line(&mut out, "argo_workflows_gauge", &labels, None, *count as f64);
            }
            for (name, series) in &m.histograms {
                let _ = writeln!(out, "# TYPE {name} histogram");
                series.iter().for_each(|(labels, histogram)| histogram_lines(&mut out, name, labels, histogram));
            }
            custom_lines(&mut out, m, now);
        });
        out
    }
}

/// Metrics that manifests define. Of two runs that measure under one name and one set of labels, the one that began last is shown while it lasts.
fn custom_lines(out: &mut String, m: &Inner, now: Timestamp) {
    let mut lasting: BTreeMap<&str, (&str, BTreeMap<&Labels, i64>)> = BTreeMap::new();
    for ((_, name, labels), (since, help)) in &m.lasting {
        let (_, series) = lasting.entry(name).or_insert((help, BTreeMap::new()));
        let newest = series.entry(labels).or_insert(*since);
        *newest = (*newest).max(*since);
    }
    for (name, custom) in &m.custom {
        let running = lasting.remove(name.as_str()).map(|(_, series)| series).unwrap_or_default();
        head(out, name, &custom.help, custom.kind);
        for (labels, series) in custom.series.iter().filter(|(labels, _)| !running.contains_key(labels)) {
            match series {
                Series::Number(value) => line(out, name, labels, None, *value),
                Series::Histogram(histogram) => histogram_lines(out, name, labels, histogram),
            }
        }
        lasting_lines(out, name, &running, now);
    }
    for (name, (help, running)) in lasting {
        head(out, name, help, "gauge");
        lasting_lines(out, name, &running, now);
    }
}

fn head(out: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(out, "# HELP {name} {}", help.replace('\\', "\\\\").replace('\n', "\\n"));
    let _ = writeln!(out, "# TYPE {name} {kind}");
}

fn lasting_lines(out: &mut String, name: &str, running: &BTreeMap<&Labels, i64>, now: Timestamp) {
    for (labels, since) in running {
        line(out, name, labels, None, (now.as_millis() - since).max(0) as f64 / 1000.0);
    }
}

/// Keeps the number of runs in each phase, as this server has seen them move.
fn count_phase(m: &mut Inner, namespace: &str, changes: &[Change]) {
    for change in changes {
        let (from, to) = match change {
            Change::Created { .. } => (None, "Pending"),
            Change::RunStarted { .. } => (Some("Pending"), "Running"),
            Change::RunFinished { phase, .. } => {
                let running = m.phases.get(&(namespace.to_owned(), "Running".to_owned())).copied().unwrap_or(0);
                (Some(if running > 0 { "Running" } else { "Pending" }), NodePhase::as_str(*phase))
            }
            _ => continue,
        };
        if let Some(from) = from {
            let count = m.phases.entry((namespace.to_owned(), from.to_owned())).or_default();
            *count = (*count - 1).max(0);
        }
        *m.phases.entry((namespace.to_owned(), to.to_owned())).or_default() += 1;
    }
}

fn observe_custom(m: &mut Inner, name: String, help: &str, labels: Labels, value: &SampleValue) {
    let kind = match value {
        SampleValue::Gauge(..) | SampleValue::Lasting { .. } => "gauge",
        SampleValue::Counter(_) => "counter",
        SampleValue::Histogram(..) => "histogram",
    };
    let custom =
        m.custom.entry(name).or_insert_with(|| Custom { help: help.to_owned(), kind, series: BTreeMap::new() });
    if custom.kind != kind || (custom.series.len() >= SERIES_MAX && !custom.series.contains_key(&labels)) {
        return;
    }
    match value {
        SampleValue::Histogram(bounds, value) => {
            let series = custom.series.entry(labels).or_insert_with(|| Series::Histogram(Histogram::new(bounds)));
            if let Series::Histogram(histogram) = series {
                histogram.observe(*value);
            }
        }
        SampleValue::Gauge(operation, value) => {
            if let Series::Number(number) = custom.series.entry(labels).or_insert(Series::Number(0.0)) {
                match operation {
                    GaugeOperation::Set => *number = *value,
                    GaugeOperation::Add => *number += value,
                    GaugeOperation::Sub => *number -= value,
                }
            }
        }
        SampleValue::Counter(value) => {
            if let Series::Number(number) = custom.series.entry(labels).or_insert(Series::Number(0.0)) {
                *number += value.max(0.0);
            }
        }
        SampleValue::Lasting { .. } => {}
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(value: SampleValue) -> Sample {
        Sample { name: "took".into(), help: "Seconds".into(), labels: vec![("of".into(), "a".into())], value }
    }

    #[test]
    fn a_gauge_in_real_time_grows_until_its_last_value() {
        let metrics = RuntimeMetrics::default();
        let id: Arc<str> = "run".into();
        let at = |ms| metrics.render(Timestamp::from_millis(ms));
        metrics.custom(
            &id,
            &[sample(SampleValue::Lasting { since_ms: 1_000, of: None })],
            Timestamp::from_millis(1_000),
        );
        let shown = |text: &str| text.lines().filter(|l| l.contains("took")).map(str::to_owned).collect::<Vec<_>>();
        let heads = ["# HELP argo_workflows_took Seconds", "# TYPE argo_workflows_took gauge"];
        assert_eq!(shown(&at(3_500)), [heads[0], heads[1], "argo_workflows_took{of=\"a\"} 2.5"]);
        metrics.custom(&id, &[sample(SampleValue::Gauge(GaugeOperation::Set, 4.0))], Timestamp::from_millis(5_000));
        assert_eq!(shown(&at(60_000)), [heads[0], heads[1], "argo_workflows_took{of=\"a\"} 4"]);
    }
}
