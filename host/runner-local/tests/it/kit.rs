//! What every test needs: a runner in a folder of its own, units from YAML-like JSON, events with a deadline.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use artifact::{ArtifactError, Artifacts, ByteStream, Context, Entry, ErrorClass, Loaded, Saved};
use async_trait::async_trait;
use futures::StreamExt;
use model::Object;
use model::workflow::{Artifact, Template};
use runner::{Environment, LogQuery, References, Runner, Unit, UnitEvent, UnitHappening, UnitResult};
use runner_local::{AgentProgram, ImagesMode, LocalRunner, Settings};
use tokio::sync::mpsc::Receiver;

pub const PATIENCE: Duration = Duration::from_secs(30);

/// Objects by kind and name.
#[derive(Default)]
pub struct Objects(pub Mutex<BTreeMap<(String, String), Arc<Object>>>);

impl Objects {
    pub fn put(&self, value: serde_json::Value) {
        let object = Object::from_value(value).unwrap();
        let key = (object.kind.clone(), object.metadata.name.clone());
        self.0.lock().unwrap().insert(key, Arc::new(object));
    }

    fn get(&self, kind: &str, name: &str) -> Option<Arc<Object>> {
        self.0.lock().unwrap().get(&(kind.to_owned(), name.to_owned())).cloned()
    }
}

#[async_trait]
impl References for Objects {
    async fn config_map(&self, _: &str, name: &str) -> Option<Arc<Object>> {
        self.get("ConfigMap", name)
    }
    async fn secret(&self, _: &str, name: &str) -> Option<Arc<Object>> {
        self.get("Secret", name)
    }
    async fn claim(&self, _: &str, name: &str) -> Option<Arc<Object>> {
        self.get("PersistentVolumeClaim", name)
    }
}

/// A repository that is a folder: keys of `s3` locations are paths, folders are copied as they are. The real drivers have tests of
/// their own; these tests are about where files come from and go to.
pub struct FolderRepository(pub PathBuf);

impl FolderRepository {
    fn at(&self, artifact: &Artifact) -> PathBuf {
        self.0.join(&artifact.location.s3.as_ref().unwrap().key)
    }

    fn error(artifact: &Artifact, operation: &'static str, class: ErrorClass, e: std::io::Error) -> ArtifactError {
        let name = artifact.name.to_string();
        let location = artifact.location.s3.as_ref().map(|s| s.key.clone()).unwrap_or_default();
        ArtifactError { artifact: name, operation, location, reason: e.to_string(), class, source: None }
    }
}

fn copy(from: &Path, to: &Path) -> std::io::Result<u64> {
    let metadata = std::fs::symlink_metadata(from)?;
    if metadata.is_dir() {
        std::fs::create_dir_all(to)?;
        let mut bytes = 0;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            bytes += copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(bytes);
    }
    if metadata.is_symlink() {
        return std::os::unix::fs::symlink(std::fs::read_link(from)?, to).map(|()| 0);
    }
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::copy(from, to)
}

#[async_trait]
impl Artifacts for FolderRepository {
    async fn load(&self, _: &Context, artifact: &Artifact, destination: &Path) -> Result<Loaded, ArtifactError> {
        let from = self.at(artifact);
        let bytes = copy(&from, destination).map_err(|e| Self::error(artifact, "load", ErrorClass::NotFound, e))?;
        Ok(Loaded { bytes, directory: from.is_dir() })
    }
    async fn save(&self, _: &Context, artifact: &Artifact, source: &Path) -> Result<Saved, ArtifactError> {
        let to = self.at(artifact);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        let bytes = copy(source, &to).map_err(|e| Self::error(artifact, "save", ErrorClass::Permanent, e))?;
        Ok(Saved { bytes, digest: "sha256:none".to_owned() })
    }
    async fn open(&self, _: &Context, artifact: &Artifact) -> Result<ByteStream, ArtifactError> {
        Err(Self::error(artifact, "open", ErrorClass::Permanent, std::io::Error::other("not here")))
    }
    async fn put(&self, _: &Context, artifact: &Artifact, _: ByteStream) -> Result<Saved, ArtifactError> {
        Err(Self::error(artifact, "put", ErrorClass::Permanent, std::io::Error::other("not here")))
    }
    async fn list(&self, _: &Context, _: &Artifact, _: usize) -> Result<Vec<Entry>, ArtifactError> {
        Ok(Vec::new())
    }
    async fn delete(&self, _: &Context, _: &Artifact) -> Result<(), ArtifactError> {
        Ok(())
    }
}

/// A runner with its surroundings.
pub struct Kit {
    pub runner: LocalRunner,
    pub events: Receiver<UnitEvent>,
    pub objects: Arc<Objects>,
    pub dir: Arc<tempfile::TempDir>,
    seen: Vec<UnitEvent>,
}

pub fn settings() -> Settings {
    let program =
        std::env::var_os("COLCHIS_TEST_AGENT").map_or(env!("CARGO_BIN_EXE_runner-local-agent").into(), Into::into);
    let agent = AgentProgram { program, args: Vec::new() };
    Settings { agent, images: ImagesMode::Host, pool: 2, ..Settings::default() }
}

impl Kit {
    pub async fn new() -> Self {
        Self::with(settings(), Arc::new(tempfile::tempdir().unwrap())).await
    }

    pub async fn with(settings: Settings, dir: Arc<tempfile::TempDir>) -> Self {
        let (sender, events) = tokio::sync::mpsc::channel(256);
        let objects = Arc::new(Objects::default());
        let environment = Environment {
            references: objects.clone(),
            artifacts: Arc::new(FolderRepository(dir.path().join("repository"))),
            events: sender,
            data_dir: dir.path().join("data"),
        };
        let runner = LocalRunner::new(settings, environment).await.unwrap();
        Self { runner, events, objects, dir, seen: Vec::new() }
    }

    pub async fn start(&self, unit: Unit) -> Arc<str> {
        let key = unit.key.clone();
        self.runner.start(unit).await.unwrap();
        key
    }

    /// The next event of this unit that the function wants.
    pub async fn wait<T>(&mut self, key: &str, want: impl Fn(&UnitHappening) -> Option<T>) -> T {
        for (at, event) in self.seen.iter().enumerate() {
            if &*event.key == key
                && let Some(found) = want(&event.what)
            {
                self.seen.remove(at);
                return found;
            }
        }
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let event = match tokio::time::timeout_at(deadline, self.events.recv()).await {
                Ok(event) => event.unwrap(),
                Err(_) => panic!("{key}: waited in vain; seen: {:#?}", self.seen),
            };
            if &*event.key == key
                && let Some(found) = want(&event.what)
            {
                return found;
            }
            self.seen.push(event);
        }
    }

    pub async fn ended(&mut self, key: &str) -> UnitResult {
        self.wait(key, |what| match what {
            UnitHappening::Ended(result) => Some((**result).clone()),
            _ => None,
        })
        .await
    }

    pub async fn started(&mut self, key: &str) -> (String, Option<String>) {
        self.wait(key, |what| match what {
            UnitHappening::Started { message, ip, .. } => Some((message.clone(), ip.clone())),
            _ => None,
        })
        .await
    }

    pub async fn run(&mut self, unit: Unit) -> UnitResult {
        let key = self.start(unit).await;
        self.ended(&key).await
    }

    /// Waits until the log has this line.
    pub async fn line(&self, key: &Arc<str>, wanted: &str) {
        let mut lines = self.runner.logs(key, LogQuery { follow: true, ..LogQuery::default() }).await.unwrap();
        let found = async {
            while let Some(line) = lines.next().await {
                if line.unwrap().text == wanted.as_bytes() {
                    return;
                }
            }
            panic!("{key}: the log ended without {wanted:?}");
        };
        tokio::time::timeout(PATIENCE, found).await.expect("the line comes");
    }

    pub async fn log(&self, key: &Arc<str>, query: LogQuery) -> Vec<String> {
        let lines = self.runner.logs(key, query).await.unwrap();
        let collected = lines.map(|l| String::from_utf8_lossy(&l.unwrap().text).into_owned()).collect::<Vec<_>>();
        tokio::time::timeout(PATIENCE, collected).await.expect("the log ends")
    }
}

impl Drop for Kit {
    fn drop(&mut self) {
        // The agent ends when its folder's status is gone; here at once.
        let path = self.dir.path().join("data/agent/status.json");
        if let Ok(text) = std::fs::read(&path) {
            let status: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
            if let Some(pid) = status["pid"].as_i64().and_then(|p| i32::try_from(p).ok()) {
                let pid = rustix::process::Pid::from_raw(pid).unwrap();
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
}

/// A unit of a template in JSON.
pub fn unit(key: &str, template: serde_json::Value) -> Unit {
    let template: Template = serde_json::from_value(template).unwrap();
    let (uid, node) = key.split_once('/').unwrap();
    Unit {
        key: key.into(),
        namespace: "default".into(),
        workflow_name: "hello".into(),
        workflow_uid: uid.into(),
        node_id: node.into(),
        node_name: "hello[0].step".into(),
        pod_name: "hello-step-123".into(),
        labels: vec![("app".to_owned(), "demo".to_owned())],
        annotations: vec![],
        template: Arc::new(template),
        volumes: vec![],
        input_artifacts: vec![],
        output_artifacts: vec![],
        log_archive: None,
        image_pull_secrets: vec![],
        deadline_ms: None,
        own_network: false,
    }
}

/// A container template that runs a shell line.
pub fn shell(key: &str, line: &str) -> Unit {
    unit(key, serde_json::json!({"name": "t", "container": {"image": "any", "command": ["/bin/sh", "-c", line]}}))
}

/// Skips a test, visibly, where namespaces cannot be had.
macro_rules! namespaces {
    () => {
        if !cfg!(target_os = "linux") || !rustix::process::geteuid().is_root() {
            testkit::tools::skip(concat!(module_path!(), ":", line!()), "it needs Linux and root");
            return;
        }
    };
}
pub(crate) use namespaces;

/// A folder of its own.
pub fn dir() -> Arc<tempfile::TempDir> {
    Arc::new(tempfile::tempdir().unwrap())
}

/// Waits for a condition.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
