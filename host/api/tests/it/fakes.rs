//! Engines, artifacts, repositories and schedules that do what a test says.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use api::{Repositories, Schedules};
use artifact::{ArtifactError, Artifacts, ByteStream, Context, Entry, ErrorClass, Loaded, Saved};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use model::workflow::{Artifact, NodeStatus, WorkflowPhase, WorkflowStatus};
use runner::{LogLine, LogQuery};
use runtime::control::{Backfill, Command, Control, ControlError, NodeEvent, NodeLog, NodePage};
use tokio::sync::watch;

/// One run as the engine has it.
#[derive(Clone, Default)]
pub(crate) struct Run {
    pub(crate) nodes: Vec<NodeStatus>,
    pub(crate) status: WorkflowStatus,
    /// Lines by node id.
    pub(crate) logs: BTreeMap<String, Vec<String>>,
}

/// An engine whose runs the test writes.
pub(crate) struct FakeControl {
    runs: watch::Sender<BTreeMap<(String, String), Run>>,
    pub(crate) commands: Mutex<Vec<(String, Command)>>,
    pub(crate) panics: std::sync::atomic::AtomicBool,
}

impl Default for FakeControl {
    fn default() -> Self {
        Self { runs: watch::Sender::new(BTreeMap::new()), commands: Mutex::default(), panics: false.into() }
    }
}

impl FakeControl {
    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut Run)) {
        self.runs.send_modify(|runs| change(runs.entry(("default".to_owned(), name.to_owned())).or_default()));
    }

    fn run(&self, namespace: &str, name: &str) -> Result<Run, ControlError> {
        let key = (namespace.to_owned(), name.to_owned());
        let not_found = || ControlError::NotFound { namespace: namespace.to_owned(), name: name.to_owned() };
        self.runs.borrow().get(&key).cloned().ok_or_else(not_found)
    }
}

fn shows(selector: &str, node: &NodeStatus) -> bool {
    selector.split(',').filter(|term| !term.is_empty()).all(|term| {
        let (field, value) = term.split_once('=').unwrap_or((term, ""));
        let is = match field {
            "id" => &*node.id,
            "name" => &*node.name,
            "displayName" => &*node.display_name,
            "templateName" => &*node.template_name,
            "phase" => node.phase.as_str(),
            _ => value,
        };
        is == value
    })
}

#[async_trait]
impl Control for FakeControl {
    async fn command(&self, namespace: &str, name: &str, command: Command) -> Result<(), ControlError> {
        assert!(!self.panics.load(std::sync::atomic::Ordering::Relaxed), "the engine fell over");
        let run = self.run(namespace, name)?;
        if command == Command::Suspend && run.status.phase.is_finished() {
            let reason = "it has ended; resubmit it instead".to_owned();
            return Err(ControlError::Refused { namespace: namespace.to_owned(), name: name.to_owned(), reason });
        }
        self.commands.lock().unwrap().push((format!("{namespace}/{name}"), command));
        Ok(())
    }

    async fn nodes(
        &self,
        namespace: &str,
        name: &str,
        selector: Option<&str>,
        limit: u32,
        continue_token: Option<&str>,
    ) -> Result<NodePage, ControlError> {
        if selector == Some("hang=1") {
            std::future::pending::<()>().await;
        }
        let run = self.run(namespace, name)?;
        let skip: usize = continue_token.map_or(0, |token| token.parse().unwrap());
        let shown: Vec<NodeStatus> =
            run.nodes.into_iter().filter(|node| shows(selector.unwrap_or_default(), node)).collect();
        let end = (skip + limit as usize).min(shown.len());
        let continue_token = (end < shown.len()).then(|| end.to_string());
        Ok(NodePage { nodes: shown[skip..end].to_vec(), continue_token, position: 7 })
    }

    async fn watch_nodes(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<BoxStream<'static, Result<NodeEvent, ControlError>>, ControlError> {
        self.run(namespace, name)?;
        let key = (namespace.to_owned(), name.to_owned());
        let runs = self.runs.subscribe();
        Ok(stream::unfold((runs, key, 0, false), |(mut runs, key, position, ended)| async move {
            if ended {
                return None;
            }
            if position > 0 {
                runs.changed().await.ok()?;
            }
            let run = runs.borrow_and_update().get(&key).cloned()?;
            let summary = Box::new(run.status);
            let ended = summary.phase.is_finished();
            let event = NodeEvent::Changed { nodes: run.nodes, summary: summary.clone(), position: position + 1 };
            let events = if ended { vec![Ok(event), Ok(NodeEvent::Ended { summary })] } else { vec![Ok(event)] };
            Some((stream::iter(events), (runs, key, position + 1, ended)))
        })
        .flatten()
        .boxed())
    }

    async fn full_status(&self, namespace: &str, name: &str) -> Result<Arc<WorkflowStatus>, ControlError> {
        let run = self.run(namespace, name)?;
        let nodes = run.nodes.into_iter().map(|node| (node.id.to_string(), node)).collect();
        Ok(Arc::new(WorkflowStatus { nodes, ..run.status }))
    }

    async fn wait(&self, namespace: &str, name: &str) -> Result<Arc<WorkflowStatus>, ControlError> {
        self.run(namespace, name)?;
        let key = (namespace.to_owned(), name.to_owned());
        let mut runs = self.runs.subscribe();
        let ended = runs.wait_for(|runs| runs.get(&key).is_some_and(|run| run.status.phase.is_finished())).await;
        Ok(Arc::new(ended.unwrap().get(&key).unwrap().status.clone()))
    }

    async fn logs(&self, namespace: &str, name: &str, node_id: &str, query: LogQuery) -> Result<NodeLog, ControlError> {
        let run = self.run(namespace, name)?;
        let unknown = || ControlError::Runner(runner::RunnerError::Unknown { unit: node_id.to_owned() });
        let lines = run.logs.get(node_id).cloned().ok_or_else(unknown)?;
        let tail = query.tail_lines.map_or(lines.len(), |n| n as usize).min(lines.len());
        let container: Arc<str> = query.container.as_deref().unwrap_or("main").into();
        let lines = lines[lines.len() - tail..].to_vec();
        let line = move |(at, text): (usize, String)| {
            Ok(LogLine { container: container.clone(), at_ms: at as i64, text: Bytes::from(text) })
        };
        let lines = stream::iter(lines.into_iter().enumerate()).map(line).boxed();
        Ok(NodeLog { pod_name: String::new(), pod_display_name: String::new(), set: Vec::new(), lines })
    }

    async fn backfill(&self, _: &str, cron_workflow: &str, how: Backfill) -> Result<Vec<String>, ControlError> {
        let argument = how.argument.map(|(name, format)| format!("-{name}={format}")).unwrap_or_default();
        let prefix = how.name.as_deref().unwrap_or(cron_workflow);
        Ok(vec![format!("{prefix}-{}{argument}", how.until_ms - how.from_ms)])
    }
}

/// A repository in memory.
#[derive(Default)]
pub(crate) struct FakeArtifacts(pub(crate) Mutex<BTreeMap<String, Bytes>>);

fn key(artifact: &Artifact) -> String {
    artifact.location.s3.as_ref().map(|s3| s3.key.to_string()).unwrap_or_default()
}

fn error(artifact: &Artifact, class: ErrorClass) -> ArtifactError {
    ArtifactError {
        artifact: artifact.name.to_string(),
        operation: "open",
        location: format!("s3 bucket/{}", key(artifact)),
        reason: "nothing is there".to_owned(),
        class,
        source: None,
    }
}

#[async_trait]
impl Artifacts for FakeArtifacts {
    async fn load(&self, _: &Context, artifact: &Artifact, _: &Path) -> Result<Loaded, ArtifactError> {
        Err(error(artifact, ErrorClass::Permanent))
    }

    async fn save(&self, _: &Context, artifact: &Artifact, _: &Path) -> Result<Saved, ArtifactError> {
        Err(error(artifact, ErrorClass::Permanent))
    }

    async fn open(&self, context: &Context, artifact: &Artifact) -> Result<ByteStream, ArtifactError> {
        if let Some(secret) = artifact.location.s3.as_ref().and_then(|s3| s3.access_key_secret.as_ref()) {
            context.secrets.secret(&secret.name, &secret.key).await?;
        }
        let bytes = self.0.lock().unwrap().get(&key(artifact)).cloned();
        let bytes = bytes.ok_or_else(|| error(artifact, ErrorClass::NotFound))?;
        Ok(stream::iter([Ok(bytes)]).boxed())
    }

    async fn put(&self, _: &Context, artifact: &Artifact, content: ByteStream) -> Result<Saved, ArtifactError> {
        let bytes: BytesMut = content.try_concat_bytes().await?;
        let saved = Saved { bytes: bytes.len() as u64, digest: "sha256:x".to_owned() };
        self.0.lock().unwrap().insert(key(artifact), bytes.freeze());
        Ok(saved)
    }

    async fn list(&self, _: &Context, artifact: &Artifact, limit: usize) -> Result<Vec<Entry>, ArtifactError> {
        let prefix = format!("{}/", key(artifact));
        let objects = self.0.lock().unwrap();
        let below = objects.iter().filter_map(|(key, bytes)| Some((key.strip_prefix(&prefix)?, bytes)));
        Ok(below.take(limit).map(|(path, bytes)| Entry { path: path.to_owned(), size: bytes.len() as u64 }).collect())
    }

    async fn delete(&self, _: &Context, _: &Artifact) -> Result<(), ArtifactError> {
        Ok(())
    }
}

#[async_trait]
trait ConcatBytes {
    async fn try_concat_bytes(self) -> Result<BytesMut, ArtifactError>;
}

#[async_trait]
impl ConcatBytes for ByteStream {
    async fn try_concat_bytes(self) -> Result<BytesMut, ArtifactError> {
        self.try_fold(BytesMut::new(), |mut all, bytes| async move {
            all.extend_from_slice(&bytes);
            Ok(all)
        })
        .await
    }
}

/// One bucket for all.
pub(crate) struct OneBucket;

#[async_trait]
impl Repositories for OneBucket {
    async fn place(&self, namespace: &str, name: &str, key: &str) -> Result<Artifact, ArtifactError> {
        Ok(s3(name, &format!("{namespace}/{key}")))
    }
}

pub(crate) fn s3(name: &str, key: &str) -> Artifact {
    serde_json::from_value(serde_json::json!({"name": name, "s3": {"bucket": "bucket", "key": key}})).unwrap()
}

/// `every N` is due each N milliseconds.
pub(crate) struct EveryMs;

impl Schedules for EveryMs {
    fn next(
        &self,
        schedules: &[String],
        timezone: &str,
        from_ms: i64,
        count: usize,
    ) -> Result<Vec<i64>, (Option<usize>, String)> {
        if timezone == "Nowhere" {
            return Err((None, "there is no such time zone".to_owned()));
        }
        let mut due = Vec::new();
        for (at, schedule) in schedules.iter().enumerate() {
            let ms: i64 = schedule
                .strip_prefix("every ")
                .and_then(|ms| ms.parse().ok())
                .ok_or_else(|| (Some(at), "five fields are expected".to_owned()))?;
            due.extend((1..=count as i64).map(|n| (from_ms / ms + n) * ms));
        }
        due.sort_unstable();
        due.dedup();
        due.truncate(count);
        Ok(due)
    }
}

/// A node that ran.
pub(crate) fn node(id: &str, name: &str, phase: &str) -> NodeStatus {
    serde_json::from_value(serde_json::json!({
        "id": id, "name": format!("run.{name}"), "displayName": name, "type": "Pod", "templateName": "t", "phase": phase,
        "startedAt": "2026-01-01T00:00:01Z"
    }))
    .unwrap()
}

pub(crate) fn phase(text: &str) -> WorkflowPhase {
    WorkflowPhase::parse(text).unwrap()
}
