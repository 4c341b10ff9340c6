//! The metric provider `kayenta`: the score of a canary analysis is the value of a measurement, and its thresholds say whether it is good.
//!
//! ```text
//!   run        canary config by name ──► POST /canary/ID ──► running, with the execution's id as the token
//!   resume     GET /canary/EXECUTION ──► running … ──► score ≥ pass: successful;  ≥ marginal: inconclusive;  below: failed
//!   terminate  PUT /pipelines/EXECUTION/cancel
//! ```
//!
//! Invariants
//! - An analysis is begun once by a measurement: what `resume` and `terminate` are about is the token, and nothing is looked up again.
//! - An analysis that Kayenta could not finish is an error and no score.
//!
//! Must not know: conditions, which an analysis with thresholds has none of.

mod answer;
mod config;
mod window;

use std::time::Duration;

use colchis_sdk::http::{Request as HttpRequest, Response, encode};
use colchis_sdk::metric_provider::{Measurement, MetricProvider, Request};
use colchis_sdk::{Capability, Error, Finding, Result, about, call};
use provider_kit::address;

pub use config::{Config, Interval, Scope, ScopeDetail, Threshold};

/// How often an analysis that is under way is asked for.
const AGAIN: Duration = Duration::from_secs(15);

/// The longest id of an execution that is taken for one.
const ID_BYTES_MAX: usize = 256;

/// The provider.
#[derive(Debug)]
pub struct Kayenta;

impl MetricProvider for Kayenta {
    type Config = Config;

    fn check(config: &Config) -> Vec<Finding> {
        config.check()
    }

    fn run(config: Config, request: &Request) -> Result<Measurement> {
        provider_kit::refuse(config.check())?;
        let window = window::of(&config, request, call::now_ms())?;
        let list = config.accounts(HttpRequest::get(config.url("/canaryConfig")), &["configurationAccountName"]);
        let id = answer::config_id(&send(list)?, &config)?;
        let accounts = ["metricsAccountName", "configurationAccountName", "storageAccountName"];
        let begin = config.accounts(HttpRequest::post(config.url(&format!("/canary/{}", encode(&id)))), &accounts);
        let execution = answer::begun(&send(begin.json(&config.body(&window))?)?)?;
        Ok(under_way(&execution))
    }

    fn resume(config: Config, _: &Request, token: &str) -> Result<Measurement> {
        let execution = execution(token)?;
        let ask = HttpRequest::get(config.url(&format!("/canary/{}", encode(execution))));
        let ask = match config.storage_account_name.is_empty() {
            true => ask,
            false => ask.query("storageAccountName", &config.storage_account_name),
        };
        let Some(verdict) = answer::verdict(&send(ask)?)? else { return Ok(under_way(execution)) };
        Ok(verdict.measurement(&config.threshold).with_metadata("canaryExecutionId", execution))
    }

    fn terminate(config: Config, _: &Request, token: &str) -> Result<Measurement> {
        let execution = execution(token)?;
        let cancel = HttpRequest::new("PUT", config.url(&format!("/pipelines/{}/cancel", encode(execution))));
        answer::cancelled(&send(cancel)?)?;
        Ok(Measurement::inconclusive("the canary analysis was ended before it was over")
            .with_metadata("canaryExecutionId", execution))
    }

    fn metadata(config: Config) -> Result<Vec<(String, String)>> {
        Ok(vec![("canaryConfigName".to_owned(), config.canary_config_name)])
    }
}

fn under_way(execution: &str) -> Measurement {
    Measurement::running(execution, AGAIN)
        .with_message("the canary analysis is under way")
        .with_metadata("canaryExecutionId", execution)
}

fn execution(token: &str) -> Result<&str> {
    if token.is_empty() || token.len() > ID_BYTES_MAX {
        return Err(Error::permanent("the token is no id of a canary analysis").with_code("bad-token"));
    }
    Ok(token)
}

fn send(request: HttpRequest) -> Result<Response> {
    address::at("address", request.header("accept", "application/json").send())
}

colchis_sdk::export! {
    about: about!("kayenta", "Measures with canary analyses of Kayenta")
        .needs(Capability::Http("*".into()), "asks the Kayenta that a metric names")
        .may_use(Capability::State, "keeps when the first measurement of an analysis began, for `lookback`"),
    metric_provider: Kayenta,
}

#[cfg(test)]
mod tests;
