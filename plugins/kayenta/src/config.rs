//! What users write, and what is asked of Kayenta for it.

use std::collections::BTreeSet;

use colchis_sdk::http::Request;
use colchis_sdk::{Error, Finding, Result};
use provider_kit::{address, time};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::window::Window;

/// A canary analysis.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["address", "application", "canaryConfigName", "threshold", "scopes"]))]
pub struct Config {
    /// Where Kayenta is: `https://kayenta.example.com`, with a path before its own where it has one.
    pub address: String,
    /// The application whose canary configurations are looked through.
    pub application: String,
    /// The name of the canary configuration.
    pub canary_config_name: String,
    /// The account that metrics are read with; Kayenta's own when empty.
    pub metrics_account_name: String,
    /// The account that configurations are read with; Kayenta's own when empty.
    pub configuration_account_name: String,
    /// The account that results are kept with; Kayenta's own when empty.
    pub storage_account_name: String,
    /// Which scores are good.
    pub threshold: Threshold,
    /// What is compared.
    #[schemars(length(min = 1))]
    pub scopes: Vec<Scope>,
    /// A scope without a `start` begins where the first measurement of the analysis began, rather than one interval ago.
    pub lookback: bool,
    /// How far back a scope without a `start` looks: `1h`, or seconds.
    pub interval: Option<Interval>,
}

/// Which scores are good, of 100.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["pass", "marginal"]))]
pub struct Threshold {
    /// This and above is good.
    pub pass: f64,
    /// Below this is bad; between the two nothing can be told.
    pub marginal: f64,
}

/// What is compared under one name of the canary configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "controlScope", "experimentScope"]))]
pub struct Scope {
    /// The name, often `default`.
    pub name: String,
    /// What is as it was.
    pub control_scope: ScopeDetail,
    /// What is new.
    pub experiment_scope: ScopeDetail,
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["scope"]))]
pub struct ScopeDetail {
    /// Which series, as the metrics source has it.
    pub scope: String,
    /// The region, where the metrics source has such.
    pub region: String,
    /// Seconds between points.
    #[schemars(range(min = 1))]
    pub step: u32,
    /// The first moment, as `2026-01-01T00:00:00Z`.
    pub start: String,
    /// The last moment; now when empty.
    pub end: String,
}

/// A length of time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Interval {
    /// Seconds.
    Seconds(u32),
    /// As `1h`, or seconds as a text.
    Text(String),
}

impl Default for ScopeDetail {
    fn default() -> Self {
        Self { scope: String::new(), region: String::new(), step: 60, start: String::new(), end: String::new() }
    }
}

impl Interval {
    /// Its milliseconds.
    pub(crate) fn millis(&self) -> Result<u64> {
        let seconds = match self {
            Self::Seconds(seconds) => Some(*seconds),
            Self::Text(text) => text.trim().parse().ok(),
        };
        match (self, seconds) {
            (_, Some(0)) => {
                Err(Error::invalid("interval", "a length of time longer than nothing is expected, as `1h`"))
            }
            (_, Some(seconds)) => Ok(u64::from(seconds) * 1000),
            (Self::Text(text), None) => time::duration("interval", text).map(time::millis),
            (Self::Seconds(_), None) => Ok(0),
        }
    }
}

impl Config {
    /// All that is wrong with it.
    pub(crate) fn check(&self) -> Vec<Finding> {
        let mut found: Vec<Finding> =
            address::check("address", &self.address, true, "https://kayenta.example.com").into_iter().collect();
        let mut wrong = |field: &str, message: &str| found.push(Finding::error(field, message));
        for (field, value) in [("application", &self.application), ("canaryConfigName", &self.canary_config_name)] {
            if value.trim().is_empty() {
                wrong(field, "a name is expected");
            }
        }
        let Threshold { pass, marginal } = self.threshold;
        if !(0.0..=100.0).contains(&pass) || pass == 0.0 {
            wrong("threshold.pass", "a score above 0 and at most 100 is expected");
        }
        if !(0.0..=100.0).contains(&marginal) || marginal > pass {
            wrong("threshold.marginal", "a score of 0 or more is expected, not above `pass`");
        }
        if self.scopes.is_empty() {
            wrong("scopes", "at least one scope is expected");
        }
        let mut seen = BTreeSet::new();
        for (at, scope) in self.scopes.iter().enumerate() {
            let field = format!("scopes[{at}]");
            if scope.name.trim().is_empty() {
                wrong(&format!("{field}.name"), "a name is expected, as `default`");
            } else if !seen.insert(&scope.name) {
                wrong(&format!("{field}.name"), "another scope has this name");
            }
            for (name, side) in scope.sides() {
                if side.scope.trim().is_empty() {
                    wrong(&format!("{field}.{name}.scope"), "it is expected: which series are compared");
                }
                if side.step == 0 {
                    wrong(&format!("{field}.{name}.step"), "at least one second is expected");
                }
            }
        }
        match &self.interval {
            Some(interval) => {
                found.extend(interval.millis().err().map(|error| Finding::error("interval", error.message())));
            }
            None if !self.has_starts() => {
                wrong("interval", "a scope has no `start`: how far back it looks is expected, as `1h`")
            }
            None => {}
        }
        found
    }

    /// Whether every scope says where it begins.
    pub(crate) fn has_starts(&self) -> bool {
        self.scopes.iter().all(|scope| scope.sides().iter().all(|(_, side)| !side.start.trim().is_empty()))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", address::base(&self.address))
    }

    /// The request with the application, and the accounts of these names that users wrote.
    pub(crate) fn accounts(&self, request: Request, wanted: &[&str]) -> Request {
        let all = [
            ("metricsAccountName", &self.metrics_account_name),
            ("configurationAccountName", &self.configuration_account_name),
            ("storageAccountName", &self.storage_account_name),
        ];
        let given = all.iter().filter(|(name, value)| wanted.contains(name) && !value.is_empty());
        given.fold(request.query("application", &self.application), |request, (name, value)| request.query(name, value))
    }

    /// The body that begins an analysis.
    pub(crate) fn body(&self, window: &Window) -> Value {
        let side = |side: &ScopeDetail| {
            let or = |given: &str, otherwise: &str| {
                Some(given.trim()).filter(|text| !text.is_empty()).unwrap_or(otherwise).to_owned()
            };
            let mut out = Map::new();
            out.insert("scope".to_owned(), json!(side.scope.trim()));
            if !side.region.is_empty() {
                out.insert("location".to_owned(), json!(side.region));
            }
            out.insert("step".to_owned(), json!(side.step));
            out.insert("start".to_owned(), json!(or(&side.start, &window.start)));
            out.insert("end".to_owned(), json!(or(&side.end, &window.end)));
            Value::Object(out)
        };
        let scopes = self.scopes.iter().map(|scope| {
            let [(control_name, control), (experiment_name, experiment)] = scope.sides();
            (scope.name.clone(), json!({control_name: side(control), experiment_name: side(experiment)}))
        });
        let scopes: Map<String, Value> = scopes.collect();
        json!({"scopes": scopes, "thresholds": {"pass": self.threshold.pass, "marginal": self.threshold.marginal}})
    }
}

impl Scope {
    /// Both sides, with Kayenta's names.
    pub(crate) fn sides(&self) -> [(&'static str, &ScopeDetail); 2] {
        [("controlScope", &self.control_scope), ("experimentScope", &self.experiment_scope)]
    }
}
