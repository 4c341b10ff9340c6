//! What has been found so far, and where the walk is.

use super::Context;
use crate::path::Path;
use crate::violation::Violation;

/// The findings of one validation.
pub(super) struct Report<'c> {
    pub(super) context: &'c Context<'c>,
    pub(super) path: Path,
    violations: Vec<Violation>,
    left_out: usize,
}

/// A violation just added, to which a hint may be given.
pub(super) struct Added<'r>(Option<&'r mut Violation>);

impl Added<'_> {
    /// Nothing is added: for places that want `()`.
    pub(super) fn done(self) {}

    pub(super) fn hinted(self, hint: impl Into<String>) {
        self.maybe_hinted(Some(hint.into()));
    }

    pub(super) fn maybe_hinted(self, hint: Option<String>) {
        if let Some(violation) = self.0 {
            violation.hint = hint.or(violation.hint.take());
        }
    }
}

impl<'c> Report<'c> {
    pub(super) fn new(context: &'c Context<'c>) -> Self {
        Self { context, path: Path::default(), violations: Vec::new(), left_out: 0 }
    }

    /// Does something one field deeper (a key, as it stands in the object).
    pub(super) fn within<R>(&mut self, key: &str, f: impl FnOnce(&mut Self) -> R) -> R {
        let mark = self.path.push(key);
        let result = f(self);
        self.path.truncate(mark);
        result
    }

    /// Does something at an element of a list that is a field.
    pub(super) fn within_item<R>(&mut self, key: &str, index: usize, f: impl FnOnce(&mut Self) -> R) -> R {
        let mark = self.path.push(key);
        self.path.push_index(index);
        let result = f(self);
        self.path.truncate(mark);
        result
    }

    /// Does something at an element of the list where the walk is.
    pub(super) fn within_index<R>(&mut self, index: usize, f: impl FnOnce(&mut Self) -> R) -> R {
        let mark = self.path.push_index(index);
        let result = f(self);
        self.path.truncate(mark);
        result
    }

    /// An error where the walk is; gives it back so that a hint can be added.
    pub(super) fn error(&mut self, code: &'static str, reason: impl Into<String>) -> Added<'_> {
        let violation = Violation::error(code, self.path.as_str(), reason);
        self.push(violation)
    }

    /// A warning where the walk is; gives it back so that a hint can be added.
    pub(super) fn warning(&mut self, code: &'static str, reason: impl Into<String>) -> Added<'_> {
        let violation = Violation::warning(code, self.path.as_str(), reason);
        self.push(violation)
    }

    /// An error at a field below where the walk is.
    pub(super) fn error_in(&mut self, key: &str, code: &'static str, reason: impl Into<String>) -> Added<'_> {
        let violation = Violation::error(code, self.path.with(key), reason);
        self.push(violation)
    }

    /// A warning at a field below where the walk is.
    pub(super) fn warning_in(&mut self, key: &str, code: &'static str, reason: impl Into<String>) -> Added<'_> {
        let violation = Violation::warning(code, self.path.with(key), reason);
        self.push(violation)
    }

    pub(super) fn add(&mut self, violation: Violation) {
        self.push(violation);
    }

    fn push(&mut self, violation: Violation) -> Added<'_> {
        if self.violations.len() > self.context.limits.violations_max {
            self.left_out += 1;
            self.violations.pop();
        }
        self.violations.push(violation);
        Added(self.violations.last_mut())
    }

    pub(super) fn finish(mut self) -> Vec<Violation> {
        let max = self.context.limits.violations_max;
        if self.violations.len() > max {
            self.violations.truncate(max);
            let reason = format!("{} more violations are not listed (violations_max)", self.left_out + 1);
            // Errors may be among those left out, so the whole is an error.
            self.violations.push(Violation::error("SC007", "", reason));
        }
        self.violations
    }
}
