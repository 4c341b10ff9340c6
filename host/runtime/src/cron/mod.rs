//! CronWorkflows: runs that the clock makes.
//!
//! Each object is looked at anew whenever it, one of its runs or the clock moves; what is to be done follows from what is seen. A run's name is made of the
//! moment that it stands for, so that the same moment never makes two runs, and its end is counted in the write that takes it off the list of active ones.

mod plan;
mod runs;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::workflow::{CronPhase, CronWorkflow, CronWorkflowStatus, Parameter};
use model::{AnyString, Condition, Object, Timestamp};
use store::StoreError;
use store::objects::{Gvk, ListQuery, Precondition, Selector, StatusUpdate, WatchEvent};
use tokio::sync::mpsc;

use crate::Runtime;
use crate::control::{Backfill, ControlError};
use crate::workflows::{ARGO, Workflows, key};
use plan::Due;

/// Objects that wait to be looked at (`cron_queue_max`).
const QUEUE_MAX: usize = 4096;
/// Moments that one backfill makes runs for (`backfill_max`).
const BACKFILL_MAX: usize = 1_000;
/// How often an object is looked at again after a store that could not serve.
const AGAIN: Duration = Duration::from_secs(1);
/// How a scheduled time is written as an argument, unless the request says otherwise.
const SCHEDULED_LAYOUT: &str = "Mon, 02 Jan 2006 15:04:05 MST";
/// The label of a cron's runs.
pub(crate) const LABEL: &str = "workflows.argoproj.io/cron-workflow";

/// A CronWorkflow's namespace and name.
type Name = (Arc<str>, Arc<str>);

/// Follows CronWorkflows and their runs.
pub(crate) async fn start(runtime: &Runtime, revision: u64) -> store::Result<()> {
    let (sender, receiver) = mpsc::channel(QUEUE_MAX);
    let workflows = runtime.workflows.clone();
    let mut token = None;
    let mut known = Vec::new();
    loop {
        let selector = Selector { gvk: Some(Gvk::new(ARGO, "CronWorkflow")), ..Selector::default() };
        let page =
            workflows.objects.list(&ListQuery { selector, continue_token: token, ..ListQuery::default() }).await?;
        known.extend(page.items.iter().map(|o| name_of(o)));
        token = page.continue_token;
        if token.is_none() {
            break;
        }
    }
    let crons = sender.clone();
    runtime.follow("CronWorkflow", ARGO, revision, move |event| {
        if let WatchEvent::Added(o) | WatchEvent::Modified(o) | WatchEvent::Deleted(o) = event {
            // A full queue is no loss: what stands in it looks at everything there is.
            let _ = crons.try_send(name_of(&o));
        }
    });
    runtime.follow("Workflow", ARGO, revision, move |event| {
        if let WatchEvent::Modified(o) | WatchEvent::Deleted(o) = event
            && let Some(cron) = o.metadata.labels.get(LABEL)
            && (crate::workflows::is_finished(&o) || o.metadata.deletion_timestamp.is_some())
        {
            let _ = sender.try_send((o.metadata.namespace.as_str().into(), cron.as_str().into()));
        }
    });
    runtime.spawn(Arc::new(Crons { workflows, wakes: Mutex::default() }).run(receiver, known));
    Ok(())
}

fn name_of(object: &Object) -> Name {
    (object.metadata.namespace.as_str().into(), object.metadata.name.as_str().into())
}

struct Crons {
    workflows: Arc<Workflows>,
    wakes: Mutex<HashMap<Name, Timestamp>>,
}

impl Crons {
    async fn run(self: Arc<Self>, mut queue: mpsc::Receiver<Name>, known: Vec<Name>) {
        for name in known {
            self.look(&name).await;
        }
        loop {
            let next = self.wakes().iter().min_by_key(|(_, at)| **at).map(|(name, at)| (name.clone(), *at));
            let clock = self.workflows.clock.clone();
            let due = async {
                match &next {
                    Some((_, at)) => clock.until(*at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                name = queue.recv() => match name {
                    Some(name) => self.look(&name).await,
                    None => return,
                },
                () = due => {
                    if let Some((name, at)) = next
                        && at <= self.workflows.clock.now()
                    {
                        self.look(&name).await;
                    }
                }
            }
        }
    }

    fn wakes(&self) -> std::sync::MutexGuard<'_, HashMap<Name, Timestamp>> {
        self.wakes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at one object; notes when to look again.
    async fn look(&self, name: &Name) {
        let wake = match self.reconcile(name).await {
            Ok(wake) => wake,
            Err(problem) => {
                tracing::warn!(%problem, namespace = %name.0, cron_workflow = %name.1, "a CronWorkflow is looked at again");
                Some(self.workflows.clock.now().plus_millis(i64::try_from(AGAIN.as_millis()).unwrap_or(1_000)))
            }
        };
        match wake {
            Some(at) => self.wakes().insert(name.clone(), at),
            None => self.wakes().remove(name),
        };
    }

    async fn reconcile(&self, name: &Name) -> store::Result<Option<Timestamp>> {
        let at = key(ARGO, "CronWorkflow", &name.0, &name.1);
        let object = match self.workflows.objects.get(&at).await {
            Ok(object) => object,
            Err(StoreError::NotFound { .. }) => return Ok(None),
            Err(problem) => return Err(problem),
        };
        let Ok(cron) = object.decode::<CronWorkflow>() else { return Ok(None) };
        let before = cron.status.clone().unwrap_or_default();
        let mut status = before.clone();
        let now = self.workflows.clock.now();
        self.settle(&cron, &mut status).await?;
        let zone = &self.workflows.settings.timezone;
        let wake = match plan::plan(&cron, &status, now, zone) {
            Err(problem) => {
                set_condition(&mut status, "SpecError", Some(&problem), now);
                None
            }
            Ok(plan) => {
                set_condition(&mut status, "SpecError", None, now);
                status.phase = Some(if plan.stopped { CronPhase::Stopped } else { CronPhase::Active });
                match plan.due {
                    Due::Run(at) => {
                        // Said before it is done: a crash in between misses this run instead of making it twice. Its name would not let it anyway.
                        self.trigger(&cron, &mut status, at, now).await?;
                    }
                    Due::Missed(at) => {
                        self.workflows.metrics.cron("missed");
                        tracing::warn!(cron_workflow = %name.1, scheduled = %at, "a run was missed: its starting deadline has passed");
                        status.last_scheduled_time = Some(at);
                    }
                    Due::Nothing => {}
                }
                plan.next
            }
        };
        if status != before {
            self.write(&object, &status).await?;
        }
        self.workflows.keep_history(&cron).await?;
        Ok(wake)
    }

    /// Counts the ends of runs that were active.
    async fn settle(&self, cron: &CronWorkflow, status: &mut CronWorkflowStatus) -> store::Result<()> {
        let mut active = Vec::new();
        for run in std::mem::take(&mut status.active) {
            match self.workflows.objects.get(&key(ARGO, "Workflow", &cron.metadata.namespace, &run.name)).await {
                Ok(object) => match crate::workflows::phase_of(&object).as_deref() {
                    Some("Succeeded") => status.succeeded += 1,
                    Some("Failed" | "Error") => status.failed += 1,
                    _ => active.push(run),
                },
                Err(StoreError::NotFound { .. }) => {}
                Err(problem) => return Err(problem),
            }
        }
        status.active = active;
        Ok(())
    }

    async fn trigger(
        &self,
        cron: &CronWorkflow,
        status: &mut CronWorkflowStatus,
        at: Timestamp,
        now: Timestamp,
    ) -> store::Result<()> {
        let before = status.clone();
        status.last_scheduled_time = Some(at);
        match plan::condition(cron, &before, now) {
            Ok(true) => set_condition(status, "SubmissionError", None, now),
            Ok(false) => return Ok(()),
            Err(problem) => {
                set_condition(status, "SubmissionError", Some(&problem), now);
                return Ok(());
            }
        }
        if !self.workflows.make_room(cron, status).await? {
            self.workflows.metrics.cron("forbidden");
            return Ok(());
        }
        let name = format!("{}-{}", cron.metadata.name, at.as_secs());
        match self.workflows.create_run(cron, &name, at, &[]).await {
            Ok(reference) => {
                self.workflows.metrics.cron("triggered");
                status.active.push(reference);
            }
            Err(StoreError::AlreadyExists { .. }) => {}
            Err(StoreError::Unavailable { reason, source }) => return Err(StoreError::Unavailable { reason, source }),
            Err(problem) => set_condition(status, "SubmissionError", Some(&problem.to_string()), now),
        }
        Ok(())
    }

    async fn write(&self, object: &Object, status: &CronWorkflowStatus) -> store::Result<()> {
        let Ok(text) = serde_json::value::to_raw_value(status) else { return Ok(()) };
        let stopped = status.phase == Some(CronPhase::Stopped);
        let mark = ("workflows.argoproj.io/cron-workflow-completed".to_owned(), stopped.then(|| "true".to_owned()));
        let update = StatusUpdate {
            status: text,
            labels: vec![mark],
            annotations: Vec::new(),
            precondition: Precondition { uid: Some(object.metadata.uid.clone()), ..Precondition::default() },
        };
        let at = key(ARGO, "CronWorkflow", &object.metadata.namespace, &object.metadata.name);
        match self.workflows.objects.update_status(&at, update).await {
            Ok(_) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(problem) => Err(problem),
        }
    }
}

/// Sets or clears a condition.
fn set_condition(status: &mut CronWorkflowStatus, kind: &str, problem: Option<&str>, now: Timestamp) {
    let known = status.conditions.iter().position(|c| c.r#type == kind);
    match (problem, known) {
        (None, Some(at)) => {
            status.conditions.remove(at);
        }
        (Some(problem), None) => status.conditions.push(Condition {
            r#type: kind.to_owned(),
            status: "True".to_owned(),
            message: problem.to_owned(),
            last_transition_time: Some(now),
            ..Condition::default()
        }),
        (Some(problem), Some(at)) => {
            if let Some(condition) = status.conditions.get_mut(at) {
                problem.clone_into(&mut condition.message);
            }
        }
        (None, None) => {}
    }
}

/// Makes the runs of a span of time, in order unless `parallel`.
pub(crate) async fn backfill(
    workflows: &Arc<Workflows>,
    namespace: &str,
    cron_workflow: &str,
    how: Backfill,
) -> Result<Vec<String>, ControlError> {
    let refused = |reason: String| ControlError::Refused {
        namespace: namespace.to_owned(),
        name: cron_workflow.to_owned(),
        reason,
    };
    let object = match workflows.objects.get(&key(ARGO, "CronWorkflow", namespace, cron_workflow)).await {
        Ok(object) => object,
        Err(StoreError::NotFound { .. }) => {
            return Err(ControlError::NotFound { namespace: namespace.to_owned(), name: cron_workflow.to_owned() });
        }
        Err(problem) => return Err(problem.into()),
    };
    let mut cron: CronWorkflow = object.decode().map_err(|e| refused(e.to_string()))?;
    let span = (Timestamp::from_millis(how.from_ms), Timestamp::from_millis(how.until_ms));
    let moments = plan::moments(&cron, span, BACKFILL_MAX, &workflows.settings.timezone).map_err(refused)?;
    let prefix = how.name.as_deref().unwrap_or(cron_workflow);
    // One at a time is what a mutex is for: it holds over restarts too.
    let mutex = (!how.parallel).then(|| format!("backfill-{cron_workflow}"));
    let mut made = Vec::new();
    for at in moments {
        let name = format!("{prefix}-backfill-{}", at.as_secs());
        let locks: Vec<String> = mutex.iter().cloned().collect();
        if let Some((argument, layout)) = &how.argument {
            let text = scheduled(at, layout);
            let arguments = &mut cron.spec.workflow_spec.arguments;
            arguments.parameters.retain(|p| *p.name != **argument);
            arguments.parameters.push(Parameter {
                name: argument.as_str().into(),
                value: Some(AnyString(text.into())),
                ..Parameter::default()
            });
        }
        match workflows.create_run(&cron, &name, at, &locks).await {
            Ok(_) | Err(StoreError::AlreadyExists { .. }) => made.push(name),
            Err(problem) => return Err(problem.into()),
        }
    }
    Ok(made)
}

/// The moment of a schedule as an argument: in UTC.
fn scheduled(at: Timestamp, layout: &str) -> String {
    let at = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
    expr::Time::utc(at).format(if layout.is_empty() { SCHEDULED_LAYOUT } else { layout })
}
