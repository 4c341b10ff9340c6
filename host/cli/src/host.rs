//! What the command line asks of the binary it is built into.
//!
//! The command line talks to servers through their API and knows no adapter. What only the composition root can do (start a server in this process, read the
//! configuration, look into the image store) stands behind this trait.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::error::Exit;
use crate::settings::{Effective, Setting, SettingProblem};

/// How the configuration is read.
#[derive(Debug, Clone, Default)]
pub struct ConfigRequest {
    /// `--config`.
    pub file: Option<PathBuf>,
    /// Flags that set settings: key, the flag as it was written, value.
    pub flags: Vec<(String, String, String)>,
}

/// The configuration as it was read.
#[derive(Debug, Clone, Default)]
pub struct Configuration {
    /// The file that was read, if there was one.
    pub file: Option<PathBuf>,
    /// Every setting with its value.
    pub effective: Vec<Effective>,
    /// All that is wrong.
    pub problems: Vec<SettingProblem>,
}

/// Where commands send their requests.
#[derive(Clone, Default)]
pub struct Target {
    /// `http://127.0.0.1:2746` or `https://…`.
    pub address: String,
    /// The bearer token.
    pub token: Option<String>,
    /// Authorities of the server's certificate, PEM.
    pub ca: Option<Vec<u8>>,
    /// The client's certificate and key, PEM.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// The namespace of commands that name none; empty: the server's default.
    pub namespace: String,
    /// How long one request may take.
    pub timeout: Duration,
}

/// A server in this process.
#[derive(Debug, Clone, Default)]
pub struct EmbedRequest {
    /// The configuration to read.
    pub config: ConfigRequest,
    /// Its folder; a temporary one when absent.
    pub data_dir: Option<PathBuf>,
    /// Keep a temporary folder.
    pub keep: bool,
    /// `images`, when said on the command line.
    pub images: Option<String>,
}

/// A server that runs in this process.
#[async_trait]
pub trait Embedded: Send {
    /// Where it listens and with what token.
    fn target(&self) -> Target;
    /// What a person should know: which root steps run on, and why.
    fn announcements(&self) -> Vec<String>;
    /// Its folder.
    fn data_dir(&self) -> PathBuf;
    /// Stops it: finishes commits, and removes a temporary folder that is not kept (its steps are ended first).
    async fn stop(self: Box<Self>) -> anyhow::Result<()>;
}

/// A container image in the store of this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageInfo {
    /// The name it is known by: `docker.io/library/alpine:3.20`.
    pub name: String,
    /// `sha256:…` of its manifest.
    pub digest: String,
    /// Bytes of its layers, unpacked.
    pub size_bytes: u64,
    /// Layers.
    pub layers: usize,
    /// Pulled or imported (ms since the epoch).
    pub added_ms: i64,
    /// The platform: `linux/amd64`.
    pub platform: String,
    /// The image's config as JSON text; only from `inspect`.
    pub config: Option<String>,
}

/// What is done with images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageAction {
    /// Unpacks an archive (`docker save` or an OCI layout, also gzipped) under the names in it, or another; or takes a component of WebAssembly.
    Import {
        /// The file.
        path: PathBuf,
        /// A name for it.
        name: Option<String>,
    },
    /// Gets it from its registry.
    Pull {
        /// Its reference.
        name: String,
    },
    /// All of them.
    List,
    /// One of them, with its config.
    Inspect {
        /// Its name or digest.
        name: String,
    },
    /// Forgets names; `Prune` then frees their layers.
    Remove {
        /// Names or digests.
        names: Vec<String>,
    },
    /// Removes layers that no image has.
    Prune,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageOutcome {
    /// The images it is about.
    pub images: Vec<ImageInfo>,
    /// Bytes that were freed.
    pub freed_bytes: u64,
}

/// What a backup holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BackupReport {
    /// The newest revision.
    pub revision: u64,
    /// Objects.
    pub objects: u64,
    /// Runs, schedules and locks with a journal.
    pub instances: u64,
}

/// The binary's version.
#[derive(Debug, Clone, Default)]
pub struct Version {
    /// `0.1.0`.
    pub version: String,
    /// The commit, where known.
    pub commit: String,
    /// `linux/x86_64`.
    pub platform: String,
}

/// A step that a rehearsal decides: what is known of it before it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepFacts {
    /// The run's name.
    pub workflow: String,
    /// The node's full name: `build[0].compile(0)`.
    pub node: String,
    /// The template's name.
    pub template: String,
    /// Input parameters by name.
    pub parameters: BTreeMap<String, String>,
    /// Output parameters that the step must leave: those read from a file, with their default.
    pub outputs: Vec<(String, Option<String>)>,
    /// Output artifacts, by name.
    pub artifacts: Vec<String>,
    /// For an `http` template: method and URL.
    pub http: Option<(String, String)>,
    /// For an `http` template: the body.
    pub body: String,
    /// `resource` or `data`: the rehearsal's server does it itself, unless the actor does.
    pub by_server: bool,
}

/// How a step goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepOutcome {
    /// How long it runs.
    pub lasts_ms: u64,
    /// What it writes.
    pub log: Vec<String>,
    /// `outputs.result`.
    pub result: Option<String>,
    /// Output parameters.
    pub parameters: Vec<(String, String)>,
    /// Output artifacts that it does not leave.
    pub without_artifacts: Vec<String>,
    /// Its exit code; other than 0 it has failed.
    pub exit_code: i32,
    /// The system could not run it, or did not get its outputs: why.
    pub error: Option<String>,
    /// Why it failed.
    pub message: String,
    /// For an `http` template: status and headers; the body is `result`.
    pub http: Option<(u16, Vec<(String, String)>)>,
    /// The actor does not do it: the server does ([`StepFacts::by_server`]).
    pub by_server: bool,
}

/// Decides how steps go.
pub type Actor = Arc<dyn Fn(&StepFacts) -> StepOutcome + Send + Sync>;

/// A server of which nothing is real: steps go as an actor says, and time passes only while nothing else happens.
pub struct Rehearsal {
    /// Its API.
    pub client: client::Client,
    /// The namespace to work in.
    pub namespace: String,
    /// Its time (ms since the epoch).
    pub now_ms: Arc<dyn Fn() -> i64 + Send + Sync>,
}

/// What is done on a rehearsal's server; waiting in it is waiting in its time.
pub type Play = Box<dyn FnOnce(Rehearsal) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// What only the composition root can do.
#[async_trait]
pub trait Host: Send + Sync + 'static {
    /// The table of settings.
    fn settings(&self) -> &'static [Setting];

    /// The binary's version.
    fn version(&self) -> Version;

    /// Reads the configuration and says all that is wrong with it.
    fn configuration(&self, request: &ConfigRequest) -> Configuration;

    /// Where commands send their requests: as configured, or the server of the data folder.
    fn target(&self, request: &ConfigRequest) -> anyhow::Result<Target>;

    /// Runs a server until it is told to stop.
    async fn serve(&self, request: &ConfigRequest) -> anyhow::Result<Exit>;

    /// Starts a server in this process.
    async fn embed(&self, request: &EmbedRequest) -> anyhow::Result<Box<dyn Embedded>>;

    /// Plays on a server of which nothing is real, whose time begins at a moment (ms since the epoch). Blocks until the play is over.
    fn rehearse(&self, request: &ConfigRequest, start_ms: i64, actor: Actor, play: Play) -> anyhow::Result<()>;

    /// Reads a URL, at most so many bytes.
    async fn fetch(&self, url: &str, bytes_max: u64) -> anyhow::Result<Vec<u8>>;

    /// Sets up a host for one component, without a server.
    fn workbench(&self, order: plugin_check::Order) -> anyhow::Result<Box<dyn plugin_check::Workbench>>;

    /// Runs the beginning of a core module of a renderer, and makes one whose instances begin where that ended.
    fn begun(&self, module: &[u8]) -> anyhow::Result<Vec<u8>>;

    /// Works on the image store of the data folder.
    async fn images(&self, request: &ConfigRequest, action: ImageAction) -> anyhow::Result<ImageOutcome>;

    /// Copies the store of the data folder into a folder, which becomes a data folder of its own; also while a server uses it.
    async fn backup(
        &self,
        request: &ConfigRequest,
        to: &std::path::Path,
        with_key: bool,
    ) -> anyhow::Result<BackupReport>;
}
