//! What operators and authors measure: counts of the loop, and the metrics that manifests define.
//!
//! Names are those that Argo's dashboards know where the meaning is the same. Rendered in the text format that Prometheus reads.
//!
//! ```text
//!   a durable transaction ──► runs (counts, durations) · live (what is under way now)
//!   a manifest's metric   ──► custom                                                     ──► text ──► the page
//! ```
//!
//! Invariants
//! - Nothing of a run is remembered once it is over; what is kept is bounded by `series_max`.
//! - A label's value that comes from a user is escaped; a name that comes from one cannot take one of ours.

mod custom;
mod live;
mod runs;
mod series;
mod text;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use engine::Timestamp;

use custom::Custom;
use live::Live;
use series::{Series, labels};

/// The metrics of one runtime.
#[derive(Default)]
pub struct RuntimeMetrics {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    counters: BTreeMap<&'static str, Series<f64>>,
    histograms: BTreeMap<&'static str, Series<series::Histogram>>,
    custom: Custom,
    live: Live,
    /// Artifacts that could not be deleted yet, by namespace.
    uncollected: BTreeMap<String, usize>,
}

impl Inner {
    fn add(&mut self, name: &'static str, of: &[(&str, &str)], by: f64) {
        if let Some(value) = self.counters.entry(name).or_default().of(labels(of)) {
            *value += by;
        }
    }

    fn observe(&mut self, name: &'static str, of: &[(&str, &str)], value: f64) {
        if let Some(histogram) = self.histograms.entry(name).or_default().of(labels(of)) {
            histogram.observe(value);
        }
    }
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
    pub(crate) fn quarantined(&self, engine: &str, id: &Arc<str>) {
        self.with(|m| {
            m.add("colchis_quarantined_total", &[("engine", engine)], 1.0);
            m.live.gone(id);
        });
    }

    /// A run or a node waits for a limit that was full when it came: `by` names the limit.
    pub(crate) fn throttled(&self, by: &str, namespace: &str) {
        self.with(|m| m.add("colchis_throttled_total", &[("by", by), ("namespace", namespace)], 1.0));
    }

    /// Runs that an earlier server began are taken up.
    pub(crate) fn taken_over(&self, runs: usize) {
        self.with(|m| m.add("colchis_runs_taken_over_total", &[], runs as f64));
    }

    /// A deadlock was found; `ended_by`: `asking_anew`, when the victim had done nothing yet, or `failing` it.
    pub(crate) fn deadlock(&self, ended_by: &'static str) {
        self.with(|m| m.add("colchis_deadlocks_total", &[("ended_by", ended_by)], 1.0));
    }

    /// Artifacts were deleted because their time was over.
    pub(crate) fn collected(&self, namespace: &str, artifacts: usize) {
        self.with(|m| m.add("colchis_artifact_gc_deleted_total", &[("namespace", namespace)], artifacts as f64));
    }

    /// Artifacts that could not be deleted yet, by namespace.
    pub(crate) fn uncollected(&self, left: BTreeMap<String, usize>) {
        self.with(|m| m.uncollected = left);
    }

    /// A cron schedule made, skipped or missed a run.
    pub fn cron(&self, what: &str) {
        self.with(|m| m.add("argo_workflows_cronworkflows_triggered_total", &[("result", what)], 1.0));
    }

    /// A run that an earlier server began, as its object shows it.
    pub(crate) fn recovered(&self, id: &Arc<str>, namespace: &str, running: bool, created: Timestamp) {
        self.with(|m| m.live.found(id, namespace, running, created));
    }

    /// A run's object is gone.
    pub(crate) fn deleted(&self, id: &Arc<str>, namespace: &str, phase: Option<&str>) {
        self.with(|m| m.live.deleted(id, namespace, phase));
    }

    /// A run is over: its gauges of time end.
    pub(crate) fn forget_lasting(&self, id: &Arc<str>) {
        self.with(|m| m.custom.forget_lasting(id));
    }

    /// Everything, as Prometheus reads it.
    pub fn render(&self, now: Timestamp) -> String {
        self.with(|m| text::render(m, now))
    }
}
