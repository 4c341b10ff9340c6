//! Failures inside the agent: what was done, on what, and why it failed, in one line for people.

use std::fmt;
use std::io;

/// A failure for people.
#[derive(Debug)]
pub(crate) struct Fault {
    /// What was attempted, with its subject.
    pub what: String,
    /// The cause.
    pub source: Option<io::Error>,
}

impl Fault {
    /// A failure without a cause.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), source: None }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.source {
            Some(e) => write!(f, ": {e}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|e| e as _)
    }
}

/// Names what failed.
pub(crate) trait At<T> {
    /// `what` is made only on failure.
    fn at(self, what: impl FnOnce() -> String) -> Result<T, Fault>;
}

impl<T, E: Into<io::Error>> At<T> for Result<T, E> {
    fn at(self, what: impl FnOnce() -> String) -> Result<T, Fault> {
        self.map_err(|e| Fault { what: what(), source: Some(e.into()) })
    }
}
