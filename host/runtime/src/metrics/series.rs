//! Values by their labels, and histograms.

use std::collections::BTreeMap;

/// Series of one metric (`series_max`): labels hold names that users give.
pub(super) const SERIES_MAX: usize = 10_000;
/// Bounds of the histograms of durations, in seconds.
const SECONDS: &[f64] = &[0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0];

/// Names and values, in the order in which they are shown.
pub(super) type Labels = Vec<(String, String)>;

pub(super) fn labels(of: &[(&str, &str)]) -> Labels {
    of.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

/// The values of one metric.
pub(super) struct Series<V>(BTreeMap<Labels, V>);

impl<V> Default for Series<V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<V: Default> Series<V> {
    /// The value with these labels, made when it is asked for first; none when there are too many.
    pub(super) fn of(&mut self, labels: Labels) -> Option<&mut V> {
        if self.0.len() >= SERIES_MAX && !self.0.contains_key(&labels) {
            return None;
        }
        Some(self.0.entry(labels).or_default())
    }
}

impl<V> Series<V> {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Labels, &V)> {
        self.0.iter()
    }
}

/// How often a value was at most each bound.
#[derive(Clone)]
pub(super) struct Histogram {
    pub(super) bounds: Vec<f64>,
    pub(super) counts: Vec<u64>,
    pub(super) sum: f64,
    pub(super) count: u64,
}

impl Default for Histogram {
    /// Of seconds.
    fn default() -> Self {
        Self::new(SECONDS)
    }
}

impl Histogram {
    pub(super) fn new(bounds: &[f64]) -> Self {
        Self { bounds: bounds.to_vec(), counts: vec![0; bounds.len()], sum: 0.0, count: 0 }
    }

    pub(super) fn observe(&mut self, value: f64) {
        for (bound, count) in self.bounds.iter().zip(self.counts.iter_mut()) {
            *count += u64::from(value <= *bound);
        }
        self.sum += value;
        self.count += 1;
    }
}
