//! Manifests from outside: YAML or JSON text, one or many documents, to JSON text with the place of every value.
//!
//! ```text
//!  text ──► looks like JSON? ──► checked as JSON, kept as it is ─────────────┐
//!               │ no                                                         ├──► Document { json, where each value stood }
//!               └──► YAML events ──► JSON text, aliases and merges resolved ─┘
//! ```
//!
//! JSON text is the form that everything after this reads, so no tree of values is ever built: a manifest of 20 MB becomes 20 MB
//! of JSON and twelve bytes for each value.
//!
//! The parser is `saphyr-parser`: it gives events with places, in constant memory, so that the expansion of aliases, the depth and
//! the size are bounded here while the text is read; parsers that build trees or deserialize directly have expanded a bomb before
//! we see it. Plain scalars mean what they mean to Kubernetes' users (YAML 1.1 as `kubectl` reads it): `yes` and `off` are
//! booleans, `0644` is octal, a key of a number is its text. A key that stands twice is refused. Lines inside quotes and brackets may stand further to the
//! left than the grammar says, as they may for `kubectl` ([`indent`]).

mod error;
mod indent;
mod json;
mod limits;
mod locate;
mod reader;
mod scalar;

pub use error::{ReadError, ReadErrorKind};
pub use limits::Limits;
pub use locate::Position;

use locate::Places;

/// One document: its JSON, and where each value stood.
#[derive(Debug, Clone)]
pub struct Document {
    json: String,
    places: Places,
    start: Position,
}

impl Document {
    /// The document as JSON text.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The document as JSON text, owned.
    pub fn into_json(self) -> String {
        self.json
    }

    /// Where the document begins.
    pub fn start(&self) -> Position {
        self.start
    }

    /// Where the value at a path stood (its key, for a field); nothing when there is no such value.
    pub fn position(&self, path: &str) -> Option<Position> {
        self.positions(&[path]).pop().flatten()
    }

    /// Where the values at many paths stood, in one walk through the document.
    pub fn positions(&self, paths: &[&str]) -> Vec<Option<Position>> {
        locate::locate(self, paths)
    }

    /// Where the value at a path stood, or else the nearest value around it that exists.
    pub fn nearest_position(&self, path: &str) -> Position {
        let mut path = path;
        loop {
            if let Some(position) = self.position(path) {
                return position;
            }
            match path.rfind(['.', '[']).filter(|i| *i > 0) {
                Some(end) => path = path.get(..end).unwrap_or_default(),
                None => return self.start,
            }
        }
    }

    /// True when the document holds nothing (an empty one between two `---`).
    pub fn is_empty(&self) -> bool {
        self.json == "null"
    }
}

/// Reads all documents of a text; empty documents are left out.
pub fn read(text: &str, limits: &Limits) -> Result<Vec<Document>, ReadError> {
    match read_partial(text, limits) {
        (documents, None) => Ok(documents),
        (_, Some(error)) => Err(error),
    }
}

/// Reads the documents of a text up to the first error, so that all that can be said of it is said at once.
pub fn read_partial(text: &str, limits: &Limits) -> (Vec<Document>, Option<ReadError>) {
    if text.len() > limits.document_bytes_max {
        return (Vec::new(), Some(ReadError::too_large(text.len(), limits.document_bytes_max)));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut documents, error) = if text.trim_start().starts_with(['{', '[']) {
        match json::read(text, limits) {
            Ok(documents) => (documents, None),
            // What is not JSON may still be YAML in flow style.
            Err(json_error) if json_error.kind == ReadErrorKind::Syntax => match indent::read(text, limits) {
                (documents, None) => (documents, None),
                (documents, Some(yaml_error)) => {
                    let like_json = text.trim_start().trim_start_matches(['{', '[']).trim_start().starts_with('"');
                    (documents, Some(if like_json { json_error } else { yaml_error }))
                }
            },
            Err(error) => (Vec::new(), Some(error)),
        }
    } else {
        indent::read(text, limits)
    };
    documents.retain(|d| !d.is_empty());
    (documents, error)
}

/// Reads bytes, which must be UTF-8.
pub fn read_bytes(bytes: &[u8], limits: &Limits) -> Result<Vec<Document>, ReadError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => read(text, limits),
        Err(error) => Err(ReadError::not_utf8(bytes, error.valid_up_to())),
    }
}

#[cfg(test)]
mod tests;
