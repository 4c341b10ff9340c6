//! A host for one component, without a server: for `colchis plugin test` and `bench`.
//!
//! What is kept is gone with the command; values of secrets are those of files, or made up.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, anyhow};
use artifact::Secret;
use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use plugin::{Desk, ErrorClass, Facts, LogLine, PluginError, Result};
use plugin_check::{Grant, Order, Refused, Stage, Switch};
use plugin_host::{
    Component, EndpointGrant, FileGrant, Grants, HttpGrant, Limits, LoadError, LogSink, PluginHost, SecretGrant,
    Secrets, Services, Settings, StateKey, StateStore, StoredState,
};
use serde_json::json;
use tempfile::TempDir;

use crate::plugins::blobs::FolderBlobs;
use crate::plugins::fetching;

/// Bytes of state that are granted, and of large values.
const STATE_BYTES_MAX: u64 = 1 << 20;
const BLOB_BYTES_MAX: u64 = 64 << 20;
/// Instances at once.
const INSTANCES_MAX: u32 = 64;

/// One component, under any name.
pub(crate) struct Workbench {
    host: Arc<PluginHost>,
    switch: Arc<Switch>,
    order: Order,
    fetch: fetch::Fetcher,
    /// Large values; gone with the command.
    _kept: TempDir,
}

impl Workbench {
    /// Sets the host up; the component is looked at when it is loaded.
    pub(crate) fn new(order: Order) -> anyhow::Result<Self> {
        let switch = Arc::<Switch>::default();
        let read = |(name, path): (&String, &PathBuf)| {
            let bytes =
                std::fs::read(path).with_context(|| format!("the secret {name} cannot be read: {}", path.display()))?;
            Ok((name.clone(), Arc::new(bytes)))
        };
        let values = order.secrets.iter().map(read).collect::<anyhow::Result<_>>()?;
        let kept = tempfile::tempdir().context("a folder for what is kept cannot be made")?;
        let services = Services {
            state: Arc::<Kept>::default(),
            blobs: Arc::new(FolderBlobs::new(kept.path().join("blobs"))),
            secrets: Arc::new(Values(values)),
            logs: Arc::new(NoLogs),
            resolver: Arc::new(egress::SystemResolver),
            wire: Some(switch.clone()),
            deny: Vec::new(),
        };
        let settings = Settings {
            // Checks load a component again and again, each in a plugin of its own: a large one is compiled once.
            cache: order.cache.clone().or_else(|| Some(kept.path().join("compiled"))),
            compiler: Some(PathBuf::from("/proc/self/exe")),
            instances_max: INSTANCES_MAX,
            // What is tried is the component.
            renders_bytes_max: 0,
            // A call's time has its instance's beginning in it.
            prepares_renderers: None,
            ..Settings::default()
        };
        let sources = order.sources.iter().map(|url| {
            // What runs on a person's own machine may call that machine.
            let written = json!({"url": url, "private": true, "plainHttp": is_plain(url)});
            fetch::Source::parse("source", written).map_err(|error| anyhow!("--source {url}: {}", error.why))
        });
        let fetched = order.cache.as_ref().map(|cache| cache.join("fetched"));
        let scratch = kept.path().join("checkouts");
        let fetch = fetching::without_server(sources.collect::<anyhow::Result<_>>()?, fetched, scratch)?;
        Ok(Self { host: PluginHost::new(settings, services), switch, order, fetch, _kept: kept })
    }
}

#[async_trait]
impl plugin_check::Workbench for Workbench {
    async fn load(&self, name: &str, granted: &[Grant]) -> std::result::Result<Facts, Refused> {
        let grants = grants(granted).map_err(|message| Refused { stage: Stage::Load, message })?;
        let limits = Limits { memory_bytes_max: self.order.memory_bytes_max, ..Limits::default() };
        let bytes = self.order.component.to_vec().into();
        let component = Component { name: name.into(), bytes, digest: None, grants, limits };
        self.host.load(component).await.map_err(|error| Refused {
            stage: match &error {
                LoadError::Impure => Stage::Pure,
                LoadError::Describe(_) | LoadError::Description { .. } => Stage::Describe,
                _ => Stage::Load,
            },
            message: error.to_string(),
        })
    }

    fn desk(&self) -> &dyn Desk {
        &*self.host
    }

    fn fetch(&self) -> &dyn plugin::Fetch {
        &self.fetch
    }

    fn unload(&self, name: &str) {
        self.host.remove(name);
    }

    fn memory_peak(&self, name: &str) -> u64 {
        self.host.memory_peak(name)
    }

    fn switch(&self) -> &Switch {
        &self.switch
    }
}

/// A registry on this machine has no TLS.
fn is_plain(url: &str) -> bool {
    let host = url.strip_prefix("oci://").and_then(|rest| rest.split(['/', ':']).next());
    matches!(host, Some("localhost" | "127.0.0.1"))
}

/// As the host has them. What runs on a person's own machine may call that machine.
fn grants(granted: &[Grant]) -> std::result::Result<Grants, String> {
    let mut grants = Grants::default();
    for grant in granted {
        match grant {
            Grant::Http(host) => {
                let rule = host.parse().map_err(|error| format!("the grant http={host} cannot be used: {error}"))?;
                grants.http.push(HttpGrant {
                    host: rule,
                    private: egress::Private::Granted,
                    insecure: false,
                    tls: None,
                });
            }
            Grant::Secret(name) => add_secret(&mut grants, name, false),
            Grant::Reveal(name) => add_secret(&mut grants, name, true),
            Grant::State => grants.state_bytes_max = Some(STATE_BYTES_MAX),
            Grant::Endpoint(address) => {
                let rule =
                    address.parse().map_err(|error| format!("the grant endpoint={address} cannot be used: {error}"))?;
                grants.endpoints.push(EndpointGrant {
                    address: rule,
                    private: egress::Private::Granted,
                    insecure: false,
                    tls: None,
                });
            }
            Grant::Blobs => grants.blob_bytes_max = Some(BLOB_BYTES_MAX),
            Grant::Lookup => grants.lookup = true,
            Grant::Files { path, mount_path, read_only } => grants.files.push(FileGrant {
                path: path.clone(),
                mount_path: mount_path.clone(),
                read_only: *read_only,
            }),
        }
    }
    Ok(grants)
}

fn add_secret(grants: &mut Grants, name: &str, reveal: bool) {
    let secret = grants.secrets.entry(name.to_owned()).or_insert_with(|| SecretGrant {
        namespace: "check".to_owned(),
        name: name.to_owned(),
        key: name.to_owned(),
        hosts: Vec::new(),
        reveal: false,
    });
    secret.reveal |= reveal;
}

/// Values of secrets by name.
struct Values(BTreeMap<String, Arc<Vec<u8>>>);

#[async_trait]
impl Secrets for Values {
    async fn value(&self, grant: &SecretGrant) -> Result<Secret> {
        let value = match self.0.get(&grant.name) {
            Some(bytes) => bytes.trim_ascii_end().to_vec(),
            None => format!("made-up-value-of-{}", grant.name).into_bytes(),
        };
        Ok(Secret::new(value))
    }
}

/// State in a map.
#[derive(Default)]
struct Kept(Mutex<BTreeMap<StateKey, StoredState>>);

impl Kept {
    fn map(&self) -> std::sync::MutexGuard<'_, BTreeMap<StateKey, StoredState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl StateStore for Kept {
    async fn get(&self, key: &StateKey) -> Result<Option<StoredState>> {
        Ok(self.map().get(key).cloned())
    }

    async fn set(&self, key: &StateKey, value: Vec<u8>, expected: Option<u64>, bytes_max: u64) -> Result<Option<u64>> {
        let mut map = self.map();
        let version = map.get(key).map_or(0, |state| state.version);
        if expected.is_some_and(|expected| expected != version) {
            return Ok(None);
        }
        let of_object = |other: &StateKey| other.plugin == key.plugin && other.object == key.object && other != key;
        let others: u64 = map.iter().filter(|(k, _)| of_object(k)).map(|(_, state)| state.value.len() as u64).sum();
        if others + value.len() as u64 > bytes_max {
            let message = format!("all values together have more than {bytes_max} bytes (spec.grants.state.bytes)");
            return Err(PluginError::new(ErrorClass::Permanent, "too-large", message));
        }
        map.insert(key.clone(), StoredState { value, version: version + 1 });
        Ok(Some(version + 1))
    }

    async fn delete(&self, key: &StateKey) -> Result<()> {
        self.map().remove(key);
        Ok(())
    }

    async fn keys(&self, key: &StateKey, after: Option<&str>, limit: usize) -> Result<Vec<String>> {
        let map = self.map();
        let mine = map.keys().filter(|k| k.plugin == key.plugin && k.object == key.object);
        let fitting = mine.filter(|k| k.key.starts_with(&key.key) && after.is_none_or(|after| k.key.as_str() > after));
        Ok(fitting.take(limit).map(|k| k.key.clone()).collect())
    }
}

/// Nobody reads the log of a check: what matters of it is in its error.
struct NoLogs;

impl LogSink for NoLogs {
    fn write(&self, _: LogLine) {}

    fn read(&self, _: &str, _: bool) -> BoxStream<'static, LogLine> {
        stream::empty().boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_granted_as_it_is_said() {
        let lent = Grant::Files { path: "/srv/lent".into(), mount_path: "/lent".into(), read_only: false };
        let granted = grants(&[Grant::Lookup, lent]).unwrap();
        let [folder] = granted.files.as_slice() else { panic!("{granted:?}") };
        assert_eq!(
            (folder.path.as_path(), folder.mount_path.as_str(), folder.read_only),
            (std::path::Path::new("/srv/lent"), "/lent", false)
        );
    }
}
