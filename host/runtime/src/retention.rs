//! How long finished runs are kept: `ttlStrategy`, and the server's `retentionPolicy`.
//!
//! A run that is to go carries the moment in a label, set with its end. So the store's index finds those that will go, after a restart too, without
//! reading the others.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use engine_workflow::RunState;
use model::Timestamp;
use model::workflow::NodePhase;
use store::StoreError;
use store::objects::{DeleteOptions, Gvk, LabelRequirement, ListQuery, Order, Precondition, Selector};
use tokio::sync::Notify;

use crate::Runtime;
use crate::workflows::{ARGO, Workflows, key};

/// The label that holds the moment (seconds since the epoch) after which a run goes.
pub(crate) const EXPIRES: &str = "colchis.dev/expires-at";

/// When (seconds since the epoch), namespace, name, uid.
type Entry = (i64, Arc<str>, Arc<str>, Arc<str>);

/// The runs that will go.
#[derive(Default)]
pub(crate) struct Expiring {
    runs: Mutex<BTreeSet<Entry>>,
    news: Notify,
}

impl Expiring {
    /// Notes a run: when (seconds), namespace, name, uid.
    pub(crate) fn note(&self, at: i64, namespace: &str, name: &str, uid: &str) {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).insert((
            at,
            namespace.into(),
            name.into(),
            uid.into(),
        ));
        self.news.notify_one();
    }

    fn first(&self) -> Option<Entry> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).first().cloned()
    }

    fn take(&self, entry: &Entry) {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).remove(entry);
    }
}

/// When a finished run goes (seconds since the epoch), if ever.
pub(crate) fn expires(state: &RunState) -> Option<i64> {
    let run = state.run()?;
    let ttl = run.submission.spec.ttl_strategy.as_ref()?;
    let seconds = match run.phase {
        NodePhase::Succeeded => ttl.seconds_after_success.or(ttl.seconds_after_completion),
        _ => ttl.seconds_after_failure.or(ttl.seconds_after_completion),
    }?;
    Some(run.finished?.as_secs().saturating_add(seconds.max(0)))
}

/// Deletes what is to go, for as long as the server runs.
pub(crate) fn start(runtime: &Runtime) {
    let workflows = runtime.workflows.clone();
    runtime.spawn(async move {
        if let Err(problem) = find(&workflows).await {
            tracing::warn!(%problem, "runs whose time is over could not all be found; the next start looks again");
        }
        loop {
            let first = workflows.expiring.first();
            let news = workflows.expiring.news.notified();
            match first {
                None => news.await,
                Some(entry) => {
                    let at = Timestamp::from_secs(entry.0);
                    if at <= workflows.clock.now() {
                        workflows.expiring.take(&entry);
                        delete(&workflows, &entry.1, &entry.2, &entry.3).await;
                        continue;
                    }
                    tokio::select! {
                        () = news => {}
                        () = workflows.clock.until(at) => {}
                    }
                }
            }
        }
    });
}

async fn find(workflows: &Workflows) -> store::Result<()> {
    let mut token = None;
    loop {
        let selector = Selector {
            gvk: Some(Gvk::new(ARGO, "Workflow")),
            labels: vec![LabelRequirement::Exists(EXPIRES.to_owned())],
            ..Selector::default()
        };
        let query = ListQuery { selector, continue_token: token, without_body: true, ..ListQuery::default() };
        let page = workflows.objects.list(&query).await?;
        for object in &page.items {
            let meta = &object.metadata;
            if let Some(at) = meta.labels.get(EXPIRES).and_then(|v| v.parse().ok()) {
                workflows.expiring.note(at, &meta.namespace, &meta.name, &meta.uid);
            }
        }
        token = page.continue_token;
        if token.is_none() {
            return Ok(());
        }
    }
}

/// Deletes a run, unless it was run again meanwhile or is another of the same name.
async fn delete(workflows: &Workflows, namespace: &str, name: &str, uid: &str) {
    let at = key(ARGO, "Workflow", namespace, name);
    match workflows.objects.get(&at).await {
        Ok(object) if object.metadata.uid == uid && object.metadata.labels.contains_key(EXPIRES) => {}
        _ => return,
    }
    let precondition = Precondition { uid: Some(uid.to_owned()), ..Precondition::default() };
    match workflows.objects.delete(&at, DeleteOptions { precondition, ..DeleteOptions::default() }).await {
        Ok(_) | Err(StoreError::NotFound { .. } | StoreError::Conflict { .. }) => {}
        Err(problem) => {
            tracing::warn!(%problem, namespace, name, "a run whose time is over could not be deleted; trying again");
            workflows.expiring.note(workflows.clock.now().as_secs() + 5, namespace, name, uid);
        }
    }
}

impl Workflows {
    /// How many runs that ended so are kept, if that is bounded.
    pub(crate) fn retains(&self, phase: NodePhase) -> Option<(&'static str, u32)> {
        let policy = self.settings.retention;
        let (phase, keep) = match phase {
            NodePhase::Succeeded => ("Succeeded", policy.completed),
            NodePhase::Failed => ("Failed", policy.failed),
            _ => ("Error", policy.errored),
        };
        Some((phase, keep?))
    }

    /// Deletes the oldest finished runs beyond the server's `retentionPolicy`.
    pub(crate) async fn keep_within_policy(&self, phase: NodePhase) {
        let Some((phase, keep)) = self.retains(phase) else { return };
        let mut skip = keep as usize;
        let mut token = None;
        loop {
            let selector = Selector {
                gvk: Some(Gvk::new(ARGO, "Workflow")),
                phases: vec![phase.to_owned()],
                ..Selector::default()
            };
            let query = ListQuery {
                selector,
                order: Order::NewestFirst,
                without_body: true,
                continue_token: token,
                ..Default::default()
            };
            let Ok(page) = self.objects.list(&query).await else { return };
            for old in page.items.iter().skip(skip) {
                let at = key(ARGO, "Workflow", &old.metadata.namespace, &old.metadata.name);
                if let Err(problem) = self.objects.delete(&at, DeleteOptions::default()).await {
                    tracing::warn!(%problem, "a run beyond the retention policy could not be deleted");
                }
            }
            skip = skip.saturating_sub(page.items.len());
            token = page.continue_token;
            if token.is_none() {
                return;
            }
        }
    }
}
