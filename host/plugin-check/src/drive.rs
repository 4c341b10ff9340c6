//! One whole call of each kind, as an engine makes it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use plugin::{
    CallContext, Desk, Entry, EntryKind, ErrorClass, Event, Kind, MetricPhase, MetricRequest, PluginError, Release,
    RenderRequest, Result, StepFiles, StepPhase, StepRequest, Tree, TriggerRequest,
};
use serde_json::{Value, json};

use crate::artifacts::Artifacts;
use crate::input::Input;

/// How often what is running is asked for.
const ROUNDS_MAX: u32 = 50;
/// The longest that is waited in between.
const BETWEEN_MAX: Duration = Duration::from_millis(200);
/// The same in all calls: a call that is made again is the same call.
const STARTED_MS: u64 = 1_700_000_000_000;

/// A call: its kind, its configuration, what it is given.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) kind: Kind,
    pub(crate) config: Value,
    pub(crate) input: Input,
}

impl Given {
    /// Makes the whole call, and tells what it gave.
    pub(crate) async fn call(&self, desk: &dyn Desk, name: &str, context: &CallContext) -> Result<Value> {
        match self.kind {
            Kind::MetricProvider => self.metric(desk, name, context).await,
            Kind::Step => self.step(desk, name, context).await,
            Kind::Trigger => self.trigger(desk, name, context).await,
            Kind::EventSource => match desk.receiver(name) {
                Ok(_) => self.receiver(desk, name, context).await,
                Err(_) => self.subscriber(desk, name, context).await,
            },
            Kind::ManifestRenderer => self.renderer(desk, name, context).await,
        }
    }

    async fn metric(&self, desk: &dyn Desk, name: &str, context: &CallContext) -> Result<Value> {
        let provider = desk.metric_provider(name)?;
        let request = MetricRequest { config: self.config.clone(), metric: "check".into(), started_ms: STARTED_MS };
        let metadata = provider.metadata(context, &self.config).await?;
        let mut told = provider.run(context, &request).await?;
        for _ in 0..ROUNDS_MAX {
            let (MetricPhase::Running, Some(token)) = (told.phase, told.token.clone()) else { break };
            tokio::time::sleep(told.resume_after.unwrap_or_default().min(BETWEEN_MAX)).await;
            told = provider.resume(context, &request, &token).await?;
        }
        if told.phase == MetricPhase::Running && told.token.is_none() {
            return Err(bad("the measurement is running and has no token to resume it with"));
        }
        if let Some(token) = &told.token {
            // Nobody needs it any more; asked twice, that does no harm.
            provider.terminate(context, &request, token).await?;
            provider.terminate(context, &request, token).await?;
        }
        Ok(json!({"phase": format!("{:?}", told.phase), "value": told.value, "metadata": metadata}))
    }

    async fn step(&self, desk: &dyn Desk, name: &str, context: &CallContext) -> Result<Value> {
        let step = desk.step(name)?;
        let request = StepRequest {
            config: self.config.clone(),
            workflow_uid: "00000000-0000-4000-8000-000000000000".into(),
            node: "check-1".into(),
            template: "check".into(),
            parameters: self.input.parameters.clone().into_iter().collect(),
            artifacts: self.input.artifacts.keys().cloned().collect(),
        };
        let artifacts = Arc::new(Artifacts::new(self.input.artifacts.clone()));
        let files: Arc<dyn StepFiles> = artifacts.clone();
        let mut told = step.start(context, &request, &files).await?;
        for _ in 0..ROUNDS_MAX {
            let (StepPhase::Running, Some(token)) = (told.phase, told.token.clone()) else { break };
            tokio::time::sleep(told.poll_after.unwrap_or_default().min(BETWEEN_MAX)).await;
            told = step.poll(context, &request, &files, &token).await?;
        }
        match (told.phase, &told.token) {
            (StepPhase::Running, None) => return Err(bad("the step is running and has no token to poll it with")),
            (StepPhase::Running, Some(token)) => {
                step.stop(context, &request, token).await?;
                step.stop(context, &request, token).await?;
            }
            _ => {}
        }
        let (phase, parameters) = (format!("{:?}", told.phase), told.parameters);
        Ok(json!({"phase": phase, "result": told.result, "parameters": parameters, "artifacts": artifacts.told()}))
    }

    async fn trigger(&self, desk: &dyn Desk, name: &str, context: &CallContext) -> Result<Value> {
        let trigger = desk.trigger(name)?;
        let asked = TriggerRequest { config: self.config.clone(), name: "check".into() };
        let config = trigger.resolve(context, &asked).await?;
        let asked = TriggerRequest { config, ..asked };
        let done = trigger.execute(context, &asked, &self.input.payload, "check-1").await?;
        Ok(json!({"answer": done.answer}))
    }

    async fn receiver(&self, desk: &dyn Desk, name: &str, context: &CallContext) -> Result<Value> {
        let receiver = desk.receiver(name)?;
        let endpoints = receiver.endpoints(context, &self.config, "check").await?;
        if let Some(endpoint) = endpoints.iter().find(|endpoint| !endpoint.path.starts_with('/')) {
            return Err(bad(&format!("the endpoint {:?} does not begin with /", endpoint.path)));
        }
        if endpoints.is_empty() {
            return Err(bad("it expects requests nowhere: `endpoints` is empty"));
        }
        let outcome = receiver.on_request(context, &self.config, "check", self.input.incoming()).await?;
        if !(100..=599).contains(&outcome.answer.status) {
            return Err(bad(&format!("{} is no status of HTTP", outcome.answer.status)));
        }
        Ok(json!({"status": outcome.answer.status, "events": events(&outcome.events)?}))
    }

    async fn subscriber(&self, desk: &dyn Desk, name: &str, context: &CallContext) -> Result<Value> {
        let mut open = desk.subscriber(name)?.open(context, &self.config, "check", None).await?;
        let batch = open.poll(context, 10, Duration::from_millis(500)).await?;
        if batch.events.len() > 10 {
            return Err(bad(&format!("it gave {} events where 10 were the most", batch.events.len())));
        }
        let told = json!({"events": events(&batch.events)?, "cursor": batch.cursor});
        open.drain(context).await?;
        open.ack(context, batch.delivery).await?;
        Ok(told)
    }

    async fn renderer(&self, desk: &dyn Desk, name: &str, context: &CallContext) -> Result<Value> {
        let renderer = desk.renderer(name)?;
        let files: Arc<dyn Tree> = Arc::new(Files(self.input.files.clone()));
        let is = renderer.detect(context, files.clone(), &self.input.path).await?;
        let release = Release {
            name: "check".into(),
            namespace: "check".into(),
            kube_version: "v1.34.0".into(),
            api_versions: vec!["v1".into(), "apps/v1".into(), "apps/v1/Deployment".into()],
            environment: Vec::new(),
        };
        let (config, path) = (self.config.clone(), self.input.path.clone());
        let request = RenderRequest { config, files, path, fetched: Vec::new(), release, destination: None };
        let required = renderer.requirements(context, &request).await?;
        if !required.is_empty() {
            // What is to be fetched is the host's to fetch.
            let names: Vec<&str> = required.iter().map(|one| one.name.as_str()).collect();
            return Ok(json!({"detected": is, "requirements": names}));
        }
        let rendered = renderer.render(context, &request).await?;
        for (at, manifest) in rendered.manifests.iter().enumerate() {
            for field in ["apiVersion", "kind"] {
                if !manifest.object.get(field).is_some_and(Value::is_string) {
                    return Err(bad(&format!("manifests[{at}] has no {field}")));
                }
            }
        }
        let objects: Vec<&Value> = rendered.manifests.iter().map(|manifest| &manifest.object).collect();
        Ok(json!({"detected": is, "manifests": objects}))
    }
}

/// Something that no kind may answer.
fn bad(message: &str) -> PluginError {
    PluginError::new(ErrorClass::Permanent, "bad-answer", message)
}

fn events(events: &[Event]) -> Result<Vec<Value>> {
    let told = |event: &Event| match event.id.is_empty() {
        true => Err(bad("an event has no id: without one, an event that comes again is another")),
        false => Ok(json!({"id": event.id, "type": event.r#type, "data": String::from_utf8_lossy(&event.data)})),
    };
    events.iter().map(told).collect()
}

/// Files by path.
struct Files(BTreeMap<String, String>);

impl Files {
    fn missing(path: &str) -> PluginError {
        PluginError::new(ErrorClass::NotFound, "no-file", format!("{path}: there is no such file"))
    }
}

#[async_trait]
impl Tree for Files {
    fn digest(&self) -> &str {
        "sha256:check"
    }

    async fn stat(&self, path: &str) -> Result<Entry> {
        let name = path.rsplit('/').next().unwrap_or(path).to_owned();
        if let Some(text) = self.0.get(path) {
            return Ok(Entry { name, kind: EntryKind::File, size: text.len() as u64, executable: false });
        }
        let below = format!("{path}/");
        match path.is_empty() || self.0.keys().any(|file| file.starts_with(&below)) {
            true => Ok(Entry { name, kind: EntryKind::Folder, size: 0, executable: false }),
            false => Err(Self::missing(path)),
        }
    }

    async fn list(&self, path: &str) -> Result<Vec<Entry>> {
        let below = if path.is_empty() { String::new() } else { format!("{path}/") };
        let mut entries: BTreeMap<&str, Entry> = BTreeMap::new();
        for (file, text) in &self.0 {
            let Some(rest) = file.strip_prefix(&below) else { continue };
            let (name, kind, size) = match rest.split_once('/') {
                Some((folder, _)) => (folder, EntryKind::Folder, 0),
                None => (rest, EntryKind::File, text.len() as u64),
            };
            entries.insert(name, Entry { name: name.to_owned(), kind, size, executable: false });
        }
        Ok(entries.into_values().collect())
    }

    async fn read(&self, path: &str, offset: u64, length: u64) -> Result<Vec<u8>> {
        let text = self.0.get(path).ok_or_else(|| Self::missing(path))?;
        let skip = usize::try_from(offset).unwrap_or(usize::MAX);
        let take = usize::try_from(length).unwrap_or(usize::MAX);
        Ok(text.bytes().skip(skip).take(take).collect())
    }
}
