//! What every call to a plugin carries.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// The object that a call is for: it stands in logs and spans, and state is kept by it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectRef {
    /// Its kind (`AnalysisRun`).
    pub kind: Arc<str>,
    /// Its namespace; empty for those of the cluster.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

/// For whom, how long, and whether still.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// What the call is for.
    pub object: ObjectRef,
    /// How long it may take; the plugin's own limit may be shorter.
    pub timeout: Duration,
    /// Nobody waits for it any more.
    pub cancel: CancellationToken,
}

impl CallContext {
    /// A call for an object.
    pub fn new(object: ObjectRef, timeout: Duration) -> Self {
        Self { object, timeout, cancel: CancellationToken::new() }
    }
}

impl std::fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &*self.namespace {
            "" => write!(f, "{} {}", self.kind, self.name),
            namespace => write!(f, "{} {namespace}/{}", self.kind, self.name),
        }
    }
}
