//! Calls of components, without a server around them: what the host itself costs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use artifact::Secret;
use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use plugin::{
    CallContext, ErrorClass, LogLine, NoFiles, ObjectRef, PluginError, Plugins, Result, StepFiles, StepRequest,
};
use plugin_host::{
    Component, Grants, Limits, LogSink, NoBlobs, PluginHost, SecretGrant, Secrets, Services, Settings, StateKey,
    StateStore, StoredState,
};
use serde_json::json;

use super::percentile;
use crate::report::{Row, Target};

const CALLS: usize = 20_000;
const WORKERS: usize = 4;

/// Plugins that are installed at once.
const INSTALLED: usize = 1_000;

/// Nothing where there is no component: `cargo xtask guests` makes them.
pub(crate) async fn run(_: usize) -> Vec<Row> {
    let Some(folder) = testkit::tools::guests() else {
        eprintln!("  no component: `cargo xtask guests greet conformance`");
        return Vec::new();
    };
    let component = |name: &str, guest: &str| Component {
        name: name.into(),
        bytes: std::fs::read(folder.join(format!("{guest}.wasm"))).unwrap().into(),
        digest: None,
        grants: Grants::default(),
        limits: Limits::default(),
    };
    let greet = component("greet", "greet");
    let cache = tempfile::tempdir().unwrap();
    let settings = Settings { cache: Some(cache.path().join("compiled")), ..Settings::default() };
    let begun = Instant::now();
    host(&settings).load(greet.clone()).await.unwrap();
    let compiled = begun.elapsed();
    // One of 1 MB, for another host to find in the cache.
    let large = component("large", "conformance");
    host(&settings).load(large.clone()).await.unwrap();
    let host = host(&settings);
    // An engine is made for the first plugin; it is not what loading costs.
    host.load(greet.clone()).await.unwrap();
    let begun = Instant::now();
    host.load(large).await.unwrap();
    let cached = begun.elapsed();
    one_by_one(&host, "greet", 1_000).await;
    let mut fresh = one_by_one(&host, "greet", CALLS).await;
    let warm = Limits { pool_size: 1, invocations_max: u32::MAX, ..Limits::default() };
    host.load(Component { name: "warm".into(), limits: warm, ..greet.clone() }).await.unwrap();
    let mut warm = one_by_one(&host, "warm", CALLS).await;
    let begun = Instant::now();
    let workers = (0..WORKERS).map(|_| {
        let host = host.clone();
        tokio::spawn(async move { one_by_one(&host, "greet", CALLS / WORKERS).await })
    });
    futures::future::join_all(workers).await;
    let rate = CALLS as f64 / begun.elapsed().as_secs_f64();
    let each = installed(&host, &greet).await;
    let us = |time: Duration| time.as_secs_f64() * 1e6;
    let row = |what: &str, unit, value, target| Row::new("plugins", what, unit, value, target);
    vec![
        row("a small step's call, fresh instance, p50", "µs", us(percentile(&mut fresh, 0.5)), Target::Most(40.0)),
        row("a small step's call, fresh instance, p99", "µs", us(percentile(&mut fresh, 0.99)), Target::None),
        row("a small step's call, warm instance, p50", "µs", us(percentile(&mut warm, 0.5)), Target::Most(5.0)),
        row("a small step's call, warm instance, p99", "µs", us(percentile(&mut warm, 0.99)), Target::None),
        row("calls per second, 4 at a time", "/s", rate, Target::Least(20_000.0)),
        row("load of a compiled component of 1 MB", "ms", super::ms(cached), Target::Most(5.0)),
        row("load of one of 0.3 MB the first time, engine and compiling", "ms", super::ms(compiled), Target::None),
        row("memory of one of 1,000 plugins installed", "KiB", each, Target::Most(1024.0)),
    ]
}

/// What one more plugin takes when many are installed (KiB).
async fn installed(host: &Arc<PluginHost>, component: &Component) -> f64 {
    let before = resident_kib();
    for n in 0..INSTALLED {
        host.load(Component { name: format!("installed-{n}").into(), ..component.clone() }).await.unwrap();
    }
    (resident_kib() - before) / INSTALLED as f64
}

/// Resident memory of this process.
fn resident_kib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

async fn one_by_one(host: &Arc<PluginHost>, name: &str, count: usize) -> Vec<Duration> {
    let object = ObjectRef { kind: "Workflow".into(), namespace: "default".into(), name: "bench".into() };
    let context = CallContext::new(object, Duration::from_secs(10));
    let request = StepRequest {
        config: json!({"who": "x"}),
        workflow_uid: "u".into(),
        node: "n".into(),
        template: "t".into(),
        parameters: Vec::new(),
        artifacts: Vec::new(),
    };
    let step = host.step(name).unwrap();
    let files: Arc<dyn StepFiles> = Arc::new(NoFiles);
    let mut took = Vec::with_capacity(count);
    for _ in 0..count {
        let begun = Instant::now();
        step.start(&context, &request, &files).await.unwrap();
        took.push(begun.elapsed());
    }
    took
}

pub(super) fn host(settings: &Settings) -> Arc<PluginHost> {
    let services = Services {
        state: Arc::new(Nothing),
        blobs: Arc::new(NoBlobs),
        secrets: Arc::new(Nothing),
        logs: Arc::new(Nothing),
        resolver: Arc::new(egress::SystemResolver),
        deny: Vec::new(),
        wire: None,
    };
    PluginHost::new(settings.clone(), services)
}

/// What no call here asks for.
struct Nothing;

fn nothing<T>() -> Result<T> {
    Err(PluginError::new(ErrorClass::NotFound, "nothing", "there is nothing here"))
}

#[async_trait]
impl StateStore for Nothing {
    async fn get(&self, _: &StateKey) -> Result<Option<StoredState>> {
        nothing()
    }
    async fn set(&self, _: &StateKey, _: Vec<u8>, _: Option<u64>, _: u64) -> Result<Option<u64>> {
        nothing()
    }
    async fn delete(&self, _: &StateKey) -> Result<()> {
        nothing()
    }
    async fn keys(&self, _: &StateKey, _: Option<&str>, _: usize) -> Result<Vec<String>> {
        nothing()
    }
}

#[async_trait]
impl Secrets for Nothing {
    async fn value(&self, _: &SecretGrant) -> Result<Secret> {
        nothing()
    }
}

impl LogSink for Nothing {
    fn write(&self, _: LogLine) {}

    fn read(&self, _: &str, _: bool) -> BoxStream<'static, LogLine> {
        stream::empty().boxed()
    }
}
