//! What users write.

use colchis_sdk::{Class, Finding, Result, secrets};
use provider_kit::address;
use schemars::JsonSchema;
use serde::Deserialize;

/// The name of the token in the plugin's grants, where none has the name of the address.
const TOKEN: &str = "token";

/// A query of Wavefront.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["address", "query"]))]
pub struct Config {
    /// The cluster, as `example.wavefront.com`; `https://` is meant when no scheme is written.
    pub address: String,
    /// The query, in Wavefront's language.
    pub query: String,
}

impl Config {
    /// All that is wrong with it.
    pub(crate) fn check(&self) -> Vec<Finding> {
        let mut found: Vec<Finding> =
            address::check("address", &self.address, true, "example.wavefront.com").into_iter().collect();
        if self.query.trim().is_empty() {
            found.push(Finding::error("query", "a query is expected, as `ts(\"requests.latency\")`"));
        }
        found
    }

    pub(crate) fn base(&self) -> String {
        address::base(&self.address)
    }

    /// A stand-in for the token: of the secret that is called like the address, or of the one for all addresses.
    pub(crate) fn token(&self) -> Result<String> {
        let base = self.base();
        let host = base.split_once("://").map_or(base.as_str(), |(_, rest)| rest);
        match secrets::stand_in(host) {
            Err(error) if *error.class() == Class::Denied => {
                secrets::stand_in(TOKEN).map_err(|error| error.context(format!("the secret {host} or {TOKEN}")))
            }
            answer => answer,
        }
    }
}
