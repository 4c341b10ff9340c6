//! A test file, word for word. Its JSON Schema and its checker are made from these types.

use std::collections::BTreeMap;

use model::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// Tests of workflows: how steps go, and how the runs must end.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct TestFile {
    /// Manifests under test: files and folders beside this file. Absent: the manifest of the same name, `release.yaml` for `release.test.yaml`.
    #[serde(default)]
    pub files: Vec<String>,
    /// Objects beside them, such as a ConfigMap that steps read.
    #[serde(default)]
    pub objects: Vec<Value>,
    /// A step that no entry of `steps` speaks of is an error, instead of going well.
    #[serde(default)]
    pub strict: bool,
    /// The moment at which runs begin [default: 2026-01-05T09:00:00Z, a Monday].
    pub at: Option<Timestamp>,
    /// Arguments of every case.
    #[serde(default)]
    pub arguments: BTreeMap<String, Value>,
    /// How steps go in every case; what a case says itself comes first.
    #[serde(default)]
    pub steps: Vec<Mock>,
    /// The tests.
    pub cases: Vec<Case>,
}

/// One run and what is expected of it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Case {
    /// What it shows, in a few words.
    pub name: String,
    /// Do not run it, and say why.
    pub skip: Option<String>,

    /// The workflow to run, by its name or `generateName`. Needed when the files hold several.
    pub run: Option<String>,
    /// Run from a template or schedule instead: `workflowtemplate/NAME`, `clusterworkflowtemplate/NAME`, `cronworkflow/NAME`.
    pub from: Option<String>,
    /// The template to begin with.
    pub entrypoint: Option<String>,
    /// Arguments by name.
    #[serde(default)]
    pub arguments: BTreeMap<String, Value>,
    /// A file of arguments beside this one, as `submit --parameter-file` takes it; `arguments` win over it.
    pub parameter_file: Option<String>,
    /// Objects of this case: one of the same kind and name takes the place of the files'.
    #[serde(default)]
    pub objects: Vec<Value>,
    /// The moment at which the run begins.
    pub at: Option<Timestamp>,
    /// A step that no entry of `steps` speaks of is an error.
    pub strict: Option<bool>,
    /// How steps go: the first entry that fits a step decides.
    #[serde(default)]
    pub steps: Vec<Mock>,
    /// What a person does meanwhile, in this order.
    #[serde(default, rename = "do")]
    pub actions: Vec<Action>,
    /// The longest that the run may take, in its own time [default: 1d].
    pub within: Option<String>,

    /// How the run ends [default: Succeeded].
    #[serde(default)]
    pub expect: End,
    /// A part of the run's message, or of the refusal.
    pub message: Option<String>,
    /// Nodes at the end, by display name, by path (`build[0].compile`), or by either with `*`; `run` is the run's own.
    #[serde(default)]
    pub nodes: BTreeMap<String, NodeExpected>,
    /// Output parameters of the run.
    #[serde(default)]
    pub outputs: BTreeMap<String, Value>,
    /// Names of nodes that ran one after the other.
    #[serde(default)]
    pub order: Vec<String>,
    /// Steps that ran, how often, and with what.
    #[serde(default)]
    pub calls: Vec<CallExpected>,
    /// At most so many steps ran at a time.
    pub running_at_once: Option<usize>,
    /// How long the run takes, in its own time: `15m`, `<= 1h`, `>= 30s`.
    pub takes: Option<String>,
}

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
pub enum End {
    /// All went well.
    #[default]
    Succeeded,
    /// A step failed.
    Failed,
    /// The system could not run it.
    Error,
    /// It is not even taken.
    Refused,
}

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs, reason = "Argo's own words, and one of ours")]
pub enum Phase {
    Pending,
    Running,
    Succeeded,
    Failed,
    Error,
    Skipped,
    Omitted,
    /// There is no such node.
    #[serde(rename = "none")]
    None,
}

/// Which steps. Everything that is given must fit; `*` stands for any text, `?` for any letter.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Selector {
    /// The template's name.
    pub template: Option<String>,
    /// The node's display name, with or without the `(…)` of its item or attempt, or its path (`build[0].compile`).
    pub node: Option<String>,
    /// Input parameters by name.
    #[serde(default)]
    pub parameters: BTreeMap<String, Value>,
    /// The URL of an `http` template.
    pub url: Option<String>,
    /// The method of an `http` template.
    pub method: Option<String>,
    /// The body of an `http` template.
    pub body: Option<String>,
}

/// How some steps go.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub struct Mock {
    /// Which steps.
    #[serde(flatten)]
    pub which: Selector,
    /// How they go.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// How the next steps go that fit: the second, the third, …; the last of them stays.
    #[serde(default)]
    pub then: Vec<Outcome>,
    /// How the retries of each step go: the second attempt, the third, …; the last of them stays.
    #[serde(default)]
    pub retries: Vec<Outcome>,
}

/// How a step goes. Without a word of it, the step succeeds at once.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// `outputs.result`, or the body of an answer; what is no text is written as JSON.
    pub result: Option<Value>,
    /// Output parameters by name; those that it does not name have their default, or `<name>`.
    #[serde(default)]
    pub outputs: BTreeMap<String, Value>,
    /// Output artifacts that it does not leave.
    #[serde(default)]
    pub missing: Vec<String>,
    /// Its exit code; other than 0 it has failed.
    pub exit_code: Option<i32>,
    /// What the node says.
    pub message: Option<String>,
    /// The system could not run it: why.
    pub error: Option<String>,
    /// How long it runs: `90s`, `2h`.
    pub lasts: Option<String>,
    /// What it writes to its log.
    pub log: Option<Lines>,
    /// The status of an `http` answer [default: 200].
    pub status: Option<u16>,
    /// Headers of an `http` answer.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// One text, or several lines.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Lines {
    /// A text.
    Text(String),
    /// Line by line.
    List(Vec<String>),
}

/// What a person does once a node is in a phase.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Action {
    /// When this node (`run`: the run itself) … Absent: at once.
    pub when: Option<String>,
    /// … is in this phase [default: Running] …
    pub is: Option<Phase>,
    /// … and so much time has passed.
    pub after: Option<String>,
    /// Resumes suspended nodes: a display name, or a selector such as `displayName=approve`; `run`: what the person suspended.
    pub resume: Option<String>,
    /// Gives `outputs`, a `phase` or a `message` to the nodes that this selects.
    pub set: Option<String>,
    /// See `set`.
    #[serde(default)]
    pub outputs: BTreeMap<String, Value>,
    /// See `set`: the phase to end in.
    pub phase: Option<Phase>,
    /// What `set` and `stop` say.
    pub message: Option<String>,
    /// Stops the run, exit handlers included, or only the nodes that this selects.
    pub stop: Option<String>,
    /// Ends the run at once: `run`.
    pub terminate: Option<String>,
    /// Starts nothing new until it is resumed: `run`.
    pub suspend: Option<String>,
    /// Retries the run after it has failed, and the nodes that this selects although they succeeded; `run`: what failed.
    pub retry: Option<String>,
}

/// What a node looks like at the end.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum NodeExpected {
    /// Its phase.
    Phase(Phase),
    /// More of it.
    More(NodeMore),
}

/// More than a phase.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeMore {
    /// Its phase.
    pub phase: Option<Phase>,
    /// A part of its message.
    pub message: Option<String>,
    /// Its exit code.
    pub exit_code: Option<i64>,
    /// Its outputs came from a cache.
    pub memoized: Option<bool>,
    /// Its input parameters.
    #[serde(default)]
    pub inputs: BTreeMap<String, Value>,
    /// Its output parameters; `result` is its result, when it has no parameter of this name.
    #[serde(default)]
    pub outputs: BTreeMap<String, Value>,
}

/// Steps that ran.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub struct CallExpected {
    /// Which steps.
    #[serde(flatten)]
    pub which: Selector,
    /// How often, attempts counted [default: at least once].
    pub times: Option<usize>,
}
