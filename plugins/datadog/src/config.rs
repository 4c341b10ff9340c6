//! What users write.

use std::collections::BTreeMap;

use colchis_sdk::Finding;
use provider_kit::{Profile, address, time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A query of Datadog.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Config {
    /// The site's API, as `https://api.datadoghq.eu`. Where it is empty: the granted `datadog.address`, else `https://api.datadoghq.com`.
    pub address: String,
    /// Which of Datadog's interfaces is asked.
    pub api_version: ApiVersion,
    /// How far back is looked, as `5m`.
    #[serde(default = "interval_default")]
    pub interval: String,
    /// The query. With v2 either this or `queries`.
    pub query: String,
    /// Queries by the names that `formula` has for them (v2).
    pub queries: BTreeMap<String, String>,
    /// What is computed of `queries` (v2); needed where there are several.
    pub formula: String,
    /// How the points of the interval become one number (v2): `last` where none is given.
    pub aggregator: Option<Aggregator>,
    /// Where the keys are, if not with the names that begin with `datadog.`.
    pub secret_ref: SecretRef,
    /// How long a request may take, as `10s`.
    #[serde(default = "timeout_default")]
    pub request_timeout: String,
}

/// One of Datadog's interfaces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ApiVersion {
    /// Series of points; the last one counts.
    #[default]
    V1,
    /// Numbers that Datadog aggregates itself, with formulas and groups.
    V2,
}

/// How points become a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are Datadog's own")]
pub enum Aggregator {
    Avg,
    Min,
    Max,
    Sum,
    #[default]
    Last,
    Percentile,
    Mean,
    L2norm,
    Area,
}

/// Which names the keys have in the plugin's grants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct SecretRef {
    /// `NAME.api-key` and `NAME.app-key` are asked for.
    pub name: String,
    /// The names begin with the namespace of the analysis: `NAMESPACE.NAME.api-key`.
    pub namespaced: bool,
}

fn interval_default() -> String {
    "5m".to_owned()
}

fn timeout_default() -> String {
    "10s".to_owned()
}

impl Config {
    /// All that is wrong with it.
    pub(crate) fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut wrong = |field: &str, message: &str| found.push(Finding::error(field, message));
        let (query, queries) = (!self.query.trim().is_empty(), !self.queries.is_empty());
        match self.api_version {
            ApiVersion::V1 => {
                for (field, given) in [
                    ("queries", queries),
                    ("formula", !self.formula.is_empty()),
                    ("aggregator", self.aggregator.is_some()),
                ] {
                    if given {
                        wrong(field, "only Datadog's second interface has it: add `apiVersion: v2`");
                    }
                }
                if !query && !queries {
                    wrong("query", "a query is expected, as `avg:requests.error.rate{service:shop}`");
                }
            }
            ApiVersion::V2 => {
                match (query, queries) {
                    (false, false) => wrong("query", "a query is expected, or several in `queries`"),
                    (true, true) => wrong("queries", "only one of query and queries can be used"),
                    _ => {}
                }
                if query && !self.formula.trim().is_empty() {
                    wrong("formula", "a formula is about named queries: write the query in `queries`");
                }
                if self.queries.len() > 1 && self.formula.trim().is_empty() {
                    wrong("formula", "several queries need a formula that makes one number of them, as `a / b`");
                }
                for (name, query) in &self.queries {
                    if query.trim().is_empty() {
                        wrong(&format!("queries.{name}"), "a query is expected");
                    }
                    if !is_name(name) {
                        wrong(
                            &format!("queries.{name}"),
                            "the name of a query begins with a letter and has letters, digits and `_`",
                        );
                    }
                }
            }
        }
        if self.secret_ref.namespaced && self.secret_ref.name.trim().is_empty() {
            wrong("secretRef.name", "a name is expected where the secret is `namespaced`");
        }
        found.extend(address::check("address", &self.address, false, "https://api.datadoghq.eu"));
        found.extend(time::check("interval", &self.interval));
        found.extend(time::check("requestTimeout", &self.request_timeout));
        found
    }

    /// The names of the keys.
    pub(crate) fn profile(&self, namespace: &str) -> Profile {
        let name = &self.secret_ref.name;
        if self.secret_ref.namespaced { Profile::within(namespace, name) } else { Profile::new(name, "datadog") }
    }

    /// What is asked, for people.
    pub(crate) fn asked(&self) -> Vec<(String, String)> {
        let mut asked = Vec::new();
        if !self.query.trim().is_empty() {
            asked.push(("query".to_owned(), self.query.trim().to_owned()));
        }
        asked.extend(self.queries.iter().map(|(name, query)| (format!("queries.{name}"), query.trim().to_owned())));
        if !self.formula.trim().is_empty() {
            asked.push(("formula".to_owned(), self.formula.trim().to_owned()));
        }
        asked
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
