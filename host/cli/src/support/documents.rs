//! Manifests that were read: which object each document is, and where each value stands in its file.

use std::sync::Arc;

use bytes::Bytes;
use model::yaml::{self, Limits, Position, ReadError};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::{CliError, CliResult};
use crate::input::Source;

/// One object of a file. The items of a Kubernetes `List` are objects of their own.
#[derive(Debug, Clone)]
pub struct Document {
    /// The file, as a person knows it.
    pub source: Arc<str>,
    read: Arc<yaml::Document>,
    /// The path of an item within its list; empty for a whole document.
    base: String,
    json: Bytes,
    head: Head,
}

/// What a file could not be read for.
#[derive(Debug, Clone)]
pub struct Unreadable {
    /// The file.
    pub source: Arc<str>,
    /// Why, and where.
    pub error: ReadError,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Head {
    api_version: Loose,
    kind: Loose,
    metadata: HeadMetadata,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct HeadMetadata {
    name: Loose,
    generate_name: Loose,
    namespace: Loose,
}

/// Text, or nothing where something else stands: saying what is wrong is the checker's matter.
#[derive(Debug, Clone, Default)]
struct Loose(String);

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Value::deserialize(deserializer)? {
            Value::String(text) => text,
            _ => String::new(),
        }))
    }
}

#[derive(Deserialize)]
struct ListItems {
    #[serde(default)]
    items: Vec<Box<RawValue>>,
}

impl Document {
    fn new(source: Arc<str>, read: Arc<yaml::Document>, base: String, json: Bytes) -> Self {
        // A document that is no object has no head; the checker says so.
        let head = serde_json::from_slice(&json).unwrap_or_default();
        Self { source, read, base, json, head }
    }

    /// An object that stands within another document, at `base`.
    pub fn within(source: Arc<str>, read: Arc<yaml::Document>, base: String, value: &Value) -> Self {
        Self::new(source, read, base, value.to_string().into())
    }

    /// The same document with another object in it, which keeps the places of what it has in common with it.
    #[must_use]
    pub fn with_value(&self, value: &Value) -> Self {
        Self::new(self.source.clone(), self.read.clone(), self.base.clone(), value.to_string().into())
    }

    /// `Workflow`; empty when it says none.
    pub fn kind(&self) -> &str {
        &self.head.kind.0
    }

    /// `argoproj.io/v1alpha1`; empty when it says none.
    pub fn api_version(&self) -> &str {
        &self.head.api_version.0
    }

    /// The kind, or a word for those that say none.
    pub fn kind_or_unknown(&self) -> &str {
        if self.kind().is_empty() { "document without a kind" } else { self.kind() }
    }

    /// `metadata.name`, or `metadata.generateName`; empty when it has neither.
    pub fn name(&self) -> &str {
        let metadata = &self.head.metadata;
        if metadata.name.0.is_empty() { &metadata.generate_name.0 } else { &metadata.name.0 }
    }

    /// `metadata.namespace`; empty when it says none.
    pub fn namespace(&self) -> &str {
        &self.head.metadata.namespace.0
    }

    /// The object as JSON text.
    pub fn json(&self) -> Bytes {
        self.json.clone()
    }

    /// The object as a value.
    ///
    /// # Errors
    /// Never of a document that was read.
    pub fn value(&self) -> CliResult<Value> {
        serde_json::from_slice(&self.json).map_err(|error| CliError::from(anyhow::Error::from(error)))
    }

    /// Where the value at a path stands, or the nearest one around it.
    pub fn position(&self, path: &str) -> Position {
        let whole = match (self.base.is_empty(), path.is_empty() || path.starts_with('[')) {
            (true, _) => path.to_owned(),
            (false, true) => format!("{}{path}", self.base),
            (false, false) => format!("{}.{path}", self.base),
        };
        self.read.nearest_position(&whole)
    }

    /// As a person calls it: `Workflow hello (hello.yaml:1)`.
    pub fn label(&self) -> String {
        let place = format!("{}:{}", self.source, self.position("").line);
        match (self.kind(), self.name()) {
            ("", "") => place,
            (kind, "") => format!("{kind} ({place})"),
            (kind, name) => format!("{kind} {name} ({place})"),
        }
    }
}

/// All objects of the sources.
///
/// # Errors
/// A text that cannot be read; nothing in them.
pub fn parse_all(sources: &[Source]) -> CliResult<Vec<Document>> {
    let (documents, mut unreadable) = parse_partial(sources);
    if let Some(first) = unreadable.drain(..).next() {
        return Err(told(&first));
    }
    if documents.is_empty() {
        let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        return Err(CliError::usage(format!("{}: there is no object in it", names.join(", "))));
    }
    Ok(documents)
}

/// All objects of the sources, which must be of one kind.
///
/// # Errors
/// As [`parse_all`]; an object of another kind.
pub fn parse_of_kind(sources: &[Source], kind: &str) -> CliResult<Vec<Document>> {
    let documents = parse_all(sources)?;
    match documents.iter().find(|document| document.kind() != kind) {
        Some(other) => {
            Err(CliError::usage(format!("{} is not a {kind} but a {}", other.label(), other.kind_or_unknown()))
                .hint("`colchis apply` takes objects of every kind"))
        }
        None => Ok(documents),
    }
}

/// All objects that can be read, and what could not be.
pub fn parse_partial(sources: &[Source]) -> (Vec<Document>, Vec<Unreadable>) {
    let mut documents = Vec::new();
    let mut unreadable = Vec::new();
    let limits = Limits {
        document_bytes_max: usize::try_from(crate::input::INPUT_BYTES_MAX).unwrap_or(usize::MAX),
        ..Limits::DEFAULT
    };
    for source in sources {
        let name: Arc<str> = source.name.as_str().into();
        let (read, error) = yaml::read_partial(&source.text, &limits);
        for document in read {
            add(&name, document, &mut documents);
        }
        if let Some(error) = error {
            unreadable.push(Unreadable { source: name, error });
        }
    }
    (documents, unreadable)
}

fn add(name: &Arc<str>, read: yaml::Document, documents: &mut Vec<Document>) {
    let json = Bytes::copy_from_slice(read.json().as_bytes());
    let read = Arc::new(read);
    let whole = Document::new(name.clone(), read.clone(), String::new(), json);
    if whole.api_version() != "v1" || whole.kind() != "List" {
        documents.push(whole);
        return;
    }
    let items = serde_json::from_slice::<ListItems>(&whole.json).map(|list| list.items).unwrap_or_default();
    for (at, item) in items.into_iter().enumerate() {
        let json = Bytes::copy_from_slice(item.get().as_bytes());
        documents.push(Document::new(name.clone(), read.clone(), format!("items[{at}]"), json));
    }
}

/// Kinds in the order in which they are given to a server: what others refer to goes first.
pub fn rank(kind: &str) -> u8 {
    match kind {
        "Namespace" | "CustomResourceDefinition" => 0,
        "Secret" | "ConfigMap" | "PersistentVolumeClaim" | "ServiceAccount" => 1,
        "ClusterWorkflowTemplate" | "Plugin" => 2,
        "WorkflowTemplate" => 3,
        "CronWorkflow" => 5,
        _ => 4,
    }
}

/// The one value of a file that is no manifest.
///
/// # Errors
/// A text that cannot be read, or holds several documents.
pub fn one_value(source: &Source) -> CliResult<Value> {
    let name: Arc<str> = source.name.as_str().into();
    let mut read =
        yaml::read(&source.text, &Limits::DEFAULT).map_err(|error| told(&Unreadable { source: name, error }))?;
    match (read.pop(), read.is_empty()) {
        (None, _) => Ok(Value::Null),
        (Some(document), true) => {
            serde_json::from_str(document.json()).map_err(|error| CliError::from(anyhow::Error::from(error)))
        }
        (Some(_), false) => Err(CliError::usage(format!("{}: one document is expected", source.name))),
    }
}

fn told(unreadable: &Unreadable) -> CliError {
    let error = &unreadable.error;
    CliError::usage(format!(
        "{}:{}:{}: {}",
        unreadable.source, error.position.line, error.position.column, error.reason
    ))
    .hint(error.hint.clone().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source { name: "f.yaml".into(), text: text.into() }
    }

    #[test]
    fn documents_know_their_place() {
        let text = "kind: Workflow\nmetadata: {generateName: a-}\n---\napiVersion: v1\nkind: List\nitems:\n- kind: ConfigMap\n  metadata:\n    name: c\n";
        let documents = parse_all(&[source(text)]).unwrap();
        let labels: Vec<String> = documents.iter().map(Document::label).collect();
        assert_eq!(labels, ["Workflow a- (f.yaml:1)", "ConfigMap c (f.yaml:7)"]);
        assert_eq!(documents[1].position("metadata.name").line, 9);
        assert_eq!(documents[1].position("metadata.nothing.here").line, 8);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_place() {
        let error = parse_all(&[source("a: [1\nb: 2\n")]).unwrap_err();
        assert!(error.error.unwrap().to_string().starts_with("f.yaml:"));
        assert!(parse_all(&[source("---\n")]).unwrap_err().error.unwrap().to_string().contains("no object"));
        let odd = parse_all(&[source("kind: [a]\n")]).unwrap();
        assert_eq!(odd[0].kind_or_unknown(), "document without a kind");
    }

    #[test]
    fn one_value_is_one() {
        assert_eq!(one_value(&source("a: 1")).unwrap()["a"], 1);
        assert_eq!(one_value(&source("")).unwrap(), Value::Null);
        assert!(one_value(&source("a: 1\n---\nb: 2")).is_err());
    }
}
