//! What an operator lets a plugin reach.

use std::collections::BTreeMap;
use std::path::PathBuf;

use egress::{Config, Private, Rule};
use plugin::Capability;
use serde::Deserialize;

/// Everything that is granted; nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Grants {
    /// Hosts that requests may go to.
    pub http: Vec<HttpGrant>,
    /// Hosts and ports that connections may go to.
    pub endpoints: Vec<EndpointGrant>,
    /// Secrets, by the plugin's name for them.
    pub secrets: BTreeMap<String, SecretGrant>,
    /// Bytes of state that an object may keep; none without it.
    pub state_bytes_max: Option<u64>,
    /// Bytes of large values that the plugin may keep in all; none without it.
    pub blob_bytes_max: Option<u64>,
    /// Whether renderers may ask for objects of the destination.
    pub lookup: bool,
    /// Folders of the machine.
    pub files: Vec<FileGrant>,
}

/// A folder of the machine, and what is in it. Links that lead out of it are not followed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileGrant {
    /// Where it is on the machine.
    pub path: PathBuf,
    /// Where the plugin finds it.
    pub mount_path: String,
    /// Whether nothing in it may be changed.
    #[serde(default = "yes")]
    pub read_only: bool,
}

fn yes() -> bool {
    true
}

/// Requests to hosts.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpGrant {
    /// `[scheme://]host[:port]`, the host being a name, an address, `*.example.com` or `*`.
    pub host: Rule,
    /// Whether it may have an address that is not public: true, false, or networks.
    #[serde(default)]
    pub private: Private,
    /// Whether any certificate of it is taken.
    #[serde(default)]
    pub insecure: bool,
    /// Certificates for it.
    #[serde(default)]
    pub tls: Option<TlsGrant>,
}

/// Connections to endpoints.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EndpointGrant {
    /// `tcp://host:port` or `tls://host:port`.
    pub address: Rule,
    /// Whether it may have an address that is not public.
    #[serde(default)]
    pub private: Private,
    /// Whether any certificate of it is taken.
    #[serde(default)]
    pub insecure: bool,
    /// Certificates for it.
    #[serde(default)]
    pub tls: Option<TlsGrant>,
}

/// Certificates, which are secrets (PEM).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TlsGrant {
    /// Certificate authorities beside the machine's.
    pub ca: Option<SecretGrant>,
    /// The certificate that is shown to the other side, and those above it.
    pub certificate: Option<SecretGrant>,
    /// Its private key.
    pub key: Option<SecretGrant>,
}

/// The use of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretGrant {
    /// The namespace of the Secret.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The key in it.
    pub key: String,
    /// Hosts that it may be sent to; all that requests may go to when empty.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Whether the plugin may see the value.
    #[serde(default)]
    pub reveal: bool,
}

impl Grants {
    /// What a renderer has of them: no network, no secret, nothing that lasts, so that the same input gives the same output.
    pub(crate) fn of_a_renderer(&self) -> Self {
        Self { lookup: self.lookup, ..Self::default() }
    }

    /// Whether a need is met. One whose host only the configuration names is met by any grant of its sort.
    pub fn meets(&self, need: &Capability) -> bool {
        match need {
            Capability::Http(host) if host == "*" => !self.http.is_empty(),
            Capability::Http(host) => {
                let wanted = host.parse::<Rule>();
                self.http.iter().any(|grant| wanted.as_ref().is_ok_and(|wanted| grant.host.covers(wanted)))
            }
            Capability::Endpoint(address) if address == "*" => !self.endpoints.is_empty(),
            Capability::Endpoint(address) => {
                let wanted = address.parse::<Rule>();
                self.endpoints.iter().any(|grant| wanted.as_ref().is_ok_and(|wanted| grant.address.covers(wanted)))
            }
            Capability::Secret(name) => self.secrets.contains_key(name),
            Capability::Reveal(name) => self.secrets.get(name).is_some_and(|secret| secret.reveal),
            Capability::State => self.state_bytes_max.is_some(),
            Capability::Blobs => self.blob_bytes_max.is_some(),
            Capability::Lookup => self.lookup,
            Capability::Other(_) => false,
        }
    }
}

/// The line of `spec.grants` that would grant it, to paste.
pub(crate) fn line_for(need: &Capability) -> String {
    match need {
        Capability::Http(host) => format!("http: [{{host: {host:?}}}]"),
        Capability::Endpoint(address) => format!("endpoints: [{{address: {address:?}}}]"),
        Capability::Secret(name) => {
            format!("secrets: [{{name: {name:?}, secretKeyRef: {{namespace: …, name: …, key: …}}}}]")
        }
        Capability::Reveal(name) => {
            format!("secrets: [{{name: {name:?}, secretKeyRef: {{namespace: …, name: …, key: …}}, reveal: true}}]")
        }
        Capability::State => "state: {bytes: 1Mi}".to_owned(),
        Capability::Blobs => "blobs: {bytes: 64Mi}".to_owned(),
        Capability::Lookup => "lookup: true".to_owned(),
        Capability::Other(name) => format!("{name}: true"),
    }
}

/// What to do about a need that no grant meets.
pub(crate) fn hint_for(plugin: &str, need: &Capability) -> String {
    hint(plugin, &line_for(need))
}

/// What to do with a line of `spec.grants`.
pub(crate) fn hint(plugin: &str, line: &str) -> String {
    format!("add to spec.grants of the plugin {plugin}: {line}")
}

/// The egress policy that a grant means: its host alone, and nothing that the server never calls.
pub(crate) fn policy(host: &Rule, private: &Private, deny: &[Rule]) -> egress::Policy {
    egress::Policy::new(Config { allow: vec![host.clone()], deny: deny.to_vec(), allow_private: private.clone() })
}
