//! One case on a server of its own: objects, submit, what a person does meanwhile, the end.
//!
//! ```text
//!   given ──► submit ──► watch ─┬─► the run ended ──► its outputs ──► Played
//!                               ├─► a node is where an action waits for it ──► the deed
//!                               └─► `within` is over ──► Played, overdue
//! ```
//!
//! All waiting is in the rehearsal's time, which jumps: a case of a day takes milliseconds.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use client::ClientError;
use client::v1::{
    BatchApplyOptions, GetWorkflowRequest, NodePhase, Parameter, ResumeRequest, RetryRequest, SetNodeRequest,
    StatusDetail, StopRequest, SubmitOptions, SubmitRequest, SuspendRequest, TerminateRequest, WatchNodesRequest,
    WorkflowPhase, submit_request,
};
use futures::{StreamExt, TryStreamExt};
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::format::Phase;
use super::mocks::{self, Seen};
use super::naming::Names;
use super::suite::{Act, Deed, Ready, Start};
use crate::host::{ConfigRequest, Host, Play, Rehearsal, StepFacts};
use crate::render::board::RunView;
use crate::render::phase::{node_word, workflow_word};

/// Real time that one case may take (`case_wall_max`): a run that never lets time pass would never end.
const CASE_WALL_MAX: Duration = Duration::from_secs(60);

/// What was seen of a case.
#[derive(Debug, Default)]
pub struct Played {
    /// The run and its nodes.
    pub view: RunView,
    /// Why it was not taken.
    pub refused: Option<String>,
    /// Why it could not be played to its end.
    pub broken: Option<String>,
    /// It still ran when its time was over.
    pub overdue: bool,
    /// Deeds that were not done: their number, and why.
    pub undone: Vec<(usize, String)>,
    /// The run's object, with a summary of its status.
    pub document: Value,
    /// The steps that began: what is known of each, and when (ms since the epoch).
    pub calls: Vec<(StepFacts, i64)>,
    /// How often each entry of `steps` decided.
    pub used: Vec<usize>,
    /// Steps that a strict test does not speak of.
    pub unspoken: Vec<StepFacts>,
    /// The rehearsal's time at the end (ms since the epoch).
    pub now_ms: i64,
}

/// Plays a case. Blocks the thread; what goes wrong is part of the answer.
pub fn play(host: &dyn Host, config: &ConfigRequest, case: &Ready) -> Played {
    let (actor, seen) = mocks::actor(case.entries.clone(), case.strict);
    let answer: Arc<Mutex<Option<Played>>> = Arc::default();
    let play: Play = {
        let (case, answer, seen) = (case.clone(), answer.clone(), seen.clone());
        Box::new(move |stage| {
            Box::pin(async move {
                let played = Player::new(stage, case).play(&seen).await;
                *answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(played);
            })
        })
    };
    let ended = host.rehearse(config, case.at_ms, actor, play);
    let played = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (played, ended) {
        (Some(played), _) => played,
        (None, ended) => {
            let why = ended.err().map_or_else(|| "it was not played".to_owned(), |error| format!("{error:#}"));
            Played { broken: Some(why), ..Played::default() }
        }
    }
}

struct Player {
    stage: Rehearsal,
    case: Ready,
    played: Played,
    namespace: String,
    /// The first deed that is not done yet.
    next: usize,
    /// When it is to be done, once its condition has come true.
    due: Option<Instant>,
    begun: std::time::Instant,
}

impl Player {
    fn new(stage: Rehearsal, case: Ready) -> Self {
        let namespace = stage.namespace.clone();
        let begun = std::time::Instant::now();
        Self { stage, case, played: Played::default(), namespace, next: 0, due: None, begun }
    }

    async fn play(mut self, seen: &Mutex<Seen>) -> Played {
        let (zero, zero_ms) = (Instant::now(), (self.stage.now_ms)());
        match self.begin().await {
            Err(refusal) => self.played.refused = Some(refusal),
            Ok(()) => {
                if let Err(error) = self.follow().await {
                    self.played.broken = Some(error);
                }
            }
        }
        let rest: Vec<(usize, &Act)> = self.case.actions.iter().enumerate().skip(self.next).collect();
        if self.played.refused.is_none() && self.played.broken.is_none() {
            let undone = rest.into_iter().map(|(at, act)| (at, never_due(act)));
            self.played.undone.extend(undone);
        }
        self.played.now_ms = (self.stage.now_ms)();
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let moment = |at: Instant| {
            zero_ms.saturating_add(i64::try_from(at.saturating_duration_since(zero).as_millis()).unwrap_or(i64::MAX))
        };
        self.played.calls = seen.calls.drain(..).map(|call| (call.facts, moment(call.at))).collect();
        self.played.used = std::mem::take(&mut seen.used);
        self.played.unspoken = std::mem::take(&mut seen.unspoken);
        self.played
    }

    /// Gives the server its objects and submits the run.
    async fn begin(&mut self) -> Result<(), String> {
        let options = BatchApplyOptions {
            namespace: self.namespace.clone(),
            field_manager: crate::support::objects::MANAGER.to_owned(),
            stop_on_error: true,
            ..BatchApplyOptions::default()
        };
        let texts: Vec<Bytes> = self.case.objects.iter().map(|object| asleep(object.json(), object.kind())).collect();
        if !texts.is_empty() {
            let mut answers = self.stage.client.apply_all(options, texts).await.map_err(|e| text_of(&e))?;
            while let Some(item) = answers.try_next().await.map_err(|e| text_of(&e))? {
                if let Err(error) = item.result {
                    let label = self.case.objects.get(item.index as usize).map(|object| object.label());
                    return Err(format!("{}: {}", label.unwrap_or_default(), error_text(&error)));
                }
            }
        }
        let source = match &self.case.start {
            Start::Manifest(document) => submit_request::Source::Manifest(document.json()),
            Start::Template(source) => submit_request::Source::Template(source.clone()),
        };
        let arguments = self.case.arguments.iter();
        let parameters =
            arguments.map(|(name, value)| Parameter { name: name.clone(), value: value.clone() }).collect();
        let options = SubmitOptions {
            entrypoint: self.case.case.entrypoint.clone().unwrap_or_default(),
            parameters,
            ..SubmitOptions::default()
        };
        let request = SubmitRequest { namespace: String::new(), source: Some(source), options: Some(options) };
        let submitted = self.stage.client.submit(request).await.map_err(|e| text_of(&e))?;
        self.namespace = submitted.namespace;
        self.played.view = RunView::new(submitted.name);
        Ok(())
    }

    fn name(&self) -> String {
        self.played.view.name.clone()
    }

    /// Follows the run to its end, or to the end of its time; a retried run has a second life.
    async fn follow(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_millis(self.case.within_ms);
        loop {
            self.life(deadline).await?;
            let ended = self.played.view.ended;
            if !ended || !self.act_after_end(deadline).await {
                break;
            }
        }
        let request = GetWorkflowRequest {
            namespace: self.namespace.clone(),
            name: self.name(),
            status: StatusDetail::Summary.into(),
        };
        let got = self.stage.client.get_workflow(request).await.map_err(|e| text_of(&e))?;
        self.played.document = serde_json::from_slice(&got.document).unwrap_or_default();
        Ok(())
    }

    async fn life(&mut self, deadline: Instant) -> Result<(), String> {
        self.played.view.ended = false;
        let request = WatchNodesRequest { namespace: self.namespace.clone(), name: self.name(), full: true };
        let mut watch = self.stage.client.watch_nodes(request);
        loop {
            if self.begun.elapsed() > CASE_WALL_MAX {
                return Err(format!("it has taken more than {} s (case_wall_max)", CASE_WALL_MAX.as_secs()));
            }
            let due = self.due.unwrap_or(deadline);
            tokio::select! {
                biased;
                news = watch.next() => match news {
                    None => return Err("the watch of its nodes ended before the run".to_owned()),
                    Some(news) => {
                        let news = news.map_err(|e| text_of(&e))?;
                        self.played.view.merge(news);
                        if self.played.view.ended {
                            return Ok(());
                        }
                        self.note_due();
                    }
                },
                () = sleep_until(due), if self.due.is_some() => {
                    self.act().await;
                    self.note_due();
                }
                () = sleep_until(deadline) => {
                    self.played.overdue = true;
                    return Ok(());
                }
            }
        }
    }

    /// Looks whether the next deed's condition has come true.
    fn note_due(&mut self) {
        if self.due.is_some() {
            return;
        }
        let Some(act) = self.case.actions.get(self.next) else { return };
        if holds(act, &self.played.view) {
            self.due = Some(Instant::now() + Duration::from_millis(act.after_ms));
        }
    }

    /// A retry, where it is next and the run has ended as it waits for.
    async fn act_after_end(&mut self, deadline: Instant) -> bool {
        let retry = |act: &Act| matches!(act.what, Deed::Retry { .. });
        if !self.case.actions.get(self.next).is_some_and(retry) {
            return false;
        }
        self.note_due();
        let Some(due) = self.due.filter(|due| *due <= deadline) else { return false };
        sleep_until(due).await;
        self.act().await
    }

    /// Does the next deed. Answers whether it was done.
    async fn act(&mut self) -> bool {
        self.due = None;
        let at = self.next;
        self.next += 1;
        let Some(act) = self.case.actions.get(at).cloned() else { return false };
        match self.deed(act.what).await {
            Ok(()) => true,
            Err(error) => {
                self.played.undone.push((at, text_of(&error)));
                false
            }
        }
    }

    async fn deed(&self, deed: Deed) -> Result<(), ClientError> {
        let (namespace, name) = (self.namespace.clone(), self.name());
        let calls = self.stage.client.workflows();
        match deed {
            Deed::Resume { nodes } => {
                calls.resume(ResumeRequest { namespace, name, node_selector: nodes }).await.map(drop)
            }
            Deed::Set { nodes, outputs, phase, message } => {
                let output_parameters = outputs.into_iter().map(|(name, value)| Parameter { name, value }).collect();
                let phase = phase.map_or(NodePhase::Unknown, node_phase).into();
                let request =
                    SetNodeRequest { namespace, name, node_selector: nodes, output_parameters, phase, message };
                calls.set_node(request).await.map(drop)
            }
            Deed::Stop { nodes, message } => {
                calls.stop(StopRequest { namespace, name, node_selector: nodes, message }).await.map(drop)
            }
            Deed::Terminate => calls.terminate(TerminateRequest { namespace, name }).await.map(drop),
            Deed::Suspend => calls.suspend(SuspendRequest { namespace, name }).await.map(drop),
            Deed::Retry { nodes } => {
                let request = RetryRequest {
                    namespace,
                    name,
                    restart_successful: !nodes.is_empty(),
                    node_selector: nodes,
                    ..RetryRequest::default()
                };
                calls.retry(request).await.map(drop)
            }
        }
    }
}

/// A schedule is given suspended: its own runs would mix with the test's.
fn asleep(json: Bytes, kind: &str) -> Bytes {
    if kind != "CronWorkflow" {
        return json;
    }
    let Ok(mut value) = serde_json::from_slice::<Value>(&json) else { return json };
    if let Some(spec) = value.get_mut("spec").and_then(Value::as_object_mut) {
        spec.insert("suspend".to_owned(), Value::Bool(true));
    }
    value.to_string().into()
}

fn holds(act: &Act, view: &RunView) -> bool {
    let Some(when) = &act.when else { return true };
    if when == "run" {
        return workflow_word(view.summary.phase(), false) == node_word(node_phase(act.is))
            && view.summary.phase() != WorkflowPhase::Unknown;
    }
    view.nodes().iter().any(|n| n.phase() == node_phase(act.is) && Names::of(&view.name, &n.name).is(when))
}

fn never_due(act: &Act) -> String {
    match &act.when {
        None => "the run ended before".to_owned(),
        Some(when) => {
            let is = node_word(node_phase(act.is));
            let hint = if act.is == Phase::Running { "; a step without `lasts` is over at once" } else { "" };
            format!("{when} never was {is}{hint}")
        }
    }
}

/// As the API calls it.
pub(super) fn node_phase(phase: Phase) -> NodePhase {
    match phase {
        Phase::Pending => NodePhase::Pending,
        Phase::Running => NodePhase::Running,
        Phase::Succeeded => NodePhase::Succeeded,
        Phase::Failed => NodePhase::Failed,
        Phase::Error => NodePhase::Error,
        Phase::Skipped => NodePhase::Skipped,
        Phase::Omitted => NodePhase::Omitted,
        Phase::None => NodePhase::Unknown,
    }
}

/// Everything that a person would be told.
fn text_of(error: &ClientError) -> String {
    match error.rpc() {
        Some(rpc) => error_text(rpc),
        None => error.to_string(),
    }
}

fn error_text(rpc: &client::RpcError) -> String {
    let mut text = rpc.to_string();
    // The message often holds the first of them.
    for violation in rpc.violations.iter().filter(|violation| !rpc.message.contains(&violation.message)) {
        text.push_str(&format!("; {}: {}", violation.path, violation.message));
    }
    text
}
