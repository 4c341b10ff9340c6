//! A test file that was read and found in order: everything that running it needs, nothing that could still be wrong.

use std::sync::{Arc, LazyLock};

use client::v1::TemplateSource;
use model::schema::Shape;
use model::yaml;

use super::format::{Case, Phase, TestFile};
use super::manifests::TemplateFact;
use super::mocks::Entry;
use crate::support::documents::Document;

/// The shape of a test file.
pub static SHAPE: LazyLock<Shape> = LazyLock::new(Shape::of::<TestFile>);

/// A test file.
#[derive(Debug, Clone)]
pub struct Suite {
    /// As a person knows it.
    pub file: String,
    /// Its text, for the places of its values.
    pub document: Arc<yaml::Document>,
    /// The templates of its manifests.
    pub templates: Vec<TemplateFact>,
    /// Its cases.
    pub cases: Vec<Ready>,
}

/// A case.
#[derive(Debug, Clone)]
pub struct Ready {
    /// Where it stands in its file: `cases[3]`.
    pub path: String,
    /// The line that it begins on.
    pub line: u32,
    /// As it was written; what is expected is read from here.
    pub case: Case,
    /// What the server is given first, in this order.
    pub objects: Vec<Document>,
    /// What is run.
    pub start: Start,
    /// Its arguments.
    pub arguments: Vec<(String, String)>,
    /// When it begins (ms since the epoch).
    pub at_ms: i64,
    /// The longest that it may take (ms).
    pub within_ms: u64,
    /// Every step must be spoken of.
    pub strict: bool,
    /// How steps go.
    pub entries: Vec<Entry>,
    /// Lines of those entries that stand in the case itself: they must be of use.
    pub own_entries: Vec<u32>,
    /// What a person does.
    pub actions: Vec<Act>,
    /// How long it must take.
    pub takes: Option<Takes>,
}

/// What is run.
#[derive(Debug, Clone)]
pub enum Start {
    /// A Workflow.
    Manifest(Box<Document>),
    /// A template or schedule.
    Template(TemplateSource),
}

/// What a person does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// The node that is waited for; `None`: nothing is waited for.
    pub when: Option<String>,
    /// The phase that is waited for.
    pub is: Phase,
    /// And so much longer (ms).
    pub after_ms: u64,
    /// What is done then.
    pub what: Deed,
}

/// What is done. Selectors are of nodes, empty for the run itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of the command line")]
pub enum Deed {
    Resume { nodes: String },
    Set { nodes: String, outputs: Vec<(String, String)>, phase: Option<Phase>, message: String },
    Stop { nodes: String, message: String },
    Terminate,
    Suspend,
    Retry { nodes: String },
}

impl Deed {
    /// The word that a test file has for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Resume { .. } => "resume",
            Self::Set { .. } => "set",
            Self::Stop { .. } => "stop",
            Self::Terminate => "terminate",
            Self::Suspend => "suspend",
            Self::Retry { .. } => "retry",
        }
    }
}

/// A bound on how long a run takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Takes {
    /// At least so long (ms).
    pub least_ms: i64,
    /// At most so long (ms).
    pub most_ms: i64,
}

impl Takes {
    /// Reads `15m`, `<= 1h` or `>= 30s`.
    ///
    /// # Errors
    /// The duration is none.
    pub fn parse(text: &str) -> Result<Self, model::values::DurationError> {
        let text = text.trim();
        let duration = |text: &str| model::values::parse_duration_ms(text.trim());
        if let Some(rest) = text.strip_prefix("<=") {
            return Ok(Self { least_ms: 0, most_ms: duration(rest)? });
        }
        if let Some(rest) = text.strip_prefix(">=") {
            return Ok(Self { least_ms: duration(rest)?, most_ms: i64::MAX });
        }
        duration(text).map(|ms| Self { least_ms: ms, most_ms: ms })
    }

    /// Whether a duration keeps to it.
    pub fn holds(self, ms: i64) -> bool {
        (self.least_ms..=self.most_ms).contains(&ms)
    }
}
