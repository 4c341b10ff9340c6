//! Typed errors that know where in the text they happened, and draw it.

use std::fmt::{self, Write as _};
use std::sync::Arc;

/// A range of byte offsets in the text that was parsed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The span of `start..end`; offsets past 4 GiB saturate (sources are far shorter).
    pub fn new(start: usize, end: usize) -> Self {
        let clip = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Span { start: clip(start), end: clip(end.max(start)) }
    }

    /// The smallest span that covers both.
    #[must_use]
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    pub(crate) fn shift(self, by: usize) -> Span {
        Span::new(self.start as usize + by, self.end as usize + by)
    }
}

/// What a [`Budget`](crate::Budget) ran out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Evaluation steps.
    Fuel,
    /// Bytes of produced values.
    Bytes,
    /// Results (of a jq program or a path).
    Outputs,
    /// Bytes of input.
    Input,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Resource::Fuel => "steps",
            Resource::Bytes => "bytes of produced values",
            Resource::Outputs => "results",
            Resource::Input => "bytes of input",
        })
    }
}

/// What went wrong, with its subject.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text is not in the language.
    #[error("{0}")]
    Syntax(String),
    /// A variable that nothing defines.
    #[error("`{0}` is not known here")]
    UnknownName(String),
    /// A function that the language does not have.
    #[error("there is no function `{0}`")]
    UnknownFunction(String),
    /// A tag had no value and the rendering was strict.
    #[error("the tag `{{{{{0}}}}}` cannot be resolved")]
    Unresolved(String),
    /// An operand or argument has the wrong type.
    #[error("{0}")]
    Type(String),
    /// An operand or argument has the right type and an impossible value.
    #[error("{0}")]
    Value(String),
    /// The evaluation used up its budget.
    #[error("the expression needs more than {limit} {what}")]
    BudgetExceeded {
        /// Which limit.
        what: Resource,
        /// Its value.
        limit: u64,
    },
    /// The text or a value nests too deeply.
    #[error("nested more than {limit} levels deep")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// The text is too long to be parsed.
    #[error("longer than {limit} bytes")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// A regular expression that does not compile.
    #[error("invalid regular expression `{pattern}`: {message}")]
    Pattern {
        /// The pattern as written.
        pattern: String,
        /// What the regex compiler says.
        message: String,
    },
    /// A function that exists in the language and is refused here.
    #[error("`{function}` is not available: {reason}")]
    Refused {
        /// The function.
        function: String,
        /// Why.
        reason: &'static str,
    },
    /// The expression asks for the time and the caller gave none.
    #[error("the current time is not available here")]
    NoClock,
    /// The expression asks for randomness and the caller gave none.
    #[error("random values are not available here")]
    NoRandom,
    /// The expression itself said that it fails (`sprig.fail`).
    #[error("{0}")]
    Failed(String),
    /// A bug in this crate; never expected.
    #[error("internal error: {0}")]
    Internal(&'static str),
}

/// An error with its place in the text, what was expected there, and hints.
#[derive(Clone, Debug, PartialEq)]
pub struct Error(Box<Detail>);

#[derive(Clone, Debug, PartialEq)]
struct Detail {
    kind: ErrorKind,
    source: Option<Arc<str>>,
    span: Option<Span>,
    expected: Option<String>,
    hints: Vec<String>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Error(Box::new(Detail { kind, source: None, span: None, expected: None, hints: Vec::new() }))
    }

    pub(crate) fn syntax(span: Span, message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Syntax(message.into())).at(span)
    }

    pub(crate) fn ty(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Type(message.into()))
    }

    pub(crate) fn value(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Value(message.into()))
    }

    pub(crate) fn internal(what: &'static str) -> Self {
        Error::new(ErrorKind::Internal(what))
    }

    /// Sets the place, unless a more precise one is known already.
    pub(crate) fn at(mut self, span: Span) -> Self {
        self.0.span.get_or_insert(span);
        self
    }

    pub(crate) fn expected(mut self, what: impl Into<String>) -> Self {
        self.0.expected.get_or_insert(what.into());
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hints.push(hint.into());
        self
    }

    pub(crate) fn did_you_mean(mut self, names: &[String]) -> Self {
        if !names.is_empty() {
            let list = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
            self.0.hints.push(format!("did you mean {list}?"));
        }
        self
    }

    /// Says in which text the span lies. The first call wins: the innermost text is the most precise.
    pub(crate) fn in_source(mut self, source: &str) -> Self {
        if self.0.source.is_none() {
            self.0.source = Some(source.into());
        }
        self
    }

    /// Forgets the place: it was in a text that the person does not see.
    pub(crate) fn unplaced(mut self) -> Self {
        self.0.span = None;
        self.0.source = None;
        self
    }

    /// Forgets the text but not the place: the caller knows a larger one.
    pub(crate) fn unsourced(mut self) -> Self {
        self.0.source = None;
        self
    }

    /// Moves the place to the right, because the text was a part of a larger one that is set later.
    pub(crate) fn moved(mut self, by: usize) -> Self {
        self.0.source = None;
        self.0.span = self.0.span.map(|span| span.shift(by));
        self
    }

    /// Moves the span of an error found in a part of `outer` that starts at byte `offset`.
    pub(crate) fn within(mut self, outer: &str, offset: usize) -> Self {
        if self.0.source.is_none() {
            self.0.span = self.0.span.map(|span| span.shift(offset));
            self.0.source = Some(outer.into());
        }
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Where in [`Error::source_text`] it went wrong.
    pub fn span(&self) -> Option<Span> {
        self.0.span
    }

    /// The text that the span points into.
    pub fn source_text(&self) -> Option<&str> {
        self.0.source.as_deref()
    }

    /// What would have been accepted at the place of the mistake.
    pub fn expected_text(&self) -> Option<&str> {
        self.0.expected.as_deref()
    }

    /// Hints for the person who wrote the text, near-misses among them.
    pub fn hints(&self) -> &[String] {
        &self.0.hints
    }

    /// A stable code for documentation and machines.
    pub fn code(&self) -> &'static str {
        match &self.0.kind {
            ErrorKind::Syntax(_) => "expression-syntax",
            ErrorKind::UnknownName(_) => "expression-unknown-name",
            ErrorKind::UnknownFunction(_) => "expression-unknown-function",
            ErrorKind::Unresolved(_) => "expression-unresolved-tag",
            ErrorKind::Type(_) => "expression-type",
            ErrorKind::Value(_) => "expression-value",
            ErrorKind::BudgetExceeded { .. } => "expression-budget-exceeded",
            ErrorKind::TooDeep { .. } => "expression-too-deep",
            ErrorKind::TooLong { .. } => "expression-too-long",
            ErrorKind::Pattern { .. } => "expression-pattern",
            ErrorKind::Refused { .. } => "expression-function-refused",
            ErrorKind::NoClock => "expression-no-clock",
            ErrorKind::NoRandom => "expression-no-random",
            ErrorKind::Failed(_) => "expression-failed",
            ErrorKind::Internal(_) => "expression-internal",
        }
    }

    /// Is it a limit that was passed, and not a mistake in the text?
    pub fn is_limit(&self) -> bool {
        matches!(self.0.kind, ErrorKind::BudgetExceeded { .. } | ErrorKind::TooDeep { .. } | ErrorKind::TooLong { .. })
    }

    /// The message, the line with a caret under the mistake, what was expected, and the hints; several lines, no trailing newline.
    ///
    /// ```text
    /// the tag `{{inputs.parameters.nme}}` cannot be resolved
    ///   |
    ///   | hello {{inputs.parameters.nme}}
    ///   |       ^^^^^^^^^^^^^^^^^^^^^^^^^
    ///   = hint: did you mean `inputs.parameters.name`?
    /// ```
    pub fn render(&self) -> String {
        let mut out = self.0.kind.to_string();
        if let (Some(source), Some(span)) = (&self.0.source, self.0.span) {
            draw(&mut out, source, span);
        }
        if let Some(expected) = &self.0.expected {
            let _ = write!(out, "\n  = expected {expected}");
        }
        for hint in &self.0.hints {
            let _ = write!(out, "\n  = hint: {hint}");
        }
        out
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.kind)?;
        if let Some(expected) = &self.0.expected {
            write!(f, ", expected {expected}")?;
        }
        for hint in &self.0.hints {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Columns of a long line that are shown around the mistake.
const COLUMNS_MAX: usize = 100;

/// Draws the line that holds the start of `span`, with carets below it. Long lines are cut around the mistake.
fn draw(out: &mut String, source: &str, span: Span) {
    let start = floor_boundary(source, span.start as usize);
    let end = floor_boundary(source, (span.end as usize).max(start));
    let line_start = source.get(..start).and_then(|s| s.rfind('\n')).map_or(0, |at| at + 1);
    let line_end = source.get(start..).and_then(|s| s.find('\n')).map_or(source.len(), |at| start + at);
    let line_number = source.get(..line_start).unwrap_or("").bytes().filter(|b| *b == b'\n').count() + 1;
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    let line: Vec<char> = source.get(line_start..line_end).unwrap_or("").chars().map(shown).collect();
    let column = source.get(line_start..start).unwrap_or("").chars().count();
    let marked = source.get(start..end.min(line_end)).unwrap_or("").chars().count().max(1);
    let from = if line.len() > COLUMNS_MAX { column.saturating_sub(COLUMNS_MAX / 3) } else { 0 };
    let to = line.len().min(from + COLUMNS_MAX);
    let text: String = line.iter().take(to).skip(from).collect();
    let (left, right) = (if from > 0 { "…" } else { "" }, if to < line.len() { "…" } else { "" });
    let pad = column - from + left.chars().count();
    let carets = marked.min(to.saturating_sub(column).max(1));
    let place =
        if source.contains('\n') { format!(" line {line_number}, column {}", column + 1) } else { String::new() };
    let _ = write!(out, "\n  |{place}\n  | {left}{text}{right}\n  | {}{}", " ".repeat(pad), "^".repeat(carets));
}

fn floor_boundary(source: &str, at: usize) -> usize {
    let mut at = at.min(source.len());
    while !source.is_char_boundary(at) {
        at -= 1;
    }
    at
}
