//! A component in service.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use plugin::{Facts, Kind, Numbers};
use tokio::sync::Semaphore;
use wasmtime::component::InstancePre;

use crate::bindings::{description, metric, step};
use crate::grants::{self, Grants, HttpGrant};
use crate::instance::State;
use crate::limits::Limits;
use crate::quarantine::Quarantine;
use crate::services::Services;

/// A component that is to be taken into service.
#[derive(Debug, Clone)]
pub struct Component {
    /// The plugin's name.
    pub name: Arc<str>,
    /// The component.
    pub bytes: bytes::Bytes,
    /// What its content must be (`sha256:…`), if that was said.
    pub digest: Option<String>,
    /// What it may reach.
    pub grants: Grants,
    /// How much its calls may take.
    pub limits: Limits,
}

/// What all instances of a component share.
pub(crate) struct Shared {
    pub(crate) name: Arc<str>,
    pub(crate) grants: Grants,
    pub(crate) limits: Limits,
    pub(crate) services: Services,
    /// A client for each grant of requests, in their order.
    clients: Vec<egress::Client>,
    /// The most memory that one of its instances had (bytes).
    pub(crate) memory_peak: Arc<AtomicU64>,
}

impl Shared {
    pub(crate) fn new(
        name: Arc<str>,
        grants: Grants,
        limits: Limits,
        services: Services,
    ) -> Result<Self, egress::EgressError> {
        let client = |grant: &HttpGrant| {
            let guard = egress::Guard::with_resolver(grants::policy(grant, &services.deny), services.resolver.clone());
            egress::Client::new(guard, &egress::TlsSettings { insecure: grant.insecure, ..Default::default() })
        };
        let clients = grants.http.iter().map(client).collect::<Result<_, _>>()?;
        Ok(Self { name, grants, limits, services, clients, memory_peak: Arc::default() })
    }

    /// The grant that a target falls under, and the client that keeps to it.
    pub(crate) fn client_for(&self, scheme: &str, host: &str, port: u16) -> Option<(&HttpGrant, &egress::Client)> {
        self.grants.http.iter().zip(&self.clients).find(|(grant, _)| grant.host.names(Some(scheme), host, port))
    }
}

/// The exports of a component, found once.
pub(crate) struct Exports {
    pub(crate) description: description::DescribedIndices,
    pub(crate) metric: Option<metric::MeasuringIndices>,
    pub(crate) step: Option<step::SteppingIndices>,
}

impl Exports {
    /// Finds what a component exports; `None` when it does not even describe itself.
    pub(crate) fn find(pre: &InstancePre<State>) -> wasmtime::Result<Self> {
        Ok(Self {
            description: description::DescribedIndices::new(pre)?,
            metric: metric::MeasuringIndices::new(pre).ok(),
            step: step::SteppingIndices::new(pre).ok(),
        })
    }

    /// Whether a kind that the component says to be of is there; nothing for a kind that this host does not run.
    pub(crate) fn has(&self, kind: Kind) -> Option<bool> {
        match kind {
            Kind::MetricProvider => Some(self.metric.is_some()),
            Kind::Step => Some(self.step.is_some()),
            Kind::ManifestRenderer | Kind::EventSource | Kind::Trigger => None,
        }
    }
}

/// A component in service.
pub(crate) struct Loaded {
    pub(crate) shared: Arc<Shared>,
    pub(crate) pre: InstancePre<State>,
    pub(crate) exports: Exports,
    pub(crate) places: Semaphore,
    pub(crate) facts: Facts,
    pub(crate) counters: Counters,
    pub(crate) quarantine: Quarantine,
}

/// Counts calls.
#[derive(Default)]
pub(crate) struct Counters {
    calls: AtomicU64,
    errors: AtomicU64,
    killed: AtomicU64,
    last: Mutex<Last>,
}

/// The last calls.
#[derive(Default)]
struct Last {
    took: Vec<Duration>,
    next: usize,
    error: Option<String>,
}

/// Calls whose times are kept.
const TIMES_MAX: usize = 512;

/// How a call ended, for counting.
pub(crate) enum How<'a> {
    Answered,
    Error(&'a plugin::PluginError),
    Killed(&'a plugin::PluginError),
}

impl Counters {
    pub(crate) fn count(&self, took: Duration, how: How<'_>) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let error = match how {
            How::Answered => None,
            How::Error(error) => {
                self.errors.fetch_add(1, Ordering::Relaxed);
                Some(error.to_string())
            }
            How::Killed(error) => {
                self.killed.fetch_add(1, Ordering::Relaxed);
                Some(error.to_string())
            }
        };
        let mut last = crate::lock(&self.last);
        let at = last.next;
        match last.took.get_mut(at) {
            Some(place) => *place = took,
            None => last.took.push(took),
        }
        last.next = (at + 1) % TIMES_MAX;
        last.error = error.or(last.error.take());
    }

    pub(crate) fn numbers(&self) -> Numbers {
        let last = crate::lock(&self.last);
        let mut took = last.took.clone();
        took.sort_unstable();
        let of = |part: f64| {
            let at = ((took.len() as f64 * part).ceil() as usize).saturating_sub(1);
            took.get(at).map_or(0.0, Duration::as_secs_f64)
        };
        Numbers {
            calls: self.calls.load(Ordering::Relaxed),
            errors: self.errors.load(Ordering::Relaxed),
            killed: self.killed.load(Ordering::Relaxed),
            p50_seconds: of(0.5),
            p99_seconds: of(0.99),
            last_error: last.error.clone(),
        }
    }
}

/// Components by name.
pub(crate) type Table = HashMap<Arc<str>, Arc<Loaded>>;
