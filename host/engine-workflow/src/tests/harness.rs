//! Runs a fixture: the engine, and a world that answers every effect as the fixture says.

use std::collections::{BTreeMap, VecDeque};

use engine::SeededIds;
use engine::proof::Recorder;
use model::Timestamp;
use model::core::ConfigMap;
use model::workflow::{NodePhase, Workflow, WorkflowTemplate};
use serde::Deserialize;
use serde_json::Value;

use crate::project;
use crate::{
    Effect, Found, Input, LeafEnd, LeafEvent, Limits, Lookup, Order, Outputs, Param, PinnedTemplates, RunState, Sample,
    SampleValue, Shutdown, SpecChange, Submission, TemplateSource, Text, WorkflowEngine,
};

/// Virtual time at which a fixture begins.
const BEGIN_MS: i64 = 1_700_000_000_000;
/// Steps after which a fixture that does not end is at fault.
const STEPS_MAX: usize = 20_000;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Script {
    /// By template name, what each of its leaves comes to, the last one again and again.
    results: BTreeMap<String, Vec<Outcome>>,
    /// What happens at moments (milliseconds after the beginning).
    orders: Vec<At>,
    nodes_max: Option<u32>,
    expect: Expect,
}

#[derive(Deserialize, Default, Clone)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Outcome {
    exit: i32,
    error: Option<String>,
    transient: bool,
    result: Option<String>,
    parameters: BTreeMap<String, String>,
    /// Milliseconds.
    lasts: i64,
    /// What its runner says it runs on.
    runs_on: Option<String>,
    /// Only for leaves whose display name contains this.
    node: Option<String>,
}

#[derive(Deserialize, Clone)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct At {
    ms: i64,
    #[serde(default)]
    stop: bool,
    #[serde(default)]
    terminate: bool,
    #[serde(default)]
    suspend: bool,
    #[serde(default)]
    resume: bool,
    #[serde(default)]
    retry: bool,
    #[serde(default)]
    restart: Vec<String>,
    /// Runs one failed node of a running run again.
    #[serde(default)]
    only: Option<String>,
    /// The node that waits for a lock and never gets it, and the one above it that must end.
    #[serde(default)]
    deadlock: Option<(String, String)>,
    #[serde(default)]
    supply: Option<(String, BTreeMap<String, String>)>,
    /// Nothing is ordered: parts of the messages that nodes show at this moment.
    #[serde(default)]
    says: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Expect {
    phase: String,
    message: Option<String>,
    /// Phase of nodes by display name.
    nodes: BTreeMap<String, String>,
    /// Display names that must not exist.
    absent: Vec<String>,
    /// Arguments with which leaves were started, in order, as `template: arg arg`.
    started: Option<Vec<String>>,
    /// Output parameters of the root.
    outputs: BTreeMap<String, String>,
    /// Global outputs.
    globals: BTreeMap<String, String>,
    /// Most leaves at once.
    at_once: Option<usize>,
    /// Milliseconds from submission to end.
    lasts: Option<i64>,
    /// Messages of nodes that must contain a text; an empty one, that there is none.
    messages: BTreeMap<String, String>,
    /// Metrics that were emitted, in order, as `name{label=value} what`.
    metrics: Option<Vec<String>>,
}

pub(super) struct Fixture {
    workflow: Workflow,
    templates: BTreeMap<String, WorkflowTemplate>,
    maps: BTreeMap<String, ConfigMap>,
    script: Script,
}

impl Fixture {
    pub(super) fn parse(text: &str) -> Self {
        let documents = model::yaml::read(text, &model::yaml::Limits::default()).unwrap_or_else(|e| panic!("{e}"));
        let (mut workflow, mut script) = (None, Script::default());
        let (mut templates, mut maps) = (BTreeMap::new(), BTreeMap::new());
        for document in documents {
            let value: Value = serde_json::from_str(document.json()).unwrap();
            match value.get("kind").and_then(Value::as_str) {
                Some("Workflow") => workflow = Some(serde_json::from_value(value).unwrap_or_else(|e| panic!("{e}"))),
                Some("WorkflowTemplate") => {
                    let template: WorkflowTemplate = serde_json::from_value(value).unwrap();
                    templates.insert(template.metadata.name.clone(), template);
                }
                Some("ConfigMap") => {
                    let map: ConfigMap = serde_json::from_value(value).unwrap();
                    maps.insert(map.metadata.name.clone(), map);
                }
                _ => script = serde_json::from_value(value).unwrap_or_else(|e| panic!("{e}")),
            }
        }
        Self { workflow: workflow.unwrap(), templates, maps, script }
    }

    fn submission(&self) -> Submission {
        let mut metadata = self.workflow.metadata.clone();
        if metadata.name.is_empty() {
            metadata.name = "run".to_owned();
        }
        metadata.namespace = "default".to_owned();
        metadata.uid = "uid".to_owned();
        metadata.creation_timestamp = Some(Timestamp::from_millis(BEGIN_MS));
        let defaults = self.workflow.spec.template_defaults.clone();
        let spec = match defaults {
            Some(defaults) => {
                let spec = self.workflow.spec.clone();
                model::defaults::with_template_defaults(spec, &defaults).unwrap()
            }
            None => self.workflow.spec.clone(),
        };
        Submission {
            metadata,
            spec,
            from_template: None,
            pinned: Vec::new(),
            repository: None,
            server_locks: Vec::new(),
            scheduled_time: None,
            reused: Vec::new(),
            limits: Limits { nodes: self.script.nodes_max.unwrap_or(3_000), recursion: 20, ..Limits::default() },
        }
    }
}

pub(super) struct Run<'f> {
    fixture: &'f Fixture,
    recorder: Recorder<WorkflowEngine>,
    ids: SeededIds,
    now: Timestamp,
    inputs: VecDeque<Input>,
    later: BTreeMap<(Timestamp, u64), Input>,
    counter: u64,
    used: BTreeMap<String, usize>,
    started: Vec<String>,
    at_once: usize,
    memo: BTreeMap<String, Outputs>,
    held: BTreeMap<Text, Option<crate::NodeIx>>,
    waiting: Vec<(Text, Option<crate::NodeIx>)>,
    orders: VecDeque<At>,
    phases: Vec<NodePhase>,
    problems: Vec<String>,
    metrics: Vec<String>,
}

impl<'f> Run<'f> {
    pub(super) fn new(fixture: &'f Fixture, changes_max: usize) -> Self {
        let mut orders: Vec<At> = fixture.script.orders.clone();
        orders.sort_by_key(|o| o.ms);
        Self {
            fixture,
            recorder: Recorder::with_changes_max(changes_max),
            ids: SeededIds::new(42),
            now: Timestamp::from_millis(BEGIN_MS),
            inputs: VecDeque::from([Input::Submitted(std::sync::Arc::new(fixture.submission()))]),
            later: BTreeMap::new(),
            counter: 0,
            used: BTreeMap::new(),
            started: Vec::new(),
            at_once: 0,
            memo: BTreeMap::new(),
            held: BTreeMap::new(),
            waiting: Vec::new(),
            orders: orders.into(),
            phases: Vec::new(),
            problems: Vec::new(),
            metrics: Vec::new(),
        }
    }

    pub(super) fn state(&self) -> &RunState {
        &self.recorder.state
    }

    pub(super) fn go(&mut self) {
        for step in 0.. {
            assert!(step < STEPS_MAX, "the run does not end: {:?}", self.state().todo);
            if let Some(input) = self.inputs.pop_front() {
                self.handle(input);
                continue;
            }
            let wake = <WorkflowEngine as engine::Engine>::next_wake(self.state());
            if wake.is_some_and(|at| at <= self.now) {
                self.handle(Input::Wake);
                continue;
            }
            let over = self.state().run().is_some_and(|r| r.finished.is_some());
            let order = self.orders.front().map(|o| Timestamp::from_millis(BEGIN_MS + o.ms));
            let next = [wake, self.later.keys().next().map(|(at, _)| *at), order].into_iter().flatten().min();
            let Some(next) = next else { break };
            if over && order.is_none() {
                break;
            }
            self.now = self.now.max(next);
            if order == Some(next) {
                let order = self.orders.pop_front().unwrap();
                self.order(&order);
            }
            while let Some(entry) = self.later.first_entry() {
                if entry.key().0 > self.now {
                    break;
                }
                self.inputs.push_back(entry.remove());
            }
            if wake.is_some_and(|at| at <= self.now) {
                self.inputs.push_back(Input::Wake);
            }
        }
        self.recorder.check_replay();
    }

    pub(super) fn handle(&mut self, input: Input) {
        let again = input.clone();
        let (effects, report, _) = self.recorder.step(input, self.now, &mut self.ids);
        self.check_transitions(matches!(again, Input::Order(Order::Retry { .. })));
        self.metrics.extend(report.metrics.iter().map(measured));
        self.problems.extend(report.refusals.into_iter().filter(|r| r.starts_with("internal")));
        if self.recorder.journal.len().is_multiple_of(7) {
            self.recorder.check_replay();
        }
        // Handled again, the same input brings about nothing that was not due anyway.
        if !matches!(again, Input::Wake | Input::Order(_)) {
            let before = self.recorder.journal.len();
            let pending = !self.state().todo.is_empty();
            let (more, report, _) = self.recorder.step(again.clone(), self.now, &mut self.ids);
            self.metrics.extend(report.metrics.iter().map(measured));
            if !pending && self.recorder.journal.len() > before {
                self.problems.push(format!("handling {again:?} again changed something"));
            }
            self.perform_all(effects);
            self.perform_all(more);
            return;
        }
        self.perform_all(effects);
    }

    /// What is over stays as it ended, unless somebody ordered it to be run again.
    fn check_transitions(&mut self, reopens: bool) {
        for (at, node) in self.recorder.state.nodes.iter().enumerate() {
            let Some(known) = self.phases.get_mut(at) else {
                self.phases.push(node.phase);
                continue;
            };
            let over = !matches!(known, NodePhase::Pending | NodePhase::Running);
            if over && *known != node.phase && !reopens {
                self.problems.push(format!("node {at} was {} and became {}", known.as_str(), node.phase.as_str()));
            }
            *known = node.phase;
        }
    }

    pub(super) fn most_at_once(&self) -> usize {
        self.at_once
    }

    fn perform_all(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.perform(effect);
        }
        self.at_once = self.at_once.max(self.state().units as usize);
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Start(start) => {
                let name = start.template.name.clone();
                let display = self.state().display_name(start.node);
                let args = start
                    .template
                    .container
                    .as_ref()
                    .and_then(|c| c.args.as_ref())
                    .map(|a| a.join(" "))
                    .unwrap_or_default();
                let source = start.template.script.as_ref().map(|s| s.source.trim().to_owned()).unwrap_or_default();
                self.started.push(format!("{name}: {args}{source}").trim_end_matches([' ', ':']).to_owned());
                let outcome = self.outcome(&name, &display);
                if start.template.daemon == Some(true) && outcome.exit == 0 {
                    let ip = Some(Text::from("10.0.0.1"));
                    self.inputs.push_back(Input::Leaf(
                        start.node,
                        LeafEvent::Running { message: None, ip: ip.clone(), host: None },
                    ));
                    self.inputs.push_back(Input::Leaf(start.node, LeafEvent::Ready { ip }));
                    return;
                }
                if outcome.lasts > 0 || outcome.runs_on.is_some() {
                    let host = outcome.runs_on.as_ref().map(|_| Text::from("machine"));
                    let running =
                        LeafEvent::Running { message: outcome.runs_on.as_deref().map(Text::from), ip: None, host };
                    self.inputs.push_back(Input::Leaf(start.node, running));
                }
                let parameters = outcome.parameters.iter();
                let declared = &start.template.outputs.parameters;
                let from_files =
                    declared.iter().filter(|p| !outcome.parameters.contains_key(&*p.name)).filter_map(|p| {
                        let from = p.value_from.as_ref().filter(|v| v.path.is_some())?;
                        Some(Param { name: Text::from(&*p.name), value: Some(from.default.as_ref()?.0.clone()) })
                    });
                let end = LeafEnd {
                    phase: match (&outcome.error, outcome.exit) {
                        (Some(_), _) => NodePhase::Error,
                        (None, 0) => NodePhase::Succeeded,
                        (None, _) => NodePhase::Failed,
                    },
                    message: match (&outcome.error, outcome.exit) {
                        (Some(error), _) => error.as_str().into(),
                        (None, 0) => Text::default(),
                        (None, code) => format!("exit code {code}").into(),
                    },
                    outputs: Outputs {
                        parameters: parameters
                            .map(|(n, v)| Param { name: n.as_str().into(), value: Some(v.as_str().into()) })
                            .chain(from_files)
                            .collect(),
                        artifacts: start.template.outputs.artifacts.clone(),
                        result: outcome.result.as_deref().map(Text::from),
                        exit_code: Some(outcome.exit),
                    },
                    transient: outcome.transient,
                    used: None,
                    containers: Vec::new(),
                };
                self.after(outcome.lasts, Input::Leaf(start.node, LeafEvent::Ended(Box::new(end))));
            }
            Effect::Stop { node, .. } => {
                let end = LeafEnd {
                    phase: NodePhase::Failed,
                    message: "stopped".into(),
                    outputs: Outputs::default(),
                    transient: false,
                    used: None,
                    containers: Vec::new(),
                };
                self.inputs.push_back(Input::Leaf(node, LeafEvent::Ended(Box::new(end))));
            }
            Effect::Lookup(what) => {
                let found = self.find(&what);
                self.inputs.push_back(Input::LookedUp(what, found));
            }
            Effect::Acquire { node, locks, .. } => {
                // The fixtures' locks are mutexes.
                match locks.first() {
                    Some(lock) if self.held.contains_key(&lock.key) => self.waiting.push((lock.key.clone(), node)),
                    Some(lock) => {
                        self.held.insert(lock.key.clone(), node);
                        self.inputs.push_back(Input::Granted(node));
                    }
                    None => self.inputs.push_back(Input::Granted(node)),
                }
            }
            Effect::Release { node, locks } => {
                for lock in locks {
                    self.waiting.retain(|(key, n)| !(*key == lock.key && *n == node));
                    if self.held.get(&lock.key) == Some(&node) {
                        self.held.remove(&lock.key);
                        if let Some(at) = self.waiting.iter().position(|(key, _)| *key == lock.key) {
                            let (key, next) = self.waiting.remove(at);
                            self.held.insert(key, next);
                            self.inputs.push_back(Input::Granted(next));
                        }
                    }
                }
                self.inputs.push_back(Input::Released(node));
            }
            Effect::MemoLoad { node, cache, key, .. } => {
                let found = self.memo.get(&format!("{cache}/{key}")).cloned();
                self.inputs.push_back(Input::Memo(node, found.map(Box::new)));
            }
            Effect::MemoSave { node, cache, key, outputs } => {
                self.memo.insert(format!("{cache}/{key}"), *outputs);
                self.inputs.push_back(Input::MemoSaved(node));
            }
            Effect::CreateClaims => {
                let claims = &self.fixture.workflow.spec.volume_claim_templates;
                let made = claims.iter().map(|c| (Text::from(c.metadata.name.as_str()), Text::from("claim"))).collect();
                self.inputs.push_back(Input::Claimed(Ok(made)));
            }
            Effect::DeleteClaims => self.inputs.push_back(Input::ClaimsDeleted),
        }
    }

    fn after(&mut self, ms: i64, input: Input) {
        if ms == 0 {
            return self.inputs.push_back(input);
        }
        self.counter += 1;
        self.later.insert((self.now.plus_millis(ms), self.counter), input);
    }

    fn outcome(&mut self, template: &str, display: &str) -> Outcome {
        let Some(all) = self.fixture.script.results.get(template) else { return Outcome::default() };
        if let Some(by_node) = all.iter().find(|o| o.node.as_ref().is_some_and(|n| display.contains(n.as_str()))) {
            return by_node.clone();
        }
        let plain: Vec<&Outcome> = all.iter().filter(|o| o.node.is_none()).collect();
        let used = self.used.entry(template.to_owned()).or_default();
        let outcome = plain.get(*used).or(plain.last()).map(|o| (*o).clone()).unwrap_or_default();
        *used += 1;
        outcome
    }

    fn find(&self, what: &Lookup) -> Result<Found, Text> {
        match what {
            Lookup::Template(TemplateSource { name, .. }) => match self.fixture.templates.get(&**name) {
                Some(t) => Ok(Found::Templates(Box::new(PinnedTemplates { spec: t.spec.clone() }))),
                None => Err(format!("WorkflowTemplate {name:?} not found").into()),
            },
            Lookup::ConfigMapKey { name, key, .. } => {
                let value = self.fixture.maps.get(&**name).and_then(|m| m.data.get(&**key));
                Ok(Found::Text(value.map(|v| Text::from(v.as_str()))))
            }
        }
    }

    fn order(&mut self, at: &At) {
        if !at.says.is_empty() {
            return self.listen(&at.says);
        }
        let spec = |change: SpecChange| Input::SpecChanged(change);
        let by_name = |state: &RunState, name: &str| {
            project::shown(state)
                .find(|ix| state.display_name(*ix) == name)
                .unwrap_or_else(|| panic!("no node {name:?}"))
        };
        let input = if at.stop {
            spec(SpecChange { shutdown: Some(Shutdown::Stop), ..SpecChange::default() })
        } else if at.terminate {
            spec(SpecChange { shutdown: Some(Shutdown::Terminate), ..SpecChange::default() })
        } else if at.suspend {
            spec(SpecChange { suspend: Some(true), ..SpecChange::default() })
        } else if at.resume {
            Input::Order(Order::Resume {
                nodes: (0..self.state().nodes.len()).map(crate::NodeIx::new).collect(),
                run: true,
            })
        } else if let Some(name) = &at.only {
            let only = Some(by_name(self.state(), name));
            Input::Order(Order::Retry { restart: Vec::new(), only, parameters: Vec::new() })
        } else if at.retry || !at.restart.is_empty() {
            let restart = at.restart.iter().map(|n| by_name(self.state(), n)).collect();
            Input::Order(Order::Retry { restart, only: None, parameters: Vec::new() })
        } else if let Some((name, until)) = &at.deadlock {
            let (node, until) = (Some(by_name(self.state(), name)), Some(by_name(self.state(), until)));
            Input::Deadlock { node, until, holds: true, message: "deadlock: round and round".into() }
        } else if let Some((name, parameters)) = &at.supply {
            let parameters = parameters
                .iter()
                .map(|(n, v)| Param { name: n.as_str().into(), value: Some(v.as_str().into()) })
                .collect();
            let node = by_name(self.state(), name);
            Input::Order(Order::Supply { node, parameters, phase: Some(NodePhase::Succeeded), message: None })
        } else {
            panic!("an order that says nothing")
        };
        self.inputs.push_back(input);
    }

    fn listen(&mut self, says: &BTreeMap<String, String>) {
        let status = project::full(self.state());
        for (name, text) in says {
            let found = status.nodes.values().find(|n| *n.display_name == **name).map(|n| n.message.to_string());
            if !found.as_ref().is_some_and(|found| found.contains(text.as_str())) {
                self.problems.push(format!("{name} says {found:?}, expected to contain {text:?}"));
            }
        }
    }

    pub(super) fn problems(mut self) -> Vec<String> {
        let mut out = std::mem::take(&mut self.problems);
        let expect = &self.fixture.script.expect;
        let state = self.state();
        let status = project::full(state);
        let mut differ = |what: String, found: String, expected: &str| {
            if found != expected {
                out.push(format!("{what} is {found:?}, expected {expected:?}"));
            }
        };
        if !expect.phase.is_empty() {
            differ(format!("phase (message {:?})", status.message), status.phase.as_str().to_owned(), &expect.phase);
        }
        let node = |name: &str| status.nodes.values().find(|n| &*n.display_name == name);
        for (name, phase) in &expect.nodes {
            let found = node(name);
            let message = found.map(|n| n.message.to_string()).unwrap_or_default();
            let found = found.map_or("absent", |n| n.phase.as_str()).to_owned();
            differ(format!("node {name} ({message})"), found, phase);
        }
        for name in &expect.absent {
            differ(format!("node {name}"), if node(name).is_some() { "there" } else { "absent" }.to_owned(), "absent");
        }
        let root = status.nodes.values().next();
        for (name, value) in &expect.outputs {
            let found = root.and_then(|n| n.outputs.as_ref()?.parameter(name)?.value.clone());
            differ(format!("output {name}"), found.map_or("absent".to_owned(), |v| v.to_string()), value);
        }
        for (name, value) in &expect.globals {
            let found = status.outputs.as_ref().and_then(|o| o.parameter(name)?.value.clone());
            differ(format!("global {name}"), found.map_or("absent".to_owned(), |v| v.to_string()), value);
        }
        for (name, text) in &expect.messages {
            let found = node(name).map(|n| n.message.to_string()).unwrap_or_default();
            if !found.contains(text.as_str()) || text.is_empty() != found.is_empty() {
                out.push(format!("message of {name} is {found:?}, expected to contain {text:?}"));
            }
        }
        if let Some(message) = &expect.message
            && (!status.message.contains(message.as_str()) || message.is_empty() != status.message.is_empty())
        {
            out.push(format!("message is {:?}, expected to contain {message:?}", status.message));
        }
        if let Some(metrics) = &expect.metrics
            && *metrics != self.metrics
        {
            out.push(format!("measured {:#?}\nexpected {metrics:#?}", self.metrics));
        }
        if let Some(started) = &expect.started
            && *started != self.started
        {
            out.push(format!("started {:#?}\nexpected {started:#?}", self.started));
        }
        if let Some(at_once) = expect.at_once
            && at_once != self.at_once
        {
            out.push(format!("{} leaves ran at once, expected {at_once}", self.at_once));
        }
        let run = state.run().unwrap();
        if let (Some(lasts), Some(finished)) = (expect.lasts, run.finished)
            && finished.as_millis() - BEGIN_MS != lasts
        {
            out.push(format!("it lasted {} ms, expected {lasts}", finished.as_millis() - BEGIN_MS));
        }
        if !self.held.is_empty() || !self.waiting.is_empty() {
            out.push(format!("locks are left: {:?}", self.held));
        }
        let left = <WorkflowEngine as engine::Engine>::outstanding(self.state());
        if !left.is_empty() {
            out.push(format!("effects are left: {left:?}"));
        }
        if run.finished.is_none() {
            out.push(format!(
                "it has not ended; nodes: {:#?}",
                status.nodes.values().map(|n| (&n.name, n.phase)).collect::<Vec<_>>()
            ));
        }
        out
    }
}

/// A sample on one line.
fn measured(sample: &Sample) -> String {
    let labels: Vec<String> = sample.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    let what = match &sample.value {
        SampleValue::Gauge(operation, value) => format!("{operation:?} {value}"),
        SampleValue::Lasting { .. } => "lasts".to_owned(),
        SampleValue::Counter(value) => format!("+{value}"),
        SampleValue::Histogram(_, value) => format!("saw {value}"),
    };
    format!("{}{{{}}} {what}", sample.name, labels.join(","))
}
