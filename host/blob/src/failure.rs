//! What went wrong inside a driver, before the artifact's name and place are put to it.

use std::io;

use artifact::{ArtifactError, ErrorClass};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A failed operation of a driver. The dispatcher turns it into an [`ArtifactError`] by adding artifact, operation and place.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct Failure {
    /// What happened and what to do, without credentials.
    pub(crate) reason: String,
    /// Whether to try again.
    pub(crate) class: ErrorClass,
    /// It was tried as often as it may be: whoever stands around this does not try again.
    pub(crate) tried: bool,
    /// The cause.
    #[source]
    pub(crate) source: Option<Cause>,
}

impl Failure {
    /// Nothing is there.
    pub(crate) fn not_found(reason: impl Into<String>) -> Self {
        Self::new(ErrorClass::NotFound, reason)
    }

    /// The other side refused.
    pub(crate) fn denied(reason: impl Into<String>) -> Self {
        Self::new(ErrorClass::Denied, reason)
    }

    /// Worth another attempt.
    pub(crate) fn transient(reason: impl Into<String>) -> Self {
        Self::new(ErrorClass::Transient, reason)
    }

    /// It will fail again.
    pub(crate) fn permanent(reason: impl Into<String>) -> Self {
        Self::new(ErrorClass::Permanent, reason)
    }

    /// A failure of the class given.
    pub(crate) fn new(class: ErrorClass, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), class, tried: false, source: None }
    }

    /// The same with its cause.
    pub(crate) fn because(mut self, cause: impl Into<Cause>) -> Self {
        self.source = Some(cause.into());
        self
    }

    /// A local file operation that failed: `doing` names it with its subject (`write /tmp/x`). That this machine refuses it is no
    /// matter of the repository's permissions, and so permanent.
    pub(crate) fn file(doing: impl AsRef<str>, error: io::Error) -> Self {
        let class = match error.kind() {
            io::ErrorKind::NotFound => ErrorClass::NotFound,
            io::ErrorKind::Interrupted | io::ErrorKind::ResourceBusy => ErrorClass::Transient,
            _ => ErrorClass::Permanent,
        };
        let advice = match error.kind() {
            io::ErrorKind::StorageFull => " (the disk is full: free some space and retry)",
            io::ErrorKind::QuotaExceeded => " (the disk quota is used up)",
            io::ErrorKind::ReadOnlyFilesystem => " (the file system is read-only)",
            _ => "",
        };
        Self::new(class, format!("{}: {error}{advice}", doing.as_ref())).because(error)
    }

    /// Puts the artifact's name, the operation and the place to it.
    pub(crate) fn of(self, artifact: &str, operation: &'static str, location: &str) -> ArtifactError {
        ArtifactError {
            artifact: artifact.to_owned(),
            operation,
            location: location.to_owned(),
            reason: self.reason,
            class: self.class,
            source: self.source,
        }
    }
}

/// An error of the caller's own stream or secrets, seen by a driver.
impl From<ArtifactError> for Failure {
    fn from(error: ArtifactError) -> Self {
        Self { reason: error.reason.clone(), class: error.class, tried: false, source: Some(Box::new(error)) }
    }
}
