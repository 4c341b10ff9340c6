//! What users write: of the event source and of the trigger, and what both have in common.

use std::collections::BTreeMap;

use colchis_sdk::endpoint::{self, Tls};
use colchis_sdk::{Error, Finding, Result, SecretRef, Severity};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::proto::is_subject;

/// Messages of a subject.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["url", "subject"]))]
pub struct SourceConfig {
    /// Where NATS is, as `nats://nats.example.com:4222`.
    pub url: String,
    /// The subject, as `orders.>`.
    pub subject: String,
    /// The queue group: each message goes to one of the group. Not with `jetStream`.
    pub queue: String,
    /// Bodies are JSON; otherwise they come in base64.
    pub json_body: bool,
    /// The connection is encrypted. Certificates are for the operator to grant.
    pub tls: Option<Tls>,
    /// How it proves who asks.
    pub auth: Option<Auth>,
    /// Read, with a warning: the server decides when a connection is tried again.
    pub connection_backoff: Option<Value>,
    /// Messages come from a stream that keeps them, so that none is lost.
    pub jet_stream: Option<JetStream>,
    /// Goes along with each event.
    pub metadata: BTreeMap<String, String>,
}

/// A stream that keeps messages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["stream"]))]
pub struct JetStream {
    /// Its name.
    pub stream: String,
    /// Where it begins the first time.
    pub deliver: Deliver,
}

/// Where a stream is read from the first time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Deliver {
    /// With what comes from now on.
    #[default]
    New,
    /// With all that is kept.
    All,
    /// With the last one.
    Last,
}

/// A message to a subject.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["url", "subject"]))]
pub struct TriggerConfig {
    /// Where NATS is, as `nats://nats.example.com:4222`.
    pub url: String,
    /// The subject.
    pub subject: String,
    /// The connection is encrypted. Certificates are for the operator to grant.
    pub tls: Option<Tls>,
    /// How it proves who asks.
    pub auth: Option<Auth>,
    /// A stream keeps the message, and says so.
    pub jet_stream: bool,
}

/// How a connection proves who asks. One of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// A token.
    pub token: Option<SecretRef>,
    /// A user and a password.
    pub basic: Option<Basic>,
    /// A key that signs what the server asks.
    pub nkey: Option<Nkey>,
}

/// A key that signs. NATS' own form of it (`SU…`) is not read: the host signs with PEM.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Nkey {
    /// The public key, as the server has it: `U…`.
    pub public_key: String,
    /// The private key: an Ed25519 key in PEM.
    pub key: SecretRef,
}

/// A user and a password.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// The user.
    pub username: SecretRef,
    /// The password.
    pub password: SecretRef,
}

/// Where a connection goes, and who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) url: &'a str,
    pub(crate) tls: Option<&'a Tls>,
    pub(crate) auth: Option<&'a Auth>,
}

impl Place<'_> {
    /// The endpoint, and whether it goes on with TLS: NATS begins without and says so itself.
    pub(crate) fn address(&self) -> Result<(String, bool)> {
        let address = endpoint::address(self.url, self.tls, &["nats", "tcp"], &["tls"], (4222, 4222))
            .map_err(|why| Error::invalid("url", why))?;
        Ok(match address.strip_prefix("tls://") {
            Some(place) => (format!("tcp://{place}"), true),
            None => (address, false),
        })
    }

    fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        if let Err(error) = self.address() {
            found.push(Finding::error("url", error.message()));
        }
        if let Some(auth) = self.auth {
            let ways = [auth.token.is_some(), auth.basic.is_some(), auth.nkey.is_some()];
            if ways.iter().filter(|way| **way).count() != 1 {
                found.push(Finding::error("auth", "one of token, basic and nkey is expected"));
            }
            let is_public = |key: &str| {
                let base32 = |byte: u8| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte);
                key.len() == 56 && key.starts_with('U') && key.bytes().all(base32)
            };
            if auth.nkey.as_ref().is_some_and(|nkey| !is_public(&nkey.public_key)) {
                found.push(Finding::error(
                    "auth.nkey.publicKey",
                    "a user's public key is expected: `U` and 55 letters and digits",
                ));
            }
        }
        found
    }
}

impl SourceConfig {
    pub(crate) fn place(&self) -> Place<'_> {
        Place { url: &self.url, tls: self.tls.as_ref(), auth: self.auth.as_ref() }
    }

    pub(crate) fn check(&self) -> Vec<Finding> {
        let mut found = self.place().check();
        if !is_subject(&self.subject, true) {
            found.push(Finding::error("subject", "a subject is expected, as `orders.>`"));
        }
        if !self.queue.is_empty() && !is_subject(&self.queue, false) {
            found.push(Finding::error("queue", "a name without blanks is expected"));
        }
        if self.connection_backoff.is_some() {
            let message = "the server decides when a connection is tried again, and waits longer each time";
            found.push(Finding::warning("connectionBackoff", message));
        }
        if let Some(jet_stream) = &self.jet_stream {
            if jet_stream.stream.contains('.') || !is_subject(&jet_stream.stream, false) {
                found.push(Finding::error("jetStream.stream", "the name of a stream is expected"));
            }
            if !self.queue.is_empty() {
                found.push(Finding::error("queue", "a stream is read by one source: it has no queue group"));
            }
        }
        found
    }
}

impl TriggerConfig {
    pub(crate) fn place(&self) -> Place<'_> {
        Place { url: &self.url, tls: self.tls.as_ref(), auth: self.auth.as_ref() }
    }

    pub(crate) fn check(&self) -> Vec<Finding> {
        let mut found = self.place().check();
        if !is_subject(&self.subject, false) {
            found.push(Finding::error("subject", "a subject without `*` and `>` is expected"));
        }
        found
    }
}

/// The first thing that cannot work.
pub(crate) fn first_error(found: Vec<Finding>) -> Result<()> {
    match found.into_iter().find(|finding| finding.severity == Severity::Error) {
        Some(finding) => Err(Error::invalid(finding.field, finding.message)),
        None => Ok(()),
    }
}
