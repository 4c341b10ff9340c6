//! A server, and clients of it.

use std::sync::Arc;
use std::time::Duration;

use api::access::{Policy, TokenFile, TokenHash};
use api::{About, AdmissionSettings, Api, Deps, Limits, Listen};
use bytes::{Buf, BufMut, Bytes};
use client::v1::*;
use client::{Client, Options, Retry};
use futures::{StreamExt, TryStreamExt, stream};
use store::memory::MemoryStore;
use store::objects::{Gvk, Key, Objects, Precondition, StatusUpdate};
use store::stamp::ManualStamp;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::desk::FakeDesk;
use crate::fakes::{EveryMs, FakeArtifacts, FakeControl, OneBucket};

pub(crate) const NOW_MS: i64 = 1_800_000_000_000;

pub(crate) struct World {
    pub(crate) address: String,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) control: Arc<FakeControl>,
    pub(crate) artifacts: Arc<FakeArtifacts>,
    pub(crate) desk: Arc<FakeDesk>,
    pub(crate) api: Api,
    deps: Deps,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    pub(crate) served: Option<tokio::task::JoinHandle<()>>,
}

/// What a test changes about the server.
pub(crate) struct Setup {
    pub(crate) limits: Limits,
    pub(crate) store_limits: store::Limits,
    pub(crate) admission: AdmissionSettings,
    pub(crate) grace: Duration,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            limits: Limits { watch_idle_ms: 600_000, ..Limits::default() },
            store_limits: store::Limits::default(),
            admission: AdmissionSettings::default(),
            grace: Duration::from_secs(5),
        }
    }
}

/// Users: `root` may everything, `dev` works in `default`, `viewer` looks at `default`, `two` looks at two namespaces, `nobody` may nothing.
/// Each user's token is `token-of-<user>`.
fn policy() -> Policy {
    Policy::from_value(serde_json::json!({"bindings": [
        {"role": "admin", "users": ["root"], "namespaces": ["*"]},
        {"role": "edit", "users": ["dev"], "namespaces": ["default"]},
        {"role": "view", "users": ["viewer"], "namespaces": ["default"], "cluster": true},
        {"role": "view", "users": ["two"], "namespaces": ["default", "other"]},
    ]}))
    .unwrap()
}

fn tokens() -> TokenFile {
    let users = ["root", "dev", "viewer", "two", "nobody"];
    let line = |user: &&str| format!("{user} - {}\n", TokenHash::of(&format!("token-of-{user}")));
    TokenFile::parse(&users.iter().map(line).collect::<String>()).unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let store = MemoryStore::with_limits(Arc::new(ManualStamp::new(NOW_MS, 1)), setup.store_limits);
        let (control, artifacts) = (Arc::new(FakeControl::default()), Arc::new(FakeArtifacts::default()));
        let desk = Arc::new(FakeDesk::default());
        let deps = Deps {
            objects: store.clone(),
            control: control.clone(),
            artifacts: artifacts.clone(),
            repositories: Arc::new(OneBucket),
            schedules: Arc::new(EveryMs),
            plugins: desk.clone(),
            fetch: desk.clone(),
            authenticator: Arc::new(tokens()),
            authorizer: Arc::new(policy()),
            admission: setup.admission,
            about: About::default(),
            limits: setup.limits,
        };
        let api = Api::new(deps.clone()).await;
        api.ready().await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let listen = Listen { listener, tls: None, plaintext_anywhere: false, grace: setup.grace };
        let serving = api.clone();
        let served = tokio::spawn(async move {
            let shutdown = async { drop(stopped.await) };
            serving.serve(listen, None, shutdown).await.unwrap();
        });
        Self { address, store, control, artifacts, desk, api, deps, stop: Some(stop), served: Some(served) }
    }

    pub(crate) fn options(&self, user: &str) -> Options {
        let mut options = Options::new(&self.address).with_token(format!("token-of-{user}"));
        options.retry = Retry::NEVER;
        options
    }

    pub(crate) async fn client(&self, user: &str) -> Client {
        Client::connect(self.options(user)).await.unwrap()
    }

    pub(crate) async fn root(&self) -> Client {
        self.client("root").await
    }

    /// Asks the server to stop; `served` ends when it has.
    pub(crate) fn shut_down(&mut self) {
        drop(self.stop.take());
    }

    /// Another server at the same address, over the same store.
    pub(crate) async fn serve_again(&mut self) {
        let api = Api::new(self.deps.clone()).await;
        let listener = tokio::net::TcpListener::bind(self.address.trim_start_matches("http://")).await.unwrap();
        self.api = api.clone();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        self.stop = Some(stop);
        let listen = Listen { listener, tls: None, plaintext_anywhere: false, grace: Duration::from_secs(5) };
        self.served = Some(tokio::spawn(async move {
            let shutdown = async { drop(stopped.await) };
            api.serve(listen, None, shutdown).await.unwrap();
        }));
    }

    /// Writes a run's status as the engine would.
    pub(crate) async fn set_status(&self, name: &str, status: serde_json::Value) {
        let key = Key::new(Gvk::new("argoproj.io/v1alpha1", "Workflow"), "default", name);
        let status = StatusUpdate {
            status: serde_json::value::to_raw_value(&status).unwrap(),
            labels: Vec::new(),
            annotations: Vec::new(),
            precondition: Precondition::default(),
        };
        self.store.update_status(&key, status).await.unwrap();
    }

    /// Submits a run, and makes it known to the engine.
    pub(crate) async fn run(&self, name: &str) -> SubmitResponse {
        let submitted = self.root().await.submit(submit(&hello(name))).await.unwrap();
        self.control.change(name, |_| {});
        submitted
    }

    /// One call of an RPC by bytes.
    pub(crate) async fn raw(
        &self,
        token: Option<&str>,
        path: &str,
        messages: Vec<Bytes>,
    ) -> Result<Vec<Bytes>, Status> {
        let channel = Channel::from_shared(self.address.clone()).unwrap().connect().await.unwrap();
        let mut grpc = tonic::client::Grpc::new(channel);
        grpc.ready().await.unwrap();
        let mut request = Request::new(stream::iter(messages));
        if let Some(token) = token {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        let answer = grpc.streaming(request, path.parse().unwrap(), RawCodec).await?;
        answer.into_inner().try_collect().await
    }
}

/// Messages as bytes.
#[derive(Default, Clone, Copy)]
pub(crate) struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, input: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(input.copy_to_bytes(input.remaining())))
    }
}

/// A run of one step.
pub(crate) fn hello(name: &str) -> serde_json::Value {
    serde_json::json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name},
        "spec": {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "alpine", "command": ["true"]}}]}
    })
}

pub(crate) fn template(kind: &str, name: &str) -> serde_json::Value {
    let mut template = hello(name);
    template["kind"] = kind.into();
    template["spec"]["arguments"] = serde_json::json!({"parameters": [{"name": "who", "value": "you"}]});
    template
}

pub(crate) fn cron(name: &str) -> serde_json::Value {
    serde_json::json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "CronWorkflow", "metadata": {"name": name},
        "spec": {"schedules": ["0 * * * *"], "workflowSpec": hello("x")["spec"].clone(),
            "workflowMetadata": {"labels": {"from": "cron"}}}
    })
}

pub(crate) fn config_map(name: &str, data: serde_json::Value) -> serde_json::Value {
    serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

pub(crate) fn secret(name: &str) -> serde_json::Value {
    serde_json::json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"password": "hunter2"}})
}

pub(crate) fn bytes(value: &serde_json::Value) -> Bytes {
    Bytes::from(value.to_string())
}

pub(crate) fn json(bytes: &[u8]) -> serde_json::Value {
    serde_json::from_slice(bytes).unwrap()
}

pub(crate) fn submit(manifest: &serde_json::Value) -> SubmitRequest {
    SubmitRequest { source: Some(submit_request::Source::Manifest(bytes(manifest))), ..SubmitRequest::default() }
}

pub(crate) fn create(document: &serde_json::Value) -> CreateRequest {
    CreateRequest { document: bytes(document), ..CreateRequest::default() }
}

pub(crate) fn apply(document: &serde_json::Value) -> ApplyRequest {
    ApplyRequest { document: bytes(document), ..ApplyRequest::default() }
}

pub(crate) fn object_key(kind: &str, name: &str) -> Option<ObjectKey> {
    Some(ObjectKey { kind: kind.to_owned(), name: name.to_owned(), ..ObjectKey::default() })
}

pub(crate) fn get(kind: &str, name: &str) -> GetRequest {
    GetRequest { key: object_key(kind, name), reveal_secrets: false }
}

pub(crate) fn get_workflow(name: &str, status: StatusDetail) -> GetWorkflowRequest {
    GetWorkflowRequest { name: name.to_owned(), status: status.into(), ..GetWorkflowRequest::default() }
}

/// The error that a call must give.
pub(crate) fn refused<T: std::fmt::Debug>(answer: client::Result<T>) -> client::RpcError {
    let error = answer.expect_err("the call was answered");
    error.rpc().unwrap_or_else(|| panic!("no error of the server: {error:?}")).clone()
}

/// The next message of a stream, which must come soon.
pub(crate) async fn next<T>(
    messages: &mut (impl futures::Stream<Item = client::Result<T>> + Unpin),
) -> client::Result<T> {
    let next = tokio::time::timeout(Duration::from_secs(10), messages.next()).await;
    next.expect("no message came").expect("the stream ended")
}
