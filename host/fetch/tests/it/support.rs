//! A fetcher with sources, secrets and a cache of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use artifact::{ArtifactError, Artifacts, ErrorClass, Secret, Secrets};
use async_trait::async_trait;
use fetch::{Fetcher, Limits, Settings, Source, Surroundings};
use plugin::{CallContext, Fetch, ObjectRef, PluginError, Requirement, RequirementSource};
use serde_json::{Value, json};
use testkit::web::{Answer, Asked, Web};

/// Where the charts are that Helm itself packed.
pub(crate) fn charts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/charts/stable")
}

/// A repository of these charts below `/stable`, with entity tags.
pub(crate) fn repository() -> Web {
    Web::start(|asked| file(&charts(), asked.target.strip_prefix("/stable/").unwrap_or("none"), asked)).unwrap()
}

/// A file of a folder, as a web server answers.
pub(crate) fn file(folder: &Path, name: &str, asked: &Asked) -> Answer {
    let Ok(content) = std::fs::read(folder.join(name)) else { return Answer::status(404) };
    let tag = format!("\"{}-{}\"", content.len(), content.iter().map(|byte| u64::from(*byte)).sum::<u64>());
    match asked.header("if-none-match") == tag {
        true => Answer::status(304),
        false => Answer::of(content).with("ETag", &tag),
    }
}

/// Sources, secrets, limits, and a folder for what is kept.
pub(crate) struct World {
    pub(crate) home: tempfile::TempDir,
    sources: Vec<(String, Value)>,
    secrets: BTreeMap<(String, String), String>,
    pub(crate) limits: Limits,
}

impl World {
    /// With sources on loopback by their URLs.
    pub(crate) fn new(urls: &[&str]) -> Self {
        let sources = urls.iter().enumerate().map(|(n, url)| (format!("s{n}"), json!({"url": url, "private": true})));
        let limits = Limits { time_max: Duration::from_secs(20), ..Limits::default() };
        Self { home: tempfile::tempdir().unwrap(), sources: sources.collect(), secrets: BTreeMap::new(), limits }
    }

    /// With a source as it is written.
    pub(crate) fn source(mut self, name: &str, value: Value) -> Self {
        self.sources.push((name.to_owned(), value));
        self
    }

    /// With a key of a Secret in the namespace `n`.
    pub(crate) fn secret(mut self, name: &str, key: &str, value: &str) -> Self {
        self.secrets.insert((name.to_owned(), key.to_owned()), value.to_owned());
        self
    }

    /// A fetcher as a server that begins has it.
    pub(crate) fn fetcher(&self) -> Fetcher {
        let sources = self.sources.iter().map(|(name, value)| Source::parse(name, value.clone()).unwrap());
        let settings = Settings {
            sources: sources.collect(),
            deny: Vec::new(),
            limits: self.limits.clone(),
            cache: Some(self.home.path().join("fetched")),
            cache_bytes_max: 64 << 20,
        };
        let around = Around { home: self.home.path().to_owned(), secrets: self.secrets.clone() };
        Fetcher::new(settings, Arc::new(around)).unwrap()
    }
}

struct Around {
    home: PathBuf,
    secrets: BTreeMap<(String, String), String>,
}

impl Surroundings for Around {
    fn secrets(&self, namespace: &str) -> Arc<dyn Secrets> {
        let there = if namespace == "n" { self.secrets.clone() } else { BTreeMap::new() };
        Arc::new(Values(there))
    }

    fn checkouts(&self, guard: egress::Guard, limits: &Limits) -> Result<Arc<dyn Artifacts>, String> {
        let unpack = blob::UnpackLimits {
            total_bytes_max: limits.unpacked_bytes_max,
            entries_max: limits.files_max,
            ..blob::UnpackLimits::default()
        };
        let retry = blob::Retry { attempts_max: 1, ..blob::Retry::default() };
        let config = blob::Config { directory: self.home.join("artifacts"), unpack, retry, ..blob::Config::default() };
        Ok(Arc::new(blob::Drivers::new(config, guard).map_err(|error| error.to_string())?))
    }
}

struct Values(BTreeMap<(String, String), String>);

#[async_trait]
impl Secrets for Values {
    async fn secret(&self, name: &str, key: &str) -> Result<Secret, ArtifactError> {
        let found = self.0.get(&(name.to_owned(), key.to_owned()));
        found.map(|value| Secret::new(value.as_bytes())).ok_or_else(|| ArtifactError {
            artifact: String::new(),
            operation: "read",
            location: name.to_owned(),
            reason: "it is not there".to_owned(),
            class: ErrorClass::Permanent,
            source: None,
        })
    }

    async fn config_map(&self, _: &str, _: &str) -> Result<String, ArtifactError> {
        unreachable!("nobody asks for one")
    }
}

pub(crate) fn chart(repository: &str, version: &str) -> RequirementSource {
    RequirementSource::HelmChart {
        repository: repository.to_owned(),
        chart: "greeting".to_owned(),
        version: version.to_owned(),
    }
}

pub(crate) fn named(source: RequirementSource) -> Requirement {
    Requirement { name: "it".to_owned(), source, digest: None }
}

/// What a requirement gives: paths and contents.
pub(crate) async fn files(
    fetcher: &Fetcher,
    requirement: &Requirement,
) -> Result<BTreeMap<String, String>, PluginError> {
    let object = ObjectRef { kind: "A".into(), namespace: "n".into(), name: "a".into() };
    let call = CallContext::new(object, Duration::from_secs(60));
    let obtained = fetcher.fetch(&call, requirement).await?;
    let (mut files, mut left) = (BTreeMap::new(), vec![String::new()]);
    while let Some(folder) = left.pop() {
        for entry in obtained.files.list(&folder).await? {
            let path = if folder.is_empty() { entry.name } else { format!("{folder}/{}", entry.name) };
            match entry.kind {
                plugin::EntryKind::Folder => left.push(path),
                plugin::EntryKind::File => {
                    let content = obtained.files.read(&path, 0, u64::MAX).await?;
                    files.insert(path, String::from_utf8_lossy(&content).into_owned());
                }
                plugin::EntryKind::Other => drop(files.insert(path, "?".to_owned())),
            }
        }
    }
    Ok(files)
}

pub(crate) async fn fetched(fetcher: &Fetcher, source: RequirementSource) -> BTreeMap<String, String> {
    files(fetcher, &named(source)).await.unwrap()
}

/// Why there is nothing: code, the whole sentence, hints.
pub(crate) async fn refused(fetcher: &Fetcher, source: RequirementSource) -> (String, String, String) {
    let error = files(fetcher, &named(source)).await.unwrap_err();
    assert!(error.message.starts_with("requirement it: ") && error.field.is_some(), "{error:?}");
    (error.code.clone(), error.to_string(), error.hints.join("; "))
}
