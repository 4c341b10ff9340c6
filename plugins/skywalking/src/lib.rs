//! The metric provider `skywalking`: what a GraphQL query gives is the value of a measurement.
//!
//! ```text
//!   query + duration (the interval until now, in minutes) ──► POST /graphql ──► data ──► value
//! ```
//!
//! Invariants
//! - The value is the answer's `data` as it is; which part is judged is for the conditions.
//! - Times are in UTC unless the configuration has the server's offset, for SkyWalking reads them in its own zone.
//!
//! Must not know: conditions, which the analysis has.

mod answer;
mod config;

use colchis_sdk::http::Request as HttpRequest;
use colchis_sdk::metric_provider::{Measurement, MetricProvider, Request};
use colchis_sdk::{Capability, Finding, Result, about, call};
use provider_kit::address;
use serde_json::json;

pub use config::Config;

/// The provider.
#[derive(Debug)]
pub struct SkyWalking;

impl MetricProvider for SkyWalking {
    type Config = Config;

    fn check(config: &Config) -> Vec<Finding> {
        config.check()
    }

    fn run(config: Config, _: &Request) -> Result<Measurement> {
        provider_kit::refuse(config.check())?;
        let (start, end) = config.window(call::now_ms())?;
        let duration = json!({"start": start, "end": end, "step": "MINUTE"});
        let request = HttpRequest::post(format!("{}/graphql", address::base(&config.address)))
            .header("accept", "application/json")
            .json(&json!({"query": config.query.trim(), "variables": {"duration": duration}}))?;
        answer::read(&address::at("address", request.send())?).map(Measurement::of)
    }

    fn metadata(config: Config) -> Result<Vec<(String, String)>> {
        Ok(vec![("query".to_owned(), config.query.trim().to_owned())])
    }
}

colchis_sdk::export! {
    about: about!("skywalking", "Measures with GraphQL queries of Apache SkyWalking")
        .needs(Capability::Http("*".into()), "asks the SkyWalking that a metric names"),
    metric_provider: SkyWalking,
}

#[cfg(test)]
mod tests;
