//! The port: one requirement after the other, by the cache or from where it is.

use std::sync::Arc;

use artifact::{Artifacts, Secrets};
use async_trait::async_trait;
use bytes::Bytes;
use plugin::{CallContext, Fetch, FileTree, Obtained, Requirement, RequirementSource, Result};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::archive::{self, Links};
use crate::cache::{Cache, digest_of};
use crate::error::FetchError;
use crate::settings::{Limits, Settings};
use crate::sources::Sources;
use crate::{file, git, helm, oci, version};

/// Requirements that are fetched at once, of all renderings; others wait.
const AT_ONCE: usize = 8;

/// What only its maker can give.
pub trait Surroundings: Send + Sync + 'static {
    /// The secrets of a namespace.
    fn secrets(&self, namespace: &str) -> Arc<dyn Secrets>;
    /// Checkouts of git repositories, whose connections pass this guard and which hold no more than the limits say.
    ///
    /// # Errors
    /// Why there are none.
    fn checkouts(&self, guard: egress::Guard, limits: &Limits) -> std::result::Result<Arc<dyn Artifacts>, String>;
}

/// Fetches requirements.
pub struct Fetcher {
    sources: Sources,
    limits: Limits,
    store: Store,
    places: Semaphore,
}

impl Fetcher {
    /// Asks nobody before something is wanted.
    ///
    /// # Errors
    /// No TLS with these settings.
    pub fn new(settings: Settings, surroundings: Arc<dyn Surroundings>) -> std::result::Result<Self, FetchError> {
        let sources = Sources::new(&settings, surroundings)?;
        let cache = settings.cache.map(|folder| Arc::new(Cache::new(folder, settings.cache_bytes_max)));
        Ok(Self { sources, limits: settings.limits, store: Store(cache), places: Semaphore::new(AT_ONCE) })
    }

    async fn obtain(&self, requirement: &Requirement) -> std::result::Result<FileTree, FetchError> {
        let limits = &self.limits;
        let promised = requirement.digest.as_deref();
        match &requirement.source {
            RequirementSource::HelmChart { repository, chart, version } => {
                // Before the cache: what was allowed once may not be any more.
                self.sources.way(&helm::repository(repository)?)?;
                let name = format!("chart {repository} {chart} {version}");
                let wanted = helm::Chart { repository, name: chart, version };
                let got = helm::archive(&self.sources, &self.store, limits, wanted);
                let bytes = self.kept_or(name, version::is_exact(version), promised, got).await?;
                self.unpacked(bytes, Links::Refused).await
            }
            RequirementSource::Oci { reference, version } => {
                let url = oci::url(reference)?;
                let mut repository = oci::Repository::new(&self.sources, &url)?;
                let is_pinned = version.starts_with("sha256:") || version::is_exact(version);
                let got = repository.archive(&self.store, version, limits);
                let bytes = self.kept_or(format!("{url} {version}"), is_pinned, promised, got).await?;
                self.unpacked(bytes, Links::Refused).await
            }
            RequirementSource::Git { url, revision, .. } => {
                self.sources.way(&git::url(url)?)?;
                if promised.is_some() {
                    let why = "is a repository, which has no digest: name a commit".to_owned();
                    return Err(FetchError::Url { url: egress::shown(url), why });
                }
                let got = git::archive(&self.sources, limits, url, revision);
                let bytes = self.kept_or(format!("git {url} {revision}"), git::is_commit(revision), None, got).await?;
                self.unpacked(bytes, Links::Unreadable).await
            }
            RequirementSource::Url(text) => {
                let url = file::url(text)?;
                self.sources.way(&url)?;
                let got = file::content(&self.sources, limits, &url);
                let bytes = self.kept_or(format!("url {url}"), false, promised, got).await?;
                match file::is_archive(&url) {
                    true => self.unpacked(bytes, Links::Refused).await,
                    false => file::alone(&url, bytes),
                }
            }
        }
    }

    /// What is kept under an exact name or with the promised digest; else what is got, which is then kept if it can be asked for again.
    async fn kept_or(
        &self,
        name: String,
        is_pinned: bool,
        promised: Option<&str>,
        got: impl Future<Output = std::result::Result<Bytes, FetchError>>,
    ) -> std::result::Result<Bytes, FetchError> {
        let kept = match promised {
            Some(digest) => self.store.content(digest).await,
            None if is_pinned => self.store.named(&name).await.map(|(bytes, _)| bytes),
            None => None,
        };
        if let Some(bytes) = kept {
            return Ok(bytes);
        }
        let bytes = got.await?;
        let found = digest_of(&bytes);
        if let Some(expected) = promised.filter(|expected| *expected != found) {
            let (what, expected) = ("what was fetched".to_owned(), expected.to_owned());
            return Err(FetchError::Digest { what, expected, found, promised_by: "the requirement" });
        }
        if is_pinned || promised.is_some() {
            self.store.keep(is_pinned.then_some(name), bytes.clone(), None).await;
        }
        Ok(bytes)
    }

    async fn unpacked(&self, bytes: Bytes, links: Links) -> std::result::Result<FileTree, FetchError> {
        let limits = self.limits.clone();
        let unpacked = tokio::task::spawn_blocking(move || archive::unpack(&bytes, links, &limits)).await;
        unpacked.map_err(|error| FetchError::Local(format!("the archive cannot be unpacked: {error}")))?
    }
}

#[async_trait]
impl Fetch for Fetcher {
    async fn fetch(&self, call: &CallContext, requirement: &Requirement) -> Result<Obtained> {
        let time = self.limits.time_max.min(call.timeout);
        let work = async {
            let _place = self.places.acquire().await;
            self.obtain(requirement).await
        };
        let done = timeout(time, work).await.unwrap_or(Err(FetchError::TimedOut { seconds: time.as_secs() }));
        let tree = done.map_err(|error| {
            tracing::debug!(requirement = %requirement.name, %error, "a requirement cannot be had");
            error.of(requirement)
        })?;
        Ok(Obtained { bytes: tree.bytes(), files: Arc::new(tree) })
    }
}

/// The cache, off the threads that serve. What cannot be kept is fetched again.
#[derive(Clone)]
pub(crate) struct Store(Option<Arc<Cache>>);

impl Store {
    /// What a name stood for: its content and the server's word for it.
    pub(crate) async fn named(&self, name: &str) -> Option<(Bytes, Option<String>)> {
        let (cache, name) = (self.0.clone()?, name.to_owned());
        let found = tokio::task::spawn_blocking(move || {
            let named = cache.named(&name)?;
            Some((cache.content(&named.digest)?, named.etag))
        });
        found.await.ok()?
    }

    pub(crate) async fn content(&self, digest: &str) -> Option<Bytes> {
        let (cache, digest) = (self.0.clone()?, digest.to_owned());
        tokio::task::spawn_blocking(move || cache.content(&digest)).await.ok()?
    }

    pub(crate) async fn keep(&self, name: Option<String>, bytes: Bytes, etag: Option<String>) {
        let Some(cache) = self.0.clone() else { return };
        let kept = tokio::task::spawn_blocking(move || cache.keep(name.as_deref(), &bytes, etag)).await;
        if let Ok(Err(error)) = kept {
            tracing::warn!(%error, "what was fetched is not kept");
        }
    }
}
