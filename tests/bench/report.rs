//! Rows, the table people read, and the file that is kept.

use std::fmt;

use serde::Serialize;

use crate::machine;

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Target {
    /// At most.
    Most(f64),
    /// At least.
    Least(f64),
    /// A figure to compare with.
    None,
}

/// One figure.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    workload: String,
    metric: String,
    unit: &'static str,
    value: f64,
    /// As people read it: `≤ 0.25`.
    target: Option<String>,
    /// Whether the target is met.
    meets: Option<bool>,
}

impl Row {
    pub(crate) fn new(
        workload: &str,
        metric: impl Into<String>,
        unit: &'static str,
        value: f64,
        target: Target,
    ) -> Self {
        let (text, meets) = match target {
            Target::Most(bound) => (Some(format!("≤ {bound}")), Some(value <= bound)),
            Target::Least(bound) => (Some(format!("≥ {bound}")), Some(value >= bound)),
            Target::None => (None, None),
        };
        Self { workload: workload.into(), metric: metric.into(), unit, value, target: text, meets }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let met = match self.meets {
            Some(true) => "  met",
            Some(false) => "  MISSED",
            None => "",
        };
        write!(f, "{}: {} {}", self.metric, digits(self.value), self.unit)?;
        match &self.target {
            Some(target) => write!(f, " ({target}){met}"),
            None => Ok(()),
        }
    }
}

/// Three significant digits, none of them after a large number.
pub(crate) fn digits(value: f64) -> String {
    let magnitude = value.abs();
    let decimals = match magnitude {
        m if m >= 100.0 || m == 0.0 => 0,
        m if m >= 10.0 => 1,
        m if m >= 1.0 => 2,
        m if m >= 0.1 => 3,
        _ => 4,
    };
    format!("{value:.decimals$}")
}

/// All rows of one run of the bench.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: String,
    commit: String,
    date: String,
    rows: Vec<Row>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { machine: machine::description(), commit: machine::commit(), date: machine::date(), rows: Vec::new() }
    }

    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    /// A table in Markdown, as it stands in the README.
    pub(crate) fn table(&self) -> String {
        let mut text = String::from("| workload | metric | measured | target | |\n|---|---|---|---|---|\n");
        for row in &self.rows {
            let met = match row.meets {
                Some(true) => "met",
                Some(false) => "missed",
                None => "",
            };
            let target = row.target.clone().unwrap_or_default();
            text.push_str(&format!(
                "| {} | {} | {} {} | {target} | {met} |\n",
                row.workload,
                row.metric,
                digits(row.value),
                row.unit
            ));
        }
        text.push_str(&format!("\n{}, {}, commit {}", self.machine, self.date, self.commit));
        text
    }
}
