//! Compares what was seen of a case with what it expects.

use std::collections::BTreeMap;

use client::v1::{Node, NodePhase};
use serde_json::Value;

use super::check::which;
use super::format::{End, NodeExpected, NodeMore, Phase};
use super::mocks::Which;
use super::naming::Names;
use super::pattern::is_open;
use super::play::{Played, node_phase};
use super::suite::Ready;
use crate::host::StepFacts;
use crate::render::phase::{node_word, workflow_word};
use crate::render::summary::value_text;
use crate::render::time;

/// Names that are told when none fits.
const NAMES_TOLD_MAX: usize = 20;

/// Something that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The field of the case: `nodes.deploy`.
    pub path: String,
    /// What was expected.
    pub expected: String,
    /// What there was.
    pub got: String,
}

/// Everything that differs; empty when the case passes.
pub fn compare(ready: &Ready, played: &Played) -> Vec<Difference> {
    let mut found = Found(Vec::new());
    if let Some(broken) = &played.broken {
        found.say("", "a run that can be played", broken);
        return found.0;
    }
    if !end(ready, played, &mut found) {
        return found.0;
    }
    let case = &ready.case;
    for (name, want) in &case.nodes {
        node(name, want, played, &mut found);
    }
    for (name, want) in &case.outputs {
        let got = output(played, name);
        if got.as_ref().is_none_or(|got| !same(want, got)) {
            found.say(
                &format!("outputs.{name}"),
                &quoted(&value_text(want)),
                &got.map_or("none".into(), |g| quoted(&g)),
            );
        }
    }
    order(&case.order, played, &mut found);
    calls(ready, played, &mut found);
    if let Some(limit) = case.running_at_once {
        let most = running_at_once(played);
        if most > limit {
            found.say("running-at-once", &format!("at most {limit}"), &format!("{most} steps ran at once"));
        }
    }
    if let (Some(takes), Some(text)) = (ready.takes, &case.takes) {
        let row = &played.view.summary;
        let took = row.finished_ms - row.started_ms;
        if !takes.holds(took) {
            found.say("takes", text, &time::exact(took));
        }
    }
    own_words(ready, played, &mut found);
    found.0
}

struct Found(Vec<Difference>);

impl Found {
    fn say(&mut self, path: &str, expected: &str, got: &str) {
        self.0.push(Difference { path: path.to_owned(), expected: expected.to_owned(), got: got.to_owned() });
    }
}

/// How the run ended. Answers whether there is a run to look at.
fn end(ready: &Ready, played: &Played, found: &mut Found) -> bool {
    let case = &ready.case;
    let expected = match case.expect {
        End::Succeeded => "Succeeded",
        End::Failed => "Failed",
        End::Error => "Error",
        End::Refused => "Refused",
    };
    let said = match &played.refused {
        Some(refusal) if case.expect != End::Refused => {
            found.say("expect", expected, &format!("Refused: {refusal}"));
            return false;
        }
        Some(refusal) => refusal.as_str(),
        None => {
            let row = &played.view.summary;
            let message = if row.message.is_empty() { String::new() } else { format!(": {}", row.message) };
            let got = format!("{}{message}", workflow_word(row.phase(), false));
            if played.overdue {
                let within = time::exact(i64::try_from(ready.within_ms).unwrap_or(i64::MAX));
                found.say("expect", expected, &format!("{got} still after {within} of its time{}", waits(played)));
            } else if workflow_word(row.phase(), false) != expected {
                found.say("expect", expected, &got);
            }
            row.message.as_str()
        }
    };
    if let Some(part) = case.message.as_ref().filter(|part| !contains(said, part)) {
        found.say("message", &format!("… {part} …"), &quoted(said));
    }
    for (at, why) in &played.undone {
        let word = ready.actions.get(*at).map_or("", |act| act.what.word());
        found.say(&format!("do[{at}]"), &format!("{word} is done"), why);
    }
    played.refused.is_none()
}

/// What an overdue run waits for.
fn waits(played: &Played) -> String {
    let waiting = played.view.nodes().iter().filter(|n| {
        matches!(n.phase(), NodePhase::Running | NodePhase::Pending)
            && !matches!(n.r#type.as_str(), "Steps" | "StepGroup" | "DAG" | "TaskGroup" | "Retry")
    });
    let names: Vec<&str> = waiting.map(|n| n.display_name.as_str()).take(NAMES_TOLD_MAX).collect();
    if names.is_empty() { String::new() } else { format!("; it waits for {}", names.join(", ")) }
}

/// What the case says of its own steps: all of it must be of use.
fn own_words(ready: &Ready, played: &Played, found: &mut Found) {
    for (at, line) in ready.own_entries.iter().enumerate() {
        let used = played.used.get(at).copied().unwrap_or(0);
        if used == 0 && *line > 0 {
            let entry = ready.entries.get(at).map(|entry| &entry.which);
            let why = entry.map_or_else(String::new, |which| nearest(which, played));
            found.say(&format!("steps[{at}]"), "a step that fits", &format!("none{why}"));
        }
    }
    for facts in &played.unspoken {
        let names = Names::of(&facts.workflow, &facts.node);
        let got = format!("nothing for {} (template {})", names.display, facts.template);
        found.say("steps", "an entry for every step, since the test is strict", &got);
    }
}

/// The step that an entry misses least, in words.
fn nearest(which: &Which, played: &Played) -> String {
    let by_name = Which { template: which.template.clone(), node: which.node.clone(), ..Which::default() };
    let near = played.calls.iter().map(|(facts, _)| facts).find(|facts| by_name.means(facts));
    match near.and_then(|facts| Some((facts, which.misses(facts)?))) {
        Some((facts, why)) => {
            format!("; of {}, {why}", Names::of(&facts.workflow, &facts.node).display)
        }
        None => String::new(),
    }
}

fn node(name: &str, want: &NodeExpected, played: &Played, found: &mut Found) {
    let path = format!("nodes.{name}");
    let view = &played.view;
    let nodes = named(name, played);
    let more = match want {
        NodeExpected::Phase(phase) => NodeMore { phase: Some(*phase), ..NodeMore::default() },
        NodeExpected::More(more) => more.clone(),
    };
    if more.phase == Some(Phase::None) {
        if let Some(node) = nodes.first() {
            found.say(&path, "no such node", node_word(node.phase()));
        }
        return;
    }
    if nodes.is_empty() {
        let expected = more.phase.map_or("a node", |phase| node_word(node_phase(phase)));
        found.say(&path, expected, &format!("no such node{}", near_names(name, played)));
    }
    let many = nodes.len() > 1;
    for node in nodes {
        let path = if many { format!("{path} ({})", Names::of(&view.name, &node.name).path) } else { path.clone() };
        one_node(&path, &more, node, found);
    }
}

/// The nodes that a name means: those of this name, else the items of the loop of this name.
fn named<'a>(name: &str, played: &'a Played) -> Vec<&'a Node> {
    let view = &played.view;
    let all = || {
        let real = view.nodes().iter().filter(|n| n.r#type != "StepGroup");
        real.map(|n| (n, Names::of(&view.name, &n.name)))
    };
    let exact: Vec<&Node> = all().filter(|(_, names)| names.is(name)).map(|(n, _)| n).collect();
    if !exact.is_empty() {
        return exact;
    }
    all().filter(|(_, names)| names.attempt().is_none() && names.belongs_to(name)).map(|(n, _)| n).collect()
}

fn one_node(path: &str, want: &NodeMore, node: &Node, found: &mut Found) {
    let document: Value = serde_json::from_slice(&node.document).unwrap_or_default();
    if let Some(phase) = want.phase.map(node_phase).filter(|phase| *phase != node.phase()) {
        let message = if node.message.is_empty() { String::new() } else { format!(": {}", node.message) };
        found.say(path, node_word(phase), &format!("{}{message}", node_word(node.phase())));
    }
    if let Some(part) = want.message.as_ref().filter(|part| !contains(&node.message, part)) {
        found.say(&format!("{path}.message"), &format!("… {part} …"), &quoted(&node.message));
    }
    if let Some(code) = want.exit_code.filter(|code| node.exit_code != code.to_string()) {
        let got = if node.exit_code.is_empty() { "none" } else { &node.exit_code };
        found.say(&format!("{path}.exitCode"), &code.to_string(), got);
    }
    if let Some(memoized) = want.memoized {
        let hit = document.pointer("/memoizationStatus/hit") == Some(&Value::Bool(true));
        if hit != memoized {
            let words = |hit| if hit { "from the cache" } else { "not from the cache" };
            found.say(&format!("{path}.memoized"), words(memoized), words(hit));
        }
    }
    for (side, wanted) in [("inputs", &want.inputs), ("outputs", &want.outputs)] {
        for (name, value) in wanted {
            let got = parameter(&document, side, name);
            if got.as_ref().is_none_or(|got| !same(value, got)) {
                let got = got.map_or("none".into(), |got| quoted(&got));
                found.say(&format!("{path}.{side}.{name}"), &quoted(&value_text(value)), &got);
            }
        }
    }
}

/// A node's parameter; `result` also is its result.
fn parameter(document: &Value, side: &str, name: &str) -> Option<String> {
    let list = document.pointer(&format!("/{side}/parameters")).and_then(Value::as_array);
    let named = list.into_iter().flatten().find(|p| p["name"] == name).map(|p| value_text(&p["value"]));
    named.or_else(|| {
        let result = document.pointer("/outputs/result").filter(|_| side == "outputs" && name == "result")?;
        Some(value_text(result))
    })
}

/// An output of the run (`globalName`), or of its own node.
fn output(played: &Played, name: &str) -> Option<String> {
    let list = played.document.pointer("/status/outputs/parameters").and_then(Value::as_array);
    let global = list.into_iter().flatten().find(|p| p["name"] == name).map(|p| value_text(&p["value"]));
    global.or_else(|| {
        let own = played.view.nodes().iter().find(|n| n.name == played.view.name)?;
        parameter(&serde_json::from_slice(&own.document).unwrap_or_default(), "outputs", name)
    })
}

fn order(names: &[String], played: &Played, found: &mut Found) {
    let ran = |name: &str| -> Vec<&Node> {
        let ran = |n: &&Node| !matches!(n.phase(), NodePhase::Skipped | NodePhase::Omitted);
        named(name, played).into_iter().filter(ran).collect()
    };
    for (at, pair) in names.windows(2).enumerate() {
        let [before, after] = pair else { continue };
        let path = format!("order[{}]", at + 1);
        let (ended, began) =
            (ran(before).iter().map(|n| n.finished_ms).max(), ran(after).iter().map(|n| n.started_ms).min());
        match (ended, began) {
            (Some(ended), Some(began)) if ended <= began && ended > 0 => {}
            (Some(ended), Some(began)) => {
                let got = if ended > 0 { time::exact(ended - began) + " earlier" } else { "it never ended".to_owned() };
                found.say(&path, &format!("{after} begins after {before}"), &got);
            }
            (None, _) => {
                found.say(&path, &format!("{before} runs"), &format!("no such node{}", near_names(before, played)))
            }
            (_, None) => {
                found.say(&path, &format!("{after} runs"), &format!("no such node{}", near_names(after, played)))
            }
        }
    }
}

fn calls(ready: &Ready, played: &Played, found: &mut Found) {
    if ready.case.calls.is_empty() {
        return;
    }
    let all = steps(played);
    for (at, want) in ready.case.calls.iter().enumerate() {
        let which = which(&want.which);
        let count = all.iter().filter(|facts| which.means(facts)).count();
        let fits = want.times.map_or(count > 0, |times| times == count);
        if fits {
            continue;
        }
        let times = |n: usize| match n {
            0 => "not once".to_owned(),
            1 => "once".to_owned(),
            n => format!("{n} times"),
        };
        let expected = want.times.map_or("at least once".to_owned(), times);
        let near = if count == 0 { nearest(&which, played) } else { String::new() };
        found.say(&format!("calls[{at}]"), &expected, &format!("{}{near}", times(count)));
    }
}

/// All steps that ran: those of the actor, and what the server did itself.
fn steps(played: &Played) -> Vec<StepFacts> {
    let mut all: Vec<StepFacts> = played.calls.iter().map(|(facts, _)| facts.clone()).collect();
    let known: std::collections::HashSet<String> = all.iter().map(|facts| facts.node.clone()).collect();
    for node in played.view.nodes() {
        let framing = matches!(node.r#type.as_str(), "Retry" | "StepGroup" | "TaskGroup" | "Container" | "Skipped");
        let quiet = matches!(node.phase(), NodePhase::Skipped | NodePhase::Omitted | NodePhase::Pending);
        let document: Value = serde_json::from_slice(&node.document).unwrap_or_default();
        let remembered = document.pointer("/memoizationStatus/hit") == Some(&Value::Bool(true));
        if framing || quiet || remembered || known.contains(&node.name) {
            continue;
        }
        let template = match node.template_ref.split_once('/') {
            Some((_, template)) => template,
            None => &node.template_name,
        };
        let inputs = document.pointer("/inputs/parameters").and_then(Value::as_array);
        let inputs = inputs.into_iter().flatten();
        all.push(StepFacts {
            workflow: played.view.name.clone(),
            node: node.name.clone(),
            template: template.to_owned(),
            parameters: inputs.map(|p| (value_text(&p["name"]), value_text(&p["value"]))).collect(),
            ..StepFacts::default()
        });
    }
    all
}

/// The most steps that ran at one time. What took no time ran beside nothing.
fn running_at_once(played: &Played) -> usize {
    let ends: BTreeMap<&str, i64> = played.view.nodes().iter().map(|n| (n.name.as_str(), n.finished_ms)).collect();
    let mut moments: Vec<(i64, i32)> = Vec::new();
    for (facts, began) in &played.calls {
        let end = ends.get(facts.node.as_str()).copied().filter(|end| *end > 0).unwrap_or(played.now_ms);
        if end > *began {
            moments.extend([(*began, 1), (end, -1)]);
        }
    }
    // Ends before beginnings at one moment.
    moments.sort_unstable();
    let (mut now, mut most) = (0, 0);
    for (_, step) in moments {
        now += step;
        most = most.max(now);
    }
    usize::try_from(most).unwrap_or(0)
}

/// Names that a person may have meant.
fn near_names(name: &str, played: &Played) -> String {
    let view = &played.view;
    let names: Vec<String> = view
        .nodes()
        .iter()
        .filter(|n| n.r#type != "StepGroup")
        .map(|n| Names::of(&view.name, &n.name).display)
        .take(NAMES_TOLD_MAX)
        .collect();
    if is_open(name) || names.is_empty() {
        return String::new();
    }
    match model::violation::did_you_mean(name, names.iter().map(String::as_str)) {
        Some(hint) => format!("; {hint}"),
        None => format!("; there are {}", names.join(", ")),
    }
}

/// Whether a value is as expected: text as text, lists and maps as JSON.
fn same(want: &Value, got: &str) -> bool {
    match want {
        Value::Array(_) | Value::Object(_) => serde_json::from_str::<Value>(got).is_ok_and(|got| got == *want),
        other => value_text(other) == got,
    }
}

/// Without regard to the case of letters.
fn contains(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}
