//! The whole loop on ports that a test holds in its hand: objects in memory, steps that go as a function says, a clock that is set.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use artifact::{ArtifactError, Artifacts, ByteStream, Context, Entry, ErrorClass, Loaded, Saved};
use async_trait::async_trait;
use engine::Timestamp;
use model::Object;
use model::workflow::Artifact;
use runner::virtual_runner::{Script, Time, VirtualRunner};
use serde_json::{Value, json};
use store::memory::MemoryStore;
use store::objects::{Objects, Stamp};
use tokio::sync::watch;

use crate::control::{Command, Control};
use crate::workflows::{ARGO, key};
use crate::{Clock, HttpAnswer, HttpCall, Jq, NoAnswer, Repositories, Requests, Runtime, RuntimeConfig, Settings};

const NOON: i64 = 1_714_564_800_000;
const HOUR: i64 = 3_600_000;

/// A clock that stands until it is set, in either direction.
#[derive(Clone)]
struct SetClock(Arc<watch::Sender<i64>>);

#[async_trait]
impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(*self.0.borrow())
    }

    async fn until(&self, at: Timestamp) {
        let mut seen = self.0.subscribe();
        if *seen.borrow_and_update() < at.as_millis() {
            let _ = seen.changed().await;
        }
    }
}

impl SetClock {
    fn set(&self, ms: i64) {
        self.0.send_replace(ms);
    }
}

struct Stamps(SetClock, AtomicU64);

impl Stamp for Stamps {
    fn now_ms(&self) -> i64 {
        self.0.now().as_millis()
    }
    fn uid(&self) -> String {
        format!("uid-{}", self.1.fetch_add(1, Ordering::Relaxed))
    }
    fn name_suffix(&self) -> String {
        format!("{:05}", self.1.fetch_add(1, Ordering::Relaxed))
    }
}

/// What nothing here asks for.
struct Nothing;

fn nothing() -> ArtifactError {
    ArtifactError {
        artifact: String::new(),
        operation: "none",
        location: String::new(),
        reason: "there are no artifacts here".to_owned(),
        class: ErrorClass::Permanent,
        source: None,
    }
}

#[async_trait]
impl Artifacts for Nothing {
    async fn load(&self, _: &Context, _: &Artifact, _: &Path) -> Result<Loaded, ArtifactError> {
        Err(nothing())
    }
    async fn save(&self, _: &Context, _: &Artifact, _: &Path) -> Result<Saved, ArtifactError> {
        Err(nothing())
    }
    async fn open(&self, _: &Context, _: &Artifact) -> Result<ByteStream, ArtifactError> {
        Err(nothing())
    }
    async fn put(&self, _: &Context, _: &Artifact, _: ByteStream) -> Result<Saved, ArtifactError> {
        Err(nothing())
    }
    async fn list(&self, _: &Context, _: &Artifact, _: usize) -> Result<Vec<Entry>, ArtifactError> {
        Err(nothing())
    }
    async fn delete(&self, _: &Context, _: &Artifact) -> Result<(), ArtifactError> {
        Ok(())
    }
}

impl Repositories for Nothing {
    fn key_format(&self, _: &Value) -> Result<String, String> {
        Ok(String::new())
    }
    fn locate(&self, _: &Value, artifact: &Artifact, _: &str) -> Result<Artifact, String> {
        Ok(artifact.clone())
    }
}

#[async_trait]
impl Requests for Nothing {
    async fn send(&self, _: HttpCall) -> Result<HttpAnswer, NoAnswer> {
        Ok(HttpAnswer { status: 200, ..HttpAnswer::default() })
    }
}

#[async_trait]
impl Jq for Nothing {
    async fn eval(&self, _: &str, _: &str) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }
}

struct World {
    clock: SetClock,
    objects: Arc<dyn Objects>,
    runtime: Arc<Runtime>,
    /// Steps that were started.
    started: Arc<AtomicI64>,
}

impl World {
    /// Steps fail until so many were started.
    async fn start(failures: i64) -> Self {
        Self::with(failures, Settings::default()).await
    }

    async fn with(failures: i64, settings: Settings) -> Self {
        let clock = SetClock(Arc::new(watch::Sender::new(NOON)));
        let store = MemoryStore::new(Arc::new(Stamps(clock.clone(), AtomicU64::new(0))));
        let (events, unit_events) = tokio::sync::mpsc::channel(64);
        let started = Arc::new(AtomicI64::new(0));
        let count = started.clone();
        let decide = Arc::new(move |_: &runner::Unit| match count.fetch_add(1, Ordering::Relaxed) < failures {
            true => Script::exits(1),
            false => Script::succeeds(),
        });
        let runtime = Runtime::start(RuntimeConfig {
            objects: store.clone(),
            journal: store.clone(),
            runner: Arc::new(VirtualRunner::new(events, Time::system(), decide)),
            unit_events,
            artifacts: Arc::new(Nothing),
            repositories: Arc::new(Nothing),
            requests: Arc::new(Nothing),
            plugins: Arc::new(plugin::NoPlugins),
            jq: Arc::new(Nothing),
            clock: Arc::new(clock.clone()),
            settings,
            generation: 1,
        });
        Self { clock, objects: store, runtime: runtime.await.unwrap(), started }
    }

    async fn create(&self, kind: &str, name: &str, spec: Value) {
        let object =
            json!({"apiVersion": ARGO, "kind": kind, "metadata": {"name": name, "namespace": "default"}, "spec": spec});
        self.objects.create(Object::from_value(object).unwrap()).await.unwrap();
    }

    async fn run(&self, name: &str, template: Value) {
        self.create("Workflow", name, json!({"entrypoint": "main", "templates": [template]})).await;
    }

    /// Waits for a node's message and phase.
    async fn node(&self, name: &str, wanted: impl Fn(&str, &str) -> bool) {
        eventually(name, || async {
            let status = self.runtime.full_status("default", name).await.ok()?;
            let node = status.nodes.values().find(|n| *n.display_name == *name)?;
            wanted(node.phase.as_str(), &node.message).then_some(())
        })
        .await;
    }

    async fn phase(&self, name: &str) -> String {
        let status = self.runtime.full_status("default", name).await.unwrap();
        status.phase.as_str().to_owned()
    }

    async fn ended(&self, name: &str) -> String {
        let ended = tokio::time::timeout(Duration::from_secs(20), self.runtime.wait("default", name));
        ended.await.expect("it ends").unwrap().phase.as_str().to_owned()
    }

    async fn runs_of(&self, cron: &str) -> Vec<String> {
        let page = self.objects.list(&store::objects::ListQuery::default()).await.unwrap();
        let names = page.items.iter().filter(|o| &*o.kind == "Workflow").map(|o| o.metadata.name.clone());
        names.filter(|name| name.starts_with(cron)).collect()
    }
}

async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let asked = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let answer = tokio::time::timeout(Duration::from_secs(60), asked).await;
    answer.unwrap_or_else(|_| panic!("did not come true: {what}"))
}

/// A wait of an hour is over when the clock shows the hour, whatever it showed meanwhile; and a run that began later than it ended is no trouble.
#[tokio::test]
async fn a_suspension_over_a_clock_that_jumps() {
    let world = World::start(0).await;
    world.run("waits", json!({"name": "main", "suspend": {"duration": "1h"}})).await;
    world.node("waits", |phase, _| phase == "Running").await;
    for hours in [-24, 0, -1] {
        world.clock.set(NOON + hours * HOUR);
        // What is asked now is handled behind what the clock brought about.
        assert_eq!(world.phase("waits").await, "Running", "{hours}");
    }
    world.clock.set(NOON + HOUR);
    assert_eq!(world.ended("waits").await, "Succeeded");
    world.run("ends-before-it-began", json!({"name": "main", "suspend": {}})).await;
    world.node("ends-before-it-began", |phase, _| phase == "Running").await;
    world.clock.set(NOON - 48 * HOUR);
    world.runtime.command("default", "ends-before-it-began", Command::Resume { node_selector: None }).await.unwrap();
    assert_eq!(world.ended("ends-before-it-began").await, "Succeeded");
    let page = world.runtime.metrics().render(world.clock.now());
    assert!(
        page.lines().filter(|l| !l.starts_with('#')).all(|l| !l.rsplit(' ').next().unwrap().starts_with('-')),
        "{page}"
    );
}

/// A pause between attempts is not made longer by a clock that is set back, nor is the next attempt made twice by one that is set forward.
#[tokio::test]
async fn a_back_off_over_a_clock_that_jumps() {
    let world = World::start(2).await;
    let retry = json!({"limit": 5, "backoff": {"duration": "10m"}});
    world
        .run("again", json!({"name": "main", "retryStrategy": retry, "container": {"image": "x", "command": ["x"]}}))
        .await;
    world.node("again", |_, message| message.contains("Backoff for 10m")).await;
    world.clock.set(NOON + 24 * HOUR);
    // The second attempt fails too, a day later.
    eventually("the second attempt", || async {
        let status = world.runtime.full_status("default", "again").await.ok()?;
        let node = status.nodes.values().find(|n| *n.display_name == *"again(1)")?;
        (node.phase.as_str() == "Failed").then_some(())
    })
    .await;
    world.node("again", |_, message| message.contains("Backoff for 10m")).await;
    world.clock.set(NOON + 24 * HOUR + 10 * 60_000);
    assert_eq!(world.ended("again").await, "Succeeded");
    let status = world.runtime.full_status("default", "again").await.unwrap();
    assert_eq!(status.nodes.values().filter(|n| n.display_name.starts_with("again(")).count(), 3);
}

/// Each moment of a schedule has one run, however often the clock shows it.
#[tokio::test]
async fn a_schedule_over_a_clock_that_jumps() {
    let world = World::start(0).await;
    let spec = json!({"entrypoint": "main", "templates": [{"name": "main", "suspend": {}}]});
    let cron = json!({"schedules": ["0 * * * *"], "concurrencyPolicy": "Allow", "workflowSpec": spec});
    world.create("CronWorkflow", "hourly", cron).await;
    let first = format!("hourly-{}", (NOON + HOUR) / 1000);
    // It has seen the object before time goes on.
    eventually("the schedule is looked at", || async {
        let at = key(ARGO, "CronWorkflow", "default", "hourly");
        world.objects.get(&at).await.ok()?.status.as_ref().map(drop)
    })
    .await;
    world.clock.set(NOON + HOUR);
    eventually("the first run", || async { (world.runs_of("hourly").await == [first.clone()]).then_some(()) }).await;
    // Back over the moment and past it again, then one further.
    for ms in [NOON + HOUR - 60_000, NOON + HOUR, NOON + HOUR + 1_000, NOON + 2 * HOUR] {
        world.clock.set(ms);
        tokio::task::yield_now().await;
    }
    let second = format!("hourly-{}", (NOON + 2 * HOUR) / 1000);
    eventually("the second run", || async {
        let runs = world.runs_of("hourly").await;
        (runs.len() == 2 && runs.contains(&first) && runs.contains(&second)).then_some(())
    })
    .await;
}

/// Runs in a queue, and those that wait for a person, are not held in memory; their turn brings them back.
#[tokio::test(start_paused = true)]
async fn who_only_waits_is_not_held_in_memory() {
    let world = World::with(0, Settings { parallelism: Some(1), ..Settings::default() }).await;
    for name in ["first", "second", "third"] {
        world.run(name, json!({"name": "main", "suspend": {}})).await;
    }
    world.node("first", |phase, _| phase == "Running").await;
    eventually("nobody is in memory", || async { (world.runtime.loaded() == 0).then_some(()) }).await;
    for name in ["first", "second", "third"] {
        world.node(name, |phase, _| phase == "Running").await;
        world.runtime.command("default", name, Command::Resume { node_selector: None }).await.unwrap();
        assert_eq!(world.ended(name).await, "Succeeded");
    }
}

/// A step that waits for the pace at which steps are started says so, and is not started once its run is ended.
#[tokio::test(start_paused = true)]
async fn who_is_ended_before_its_turn_does_not_begin() {
    let world = World::with(0, Settings { start_rate: Some((0.01, 1)), ..Settings::default() }).await;
    for name in ["first", "second"] {
        world.run(name, json!({"name": "main", "container": {"image": "x", "command": ["x"]}})).await;
        eventually("it is under way", || async { world.runtime.full_status("default", name).await.ok() }).await;
    }
    assert_eq!(world.ended("first").await, "Succeeded");
    world.node("second", |_, message| message.contains("0.01 steps per second")).await;
    world.runtime.command("default", "second", Command::Terminate).await.unwrap();
    assert_eq!(world.ended("second").await, "Failed");
    tokio::time::sleep(Duration::from_secs(1_000)).await;
    assert_eq!(world.started.load(Ordering::Relaxed), 1);
}

/// Who waits for a run that is tried again waits for its new end.
#[tokio::test]
async fn a_retried_run_is_waited_for() {
    let world = World::start(1).await;
    world.run("again", json!({"name": "main", "container": {"image": "x", "command": ["x"]}})).await;
    assert_eq!(world.ended("again").await, "Failed");
    let retry = Command::Retry { restart_successful: false, node_selector: None, parameters: Vec::new() };
    world.runtime.command("default", "again", retry).await.unwrap();
    assert_eq!(world.ended("again").await, "Succeeded");
}
