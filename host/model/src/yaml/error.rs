//! Why a text cannot be read.

use std::fmt;

use super::Position;

/// Why a text cannot be read, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ReadError {
    /// What kind of fault.
    pub kind: ReadErrorKind,
    /// Where; line 0 when it concerns the whole text.
    pub position: Position,
    /// What is wrong, as a sentence without a full stop.
    pub reason: String,
    /// What to do.
    pub hint: Option<String>,
}

/// The kinds of faults of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadErrorKind {
    /// Neither YAML nor JSON.
    Syntax,
    /// A key stands twice in a map.
    DuplicateKey,
    /// Maps and lists too deep inside one another.
    TooDeep,
    /// The text, or its JSON, is too large.
    TooLarge,
    /// Aliases add too much.
    AliasExpansion,
    /// An alias without an anchor, or inside its own anchor.
    Alias,
    /// A tag that has no meaning here.
    Tag,
    /// A key that is not text, or a number or boolean that can be its own text.
    Key,
    /// A value that JSON does not know, such as `.nan`.
    Value,
    /// Not UTF-8.
    Encoding,
}

impl ReadErrorKind {
    /// A stable code that a page explains.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Syntax => "RD001",
            Self::DuplicateKey => "RD002",
            Self::TooDeep => "RD003",
            Self::TooLarge => "RD004",
            Self::AliasExpansion => "RD005",
            Self::Alias => "RD006",
            Self::Tag => "RD007",
            Self::Key => "RD008",
            Self::Value => "RD009",
            Self::Encoding => "RD010",
        }
    }
}

impl ReadError {
    pub(super) fn new(kind: ReadErrorKind, position: Position, reason: impl Into<String>) -> Self {
        Self { kind, position, reason: reason.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn too_large(bytes: usize, max: usize) -> Self {
        let reason = format!("the text has {bytes} bytes, more than the {max} that are accepted (document_bytes_max)");
        Self::new(ReadErrorKind::TooLarge, Position::default(), reason)
    }

    pub(super) fn too_deep(position: Position, max: usize) -> Self {
        let reason = format!("maps and lists are more than {max} deep inside one another (depth_max)");
        Self::new(ReadErrorKind::TooDeep, position, reason)
    }

    pub(super) fn not_utf8(bytes: &[u8], valid: usize) -> Self {
        let before = bytes.get(..valid).unwrap_or_default();
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|b| **b != b'\n').count() + 1;
        let reason = format!("the text is not UTF-8 (byte {valid})");
        let hint = if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            "it is UTF-16: save it as UTF-8"
        } else {
            "save it as UTF-8"
        };
        Self::new(ReadErrorKind::Encoding, Position::new(line, column), reason).hint(hint)
    }

    pub(super) fn duplicate_key(position: Position, key: &str) -> Self {
        let shown: String = key.chars().take(80).collect();
        let reason = format!("the key {shown:?} stands twice in the same map");
        Self::new(ReadErrorKind::DuplicateKey, position, reason)
            .hint("remove one of them: which one counts is not defined")
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.position.line > 0 {
            write!(f, "line {}, column {}: ", self.position.line, self.position.column)?;
        }
        write!(f, "{} [{}]", self.reason, self.kind.code())?;
        match &self.hint {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}
