//! Why a component was not taken.

/// Why a component was not taken. Whatever was in service stays.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is too large.
    #[error("the component has {actual} bytes, more than component_bytes_max ({limit})")]
    TooLarge {
        /// Its size.
        actual: usize,
        /// The limit.
        limit: usize,
    },
    /// It is something else.
    #[error("this is no component of WebAssembly: {why}")]
    NotAComponent {
        /// What it is.
        why: String,
    },
    /// Its content is not what was promised.
    #[error("the component has digest {actual}, and {expected} was promised")]
    Digest {
        /// What was promised.
        expected: String,
        /// What it is.
        actual: String,
    },
    /// It imports what nobody has.
    #[error("the component imports {names}, which this server does not have")]
    Imports {
        /// What.
        names: String,
    },
    /// It cannot be compiled.
    #[error("the component cannot be compiled: {why}")]
    Compile {
        /// What the compiler says.
        why: String,
    },
    /// It exports no kind of plugin, or another than it says.
    #[error("{why}")]
    Exports {
        /// What is missing.
        why: String,
    },
    /// It is to have more than the server gives.
    #[error("{field}: {asked} bytes are more than the server gives one ({max})")]
    Limit {
        /// The field.
        field: &'static str,
        /// What is asked for.
        asked: usize,
        /// What there is.
        max: usize,
    },
    /// It did not describe itself.
    #[error("the component does not describe itself: {0}")]
    Describe(#[source] plugin::PluginError),
    /// It describes itself otherwise each time.
    #[error("what the component says about itself is another each time: `describe` may look at nothing outside")]
    Impure,
    /// What it says about itself cannot be used.
    #[error("what the component says about itself cannot be used: {why}")]
    Description {
        /// What is wrong.
        why: String,
    },
    /// Its rules for requests cannot be used.
    #[error("the grants cannot be used: {0}")]
    Grants(#[source] egress::EgressError),
    /// The cache cannot be read or written.
    #[error("{what}: {source}")]
    Cache {
        /// What was done.
        what: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
}

impl LoadError {
    /// One word for machines: the reason of a condition.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "TooLarge",
            Self::NotAComponent { .. } => "NotAComponent",
            Self::Digest { .. } => "DigestMismatch",
            Self::Imports { .. } => "UnknownImports",
            Self::Compile { .. } => "CompileFailed",
            Self::Exports { .. } => "MissingExports",
            Self::Limit { .. } => "BadLimits",
            Self::Describe(_) | Self::Impure | Self::Description { .. } => "BadDescription",
            Self::Grants(_) => "BadGrants",
            Self::Cache { .. } => "CacheFailed",
        }
    }
}
