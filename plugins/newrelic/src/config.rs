//! What users write.

use colchis_sdk::{Error, Finding, Result};
use provider_kit::{Profile, address};
use schemars::JsonSchema;
use serde::Deserialize;

/// The longest time that New Relic gives a query, in seconds.
const TIMEOUT_SECONDS_MAX: u64 = 120;

/// An NRQL query.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["query"]))]
pub struct Config {
    /// The query, in NRQL.
    pub query: String,
    /// Where the key is: `PROFILE.personal-api-key` in the plugin's grants; `newrelic` when empty.
    pub profile: String,
    /// How long the query may take, in seconds.
    #[serde(default = "timeout_default")]
    #[schemars(range(min = 1, max = 120))]
    pub timeout: u64,
    /// The account's number; the granted `PROFILE.account-id` when empty.
    pub account_id: String,
    /// `us` or `eu`; the granted `PROFILE.region` when empty, else `us`.
    pub region: String,
    /// The address of NerdGraph or a proxy of it, with its path; the granted `PROFILE.base-url-nerdgraph` when empty, else that of the region.
    pub address: String,
}

fn timeout_default() -> u64 {
    5
}

impl Config {
    /// All that is wrong with it.
    pub(crate) fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        if self.query.trim().is_empty() {
            found.push(Finding::error("query", "a query is expected, as `SELECT count(*) AS n FROM Transaction`"));
        }
        if !(1..=TIMEOUT_SECONDS_MAX).contains(&self.timeout) {
            found.push(Finding::error("timeout", format!("1 to {TIMEOUT_SECONDS_MAX} seconds are expected")));
        }
        if !self.account_id.is_empty() && !self.account_id.bytes().all(|byte| byte.is_ascii_digit()) {
            found.push(Finding::error("accountId", "the number of an account is expected, as \"1234567\""));
        }
        found.extend(of_region(&self.region).err().map(|error| Finding::error("region", error.message())));
        found.extend(address::check("address", &self.address, false, "https://api.eu.newrelic.com/graphql"));
        found
    }

    /// Where NerdGraph is.
    pub(crate) fn url(&self, profile: &Profile) -> Result<String> {
        if let Some(proxy) = profile.setting("base-url-nerdgraph", &self.address)? {
            return Ok(address::base(&proxy));
        }
        of_region(&profile.setting("region", &self.region)?.unwrap_or_default()).map(str::to_owned)
    }

    /// The account's number, or a stand-in for it.
    pub(crate) fn account(&self, profile: &Profile) -> Result<String> {
        if !self.account_id.is_empty() {
            return Ok(self.account_id.clone());
        }
        profile.secret_if_granted("account-id")?.ok_or_else(|| {
            let message = format!("it is expected here, or as the granted secret {}", profile.name("account-id"));
            Error::invalid("accountId", message).with_code("no-setting")
        })
    }
}

/// NerdGraph of a region; of the United States when none is named.
fn of_region(region: &str) -> Result<&'static str> {
    match region.trim().to_ascii_lowercase().as_str() {
        "" | "us" => Ok("https://api.newrelic.com/graphql"),
        "eu" => Ok("https://api.eu.newrelic.com/graphql"),
        _ => Err(Error::invalid("region", "`us` or `eu` is expected")),
    }
}
