//! A component in service.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use plugin::{ErrorClass, Facts, Kind, Numbers, PluginError};
use serde_json::Value;
use tokio::sync::Semaphore;
use wasmtime::component::InstancePre;

use crate::bindings::{description, metric, receiver, renderer, step, subscriber, trigger};
use crate::grants::{self, EndpointGrant, Grants, HttpGrant};
use crate::instance::State;
use crate::limits::Limits;
use crate::metrics::Times;
use crate::quarantine::Quarantine;
use crate::schema::Schema;
use crate::services::Services;
use crate::spare::Spare;
use crate::warm::Warm;
use crate::ways::Way;

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
    /// Clock and randomness are the same each time.
    pub(crate) pure: bool,
    /// A client for each grant of requests, in their order.
    clients: Vec<Way<egress::Client>>,
    /// A dialer for each grant of an endpoint, in their order.
    dialers: Vec<Way<egress::Dialer>>,
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
        let guard = |host: &egress::Rule, private: &egress::Private| {
            let policy = grants::policy(host, private, &services.deny);
            egress::Guard::with_resolver(policy, services.resolver.clone())
        };
        let client =
            |g: &HttpGrant| Way::new(guard(&g.host, &g.private), g.insecure, g.tls.as_ref(), egress::Client::new);
        let dialer = |g: &EndpointGrant| {
            let guard = guard(&g.address, &g.private);
            Way::new(guard, g.insecure, g.tls.as_ref(), egress::Dialer::new)
        };
        let clients = grants.http.iter().map(client).collect::<Result<_, _>>()?;
        let dialers = grants.endpoints.iter().map(dialer).collect::<Result<_, _>>()?;
        Ok(Self { name, grants, limits, services, pure: false, clients, dialers, memory_peak: Arc::default() })
    }

    /// The same for a renderer.
    pub(crate) fn pure(&self) -> Self {
        Self {
            name: self.name.clone(),
            grants: self.grants.of_a_renderer(),
            limits: self.limits.clone(),
            services: self.services.clone(),
            pure: true,
            clients: Vec::new(),
            dialers: Vec::new(),
            memory_peak: self.memory_peak.clone(),
        }
    }

    /// The grant that a target falls under, and the client that keeps to it.
    pub(crate) fn client_for(&self, scheme: &str, host: &str, port: u16) -> Option<(&HttpGrant, &Way<egress::Client>)> {
        self.grants.http.iter().zip(&self.clients).find(|(grant, _)| grant.host.names(Some(scheme), host, port))
    }

    /// The same for an endpoint.
    pub(crate) fn dialer_for(
        &self,
        scheme: &str,
        host: &str,
        port: u16,
    ) -> Option<(&EndpointGrant, &Way<egress::Dialer>)> {
        let mut granted = self.grants.endpoints.iter().zip(&self.dialers);
        granted.find(|(grant, _)| grant.address.names(Some(scheme), host, port))
    }
}

/// The exports of a component, found once.
pub(crate) struct Exports {
    pub(crate) description: description::DescribedIndices,
    pub(crate) metric: Option<metric::MeasuringIndices>,
    pub(crate) renderer: Option<renderer::RenderingIndices>,
    pub(crate) subscriber: Option<subscriber::SubscribingIndices>,
    pub(crate) receiver: Option<receiver::ReceivingIndices>,
    pub(crate) trigger: Option<trigger::ActingIndices>,
    pub(crate) step: Option<step::SteppingIndices>,
}

impl Exports {
    /// Finds what a component exports; `None` when it does not even describe itself.
    pub(crate) fn find(pre: &InstancePre<State>) -> wasmtime::Result<Self> {
        Ok(Self {
            description: description::DescribedIndices::new(pre)?,
            metric: metric::MeasuringIndices::new(pre).ok(),
            renderer: renderer::RenderingIndices::new(pre).ok(),
            subscriber: subscriber::SubscribingIndices::new(pre).ok(),
            receiver: receiver::ReceivingIndices::new(pre).ok(),
            trigger: trigger::ActingIndices::new(pre).ok(),
            step: step::SteppingIndices::new(pre).ok(),
        })
    }

    /// Whether a kind that the component says to be of is there.
    pub(crate) fn has(&self, kind: Kind) -> bool {
        match kind {
            Kind::MetricProvider => self.metric.is_some(),
            Kind::ManifestRenderer => self.renderer.is_some(),
            Kind::EventSource => self.subscriber.is_some() || self.receiver.is_some(),
            Kind::Trigger => self.trigger.is_some(),
            Kind::Step => self.step.is_some(),
        }
    }
}

/// A component in service.
pub(crate) struct Loaded {
    pub(crate) shared: Arc<Shared>,
    /// What its instances have as renderers.
    pub(crate) pure: Arc<Shared>,
    pub(crate) pre: InstancePre<State>,
    pub(crate) exports: Exports,
    /// What configurations are checked against, by kind.
    pub(crate) schemas: Vec<(Kind, Schema)>,
    /// Another version is in service by now, or none.
    pub(crate) superseded: AtomicBool,
    pub(crate) places: Semaphore,
    /// Instances that wait for a call.
    pub(crate) warm: Warm,
    /// The same of a renderer.
    pub(crate) warm_renderers: Warm,
    /// Of a renderer: the next instance.
    pub(crate) spare: Spare,
    pub(crate) facts: Facts,
    pub(crate) counters: Counters,
    pub(crate) quarantine: Quarantine,
}

impl Loaded {
    /// Another is in its place, or none: whoever goes on with it is told, and no instance waits any more.
    pub(crate) fn supersede(&self) {
        self.superseded.store(true, Ordering::Relaxed);
        self.warm.clear();
        self.warm_renderers.clear();
        self.spare.clear();
    }

    /// Whether it is this component, with the same grants and limits.
    pub(crate) fn is(&self, other: &Component) -> bool {
        let digest = &self.facts.digest;
        self.shared.grants == other.grants
            && self.shared.limits == other.limits
            && other.digest.as_ref().is_none_or(|promised| promised == digest)
            && *digest == crate::compile::digest(&other.bytes)
    }

    /// Whether the plugin may see a configuration.
    pub(crate) fn check(&self, kind: Kind, config: &Value) -> Result<(), PluginError> {
        self.schemas
            .iter()
            .filter(|(of, _)| *of == kind)
            .try_for_each(|(_, schema)| schema.check(&self.shared.name, config))
    }
}

/// Counts calls.
#[derive(Default)]
pub(crate) struct Counters {
    calls: AtomicU64,
    errors: AtomicU64,
    killed: AtomicU64,
    denied: AtomicU64,
    busy: AtomicU64,
    pub(crate) times: Times,
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

impl How<'_> {
    /// One word for spans.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Error(error) => error.class.word(),
            Self::Killed(_) => "killed",
        }
    }
}

impl Counters {
    /// A call found no place.
    pub(crate) fn busy(&self) {
        self.busy.fetch_add(1, Ordering::Relaxed);
    }

    /// What a page of metrics has of these counts: names, and how many.
    pub(crate) fn outcomes(&self) -> [(&'static str, u64); 5] {
        let [calls, errors, killed, denied, busy] = [&self.calls, &self.errors, &self.killed, &self.denied, &self.busy]
            .map(|count| count.load(Ordering::Relaxed));
        let answered = calls.saturating_sub(errors).saturating_sub(killed);
        [
            ("answered", answered),
            ("error", errors.saturating_sub(denied)),
            ("denied", denied),
            ("killed", killed),
            ("busy", busy),
        ]
    }

    pub(crate) fn count(&self, took: Duration, how: How<'_>) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.times.count(took);
        let error = match how {
            How::Answered => None,
            How::Error(error) => {
                self.errors.fetch_add(1, Ordering::Relaxed);
                if error.class == ErrorClass::Denied {
                    self.denied.fetch_add(1, Ordering::Relaxed);
                }
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
