//! What a plugin says about itself.

use serde::Serialize;
use serde_json::Value;

/// A kind of plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Measures something for an analysis.
    MetricProvider,
    /// Makes manifests of a source tree.
    ManifestRenderer,
    /// Brings events in.
    EventSource,
    /// Does something when events came in.
    Trigger,
    /// Is a step of a workflow.
    Step,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::MetricProvider, Self::ManifestRenderer, Self::EventSource, Self::Trigger, Self::Step];

    /// Its name, as the packages in `wit/` have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::MetricProvider => "metric-provider",
            Self::ManifestRenderer => "manifest-renderer",
            Self::EventSource => "event-source",
            Self::Trigger => "trigger",
            Self::Step => "step",
        }
    }
}

/// Something outside its sandbox that a plugin asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Requests to hosts (`https://*.example.com`); `*` when the configuration names the host.
    Http(String),
    /// Connections to an endpoint (`tcp://host:port`); `*` when the configuration names it.
    Endpoint(String),
    /// The use of a secret, by the plugin's name for it.
    Secret(String),
    /// The value of a secret.
    Reveal(String),
    /// State that lasts from call to call.
    State,
    /// Large values that last from call to call.
    Blobs,
    /// Objects of the destination.
    Lookup,
    /// One that this host does not know, by name.
    Other(String),
}

/// A need and its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Need {
    /// What.
    pub what: Capability,
    /// Why.
    pub why: String,
    /// Whether it does part of its work without.
    pub optional: bool,
}

/// A kind that a plugin is of, and how it is configured as such.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KindInfo {
    /// Which.
    pub kind: Kind,
    /// The JSON Schema (2020-12) of its configuration.
    pub config_schema: Value,
}

/// What a plugin is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Info {
    /// Its name.
    pub name: String,
    /// Its version, as semver.org says.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// What it can be used as.
    pub kinds: Vec<KindInfo>,
    /// What it needs.
    pub needs: Vec<Need>,
}

impl Info {
    /// Its side as one kind, if it is of that kind.
    pub fn as_kind(&self, kind: Kind) -> Option<&KindInfo> {
        self.kinds.iter().find(|k| k.kind == kind)
    }
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It cannot work so.
    Error,
    /// It is probably not what was meant.
    Warning,
}

/// Something about a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The field, as a path; empty for the whole.
    pub field: String,
    /// What is wrong, and what is expected.
    pub message: String,
}
