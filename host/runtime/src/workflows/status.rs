//! The object's status: a projection of the run, derived, repeatable, coalesced.
//!
//! While a run moves, its object is written at most once per interval. Its end is written in the commit that ends it where the store can do that, else at once
//! after it, and always behind a write that is still under way, so that no slow one covers it. Whoever waits for a run is told after that.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine_workflow::{RunState, project};
use model::workflow::{ArtifactGcStrategy, WorkflowPhase, WorkflowStatus};
use model::{Object, ObjectMeta};
use store::StoreError;
use store::objects::{Key, Precondition, StatusUpdate};
use tokio::sync::watch;
use tokio::time::Instant;

use super::admit::{ARGO, key};
use super::{Workflows, artifact_gc};
use crate::retention;

/// How soon after a run's first change its object shows it.
const FIRST: Duration = Duration::from_millis(100);
/// How long a status that could not be written is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// Writes statuses.
#[derive(Default)]
pub(crate) struct Projector {
    work: tokio::sync::Notify,
    dirty: Mutex<HashMap<Arc<str>, Dirty>>,
    ends: Mutex<HashMap<Arc<str>, End>>,
    /// Runs whose progress is being written.
    writing: Mutex<HashMap<Arc<str>, u32>>,
    written: tokio::sync::Notify,
}

/// Told when a run's end is written.
type End = watch::Sender<Option<Arc<WorkflowStatus>>>;

struct Dirty {
    due: Instant,
    written: bool,
    changed: bool,
}

/// A write of a run's progress.
struct Writing<'a> {
    projector: &'a Projector,
    id: Arc<str>,
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let mut writing = self.projector.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = writing.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                writing.remove(&self.id);
            }
        }
        drop(writing);
        self.projector.written.notify_waiters();
    }
}

/// Labels, or annotations, that a status brings along.
type Marks = Vec<(String, Option<String>)>;

impl Projector {
    /// A run has moved.
    pub(crate) fn moved(&self, id: &Arc<str>) {
        let mut dirty = self.dirty.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = dirty.entry(id.clone()).or_insert_with(|| Dirty {
            due: Instant::now() + FIRST,
            written: false,
            changed: true,
        });
        entry.changed = true;
        self.work.notify_one();
    }

    /// A run is over; `shown` is what became of the status that was written with its last commit.
    pub(crate) fn ended(
        &self,
        workflows: &Workflows,
        id: &Arc<str>,
        state: &RunState,
        shown: Option<store::Result<()>>,
    ) {
        self.dirty.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        let (Some(this), Some(run)) = (workflows.arc(), state.run()) else { return };
        let (id, phase, expires) = (id.clone(), run.phase, retention::expires(state));
        let key = key_of(&run.submission.metadata);
        if shown.is_some_and(|shown| for_good(&shown)) {
            self.tell_end(&id, || project::summary(state));
            this.note_expiry(expires, &key, &id);
            if this.retains(phase).is_some() {
                tokio::spawn(async move { this.keep_within_policy(phase).await });
            }
            return;
        }
        let Some((_, update)) = end(state) else { return };
        let status = project::summary(state);
        let artifacts = artifact_gc::due(state, ArtifactGcStrategy::OnWorkflowCompletion);
        let finished = run.finished.unwrap_or_default();
        tokio::spawn(async move {
            if !artifacts.is_empty() {
                this.collect_of_ended(&id, &key, finished, artifacts).await;
            }
            this.projector.progress_written(&id).await;
            this.write_for_good(&key, update).await;
            this.projector.tell_end(&id, || status);
            this.note_expiry(expires, &key, &id);
            this.keep_within_policy(phase).await;
        });
    }

    /// Whether a run's end may be shown by the commit that ends it: nothing must come before that.
    pub(crate) fn shows_end(&self, id: &Arc<str>, state: &RunState) -> bool {
        // A write of progress that is under way could cover an end that does not wait for it.
        let writing = self.is_writing(id);
        !writing && artifact_gc::due(state, ArtifactGcStrategy::OnWorkflowCompletion).is_empty()
    }

    /// Whether a write of the run's progress is under way.
    pub(crate) fn is_writing(&self, id: &Arc<str>) -> bool {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner).contains_key(id)
    }

    /// The runs whose objects are due to be written.
    fn due(&self, interval: Duration) -> Vec<Arc<str>> {
        let now = Instant::now();
        let mut dirty = self.dirty.lock().unwrap_or_else(PoisonError::into_inner);
        // A run that did not move for an interval is forgotten until it does.
        dirty.retain(|_, d| d.changed || d.due > now);
        let mut out = Vec::new();
        for (id, entry) in dirty.iter_mut() {
            if entry.changed && entry.due <= now {
                entry.changed = false;
                entry.written = true;
                entry.due = now + interval;
                out.push(id.clone());
            }
        }
        out
    }

    /// From now until the answer is dropped, the run's progress is being looked at and written.
    fn begin_writing(&self, id: &Arc<str>) -> Writing<'_> {
        *self.writing.lock().unwrap_or_else(PoisonError::into_inner).entry(id.clone()).or_default() += 1;
        Writing { projector: self, id: id.clone() }
    }

    /// Returns when no write of this run's progress is under way.
    async fn progress_written(&self, id: &Arc<str>) {
        loop {
            let written = self.written.notified();
            if !self.is_writing(id) {
                return;
            }
            written.await;
        }
    }

    /// Nobody is told of a run that was over already.
    pub(crate) fn forget_end(&self, id: &Arc<str>, end: watch::Receiver<Option<Arc<WorkflowStatus>>>) {
        drop(end);
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        if ends.get(id).is_some_and(|sender| sender.receiver_count() == 0) {
            ends.remove(id);
        }
    }

    /// Told when the run's end is written.
    pub(crate) fn end_of(&self, id: &Arc<str>) -> watch::Receiver<Option<Arc<WorkflowStatus>>> {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.entry(id.clone()).or_insert_with(|| watch::channel(None).0).subscribe()
    }

    fn tell_end(&self, id: &Arc<str>, status: impl FnOnce() -> WorkflowStatus) {
        let sender = self.ends.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        if let Some(sender) = sender {
            let _ = sender.send(Some(Arc::new(status())));
        }
    }

    /// A run that could not be made of its object.
    pub(crate) fn refused(&self, workflows: &Workflows, object: &Arc<Object>, problem: &str) {
        let now = workflows.clock.now();
        let status = WorkflowStatus {
            phase: WorkflowPhase::Error,
            message: problem.to_owned(),
            started_at: Some(now),
            finished_at: Some(now),
            ..WorkflowStatus::default()
        };
        let key = key_of(&object.metadata);
        let id: Arc<str> = object.metadata.uid.as_str().into();
        let Some(this) = workflows.arc() else { return };
        tokio::spawn(async move {
            if let Some(update) = update(&id, &status, (phase_labels(&status), Marks::new())) {
                this.write_for_good(&key, update).await;
            }
            this.watchers.tell_refused(&id, &status);
            this.projector.tell_end(&id, || status);
        });
    }

    /// A run whose journal cannot be read: its object says so.
    pub(crate) fn quarantined(&self, workflows: &Workflows, id: &Arc<str>, problem: &str) {
        let (Some(this), id, problem) = (workflows.arc(), id.clone(), problem.to_owned()) else { return };
        tokio::spawn(async move {
            let Some(object) = this.object_by_uid(&id).await else { return };
            let text = format!(
                "this run was set aside: {problem}. The others go on; delete and submit it again, or restore a backup"
            );
            this.projector.refused(&this, &object, &text);
        });
    }
}

impl Workflows {
    /// Writes the statuses of runs that move, for ever.
    pub(crate) async fn project(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(FIRST / 2);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            self.projector.wait_for_work(&mut ticks).await;
            for id in self.projector.due(self.settings.status_interval) {
                self.project_one(&id).await;
            }
        }
    }

    /// Writes the status of a run that moves.
    pub(crate) async fn project_one(&self, id: &Arc<str>) {
        if !self.registry.is_loaded(id) {
            return;
        }
        let _writing = self.projector.begin_writing(id);
        let seen = self.registry.look(id, |state, _| {
            let run = state.run()?;
            let status = project::summary(state);
            let mut labels = labels(state, &status);
            labels.push((retention::EXPIRES.to_owned(), None));
            let meta = &run.submission.metadata;
            let update = update(&meta.uid, &status, (labels, annotations(state)))?;
            run.finished.is_none().then(|| (key_of(meta), update))
        });
        if let Ok(Some((key, update))) = seen.await
            && let Err(problem) = self.objects.update_status(&key, update).await
            && !matches!(problem, StoreError::NotFound { .. })
        {
            tracing::warn!(%problem, "a status could not be written; the next change tries again");
        }
    }

    /// Writes an end, for as long as it takes; a deleted object needs none.
    async fn write_for_good(&self, key: &Key, update: StatusUpdate) {
        loop {
            let written = self.objects.update_status(key, update.clone()).await.map(|_| ());
            if for_good(&written) {
                return;
            }
            if let Err(problem) = written {
                tracing::warn!(%problem, "the end of a run could not be written; trying again");
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    fn note_expiry(&self, expires: Option<i64>, key: &Key, id: &Arc<str>) {
        if let Some(at) = expires {
            self.expiring.note(at, &key.namespace, &key.name, id);
        }
    }

    pub(crate) async fn object_by_uid(&self, id: &str) -> Option<Arc<Object>> {
        let mut token = None;
        loop {
            let selector = store::objects::Selector {
                gvk: Some(store::objects::Gvk::new(ARGO, "Workflow")),
                ..store::objects::Selector::default()
            };
            let query =
                store::objects::ListQuery { selector, continue_token: token, without_body: true, ..Default::default() };
            let page = self.objects.list(&query).await.ok()?;
            if let Some(found) = page.items.iter().find(|o| o.metadata.uid == id) {
                return Some(found.clone());
            }
            token = Some(page.continue_token?);
        }
    }
}

impl Projector {
    /// Nothing ticks while nothing moves.
    async fn wait_for_work(&self, ticks: &mut tokio::time::Interval) {
        while self.dirty.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            self.work.notified().await;
        }
        ticks.tick().await;
    }
}

fn key_of(metadata: &ObjectMeta) -> Key {
    key(ARGO, "Workflow", &metadata.namespace, &metadata.name)
}

/// Whether a status is written, or has no object to be written on.
fn for_good(written: &store::Result<()>) -> bool {
    matches!(written, Ok(()) | Err(StoreError::NotFound { .. } | StoreError::Conflict { .. }))
}

/// The status of a run that is over, and where it is written.
pub(super) fn end(state: &RunState) -> Option<(Key, StatusUpdate)> {
    let meta = &state.run()?.submission.metadata;
    let status = project::summary(state);
    let mut labels = labels(state, &status);
    let expires = retention::expires(state);
    labels.push((retention::EXPIRES.to_owned(), expires.map(|at| at.to_string())));
    let update = update(&meta.uid, &status, (labels, annotations(state)))?;
    Some((key_of(meta), update))
}

fn update(uid: &str, status: &WorkflowStatus, (labels, annotations): (Marks, Marks)) -> Option<StatusUpdate> {
    let status = serde_json::value::to_raw_value(status).ok()?;
    let precondition = Precondition { uid: Some(uid.to_owned()), ..Precondition::default() };
    Some(StatusUpdate { status, labels, annotations, precondition })
}

/// The labels by which people and other tools find runs.
fn labels(state: &RunState, status: &WorkflowStatus) -> Marks {
    let mut out = phase_labels(status);
    if let Some(run) = state.run() {
        out.extend(run.labels.iter().map(|(k, v)| (k.to_string(), Some(v.to_string()))));
    }
    out
}

/// The annotations that `workflowMetadata` gives the run.
fn annotations(state: &RunState) -> Marks {
    let given = state.run().and_then(|run| run.submission.spec.workflow_metadata.as_ref());
    given.into_iter().flat_map(|m| &m.annotations).map(|(k, v)| (k.clone(), Some(v.clone()))).collect()
}

fn phase_labels(status: &WorkflowStatus) -> Marks {
    let completed = status.phase.is_finished();
    vec![
        ("workflows.argoproj.io/phase".to_owned(), Some(status.phase.as_str().to_owned())),
        ("workflows.argoproj.io/completed".to_owned(), Some(completed.to_string())),
    ]
}
