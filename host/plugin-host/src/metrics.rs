//! How calls and programs went, as a page of metrics has it.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use plugin::ProgramEnd;

use crate::call::Ground;
use crate::loaded::Loaded;
use crate::programs::Shelf;

/// Upper bounds of the buckets (µs): from a small component's instance to the longest call.
const BOUNDS_US: [u64; 12] =
    [10, 30, 100, 300, 1_000, 3_000, 10_000, 100_000, 1_000_000, 5_000_000, 10_000_000, 30_000_000];

/// A histogram of times.
#[derive(Default)]
pub(crate) struct Times {
    buckets: [AtomicU64; BOUNDS_US.len()],
    count: AtomicU64,
    sum_us: AtomicU64,
}

impl Times {
    /// Counts one.
    pub(crate) fn count(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let buckets = self.buckets.iter().zip(BOUNDS_US);
        if let Some((bucket, _)) = buckets.into_iter().find(|(_, bound)| us <= *bound) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// Writes the series of one histogram. `labels` are those beside `le`, each with a comma behind.
    fn write(&self, out: &mut String, name: &str, labels: &str) {
        let mut below = 0;
        for (bucket, bound) in self.buckets.iter().zip(BOUNDS_US) {
            below += bucket.load(Ordering::Relaxed);
            let bound = bound as f64 / 1e6;
            let _ = writeln!(out, "{name}_bucket{{{labels}le=\"{bound}\"}} {below}");
        }
        let count = self.count.load(Ordering::Relaxed).max(below);
        let _ = writeln!(out, "{name}_bucket{{{labels}le=\"+Inf\"}} {count}");
        let labels = match labels.trim_end_matches(',') {
            "" => String::new(),
            labels => format!("{{{labels}}}"),
        };
        let _ = writeln!(out, "{name}_sum{labels} {}", self.sum_us.load(Ordering::Relaxed) as f64 / 1e6);
        let _ = writeln!(out, "{name}_count{labels} {count}");
    }
}

/// How programs went.
#[derive(Default)]
pub(crate) struct ProgramCounts {
    outcomes: [AtomicU64; OUTCOMES.len()],
    refusals: AtomicU64,
    times: Times,
    made_ready: Times,
}

/// How a program may end, as a label.
const OUTCOMES: [&str; 6] = ["succeeded", "failed", "broke", "out-of-memory", "cancelled", "not-started"];

impl ProgramCounts {
    /// Counts an end; none is one that could not begin.
    pub(crate) fn ended(&self, end: Option<&ProgramEnd>, took: Duration) {
        let outcome = match end {
            Some(ProgramEnd::Exit(0)) => "succeeded",
            Some(ProgramEnd::Exit(_)) => "failed",
            Some(ProgramEnd::Broke { .. }) => "broke",
            Some(ProgramEnd::OutOfMemory { .. }) => "out-of-memory",
            Some(ProgramEnd::Cancelled) => "cancelled",
            None => "not-started",
        };
        if let Some((count, _)) = self.outcomes.iter().zip(OUTCOMES).find(|(_, known)| *known == outcome) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.times.count(took);
    }

    /// Counts what was refused to one.
    pub(crate) fn refused(&self, refusals: usize) {
        self.refusals.fetch_add(refusals as u64, Ordering::Relaxed);
    }

    /// Counts one that was compiled, or taken from the folder of those that were.
    pub(crate) fn made_ready(&self, took: Duration) {
        self.made_ready.count(took);
    }
}

/// Writes how programs went.
pub(crate) fn write_programs(out: &mut String, shelf: &Shelf) {
    let counts = &shelf.counts;
    let name = "colchis_program_runs_total";
    family(out, name, "Programs that ran as steps, by how they ended", "counter");
    for (count, outcome) in counts.outcomes.iter().zip(OUTCOMES) {
        let _ = writeln!(out, "{name}{{outcome=\"{outcome}\"}} {}", count.load(Ordering::Relaxed));
    }
    let name = "colchis_program_refusals_total";
    family(out, name, "What programs asked for and did not get: requests to hosts", "counter");
    let _ = writeln!(out, "{name} {}", counts.refusals.load(Ordering::Relaxed));
    let name = "colchis_program_seconds";
    family(out, name, "How long programs took, waiting for a place and for being compiled included", "histogram");
    counts.times.write(out, name, "");
    let name = "colchis_program_ready_seconds";
    family(
        out,
        name,
        "How long it took to make programs ready: to compile them, or to load what was compiled",
        "histogram",
    );
    counts.made_ready.write(out, name, "");
    for (name, help, now) in [
        ("colchis_program_places_free", "Programs that could begin now", shelf.places.available_permits()),
        ("colchis_programs_ready", "Programs that are kept ready in memory", shelf.ready_now()),
    ] {
        family(out, name, help, "gauge");
        let _ = writeln!(out, "{name} {now}");
    }
}

fn family(out: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// Writes everything. Names of plugins are names of objects: nothing in them needs to be escaped.
pub(crate) fn write(out: &mut String, ground: &Ground, loaded: &[Arc<Loaded>]) {
    let name = "colchis_plugin_calls_total";
    family(out, name, "Calls of plugins, by how they ended", "counter");
    for loaded in loaded {
        for (outcome, count) in loaded.counters.outcomes() {
            let _ = writeln!(out, "{name}{{plugin=\"{}\",outcome=\"{outcome}\"}} {count}", loaded.shared.name);
        }
    }
    let name = "colchis_plugin_call_seconds";
    family(out, name, "How long calls of plugins took, instantiation included", "histogram");
    for loaded in loaded {
        loaded.counters.times.write(out, name, &format!("plugin=\"{}\",", loaded.shared.name));
    }
    let name = "colchis_plugin_instantiate_seconds";
    family(out, name, "How long instances of plugins took to be there", "histogram");
    ground.instantiated.write(out, name, "");
    let [given, made, kept] = ground.renders.numbers();
    let name = "colchis_plugin_renders_total";
    family(out, name, "Results of renderers: kept ones that were given, and those that were made", "counter");
    let _ = writeln!(out, "{name}{{result=\"kept\"}} {given}\n{name}{{result=\"made\"}} {made}");
    let name = "colchis_plugin_renders_kept_bytes";
    family(out, name, "Manifests of renderers that are kept, as text", "gauge");
    let _ = writeln!(out, "{name} {kept}");
    for (name, help, places) in [
        ("colchis_plugin_places_free", "Instances of plugins that could begin now", &ground.pool),
        ("colchis_plugin_subscriptions_free", "Subscriptions that could be opened now", &ground.subscriptions),
    ] {
        family(out, name, help, "gauge");
        let _ = writeln!(out, "{name} {}", places.available_permits());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_programs_are_told_apart() {
        let shelf = Shelf::new(&crate::Settings { programs_max: 7, ..crate::Settings::default() });
        let ends = [ProgramEnd::Exit(0), ProgramEnd::Exit(3), ProgramEnd::Exit(4), ProgramEnd::Cancelled];
        ends.iter().for_each(|end| shelf.counts.ended(Some(end), Duration::from_millis(1)));
        shelf.counts.ended(Some(&ProgramEnd::OutOfMemory { max: 1 }), Duration::from_millis(1));
        shelf.counts.ended(None, Duration::from_millis(1));
        shelf.counts.refused(2);
        let mut text = String::new();
        write_programs(&mut text, &shelf);
        for line in [
            "colchis_program_runs_total{outcome=\"succeeded\"} 1",
            "colchis_program_runs_total{outcome=\"failed\"} 2",
            "colchis_program_runs_total{outcome=\"broke\"} 0",
            "colchis_program_runs_total{outcome=\"out-of-memory\"} 1",
            "colchis_program_runs_total{outcome=\"cancelled\"} 1",
            "colchis_program_runs_total{outcome=\"not-started\"} 1",
            "colchis_program_refusals_total 2",
            "colchis_program_seconds_count 6",
            "colchis_program_places_free 7",
            "colchis_programs_ready 0",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
    }

    #[test]
    fn a_histogram_adds_up() {
        let times = Times::default();
        for us in [5, 10, 11, 2_000_000, 60_000_000] {
            times.count(Duration::from_micros(us));
        }
        let mut text = String::new();
        times.write(&mut text, "t", "plugin=\"p\",");
        for line in [
            "t_bucket{plugin=\"p\",le=\"0.00001\"} 2",
            "t_bucket{plugin=\"p\",le=\"0.00003\"} 3",
            "t_bucket{plugin=\"p\",le=\"5\"} 4",
            "t_bucket{plugin=\"p\",le=\"30\"} 4",
            "t_bucket{plugin=\"p\",le=\"+Inf\"} 5",
            "t_sum{plugin=\"p\"} 62.000026",
            "t_count{plugin=\"p\"} 5",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
    }
}
