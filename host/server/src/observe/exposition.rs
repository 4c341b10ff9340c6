//! Metrics as text for Prometheus.
//!
//! The metrics library writes OpenMetrics, which adds `_total` to every counter. Dashboards of the field ask for names such as
//! `argo_workflows_total_count` and for users' own counters as they are written in manifests, so the page is served in Prometheus' older text format, in
//! which a name is what it is.

use std::sync::{Arc, RwLock};

/// Writes a registry's metrics as OpenMetrics text.
pub type Encode = Arc<dyn Fn(&mut String) -> std::fmt::Result + Send + Sync>;

/// Names that keep their spelling: the field's own.
const KEPT_PREFIX: &str = "argo_workflows_";

/// The content type of the page.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All registries that the page shows, in the order in which they were added.
#[derive(Clone, Default)]
pub struct Exposition {
    sources: Arc<RwLock<Vec<Encode>>>,
}

impl Exposition {
    /// A page of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a registry.
    pub fn add(&self, encode: Encode) {
        match self.sources.write() {
            Ok(mut sources) => sources.push(encode),
            Err(poisoned) => poisoned.into_inner().push(encode),
        }
    }

    /// The page.
    pub fn page(&self) -> String {
        let sources = match self.sources.read() {
            Ok(sources) => sources.clone(),
            Err(poisoned) => poisoned.into_inner().clone(),
        };
        let mut page = String::new();
        for encode in sources {
            let mut text = String::new();
            // A registry that fails half way still shows what it wrote.
            let _ = encode(&mut text);
            to_prometheus(&text, &mut page);
        }
        page
    }
}

/// Turns OpenMetrics text into Prometheus' text format 0.0.4.
fn to_prometheus(text: &str, out: &mut String) {
    let mut counter: Option<&str> = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, "untyped"));
            counter = (kind == "counter").then_some(name);
            let kind = match kind {
                "counter" | "gauge" | "histogram" => kind,
                "info" | "stateset" => "gauge",
                _ => "untyped",
            };
            push(out, &["# TYPE ", name, if counter.is_some_and(|n| !kept(n)) { "_total " } else { " " }, kind]);
        } else if let Some(rest) = line.strip_prefix("# HELP ") {
            // The type comes after the help, so whether it is a counter is not known yet: the next line tells.
            let (name, help) = rest.split_once(' ').unwrap_or((rest, ""));
            let is_counter = text_after(text, line).is_some_and(|next| next == format!("# TYPE {name} counter"));
            push(out, &["# HELP ", name, if is_counter && !kept(name) { "_total " } else { " " }, help]);
        } else if line.starts_with('#') {
            // Units and the end mark are OpenMetrics' own.
        } else if let Some(name) = counter.filter(|name| kept(name))
            && let Some(rest) = line.strip_prefix(name).and_then(|rest| rest.strip_prefix("_total"))
        {
            push(out, &[name, without_exemplar(rest)]);
        } else {
            push(out, &[without_exemplar(line)]);
        }
    }
}

fn kept(name: &str) -> bool {
    name.starts_with(KEPT_PREFIX)
}

/// The line that follows a line of the same text, other than the unit.
fn text_after<'t>(text: &'t str, line: &str) -> Option<&'t str> {
    let end = (line.as_ptr() as usize).checked_sub(text.as_ptr() as usize)? + line.len();
    text.get(end..)?.trim_start_matches('\n').lines().find(|next| !next.starts_with("# UNIT "))
}

/// Exemplars (` # {…} 1.0`) are OpenMetrics' own. A `#` within quotes belongs to a label.
fn without_exemplar(line: &str) -> &str {
    match line.rfind('}') {
        _ if !line.contains(" # {") => line,
        Some(_) => line.rsplit_once(" # {").map_or(line, |(sample, _)| sample),
        None => line,
    }
}

fn push(out: &mut String, parts: &[&str]) {
    for part in parts {
        out.push_str(part);
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::family::Family;
    use prometheus_client::metrics::gauge::Gauge;
    use prometheus_client::metrics::histogram::Histogram;
    use prometheus_client::registry::{Registry, Unit};

    use super::*;

    #[test]
    fn the_fields_names_are_kept_and_other_counters_end_in_total() {
        let mut registry = Registry::default();
        let phases = Family::<Vec<(String, String)>, Counter>::default();
        phases.get_or_create(&vec![("phase".into(), "Failed # {x}".into())]).inc_by(3);
        registry.register("argo_workflows_total_count", "Runs that entered a phase", phases);
        let seconds = Counter::<f64, std::sync::atomic::AtomicU64>::default();
        seconds.inc_by(1.5);
        registry.register_with_unit("process_cpu", "Time spent", Unit::Seconds, seconds);
        let gauge = Gauge::<i64>::default();
        gauge.set(2);
        registry.register("argo_workflows_gauge", "Runs by phase", gauge);
        let histogram = Histogram::new([0.5]);
        histogram.observe(0.1);
        registry.register("argo_workflows_operation_duration_seconds", "Decisions", histogram);

        let exposition = Exposition::new();
        let registry = Arc::new(registry);
        exposition.add(Arc::new(move |out| prometheus_client::encoding::text::encode(out, &registry)));
        insta::assert_snapshot!(exposition.page(), @r##""##);
    }
}
