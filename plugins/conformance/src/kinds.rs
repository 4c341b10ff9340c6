//! The other kinds: each does an action, and tells what the host gave it as that kind.

use std::collections::BTreeMap;
use std::time::Duration;

use colchis_sdk::event_receiver::{Endpoint, EventReceiver, Incoming, Outcome};
use colchis_sdk::event_subscriber::{Batch, Event, EventSubscriber, Subscription};
use colchis_sdk::manifest_renderer::{
    Manifest, ManifestRenderer, Rendered, Request as RenderRequest, Requirement, Source, Tree, lookup,
};
use colchis_sdk::metric_provider::Request as MetricRequest;
use colchis_sdk::step::{Artifact, ArtifactWriter, Progress, Request as StepRequest, Step, output};
use colchis_sdk::trigger::{Executed, PolicyState, Request as TriggerRequest, Trigger};
use colchis_sdk::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Action;

/// The value of an action, whatever kind does it.
fn perform(action: &Option<Action>) -> Result<Value> {
    match action {
        Some(action) => Ok(action.perform(&MetricRequest::default())?.value),
        None => Ok(Value::Null),
    }
}

/// What a renderer is to do.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct RenderConfig {
    /// Done first; its value is in the manifest.
    action: Option<Action>,
    /// Files to read; their texts, or the codes of the errors.
    read: Vec<String>,
    /// A pattern whose files are named.
    glob: String,
    /// An object to ask for: API version, kind, namespace and name.
    lookup: Vec<String>,
    /// Needed first, as a URL.
    need: String,
}

/// Renders.
#[derive(Debug)]
pub(crate) struct Renders;

impl ManifestRenderer for Renders {
    type Config = RenderConfig;

    fn detect(files: &Tree, path: &str) -> Result<bool> {
        Ok(files.list(path)?.iter().any(|entry| entry.name == "conformance.json"))
    }

    fn requirements(config: RenderConfig, request: &RenderRequest) -> Result<Vec<Requirement>> {
        let there = request.fetched.iter().any(|tree| tree.name == "needed");
        let needed = Requirement { name: "needed".to_owned(), source: Source::Url(config.need.clone()), digest: None };
        Ok(if config.need.is_empty() || there { Vec::new() } else { vec![needed] })
    }

    fn render(config: RenderConfig, request: &RenderRequest) -> Result<Rendered> {
        let value = perform(&config.action)?;
        let read = |tree: &Tree, path: &str| match tree.read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => format!("error: {}", error.code()),
        };
        let texts: BTreeMap<&String, String> =
            config.read.iter().map(|path| (path, read(&request.files, path))).collect();
        let found = match config.glob.as_str() {
            "" => Vec::new(),
            pattern => request.files.glob(&request.path, pattern)?,
        };
        let fetched: BTreeMap<&str, String> =
            request.fetched.iter().map(|tree| (tree.name.as_str(), read(&tree.files, "a.txt"))).collect();
        let looked = match config.lookup.as_slice() {
            [version, kind, namespace, name] => lookup(version, kind, namespace, name)?,
            _ => Value::Null,
        };
        let release = &request.release;
        let object = json!({
            "value": value, "texts": texts, "found": found, "fetched": fetched, "lookup": looked,
            "release": [release.name, release.namespace, release.kube_version], "apiVersions": release.api_versions,
        });
        let manifest = Manifest { object, file: Some("conformance.json".to_owned()) };
        Ok(Rendered {
            manifests: vec![manifest],
            warnings: vec!["as told".to_owned()],
            notes: Some("notes".to_owned()),
        })
    }
}

/// What an event source is to do.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct EventConfig {
    /// Done when it is opened.
    open: Option<Action>,
    /// Done at each poll, and for each request; its value is the event's.
    action: Option<Action>,
    /// How many events there are.
    events: u64,
    /// A request is genuine when its header `token` has this value.
    token: String,
}

/// Gets events: the numbers behind the cursor.
#[derive(Debug)]
pub(crate) struct Subscribes;

/// A subscription: the last number that was given, whether more are given, and what was acknowledged.
#[derive(Debug)]
pub(crate) struct Numbers {
    config: EventConfig,
    last: u64,
    drained: bool,
    acknowledged: u64,
}

impl EventSubscriber for Subscribes {
    type Config = EventConfig;
    type Subscription = Numbers;

    fn open(config: EventConfig, _: &str, cursor: Option<&str>) -> Result<Numbers> {
        perform(&config.open)?;
        let last = cursor.unwrap_or("0").parse().map_err(|_| Error::permanent("the cursor is no number"))?;
        Ok(Numbers { config, last, drained: false, acknowledged: 0 })
    }
}

impl Subscription for Numbers {
    fn poll(&mut self, max: u32, _: Duration) -> Result<Batch> {
        let value = perform(&self.config.action)?;
        let end = if self.drained { self.last } else { self.config.events.min(self.last + u64::from(max)) };
        let event = |number: u64| {
            Event::json(
                number.to_string(),
                &json!({"number": number, "value": value, "acknowledged": self.acknowledged}),
            )
        };
        let events = (self.last + 1..=end).map(event).collect();
        self.last = end;
        Ok(Batch { events, cursor: end.to_string(), delivery: end })
    }

    fn ack(&mut self, delivery: u64) -> Result<()> {
        self.acknowledged = self.acknowledged.max(delivery);
        Ok(())
    }

    fn drain(&mut self) -> Result<()> {
        self.drained = true;
        Ok(())
    }
}

impl Drop for Numbers {
    fn drop(&mut self) {
        colchis_sdk::info!("closed");
    }
}

/// Takes requests in.
#[derive(Debug)]
pub(crate) struct Receives;

impl EventReceiver for Receives {
    type Config = EventConfig;

    fn endpoints(_: EventConfig, name: &str) -> Result<Vec<Endpoint>> {
        Ok(vec![Endpoint { path: format!("/{name}"), methods: vec!["POST".to_owned()] }])
    }

    fn on_request(config: EventConfig, _: &str, request: &Incoming) -> Result<Outcome> {
        if request.header("token") != Some(&config.token) {
            return Ok(Outcome::answer(401, "who are you?"));
        }
        let value = perform(&config.action)?;
        let event = Event::json("1", &json!({"value": value, "path": request.path, "body": request.body.len()}));
        Ok(Outcome { events: vec![event], ..Outcome::answer(202, format!("{value}")) })
    }
}

/// What a trigger or a step is to do.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct DoConfig {
    /// Done; its value is the answer.
    action: Option<Action>,
    /// Of a step: an input artifact that is copied to an output artifact.
    copy: Vec<String>,
    /// Of a step: done after the copying.
    then: Option<Action>,
}

/// Does something.
#[derive(Debug)]
pub(crate) struct Triggers;

impl Trigger for Triggers {
    type Config = DoConfig;

    fn execute(config: DoConfig, request: &TriggerRequest, payload: Value, key: &str) -> Result<Executed> {
        let value = perform(&config.action)?;
        let whom = [&request.namespace, &request.sensor, &request.name];
        Ok(Executed::new("done", json!({"value": value, "payload": payload, "key": key, "for": whom})))
    }

    fn check_policy(_: DoConfig, _: &TriggerRequest, policy: Value, executed: &Executed) -> Result<PolicyState> {
        Ok(match executed.answer.get("payload") == Some(&policy) {
            true => PolicyState::Met,
            false if policy.is_null() => PolicyState::Pending,
            false => PolicyState::Violated(format!("expected {policy}")),
        })
    }
}

/// Is a step.
#[derive(Debug)]
pub(crate) struct Steps;

/// Bytes that are copied at once.
const PIECE: u32 = 1_000;

impl Step for Steps {
    type Config = DoConfig;

    fn start(config: DoConfig, _: &StepRequest) -> Result<Progress> {
        let value = perform(&config.action)?;
        output(b"a line of the step\n");
        if let [from, to] = config.copy.as_slice() {
            let (from, mut to) = (Artifact::open(from)?, ArtifactWriter::create(to)?);
            for path in from.paths()? {
                let size = from.size(&path)?;
                let mut offset = 0;
                while offset < size {
                    let piece = from.read(&path, offset, PIECE)?;
                    offset += piece.len() as u64;
                    to.write(&path, &piece)?;
                }
            }
            to.finish()?;
        }
        perform(&config.then)?;
        Ok(Progress::succeeded().with_result(value.to_string()))
    }
}
