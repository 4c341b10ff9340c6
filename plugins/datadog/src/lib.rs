//! The metric provider `datadog`: what a query of Datadog gives over the last minutes is the value of a measurement.
//!
//! ```text
//!   v1:  GET  /api/v1/query          ──► points of a series ──► the last one
//!   v2:  POST /api/v2/query/scalar   ──► one number, or a list where the query groups
//! ```
//!
//! Invariants
//! - Nothing measured is `null`, which conditions take with `default(result, 0)`; a query that groups always gives a list, also of one or none.
//! - Keys are stand-ins, and only ever in headers.
//! - What Datadog says about a failure is in the error, and the time it asks to wait is kept.
//!
//! Must not know: conditions, which the analysis has.

mod answer;
mod config;
mod query;

use colchis_sdk::metric_provider::{Measurement, MetricProvider, Request};
use colchis_sdk::{Capability, Finding, Result, about};
use provider_kit::address;

pub use config::{Aggregator, ApiVersion, Config, SecretRef};

/// The provider.
#[derive(Debug)]
pub struct Datadog;

impl MetricProvider for Datadog {
    type Config = Config;

    fn check(config: &Config) -> Vec<Finding> {
        config.check()
    }

    fn run(config: Config, request: &Request) -> Result<Measurement> {
        provider_kit::refuse(config.check())?;
        let asked = query::request(&config, &request.namespace, colchis_sdk::call::now_ms())?;
        let response = address::at("address", asked.send())?;
        match config.api_version {
            ApiVersion::V1 => answer::v1(&response),
            ApiVersion::V2 => answer::v2(&response),
        }
    }

    fn metadata(config: Config) -> Result<Vec<(String, String)>> {
        Ok(config.asked())
    }
}

colchis_sdk::export! {
    about: about!("datadog", "Measures with metric queries of Datadog")
        .needs(Capability::Http("*".into()), "asks the Datadog site of the account, as https://api.datadoghq.com")
        .needs(Capability::Secret("datadog.api-key".into()), "says to Datadog which organisation asks; other names by `secretRef`")
        .needs(Capability::Secret("datadog.app-key".into()), "says to Datadog who asks; other names by `secretRef`")
        .may_use(Capability::Reveal("datadog.address".into()), "the site's address, where it is kept beside the keys and no metric names it"),
    metric_provider: Datadog,
}

#[cfg(test)]
mod tests;
