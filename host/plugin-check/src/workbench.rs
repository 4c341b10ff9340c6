//! What the checks need of a host.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use plugin::{Desk, Facts, Fetch};

use crate::Switch;

/// What is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// Requests to a host, as `spec.grants.http` has it; also to addresses that are not public.
    Http(String),
    /// The use of a secret, by the plugin's name for it.
    Secret(String),
    /// Its value, too.
    Reveal(String),
    /// State.
    State,
    /// Connections to an endpoint, as `spec.grants.endpoints` has it; also to addresses that are not public.
    Endpoint(String),
    /// Large values.
    Blobs,
    /// Objects of the destination: there is none here, so that nothing is found.
    Lookup,
    /// A folder of this machine, as `spec.grants.files` has it.
    Files {
        /// Where it is.
        path: PathBuf,
        /// Where the plugin finds it.
        mount_path: String,
        /// Nothing in it may be changed.
        read_only: bool,
    },
}

/// How a host is to be set up.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// The component.
    pub component: Arc<[u8]>,
    /// Where what was compiled is kept; nowhere when absent.
    pub cache: Option<PathBuf>,
    /// Memory of an instance (bytes).
    pub memory_bytes_max: usize,
    /// Files with values of secrets, by name; others have a value that was made up.
    pub secrets: BTreeMap<String, PathBuf>,
    /// Places that requirements of renderers may be fetched from (`https://charts.example.com`, `oci://…`, `ssh://…`), also at addresses that are not public.
    pub sources: Vec<String>,
}

/// How far a component came that was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its bytes, imports or exports.
    Load,
    /// It did not describe itself, or not as its interface says.
    Describe,
    /// It describes itself otherwise each time.
    Pure,
}

/// Why a component was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// How far it came.
    pub stage: Stage,
    /// A sentence for people.
    pub message: String,
}

/// A host that runs one component under any name and with any grants.
#[async_trait]
pub trait Workbench: Send + Sync {
    /// Takes the component into service under a name.
    ///
    /// # Errors
    /// Why it was not taken.
    async fn load(&self, name: &str, grants: &[Grant]) -> Result<Facts, Refused>;

    /// The plugins in service.
    fn desk(&self) -> &dyn Desk;

    /// What fetches requirements of renderers.
    fn fetch(&self) -> &dyn Fetch;

    /// Takes it out of service.
    fn unload(&self, name: &str);

    /// The most memory that one instance had since this was asked last (bytes).
    fn memory_peak(&self, name: &str) -> u64;

    /// What stands between its plugins and the network.
    fn switch(&self) -> &Switch;
}
