//! Why a requirement is not there.

use artifact::ArtifactError;
use egress::EgressError;
use plugin::{ErrorClass, PluginError, Requirement};

/// Why a requirement cannot be had. No variant shows credentials or a URL's query.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No source names the place.
    #[error("{url} is none of the places that requirements may be fetched from")]
    NotAllowed {
        /// The URL without what it may hide.
        url: String,
        /// The URL that a source for it would have.
        place: String,
    },
    /// The URL cannot be called.
    #[error("{url:?} {why}")]
    Url {
        /// The URL without what it may hide.
        url: String,
        /// What is wrong with it, and what is expected.
        why: String,
    },
    /// The place has an address that its source may not have, or that is never called.
    #[error("{target} is not called: {why}")]
    Refused {
        /// Scheme, host and port.
        target: String,
        /// The class of the address, or the rule.
        why: String,
    },
    /// The connection or exchange failed.
    #[error(transparent)]
    Egress(EgressError),
    /// The server gave no answer that can be used.
    #[error("{url} answered {status}")]
    Status {
        /// The URL without what it may hide.
        url: String,
        /// The status.
        status: u16,
    },
    /// The Secret of a source cannot be used.
    #[error("the Secret of plugins.sources.{name} cannot be used: {why}")]
    Credentials {
        /// The source.
        name: String,
        /// Why.
        why: String,
    },
    /// What a server sent is not what its kind of server sends.
    #[error("{url}: {what} cannot be read: {why}")]
    Answer {
        /// The URL without what it may hide.
        url: String,
        /// What was asked for.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// The repository has no such chart, or the registry no such artifact.
    #[error("{place} has no {what}")]
    Missing {
        /// The repository or registry.
        place: String,
        /// What was looked for.
        what: String,
    },
    /// No version fits.
    #[error("{place} has no version of {chart} for {version:?}; it has {there}")]
    NoVersion {
        /// The repository.
        place: String,
        /// The chart.
        chart: String,
        /// What was asked for.
        version: String,
        /// Some that there are.
        there: String,
    },
    /// The text is no version and no range.
    #[error("{version:?} is neither a version nor a range: {why}")]
    Version {
        /// The text.
        version: String,
        /// Why.
        why: String,
    },
    /// The content is another than was promised.
    #[error("{what} has the digest {found}, and {expected} was promised by {promised_by}")]
    Digest {
        /// What was fetched.
        what: String,
        /// What it should have.
        expected: String,
        /// What it has.
        found: String,
        /// Who said so.
        promised_by: &'static str,
    },
    /// An archive that no honest author makes, or that passes a limit.
    #[error("the archive is refused: {0}")]
    Archive(String),
    /// The checkout failed.
    #[error("{url} cannot be checked out: {}", .source.reason)]
    Git {
        /// The URL without what it may hide.
        url: String,
        /// Why.
        #[source]
        source: Box<ArtifactError>,
    },
    /// It took too long.
    #[error("it was not there within {seconds} s (fetch_time_max)")]
    TimedOut {
        /// The limit.
        seconds: u64,
    },
    /// The server itself could not do it.
    #[error("{0}")]
    Local(String),
}

impl From<EgressError> for FetchError {
    fn from(error: EgressError) -> Self {
        match error {
            EgressError::Refused { target, why, .. } => Self::Refused { target, why },
            error => Self::Egress(error),
        }
    }
}

impl FetchError {
    /// No version fits; some that are there are told.
    pub(crate) fn no_version<'a>(
        place: String,
        chart: &str,
        version: &str,
        there: impl Iterator<Item = &'a str>,
    ) -> Self {
        const TOLD_MAX: usize = 5;
        let there: Vec<&str> = there.take(TOLD_MAX + 1).collect();
        let there = match there.get(..TOLD_MAX) {
            Some(some) if there.len() > TOLD_MAX => format!("{} and others", some.join(", ")),
            _ if there.is_empty() => "none".to_owned(),
            _ => there.join(", "),
        };
        Self::NoVersion { place, chart: chart.to_owned(), version: version.to_owned(), there }
    }

    /// The stable word, and what a caller does about it.
    fn kind(&self) -> (&'static str, ErrorClass) {
        use artifact::ErrorClass as Of;
        match self {
            Self::NotAllowed { .. } => ("source-not-allowed", ErrorClass::Denied),
            Self::Refused { .. } => ("address-refused", ErrorClass::Denied),
            Self::Egress(error) if error.is_transient() => ("source-unreachable", ErrorClass::Unavailable),
            Self::Egress(_) => ("source-failed", ErrorClass::Permanent),
            Self::Status { status: 401 | 403, .. } | Self::Credentials { .. } => ("source-refuses", ErrorClass::Denied),
            Self::Status { status: 404 | 410, .. } | Self::Missing { .. } | Self::NoVersion { .. } => {
                ("not-found", ErrorClass::NotFound)
            }
            Self::Status { status: 429, .. } => ("throttled", ErrorClass::Throttled { retry_after: None }),
            Self::Status { status: 500.., .. } | Self::TimedOut { .. } => {
                ("source-unreachable", ErrorClass::Unavailable)
            }
            Self::Status { .. } | Self::Answer { .. } => ("source-failed", ErrorClass::Permanent),
            Self::Url { .. } | Self::Version { .. } => ("bad-requirement", ErrorClass::Permanent),
            Self::Digest { .. } => ("digest-mismatch", ErrorClass::Permanent),
            Self::Archive(_) => ("bad-archive", ErrorClass::Permanent),
            Self::Local(_) => ("fetch-failed", ErrorClass::Unavailable),
            Self::Git { source, .. } => match source.class {
                Of::NotFound => ("not-found", ErrorClass::NotFound),
                Of::Denied => ("source-refuses", ErrorClass::Denied),
                Of::Transient => ("source-unreachable", ErrorClass::Unavailable),
                Of::Permanent => ("source-failed", ErrorClass::Permanent),
            },
        }
    }

    /// What to do about it.
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotAllowed { place, .. } => {
                format!("add to the server's settings: plugins.sources: {{NAME: {{url: {place:?}}}}}")
            }
            Self::Refused { why, .. } if !why.starts_with("egress.") => {
                "if the address is meant, grant it to the source: plugins.sources.NAME.private, with true or its networks".to_owned()
            }
            Self::Status { status: 401 | 403, .. } => {
                "name a Secret with username and password, or token, as plugins.sources.NAME.secretRef".to_owned()
            }
            Self::Egress(error) if error.is_transient() => {
                "see whether the place is up and the URL is right, then render again".to_owned()
            }
            Self::Digest { promised_by: "the index", .. } => {
                "the repository's index and archive do not belong together: make the index again with `helm repo index`".to_owned()
            }
            Self::Missing { .. } | Self::NoVersion { .. } | Self::Status { status: 404 | 410, .. } => {
                "correct the name, version or URL where the source names it, or publish it there".to_owned()
            }
            _ => return None,
        })
    }

    /// The error of a requirement, as its renderer's caller sees it.
    pub(crate) fn of(self, requirement: &Requirement) -> PluginError {
        let (code, class) = self.kind();
        let message = format!("requirement {}: {self}", requirement.name);
        let field = Some(requirement.source.field().to_owned());
        let error = PluginError { field, ..PluginError::new(class, code, message) };
        self.hint().into_iter().fold(error, PluginError::hint)
    }
}
