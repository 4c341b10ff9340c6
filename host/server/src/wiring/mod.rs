//! One server made of its parts.
//!
//! ```text
//!   Config ──► store ─► artifacts ─► runner ─► runtime ─► api ─► listeners          started in this order, each seeing only ports
//!                                                          stop: listeners ─► runtime ─► agent ─► store
//! ```

mod glue;
mod inner;
mod jq;
mod notice;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use api::access::{TokenEntry, TokenFile, TokenHash};
use runner::virtual_runner::{Decide, Script, Time, VirtualRunner};
use runner::{Environment, Runner, UnitEvent};
use runner_local::LocalRunner;
use runtime::{Requests, Runtime, RuntimeConfig, SharedClock, StoreReferences, SystemClock};
use store::journal::Journal;
use store::memory::MemoryStore;
use store::objects::{Objects, Stamp};
use store_sqlite::{Options, SqliteStore, Writes};
use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{ADMINISTRATOR, Config, RunnerKind};
use crate::observe::artifacts::Measured;
use crate::observe::exposition::Exposition;
use crate::observe::http::{self, Readiness};
use crate::observe::process;
use crate::plugins::{Plugins, fetching};
use crate::token;

pub use jq::child_main as jq_main;
pub use notice::Notice;

/// Events of units that wait for the loop; a runner waits when there are more.
const UNIT_EVENTS_MAX: usize = 1_024;
/// The file of the generated token, in the data folder.
pub const TOKEN_FILE: &str = "token";

/// What a server stands on.
pub enum Ground {
    /// A database and processes on this machine (or the virtual runner, where the configuration says so).
    Machine,
    /// Nothing outside of this process: objects in memory, units that go as a function says, time as a clock says.
    Virtual(Box<VirtualGround>),
}

/// What a server stands on that touches nothing.
pub struct VirtualGround {
    /// Times and ids of objects.
    pub stamp: Arc<dyn Stamp>,
    /// The loop's time.
    pub clock: SharedClock,
    /// The runner's time: the same.
    pub time: Time,
    /// How units go.
    pub decide: Decide,
    /// What `http` templates are answered.
    pub requests: Arc<dyn Requests>,
}

/// A server that runs in this process.
pub struct Server {
    address: Option<SocketAddr>,
    stream: Option<DuplexStream>,
    tls: bool,
    metrics_address: Option<SocketAddr>,
    token: String,
    notice: Option<Notice>,
    runtime: Arc<Runtime>,
    plugins: Option<Plugins>,
    local: Option<Arc<LocalRunner>>,
    sqlite: Option<Arc<SqliteStore>>,
    readiness: Readiness,
    stop: CancellationToken,
    serving: JoinHandle<Result<(), api::ServeError>>,
    pages: Option<JoinHandle<()>>,
}

/// Objects and journals, from one store.
struct Stores {
    objects: Arc<dyn Objects>,
    journal: Arc<dyn Journal>,
    sqlite: Option<Arc<SqliteStore>>,
}

impl Server {
    /// Starts one. It is ready when this returns.
    ///
    /// # Errors
    /// An address that is in use, a data folder that is in use or damaged, files that cannot be read.
    pub async fn start(config: &Config, ground: Ground) -> anyhow::Result<Self> {
        // First what fails most often, before anything is made.
        let on_machine = matches!(ground, Ground::Machine);
        let listener = match on_machine {
            true => Some(
                TcpListener::bind(config.listen)
                    .await
                    .with_context(|| format!("listen: {} cannot be listened on", config.listen))?,
            ),
            false => None,
        };
        let pages = match config.metrics_listen.filter(|_| on_machine) {
            Some(address) => Some(http::bind(address).await?),
            None => None,
        };
        let address = listener.as_ref().map(TcpListener::local_addr).transpose()?;
        let metrics_address = pages.as_ref().map(TcpListener::local_addr).transpose()?;

        let stores = open_stores(config, &ground).await?;
        let token = match on_machine {
            true => token::read_or_create(&config.data_dir.join(TOKEN_FILE))?,
            false => token::random_token()?,
        };
        let guard = egress::Guard::new(egress::Policy::new(config.egress.clone()));
        let (requests, jq): (Arc<dyn Requests>, Arc<dyn runtime::Jq>) = match &ground {
            Ground::Machine => {
                let client = egress::Client::new(guard.clone(), &egress::TlsSettings::default());
                (Arc::new(client.context("no client for what leaves the server")?), Arc::new(jq::ChildJq::default()))
            }
            Ground::Virtual(ground) => (ground.requests.clone(), Arc::new(jq::InnerJq)),
        };
        let artifacts = Arc::new(Measured::new(Arc::new(blob::Drivers::new(config.artifacts.clone(), guard.clone())?)));
        let (events, unit_events) = mpsc::channel::<UnitEvent>(UNIT_EVENTS_MAX);
        let environment = Environment {
            references: Arc::new(StoreReferences(stores.objects.clone())),
            artifacts: artifacts.clone(),
            events,
            data_dir: config.data_dir.clone(),
        };
        let (runner, local, clock) = make_runner(config, ground, environment, guard).await?;
        let plugins = stores
            .sqlite
            .as_ref()
            .map(|_| Plugins::start(config.plugins.clone(), stores.objects.clone(), &config.egress));
        if let (Some(plugins), Some(local)) = (&plugins, &local) {
            local.lend_programs(plugins.host.clone());
        }
        let fetch = fetching::fetcher(
            &config.plugins,
            stores.objects.clone(),
            config.egress.deny.clone(),
            config.artifacts.clone(),
        );
        let fetch = Arc::new(fetch.context("requirements of renderers cannot be fetched")?);
        let desk: Arc<dyn plugin::Desk> = match &plugins {
            Some(plugins) => plugins.host.clone(),
            None => Arc::new(plugin::NoPlugins),
        };
        let repositories =
            Arc::new(glue::Repositories::new(stores.objects.clone(), config.runtime.artifact_repository.clone()));
        let transfers = artifacts.part();
        let runtime = Runtime::start(RuntimeConfig {
            objects: stores.objects.clone(),
            journal: stores.journal.clone(),
            runner,
            unit_events,
            artifacts: artifacts.clone(),
            repositories: repositories.clone(),
            requests,
            plugins: desk.clone(),
            jq,
            clock: clock.clone(),
            settings: config.runtime.clone(),
            // Grows with every commit, also over a restored backup, so that no later server has a lower one.
            generation: stores.objects.revision().await?.saturating_add(1),
        })
        .await
        .context("the store cannot be read")?;
        let api = api::Api::new(api::Deps {
            objects: stores.objects.clone(),
            control: runtime.clone(),
            artifacts,
            repositories,
            schedules: Arc::new(glue::Schedules::new(&config.runtime.timezone)),
            plugins: desk,
            fetch,
            authenticator: Arc::new(authenticator(config, &token)?),
            authorizer: Arc::new(config.policy.clone()),
            admission: config.admission.clone(),
            about: about(config, stores.sqlite.is_some(), local.is_some()),
            limits: config.api_limits,
        })
        .await;

        let stop = CancellationToken::new();
        let readiness = Readiness::default();
        let mut stream = None;
        let serving = match listener {
            Some(listener) => {
                let tls = server_tls(config)?;
                let listen = api::Listen { listener, tls, plaintext_anywhere: false, grace: config.stop_grace };
                let (api, stop) = (api.clone(), stop.clone());
                tokio::spawn(async move { api.serve(listen, None, stop.cancelled_owned()).await })
            }
            None => {
                let (ours, theirs) = tokio::io::duplex(inner::PIPE_BYTES);
                stream = Some(theirs);
                let (router, stop) = (api.router(), stop.clone());
                tokio::spawn(async move {
                    inner::serve(router, ours, stop).await;
                    Ok(())
                })
            }
        };
        let metrics = exposition(&runtime, &clock, stores.sqlite.clone(), local.as_ref());
        metrics.add(transfers);
        if let Some(plugins) = &plugins {
            let host = plugins.host.clone();
            metrics.add(Arc::new(move |out| host.metrics(out)));
        }
        let pages = pages.map(|listener| tokio::spawn(http::serve(listener, metrics, readiness.clone(), stop.clone())));
        if let Some(local) = local.clone() {
            tokio::spawn(async move { warm_up(&local).await });
        }
        api.ready().await;
        let notice = match (&stores.sqlite, address) {
            (Some(_), Some(address)) => {
                Some(Notice::write(&config.data_dir, address, metrics_address, config.tls.is_some())?)
            }
            _ => None,
        };
        readiness.set(true);
        Ok(Self {
            address,
            stream,
            tls: config.tls.is_some(),
            metrics_address,
            token,
            notice,
            runtime,
            plugins,
            local,
            sqlite: stores.sqlite,
            readiness,
            stop,
            serving,
            pages,
        })
    }

    /// `http://127.0.0.1:2746`; a name for people where nothing listens.
    pub fn address(&self) -> String {
        match self.address {
            Some(address) => format!("{}://{address}", if self.tls { "https" } else { "http" }),
            None => "http://within.this.process".to_owned(),
        }
    }

    /// The one connection of a server that listens nowhere.
    pub fn take_stream(&mut self) -> Option<DuplexStream> {
        self.stream.take()
    }

    /// Where its pages are.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// The administrator's token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// What a person should know of how steps are kept apart; empty when nothing is missing.
    pub async fn notes(&self) -> Vec<String> {
        match &self.local {
            Some(local) => local.warm_up().await.unwrap_or_else(|error| vec![error.to_string()]),
            None => Vec::new(),
        }
    }

    /// The image store of this server.
    pub fn images(&self) -> Option<Arc<runner_local::ImageStore>> {
        self.local.as_ref().map(|local| local.images())
    }

    /// Returns when it no longer listens, which it does by itself only when something broke.
    ///
    /// # Errors
    /// What broke.
    pub async fn broken(&mut self) -> anyhow::Result<()> {
        (&mut self.serving).await??;
        Ok(())
    }

    /// Stops it: accepts nothing more, lets calls end, finishes commits. Steps run on under their agents and are taken up by the next start.
    ///
    /// # Errors
    /// The listener broke while it ended.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.readiness.set(false);
        if let Some(notice) = self.notice.take() {
            notice.withdraw();
        }
        self.stop.cancel();
        let served = if self.serving.is_finished() { Ok(Ok(())) } else { (&mut self.serving).await };
        if let Some(pages) = self.pages.take() {
            // It ends with the same signal.
            let _ = pages.await;
        }
        self.runtime.stop();
        if let Some(plugins) = &self.plugins {
            plugins.stop();
        }
        if let Some(local) = &self.local {
            local.shut_down().await;
        }
        if let Some(sqlite) = self.sqlite.take() {
            tokio::task::spawn_blocking(move || sqlite.close()).await.context("the store did not close")?;
        }
        served??;
        Ok(())
    }
}

async fn open_stores(config: &Config, ground: &Ground) -> anyhow::Result<Stores> {
    match ground {
        Ground::Machine => {
            let options = Options {
                limits: config.store_limits,
                cache_bytes_max: config.store_cache_bytes_max,
                ..Options::new(&config.data_dir)
            };
            let opened = tokio::task::spawn_blocking(move || SqliteStore::open(options)).await;
            let store = opened.context("the store did not open")??;
            Ok(Stores { objects: store.clone(), journal: store.clone(), sqlite: Some(store) })
        }
        Ground::Virtual(ground) => {
            let store = MemoryStore::with_limits(ground.stamp.clone(), config.store_limits);
            Ok(Stores { objects: store.clone(), journal: store, sqlite: None })
        }
    }
}

type Made = (Arc<dyn Runner>, Option<Arc<LocalRunner>>, SharedClock);

async fn make_runner(
    config: &Config,
    ground: Ground,
    environment: Environment,
    guard: egress::Guard,
) -> anyhow::Result<Made> {
    match ground {
        Ground::Virtual(ground) => {
            let runner = VirtualRunner::new(environment.events, ground.time, ground.decide);
            Ok((Arc::new(runner), None, ground.clock))
        }
        Ground::Machine if config.runner == RunnerKind::Virtual => {
            let succeed: Decide = Arc::new(|_| Script::succeeds());
            let runner = VirtualRunner::new(environment.events, Time::system(), succeed);
            Ok((Arc::new(runner), None, Arc::new(SystemClock)))
        }
        Ground::Machine => {
            let settings = runner_local::Settings { guard: Some(guard), ..config.local.clone() };
            let local = Arc::new(LocalRunner::new(settings, environment).await?);
            Ok((local.clone(), Some(local), Arc::new(SystemClock)))
        }
    }
}

/// The agent is started beside, so that being ready does not wait for it.
async fn warm_up(local: &LocalRunner) {
    match local.warm_up().await {
        Ok(notes) => notes.iter().for_each(|note| tracing::info!("steps: {note}")),
        Err(error) => {
            tracing::warn!(%error, "the agent that runs steps did not start; it is tried again with the first step")
        }
    }
}

/// The generated administrator's token and those of the file.
fn authenticator(config: &Config, token: &str) -> anyhow::Result<TokenFile> {
    let own =
        TokenEntry { user: ADMINISTRATOR.to_owned(), groups: Vec::new(), hash: TokenHash::of(token), not_after: None };
    let mut text = format!("{own}\n");
    if let Some(path) = &config.tokens_file {
        let read = read_file(path, "auth.tokensFile")?;
        // One line is ours.
        let file =
            String::from_utf8(read).with_context(|| format!("auth.tokensFile: {} is not text", path.display()))?;
        TokenFile::parse(&file).with_context(|| format!("auth.tokensFile: {}", path.display()))?;
        text.push_str(&file);
    }
    Ok(TokenFile::parse(&text)?)
}

fn server_tls(config: &Config) -> anyhow::Result<Option<api::ServerTls>> {
    let Some(tls) = &config.tls else { return Ok(None) };
    let client_ca_pem = tls.client_ca.as_deref().map(|path| read_file(path, "tls.clientCA")).transpose()?;
    Ok(Some(api::ServerTls {
        certificate_pem: read_file(&tls.cert, "tls.cert")?,
        key_pem: read_file(&tls.key, "tls.key")?,
        client_ca_pem,
    }))
}

/// Reads a file that a setting names.
pub(crate) fn read_file(path: &Path, setting: &str) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("{setting}: {} cannot be read", path.display()))
}

fn about(config: &Config, sqlite: bool, local: bool) -> api::About {
    api::About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: crate::COMMIT.to_owned(),
        capabilities: vec![
            format!("store={}", if sqlite { "sqlite" } else { "memory" }),
            format!("runner={}", if local { "local" } else { "virtual" }),
        ],
        default_namespace: config.default_namespace.clone(),
        links: Vec::new(),
    }
}

fn exposition(
    runtime: &Arc<Runtime>,
    clock: &SharedClock,
    sqlite: Option<Arc<SqliteStore>>,
    local: Option<&Arc<LocalRunner>>,
) -> Exposition {
    let metrics = Exposition::new();
    metrics.add(process::part());
    let (measured, clock) = (runtime.metrics(), clock.clone());
    metrics.add(Arc::new(move |out| out.push_str(&measured.render(clock.now()))));
    let loaded = Arc::downgrade(runtime);
    metrics.add(Arc::new(move |out| {
        let count = loaded.upgrade().map_or(0, |runtime| runtime.loaded());
        process::family(out, "colchis_instances_loaded", "Instances held in memory", "gauge", count_of(count as u64));
    }));
    if let Some(sqlite) = sqlite {
        metrics.add(Arc::new(move |out| store_part(out, &sqlite)));
    }
    if let Some(images) = local.map(|local| local.images()) {
        metrics.add(Arc::new(move |out| images_part(out, &images)));
    }
    metrics
}

fn images_part(out: &mut String, images: &runner_local::ImageStore) {
    let pulls = images.pulls();
    let counter =
        |out: &mut String, name: &str, help: &str, value: f64| process::family(out, name, help, "counter", value);
    counter(out, "colchis_image_pulls_total", "Images that were pulled", count_of(pulls.done));
    counter(out, "colchis_image_pull_failures_total", "Pulls that failed", count_of(pulls.failed));
    counter(out, "colchis_image_pull_seconds_total", "Time that pulls took", pulls.lasted.as_secs_f64());
}

fn store_part(out: &mut String, sqlite: &SqliteStore) {
    let health = sqlite.health();
    let acknowledged = health.writes == Writes::Acknowledged;
    let gauge = |out: &mut String, name: &str, help: &str, value: u64| {
        process::family(out, name, help, "gauge", count_of(value))
    };
    gauge(out, "colchis_store_writable", "Whether writes are acknowledged", u64::from(acknowledged));
    gauge(out, "colchis_store_revision", "The newest durable revision", health.revision);
    gauge(out, "colchis_store_log_pages", "Pages in the write-ahead log", u64::from(health.log_pages));
    gauge(out, "colchis_store_cache_bytes", "Objects held in memory", health.cache_bytes);
    gauge(out, "colchis_store_watchers", "Open watches", health.watchers as u64);
    let counter = |out: &mut String, name: &str, help: &str, value: u64| {
        process::family(out, name, help, "counter", count_of(value))
    };
    counter(out, "colchis_store_commits_total", "Commits since the start", health.commits);
    counter(out, "colchis_store_requests_total", "Writes asked for since the start", health.requests);
    counter(
        out,
        "colchis_store_reopened_total",
        "Times that the database was reopened after a failed commit",
        health.reopened,
    );
}

#[allow(clippy::cast_precision_loss, reason = "figures for a graph")]
fn count_of(count: u64) -> f64 {
    count as f64
}

/// Where a data folder's server listens, if there is one.
pub fn notice_of(data_dir: &Path) -> Option<Notice> {
    Notice::read(data_dir)
}

/// The path of the generated token.
pub fn token_path(data_dir: &Path) -> PathBuf {
    data_dir.join(TOKEN_FILE)
}
