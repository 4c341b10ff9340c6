//! Garbage collection of artifacts: at a run's end, or when it is deleted.
//!
//! ```text
//!   run ended / deleted ──► task in the journal ──► tried ──► all are gone: the task too
//!                                                    ▲   └──► some are left: said on the run, counted
//!                                                    └─ later and later, after a restart too ─┘
//! ```
//!
//! It never holds up the deletion of a run, as `forceFinalizerRemoval` asks for elsewhere: what is to be deleted is written down, and the run may go.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use artifact::{Context, ErrorClass};
use engine_workflow::{RunState, project};
use futures::TryStreamExt;
use model::workflow::{Artifact, ArtifactGcStrategy};
use model::{Condition, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::journal::{Append, InstanceId};
use store::objects::{Precondition, StatusUpdate};
use store::{Result, StoreError};
use tokio::sync::Notify;

use super::{ARGO, Workflows, is_finished, key};

/// The name under which tasks stand in the journal.
const JOURNAL: &str = "artifact-gc";
/// The encoding of a [`Task`].
const FORMAT: u16 = 1;
/// Artifacts of one task (`artifacts_per_task_max`): more become several tasks.
const ARTIFACTS_MAX: usize = 500;
/// Tasks at work at once (`collectors_max`).
const COLLECTORS_MAX: usize = 4;
/// Tasks that are remembered (`tasks_max`); what is beyond stays in the journal until the next start.
const TASKS_MAX: usize = 100_000;
/// Seconds between tries: the first pause, and what doubling comes to at most.
const PAUSE_MIN: i64 = 1;
const PAUSE_MAX: i64 = 3_600;
/// How long the store is left alone that could not take a task.
const STORE_PAUSE: Duration = Duration::from_millis(500);
/// The condition by which Argo says it.
const CONDITION: &str = "ArtifactGCError";

/// What is to be deleted, as it stands in the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Task {
    namespace: String,
    workflow: String,
    uid: String,
    /// Of a run that is gone; one that is there may have been begun again, and needs its artifacts until it is over.
    deleted: bool,
    artifacts: Vec<Artifact>,
}

/// A task that is not done.
#[derive(Debug, Default)]
struct Waiting {
    due: Timestamp,
    tries: u32,
    uid: String,
    namespace: String,
    left: usize,
    /// Why something is left.
    problem: String,
}

/// The tasks that are not done, by their names in the journal.
#[derive(Default)]
pub(crate) struct Collecting {
    tasks: Mutex<Tasks>,
    news: Notify,
}

#[derive(Default)]
struct Tasks {
    all: HashMap<Arc<str>, Waiting>,
    /// Those that nobody works at, by when they are due: a hundred thousand may wait for a repository that is down.
    due: BTreeSet<(Timestamp, Arc<str>)>,
}

impl Tasks {
    fn add(&mut self, id: Arc<str>, waiting: Waiting) {
        if !self.all.contains_key(&id) {
            self.due.insert((waiting.due, id.clone()));
            self.all.insert(id, waiting);
        }
    }

    /// What is due first leaves the queue, if it is due now; otherwise when it will be.
    fn take(&mut self, now: Timestamp) -> std::result::Result<(Arc<str>, u32), Option<Timestamp>> {
        match self.due.first() {
            Some((at, _)) if *at <= now => {}
            later => return Err(later.map(|(at, _)| *at)),
        }
        let Some((_, id)) = self.due.pop_first() else { return Err(None) };
        let tries = self.all.get(&id).map_or(0, |task| task.tries);
        Ok((id, tries))
    }

    /// A task that was taken is tried again then.
    fn later(&mut self, id: &Arc<str>, at: Timestamp) -> Option<&mut Waiting> {
        let task = self.all.get_mut(id)?;
        (task.due, task.tries) = (at, task.tries.saturating_add(1));
        self.due.insert((at, id.clone()));
        Some(task)
    }
}

impl Collecting {
    fn with<R>(&self, change: impl FnOnce(&mut Tasks) -> R) -> R {
        change(&mut self.tasks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn done(&self, id: &Arc<str>) {
        self.with(|tasks| tasks.all.remove(id));
    }

    fn note(&self, id: Arc<str>, waiting: Waiting) {
        self.with(|tasks| {
            if tasks.all.len() < TASKS_MAX {
                tasks.add(id, waiting);
            } else {
                tracing::warn!(
                    tasks_max = TASKS_MAX,
                    "artifacts of more runs wait to be deleted; the next start looks at them"
                );
            }
        });
        self.news.notify_one();
    }

    /// The next task that is due, and otherwise when one will be.
    fn take(&self, now: Timestamp) -> std::result::Result<(Arc<str>, u32), Option<Timestamp>> {
        self.with(|tasks| tasks.take(now))
    }

    /// What is left of a run's artifacts that were to be deleted, and could not be yet.
    fn of_run(&self, uid: &str) -> Option<String> {
        self.with(|tasks| {
            let of_run = || tasks.all.values().filter(|t| t.uid == uid && !t.problem.is_empty());
            let left: usize = of_run().map(|t| t.left).sum();
            let problem = &of_run().next()?.problem;
            let what = if left == 1 { "artifact" } else { "artifacts" };
            Some(format!("{left} {what} could not be deleted yet, it is tried again: {problem}"))
        })
    }

    /// Artifacts that could not be deleted yet, by namespace.
    fn left(&self) -> BTreeMap<String, usize> {
        self.with(|tasks| {
            let mut left = BTreeMap::new();
            for task in tasks.all.values().filter(|t| !t.problem.is_empty()) {
                *left.entry(task.namespace.clone()).or_default() += task.left;
            }
            left
        })
    }
}

/// The artifacts of a run that are due.
pub(super) fn due(state: &RunState, when: ArtifactGcStrategy) -> Vec<Artifact> {
    let of_run = state.run().and_then(|run| run.submission.spec.artifact_gc.as_ref()).and_then(|gc| gc.strategy);
    let due = |a: &&Artifact| a.artifact_gc.as_ref().and_then(|gc| gc.strategy).or(of_run) == Some(when);
    let nodes = project::shown(state).filter_map(|ix| state.node(ix)).filter(|n| n.kind.is_leaf());
    let outputs = nodes.filter_map(|n| n.outputs.as_ref());
    outputs.flat_map(|o| o.artifacts.iter().filter(due).cloned()).collect()
}

impl Workflows {
    /// Writes down what is to be deleted at a run's end, for as long as that takes. Before the end stands on the object, so that whoever finds it there need not ask.
    pub(super) async fn collect_of_ended(
        &self,
        id: &str,
        at: &store::objects::Key,
        ended: Timestamp,
        artifacts: Vec<Artifact>,
    ) {
        let name = format!("{id}/ended-{}", ended.as_millis());
        while let Err(problem) = self.collect(&name, id, (&at.namespace, &at.name), false, &artifacts).await {
            tracing::warn!(%problem, "what is to be deleted at the end of a run could not be written down; trying again");
            tokio::time::sleep(STORE_PAUSE).await;
        }
    }

    /// Writes down what is to be deleted with a run.
    pub(super) async fn collect_of_deleted(&self, id: &Arc<str>, namespace: &str, name: &str) -> Result<()> {
        let due = |state: &RunState, _| due(state, ArtifactGcStrategy::OnWorkflowDeletion);
        let artifacts = self.registry.look(id, due).await?;
        self.collect(&format!("{id}/deleted"), id, (namespace, name), true, &artifacts).await
    }

    async fn collect(
        &self,
        task: &str,
        uid: &str,
        (namespace, workflow): (&str, &str),
        deleted: bool,
        artifacts: &[Artifact],
    ) -> Result<()> {
        for (part, artifacts) in artifacts.chunks(ARTIFACTS_MAX).enumerate() {
            let id: Arc<str> = format!("{task}/{part}").into();
            let task = Task {
                namespace: namespace.into(),
                workflow: workflow.into(),
                uid: uid.into(),
                deleted,
                artifacts: artifacts.to_vec(),
            };
            match self.write_task(&id, 0, &task).await {
                // It stands there already, from before a restart.
                Ok(()) | Err(StoreError::Conflict { .. }) => {}
                Err(problem) => return Err(problem),
            }
            self.collecting.note(id, Waiting { due: self.clock.now(), ..Waiting::default() });
        }
        Ok(())
    }

    async fn write_task(&self, id: &Arc<str>, after: u64, task: &Task) -> Result<()> {
        let payload = serde_json::to_vec(task).map_err(|e| corrupt(id, &e.to_string()))?;
        let append = Append {
            instance: instance(id),
            generation: self.generation,
            after,
            format: FORMAT,
            // What stood there before is of no use any more.
            snapshot: (after > 0).then(|| payload.clone()),
            payload,
            live: true,
            wake_ms: None,
        };
        self.journal.append(append).await.map(drop)
    }

    async fn read_task(&self, id: &Arc<str>) -> Result<(u64, Task)> {
        let replay = self.journal.read(&instance(id)).await?;
        let records = replay.records.into_iter().map(|r| (r.seq, r.format, r.payload));
        let Some((seq, format, bytes)) = replay.snapshot.into_iter().chain(records).last() else {
            return Err(StoreError::NotFound { what: instance(id).to_string() });
        };
        if format != FORMAT {
            return Err(corrupt(id, &format!("format {format} is of a later version")));
        }
        Ok((seq, serde_json::from_slice(&bytes).map_err(|e| corrupt(id, &e.to_string()))?))
    }

    /// Deletes what is due, for as long as the server runs.
    pub(crate) async fn collect_artifacts(self: Arc<Self>) {
        while let Err(problem) = self.find_tasks().await {
            tracing::warn!(%problem, "cannot look for artifacts that are to be deleted; trying again");
            tokio::time::sleep(STORE_PAUSE).await;
        }
        let mut at_work = tokio::task::JoinSet::new();
        loop {
            let news = self.collecting.news.notified();
            let next = if at_work.len() < COLLECTORS_MAX { self.collecting.take(self.clock.now()) } else { Err(None) };
            let at = match next {
                Ok((id, tries)) => {
                    let this = self.clone();
                    at_work.spawn(async move { this.tried(&id, tries).await });
                    continue;
                }
                Err(at) => at,
            };
            tokio::select! {
                () = news => {}
                Some(_) = at_work.join_next() => {}
                () = async { self.clock.until(at.unwrap_or_default()).await }, if at.is_some() => {}
            }
        }
    }

    async fn find_tasks(&self) -> Result<()> {
        let found: Vec<Arc<str>> =
            self.journal.live(JOURNAL).await?.map_ok(|info| info.instance.id).try_collect().await?;
        for id in found {
            // As if it had been tried, so that what the run says of it is taken back.
            self.collecting.note(id, Waiting { due: self.clock.now(), tries: 1, ..Waiting::default() });
        }
        Ok(())
    }

    /// Tries a task, and notes what is left of it.
    async fn tried(&self, id: &Arc<str>, tries: u32) {
        let pause = PAUSE_MIN.checked_shl(tries).map_or(PAUSE_MAX, |s| s.clamp(PAUSE_MIN, PAUSE_MAX));
        let again = self.clock.now().plus_millis(pause * 1_000);
        let later = |change: &dyn Fn(&mut Waiting)| {
            self.collecting.with(|tasks| tasks.later(id, again).into_iter().for_each(change));
        };
        let (seq, mut task) = match self.read_task(id).await {
            Ok(found) => found,
            Err(StoreError::NotFound { .. }) => return self.collecting.done(id),
            Err(problem @ StoreError::Corrupt { .. }) => {
                tracing::error!(%problem, "artifacts that were to be deleted stay: what is to be deleted cannot be read");
                return self.collecting.done(id);
            }
            Err(_) => return later(&|_| {}),
        };
        if !task.deleted && self.runs_anew(&task).await {
            return later(&|_| {});
        }
        let before = task.artifacts.len();
        let (left, problem) = self.delete_all(&task).await;
        task.artifacts = left;
        self.metrics.collected(&task.namespace, before - task.artifacts.len());
        let stored = match task.artifacts.len() {
            0 => self.journal.delete(&instance(id)).await,
            left if left < before => self.write_task(id, seq, &task).await,
            _ => Ok(()),
        };
        match (task.artifacts.len(), stored) {
            (0, Ok(())) => self.collecting.done(id),
            (left, _) => later(&|waiting| {
                (waiting.uid, waiting.namespace) = (task.uid.clone(), task.namespace.clone());
                (waiting.left, waiting.problem) = (left, problem.clone());
            }),
        }
        // Most are gone at the first try, and were never said to be left.
        if tries > 0 || !task.artifacts.is_empty() {
            self.metrics.uncollected(self.collecting.left());
            self.say_what_is_left(&task).await;
        }
    }

    /// Whether the run of this task is under way again.
    async fn runs_anew(&self, task: &Task) -> bool {
        match self.objects.get(&key(ARGO, "Workflow", &task.namespace, &task.workflow)).await {
            Ok(object) => object.metadata.uid == task.uid && !is_finished(&object),
            Err(StoreError::NotFound { .. }) => false,
            Err(_) => true,
        }
    }

    /// Deletes what can be deleted; answers what cannot, and why.
    async fn delete_all(&self, task: &Task) -> (Vec<Artifact>, String) {
        let namespace: Arc<str> = task.namespace.as_str().into();
        let context = Context { namespace: namespace.clone(), secrets: self.secrets(&namespace) };
        // A repository that is down is not asked for each of a thousand artifacts: its driver has tried long enough.
        let mut down = BTreeSet::new();
        let (mut left, mut first) = (Vec::new(), String::new());
        for artifact in &task.artifacts {
            let bucket = artifact.location.s3.as_ref().map(|s3| s3.bucket.clone());
            let place = (artifact.location.place(), bucket);
            if !down.contains(&place) {
                let Err(problem) = self.artifacts.delete(&context, artifact).await else { continue };
                tracing::warn!(%problem, workflow = %task.workflow, %namespace, "an artifact could not be deleted; it stays until it can be");
                if first.is_empty() {
                    first = problem.to_string();
                }
                if problem.class == ErrorClass::Transient {
                    down.insert(place);
                }
            }
            left.push(artifact.clone());
        }
        (left, first)
    }

    /// The condition of a run whose artifacts could not all be deleted.
    pub(super) fn artifact_gc_condition(&self, uid: &str) -> Option<Condition> {
        let message = self.collecting.of_run(uid)?;
        Some(Condition { r#type: CONDITION.to_owned(), status: "True".to_owned(), message, ..Condition::default() })
    }

    /// Says on the run's object what is left, or takes it back; a run that is gone needs none.
    async fn say_what_is_left(&self, task: &Task) {
        let at = key(ARGO, "Workflow", &task.namespace, &task.workflow);
        let Ok(object) = self.objects.get(&at).await else { return };
        let Some(Ok(mut status)) =
            object.status.as_ref().map(|s| serde_json::from_str::<HashMap<String, Value>>(s.get()))
        else {
            return;
        };
        if object.metadata.uid != task.uid {
            return;
        }
        let before = status.get("conditions").cloned();
        let Value::Array(conditions) = status.entry("conditions".to_owned()).or_insert_with(|| json!([])) else {
            return;
        };
        conditions.retain(|c| c.get("type").and_then(Value::as_str) != Some(CONDITION));
        conditions.extend(self.artifact_gc_condition(&task.uid).and_then(|c| serde_json::to_value(c).ok()));
        if status.get("conditions") == before.as_ref() {
            return;
        }
        let Ok(status) = serde_json::value::to_raw_value(&status) else { return };
        let precondition = Precondition {
            uid: Some(task.uid.clone()),
            resource_version: object.metadata.resource_version.parse().ok(),
        };
        let update = StatusUpdate { status, labels: Vec::new(), annotations: Vec::new(), precondition };
        // Whoever was faster: the next try says it again.
        if let Err(problem) = self.objects.update_status(&at, update).await {
            tracing::debug!(%problem, "it could not be said which artifacts are left");
        }
    }
}

fn instance(id: &Arc<str>) -> InstanceId {
    InstanceId { engine: JOURNAL, id: id.clone() }
}

fn corrupt(id: &Arc<str>, reason: &str) -> StoreError {
    StoreError::Corrupt { what: instance(id).to_string(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_taken_when_they_are_due_and_by_one_at_a_time() {
        let at = Timestamp::from_millis;
        let mut tasks = Tasks::default();
        let name = |n: u32| -> Arc<str> { n.to_string().into() };
        for (n, due) in [(1, 30), (2, 10), (3, 20)] {
            tasks.add(name(n), Waiting { due: at(due), ..Waiting::default() });
        }
        // Known already: it is not due twice.
        tasks.add(name(2), Waiting { due: at(0), ..Waiting::default() });
        assert_eq!(tasks.take(at(5)), Err(Some(at(10))));
        assert_eq!(tasks.take(at(20)), Ok((name(2), 0)));
        assert_eq!(tasks.take(at(20)), Ok((name(3), 0)));
        assert_eq!(tasks.take(at(20)), Err(Some(at(30))), "those at work are not taken");
        tasks.later(&name(2), at(25)).unwrap();
        assert_eq!(tasks.take(at(25)), Ok((name(2), 1)));
        tasks.all.remove(&name(3));
        assert!(tasks.later(&name(3), at(26)).is_none(), "one that is done is not tried again");
        assert_eq!(tasks.take(at(29)), Err(Some(at(30))));
    }
}
