//! Checking manifests without a server.

use super::documents::{self, Unreadable};
use crate::input::Source;
use crate::render::problems::{Problem, Weight};

/// What was found.
#[derive(Debug, Default)]
pub struct Checked {
    /// Everything, in the order of the files.
    pub problems: Vec<Problem>,
    /// Objects that were looked at.
    pub objects: usize,
}

/// The files that were named themselves, not found in a folder: everything in them must be an object.
pub fn named(files: &[String]) -> Vec<String> {
    files.iter().filter(|file| !std::path::Path::new(file).is_dir()).cloned().collect()
}

/// Checks all objects of the sources.
pub fn check(sources: &[Source], _named: &[String]) -> Checked {
    let (documents, unread) = documents::parse_partial(sources);
    let problems = unread.iter().map(unreadable).collect();
    Checked { problems, objects: documents.len() }
}

/// A text that cannot be read.
pub fn unreadable(unreadable: &Unreadable) -> Problem {
    let error = &unreadable.error;
    Problem {
        file: unreadable.source.to_string(),
        line: error.position.line,
        column: error.position.column,
        object: String::new(),
        path: String::new(),
        reason: error.reason.clone(),
        code: error.kind.code().to_owned(),
        hint: error.hint.clone(),
        weight: Weight::Error,
    }
}
