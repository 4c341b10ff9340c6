//! Errors: what the caller does about them, and a sentence for people.

use std::fmt;
use std::time::Duration;

/// What functions of plugins answer.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller does about an error.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Class {
    /// The configuration cannot work. Not tried again until the object changes.
    InvalidConfig,
    /// The other side, or the host, refuses: credentials, permissions, a grant that is missing. Not tried again until something changes.
    Denied,
    /// The other side is not there, is overloaded, or did not answer in time. Tried again with back-off.
    Unavailable,
    /// The other side asks to wait. Tried again after that time, or with back-off where none is told.
    Throttled(Option<Duration>),
    /// What was asked for is not there.
    NotFound,
    /// It failed and would fail again. Not tried again.
    Permanent,
    /// A class that this version does not know, by name.
    Other(String),
}

/// Why a call gave no result.
///
/// ```
/// # use colchis_sdk::Error;
/// let error = Error::invalid("rangeQuery.step", "a duration is expected, as `1m`");
/// assert_eq!(error.to_string(), "rangeQuery.step: a duration is expected, as `1m`");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    class: Class,
    code: String,
    message: String,
    field: Option<String>,
}

impl Error {
    /// An error of a class, with a stable word for programs and a sentence for people: what failed, what was expected, what to do. Without values of secrets.
    pub fn new(class: Class, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { class, code: code.into(), message: message.into(), field: None }
    }

    /// The configuration cannot work; the field is a path (`rangeQuery.step`), empty for the whole.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Class::InvalidConfig, "invalid-config", message).at(field)
    }

    /// The other side, or the host, refuses.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(Class::Denied, "denied", message)
    }

    /// The other side is not there, or did not answer in time.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Class::Unavailable, "unavailable", message)
    }

    /// The other side asks to wait, for that long if it says so.
    pub fn throttled(retry_after: Option<Duration>, message: impl Into<String>) -> Self {
        Self::new(Class::Throttled(retry_after), "throttled", message)
    }

    /// What was asked for is not there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Class::NotFound, "not-found", message)
    }

    /// It failed and would fail again.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::new(Class::Permanent, "permanent", message)
    }

    /// With another word for programs: letters, digits and `-`, at most 64 bytes.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = code.into();
        self
    }

    /// At a field of the configuration. An empty path names none.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into()).filter(|field| !field.is_empty());
        self
    }

    /// With words before its message: `reading the token: …`.
    #[must_use]
    pub fn context(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// What the caller does about it.
    pub fn class(&self) -> &Class {
        &self.class
    }

    /// The stable word.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The field of the configuration at fault.
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) => write!(f, "{field}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_its_class_code_field_and_sentence() {
        let error = Error::throttled(Some(Duration::from_secs(3)), "busy").with_code("rate-limit").context("asking");
        assert_eq!(error.class(), &Class::Throttled(Some(Duration::from_secs(3))));
        assert_eq!((error.code(), error.message(), error.field()), ("rate-limit", "asking: busy", None));
        assert_eq!(Error::invalid("", "x").field(), None);
        assert_eq!(Error::invalid("a.b", "x").to_string(), "a.b: x");
    }
}
