//! A desk of plugins that do what a test says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use plugin::*;
use serde_json::{Value, json};
use tokio::sync::Notify;

/// Has `prometheus` (a metric provider), `tool` (a metric provider and a step) and one of each other kind; `broken` is being loaded.
#[derive(Default, Clone)]
pub(crate) struct FakeDesk {
    pub(crate) notes: Arc<Mutex<Notes>>,
    /// A call that hangs has begun.
    pub(crate) hanging: Arc<Notify>,
}

#[derive(Default)]
pub(crate) struct Notes {
    /// What the next call fails with.
    pub(crate) fails: Option<PluginError>,
    /// The next call never answers.
    pub(crate) hangs: bool,
    /// The calls.
    pub(crate) calls: Vec<CallContext>,
    /// The sizes of the components that were looked at.
    pub(crate) inspected: Vec<usize>,
}

const NAMES: [&str; 6] = ["broken", "hooks", "jsonnet", "prometheus", "slack", "tool"];

fn info(name: &str) -> Result<Info> {
    let kinds: &[Kind] = match name {
        "prometheus" => &[Kind::MetricProvider],
        "hooks" => &[Kind::EventSource],
        "jsonnet" => &[Kind::ManifestRenderer],
        "slack" => &[Kind::Trigger],
        "tool" => &[Kind::MetricProvider, Kind::Step],
        "broken" => return Err(PluginError::new(ErrorClass::Unavailable, "loading", "it is being loaded")),
        _ => return Err(PluginError::new(ErrorClass::NotFound, "no-plugin", format!("there is no plugin {name}"))),
    };
    let schema = json!({"type": "object", "properties": {"query": {"type": "string"}}});
    let kinds = kinds.iter().map(|kind| KindInfo { kind: *kind, config_schema: schema.clone() });
    let need = |what, optional| Need { what, why: "to ask".to_owned(), optional };
    Ok(Info {
        name: format!("{name}-component"),
        version: "1.2.0".to_owned(),
        summary: "measures".to_owned(),
        kinds: kinds.collect(),
        needs: vec![need(Capability::Http("*".to_owned()), false), need(Capability::State, true)],
    })
}

fn facts(name: &str, bytes: u64) -> Result<Facts> {
    let grant = "state: {bytes: 64Ki}".to_owned();
    Ok(Facts {
        digest: format!("sha256:{name}"),
        bytes,
        info: Arc::new(info(name)?),
        imports: vec!["wasi:http/outgoing-handler@0.2.0".to_owned()],
        missing_grants: vec![MissingGrant { grant, why: "to ask".to_owned(), optional: true }],
    })
}

impl FakeDesk {
    pub(crate) fn fail_next(&self, error: PluginError) {
        self.notes.lock().unwrap().fails = Some(error);
    }

    async fn called(&self, call: &CallContext) -> Result<()> {
        let (fails, hangs) = {
            let mut notes = self.notes.lock().unwrap();
            notes.calls.push(call.clone());
            (notes.fails.take(), notes.hangs)
        };
        if hangs {
            self.hanging.notify_one();
            std::future::pending::<()>().await;
        }
        fails.map_or(Ok(()), Err)
    }
}

#[async_trait]
impl MetricProvider for FakeDesk {
    async fn run(&self, call: &CallContext, request: &MetricRequest) -> Result<Measurement> {
        self.called(call).await?;
        Ok(Measurement {
            phase: MetricPhase::Running,
            value: json!({"config": request.config, "metric": request.metric}),
            message: String::new(),
            resume_after: Some(Duration::from_secs(5)),
            token: Some("t".to_owned()),
            metadata: vec![("a".to_owned(), "b".to_owned())],
        })
    }

    async fn resume(&self, call: &CallContext, request: &MetricRequest, token: &str) -> Result<Measurement> {
        let begun = self.run(call, request).await?;
        Ok(Measurement { phase: MetricPhase::Measured, value: json!(token), resume_after: None, token: None, ..begun })
    }

    async fn terminate(&self, call: &CallContext, request: &MetricRequest, token: &str) -> Result<Measurement> {
        self.resume(call, request, token).await
    }

    async fn metadata(&self, _: &CallContext, _: &Value) -> Result<Vec<(String, String)>> {
        Ok(vec![("query".to_owned(), "up".to_owned())])
    }
}

#[async_trait]
impl Step for FakeDesk {
    async fn start(&self, call: &CallContext, request: &StepRequest, _: &Arc<dyn StepFiles>) -> Result<StepProgress> {
        self.called(call).await?;
        Ok(StepProgress {
            phase: StepPhase::Succeeded,
            message: "done".to_owned(),
            parameters: request.parameters.clone(),
            result: None,
            progress: (1, 2),
            poll_after: None,
            token: None,
        })
    }

    async fn poll(
        &self,
        call: &CallContext,
        request: &StepRequest,
        files: &Arc<dyn StepFiles>,
        _: &str,
    ) -> Result<StepProgress> {
        self.start(call, request, files).await
    }

    async fn stop(&self, call: &CallContext, request: &StepRequest, _: &str) -> Result<StepProgress> {
        let files: Arc<dyn StepFiles> = Arc::new(NoFiles);
        self.start(call, request, &files).await
    }
}

#[async_trait]
impl Trigger for FakeDesk {
    async fn resolve(&self, _: &CallContext, request: &TriggerRequest) -> Result<Value> {
        Ok(json!({"name": request.name, "config": request.config}))
    }

    async fn execute(&self, _: &CallContext, _: &TriggerRequest, payload: &Value, key: &str) -> Result<Executed> {
        Ok(Executed { message: key.to_owned(), answer: payload.clone() })
    }

    async fn check_policy(
        &self,
        _: &CallContext,
        _: &TriggerRequest,
        policy: &Value,
        executed: &Executed,
    ) -> Result<PolicyState> {
        Ok(match policy == &executed.answer {
            true => PolicyState::Met,
            false => PolicyState::Violated(format!("{} is not {policy}", executed.answer)),
        })
    }
}

fn event(id: &str, content_type: &str, data: &[u8]) -> Event {
    Event {
        id: id.to_owned(),
        r#type: "x".to_owned(),
        time_ms: Some(1_800_000_000_000),
        content_type: content_type.to_owned(),
        data: data.to_vec(),
        extensions: vec![("subject".to_owned(), "s".to_owned())],
    }
}

#[async_trait]
impl Subscriber for FakeDesk {
    async fn open(&self, _: &CallContext, _: &Value, _: &str, cursor: Option<&str>) -> Result<Box<dyn Subscription>> {
        Ok(Box::new(Opened(cursor.unwrap_or("0").to_owned())))
    }
}

/// A subscription with its cursor.
struct Opened(String);

#[async_trait]
impl Subscription for Opened {
    async fn poll(&mut self, _: &CallContext, max: u32, _: Duration) -> Result<Batch> {
        let events = [event("1", "", b"{\"a\":1}"), event("2", "text/plain", b"1"), event("3", "", b"\xff")];
        Ok(Batch {
            events: events.into_iter().take(max as usize).collect(),
            cursor: format!("{}+", self.0),
            delivery: 1,
        })
    }

    async fn ack(&mut self, _: &CallContext, _: u64) -> Result<()> {
        panic!("a call by hand acknowledges nothing")
    }

    async fn drain(&mut self, _: &CallContext) -> Result<()> {
        Ok(())
    }

    fn is_superseded(&self) -> bool {
        false
    }
}

#[async_trait]
impl Receiver for FakeDesk {
    async fn endpoints(&self, _: &CallContext, _: &Value, name: &str) -> Result<Vec<Endpoint>> {
        Ok(vec![Endpoint { path: format!("/{name}"), methods: vec!["POST".to_owned()] }])
    }

    async fn on_request(&self, _: &CallContext, _: &Value, _: &str, request: Incoming) -> Result<Outcome> {
        let answer = Outgoing { status: 202, headers: request.headers, body: request.method.into_bytes() };
        Ok(Outcome { events: vec![event("1", "application/json", &request.body)], answer })
    }
}

#[async_trait]
impl Renderer for FakeDesk {
    async fn detect(&self, _: &CallContext, files: Arc<dyn Tree>, path: &str) -> Result<bool> {
        Ok(files.list(path).await?.iter().any(|entry| entry.name == "main.jsonnet"))
    }

    async fn requirements(&self, _: &CallContext, request: &RenderRequest) -> Result<Vec<Requirement>> {
        if !request.fetched.is_empty() {
            return Ok(Vec::new());
        }
        let source = RequirementSource::Url("https://example.com/a.tgz".to_owned());
        Ok(vec![Requirement { name: "a".to_owned(), source, digest: None }])
    }

    async fn render(&self, _: &CallContext, request: &RenderRequest) -> Result<Rendered> {
        let text = request.files.read("app/main.jsonnet", 0, 1 << 20).await?;
        let object = json!({"text": String::from_utf8_lossy(&text), "namespace": request.release.namespace});
        let manifests = vec![Manifest { object, file: Some("main.jsonnet".to_owned()) }];
        Ok(Rendered { manifests, warnings: vec!["old".to_owned()], ..Rendered::default() })
    }
}

#[async_trait]
impl Fetch for FakeDesk {
    async fn fetch(&self, _: &CallContext, requirement: &Requirement) -> Result<Obtained> {
        let file = (requirement.name.clone(), TreeFile::plain("fetched"));
        let files = Arc::new(FileTree::new([file].into()).unwrap());
        Ok(Obtained { files, bytes: 7 })
    }
}

impl Plugins for FakeDesk {
    fn metric_provider(&self, name: &str) -> Result<Arc<dyn MetricProvider>> {
        info(name).map(|_| Arc::new(self.clone()) as _)
    }

    fn renderer(&self, name: &str) -> Result<Arc<dyn Renderer>> {
        if name != "jsonnet" {
            return Err(PluginError::new(
                ErrorClass::InvalidConfig,
                "wrong-kind",
                format!("{name} is no manifest-renderer"),
            ));
        }
        Ok(Arc::new(self.clone()))
    }

    fn subscriber(&self, _: &str) -> Result<Arc<dyn Subscriber>> {
        Ok(Arc::new(self.clone()))
    }

    fn receiver(&self, _: &str) -> Result<Arc<dyn Receiver>> {
        Ok(Arc::new(self.clone()))
    }

    fn trigger(&self, _: &str) -> Result<Arc<dyn Trigger>> {
        Ok(Arc::new(self.clone()))
    }

    fn step(&self, _: &str) -> Result<Arc<dyn Step>> {
        Ok(Arc::new(self.clone()))
    }

    fn info(&self, name: &str) -> Result<Arc<Info>> {
        info(name).map(Arc::new)
    }
}

#[async_trait]
impl Desk for FakeDesk {
    fn names(&self) -> Vec<Arc<str>> {
        NAMES.map(Arc::from).to_vec()
    }

    fn report(&self, name: &str) -> Result<(Facts, Numbers)> {
        let numbers = Numbers {
            calls: 3,
            errors: 2,
            killed: 1,
            p50_seconds: 0.5,
            p99_seconds: 1.5,
            last_error: Some("query-failed".to_owned()),
        };
        Ok((facts(name, 7)?, numbers))
    }

    async fn inspect(&self, component: Bytes) -> Result<Facts> {
        if !component.starts_with(b"\0asm") {
            let error = PluginError::new(ErrorClass::InvalidConfig, "NotAComponent", "this is no component");
            return Err(error.hint("build it for wasm32-wasip2"));
        }
        self.notes.lock().unwrap().inspected.push(component.len());
        facts("prometheus", component.len() as u64)
    }

    fn schema_findings(&self, name: &str, kind: Kind, config: &Value) -> Vec<Finding> {
        let missing = name == "tool" && kind == Kind::Step && config.get("query").is_none();
        let message = "the field is missing".to_owned();
        let finding = Finding { severity: plugin::Severity::Error, field: "query".to_owned(), message };
        missing.then_some(finding).into_iter().collect()
    }

    async fn check_config(&self, _: &str, kind: Kind, call: &CallContext, config: &Value) -> Result<Vec<Finding>> {
        self.called(call).await?;
        let finding =
            |severity, message: &str| Finding { severity, field: "query".to_owned(), message: message.to_owned() };
        Ok(match config.get("query") {
            None => {
                vec![finding(plugin::Severity::Error, "is required"), finding(plugin::Severity::Warning, kind.word())]
            }
            Some(_) => Vec::new(),
        })
    }

    fn logs(&self, name: &str, follow: bool) -> Result<BoxStream<'static, LogLine>> {
        info(name)?;
        let object = ObjectRef { kind: "AnalysisRun".into(), namespace: "default".into(), name: "a".into() };
        let line = move |(at_ms, level)| LogLine {
            plugin: "prometheus".into(),
            object: object.clone(),
            at_ms,
            level,
            message: format!("line {at_ms}"),
            fields: vec![("status".to_owned(), "200".to_owned())],
        };
        let there = [LogLevel::Info, LogLevel::Error, LogLevel::Debug, LogLevel::Warn];
        let lines = stream::iter((1..).zip(there).map(line));
        Ok(if follow { lines.chain(stream::pending()).boxed() } else { lines.boxed() })
    }
}
