//! What an api is built with.

use std::sync::Arc;

use artifact::{ArtifactError, Artifacts};
use async_trait::async_trait;
use model::workflow::Artifact;
use runtime::control::Control;
use store::objects::Objects;

use crate::access::{Authenticator, Authorizer};
use crate::admission::AdmissionSettings;

/// The ports and settings of an api.
#[derive(Clone)]
pub struct Deps {
    /// Objects.
    pub objects: Arc<dyn Objects>,
    /// The engines.
    pub control: Arc<dyn Control>,
    /// Moves artifacts.
    pub artifacts: Arc<dyn Artifacts>,
    /// Knows the artifact repository of a namespace.
    pub repositories: Arc<dyn Repositories>,
    /// Schedules.
    pub schedules: Arc<dyn Schedules>,
    /// The plugins in service.
    pub plugins: Arc<dyn plugin::Desk>,
    /// Obtains what renderers name.
    pub fetch: Arc<dyn plugin::Fetch>,
    /// Recognises callers.
    pub authenticator: Arc<dyn Authenticator>,
    /// Decides what they may do.
    pub authorizer: Arc<dyn Authorizer>,
    /// How documents are checked.
    pub admission: AdmissionSettings,
    /// About the server.
    pub about: About,
    /// Named limits.
    pub limits: Limits,
}

/// Completes artifacts whose location names only a key.
#[async_trait]
pub trait Repositories: Send + Sync + 'static {
    /// The artifact with a complete location: the namespace's default repository, and `key` in it.
    async fn place(&self, namespace: &str, name: &str, key: &str) -> Result<Artifact, ArtifactError>;
}

/// Computes moments of schedules.
pub trait Schedules: Send + Sync + 'static {
    /// The first `count` moments after `from_ms` (milliseconds since the epoch) at which one of the schedules is due, in order, in a time zone (IANA name;
    /// empty: the server's). Fails with what is wrong with the schedule at an index, or with the time zone (no index).
    fn next(
        &self,
        schedules: &[String],
        timezone: &str,
        from_ms: i64,
        count: usize,
    ) -> Result<Vec<i64>, (Option<usize>, String)>;
}

/// About the server: what `Info.GetServerInfo` tells.
#[derive(Debug, Clone)]
pub struct About {
    /// `0.1.0`.
    pub version: String,
    /// The commit; empty when unknown.
    pub commit: String,
    /// What it offers beside the services: `runner=local`, `store=sqlite`.
    pub capabilities: Vec<String>,
    /// The namespace of requests that name none.
    pub default_namespace: String,
    /// Links to show: name, scope and URL.
    pub links: Vec<(String, String, String)>,
}

impl Default for About {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: String::new(),
            capabilities: Vec::new(),
            default_namespace: "default".to_owned(),
            links: Vec::new(),
        }
    }
}

/// The named limits. Passing one is a `TooLarge` or `Invalid` that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// One message, received or sent (bytes).
    pub message_bytes_max: u64,
    /// One document, also when it comes in chunks (bytes).
    pub object_bytes_max: u64,
    /// A chunk of a streamed document (bytes).
    pub chunk_bytes: u64,
    /// Items of a page.
    pub page_max: u32,
    /// Items of a page when the request does not say.
    pub page_default: u32,
    /// The deadline of a call whose caller sets none (ms).
    pub deadline_default_ms: u64,
    /// The longest deadline of a call that answers once (ms).
    pub deadline_max_ms: u64,
    /// The longest single wait; the caller asks again (ms).
    pub wait_max_ms: u64,
    /// Documents of one batch.
    pub batch_documents_max: u64,
    /// Operations of one JSON patch.
    pub patch_operations_max: u64,
    /// Attempts of a patch or apply whose object is being changed by others.
    pub conflict_retries_max: u32,
    /// Manifests of one lint, and documents in them.
    pub lint_documents_max: u64,
    /// Finished runs looked at for label keys and values, or for a uid.
    pub label_scan_max: u64,
    /// Logs read at once by one call; further nodes wait.
    pub log_streams_max: usize,
    /// Files that one listing of an artifact tells.
    pub artifact_files_max: usize,
    /// A component that is looked at (bytes).
    pub component_bytes_max: u64,
    /// HTTP/2 streams of one connection.
    pub streams_per_connection_max: u32,
    /// A watch without news sends a bookmark after so long, so that a dead connection is noticed (ms).
    pub watch_idle_ms: u64,
    /// Length of a `grep` (bytes).
    pub grep_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 4 << 20,
            object_bytes_max: 64 << 20,
            chunk_bytes: 256 << 10,
            page_max: 500,
            page_default: 100,
            deadline_default_ms: 30_000,
            deadline_max_ms: 300_000,
            wait_max_ms: 60_000,
            batch_documents_max: 10_000,
            patch_operations_max: 1_000,
            conflict_retries_max: 8,
            lint_documents_max: 10_000,
            label_scan_max: 10_000,
            log_streams_max: 256,
            artifact_files_max: 10_000,
            component_bytes_max: 64 << 20,
            streams_per_connection_max: 1_024,
            watch_idle_ms: 30_000,
            grep_bytes_max: 1_024,
        }
    }
}

impl Limits {
    /// Each with its name, value and meaning, for people.
    pub fn told(&self) -> Vec<(&'static str, u64, &'static str)> {
        vec![
            ("message_bytes_max", self.message_bytes_max, "one message, received or sent"),
            ("object_bytes_max", self.object_bytes_max, "one document, also when it comes in chunks"),
            ("page_max", u64::from(self.page_max), "items of a page"),
            ("page_default", u64::from(self.page_default), "items of a page when the request does not say"),
            ("deadline_default_ms", self.deadline_default_ms, "the deadline of a call whose caller sets none"),
            ("deadline_max_ms", self.deadline_max_ms, "the longest deadline of a call that answers once"),
            ("wait_max_ms", self.wait_max_ms, "the longest single wait; ask again"),
            ("batch_documents_max", self.batch_documents_max, "documents of one batch"),
            ("patch_operations_max", self.patch_operations_max, "operations of one JSON patch"),
            ("lint_documents_max", self.lint_documents_max, "documents of one lint"),
            ("label_scan_max", self.label_scan_max, "finished runs looked at for label keys, values or a uid"),
            ("log_streams_max", self.log_streams_max as u64, "logs read at once by one call"),
            ("artifact_files_max", self.artifact_files_max as u64, "files that one listing of an artifact tells"),
            ("component_bytes_max", self.component_bytes_max, "a component that is looked at"),
            (
                "streams_per_connection_max",
                u64::from(self.streams_per_connection_max),
                "calls under way on one connection",
            ),
            ("grep_bytes_max", self.grep_bytes_max, "length of a log filter"),
        ]
    }

    /// The length of a page that was asked for; 0 is the default.
    pub(crate) fn page(&self, asked: u32) -> u32 {
        if asked == 0 { self.page_default } else { asked.min(self.page_max) }
    }
}
