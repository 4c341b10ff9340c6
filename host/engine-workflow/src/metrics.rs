//! Metrics that manifests define: what is emitted when a node or the run begins or ends.

use model::Timestamp;
use model::workflow::{GaugeOperation, Metrics, Prometheus};

use crate::decide::environment;
use crate::state::{NodeIx, RunState};
use crate::values::Text;
use crate::vars::{ROOTS, Site, Vars};
use expr::{Condition, Mode};

/// One observation.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The metric's name, as the manifest gives it.
    pub name: Text,
    /// What it measures.
    pub help: Text,
    /// Labels.
    pub labels: Vec<(Text, Text)>,
    /// What is done.
    pub value: SampleValue,
}

/// What an observation does to its metric.
#[derive(Debug, Clone, PartialEq)]
pub enum SampleValue {
    /// Sets, adds to or subtracts from a gauge.
    Gauge(GaugeOperation, f64),
    /// A gauge that shows the seconds since a moment, until a sample of the same name and labels tells how long it lasted.
    Lasting {
        /// Milliseconds since the epoch.
        since_ms: i64,
        /// Whose duration; `None` is the run.
        of: Option<NodeIx>,
    },
    /// Adds to a counter.
    Counter(f64),
    /// Observed in a histogram with these upper bounds.
    Histogram(Vec<f64>, f64),
}

/// What a node emits now: at its end, or for `realtime` gauges as it begins.
pub(crate) fn of_node(state: &RunState, ix: NodeIx, now: Timestamp) -> Result<Vec<Sample>, String> {
    let Some(node) = state.node(ix) else { return Ok(Vec::new()) };
    let template = node.template.and_then(|t| state.run()?.program.get(t));
    let Some(metrics) = template.and_then(|c| c.template.metrics.as_deref()) else { return Ok(Vec::new()) };
    // The node that is retried emits, not each attempt.
    if matches!(node.role, crate::state::Role::Attempt(_) | crate::state::Role::Container(_)) {
        return Ok(Vec::new());
    }
    let site =
        Site { inputs: state.inputs(ix), node: Some(ix), own_end: true, template: node.template, ..Site::default() };
    samples(state, metrics, site, now, node.is_over(), Some(ix))
}

/// What the run emits now.
pub(crate) fn of_run(state: &RunState, now: Timestamp, over: bool) -> Result<Vec<Sample>, String> {
    let metrics = state.run().and_then(|r| r.submission.spec.metrics.as_deref());
    match metrics {
        Some(metrics) => samples(state, metrics, Site::default(), now, over, None),
        None => Ok(Vec::new()),
    }
}

fn samples(
    state: &RunState,
    metrics: &Metrics,
    site: Site<'_>,
    now: Timestamp,
    over: bool,
    of: Option<NodeIx>,
) -> Result<Vec<Sample>, String> {
    let Some(vars) = Vars::new(state, site, now) else { return Ok(Vec::new()) };
    let mut out = Vec::new();
    for metric in &metrics.prometheus {
        if !over && !is_realtime(metric) {
            continue;
        }
        match sample(&vars, metric, now, over, of) {
            Ok(found) => out.extend(found),
            Err(problem) => return Err(format!("metrics.prometheus: {:?}: {problem}", metric.name)),
        }
    }
    Ok(out)
}

fn is_realtime(metric: &Prometheus) -> bool {
    metric.gauge.as_ref().is_some_and(|g| g.realtime == Some(true))
}

fn sample(
    vars: &Vars<'_>,
    metric: &Prometheus,
    now: Timestamp,
    over: bool,
    of: Option<NodeIx>,
) -> Result<Option<Sample>, String> {
    if let Some(when) = metric.when.as_deref().filter(|w| !w.is_empty()) {
        let holds = Condition::parse(when).and_then(|c| c.eval_in(&mut environment(vars, now)));
        if !holds.map_err(|e| format!("when: {e}"))? {
            return Ok(None);
        }
    }
    let text = |source: &str| -> Result<String, String> {
        let template = expr::Template::parse(source).map_err(|e| e.to_string())?;
        let rendered = template.render_in(&mut environment(vars, now), Mode::StrictUnder(ROOTS));
        rendered.map(|r| r.text.into_owned()).map_err(|e| e.to_string())
    };
    let number = |source: &str| -> Result<f64, String> {
        let value = text(source)?;
        value.trim().parse().map_err(|_| format!("value: {value:?} is not a number"))
    };
    let value = if let Some(gauge) = &metric.gauge {
        if gauge.realtime == Some(true) && !over {
            let began = match of.and_then(|ix| vars.state.node(ix)) {
                Some(node) => node.started.unwrap_or(node.created),
                None => vars.run.started.unwrap_or(vars.run.created),
            };
            SampleValue::Lasting { since_ms: began.as_millis(), of }
        } else {
            SampleValue::Gauge(gauge.operation.unwrap_or_default(), number(&gauge.value)?)
        }
    } else if let Some(counter) = &metric.counter {
        SampleValue::Counter(number(&counter.value)?)
    } else if let Some(histogram) = &metric.histogram {
        SampleValue::Histogram(histogram.buckets.iter().map(|b| b.0).collect(), number(&histogram.value)?)
    } else {
        return Err("one of gauge, counter and histogram is needed".to_owned());
    };
    let mut labels = Vec::with_capacity(metric.labels.len());
    for label in &metric.labels {
        labels.push((Text::from(label.key.as_str()), Text::from(text(&label.value)?)));
    }
    Ok(Some(Sample { name: text(&metric.name)?.into(), help: text(&metric.help)?.into(), labels, value }))
}
