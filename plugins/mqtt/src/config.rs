//! What users write.

use std::collections::BTreeMap;

use colchis_sdk::endpoint::{self, Tls};
use colchis_sdk::{Error, Finding, Result, SecretRef, Severity};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// Messages of a topic.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// Where the broker is, as `tcp://broker.example.com:1883`.
    pub url: String,
    /// The topic, as `ships/+/position`.
    pub topic: String,
    /// The name by which the broker knows the session. No two clients of a broker may have the same.
    pub client_id: String,
    /// 1: the broker keeps messages until they are acknowledged, and while nobody is there. 0: it does not.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 1))]
    pub qos: u8,
    /// Bodies are JSON; otherwise they come in base64.
    #[serde(default)]
    pub json_body: bool,
    /// The connection is encrypted. Certificates are for the operator to grant.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// How it proves who asks.
    #[serde(default)]
    pub auth: Option<Auth>,
    /// Read, with a warning: the server decides when a connection is tried again.
    #[serde(default)]
    pub connection_backoff: Option<Value>,
    /// Goes along with each event.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// How a connection proves who asks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// A user and a password.
    pub basic: Basic,
}

/// A user and a password. MQTT has the length of each before it, and only the host knows the values: so their lengths are told here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Basic {
    /// The user.
    pub username: SecretRef,
    /// How long the user's name is (bytes).
    pub username_bytes: u16,
    /// The password.
    pub password: SecretRef,
    /// How long the password is (bytes).
    pub password_bytes: u16,
}

/// The longest topic (bytes): the cursor has it in it.
const TOPIC_BYTES_MAX: usize = 4096;

fn one() -> u8 {
    1
}

impl Config {
    pub(crate) fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        if let Err(error) = self.address() {
            found.push(Finding::error("url", error.message()));
        }
        if !is_topic(&self.topic) {
            let message =
                "a topic is expected, as `ships/+/position`: `+` for one level, `#` for all below, at the end";
            found.push(Finding::error("topic", message));
        }
        if self.client_id.is_empty() || self.client_id.len() > 1024 || self.client_id.contains('\0') {
            found.push(Finding::error(
                "clientId",
                "a name of 1 to 1024 bytes is expected: by it the broker knows the session",
            ));
        }
        if self.qos > 1 {
            found.push(Finding::error("qos", "0 or 1 is expected"));
        }
        if self.connection_backoff.is_some() {
            let message = "the server decides when a connection is tried again, and waits longer each time";
            found.push(Finding::warning("connectionBackoff", message));
        }
        found
    }

    /// It, or the first thing that cannot work.
    pub(crate) fn checked(self) -> Result<Self> {
        match self.check().into_iter().find(|finding| finding.severity == Severity::Error) {
            Some(finding) => Err(Error::invalid(finding.field, finding.message)),
            None => Ok(self),
        }
    }

    pub(crate) fn address(&self) -> Result<String> {
        let (plain, secure) = (["tcp", "mqtt"], ["ssl", "tls", "mqtts"]);
        endpoint::address(&self.url, self.tls.as_ref(), &plain, &secure, (1883, 8883))
            .map_err(|why| Error::invalid("url", why))
    }
}

/// Whether messages can be subscribed to by it (MQTT 3.1.1, 4.7).
fn is_topic(text: &str) -> bool {
    let levels: Vec<&str> = text.split('/').collect();
    let last = levels.len().saturating_sub(1);
    let level = |(at, level): (usize, &&str)| match *level {
        "#" => at == last,
        "+" => true,
        other => !other.contains(['#', '+', '\0']),
    };
    !text.is_empty() && text.len() <= TOPIC_BYTES_MAX && levels.iter().enumerate().all(level)
}
