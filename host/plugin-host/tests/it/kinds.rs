//! Renderers, event sources, triggers and steps: what each is given, and what of it is taken.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use plugin::{
    Destination, Entry, EntryKind, ErrorClass, Fetched, Incoming, Lookup, NoFiles, PluginError, Plugins, PolicyState,
    Release, RenderRequest, Result, StepArtifact, StepArtifactWriter, StepFiles, StepPhase, StepRequest, Tree,
    TriggerRequest,
};
use plugin_host::{Limits, Settings};
use serde_json::{Value, json};

use crate::support::{World, context};

/// Files in memory.
pub(crate) struct Files(BTreeMap<&'static str, &'static str>, String);

pub(crate) fn files(files: &[(&'static str, &'static str)]) -> Arc<dyn Tree> {
    Arc::new(Files(files.iter().copied().collect(), format!("{files:?}")))
}

#[async_trait]
impl Tree for Files {
    fn digest(&self) -> &str {
        &self.1
    }

    async fn stat(&self, path: &str) -> Result<Entry> {
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        let below = format!("{path}/");
        match self.0.get(path) {
            Some(text) => Ok(Entry { name, kind: EntryKind::File, size: text.len() as u64, executable: false }),
            None if path.is_empty() || self.0.keys().any(|file| file.starts_with(&below)) => {
                Ok(Entry { name, kind: EntryKind::Folder, size: 0, executable: false })
            }
            None => Err(PluginError::new(ErrorClass::NotFound, "no-file", format!("no file {path}"))),
        }
    }

    async fn list(&self, path: &str) -> Result<Vec<Entry>> {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let mut names: Vec<&str> =
            self.0.keys().filter_map(|file| file.strip_prefix(&prefix)?.split('/').next()).collect();
        names.dedup();
        let mut entries = Vec::new();
        for name in names {
            entries.push(self.stat(&format!("{prefix}{name}")).await?);
        }
        Ok(entries)
    }

    async fn read(&self, path: &str, offset: u64, length: u64) -> Result<Vec<u8>> {
        let missing = || PluginError::new(ErrorClass::NotFound, "no-file", format!("no file {path}"));
        let text = self.0.get(path).ok_or_else(missing)?;
        Ok(text.bytes().skip(offset as usize).take(length as usize).collect())
    }
}

/// Has one object, and remembers how often it was asked.
#[derive(Default)]
struct OneObject(Mutex<u32>);

#[async_trait]
impl Destination for OneObject {
    async fn lookup(&self, what: &Lookup) -> Result<Value> {
        *self.0.lock().unwrap() += 1;
        Ok(if what.name == "there" { json!({"kind": what.kind}) } else { Value::Null })
    }
}

pub(crate) fn request(config: Value) -> RenderRequest {
    RenderRequest {
        config,
        files: files(&[("app/conformance.json", "{}"), ("app/b/c.yaml", "c"), ("app/a.yaml", "a"), ("secret", "no")]),
        path: "app".to_owned(),
        fetched: Vec::new(),
        release: Release {
            name: "r".to_owned(),
            namespace: "ns".to_owned(),
            kube_version: "v1.34.0".to_owned(),
            api_versions: vec!["apps/v1".to_owned()],
            environment: Vec::new(),
        },
        destination: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renderer_sees_its_tree_and_nothing_else() {
    let Some(world) = World::new("a_renderer_sees_its_tree_and_nothing_else") else { return };
    let everything = json!({
        "http": [{"host": "*", "private": true}], "endpoints": [{"address": "*", "private": true}],
        "stateBytesMax": 1000, "blobBytesMax": 1000,
        "secrets": {"token": {"namespace": "n", "name": "s", "key": "k"}},
    });
    world.install("guest", everything, Limits::default()).await;
    let renderer = world.host.renderer("guest").unwrap();
    let tree = request(json!({})).files;
    assert!(renderer.detect(&context("x"), tree.clone(), "app").await.unwrap());
    assert!(!renderer.detect(&context("x"), tree.clone(), "app/b").await.unwrap());
    let config = json!({"read": ["app/a.yaml", "app/../app//b/c.yaml", "../secret", "/etc/passwd", "none"], "glob": "**/*.yaml"});
    let rendered = renderer.render(&context("x"), &request(config)).await.unwrap();
    assert_eq!(rendered.warnings, ["as told"]);
    assert_eq!(rendered.notes.as_deref(), Some("notes"));
    let object = &rendered.manifests[0].object;
    let texts = json!({
        "app/a.yaml": "a", "app/../app//b/c.yaml": "c", "../secret": "error: outside", "/etc/passwd": "error: outside",
        "none": "error: no-file",
    });
    assert_eq!(object["texts"], texts);
    assert_eq!(object["found"], json!(["app/a.yaml", "app/b/c.yaml"]));
    assert_eq!((&object["release"], &object["apiVersions"]), (&json!(["r", "ns", "v1.34.0"]), &json!(["apps/v1"])));
    // What a plugin of other kinds may do is none of a renderer's.
    for action in [
        json!({"do": "http", "url": "http://127.0.0.1:9/"}),
        json!({"do": "connect", "address": "tcp://127.0.0.1:9"}),
        json!({"do": "stateGet", "key": "k"}),
        json!({"do": "blobGet", "name": "b"}),
        json!({"do": "standIn", "name": "token"}),
    ] {
        let error = renderer.render(&context("x"), &request(json!({"action": action}))).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Denied, "{action}: {error:?}");
    }
}

/// Keeps no results.
fn made_anew() -> Settings {
    Settings { renders_bytes_max: 0, ..Settings::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_input_gives_the_same_output() {
    let Some(world) = World::with("the_same_input_gives_the_same_output", made_anew()) else { return };
    world.install("guest", json!({}), Limits::default()).await;
    let renderer = world.host.renderer("guest").unwrap();
    for action in [json!({"do": "clocks"}), json!({"do": "random", "bytes": 40})] {
        let once = async || {
            let rendered = renderer.render(&context("x"), &request(json!({"action": action}))).await.unwrap();
            rendered.manifests[0].object["value"].clone()
        };
        let (first, second) = (once().await, once().await);
        assert_eq!(first, second, "{action}");
        // As any other kind it sees what is so.
        assert_ne!(world.value("guest", action.clone()).await, first, "{action}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_renderer_needs_and_looks_up_is_told() {
    let Some(world) = World::new("what_a_renderer_needs_and_looks_up_is_told") else { return };
    world.install("guest", json!({"lookup": true}), Limits::default()).await;
    world.install("blind", json!({}), Limits::default()).await;
    let renderer = world.host.renderer("guest").unwrap();
    let mut asked = request(json!({"need": "https://example.com/a.tgz"}));
    let needed = renderer.requirements(&context("x"), &asked).await.unwrap();
    assert_eq!((needed.len(), needed[0].name.as_str()), (1, "needed"));
    asked.fetched.push(Fetched { name: "needed".to_owned(), files: files(&[("a.txt", "fetched")]) });
    assert!(renderer.requirements(&context("x"), &asked).await.unwrap().is_empty());
    let object = renderer.render(&context("x"), &asked).await.unwrap().manifests.remove(0).object;
    assert_eq!(object["fetched"], json!({"needed": "fetched"}));

    let destination = Arc::<OneObject>::default();
    let looking = |name: &str, blind: bool| {
        let mut request = request(json!({"lookup": ["v1", "Secret", "ns", name]}));
        request.destination = Some(destination.clone());
        let renderer = world.host.renderer(if blind { "blind" } else { "guest" }).unwrap();
        async move { renderer.render(&context("x"), &request).await.unwrap() }
    };
    let found = looking("there", false).await;
    assert_eq!(found.manifests[0].object["lookup"], json!({"kind": "Secret"}));
    assert_eq!((found.lookups.len(), &found.lookups[0].1), (1, &json!({"kind": "Secret"})));
    assert_eq!(looking("elsewhere", false).await.manifests[0].object["lookup"], Value::Null);
    assert_eq!(*destination.0.lock().unwrap(), 2);
    // Without the grant nothing is there, and nobody is asked.
    assert_eq!(looking("there", true).await.manifests[0].object["lookup"], Value::Null);
    assert_eq!(*destination.0.lock().unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_goes_on_from_call_to_call() {
    let Some(world) = World::new("a_subscription_goes_on_from_call_to_call") else { return };
    world.install("guest", json!({}), Limits::default()).await;
    let source = world.host.subscriber("guest").unwrap();
    let wait = Duration::from_millis(10);
    let mut first = source.open(&context("s"), &json!({"events": 5}), "e", None).await.unwrap();
    let batch = first.poll(&context("s"), 2, wait).await.unwrap();
    let ids = |events: &[plugin::Event]| events.iter().map(|event| event.id.clone()).collect::<Vec<_>>();
    assert_eq!((ids(&batch.events), batch.cursor.as_str()), (vec!["1".to_owned(), "2".to_owned()], "2"));
    first.ack(&context("s"), batch.delivery).await.unwrap();
    let next = first.poll(&context("s"), 2, wait).await.unwrap();
    let data: Value = serde_json::from_slice(&next.events[0].data).unwrap();
    assert_eq!((ids(&next.events), &data["acknowledged"]), (vec!["3".to_owned(), "4".to_owned()], &json!(2)));
    // Another version takes over: this one is drained, the next begins at the cursor of what is durable.
    world.install("guest", json!({}), Limits::default()).await;
    assert!(!first.is_superseded(), "the same again is no other version");
    world.install("guest", json!({"stateBytesMax": 1}), Limits::default()).await;
    assert!(first.is_superseded());
    first.drain(&context("s")).await.unwrap();
    assert!(first.poll(&context("s"), 2, wait).await.unwrap().events.is_empty());
    let source = world.host.subscriber("guest").unwrap();
    let mut second = source.open(&context("s"), &json!({"events": 5}), "e", Some("2")).await.unwrap();
    assert_eq!(ids(&second.poll(&context("s"), 9, wait).await.unwrap().events), ["3", "4", "5"]);
    drop(first);
    let closed = async || {
        while !world.lines.0.lock().unwrap().iter().any(|line| line.message == "closed") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), closed()).await.expect("the plugin is told that it is over");
    assert!(source.open(&context("s"), &json!({}), "e", Some("x")).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_broke_off_is_never_used_again() {
    let Some(world) = World::new("a_subscription_that_broke_off_is_never_used_again") else { return };
    let limits = Limits { cpu_time_max: Duration::from_millis(100), ..Limits::default() };
    world.install("guest", json!({}), limits).await;
    let source = world.host.subscriber("guest").unwrap();
    for (action, code) in [(json!({"do": "trap", "message": "away"}), "trapped"), (json!({"do": "loop"}), "limit")] {
        let config = json!({"events": 5, "action": action});
        let mut opened = source.open(&context("s"), &config, "e", None).await.unwrap();
        let error = opened.poll(&context("s"), 2, Duration::ZERO).await.unwrap_err();
        assert_eq!(error.code, code, "{error:?}");
        let error = opened.poll(&context("s"), 2, Duration::ZERO).await.unwrap_err();
        assert_eq!((error.code.as_str(), error.class), ("broken", ErrorClass::Unavailable));
    }
    // Limits are those of a call, and not of all calls together.
    let config = json!({"events": 1000, "action": {"do": "sleep", "time": 1}});
    let mut opened = source.open(&context("s"), &config, "e", None).await.unwrap();
    for _ in 0..300 {
        opened.poll(&context("s"), 1, Duration::ZERO).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_are_counted_and_take_no_place_of_calls() {
    let settings = plugin_host::Settings { instances_max: 4, subscriptions_max: 2, ..Default::default() };
    let Some(world) = World::with("subscriptions_are_counted_and_take_no_place_of_calls", settings) else { return };
    world.install("guest", json!({}), Limits::default()).await;
    let source = world.host.subscriber("guest").unwrap();
    let open = async || source.open(&context("s"), &json!({"events": 1}), "e", None).await;
    let (one, two) = (open().await.unwrap(), open().await.unwrap());
    let Err(error) = open().await else { panic!("a third was opened") };
    assert!(error.class == ErrorClass::Unavailable && error.message.contains("subscriptions_max"), "{error}");
    world.run("guest", json!({"do": "echo"})).await.unwrap();
    drop((one, two));
    let again = async || {
        while open().await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), again()).await.expect("a place is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_become_events_or_are_refused() {
    let Some(world) = World::new("requests_become_events_or_are_refused") else { return };
    world.install("guest", json!({}), Limits { payload_bytes_max: 100, ..Limits::default() }).await;
    let receiver = world.host.receiver("guest").unwrap();
    let config = json!({"token": "good", "action": {"do": "instance"}});
    let endpoints = receiver.endpoints(&context("s"), &config, "push").await.unwrap();
    assert_eq!((endpoints[0].path.as_str(), endpoints[0].methods[0].as_str()), ("/push", "POST"));
    let request = |token: &str, bytes: usize| Incoming {
        method: "POST".to_owned(),
        path: "/x?y=1".to_owned(),
        headers: vec![("Token".to_owned(), token.to_owned())],
        body: vec![b'x'; bytes],
        remote_address: "127.0.0.1".to_owned(),
    };
    let good = receiver.on_request(&context("s"), &config, "push", request("good", 7)).await.unwrap();
    let data: Value = serde_json::from_slice(&good.events[0].data).unwrap();
    assert_eq!((good.answer.status, data), (202, json!({"value": 0, "path": "/x?y=1", "body": 7})));
    let bad = receiver.on_request(&context("s"), &config, "push", request("bad", 7)).await.unwrap();
    assert_eq!((bad.answer.status, bad.events.len()), (401, 0));
    let large = receiver.on_request(&context("s"), &config, "push", request("good", 101)).await.unwrap_err();
    assert!(large.message.contains("more than payload_bytes_max (100)"), "{large}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_is_done_with_a_key() {
    let Some(world) = World::new("a_trigger_is_done_with_a_key") else { return };
    let grants = json!({"secrets": {"token": {"namespace": "n", "name": "s", "key": "k", "reveal": true}}});
    world.install("guest", grants, Limits::default()).await;
    let trigger = world.host.trigger("guest").unwrap();
    let request = |config: Value| TriggerRequest { config, name: "t".to_owned() };
    let asked = request(json!({"action": {"do": "echo", "value": 1}}));
    assert_eq!(trigger.resolve(&context("s"), &asked).await.unwrap(), asked.config);
    let executed = trigger.execute(&context("s"), &asked, &json!({"a": 1}), "key-1").await.unwrap();
    let answer = &executed.answer;
    assert_eq!(
        (&answer["key"], &answer["payload"], &answer["for"]),
        (&json!("key-1"), &json!({"a": 1}), &json!(["ns", "s", "t"]))
    );
    for (policy, expect) in [
        (json!({"a": 1}), PolicyState::Met),
        (json!(null), PolicyState::Pending),
        (json!(2), PolicyState::Violated("expected 2".to_owned())),
    ] {
        assert_eq!(trigger.check_policy(&context("s"), &asked, &policy, &executed).await.unwrap(), expect);
    }
    // What the other side answers is kept: no value of a secret may stand in it.
    let leak = request(json!({"action": {"do": "leak", "name": "token"}}));
    let executed = trigger.execute(&context("s"), &leak, &json!({}), "key-2").await.unwrap();
    assert_eq!(executed.answer["value"], json!("*****"));
}

/// Artifacts of a step in memory, and its log.
#[derive(Default)]
pub(crate) struct Artifacts {
    pub(crate) written: Mutex<BTreeMap<String, Vec<u8>>>,
    pub(crate) log: Mutex<Vec<u8>>,
}

/// What is shared with a writer.
struct Writing(Arc<Artifacts>, BTreeMap<String, Vec<u8>>);

struct Input;

#[async_trait]
impl StepArtifact for Input {
    async fn paths(&self) -> Result<Vec<String>> {
        Ok(vec!["a".to_owned(), "b/c".to_owned()])
    }

    async fn size(&self, path: &str) -> Result<u64> {
        Ok(if path == "a" { 2_500 } else { 1 })
    }

    async fn read(&self, path: &str, offset: u64, length: u64) -> Result<Vec<u8>> {
        let left = self.size(path).await?.saturating_sub(offset).min(length);
        Ok(vec![path.as_bytes()[0]; left as usize])
    }
}

#[async_trait]
impl StepArtifactWriter for Writing {
    async fn write(&mut self, path: &str, bytes: Vec<u8>) -> Result<()> {
        self.1.entry(path.to_owned()).or_default().extend(bytes);
        Ok(())
    }

    async fn finish(&mut self) -> Result<()> {
        self.0.written.lock().unwrap().append(&mut self.1);
        Ok(())
    }
}

pub(crate) struct Lent(pub(crate) Arc<Artifacts>);

#[async_trait]
impl StepFiles for Lent {
    async fn open(&self, name: &str) -> Result<Arc<dyn StepArtifact>> {
        match name {
            "in" => Ok(Arc::new(Input)),
            name => NoFiles.open(name).await,
        }
    }

    async fn create(&self, _: &str) -> Result<Box<dyn StepArtifactWriter>> {
        Ok(Box::new(Writing(self.0.clone(), BTreeMap::new())))
    }

    fn output(&self, text: &[u8]) {
        self.0.log.lock().unwrap().extend_from_slice(text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_reads_and_writes_artifacts() {
    let Some(world) = World::new("a_step_reads_and_writes_artifacts") else { return };
    world.install("guest", json!({}), Limits::default()).await;
    let step = world.host.step("guest").unwrap();
    let artifacts = Arc::<Artifacts>::default();
    let lent: Arc<dyn StepFiles> = Arc::new(Lent(artifacts.clone()));
    let request = |config: Value| StepRequest {
        config,
        workflow_uid: "u".to_owned(),
        node: "n".to_owned(),
        template: "t".to_owned(),
        parameters: Vec::new(),
        artifacts: vec!["in".to_owned()],
    };
    let done = step.start(&context("w"), &request(json!({"copy": ["in", "out"]})), &lent).await.unwrap();
    assert_eq!(done.phase, StepPhase::Succeeded);
    {
        let written = artifacts.written.lock().unwrap();
        assert_eq!((written["a"].len(), written["b/c"].as_slice()), (2_500, &b"b"[..]));
    }
    assert_eq!(artifacts.log.lock().unwrap().as_slice(), b"a line of the step\n");
    assert!(world.lines.0.lock().unwrap().iter().any(|line| line.message == "a line of the step"));
    let missing = step.start(&context("w"), &request(json!({"copy": ["other", "out"]})), &lent).await.unwrap_err();
    assert_eq!((missing.class, missing.code.as_str()), (ErrorClass::NotFound, "no-artifact"));
}
