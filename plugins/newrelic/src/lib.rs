//! The metric provider `newrelic`: what an NRQL query gives is the value of a measurement.
//!
//! ```text
//!   configuration + account ──► GraphQL (actor.account.nrql) ──► POST /graphql ──► one row: a map;  several: a list of maps
//! ```
//!
//! Invariants
//! - The key is a stand-in in a header, and the account's number one in the query: neither is seen here.
//! - A query that finds nothing is an error: a measurement of nothing would be judged like one of something.
//!
//! Must not know: conditions, which the analysis has.

mod answer;
mod config;

use std::time::Duration;

use colchis_sdk::http::Request as HttpRequest;
use colchis_sdk::metric_provider::{Measurement, MetricProvider, Request};
use colchis_sdk::{Capability, Finding, Result, about};
use provider_kit::{Profile, address};
use serde_json::json;

pub use config::Config;

/// What a request may take beyond the query's own time, for the way.
const WAY: Duration = Duration::from_secs(5);

/// The provider.
#[derive(Debug)]
pub struct NewRelic;

impl MetricProvider for NewRelic {
    type Config = Config;

    fn check(config: &Config) -> Vec<Finding> {
        config.check()
    }

    fn run(config: Config, _: &Request) -> Result<Measurement> {
        provider_kit::refuse(config.check())?;
        let profile = Profile::new(&config.profile, "newrelic");
        let request = HttpRequest::post(config.url(&profile)?)
            .header("accept", "application/json")
            .header("api-key", profile.secret("personal-api-key")?)
            .timeout(Duration::from_secs(config.timeout).saturating_add(WAY))
            .json(&json!({
                "query": document(&config.account(&profile)?, config.timeout),
                "variables": {"query": config.query.trim()},
            }))?;
        answer::read(&address::at("address", request.send())?).map(Measurement::of)
    }

    fn metadata(config: Config) -> Result<Vec<(String, String)>> {
        Ok(vec![("query".to_owned(), config.query.trim().to_owned())])
    }
}

/// The GraphQL document. The account stands in it, and not in the variables, because a stand-in is a text and the variable would have to be a number.
fn document(account: &str, timeout: u64) -> String {
    format!(
        "query($query: Nrql!) {{ actor {{ account(id: {account}) {{ nrql(query: $query, timeout: {timeout}) {{ results }} }} }} }}"
    )
}

colchis_sdk::export! {
    about: about!("newrelic", "Measures with NRQL queries of New Relic")
        .needs(Capability::Http("*".into()), "asks NerdGraph, as https://api.newrelic.com or https://api.eu.newrelic.com")
        .needs(Capability::Secret("newrelic.personal-api-key".into()), "says to New Relic who asks; other names by `profile`")
        .may_use(Capability::Secret("newrelic.account-id".into()), "the account whose data is asked, where no metric names it")
        .may_use(Capability::Reveal("newrelic.region".into()), "the account's region, where it is kept beside the key and no metric names it")
        .may_use(Capability::Reveal("newrelic.base-url-nerdgraph".into()), "the address of a proxy, where it is kept beside the key and no metric names it"),
    metric_provider: NewRelic,
}

#[cfg(test)]
mod tests;
