//! What a test file means: names that exist, durations that can be read, one deed in each action.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use client::v1::{TemplateKind, TemplateSource};
use model::violation::did_you_mean;
use model::yaml;
use serde_json::Value;

use super::format::{Action, Case, Lines, Mock, Outcome, Phase, Selector, TestFile};
use super::load::problem;
use super::manifests::{self, Does, TemplateFact};
use super::mocks::{Entry, Follow, Which};
use super::pattern::is_open;
use super::suite::{Act, Deed, Ready, Start, Suite, Takes};
use crate::commands::workflow::template_source;
use crate::host::StepOutcome;
use crate::input;
use crate::render::problems::Problem;
use crate::render::summary::value_text;
use crate::support::documents::{self, Document};
use crate::support::parameters::strangers;

/// When runs begin where nothing is said: 2026-01-05T09:00:00Z, a Monday.
const AT_MS: i64 = 1_767_603_600_000;
/// The longest that a run may take where nothing is said.
const WITHIN_MS: u64 = 24 * 3600 * 1000;

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// Absent when something is wrong.
    pub(super) suite: Option<Suite>,
    /// What is wrong.
    pub(super) problems: Vec<Problem>,
}

/// Checks a file that has the right shape.
pub(super) fn check(
    file: &str,
    path: &Path,
    document: &Arc<yaml::Document>,
    test: &TestFile,
    manifests: &[Document],
) -> Judged {
    let templates = manifests::templates(manifests);
    let mut judge = Judge { file, path, document, test, manifests, templates: &templates, problems: Vec::new() };
    let cases: Vec<Ready> = judge.cases();
    let problems = judge.problems;
    let suite =
        problems.is_empty().then(|| Suite { file: file.to_owned(), document: document.clone(), templates, cases });
    Judged { suite, problems }
}

struct Judge<'a> {
    file: &'a str,
    path: &'a Path,
    document: &'a Arc<yaml::Document>,
    test: &'a TestFile,
    manifests: &'a [Document],
    templates: &'a [TemplateFact],
    problems: Vec<Problem>,
}

impl Judge<'_> {
    fn say(&mut self, path: &str, reason: &str, hint: Option<String>) {
        let place = self.document.nearest_position(path);
        self.problems.push(problem(self.file, place.line, place.column, path, reason, "TF003", hint));
    }

    fn line(&self, path: &str) -> u32 {
        self.document.nearest_position(path).line
    }

    fn cases(&mut self) -> Vec<Ready> {
        if self.test.cases.is_empty() {
            self.say("cases", "there is no case", None);
        }
        let mut names = HashSet::new();
        let shared = self.entries("steps", &self.test.steps, self.templates);
        let mut ready = Vec::new();
        for (at, case) in self.test.cases.iter().enumerate() {
            let path = format!("cases[{at}]");
            if case.name.trim().is_empty() {
                self.say(&format!("{path}.name"), "a case needs a name", None);
            } else if !names.insert(case.name.as_str()) {
                self.say(&format!("{path}.name"), "another case has this name", None);
            }
            ready.extend(self.case(&path, case, &shared));
        }
        ready
    }

    fn case(&mut self, path: &str, case: &Case, shared: &[Entry]) -> Option<Ready> {
        let all = self.objects(path, case);
        // Templates of the case's own objects are known in it.
        let own_templates;
        let templates = if case.objects.is_empty() {
            self.templates
        } else {
            own_templates = manifests::templates(&all);
            &own_templates
        };
        let mut entries = self.entries(&format!("{path}.steps"), &case.steps, templates);
        let own_entries = (0..entries.len()).map(|at| self.line(&format!("{path}.steps[{at}]"))).collect();
        entries.extend_from_slice(shared);
        for (at, call) in case.calls.iter().enumerate() {
            let below = format!("{path}.calls[{at}]");
            if which(&call.which) == Which::default() {
                self.say(&below, "nothing says which steps", Some("write for instance template: NAME".into()));
            }
            self.template(&below, &call.which, templates);
        }
        let actions: Vec<Act> =
            case.actions.iter().enumerate().filter_map(|(at, a)| self.action(&format!("{path}.do[{at}]"), a)).collect();
        let within = self.duration(&format!("{path}.within"), case.within.as_deref());
        let takes = case.takes.as_deref().and_then(|text| match Takes::parse(text) {
            Ok(takes) => Some(takes),
            Err(error) => {
                self.say(&format!("{path}.takes"), &error.to_string(), Some("write 15m, <= 1h or >= 30s".into()));
                None
            }
        });
        let arguments = self.arguments(path, case);
        let start = self.start(path, case, &all)?;
        // Arguments of the whole file may be for other workflows of it.
        if let Start::Manifest(document) = &start
            && let Ok(workflow) = document.value()
        {
            for stranger in strangers(&workflow, case.arguments.keys().map(String::as_str)) {
                let place = format!("{path}.arguments.{}", stranger.name);
                self.say(&place, &format!("the workflow has no argument {:?}", stranger.name), stranger.hint);
            }
        }
        let at_ms = case.at.or(self.test.at).map_or(AT_MS, model::Timestamp::as_millis);
        Some(Ready {
            path: path.to_owned(),
            line: self.line(path),
            case: case.clone(),
            objects: given(all),
            start,
            arguments,
            at_ms,
            within_ms: within.unwrap_or(WITHIN_MS),
            strict: case.strict.unwrap_or(self.test.strict),
            entries,
            own_entries,
            actions,
            takes,
        })
    }

    /// The objects of a case: the files', some of them replaced.
    fn objects(&self, path: &str, case: &Case) -> Vec<Document> {
        let mut all = self.manifests.to_vec();
        let file: Arc<str> = self.file.into();
        for (at, value) in case.objects.iter().enumerate() {
            let base = format!("{path}.objects[{at}]");
            let object = Document::within(file.clone(), self.document.clone(), base, value);
            all.retain(|other| {
                other.kind() != object.kind()
                    || other.name() != object.name()
                    || other.namespace() != object.namespace()
            });
            all.push(object);
        }
        all
    }

    fn arguments(&mut self, path: &str, case: &Case) -> Vec<(String, String)> {
        let mut arguments: BTreeMap<String, String> = BTreeMap::new();
        arguments.extend(texts(&self.test.arguments));
        if let Some(name) = &case.parameter_file {
            let place = format!("{path}.parameter-file");
            let read =
                input::read_file(&self.path.with_file_name(name)).and_then(|source| documents::one_value(&source));
            match read {
                Ok(Value::Object(fields)) => arguments.extend(fields.iter().map(|(n, v)| (n.clone(), value_text(v)))),
                Ok(_) => self.say(&place, &format!("{name}: a mapping of names to values is expected"), None),
                Err(error) => {
                    let reasons: Vec<String> =
                        error.error.iter().flat_map(|e| e.chain()).map(ToString::to_string).collect();
                    self.say(&place, &reasons.join(": "), None);
                }
            }
        }
        arguments.extend(texts(&case.arguments));
        arguments.into_iter().collect()
    }

    fn start(&mut self, path: &str, case: &Case, all: &[Document]) -> Option<Start> {
        if let (Some(_), Some(_)) = (&case.run, &case.from) {
            self.say(&format!("{path}.from"), "`run` and `from` are two ways to say what is run", None);
            return None;
        }
        if let Some(from) = &case.from {
            return self.from(&format!("{path}.from"), from, all);
        }
        let workflows: Vec<&Document> = all.iter().filter(|document| document.kind() == "Workflow").collect();
        if let Some(name) = &case.run {
            let bare = |name: &str| name.trim_end_matches('-').to_owned();
            let found = workflows.iter().find(|document| bare(document.name()) == bare(name));
            if found.is_none() {
                let hint = did_you_mean(name, workflows.iter().map(|document| document.name()));
                self.say(&format!("{path}.run"), &format!("there is no Workflow {name:?} in the files"), hint);
            }
            return found.map(|document| Start::Manifest(Box::new((*document).clone())));
        }
        if let [one] = workflows.as_slice() {
            return Some(Start::Manifest(Box::new((*one).clone())));
        }
        if !workflows.is_empty() {
            let names: Vec<&str> = workflows.iter().map(|document| document.name()).collect();
            let hint = format!("write run: {}", names.join(", or run: "));
            self.say(path, "the files hold several Workflows", Some(hint));
            return None;
        }
        let templates: Vec<&Document> =
            all.iter().filter(|document| template_kind(document.kind()).is_some()).collect();
        match templates.as_slice() {
            [one] => {
                let kind = template_kind(one.kind())?.into();
                Some(Start::Template(TemplateSource { kind, name: one.name().to_owned() }))
            }
            [] => {
                self.say(path, "there is no Workflow in the files, nor a template to run", None);
                None
            }
            several => {
                let names: Vec<String> =
                    several.iter().map(|d| format!("{}/{}", d.kind().to_lowercase(), d.name())).collect();
                let hint = format!("write from: {}", names.join(", or from: "));
                self.say(path, "the files hold no Workflow, and several templates", Some(hint));
                None
            }
        }
    }

    fn from(&mut self, path: &str, from: &str, all: &[Document]) -> Option<Start> {
        let source = match template_source(from) {
            Ok(source) => source,
            Err(error) => {
                let reason = error.error.map(|e| e.to_string()).unwrap_or_default();
                self.say(path, reason.trim_start_matches("--from "), error.hints.first().cloned());
                return None;
            }
        };
        let of_kind = || all.iter().filter(|document| template_kind(document.kind()) == Some(source.kind()));
        if !of_kind().any(|document| document.name() == source.name) {
            let hint = did_you_mean(&source.name, of_kind().map(Document::name));
            self.say(path, &format!("{from} is not in the files"), hint);
            return None;
        }
        Some(Start::Template(source))
    }

    fn entries(&mut self, path: &str, mocks: &[Mock], templates: &[TemplateFact]) -> Vec<Entry> {
        mocks.iter().enumerate().map(|(at, mock)| self.entry(&format!("{path}[{at}]"), mock, templates)).collect()
    }

    fn entry(&mut self, path: &str, mock: &Mock, templates: &[TemplateFact]) -> Entry {
        let template = self.template(path, &mock.which, templates);
        let mut outcomes = vec![self.outcome(path, &mock.outcome, template)];
        let (rest, below, follow) = match (mock.then.is_empty(), mock.retries.is_empty()) {
            (true, true) => (&mock.then, "", Follow::Steps),
            (false, true) => (&mock.then, "then", Follow::Steps),
            (true, false) => (&mock.retries, "retries", Follow::Attempts),
            (false, false) => {
                let hint =
                    "`then` follows all steps that fit, `retries` the attempts of each: write two entries".into();
                self.say(&format!("{path}.retries"), "an entry has either `then` or `retries`", Some(hint));
                (&mock.then, "then", Follow::Steps)
            }
        };
        for (at, outcome) in rest.iter().enumerate() {
            outcomes.push(self.outcome(&format!("{path}.{below}[{at}]"), outcome, template));
        }
        Entry { which: which(&mock.which), outcomes, follow }
    }

    /// The template that a selector names, if it names one only. One that does not exist is told.
    fn template<'t>(
        &mut self,
        path: &str,
        which: &Selector,
        templates: &'t [TemplateFact],
    ) -> Option<&'t TemplateFact> {
        let name = which.template.as_deref().filter(|name| !is_open(name))?;
        let found = templates.iter().find(|template| template.name == name);
        if found.is_none() {
            let hint = did_you_mean(name, templates.iter().map(|template| template.name.as_str()));
            self.say(&format!("{path}.template"), &format!("there is no template {name:?} in the files"), hint);
        }
        found
    }

    fn outcome(&mut self, path: &str, outcome: &Outcome, template: Option<&TemplateFact>) -> StepOutcome {
        if let Some(template) = template {
            self.suits(path, outcome, template);
        }
        let lasts = self.duration(&format!("{path}.lasts"), outcome.lasts.as_deref());
        let http = (outcome.status.is_some() || !outcome.headers.is_empty()).then(|| {
            let headers = outcome.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            (outcome.status.unwrap_or(200), headers)
        });
        StepOutcome {
            lasts_ms: lasts.unwrap_or(0),
            log: match &outcome.log {
                None => Vec::new(),
                Some(Lines::Text(text)) => text.lines().map(str::to_owned).collect(),
                Some(Lines::List(lines)) => lines.clone(),
            },
            result: outcome.result.as_ref().map(value_text),
            parameters: texts(&outcome.outputs).collect(),
            without_artifacts: outcome.missing.clone(),
            exit_code: outcome.exit_code.unwrap_or(0),
            error: outcome.error.clone(),
            message: outcome.message.clone().unwrap_or_default(),
            http,
            by_server: false,
        }
    }

    /// Whether a template can go as an outcome says.
    fn suits(&mut self, path: &str, outcome: &Outcome, template: &TemplateFact) {
        let name = &template.name;
        match template.does {
            Does::Steps => {
                let hint = "say how the templates go that its steps name".to_owned();
                self.say(path, &format!("{name:?} runs nothing itself, only others"), Some(hint));
            }
            Does::Suspend => {
                let hint = "say under `do` what a person does: {when: NODE, resume: NODE}".to_owned();
                self.say(path, &format!("{name:?} waits, and runs nothing"), Some(hint));
            }
            Does::Run | Does::Serve | Does::Plugin if outcome.status.is_some() || !outcome.headers.is_empty() => {
                self.say(path, &format!("{name:?} is no http template: it has no `status` and no `headers`"), None);
            }
            Does::Run | Does::Serve | Does::Plugin | Does::Http | Does::Unknown => {}
        }
        let open = template.does == Does::Plugin;
        let unknown = outcome.outputs.keys().filter(|given| !open && !template.outputs.contains(given));
        for given in unknown {
            let hint = did_you_mean(given, template.outputs.iter().map(String::as_str)).or_else(|| {
                Some(match template.outputs.as_slice() {
                    [] => "it has none; `result` is what a step prints".to_owned(),
                    names => format!("it has {}", names.join(", ")),
                })
            });
            let reason = format!("{name:?} has no output parameter {given:?}");
            self.say(&format!("{path}.outputs.{given}"), &reason, hint);
        }
    }

    fn action(&mut self, path: &str, action: &Action) -> Option<Act> {
        let outputs = || texts(&action.outputs).collect::<Vec<_>>();
        let message = || action.message.clone().unwrap_or_default();
        let deeds: Vec<Deed> = [
            action.resume.as_deref().map(|nodes| Deed::Resume { nodes: selector(nodes) }),
            action.set.as_deref().map(|nodes| Deed::Set {
                nodes: selector(nodes),
                outputs: outputs(),
                phase: action.phase,
                message: message(),
            }),
            action.stop.as_deref().map(|nodes| Deed::Stop { nodes: selector(nodes), message: message() }),
            action.terminate.as_ref().map(|_| Deed::Terminate),
            action.suspend.as_ref().map(|_| Deed::Suspend),
            action.retry.as_deref().map(|nodes| Deed::Retry { nodes: selector(nodes) }),
        ]
        .into_iter()
        .flatten()
        .collect();
        let after_ms = self.duration(&format!("{path}.after"), action.after.as_deref()).unwrap_or(0);
        let Ok([what]) = <[Deed; 1]>::try_from(deeds) else {
            let hint = "one of resume, set, stop, terminate, suspend, retry".to_owned();
            self.say(path, "an action does one thing", Some(hint));
            return None;
        };
        if let Deed::Set { outputs, phase: None, message, .. } = &what
            && outputs.is_empty()
            && message.is_empty()
        {
            self.say(path, "there is nothing to set", Some("give outputs, a phase or a message".into()));
        }
        let of_run = action.when.as_deref() == Some("run");
        let failed = matches!(what, Deed::Retry { .. }) && (of_run || action.when.is_none());
        let when = action.when.clone().or_else(|| failed.then(|| "run".to_owned()));
        let is = action.is.unwrap_or(if failed { Phase::Failed } else { Phase::Running });
        Some(Act { when, is, after_ms, what })
    }

    fn duration(&mut self, path: &str, text: Option<&str>) -> Option<u64> {
        match model::values::parse_duration_ms(text?) {
            Ok(ms) if ms >= 0 => Some(ms.unsigned_abs()),
            Ok(_) => {
                self.say(path, "a duration is not negative", None);
                None
            }
            Err(error) => {
                self.say(path, &error.to_string(), None);
                None
            }
        }
    }
}

/// What the server is given: everything but Workflows, what others refer to first. Schedules are given suspended, or their own runs would mix with the test's.
fn given(mut all: Vec<Document>) -> Vec<Document> {
    all.retain(|document| document.kind() != "Workflow");
    all.sort_by_key(|document| documents::rank(document.kind()));
    all
}

fn template_kind(kind: &str) -> Option<TemplateKind> {
    match kind {
        "WorkflowTemplate" => Some(TemplateKind::WorkflowTemplate),
        "ClusterWorkflowTemplate" => Some(TemplateKind::ClusterWorkflowTemplate),
        "CronWorkflow" => Some(TemplateKind::CronWorkflow),
        _ => None,
    }
}

fn texts(values: &BTreeMap<String, Value>) -> impl Iterator<Item = (String, String)> {
    values.iter().map(|(name, value)| (name.clone(), value_text(value)))
}

/// As the matcher takes it.
pub(super) fn which(selector: &Selector) -> Which {
    Which {
        template: selector.template.clone(),
        node: selector.node.clone(),
        parameters: texts(&selector.parameters).collect(),
        method: selector.method.clone(),
        url: selector.url.clone(),
        body: selector.body.clone(),
    }
}

/// A node selector of what a person writes: a display name, a selector, or `run`.
fn selector(text: &str) -> String {
    match text {
        "run" => String::new(),
        text if text.contains('=') => text.to_owned(),
        name => format!("displayName={name}"),
    }
}
