//! The metric provider `web`: a part of what a service answers is the value of a measurement.
//!
//! ```text
//!   configuration ──► request ──► status 2xx? ──► JSON ──► jsonPath ──► value
//! ```
//!
//! Invariants
//! - One place that the path names gives its value; a path that may name several gives a list.
//! - A path that leads nowhere is an error: a measurement of nothing would be judged like one of something.
//!
//! Must not know: conditions, which the analysis has.

mod config;
mod path;

use colchis_sdk::http::Response;
use colchis_sdk::metric_provider::{Measurement, MetricProvider, Request};
use colchis_sdk::{Capability, Error, Finding, Result, about};
use serde_json::Value;

pub use config::{Config, Header, Method};
use path::Path;

/// The provider.
#[derive(Debug)]
pub struct Web;

impl MetricProvider for Web {
    type Config = Config;

    fn check(config: &Config) -> Vec<Finding> {
        config.check()
    }

    fn run(config: Config, _: &Request) -> Result<Measurement> {
        // What cannot be sent or read is told before anything is sent.
        let path = Path::parse(&config.json_path).map_err(|why| Error::invalid("jsonPath", why))?;
        let request = config.request()?;
        let request = config.authentication.apply(request, config.aws_service())?;
        let response =
            request.send().map_err(|error| if error.code() == "bad-url" { error.at("url") } else { error })?;
        measure(&response.ok()?, &path).map(Measurement::of)
    }
}

/// The value in an answer.
fn measure(response: &Response, path: &Path) -> Result<Value> {
    let Ok(document) = response.json::<Value>() else {
        if path.is_whole()
            && let Ok(text) = response.text()
        {
            return Ok(Value::String(text.to_owned()));
        }
        let message = format!("the answer is not JSON, which jsonPath is for: it begins with {}", response.excerpt());
        return Err(Error::permanent(message).with_code("not-json"));
    };
    path.find(document).ok_or_else(|| {
        let message = format!("jsonPath leads nowhere in the answer: {}", response.excerpt());
        Error::not_found(message).with_code("no-value").at("jsonPath")
    })
}

colchis_sdk::export! {
    about: about!("web", "Measures with a part of what a service answers over HTTP")
        .needs(Capability::Http("*".into()), "asks the service that a metric names, and its token server where it has one")
        .may_use(Capability::Secret("aws".into()), "signs requests to AWS; other names by `authentication.sigv4.profile`"),
    metric_provider: Web,
}

#[cfg(test)]
mod tests;
