//! Examples: manifests whose leading comment says what they show and how they must end.
//!
//! ```text
//!   # A sentence or two for the reader.
//!   #
//!   # expect: Succeeded          ◄─ from here on the comment is YAML: see [`Expected`]
//!   # nodes: {check: Succeeded}
//!   apiVersion: …
//! ```

mod check;
mod follow;
mod run;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use run::{World, run};

/// One file.
#[derive(Debug)]
pub struct Example {
    /// From `examples/`: `steps/sequence.yaml`.
    pub name: String,
    /// What its header says.
    pub expected: Expected,
    /// Its documents as JSON.
    pub documents: Vec<serde_json::Value>,
}

/// A header. Absent parts are not looked at.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Expected {
    /// How the runs of the file end; `Applied`: it has none and is taken; `Refused`: it is not taken.
    pub expect: End,
    /// A part of the run's message, or of the error that refuses it.
    pub message: Option<String>,
    /// Nodes by display name; `run` is the run's own node, `run(0)` its first attempt.
    #[serde(default)]
    pub nodes: BTreeMap<String, NodeExpected>,
    /// Output parameters of the run.
    #[serde(default)]
    pub outputs: BTreeMap<String, String>,
    /// A part of what a node wrote, by display name.
    #[serde(default)]
    pub logs: BTreeMap<String, String>,
    /// Display names of nodes that came one after the other.
    #[serde(default)]
    pub order: Vec<String>,
    /// At most so many steps ran at a time.
    pub running_at_once: Option<usize>,
    /// Parameters to submit with; `$HTTP` and `$BUCKET` stand for the tests' servers.
    #[serde(default)]
    pub arguments: BTreeMap<String, String>,
    /// What a person does meanwhile, in order.
    #[serde(default, rename = "do")]
    pub actions: Vec<Action>,
    /// What the machine has to have: `images`, `http`, `bucket`.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Output artifacts that nodes have.
    #[serde(default)]
    pub artifacts: BTreeMap<String, Vec<String>>,
    /// Output artifacts that are collected after the end; all others stay.
    #[serde(default)]
    pub artifacts_deleted: BTreeMap<String, Vec<String>>,
    /// Lines of `/metrics`, afterwards.
    #[serde(default)]
    pub metrics: Vec<String>,
    /// Labels of the run, afterwards.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Texts that stand nowhere: in no log, no document, no error.
    #[serde(default)]
    pub never: Vec<String>,
    /// Seconds within which it ends.
    #[serde(default = "within")]
    pub within: u64,
}

fn within() -> u64 {
    90
}

/// How a file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[allow(missing_docs, reason = "Argo's own words, and two of ours")]
pub enum End {
    Succeeded,
    Failed,
    Error,
    Applied,
    Refused,
}

/// What a node looks like at the end.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum NodeExpected {
    /// Its phase; `none`: there is no such node.
    Phase(String),
    /// More of it.
    #[serde(rename_all = "camelCase")]
    More {
        /// Its phase.
        phase: Option<String>,
        /// A part of its message.
        message: Option<String>,
        /// Its exit code.
        exit_code: Option<i64>,
        /// Its outputs came from a cache.
        memoized: Option<bool>,
    },
}

/// What a person does.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Action {
    /// When the node of this display name …
    pub when: Option<String>,
    /// … has this phase (of `submit-from`: how that run ends).
    pub is: Option<String>,
    /// Resumes the nodes that this selects.
    pub resume: Option<String>,
    /// Sets `outputs` on the node that this selects.
    pub set: Option<String>,
    /// See `set`.
    #[serde(default)]
    pub outputs: BTreeMap<String, String>,
    /// Stops the run with this message.
    pub stop: Option<String>,
    /// Submits from a template: `cronwf/NAME`, `workflowtemplate/NAME`.
    pub submit_from: Option<String>,
}

/// The folder of examples.
pub fn folder() -> PathBuf {
    crate::binary::root().join("examples")
}

/// Folders of `examples/` that hold no manifests to run.
pub const APART: &[&str] = &["clients", "observability", "testing"];

/// The themes: folders of `examples/` with manifests to run, sorted.
pub fn themes() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).expect("examples/ is there");
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|e| e.path().is_dir())
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .filter(|name| !APART.contains(&name.as_str()))
        .collect();
    names.sort();
    names
}

/// The files of a theme.
pub fn of_theme(theme: &str) -> Vec<Example> {
    let entries = std::fs::read_dir(folder().join(theme)).unwrap_or_else(|e| panic!("examples/{theme}: {e}"));
    let mut files: Vec<PathBuf> =
        entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "yaml")).collect();
    files.sort();
    files.iter().map(|file| read(file)).collect()
}

/// Reads a file.
///
/// # Panics
/// It is not YAML, or its header is missing or wrong: it says where.
pub fn read(file: &Path) -> Example {
    let name = file.strip_prefix(folder()).unwrap_or(file).display().to_string();
    let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{name}: {e}"));
    let comment: Vec<&str> =
        text.lines().map_while(|l| l.strip_prefix('#')).map(|l| l.strip_prefix(' ').unwrap_or(l)).collect();
    let header: Vec<&str> = comment.into_iter().skip_while(|l| !l.starts_with("expect:")).collect();
    assert!(!header.is_empty(), "{name}: the leading comment has no line `# expect: …`");
    let header = documents(&name, &header.join("\n")).pop().unwrap_or_default();
    let expected = serde_json::from_value(header).unwrap_or_else(|e| panic!("{name}: header: {e}"));
    Example { documents: documents(&name, &text), name, expected }
}

fn documents(name: &str, text: &str) -> Vec<serde_json::Value> {
    let read = model::yaml::read(text, &model::yaml::Limits::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
    read.into_iter().map(|d| serde_json::from_str(d.json()).unwrap_or_else(|e| panic!("{name}: {e}"))).collect()
}
