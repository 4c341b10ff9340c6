//! What a plugin says about itself.

/// Something outside its sandbox that a plugin asks for. An operator grants it, or does not.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Capability {
    /// Requests to hosts, as `https://*.example.com:443`; scheme and port may be left out. `*` alone says that the configuration names the host.
    Http(String),
    /// Connections to a host and port, as `tcp://mqtt.example.com:8883`. `*` alone says that the configuration names it.
    Endpoint(String),
    /// The use of a secret, by the name that the plugin calls it. Not its value.
    Secret(String),
    /// The value of a secret. Almost nobody needs it.
    Reveal(String),
    /// State that lasts from call to call.
    State,
    /// Large values that last from call to call.
    Blobs,
    /// Objects of the destination (renderers).
    Lookup,
}

/// A need and its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// What.
    pub what: Capability,
    /// Why, in a sentence that an operator can decide by.
    pub why: String,
    /// Whether the plugin does part of its work without it.
    pub optional: bool,
}

/// A plugin's name, version, summary and needs. [`about!`](crate::about) takes the version of the crate.
///
/// ```
/// # use colchis_sdk::{about, Capability};
/// let about = about!("dice", "Throws dice of a service").needs(Capability::Http("*".into()), "asks the service");
/// assert_eq!(about.name(), "dice");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    name: String,
    version: String,
    summary: String,
    needs: Vec<Need>,
}

impl About {
    /// Of a plugin: its name (lower case letters, digits and `-`, at most 63), its version as semver.org says, one sentence for lists.
    pub fn new(name: impl Into<String>, version: impl Into<String>, summary: impl Into<String>) -> Self {
        Self { name: name.into(), version: version.into(), summary: summary.into(), needs: Vec::new() }
    }

    /// It cannot work without this.
    #[must_use]
    pub fn needs(mut self, what: Capability, why: impl Into<String>) -> Self {
        self.needs.push(Need { what, why: why.into(), optional: false });
        self
    }

    /// It does part of its work without this.
    #[must_use]
    pub fn may_use(mut self, what: Capability, why: impl Into<String>) -> Self {
        self.needs.push(Need { what, why: why.into(), optional: true });
        self
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The sentence.
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// What it needs, in the order it was said.
    pub fn all_needs(&self) -> &[Need] {
        &self.needs
    }
}

/// An [`About`] with the version of the crate that writes it: `about!("name", "One sentence for lists")`.
#[macro_export]
macro_rules! about {
    ($name:expr, $summary:expr $(,)?) => {
        $crate::About::new($name, env!("CARGO_PKG_VERSION"), $summary)
    };
}
