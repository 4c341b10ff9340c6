//! What users write.

use std::collections::{BTreeMap, BTreeSet};

use colchis_sdk::endpoint::{self, Tls};
use colchis_sdk::{Error, Finding, Result, SecretRef, Severity};
use schemars::JsonSchema;
use serde::Deserialize;

/// Streams of a Redis.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["hostAddress", "streams"]))]
pub struct Config {
    /// Where Redis is, as `redis.example.com:6379`.
    pub host_address: String,
    /// The user; the default one when empty.
    pub username: String,
    /// The password.
    pub password: Option<SecretRef>,
    /// The database.
    pub db: u32,
    /// The streams; all of them have to be there.
    pub streams: Vec<String>,
    /// The group that remembers what was acknowledged; made where it is not there, from now on. `argo-events-cg` when empty.
    pub consumer_group: String,
    /// The consumer in it. Two sources of one group have to have different ones. `colchis` when empty.
    pub consumer: String,
    /// Messages at once; 10 when 0.
    pub max_msg_count_per_read: u32,
    /// The connection is encrypted. Certificates are for the operator to grant.
    pub tls: Option<Tls>,
    /// Goes along with each event.
    pub metadata: BTreeMap<String, String>,
}

/// The most streams of one source.
const STREAMS_MAX: usize = 100;

impl Config {
    pub(crate) fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        if let Err(error) = self.address() {
            found.push(Finding::error("hostAddress", error.message()));
        }
        let quoted = |text: &str| text.contains(['"', '\\', '\'']) || text.chars().any(char::is_control);
        if quoted(&self.username) {
            found.push(Finding::error("username", "a name without quotes, `\\` and line breaks is expected"));
        }
        if !self.username.is_empty() && self.password.is_none() {
            found.push(Finding::error("password", "it is expected beside a username"));
        }
        let different: BTreeSet<&String> = self.streams.iter().collect();
        if self.streams.is_empty() || self.streams.len() > STREAMS_MAX || self.streams.iter().any(String::is_empty) {
            found.push(Finding::error("streams", format!("names of 1 to {STREAMS_MAX} streams are expected")));
        } else if different.len() != self.streams.len() {
            found.push(Finding::error("streams", "a stream is named twice"));
        }
        found
    }

    /// The first thing that cannot work.
    pub(crate) fn checked(self) -> Result<Self> {
        match self.check().into_iter().find(|finding| finding.severity == Severity::Error) {
            Some(finding) => Err(Error::invalid(finding.field, finding.message)),
            None => Ok(self),
        }
    }

    pub(crate) fn address(&self) -> Result<String> {
        let (plain, secure) = (["redis", "tcp"], ["rediss", "tls"]);
        endpoint::address(&self.host_address, self.tls.as_ref(), &plain, &secure, (6379, 6379))
            .map_err(|why| Error::invalid("hostAddress", why))
    }

    pub(crate) fn group(&self) -> &str {
        if self.consumer_group.is_empty() { "argo-events-cg" } else { &self.consumer_group }
    }

    pub(crate) fn consumer(&self) -> &str {
        if self.consumer.is_empty() { "colchis" } else { &self.consumer }
    }

    pub(crate) fn count(&self, max: u32) -> u32 {
        let own = if self.max_msg_count_per_read == 0 { 10 } else { self.max_msg_count_per_read };
        own.min(max).max(1)
    }
}
