//! How many unary submits a second the api takes, client included, over a store in memory.
//!
//! ```text
//! cargo run -p api --profile quick --example submit_rate -- [submits] [in flight]
//! ```

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use api::access::{Policy, TokenFile, TokenHash};
use api::{About, AdmissionSettings, Api, Deps, Limits, Listen, Repositories, Schedules};
use artifact::{ArtifactError, Artifacts, ByteStream, Context, Entry, ErrorClass, Loaded, Saved};
use async_trait::async_trait;
use client::v1::*;
use client::{Client, Options};
use futures::stream::BoxStream;
use model::workflow::{Artifact, WorkflowStatus};
use runner::LogQuery;
use runtime::control::{Backfill, Command, Control, ControlError, NodeEvent, NodeLog, NodePage};
use store::memory::MemoryStore;
use store::stamp::ManualStamp;

/// Ports that a submit does not touch.
struct Nothing;

fn absent() -> ControlError {
    ControlError::Stopping
}

fn no_artifact() -> ArtifactError {
    ArtifactError {
        artifact: String::new(),
        operation: "open",
        location: String::new(),
        reason: "nothing is here".to_owned(),
        class: ErrorClass::NotFound,
        source: None,
    }
}

#[async_trait]
impl Control for Nothing {
    async fn command(&self, _: &str, _: &str, _: Command) -> Result<(), ControlError> {
        Err(absent())
    }
    async fn nodes(
        &self,
        _: &str,
        _: &str,
        _: Option<&str>,
        _: u32,
        _: Option<&str>,
    ) -> Result<NodePage, ControlError> {
        Err(absent())
    }
    async fn watch_nodes(
        &self,
        _: &str,
        _: &str,
    ) -> Result<BoxStream<'static, Result<NodeEvent, ControlError>>, ControlError> {
        Err(absent())
    }
    async fn full_status(&self, _: &str, _: &str) -> Result<Arc<WorkflowStatus>, ControlError> {
        Err(absent())
    }
    async fn wait(&self, _: &str, _: &str) -> Result<Arc<WorkflowStatus>, ControlError> {
        Err(absent())
    }
    async fn logs(&self, _: &str, _: &str, _: &str, _: LogQuery) -> Result<NodeLog, ControlError> {
        Err(absent())
    }
    async fn backfill(&self, _: &str, _: &str, _: Backfill) -> Result<Vec<String>, ControlError> {
        Err(absent())
    }
}

#[async_trait]
impl Artifacts for Nothing {
    async fn load(&self, _: &Context, _: &Artifact, _: &Path) -> Result<Loaded, ArtifactError> {
        Err(no_artifact())
    }
    async fn save(&self, _: &Context, _: &Artifact, _: &Path) -> Result<Saved, ArtifactError> {
        Err(no_artifact())
    }
    async fn open(&self, _: &Context, _: &Artifact) -> Result<ByteStream, ArtifactError> {
        Err(no_artifact())
    }
    async fn put(&self, _: &Context, _: &Artifact, _: ByteStream) -> Result<Saved, ArtifactError> {
        Err(no_artifact())
    }
    async fn list(&self, _: &Context, _: &Artifact, _: usize) -> Result<Vec<Entry>, ArtifactError> {
        Err(no_artifact())
    }
    async fn delete(&self, _: &Context, _: &Artifact) -> Result<(), ArtifactError> {
        Err(no_artifact())
    }
}

#[async_trait]
impl Repositories for Nothing {
    async fn place(&self, _: &str, _: &str, _: &str) -> Result<Artifact, ArtifactError> {
        Err(no_artifact())
    }
}

impl Schedules for Nothing {
    fn next(&self, _: &[String], _: &str, _: i64, _: usize) -> Result<Vec<i64>, (Option<usize>, String)> {
        Ok(Vec::new())
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|n| n.parse::<u64>().unwrap());
    let submits = arguments.next().unwrap_or(50_000);
    let in_flight = arguments.next().unwrap_or(64);
    let policy = serde_json::json!({"bindings": [{"role": "admin", "users": ["bench"], "namespaces": ["*"]}]});
    let deps = Deps {
        objects: MemoryStore::new(Arc::new(ManualStamp::new(0, 1))),
        control: Arc::new(Nothing),
        artifacts: Arc::new(Nothing),
        repositories: Arc::new(Nothing),
        schedules: Arc::new(Nothing),
        plugins: Arc::new(plugin::NoPlugins),
        fetch: Arc::new(plugin::NoFetch),
        authenticator: Arc::new(TokenFile::parse(&format!("bench - {}", TokenHash::of("t"))).unwrap()),
        authorizer: Arc::new(Policy::from_value(policy).unwrap()),
        admission: AdmissionSettings::default(),
        about: About::default(),
        limits: Limits::default(),
    };
    let api = Api::new(deps).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let listen = Listen { listener, tls: None, plaintext_anywhere: false, grace: Duration::ZERO };
    tokio::spawn(async move { api.serve(listen, None, std::future::pending()).await });
    let manifest = bytes::Bytes::from(
        serde_json::json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"generateName": "hello-", "labels": {"bench": "w4"}},
            "spec": {"entrypoint": "main", "arguments": {"parameters": [{"name": "who", "value": "you"}]},
                "templates": [{"name": "main", "container": {"image": "alpine", "command": ["sh", "-c"], "args": ["echo {{workflow.parameters.who}}"]}}]}
        })
        .to_string(),
    );
    let client = Client::connect(Options::new(&address).with_token("t")).await.unwrap();
    let left = Arc::new(AtomicU64::new(submits));
    let began = Instant::now();
    let workers: Vec<_> = (0..in_flight)
        .map(|_| {
            let (client, manifest, left) = (client.clone(), manifest.clone(), left.clone());
            tokio::spawn(async move {
                let mut took = Vec::new();
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
                    let source = Some(submit_request::Source::Manifest(manifest.clone()));
                    let at = Instant::now();
                    client.submit(SubmitRequest { source, ..SubmitRequest::default() }).await.unwrap();
                    took.push(at.elapsed());
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for worker in workers {
        took.extend(worker.await.unwrap());
    }
    let elapsed = began.elapsed();
    took.sort_unstable();
    let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize].as_micros();
    println!(
        "{submits} submits, {in_flight} in flight: {:.0} per second, p50 {} us, p99 {} us",
        submits as f64 / elapsed.as_secs_f64(),
        at(0.5),
        at(0.99)
    );
}
