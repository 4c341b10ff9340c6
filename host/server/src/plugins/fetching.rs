//! What fetching requirements of renderers needs of this server: secrets, and git as artifacts have it.

use std::path::PathBuf;
use std::sync::Arc;

use artifact::{ArtifactError, Artifacts, ErrorClass, Secret, Secrets};
use async_trait::async_trait;
use fetch::{FetchError, Fetcher, Limits, Settings, Surroundings};
use runtime::NamespaceSecrets;
use store::objects::Objects;

use super::PluginsConfig;

/// Attempts at a checkout that fails by passing trouble: somebody waits for it.
const ATTEMPTS_MAX: u32 = 3;
/// How long it is tried again (ms).
const DEADLINE_MS: u64 = 20_000;

/// The fetcher of a server.
///
/// # Errors
/// No TLS with these settings.
pub(crate) fn fetcher(
    config: &PluginsConfig,
    objects: Arc<dyn Objects>,
    deny: Vec<egress::Rule>,
    artifacts: blob::Config,
) -> Result<Fetcher, FetchError> {
    let settings = Settings {
        sources: config.sources.clone(),
        deny,
        limits: Limits::default(),
        cache: Some(config.fetched.clone()),
        cache_bytes_max: config.fetched_bytes_max,
    };
    Fetcher::new(settings, Arc::new(OfTheServer { objects, artifacts }))
}

/// The fetcher of a command: no secrets, and nothing that lasts but in `cache`.
///
/// # Errors
/// No TLS on this machine.
pub(crate) fn without_server(
    sources: Vec<fetch::Source>,
    cache: Option<PathBuf>,
    scratch: PathBuf,
) -> Result<Fetcher, FetchError> {
    let settings = Settings { sources, cache, cache_bytes_max: 1 << 30, ..Settings::default() };
    let artifacts = blob::Config { directory: scratch, ..blob::Config::default() };
    Fetcher::new(settings, Arc::new(OfACommand { artifacts }))
}

struct OfTheServer {
    objects: Arc<dyn Objects>,
    artifacts: blob::Config,
}

impl Surroundings for OfTheServer {
    fn secrets(&self, namespace: &str) -> Arc<dyn Secrets> {
        Arc::new(NamespaceSecrets { objects: self.objects.clone(), namespace: namespace.into() })
    }

    fn checkouts(&self, guard: egress::Guard, limits: &Limits) -> Result<Arc<dyn Artifacts>, String> {
        checkouts(&self.artifacts, guard, limits)
    }
}

struct OfACommand {
    artifacts: blob::Config,
}

impl Surroundings for OfACommand {
    fn secrets(&self, _: &str) -> Arc<dyn Secrets> {
        Arc::new(NoSecrets)
    }

    fn checkouts(&self, guard: egress::Guard, limits: &Limits) -> Result<Arc<dyn Artifacts>, String> {
        checkouts(&self.artifacts, guard, limits)
    }
}

/// Artifact drivers of which git alone is used.
fn checkouts(config: &blob::Config, guard: egress::Guard, limits: &Limits) -> Result<Arc<dyn Artifacts>, String> {
    let unpack = blob::UnpackLimits {
        total_bytes_max: limits.unpacked_bytes_max,
        entries_max: limits.files_max,
        ..config.unpack.clone()
    };
    let retry = blob::Retry { attempts_max: ATTEMPTS_MAX, deadline_ms: DEADLINE_MS, ..config.retry };
    let config = blob::Config { unpack, retry, ..config.clone() };
    let drivers = blob::Drivers::new(config, guard).map_err(|error| error.to_string())?;
    Ok(Arc::new(drivers))
}

struct NoSecrets;

#[async_trait]
impl Secrets for NoSecrets {
    async fn secret(&self, name: &str, _: &str) -> Result<Secret, ArtifactError> {
        Err(none(name))
    }

    async fn config_map(&self, name: &str, _: &str) -> Result<String, ArtifactError> {
        Err(none(name))
    }
}

fn none(name: &str) -> ArtifactError {
    ArtifactError {
        artifact: String::new(),
        operation: "read",
        location: name.to_owned(),
        reason: "there are no secrets without a server".to_owned(),
        class: ErrorClass::Permanent,
        source: None,
    }
}
