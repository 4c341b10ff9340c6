//! The renderers that ship, as components: what they give is what the tools printed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use model::yaml;
use plugin::{CallContext, Entry, EntryKind, ErrorClass, PluginError, Plugins, Release, RenderRequest, Result, Tree};
use plugin_host::{Component, Limits, Settings};
use serde_json::{Value, json};

use crate::support::{World, context};

/// What stands beside the sources.
const OF_THE_TEST: [&str; 3] = ["config.json", "expected.yaml", "expected.json"];

/// A folder of this repository.
struct Folder(PathBuf, String);

#[async_trait]
impl Tree for Folder {
    fn digest(&self) -> &str {
        &self.1
    }

    async fn stat(&self, path: &str) -> Result<Entry> {
        let none = |error| PluginError::new(ErrorClass::NotFound, "no-file", format!("{path}: {error}"));
        let found = std::fs::metadata(self.0.join(path)).map_err(none)?;
        let kind = if found.is_dir() { EntryKind::Folder } else { EntryKind::File };
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(Entry { name, kind, size: found.len(), executable: false })
    }

    async fn list(&self, path: &str) -> Result<Vec<Entry>> {
        let none = |error| PluginError::new(ErrorClass::NotFound, "no-folder", format!("{path}: {error}"));
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(self.0.join(path)).map_err(none)? {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if OF_THE_TEST.contains(&name.as_str()) {
                continue;
            }
            entries.push(self.stat(Path::new(path).join(name).to_str().unwrap()).await?);
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    async fn read(&self, path: &str, offset: u64, length: u64) -> Result<Vec<u8>> {
        let none = |error| PluginError::new(ErrorClass::NotFound, "no-file", format!("{path}: {error}"));
        let bytes = std::fs::read(self.0.join(path)).map_err(none)?;
        Ok(bytes.into_iter().skip(offset as usize).take(length as usize).collect())
    }
}

/// A host with one of them.
async fn renderer(name: &str, test: &str) -> Option<World> {
    of_settings(name, test, Settings::default()).await
}

async fn of_settings(name: &str, test: &str, settings: Settings) -> Option<World> {
    of_limits(name, test, settings, Limits::default()).await
}

async fn of_limits(name: &str, test: &str, settings: Settings, limits: Limits) -> Option<World> {
    let world = World::with(test, settings)?;
    let bytes = std::fs::read(testkit::tools::guest(name, test)?).unwrap();
    let limits = Limits {
        memory_bytes_max: 512 << 20,
        cpu_time_max: Duration::from_secs(60),
        wall_time_max: Duration::from_secs(120),
        ..limits
    };
    let component = world.component(name, json!({}), limits);
    world.host.load(Component { bytes: bytes.into(), ..component }).await.unwrap();
    Some(world)
}

fn long() -> CallContext {
    CallContext { timeout: Duration::from_secs(120), ..context("app") }
}

/// The folders of a renderer's test data.
fn cases(name: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins").join(name).join("testdata");
    let folders = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = folders.filter(|path| path.join("config.json").is_file()).collect();
    folders.sort();
    folders
}

/// The objects of a text of many documents, lists taken apart, in order of their text: a renderer may put definitions first.
fn objects(text: &str) -> Vec<String> {
    let documents = yaml::read(text, &yaml::Limits::DEFAULT).unwrap();
    let values = documents.iter().map(|document| serde_json::from_str::<Value>(document.json()).unwrap());
    sorted(values.filter(|value| !value.is_null()).flat_map(|value| match value["kind"].as_str() {
        // What one file of Jsonnet gives may be a list of objects.
        _ if value.is_array() => value.as_array().cloned().unwrap_or_default(),
        Some("List") => value["items"].as_array().cloned().unwrap_or_default(),
        _ => vec![value],
    }))
}

fn sorted(values: impl Iterator<Item = Value>) -> Vec<String> {
    let mut texts: Vec<String> = values.map(|value| canonical(&value).to_string()).collect();
    texts.sort();
    texts
}

/// With fields in order of their names, and numbers as they are meant.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort();
            names.into_iter().map(|name| (name.clone(), canonical(&fields[name]))).collect()
        }
        Value::Array(items) => items.iter().map(canonical).collect(),
        Value::Number(number) => number.as_f64().map_or(value.clone(), |number| json!(number)),
        other => other.clone(),
    }
}

async fn as_the_tool(name: &str, path: &str, test: &str) {
    let Some(world) = renderer(name, test).await else { return };
    let renderer = world.host.renderer(name).unwrap();
    let cases = cases(name);
    assert!(cases.len() >= 6, "{cases:?}");
    for case in cases {
        let config = std::fs::read_to_string(case.join("config.json")).unwrap();
        let expected = ["expected.yaml", "expected.json"].map(|file| std::fs::read_to_string(case.join(file)).ok());
        let expected = expected.into_iter().flatten().next().unwrap();
        let release = Release {
            name: "app".to_owned(),
            namespace: "default".to_owned(),
            environment: vec![("ARGOCD_APP_NAME".to_owned(), "shop".to_owned())],
            ..Release::default()
        };
        let request = RenderRequest {
            config: serde_json::from_str(&config).unwrap(),
            files: Arc::new(Folder(case.clone(), case.display().to_string())),
            path: path.to_owned(),
            fetched: Vec::new(),
            release,
            destination: None,
        };
        assert!(renderer.detect(&long(), request.files.clone(), path).await.unwrap(), "{}", case.display());
        let begun = Instant::now();
        let rendered = renderer.render(&long(), &request).await.unwrap_or_else(|e| panic!("{}: {e:?}", case.display()));
        let given = sorted(rendered.manifests.into_iter().map(|manifest| manifest.object));
        assert_eq!(given, objects(&expected), "{} after {:?}", case.display(), begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn helm_gives_what_the_tool_gives() {
    as_the_tool("helm", "chart", "helm_gives_what_the_tool_gives").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kustomize_gives_what_the_tool_gives() {
    as_the_tool("kustomize", "app", "kustomize_gives_what_the_tool_gives").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jsonnet_gives_what_the_tool_gives() {
    as_the_tool("jsonnet", "", "jsonnet_gives_what_the_tool_gives").await;
}

/// How many instances there were until now.
fn instances(world: &World) -> u32 {
    let mut page = String::new();
    world.host.metrics(&mut page);
    let count = |line: &str| line.strip_prefix("colchis_plugin_instantiate_seconds_count ")?.parse().ok();
    page.lines().find_map(count).unwrap()
}

async fn until_there_are(world: &World, count: u32) {
    let there = async {
        while instances(world) < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), there)
        .await
        .unwrap_or_else(|_| panic!("{} instances", instances(world)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_was_made_ahead_gives_the_same() {
    let settings = Settings { renders_bytes_max: 0, prepares_renderers: Some(Duration::ZERO), ..Settings::default() };
    let test = "an_instance_that_was_made_ahead_gives_the_same";
    let Some(world) = of_settings("helm", test, settings).await else { return };
    let request = functions();
    let renderer = world.host.renderer("helm").unwrap();
    // Those that described themselves.
    let before = instances(&world);
    let fresh = renderer.render(&long(), &request).await.unwrap();
    for call in 1..4 {
        // The one that was called, and the next: made while nobody waits, and used once.
        until_there_are(&world, before + call + 1).await;
        assert_eq!(renderer.render(&long(), &request).await.unwrap(), fresh);
    }
    until_there_are(&world, before + 5).await;
    assert_eq!(instances(&world), before + 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_stays_gives_the_same() {
    let settings = Settings { renders_bytes_max: 0, ..Settings::default() };
    let limits = Limits { pool_size: 1, invocations_max: 3, ..Limits::default() };
    let Some(world) = of_limits("helm", "an_instance_that_stays_gives_the_same", settings, limits).await else {
        return;
    };
    let (request, renderer) = (functions(), world.host.renderer("helm").unwrap());
    let before = instances(&world);
    let fresh = renderer.render(&long(), &request).await.unwrap();
    for _ in 0..5 {
        assert_eq!(renderer.render(&long(), &request).await.unwrap(), fresh);
    }
    assert_eq!(instances(&world), before + 2, "each answers three calls");
}

/// A chart of functions of all sorts.
fn functions() -> RenderRequest {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/helm/testdata/functions");
    let config = std::fs::read_to_string(folder.join("config.json")).unwrap();
    RenderRequest {
        config: serde_json::from_str(&config).unwrap(),
        files: Arc::new(Folder(folder, String::new())),
        path: "chart".to_owned(),
        fetched: Vec::new(),
        release: Release { name: "app".to_owned(), namespace: "default".to_owned(), ..Release::default() },
        destination: None,
    }
}
