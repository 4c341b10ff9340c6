//! The metric provider `influxdb`: the values that a query finds are the value of a measurement.
//!
//! ```text
//!   Flux      ──► POST /api/v2/query ──► annotated CSV ──► the column `_value`
//!   InfluxQL  ──► POST /query        ──► JSON          ──► all columns but the time
//! ```
//!
//! Invariants
//! - The value is a list, in the order of the answer; what is null is left out, and nothing found is `[]`.
//! - The token, or user and password, are stand-ins in a header.
//!
//! Must not know: conditions, which the analysis has.

mod config;
mod flux;
mod influxql;

use colchis_sdk::metric_provider::{Measurement, MetricProvider, Request};
use colchis_sdk::{Capability, Finding, Result, about};
use provider_kit::address;

pub use config::{Config, Language};

/// What it is called in errors.
const SERVICE: &str = "InfluxDB";

/// The provider.
#[derive(Debug)]
pub struct InfluxDb;

impl MetricProvider for InfluxDb {
    type Config = Config;

    fn check(config: &Config) -> Vec<Finding> {
        config.check()
    }

    fn run(config: Config, _: &Request) -> Result<Measurement> {
        provider_kit::refuse(config.check())?;
        match config.language {
            Language::Flux => {
                let response = address::at("address", flux::request(&config)?.send())?;
                flux::read(&response).map(Measurement::of)
            }
            Language::Influxql => {
                let response = address::at("address", influxql::request(&config)?.send())?;
                influxql::read(&response).map(Measurement::of)
            }
        }
    }

    fn metadata(config: Config) -> Result<Vec<(String, String)>> {
        Ok(vec![("query".to_owned(), config.query.trim().to_owned())])
    }
}

colchis_sdk::export! {
    about: about!("influxdb", "Measures with Flux and InfluxQL queries of InfluxDB")
        .needs(Capability::Http("*".into()), "asks the InfluxDB of the profile")
        .may_use(Capability::Secret("influxdb.authToken".into()), "says to InfluxDB who asks; other names by `profile`")
        .may_use(Capability::Secret("influxdb.username".into()), "a user instead of a token, for InfluxQL")
        .may_use(Capability::Secret("influxdb.password".into()), "the user's password")
        .may_use(Capability::Reveal("influxdb.address".into()), "where InfluxDB is, where it is kept beside the token and no metric names it")
        .may_use(Capability::Reveal("influxdb.org".into()), "the organisation, where it is kept beside the token and no metric names it"),
    metric_provider: InfluxDb,
}

#[cfg(test)]
mod tests;
