//! Watch, decide, commit, perform: the one loop around the pure engines.
//!
//! ```text
//!   objects ── watch ──► admit ──► inputs ──► instance (one task each) ──► journal ──► effects ──► runner · limiters · objects …
//!                                    ▲                                                    │
//!                                    └──────────────────── answers ───────────────────────┘
//!                                                          status ◄── projection
//! ```
//!
//! # Invariants
//! - One instance is handled by one task at a time; different instances run in parallel.
//! - Nothing is performed before the transaction that asks for it is durable. Everything performed has a key, so that twice does no harm.
//! - An answer is an input; nothing calls back into an engine.
//! - One instance that cannot be read or that panics is set aside with a message on its object; all others go on.
//! - Idle and finished instances are not held in memory.
//!
//! # What this crate must not know
//! SQLite, Kubernetes, gRPC, how steps are run or artifacts are stored: it sees ports.

mod clock;
mod config;
pub mod control;
mod cron;
mod instance;
mod leaf;
mod limits;
mod metrics;
mod references;
mod registry;
mod requests;
mod retention;
#[cfg(test)]
mod tests;
mod workflows;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use engine_limiter::Limiter;
use engine_workflow::WorkflowEngine;
use futures::StreamExt;
use futures::stream::BoxStream;
use model::Object;
use model::core::ConfigMap;
use model::workflow::WorkflowStatus;
use runner::LogQuery;
use store::objects::{Gvk, Selector, WatchEvent};
use tokio::task::JoinHandle;

use crate::control::{Backfill, Command, Control, ControlError, NodeEvent, NodeLog, NodePage};
use crate::instance::Common;
use crate::limits::Limits;
use crate::registry::Registry;
use crate::workflows::{ARGO, Projector, Workflows};

pub use clock::{Clock, SharedClock, SystemClock, SystemIds};
pub use config::{Jq, Repositories, Retention, RuntimeConfig, Settings, TemplateReferencing, WorkflowDefaults};
pub use metrics::RuntimeMetrics;
pub use references::{NamespaceSecrets, StoreReferences};
pub use requests::{HttpAnswer, HttpCall, NoAnswer, OwnLeaf, OwnLeafEnd, Requests};

/// A running loop.
pub struct Runtime {
    workflows: Arc<Workflows>,
    common: Arc<Common>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Runtime {
    /// Starts the loop: recovers what was running, then follows the objects.
    pub async fn start(config: RuntimeConfig) -> store::Result<Arc<Self>> {
        let RuntimeConfig {
            objects,
            journal,
            runner,
            mut unit_events,
            artifacts,
            repositories,
            requests,
            plugins,
            jq,
            clock,
            settings,
            generation,
        } = config;
        let stopped = AtomicBool::new(false);
        let common = Arc::new(Common { journal: journal.clone(), clock: clock.clone(), generation, stopped });
        let metrics = Arc::<RuntimeMetrics>::default();
        let limiters = Arc::new(Registry::<Limiter>::new(common.clone()));
        let limits = Limits::new(limiters, objects.clone(), &settings, metrics.clone());
        let registry = Arc::new(Registry::<WorkflowEngine>::new(common.clone()));
        let workflows = Arc::new_cyclic(|me| Workflows {
            objects,
            journal,
            runner,
            artifacts,
            repositories,
            requests,
            plugins,
            jq,
            clock,
            settings,
            registry: registry.clone(),
            limits,
            metrics,
            projector: Projector::default(),
            watchers: Default::default(),
            expiring: Default::default(),
            collecting: Default::default(),
            generation,
            since: Default::default(),
            seen: Mutex::default(),
            starts: Default::default(),
            results: Default::default(),
            inner: Mutex::default(),
            inner_slots: Workflows::inner_slots(),
            me: me.clone(),
        });
        registry.set_host(workflows.clone());
        let runtime = Arc::new(Self { workflows: workflows.clone(), common, tasks: Mutex::default() });

        // Watch before recovering, so that nothing that happens between the two is missed.
        let revision = workflows.objects.revision().await?;
        let _ = workflows.since.set(revision);
        if let Err(problem) = workflows.runner.adopt().await {
            tracing::error!(%problem, "steps of an earlier server could not be adopted");
        }
        let recovered = workflows.recover().await?;
        workflows.metrics.taken_over(recovered);
        if recovered > 0 {
            tracing::info!(recovered, "runs of an earlier server go on");
        }
        let this = workflows.clone();
        runtime.spawn(async move {
            while let Some(event) = unit_events.recv().await {
                this.unit_event(event);
            }
        });
        runtime.follow("Workflow", ARGO, revision, {
            let this = workflows.clone();
            move |event| this.observed(&event)
        });
        runtime.follow("ConfigMap", "v1", revision, {
            let this = workflows.clone();
            move |event| this.config_map_observed(event)
        });
        let this = workflows.clone();
        runtime.spawn(this.project());
        runtime.spawn(workflows.clone().collect_artifacts());
        runtime.spawn(workflows.clone().end_deadlocks());
        cron::start(&runtime, revision).await?;
        retention::start(&runtime);
        Ok(runtime)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(tokio::spawn(task));
    }

    /// Follows the objects of a kind from a revision on; when the watch is cut, from a fresh list.
    fn follow(
        &self,
        kind: &'static str,
        api_version: &'static str,
        from: u64,
        mut take: impl FnMut(WatchEvent) + Send + 'static,
    ) {
        let objects = self.workflows.objects.clone();
        self.spawn(async move {
            let selector = Selector { gvk: Some(Gvk::new(api_version, kind)), ..Selector::default() };
            let mut at = Some(from);
            loop {
                match objects.watch(&selector, at).await {
                    Ok(mut events) => {
                        while let Some(event) = events.next().await {
                            match event {
                                Ok(WatchEvent::Bookmark(revision)) => at = Some(revision),
                                Ok(event) => {
                                    if let Some(revision) = revision_of(&event) {
                                        at = Some(revision);
                                    }
                                    take(event);
                                }
                                Err(problem) => {
                                    tracing::info!(%problem, kind, "a watch was cut; it begins again");
                                    if matches!(problem, store::StoreError::Expired { .. }) {
                                        at = None;
                                    }
                                    break;
                                }
                            }
                        }
                    }
                    Err(store::StoreError::Expired { .. }) => at = None,
                    Err(problem) => tracing::warn!(%problem, kind, "cannot watch; trying again"),
                }
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        });
    }

    /// What operators measure.
    pub fn metrics(&self) -> Arc<RuntimeMetrics> {
        self.workflows.metrics.clone()
    }

    /// Runs that are in memory.
    pub fn loaded(&self) -> usize {
        self.workflows.registry.len()
    }

    /// Stops following and performing. Steps that run go on; what was committed is found again at the next start.
    pub fn stop(&self) {
        self.common.stopped.store(true, Ordering::Relaxed);
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.stop();
    }
}

fn revision_of(event: &WatchEvent) -> Option<u64> {
    match event {
        WatchEvent::Added(o) | WatchEvent::Modified(o) | WatchEvent::Deleted(o) => {
            o.metadata.resource_version.parse().ok()
        }
        WatchEvent::Bookmark(revision) => Some(*revision),
    }
}

impl Workflows {
    fn config_map_observed(&self, event: WatchEvent) {
        let (object, there) = match event {
            WatchEvent::Added(o) | WatchEvent::Modified(o) => (o, true),
            WatchEvent::Deleted(o) => (o, false),
            WatchEvent::Bookmark(_) => return,
        };
        let limits = self.limits.clone();
        tokio::spawn(async move {
            let map = if there { object.decode::<ConfigMap>().ok() } else { None };
            limits.config_map_changed(&object.metadata.namespace, &object.metadata.name, map.as_ref()).await;
        });
    }
}

#[async_trait]
impl Control for Runtime {
    async fn create(&self, object: &Object) -> store::Result<Option<Arc<Object>>> {
        self.workflows.create(object).await
    }

    async fn command(&self, namespace: &str, name: &str, command: Command) -> Result<(), ControlError> {
        self.workflows.command(namespace, name, command).await
    }

    async fn nodes(
        &self,
        namespace: &str,
        name: &str,
        selector: Option<&str>,
        limit: u32,
        continue_token: Option<&str>,
    ) -> Result<NodePage, ControlError> {
        self.workflows.nodes(namespace, name, selector, limit, continue_token).await
    }

    async fn watch_nodes(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<BoxStream<'static, Result<NodeEvent, ControlError>>, ControlError> {
        self.workflows.watch_nodes(namespace, name).await
    }

    async fn full_status(&self, namespace: &str, name: &str) -> Result<Arc<WorkflowStatus>, ControlError> {
        self.workflows.full_status(namespace, name).await
    }

    async fn wait(&self, namespace: &str, name: &str) -> Result<Arc<WorkflowStatus>, ControlError> {
        self.workflows.wait_for(namespace, name).await
    }

    async fn logs(&self, namespace: &str, name: &str, node_id: &str, query: LogQuery) -> Result<NodeLog, ControlError> {
        self.workflows.logs(namespace, name, node_id, query).await
    }

    async fn backfill(&self, namespace: &str, cron_workflow: &str, how: Backfill) -> Result<Vec<String>, ControlError> {
        cron::backfill(&self.workflows, namespace, cron_workflow, how).await
    }
}
