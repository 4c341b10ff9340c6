//! What tags and expressions see: a view of the state from one place in the run.
//!
//! Names are resolved one by one, by walking to the value: nothing is collected beforehand, so that a tag costs the same in a run of ten nodes and
//! of a hundred thousand.

mod aggregate;
mod workflow;

use std::borrow::Cow;
use std::ops::ControlFlow;

use expr::{Scope, Value};
use model::Timestamp;
use model::workflow::{Artifact, NodePhase};

use crate::holder::Holder;
use crate::state::{Body, Node, NodeIx, Role, Run, RunState};
use crate::values::{Inputs, Text};

/// Names that belong to the engine: a tag that begins with one of these and cannot be resolved is an error, any other is left in the text.
pub const ROOTS: &[&str] =
    &["inputs.", "outputs.", "steps.", "tasks.", "workflow.", "item.", "lastRetry.", "pod.", "node."];

/// Where in a run something is evaluated.
#[derive(Clone, Copy, Default)]
pub struct Site<'a> {
    /// The DAG or Steps node whose tasks or steps are visible.
    pub boundary: Option<NodeIx>,
    /// What `inputs` is.
    pub inputs: Option<&'a Inputs>,
    /// The item of the loop, as JSON.
    pub item: Option<&'a str>,
    /// The node itself: `node.name`, `pod.name`, `retries`, `lastRetry`.
    pub node: Option<NodeIx>,
    /// The node's own `outputs`, `status`, `duration` and `exitCode` are visible too: metrics, hooks, memoization.
    pub own_end: bool,
    /// The node whose own outputs paths are visible.
    pub template: Option<u32>,
    /// The step or task whose words these are, while it has no node: its parent and its place there.
    pub called: Option<(NodeIx, Role)>,
}

/// A view of the state.
pub struct Vars<'a> {
    /// The state.
    pub state: &'a RunState,
    /// The run.
    pub run: &'a Run,
    /// The place.
    pub site: Site<'a>,
    /// The time.
    pub now: Timestamp,
}

impl<'a> Vars<'a> {
    /// A view from a place; none before the run was submitted.
    pub fn new(state: &'a RunState, site: Site<'a>, now: Timestamp) -> Option<Self> {
        Some(Self { state, run: state.run()?, site, now })
    }

    /// The node of a task or step by name.
    pub fn sibling(&self, name: &str) -> Option<Sibling<'a>> {
        let boundary = self.state.node(self.site.boundary?)?;
        let ix = match boundary.body.as_deref()? {
            Body::Dag(dag) => dag.tasks.get(dag.plan.place(name)? as usize)?.node,
            Body::Steps(steps) => {
                let (group, step) = steps.plan.place(name)?;
                let node = steps.groups.get(group as usize).and_then(|g| self.state.node(*g));
                match node.and_then(|n| n.body.as_deref()) {
                    Some(Body::Group(group)) => group.steps.get(step as usize).copied().flatten(),
                    _ => None,
                }
            }
            _ => None,
        };
        Some(Sibling { ix, node: ix.and_then(|ix| self.state.node(ix)) })
    }

    /// `steps.x…` or `tasks.x…`; `name` alone is the step or task in which the place lies.
    fn sibling_var(&self, rest: &str) -> Option<Found<'a>> {
        if rest == "name" {
            return self.caller_name().map(Found::text);
        }
        let (name, field) = rest.split_once('.')?;
        let sibling = self.sibling(name)?;
        let (ix, node) = (sibling.ix?, sibling.node?);
        if let Some(Body::Loop(run)) = node.body.as_deref()
            && let Some(of) = field.strip_prefix("outputs.")
        {
            return aggregate::lookup(self.state, run, of).map(Found::text);
        }
        match field.strip_prefix("outputs.") {
            Some(of) => self.outputs_var(ix, node, of),
            None => self.node_var(ix, node, field),
        }
    }

    /// `status`, `id`, `startedAt` … of a node.
    fn node_var(&self, ix: NodeIx, node: &'a Node, field: &str) -> Option<Found<'a>> {
        match field {
            "status" => Some(Found::text(node.phase.as_str())),
            "id" => Some(Found::text(self.state.id(ix))),
            "name" => Some(Found::text(self.state.name(ix))),
            "startedAt" => node.started.map(|t| Found::text(t.to_string())),
            "finishedAt" => node.finished.map(|t| Found::text(t.to_string())),
            "ip" => self.leaf(ix)?.facts().ip.as_deref().map(Found::text),
            "hostNodeName" => self.leaf(ix)?.facts().host.as_deref().map(Found::text),
            "exitCode" => self.last_attempt(ix)?.outputs.as_ref()?.exit_code.map(|c| Found::text(c.to_string())),
            "message" => node.message.as_deref().map(Found::text),
            "inputs.parameters" => Some(Found::text(parameters_json(node.inputs.as_deref()?))),
            _ => {
                let name = field.strip_prefix("inputs.parameters.")?;
                node.inputs.as_ref()?.parameter(name).map(|v| Found::text(&**v))
            }
        }
    }

    /// `result`, `parameters.x`, `artifacts.x`, `exitCode` of a node's outputs.
    fn outputs_var(&self, ix: NodeIx, node: &'a Node, of: &str) -> Option<Found<'a>> {
        let outputs = node.outputs.as_deref();
        let ran = !matches!(node.phase, NodePhase::Skipped | NodePhase::Omitted);
        match of {
            "result" => outputs.and_then(|o| o.result.as_deref()).map(Found::text).or((!ran).then_some(Found::Never)),
            "exitCode" => self.last_attempt(ix)?.outputs.as_ref()?.exit_code.map(|c| Found::text(c.to_string())),
            "parameters" => Some(Found::text(aggregate::one(outputs?))),
            _ => {
                if let Some(name) = of.strip_prefix("parameters.") {
                    return match outputs.and_then(|o| o.parameter(name)) {
                        Some(Some(value)) => Some(Found::text(&**value)),
                        Some(None) => Some(Found::Never),
                        None if !ran || node.is_over() => {
                            self.default_output(ix, name).or((!ran).then_some(Found::Never))
                        }
                        None => None,
                    };
                }
                let name = of.strip_prefix("artifacts.")?;
                match outputs.and_then(|o| o.artifact(name)) {
                    Some(artifact) => Some(Found::Artifact(artifact)),
                    None => (!ran).then_some(Found::Never),
                }
            }
        }
    }

    /// What the producer says for a value that never comes: its `valueFrom.default`.
    fn default_output(&self, ix: NodeIx, name: &str) -> Option<Found<'a>> {
        let holder = crate::holder::holder(self.state, ix)?;
        let at = match self.state.node(ix)?.template {
            Some(at) => at,
            None => {
                let (source, invocation) = holder.invocation()?;
                match self.run.program.resolve(source, invocation) {
                    crate::program::Resolved::Here(at) => at,
                    _ => return None,
                }
            }
        };
        let template = &self.run.program.get(at)?.template;
        let default = template.outputs.parameter(name)?.value_from.as_ref()?.default.as_ref()?;
        Some(Found::text(default.as_str()))
    }

    fn leaf(&self, ix: NodeIx) -> Option<&'a crate::state::LeafRun> {
        self.last_attempt(ix)?.leaf()
    }

    /// The node itself, or of a retried one its last attempt.
    fn last_attempt(&self, ix: NodeIx) -> Option<&'a Node> {
        let node = self.state.node(ix)?;
        match node.body.as_deref() {
            Some(Body::Retry(retry)) => self.state.node(*retry.attempts.last()?),
            _ => Some(node),
        }
    }

    fn caller_name(&self) -> Option<String> {
        let mut at = self.site.called.or_else(|| {
            let node = self.state.node(self.site.node.or(self.site.boundary)?)?;
            Some((node.parent?, node.role))
        });
        while let Some((parent, role)) = at {
            let up = match role {
                Role::Task(task) => match crate::holder::task_holder(self.state, parent, task)? {
                    Holder::Task(_, _, task) => return Some(task.name.to_string()),
                    _ => return None,
                },
                Role::Step(step) => match crate::holder::step_holder(self.state, parent, step)? {
                    Holder::Step(_, _, _, step) => return Some(step.name.to_string()),
                    _ => return None,
                },
                Role::Item(_) | Role::Attempt(_) | Role::Container(_) => parent,
                Role::Hook(owner, _) => owner,
                _ => return None,
            };
            at = self.state.node(up).and_then(|node| Some((node.parent?, node.role)));
        }
        None
    }

    fn inputs_var(&self, rest: &str) -> Option<Found<'a>> {
        let inputs = self.site.inputs?;
        match rest {
            "parameters" => Some(Found::text(parameters_json(inputs))),
            _ => {
                if let Some(name) = rest.strip_prefix("parameters.") {
                    let param = inputs.parameters.iter().find(|p| &*p.name == name)?;
                    return Some(param.value.as_deref().map_or(Found::Never, Found::text));
                }
                let name = rest.strip_prefix("artifacts.")?;
                match name.strip_suffix(".path") {
                    Some(name) => {
                        let evaluated = inputs.artifact(name).and_then(|a| a.path.as_deref()).map(Found::text);
                        evaluated.or_else(|| self.declared_path(name, true))
                    }
                    None => inputs.artifact(name).map(Found::Artifact),
                }
            }
        }
    }

    /// The path that the template gives an artifact.
    fn declared_path(&self, name: &str, input: bool) -> Option<Found<'a>> {
        let template = &self.run.program.get(self.site.template?)?.template;
        let artifact = if input { template.inputs.artifact(name) } else { template.outputs.artifact(name) };
        self.path(artifact?.path.as_deref()?)
    }

    /// A path as the template writes it, which may have tags of its own (but not of paths).
    fn path(&self, written: &'a str) -> Option<Found<'a>> {
        let tagged = written.contains("{{") && !written.contains(".path");
        let rendered = tagged.then(|| {
            expr::Template::parse(written).ok()?.render(self, expr::Mode::Lenient).ok().map(|r| r.text.into_owned())
        });
        Some(rendered.flatten().map_or_else(|| Found::text(written), Found::text))
    }

    fn own_outputs_var(&self, rest: &str) -> Option<Found<'a>> {
        if let Some(name) = rest.strip_suffix(".path") {
            if let Some(name) = name.strip_prefix("artifacts.") {
                return self.declared_path(name, false);
            }
            let name = name.strip_prefix("parameters.")?;
            let template = &self.run.program.get(self.site.template?)?.template;
            return self.path(template.outputs.parameter(name)?.value_from.as_ref()?.path.as_deref()?);
        }
        let ix = self.site.node.filter(|_| self.site.own_end)?;
        self.outputs_var(ix, self.state.node(ix)?, rest)
    }

    fn retry_var(&self, field: &str) -> Option<Found<'a>> {
        let node = self.state.node(self.site.node.or(self.site.boundary)?)?;
        let retry = match (node.role, node.body.as_deref()) {
            (_, Some(Body::Retry(retry))) => retry,
            (Role::Attempt(_), _) => match self.state.node(node.parent?)?.body.as_deref()? {
                Body::Retry(retry) => retry,
                _ => return None,
            },
            _ => return None,
        };
        let last = retry.attempts.iter().rev().filter_map(|ix| self.state.node(*ix)).find(|n| n.is_over());
        match field {
            // An attempt that left no exit code has -1; where there was no attempt yet it is 0.
            "exitCode" => Some(Found::text(match last {
                Some(last) => last.outputs.as_ref().and_then(|o| o.exit_code).unwrap_or(-1).to_string(),
                None => "0".to_owned(),
            })),
            "status" => Some(Found::text(last.map_or("", |n| n.phase.as_str()))),
            // Whole seconds, which expressions take with asInt.
            "duration" => Some(Found::text(last.map_or(0, |n| lasted_ms(n, self.now) / 1000).to_string())),
            "message" => Some(Found::text(last.and_then(|n| n.message.as_deref()).unwrap_or_default())),
            _ => None,
        }
    }

    /// The attempt that is meant: the node's own, or for the words of a task or step that of the template in which it stands.
    fn retries(&self) -> Option<String> {
        let node = self.state.node(self.site.node.or(self.site.boundary)?)?;
        match (node.role, node.body.as_deref()) {
            (Role::Attempt(n), _) => Some(n.to_string()),
            (_, Some(Body::Retry(retry))) => Some(retry.attempts.len().saturating_sub(1).to_string()),
            _ => None,
        }
    }

    fn item_var(&self, key: Option<&str>) -> Option<String> {
        let item = self.site.item?;
        let value: serde_json::Value = serde_json::from_str(item).ok()?;
        let mut at = &value;
        for part in key.into_iter().flat_map(|k| k.split('.')) {
            at = at.get(part)?;
        }
        Some(match at {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    }

    fn own_var(&self, name: &str) -> Option<Found<'a>> {
        if name == "retries" {
            return self.retries().map(Found::text);
        }
        if name == "node.name" {
            // Words of a step or task are part of the template in which they stand.
            return Some(Found::text(self.state.name(self.site.node.or(self.site.boundary)?)));
        }
        let ix = self.site.node?;
        let node = self.state.node(ix)?;
        match name {
            "pod.name" => Some(Found::text(self.state.pod_name(ix))),
            "status" if self.site.own_end => Some(Found::text(node.phase.as_str())),
            "duration" if self.site.own_end => Some(Found::text(seconds(node, self.now))),
            "exitCode" if self.site.own_end => {
                self.last_attempt(ix)?.outputs.as_ref()?.exit_code.map(|c| Found::text(c.to_string()))
            }
            "resourcesDuration.cpu" if self.site.own_end => self.used(ix).map(|(cpu, _)| Found::text(cpu.to_string())),
            "resourcesDuration.memory" if self.site.own_end => self.used(ix).map(|(_, m)| Found::text(m.to_string())),
            _ => None,
        }
    }

    /// CPU seconds, and memory in units of 100 MiB times seconds, as `resourcesDuration` counts them.
    fn used(&self, ix: NodeIx) -> Option<(u64, u64)> {
        let node = self.last_attempt(ix)?;
        let (cpu_ms, peak) = node.extra.as_ref()?.used?;
        let lasted_ms = u64::try_from(node.finished?.millis_since(node.started?)).unwrap_or(0);
        Some((cpu_ms.div_ceil(1000), (peak / (100 << 20)).max(1).saturating_mul(lasted_ms.div_ceil(1000))))
    }

    /// What a dotted name is.
    pub fn find(&self, name: &str) -> Option<Found<'a>> {
        self.find_here(name).or_else(|| self.around()?.find(name))
    }

    /// The place around an inline template, whose words are part of the template in which it stands.
    fn around(&self) -> Option<Vars<'a>> {
        let ix = self.site.node.or(self.site.boundary)?;
        crate::holder::holder(self.state, ix)?.invocation()?.1.inline?;
        let boundary = self.state.boundary(ix)?;
        let (inputs, item) = (self.state.inputs(boundary), self.state.item(ix));
        let site = Site { boundary: Some(boundary), inputs, item, ..Site::default() };
        Some(Vars { state: self.state, run: self.run, site, now: self.now })
    }

    fn find_here(&self, name: &str) -> Option<Found<'a>> {
        let (root, rest) = name.split_once('.').unwrap_or((name, ""));
        match root {
            "inputs" => self.inputs_var(rest),
            "steps" | "tasks" => self.sibling_var(rest),
            "workflow" => self.workflow_var(rest),
            "outputs" => self.own_outputs_var(rest),
            "item" => self.item_var((!rest.is_empty()).then_some(rest)).map(Found::text),
            "lastRetry" => self.retry_var(rest),
            _ => self.own_var(name),
        }
    }
}

/// A task or step, with its node if it has one.
#[derive(Clone, Copy)]
pub struct Sibling<'a> {
    /// Its node's index.
    pub ix: Option<NodeIx>,
    /// Its node.
    pub node: Option<&'a Node>,
}

/// What a name stands for.
pub enum Found<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// An artifact.
    Artifact(&'a Artifact),
    /// Known, and it will never have a value: the output of a step that did not run.
    Never,
}

impl<'a> Found<'a> {
    fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }
}

impl Scope for Vars<'_> {
    fn lookup(&self, name: &str) -> Option<Cow<'_, str>> {
        match self.find(name)? {
            Found::Text(text) => Some(text),
            Found::Artifact(artifact) => serde_json::to_string(artifact).ok().map(Cow::Owned),
            Found::Never => None,
        }
    }

    fn value(&self, name: &str) -> Option<Value> {
        // In a simple tag these are JSON text; in an expression they are the map of their members, if they have some.
        let text_of_group = matches!(name, "item" | "inputs.parameters")
            || matches!(name, "workflow.parameters" | "workflow.labels" | "workflow.annotations")
            || name.ends_with(".outputs.parameters");
        if text_of_group && self.is_group(name) {
            return None;
        }
        match self.find(name)? {
            Found::Text(text) => Some(Value::from(&*text)),
            Found::Artifact(artifact) => serde_json::to_value(artifact).ok().map(|json| Value::from(&json)),
            Found::Never => Some(Value::Nil),
        }
    }

    fn each_name(&self, prefix: &str, visit: &mut dyn FnMut(&str) -> ControlFlow<()>) {
        let mut offer = |name: String| if name.starts_with(prefix) { visit(&name) } else { ControlFlow::Continue(()) };
        let _ = self.names(&mut offer);
    }
}

impl Vars<'_> {
    /// Tells the names that can be enumerated, until told to stop.
    fn names(&self, offer: &mut dyn FnMut(String) -> ControlFlow<()>) -> ControlFlow<()> {
        for param in self.site.inputs.iter().flat_map(|i| &i.parameters) {
            offer(format!("inputs.parameters.{}", param.name))?;
        }
        for artifact in self.site.inputs.iter().flat_map(|i| &i.artifacts) {
            offer(format!("inputs.artifacts.{}", artifact.name))?;
        }
        self.workflow_names(offer)?;
        if let Some(item) = self.site.item {
            offer("item".to_owned())?;
            if let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(item) {
                for key in fields.keys() {
                    offer(format!("item.{key}"))?;
                }
            }
        }
        for (root, name, ix) in self.siblings() {
            let Some(node) = self.state.node(ix) else { continue };
            for field in ["status", "id", "startedAt", "finishedAt", "ip", "exitCode", "outputs.result"] {
                if self.sibling_var(&format!("{name}.{field}")).is_some() {
                    offer(format!("{root}.{name}.{field}"))?;
                }
            }
            for param in node.outputs.iter().flat_map(|o| &o.parameters) {
                offer(format!("{root}.{name}.outputs.parameters.{}", param.name))?;
            }
            for artifact in node.outputs.iter().flat_map(|o| &o.artifacts) {
                offer(format!("{root}.{name}.outputs.artifacts.{}", artifact.name))?;
            }
        }
        for field in ["exitCode", "status", "duration", "message"] {
            if self.retry_var(field).is_some() {
                offer(format!("lastRetry.{field}"))?;
            }
        }
        for name in ["node.name", "pod.name", "retries", "status", "duration", "exitCode"] {
            if self.own_var(name).is_some() {
                offer(name.to_owned())?;
            }
        }
        match self.around() {
            Some(around) => around.names(offer),
            None => ControlFlow::Continue(()),
        }
    }

    /// Tasks or steps that have a node.
    fn siblings(&self) -> Vec<(&'static str, String, NodeIx)> {
        let Some(boundary) = self.site.boundary.and_then(|b| self.state.node(b)) else { return Vec::new() };
        let Some(template) = boundary.template.and_then(|t| self.run.program.get(t)).map(|c| &c.template) else {
            return Vec::new();
        };
        match boundary.body.as_deref() {
            Some(Body::Dag(dag)) => {
                let tasks = template.dag.iter().flat_map(|d| &d.tasks);
                let with_nodes =
                    tasks.zip(dag.tasks.iter()).filter_map(|(t, slot)| Some((t.name.to_string(), slot.node?)));
                with_nodes.map(|(name, ix)| ("tasks", name, ix)).collect()
            }
            Some(Body::Steps(_)) => {
                let steps = template.steps.iter().flatten().flat_map(|g| g.iter());
                steps.filter_map(|s| Some(("steps", s.name.to_string(), self.sibling(&s.name)?.ix?))).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Seconds that a node has lasted, with six decimals as Argo shows them.
pub(crate) fn seconds(node: &Node, now: Timestamp) -> String {
    format!("{:.6}", lasted_ms(node, now) as f64 / 1000.0)
}

fn lasted_ms(node: &Node, now: Timestamp) -> i64 {
    node.finished.unwrap_or(now).millis_since(node.started.unwrap_or(node.created)).max(0)
}

/// `[{"name": …, "value": …}]`, as whole groups of parameters are shown.
pub(crate) fn parameters_json(inputs: &Inputs) -> String {
    parameter_list(inputs.parameters.iter().map(|p| (&p.name, p.value.as_ref())))
}

pub(crate) fn parameter_list<'p>(pairs: impl Iterator<Item = (&'p Text, Option<&'p Text>)>) -> String {
    let list: Vec<serde_json::Value> = pairs
        .map(|(name, value)| match value {
            Some(value) => serde_json::json!({"name": &**name, "value": &**value}),
            None => serde_json::json!({"name": &**name}),
        })
        .collect();
    serde_json::Value::Array(list).to_string()
}
