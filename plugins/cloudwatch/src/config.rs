//! What users write.

use std::collections::BTreeSet;

use colchis_sdk::{Error, Finding, Result};
use provider_kit::{Profile, address, time};
use schemars::JsonSchema;
use serde::Deserialize;

/// The name of the credentials in the plugin's grants where none is named.
const PROFILE: &str = "aws";

/// Queries that AWS takes at once.
const QUERIES_MAX: usize = 500;

/// Queries of GetMetricData.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["metricDataQueries"]))]
pub struct Config {
    /// How far back is looked, as `5m`.
    #[serde(default = "interval_default")]
    pub interval: String,
    /// The queries.
    #[schemars(length(min = 1, max = 500))]
    pub metric_data_queries: Vec<MetricDataQuery>,
    /// The region, as `eu-central-1`; the granted `PROFILE.region` when empty.
    pub region: String,
    /// The name of the credentials in the plugin's grants; `aws` when empty.
    pub profile: String,
    /// Where CloudWatch is, if not at its public address: an endpoint of one's own network.
    pub address: String,
}

/// A query of GetMetricData. Either an expression or a metric.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["id"]))]
pub struct MetricDataQuery {
    /// Its name in expressions and in the result: begins with a small letter.
    pub id: String,
    /// An expression of other queries, or a search or Metrics Insights query.
    pub expression: String,
    /// What people call it.
    pub label: String,
    /// A metric and how its points are put together.
    pub metric_stat: Option<MetricStat>,
    /// Seconds between points, of an expression that has no metric to take it from.
    pub period: Option<Period>,
    /// Whether it is in the result; true when nothing is written.
    pub return_data: Option<bool>,
}

/// A metric and how its points are put together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["metric", "period", "stat"]))]
pub struct MetricStat {
    /// The metric.
    pub metric: Metric,
    /// Seconds that become one point.
    pub period: Period,
    /// How: `Sum`, `Average`, `p99` …
    pub stat: String,
    /// The unit, where a metric was written with several.
    pub unit: String,
}

/// A metric.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Metric {
    /// What sets it apart from others of its name.
    pub dimensions: Vec<Dimension>,
    /// Its name.
    pub metric_name: String,
    /// Where it belongs, as `AWS/ApplicationELB`.
    pub namespace: String,
}

/// A name and a value of a metric.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Dimension {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

/// Seconds, as a number or as a text that arguments were filled into.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Period {
    /// As a number.
    Number(u32),
    /// As a text.
    Text(String),
}

impl Default for Period {
    fn default() -> Self {
        Self::Number(0)
    }
}

fn interval_default() -> String {
    "5m".to_owned()
}

impl Period {
    /// The seconds: 1, 5, 10, 20, 30 or whole minutes.
    pub(crate) fn seconds(&self) -> Option<u32> {
        let seconds = match self {
            Self::Number(seconds) => *seconds,
            Self::Text(text) => text.trim().parse().ok()?,
        };
        (matches!(seconds, 1 | 5 | 10 | 20 | 30) || seconds > 0 && seconds % 60 == 0).then_some(seconds)
    }
}

impl Config {
    /// All that is wrong with it.
    pub(crate) fn check(&self) -> Vec<Finding> {
        let mut found: Vec<Finding> = time::check("interval", &self.interval).into_iter().collect();
        let queries = &self.metric_data_queries;
        if queries.is_empty() {
            found.push(Finding::error("metricDataQueries", "at least one query is expected"));
        }
        if queries.len() > QUERIES_MAX {
            let message = format!("at most {QUERIES_MAX} queries are expected");
            found.push(Finding::error("metricDataQueries", message));
        }
        if !queries.is_empty() && queries.iter().all(|query| query.return_data == Some(false)) {
            let message = "no query returns its data: leave `returnData` of one out";
            found.push(Finding::error("metricDataQueries", message));
        }
        let mut seen = BTreeSet::new();
        for (at, query) in queries.iter().enumerate() {
            let field = format!("metricDataQueries[{at}]");
            if !seen.insert(&query.id) {
                found.push(Finding::error(format!("{field}.id"), "another query has this id"));
            }
            query.check(&field, &mut found);
        }
        if !self.region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
            found.push(Finding::error("region", "a region is expected, as `eu-central-1`"));
        }
        found.extend(address::check(
            "address",
            &self.address,
            false,
            "https://vpce-1.monitoring.eu-central-1.vpce.amazonaws.com",
        ));
        found
    }

    /// The name of the credentials.
    pub(crate) fn credentials(&self) -> &str {
        Some(self.profile.trim()).filter(|name| !name.is_empty()).unwrap_or(PROFILE)
    }

    /// The region, which may be kept beside the credentials.
    pub(crate) fn region(&self) -> Result<String> {
        let region = Profile::new(&self.profile, PROFILE).required("region", &self.region, "region")?;
        if region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
            return Ok(region);
        }
        Err(Error::invalid("region", "a region is expected, as `eu-central-1`"))
    }

    /// Where CloudWatch of a region is. Regions in China have a domain of their own.
    pub(crate) fn url(&self, region: &str) -> String {
        if !self.address.trim().is_empty() {
            return format!("{}/", address::base(&self.address));
        }
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("https://monitoring.{region}.{domain}/")
    }
}

impl MetricDataQuery {
    fn check(&self, field: &str, found: &mut Vec<Finding>) {
        let mut wrong = |name: &str, message: &str| found.push(Finding::error(format!("{field}{name}"), message));
        let named = self.id.starts_with(|c: char| c.is_ascii_lowercase())
            && self.id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !named {
            wrong(".id", "a name is expected that begins with a small letter and has letters, digits and `_`");
        }
        match (self.expression.trim().is_empty(), &self.metric_stat) {
            (true, None) => wrong("", "either `expression` or `metricStat` is expected"),
            (false, Some(_)) => wrong(".metricStat", "only one of expression and metricStat can be used"),
            _ => {}
        }
        let period = "seconds are expected: 1, 5, 10, 20, 30 or a multiple of 60";
        if self.period.as_ref().is_some_and(|period| period.seconds().is_none()) {
            wrong(".period", period);
        }
        if self.period.is_some() && self.metric_stat.is_some() {
            wrong(".period", "the period of a metric stands in its `metricStat`");
        }
        let Some(stat) = &self.metric_stat else { return };
        if stat.period.seconds().is_none() {
            wrong(".metricStat.period", period);
        }
        for (name, value) in [
            (".metricStat.stat", &stat.stat),
            (".metricStat.metric.metricName", &stat.metric.metric_name),
            (".metricStat.metric.namespace", &stat.metric.namespace),
        ] {
            if value.trim().is_empty() {
                wrong(name, "it is expected");
            }
        }
        for (at, dimension) in stat.metric.dimensions.iter().enumerate() {
            if dimension.name.is_empty() || dimension.value.is_empty() {
                wrong(&format!(".metricStat.metric.dimensions[{at}]"), "a name and a value are expected");
            }
        }
    }

    /// What is asked, for people.
    pub(crate) fn asked(&self) -> String {
        match &self.metric_stat {
            None => self.expression.trim().to_owned(),
            Some(stat) => format!("{} of {} {}", stat.stat, stat.metric.namespace, stat.metric.metric_name),
        }
    }
}
