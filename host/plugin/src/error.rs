//! Why a call gave no result.

use std::time::Duration;

/// The result of every call.
pub type Result<T> = std::result::Result<T, PluginError>;

/// What a caller does about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The configuration cannot work: not tried again until the object changes.
    InvalidConfig,
    /// The other side or the host refuses: not tried again until something changes.
    Denied,
    /// The other side is not there: tried again with back-off.
    Unavailable,
    /// The other side asks to wait: tried again after that time.
    Throttled {
        /// How long, if it said so.
        retry_after: Option<Duration>,
    },
    /// What was asked for is not there.
    NotFound,
    /// It failed and would fail again.
    Permanent,
}

impl ErrorClass {
    /// Whether trying again, later, may help.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Unavailable | Self::Throttled { .. })
    }

    /// The word for logs, metrics and machines.
    pub fn word(self) -> &'static str {
        match self {
            Self::InvalidConfig => "invalid-config",
            Self::Denied => "denied",
            Self::Unavailable => "unavailable",
            Self::Throttled { .. } => "throttled",
            Self::NotFound => "not-found",
            Self::Permanent => "permanent",
        }
    }
}

/// An error of a plugin, or of the host on its behalf.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", field.as_ref().map(|f| format!("{f}: ")).unwrap_or_default())]
pub struct PluginError {
    /// What the caller does about it.
    pub class: ErrorClass,
    /// A stable word for programs.
    pub code: String,
    /// A sentence for people.
    pub message: String,
    /// The field of the configuration at fault, as a path.
    pub field: Option<String>,
    /// What to do about it, one thing each: for a refusal, the line of the grant to add.
    pub hints: Vec<String>,
}

impl PluginError {
    /// An error without field and hints.
    pub fn new(class: ErrorClass, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { class, code: code.into(), message: message.into(), field: None, hints: Vec::new() }
    }

    /// The configuration cannot work.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..Self::new(ErrorClass::InvalidConfig, "invalid-config", message) }
    }

    /// A capability that is not granted, and what would grant it.
    pub fn denied(message: impl Into<String>, grant: impl Into<String>) -> Self {
        Self { hints: vec![grant.into()], ..Self::new(ErrorClass::Denied, "not-granted", message) }
    }

    /// Something to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_stands_before_the_message() {
        let error = PluginError::invalid("rangeQuery.step", "is not a duration");
        assert_eq!(error.to_string(), "rangeQuery.step: is not a duration");
        assert_eq!(PluginError::new(ErrorClass::Permanent, "x", "it failed").to_string(), "it failed");
        assert!(ErrorClass::Throttled { retry_after: None }.is_transient() && !ErrorClass::Denied.is_transient());
    }
}
