//! The metric provider `cloudwatch`: the results of GetMetricData are the value of a measurement.
//!
//! ```text
//!   metricDataQueries + interval ──► POST / (GetMetricData, signed by the host) ──► page … page ──► [{Id, Label, Values, Timestamps, …}]
//! ```
//!
//! Invariants
//! - The value is a list with one entry for each query whose data is returned, with the names that AWS has for its fields: `result[0].Values`.
//! - Credentials are never seen: the host signs.
//! - A result that AWS calls neither complete nor partial is an error.
//!
//! Must not know: conditions, which the analysis has.

mod answer;
mod config;
mod query;

use colchis_sdk::metric_provider::{Measurement, MetricProvider, Request};
use colchis_sdk::{Capability, Error, Finding, Result, about, call};
use provider_kit::{address, time};

pub use config::{Config, Dimension, Metric, MetricDataQuery, MetricStat, Period};

/// Pages of one measurement (`pages_max`). AWS gives 500 queries and 100,800 points at once.
const PAGES_MAX: usize = 10;

/// The provider.
#[derive(Debug)]
pub struct CloudWatch;

impl MetricProvider for CloudWatch {
    type Config = Config;

    fn check(config: &Config) -> Vec<Finding> {
        config.check()
    }

    fn run(config: Config, _: &Request) -> Result<Measurement> {
        provider_kit::refuse(config.check())?;
        let now = call::now_ms();
        let begun = now.saturating_sub(time::millis(time::duration("interval", &config.interval)?));
        let mut gathered = answer::Gathered::default();
        let mut token = None;
        for _ in 0..PAGES_MAX {
            let request = query::request(&config, begun, now, token.as_deref())?;
            token = gathered.take(&address::at("address", request.send())?)?;
            if token.is_none() {
                return gathered.measurement();
            }
        }
        let message = format!("the queries give more than pages_max ({PAGES_MAX}) pages; shorten `interval`");
        Err(Error::invalid("metricDataQueries", message).with_code("too-much"))
    }

    fn metadata(config: Config) -> Result<Vec<(String, String)>> {
        Ok(config.metric_data_queries.iter().map(|query| (format!("query.{}", query.id), query.asked())).collect())
    }
}

colchis_sdk::export! {
    about: about!("cloudwatch", "Measures with metrics of Amazon CloudWatch")
        .needs(Capability::Http("*".into()), "asks CloudWatch of a region, as https://monitoring.eu-central-1.amazonaws.com")
        .needs(Capability::Secret("aws".into()), "signs the requests; other names by `profile`")
        .may_use(Capability::Reveal("aws.region".into()), "the region, where it is kept beside the credentials and no metric names it"),
    metric_provider: CloudWatch,
}

#[cfg(test)]
mod tests;
