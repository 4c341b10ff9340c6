//! A configuration file's text, and the line of each setting.

use model::yaml::{self, Limits};
use serde_json::Value;

/// Size of a configuration file.
const CONFIG_BYTES_MAX: usize = 4 << 20;

/// A document and its lines.
#[derive(Debug, Clone)]
pub struct Document {
    /// The content; `Null` when there is none.
    pub value: Value,
    read: Option<yaml::Document>,
}

/// A text is not YAML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct DocumentError {
    /// The line, from 1.
    pub line: u32,
    /// What is wrong.
    pub reason: String,
}

impl Document {
    /// Reads a text.
    ///
    /// # Errors
    /// It is not YAML, or more than one document.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        let limits = Limits { document_bytes_max: CONFIG_BYTES_MAX, ..Limits::DEFAULT };
        let mut documents = yaml::read(text, &limits)
            .map_err(|error| DocumentError { line: error.position.line, reason: error.reason })?
            .into_iter();
        let Some(read) = documents.next() else { return Ok(Self { value: Value::Null, read: None }) };
        if let Some(second) = documents.next() {
            return Err(DocumentError { line: second.start().line, reason: "one document is expected".to_owned() });
        }
        let value =
            serde_json::from_str(read.json()).map_err(|error| DocumentError { line: 1, reason: error.to_string() })?;
        Ok(Self { value, read: Some(read) })
    }

    /// The line of a setting, or of what stands around it.
    pub fn line(&self, key: &str) -> usize {
        let Some(read) = &self.read else { return 1 };
        // Written as one word with dots, or as levels.
        let flat = read.position(&format!("[{key:?}]"));
        flat.unwrap_or_else(|| read.nearest_position(key)).line as usize
    }
}

/// Reads a text for its content alone.
///
/// # Errors
/// As [`Document::parse`].
pub fn parse(text: &str) -> Result<Value, DocumentError> {
    Document::parse(text).map(|document| document.value)
}
