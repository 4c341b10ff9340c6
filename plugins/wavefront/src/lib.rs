//! The metric provider `wavefront`: the newest point of what a query gives is the value of a measurement.
//!
//! ```text
//!   configuration ──► GET /api/v2/chart/api (the last five minutes, a point a minute) ──► one series: a number;  several: a list of numbers
//! ```
//!
//! Invariants
//! - Of each series the newest point that is not after now counts, and its time is kept beside the value.
//! - A query that finds nothing is an error: a measurement of nothing would be judged like one of something.
//! - The token is a stand-in in a header.
//!
//! Must not know: conditions, which the analysis has.

mod answer;
mod config;

use colchis_sdk::http::Request as HttpRequest;
use colchis_sdk::metric_provider::{Measurement, MetricProvider, Request};
use colchis_sdk::{Capability, Finding, Result, about, call};
use provider_kit::address;

pub use config::Config;

/// How far back is looked.
const WINDOW_MS: u64 = 5 * 60 * 1000;

/// The provider.
#[derive(Debug)]
pub struct Wavefront;

impl MetricProvider for Wavefront {
    type Config = Config;

    fn check(config: &Config) -> Vec<Finding> {
        config.check()
    }

    fn run(config: Config, _: &Request) -> Result<Measurement> {
        provider_kit::refuse(config.check())?;
        let now = call::now_ms();
        let request = HttpRequest::get(format!("{}/api/v2/chart/api", config.base()))
            .query("q", config.query.trim())
            .query("s", &now.saturating_sub(WINDOW_MS).to_string())
            .query("e", &now.to_string())
            .query("g", "m")
            // Nothing from outside of the window, however it is drawn.
            .query("strict", "true")
            .header("accept", "application/json")
            .header("authorization", format!("Bearer {}", config.token()?));
        answer::read(&address::at("address", request.send())?, now)
    }

    fn metadata(config: Config) -> Result<Vec<(String, String)>> {
        Ok(vec![("query".to_owned(), config.query.trim().to_owned())])
    }
}

colchis_sdk::export! {
    about: about!("wavefront", "Measures with queries of Wavefront (VMware Aria Operations for Applications)")
        .needs(Capability::Http("*".into()), "asks the cluster that a metric names, as https://example.wavefront.com")
        .may_use(Capability::Secret("token".into()), "says to Wavefront who asks; a secret that is called like the metric's address comes first"),
    metric_provider: Wavefront,
}

#[cfg(test)]
mod tests;
