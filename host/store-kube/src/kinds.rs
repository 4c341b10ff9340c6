//! Which resource of the API server holds the objects of a kind.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kube::Client;
use kube::core::GroupVersionKind;
use kube::discovery::{Scope, pinned_kind};
use store::objects::Gvk;
use store::{Result, StoreError};

use crate::wire;

/// Kinds remembered at most; beyond that all are forgotten and asked for again.
const KINDS_MAX: usize = 4096;

/// The address of a kind's objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) gvk: Gvk,
    /// `/api/v1` or `/apis/GROUP/VERSION`.
    base: String,
    plural: String,
    pub(crate) namespaced: bool,
    /// Whether the status is written through a subresource of its own.
    pub(crate) status_subresource: bool,
}

impl Resource {
    /// The address of the kind's objects in a namespace (empty: all of them, or a cluster-wide kind).
    pub(crate) fn collection(&self, namespace: &str) -> String {
        match namespace {
            "" => format!("{}/{}", self.base, self.plural),
            _ if !self.namespaced => format!("{}/{}", self.base, self.plural),
            namespace => format!("{}/namespaces/{namespace}/{}", self.base, self.plural),
        }
    }
}

/// What discovery answered, kept. A kind that was not found is asked for again each time: its definition may have come meanwhile.
pub(crate) struct Kinds {
    known: Mutex<HashMap<Gvk, Arc<Resource>>>,
}

impl Kinds {
    pub(crate) fn new() -> Self {
        Self { known: Mutex::new(HashMap::new()) }
    }

    /// The resource of a kind; `NotFound` when the server has no such kind.
    pub(crate) async fn find(&self, client: &Client, gvk: &Gvk) -> Result<Arc<Resource>> {
        if let Some(known) = self.lock().get(gvk) {
            return Ok(known.clone());
        }
        let resource = Arc::new(discover(client, gvk).await?);
        let mut known = self.lock();
        if known.len() >= KINDS_MAX {
            known.clear();
        }
        known.insert(gvk.clone(), resource.clone());
        Ok(resource)
    }

    /// Forgets a kind, after the server answered that its address is not there: the definition may have changed or gone.
    pub(crate) fn forget(&self, gvk: &Gvk) {
        self.lock().remove(gvk);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Gvk, Arc<Resource>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn discover(client: &Client, gvk: &Gvk) -> Result<Resource> {
    let (group, version) = gvk.api_version.split_once('/').unwrap_or(("", &gvk.api_version));
    let not_there = || StoreError::NotFound { what: format!("kind {} ({})", gvk.kind, gvk.api_version) };
    if !is_word(version) || !group.split('.').all(|part| part.is_empty() || is_word(part)) {
        return Err(not_there());
    }
    let asked = GroupVersionKind::gvk(group, version, &gvk.kind);
    let (resource, capabilities) = match pinned_kind(client, &asked).await {
        Ok(found) => found,
        Err(kube::Error::Discovery(_)) => return Err(not_there()),
        Err(kube::Error::Api(status)) if status.is_not_found() => return Err(not_there()),
        Err(error) => return Err(wire::failed(&format!("kind {}", gvk.kind), error)),
    };
    let base = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
    Ok(Resource {
        gvk: gvk.clone(),
        base,
        plural: resource.plural,
        namespaced: capabilities.scope == Scope::Namespaced,
        status_subresource: capabilities.subresources.iter().any(|(sub, _)| sub.plural.ends_with("status")),
    })
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}
