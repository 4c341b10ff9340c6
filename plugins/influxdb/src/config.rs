//! What users write.

use colchis_sdk::{Finding, Result};
use provider_kit::{Profile, address};
use schemars::JsonSchema;
use serde::Deserialize;

/// A query of InfluxDB.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["query"]))]
pub struct Config {
    /// The query.
    pub query: String,
    /// Where address, token and organisation are: `PROFILE.address`, `PROFILE.authToken` and `PROFILE.org` in the plugin's grants; `influxdb` when empty.
    pub profile: String,
    /// What the query is written in.
    pub language: Language,
    /// Where InfluxDB is: `http://influxdb.example.com:8086`; the granted `PROFILE.address` when empty.
    pub address: String,
    /// The organisation (Flux); the granted `PROFILE.org` when empty.
    pub org: String,
    /// The database (InfluxQL).
    pub database: String,
    /// The retention policy (InfluxQL); the database's own when empty.
    pub retention_policy: String,
}

/// What a query is written in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Of InfluxDB 2, and 1.8 where it is switched on.
    #[default]
    Flux,
    /// Of InfluxDB 1, and 2 with a mapping of its buckets.
    Influxql,
}

impl Config {
    /// All that is wrong with it.
    pub(crate) fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut wrong = |field: &str, message: &str| found.push(Finding::error(field, message));
        if self.query.trim().is_empty() {
            wrong("query", "a query is expected");
        }
        match self.language {
            Language::Flux => {
                for (field, given) in [("database", &self.database), ("retentionPolicy", &self.retention_policy)] {
                    if !given.is_empty() {
                        wrong(field, "only InfluxQL has it: a query in Flux begins with from(bucket: …)");
                    }
                }
            }
            Language::Influxql => {
                if !self.org.is_empty() {
                    wrong("org", "only Flux has it: a query in InfluxQL is for a database");
                }
                if self.database.trim().is_empty() {
                    wrong("database", "a database is expected");
                }
            }
        }
        found.extend(address::check("address", &self.address, false, "http://influxdb.example.com:8086"));
        found
    }

    pub(crate) fn profile(&self) -> Profile {
        Profile::new(&self.profile, "influxdb")
    }

    /// Where InfluxDB is.
    pub(crate) fn base(&self) -> Result<String> {
        self.profile().required("address", &self.address, "address").map(|text| address::base(&text))
    }
}
