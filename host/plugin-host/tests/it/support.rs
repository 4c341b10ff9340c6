//! A host with everything in memory, and a guest that does what it is told.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use artifact::Secret;
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use plugin::{CallContext, ErrorClass, LogLine, Measurement, MetricRequest, ObjectRef, PluginError, Plugins, Result};
use plugin_host::{
    BlobReader, BlobWriter, Blobs, Component, Grants, Limits, LogSink, PluginHost, SecretGrant, Secrets, Services,
    Settings, StateKey, StateStore, StoredState,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// State in a map.
#[derive(Default)]
pub(crate) struct MapState(Mutex<BTreeMap<StateKey, StoredState>>);

#[async_trait]
impl StateStore for MapState {
    async fn get(&self, key: &StateKey) -> Result<Option<StoredState>> {
        Ok(self.0.lock().unwrap().get(key).cloned())
    }

    async fn set(&self, key: &StateKey, value: Vec<u8>, expected: Option<u64>, bytes_max: u64) -> Result<Option<u64>> {
        let mut map = self.0.lock().unwrap();
        let version = map.get(key).map_or(0, |state| state.version);
        if value.len() as u64 > bytes_max {
            return Err(PluginError::new(ErrorClass::Permanent, "too-large", "too large"));
        }
        if expected.is_some_and(|expected| expected != version) {
            return Ok(None);
        }
        map.insert(key.clone(), StoredState { value, version: version + 1 });
        Ok(Some(version + 1))
    }

    async fn delete(&self, key: &StateKey) -> Result<()> {
        self.0.lock().unwrap().remove(key);
        Ok(())
    }

    async fn keys(&self, key: &StateKey, _: Option<&str>, limit: usize) -> Result<Vec<String>> {
        let map = self.0.lock().unwrap();
        let mine = map.keys().filter(|k| k.plugin == key.plugin && k.object == key.object);
        Ok(mine.filter(|k| k.key.starts_with(&key.key)).take(limit).map(|k| k.key.clone()).collect())
    }
}

/// A plugin's name, and its name for a value.
type BlobKey = (String, String);

/// Large values in a map.
#[derive(Default, Clone)]
pub(crate) struct MapBlobs(Arc<Mutex<BTreeMap<BlobKey, Vec<u8>>>>);

struct MapReader(Vec<u8>);

struct MapWriter(MapBlobs, BlobKey, Vec<u8>, u64);

#[async_trait]
impl Blobs for MapBlobs {
    async fn open(&self, plugin: &str, name: &str) -> Result<Box<dyn BlobReader>> {
        match self.0.lock().unwrap().get(&(plugin.to_owned(), name.to_owned())) {
            Some(bytes) => Ok(Box::new(MapReader(bytes.clone()))),
            None => Err(PluginError::new(ErrorClass::NotFound, "no-blob", "none")),
        }
    }

    async fn create(&self, plugin: &str, name: &str, bytes_max: u64) -> Result<Box<dyn BlobWriter>> {
        Ok(Box::new(MapWriter(self.clone(), (plugin.to_owned(), name.to_owned()), Vec::new(), bytes_max)))
    }

    async fn delete(&self, plugin: &str, name: &str) -> Result<()> {
        self.0.lock().unwrap().remove(&(plugin.to_owned(), name.to_owned()));
        Ok(())
    }
}

#[async_trait]
impl BlobReader for MapReader {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    async fn read(&self, offset: u64, length: u64) -> Result<Vec<u8>> {
        Ok(self.0.iter().copied().skip(offset as usize).take(length as usize).collect())
    }
}

#[async_trait]
impl BlobWriter for MapWriter {
    async fn write(&mut self, bytes: Vec<u8>) -> Result<()> {
        self.2.extend(bytes);
        match self.2.len() as u64 > self.3 {
            true => Err(PluginError::new(ErrorClass::Permanent, "too-large", "too large")),
            false => Ok(()),
        }
    }

    async fn finish(&mut self) -> Result<String> {
        self.0.0.lock().unwrap().insert(self.1.clone(), std::mem::take(&mut self.2));
        Ok("sha256:of-the-test".to_owned())
    }
}

/// Secrets whose values are made of their names, unless they were given one.
#[derive(Default)]
pub(crate) struct NamedSecrets(pub(crate) Mutex<BTreeMap<String, String>>);

#[async_trait]
impl Secrets for NamedSecrets {
    async fn value(&self, grant: &SecretGrant) -> Result<Secret> {
        let given = self.0.lock().unwrap().get(&grant.name).cloned();
        Ok(Secret::new(given.unwrap_or_else(|| format!("value-of-{}", grant.name)).into_bytes()))
    }
}

/// Lines in a list.
#[derive(Default)]
pub(crate) struct Lines(pub(crate) Mutex<Vec<LogLine>>);

impl LogSink for Lines {
    fn write(&self, line: LogLine) {
        self.0.lock().unwrap().push(line);
    }

    fn read(&self, _: &str, _: bool) -> BoxStream<'static, LogLine> {
        stream::iter(self.0.lock().unwrap().clone()).boxed()
    }
}

/// A host, and its logs.
pub(crate) struct World {
    pub(crate) host: Arc<PluginHost>,
    pub(crate) lines: Arc<Lines>,
    pub(crate) secrets: Arc<NamedSecrets>,
    guest: Bytes,
}

impl World {
    /// `None` where there is no guest.
    pub(crate) fn new(test: &str) -> Option<Self> {
        Self::with(test, Settings::default())
    }

    pub(crate) fn with(test: &str, settings: Settings) -> Option<Self> {
        Self::made(test, settings, Vec::new(), Arc::new(egress::SystemResolver))
    }

    /// Whose server never calls some hosts.
    pub(crate) fn denying(test: &str, deny: Vec<egress::Rule>) -> Option<Self> {
        Self::made(test, Settings::default(), deny, Arc::new(egress::SystemResolver))
    }

    /// With other addresses for names.
    pub(crate) fn resolving(test: &str, resolver: Arc<dyn egress::Resolve>) -> Option<Self> {
        Self::made(test, Settings::default(), Vec::new(), resolver)
    }

    fn made(
        test: &str,
        settings: Settings,
        deny: Vec<egress::Rule>,
        resolver: Arc<dyn egress::Resolve>,
    ) -> Option<Self> {
        let file = testkit::tools::guest("conformance", test)?;
        let lines = Arc::<Lines>::default();
        let secrets = Arc::<NamedSecrets>::default();
        let services = Services {
            state: Arc::<MapState>::default(),
            blobs: Arc::new(MapBlobs::default()),
            secrets: secrets.clone(),
            logs: lines.clone(),
            resolver,
            deny,
            wire: None,
        };
        let settings = Settings { cache: settings.cache.or_else(|| Some(cache())), ..settings };
        let guest = std::fs::read(file).unwrap().into();
        Some(Self { host: PluginHost::new(settings, services), lines, secrets, guest })
    }

    pub(crate) fn component(&self, name: &str, grants: Value, limits: Limits) -> Component {
        let grants: Grants = serde_json::from_value(grants).unwrap();
        Component { name: name.into(), bytes: self.guest.clone(), digest: None, grants, limits }
    }

    pub(crate) async fn install(&self, name: &str, grants: Value, limits: Limits) {
        self.host.load(self.component(name, grants, limits)).await.unwrap();
    }

    /// Has the guest do something.
    pub(crate) async fn run(&self, name: &str, config: Value) -> Result<Measurement> {
        self.run_for(name, context("run"), config).await
    }

    pub(crate) async fn run_for(&self, name: &str, context: CallContext, config: Value) -> Result<Measurement> {
        let request = MetricRequest { config, metric: "m".to_owned(), started_ms: 7 };
        self.host.metric_provider(name)?.run(&context, &request).await
    }

    /// What a measurement's value is.
    pub(crate) async fn value(&self, name: &str, config: Value) -> Value {
        self.run(name, config.clone()).await.unwrap_or_else(|error| panic!("{config}: {error:?}")).value
    }
}

/// Shared by all tests: the guest is compiled once.
fn cache() -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    folder
}

pub(crate) fn context(name: &str) -> CallContext {
    let object = ObjectRef { kind: "AnalysisRun".into(), namespace: "ns".into(), name: name.into() };
    CallContext::new(object, Duration::from_secs(20))
}

pub(crate) fn private(address: &str) -> Value {
    json!({"http": [{"host": address, "private": true}]})
}

/// A server that answers what it is told, and keeps what it was asked.
pub(crate) struct Web {
    pub(crate) address: String,
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
}

impl Web {
    pub(crate) async fn start(answer: &'static str) -> Self {
        Self::answering("127.0.0.1:0", move |_| answer.to_owned()).await
    }

    /// One at another address of this machine.
    pub(crate) async fn at(at: &str, answer: &'static str) -> Self {
        Self::answering(at, move |_| answer.to_owned()).await
    }

    /// One that answers with what it was asked.
    pub(crate) async fn echo() -> Self {
        Self::answering("127.0.0.1:0", |asked| {
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{asked}", asked.len())
        })
        .await
    }

    async fn answering(at: &str, answer: impl Fn(&str) -> String + Copy + Send + 'static) -> Self {
        let listener = TcpListener::bind(at).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let keep = asked.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let keep = keep.clone();
                tokio::spawn(async move {
                    let mut text = Vec::new();
                    let mut piece = [0; 4096];
                    while let Ok(n) = stream.read(&mut piece).await {
                        text.extend_from_slice(&piece[..n]);
                        if n == 0 || complete(&text) {
                            break;
                        }
                    }
                    let asked = String::from_utf8_lossy(&text).into_owned();
                    let answer = answer(&asked);
                    keep.lock().unwrap().push(asked);
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { address, asked }
    }

    pub(crate) fn last(&self) -> String {
        self.asked.lock().unwrap().last().cloned().unwrap_or_default()
    }
}

fn complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    if head.contains("transfer-encoding: chunked") {
        return body.ends_with("0\r\n\r\n");
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
    body.len() >= length.unwrap_or(0)
}
