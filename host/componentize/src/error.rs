//! Why no component was made.

/// Why no component was made.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    /// The interfaces do not parse.
    #[error("the interfaces cannot be read: {0}")]
    Interfaces(String),
    /// A package uses another that is not there.
    #[error("{package} uses {used}, which is not there")]
    Missing {
        /// Which.
        package: String,
        /// The other.
        used: String,
    },
    /// Packages use each other.
    #[error("packages use each other in a circle: {0}")]
    Circle(String),
    /// No world has that name.
    #[error("no world `{0}` in the interfaces")]
    NoWorld(String),
    /// It does not begin as WebAssembly does.
    #[error("it is not WebAssembly")]
    NotWasm,
    /// Something that was done with a module or component failed.
    #[error("{what}")]
    Failed {
        /// In words.
        what: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ComponentError {
    pub(crate) fn failed(what: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed { what: what.into(), source: source.into() }
    }
}
