//! What is wrong with an object, said so that a person can act on it.

use std::cell::Cell;
use std::fmt;

/// How much a violation weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing: it is accepted and may not do what was meant.
    Warning,
    /// The object is refused.
    Error,
}

/// One thing that is wrong with an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where, such as `spec.templates[2].container.image`; empty for the whole object.
    pub path: String,
    /// What is wrong, as a sentence without a full stop.
    pub reason: String,
    /// A stable code that a page explains, such as `WF012`.
    pub code: &'static str,
    /// What to do.
    pub hint: Option<String>,
    /// How much it weighs.
    pub severity: Severity,
}

impl Violation {
    /// An error without a hint.
    pub fn error(code: &'static str, path: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self { path: path.to_string(), reason: reason.into(), code, hint: None, severity: Severity::Error }
    }

    /// A warning without a hint.
    pub fn warning(code: &'static str, path: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, path, reason) }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a hint, if there is one.
    #[must_use]
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }

    /// True when the object is refused because of it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{} [{}]", self.reason, self.code)?;
        match &self.hint {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}

/// The name among `known` that `word` was probably meant to be: a hint `did you mean …?`.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let lower = word.to_lowercase();
    let mut best: Option<(usize, &str)> = None;
    for name in known.into_iter().take(CANDIDATES_MAX) {
        let length = name.chars().count().max(lower.chars().count());
        if name.len().abs_diff(word.len()) > 4 || length > WORD_CHARS_MAX {
            continue;
        }
        let distance = strsim::osa_distance(&lower, &name.to_lowercase());
        // A third of the letters may be wrong; of short words, one.
        if distance <= (length / 3).clamp(1, 4) && best.is_none_or(|(d, _)| distance < d) {
            best = Some((distance, name));
        }
    }
    best.filter(|(d, name)| *d < name.chars().count()).map(|(_, name)| format!("did you mean {name:?}?"))
}

/// Suggestions among names that may be many, for words that may be many: the comparisons of all of them together are bounded.
pub(crate) struct Suggestions(Cell<usize>);

impl Default for Suggestions {
    fn default() -> Self {
        Self(Cell::new(COMPARISONS_MAX))
    }
}

impl Suggestions {
    /// As [`did_you_mean`]; nothing once enough was compared.
    pub(crate) fn among<'a>(
        &self,
        word: &str,
        known: impl IntoIterator<Item = &'a str, IntoIter: ExactSizeIterator>,
    ) -> Option<String> {
        let known = known.into_iter();
        let left = self.0.get().checked_sub(known.len().min(CANDIDATES_MAX))?;
        self.0.set(left);
        did_you_mean(word, known)
    }
}

/// How many names are compared for all suggestions about one graph, or one spec (`comparisons_max`).
const COMPARISONS_MAX: usize = 500_000;
/// How many names are compared for a suggestion.
const CANDIDATES_MAX: usize = 10_000;
/// Longer words get no suggestion.
const WORD_CHARS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_for_many_words_are_bounded() {
        let names: Vec<String> = (0..1_000).map(|n| format!("task-{n}")).collect();
        let suggestions = Suggestions::default();
        let found =
            (0..1_000).filter(|n| suggestions.among(&format!("tsak-{n}"), names.iter().map(String::as_str)).is_some());
        assert_eq!(found.count(), COMPARISONS_MAX / 1_000);
    }
}
