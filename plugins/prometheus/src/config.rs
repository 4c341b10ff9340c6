//! What users write, and what is asked of Prometheus for it.

use colchis_sdk::http::Request;
use colchis_sdk::http::auth::Authentication;
use colchis_sdk::{Error, Finding, Result};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{duration, moment};

/// A query of Prometheus.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["address", "query"]))]
pub struct Config {
    /// Where Prometheus is: `http://prometheus.example.com:9090`, with a path before its own where it has one.
    pub address: String,
    /// The query, in PromQL.
    pub query: String,
    /// How long it may take, in seconds.
    #[serde(default = "timeout_default")]
    #[schemars(range(min = 1))]
    pub timeout: u64,
    /// Any certificate is trusted. Only where an operator granted that.
    pub insecure: bool,
    /// Authorities to trust beside the server's, as PEM. Only where an operator granted that.
    pub ca_cert: String,
    /// Headers of each request.
    pub headers: Vec<Header>,
    /// How requests prove who asks.
    pub authentication: Authentication,
    /// Asks for all values between two moments rather than for those of now.
    pub range_query: Option<RangeQuery>,
}

/// A header.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// Two moments, and how far values between them are apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RangeQuery {
    /// The first moment, as `now() - duration("5m")`.
    pub start: String,
    /// The last moment, as `now()`.
    pub end: String,
    /// How far values are apart, as `1m`.
    pub step: String,
}

fn timeout_default() -> u64 {
    30
}

impl Config {
    /// All that is wrong with it.
    pub(crate) fn check(&self) -> Vec<Finding> {
        let mut found = self.authentication.check("authentication");
        if self.address.trim().is_empty() {
            found.push(Finding::error("address", "an address is expected, as http://prometheus.example.com:9090"));
        } else if !self.address.starts_with("http://") && !self.address.starts_with("https://") {
            found.push(Finding::error("address", "an address begins with http:// or https://"));
        }
        if self.query.trim().is_empty() {
            found.push(Finding::error("query", "a query is expected"));
        }
        if self.timeout == 0 {
            found.push(Finding::error("timeout", "at least one second is expected"));
        }
        for (field, given) in [("insecure", self.insecure), ("caCert", !self.ca_cert.is_empty())] {
            if given {
                found.push(Finding::warning(
                    field,
                    "which certificates are trusted is for the operator to grant, per host",
                ));
            }
        }
        if let Some(range) = &self.range_query {
            // The moments only matter against each other, so that any time will do for now.
            found.extend(
                range.form(0).err().map(|error| Finding::error(error.field().unwrap_or_default(), error.message())),
            );
        }
        found
    }

    /// The request, without its parameters.
    pub(crate) fn request(&self, method: &str) -> Request {
        let path = if self.range_query.is_some() { "query_range" } else { "query" };
        Request::new(method, format!("{}/api/v1/{path}", self.address.trim().trim_end_matches('/')))
    }

    /// Its parameters.
    pub(crate) fn form(&self, now_ms: u64) -> Result<Vec<(&'static str, String)>> {
        let mut form = vec![("query", self.query.trim().to_owned()), ("timeout", format!("{}s", self.timeout))];
        match &self.range_query {
            None => form.push(("time", moment::seconds(i128::from(now_ms) * 1_000_000))),
            Some(range) => form.extend(range.form(now_ms)?),
        }
        Ok(form)
    }
}

impl RangeQuery {
    fn form(&self, now_ms: u64) -> Result<Vec<(&'static str, String)>> {
        let read = |name: &str, text: &str| {
            moment::evaluate(text, now_ms).map_err(|why| Error::invalid(format!("rangeQuery.{name}"), why))
        };
        let (start, end) = (read("start", &self.start)?, read("end", &self.end)?);
        if end < start {
            return Err(Error::invalid("rangeQuery.end", "the last moment is before the first"));
        }
        let step = duration::prometheus(&self.step).map_err(|why| Error::invalid("rangeQuery.step", why))?;
        Ok(vec![("start", moment::seconds(start)), ("end", moment::seconds(end)), ("step", step)])
    }
}
