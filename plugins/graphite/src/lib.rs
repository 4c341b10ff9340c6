//! The metric provider `graphite`: the points of a target are the value of a measurement.
//!
//! ```text
//!   query ──► parameters (target …, from, until) ──► POST /render ──► series of points ──► list of numbers
//! ```
//!
//! Invariants
//! - The value is a list of numbers, series after series in Graphite's order, oldest first. Points without a value are left out; nothing found is `[]`.
//! - What a query says about its window stays; without that it is the last five minutes.
//!
//! Must not know: conditions, which the analysis has.

mod answer;
mod config;

use colchis_sdk::http::Request as HttpRequest;
use colchis_sdk::metric_provider::{Measurement, MetricProvider, Request};
use colchis_sdk::{Capability, Finding, Result, about};
use provider_kit::address;

pub use config::Config;

/// The provider.
#[derive(Debug)]
pub struct Graphite;

impl MetricProvider for Graphite {
    type Config = Config;

    fn check(config: &Config) -> Vec<Finding> {
        config.check()
    }

    fn run(config: Config, _: &Request) -> Result<Measurement> {
        let form = config.form()?;
        let fields: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let url = format!("{}/render", address::base(&config.address));
        let ask = |request: HttpRequest| address::at("address", request.header("accept", "application/json").send());
        let mut response = ask(HttpRequest::post(&url).form(&fields))?;
        if matches!(response.status(), 405 | 501) {
            // Something between that only lets requests pass that read.
            response = ask(fields.iter().fold(HttpRequest::get(&url), |get, (name, value)| get.query(name, value)))?;
        }
        answer::read(&response).map(Measurement::of)
    }

    fn metadata(config: Config) -> Result<Vec<(String, String)>> {
        Ok(vec![("query".to_owned(), config.query.trim().to_owned())])
    }
}

colchis_sdk::export! {
    about: about!("graphite", "Measures with targets of Graphite's render API")
        .needs(Capability::Http("*".into()), "asks the Graphite that a metric names"),
    metric_provider: Graphite,
}

#[cfg(test)]
mod tests;
