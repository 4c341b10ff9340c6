//! The metric provider `prometheus`: what a query gives is the value of a measurement.
//!
//! ```text
//!   configuration ──► Query (instant, or a range between two moments) ──► POST /api/v1/query… ──► Answer ──► number, or list of numbers
//! ```
//!
//! Invariants
//! - A scalar is a number, a vector or a matrix a list of numbers, in the order of the answer; an empty answer is an empty list.
//! - NaN and infinities are the texts `NaN`, `+Inf` and `-Inf`: they neither vanish nor look like numbers that were measured.
//! - What Prometheus says about a failure is in the error.
//!
//! Must not know: conditions, which the analysis has.

mod answer;
mod config;
mod duration;
mod moment;

use std::time::Duration;

use colchis_sdk::http::Request as HttpRequest;
use colchis_sdk::metric_provider::{Measurement, MetricProvider, Request};
use colchis_sdk::{Capability, Error, Finding, Result, about, call};

pub use config::{Config, Header, RangeQuery};

/// AWS's name of its managed Prometheus.
const AWS_SERVICE: &str = "aps";

/// The provider.
#[derive(Debug)]
pub struct Prometheus;

impl MetricProvider for Prometheus {
    type Config = Config;

    fn check(config: &Config) -> Vec<Finding> {
        config.check()
    }

    fn run(config: Config, _: &Request) -> Result<Measurement> {
        let form = config.form(call::now_ms())?;
        let fields: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut response = send(&config, config.request("POST").form(&fields))?;
        if matches!(response.status(), 405 | 501) {
            // Something between that only lets requests pass that read.
            let get = fields.iter().fold(config.request("GET"), |get, (name, value)| get.query(name, value));
            response = send(&config, get)?;
        }
        answer::read(&response)
    }

    fn metadata(config: Config) -> Result<Vec<(String, String)>> {
        Ok(vec![("query".to_owned(), config.query.trim().to_owned())])
    }
}

fn send(config: &Config, request: HttpRequest) -> Result<colchis_sdk::http::Response> {
    let request = request
        .header("accept", "application/json")
        .headers(config.headers.iter().map(|header| (header.key.clone(), header.value.clone())))
        .timeout(Duration::from_secs(config.timeout));
    config.authentication.apply(request, AWS_SERVICE)?.send().map_err(|error| at_address(config, error))
}

/// What is wrong with the address is told at its field.
fn at_address(config: &Config, error: Error) -> Error {
    if error.code() == "bad-url" || error.code() == "name-unknown" {
        return error.at("address");
    }
    if error.code() == "certificate" && config.insecure {
        return error.context("`insecure` is for the operator to grant");
    }
    error
}

colchis_sdk::export! {
    about: about!("prometheus", "Measures with queries of Prometheus and what speaks its API")
        .needs(Capability::Http("*".into()), "asks the Prometheus that a metric names, and its token server where it has one")
        .may_use(Capability::Secret("aws".into()), "signs requests to Amazon's managed Prometheus; other names by `authentication.sigv4.profile`"),
    metric_provider: Prometheus,
}

#[cfg(test)]
mod tests;
