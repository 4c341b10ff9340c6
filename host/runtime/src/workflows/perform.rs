//! Effects of runs, performed. Each answer comes back as an input; none is a callback.

use std::sync::{Arc, PoisonError};

use engine_workflow::{
    ContainerEnd, Effect, Input, Kind, LeafEnd, LeafEvent, LeafStart, NodeIx, Outputs, Param, RunState, Text,
};
use model::workflow::{NodePhase, TemplateKind};
use runner::{EndClass, EndPhase, RunnerError, UnitEvent, UnitHappening, UnitKey, UnitResult};

use super::results::UnitEnd;
use super::{INNER_LEAVES_MAX, Workflows};
use crate::leaf;
use crate::limits::{Asker, News};

/// How long a stopped step may take to end by itself (milliseconds), unless it is killed.
const GRACE_MS: u64 = 30_000;

/// What a step's message may be long (`message_bytes_max`).
const MESSAGE_BYTES_MAX: usize = 8 << 10;

/// Performs an effect of a run.
pub(super) fn perform(workflows: &Workflows, id: &Arc<str>, state: &RunState, effect: Effect) {
    let (Some(this), id) = (workflows.arc(), id.clone()) else { return };
    match effect {
        Effect::Start(start) => this.start(&id, state, *start),
        Effect::Stop { node, kill } => this.stop(&id, state, node, kill),
        Effect::Lookup(what) => {
            let namespace = namespace(state);
            tokio::spawn(async move { this.look_up(&id, &namespace, what).await });
        }
        Effect::Acquire { node, locks, priority, created } => {
            let (holder, namespace) = (holder(&id, node), namespace(state));
            let name = match node {
                Some(node) => format!("{namespace}/{}", state.name(node)),
                None => format!("{namespace}/{}", state.run_name()),
            };
            let asker = Asker { holder, name, namespace, priority, created };
            this.limits.acquire(asker, locks, {
                let (this, id) = (this.clone(), id.clone());
                Arc::new(move |news| {
                    let input = match news {
                        News::Granted => Input::Granted(node),
                        News::Waiting(message) => Input::LockWaiting(node, message),
                    };
                    this.post(&id, input);
                })
            });
        }
        Effect::Release { node, locks } => {
            tokio::spawn(async move {
                this.limits.release(&holder(&id, node), &locks).await;
                this.post(&id, Input::Released(node));
            });
        }
        Effect::MemoLoad { node, cache, key, max_age_ms } => {
            let namespace = namespace(state);
            tokio::spawn(async move {
                let found = this.memo_load(&namespace, &cache, &key, max_age_ms).await;
                this.post(&id, Input::Memo(node, found.map(Box::new)));
            });
        }
        Effect::MemoSave { node, cache, key, outputs } => {
            let (namespace, node_id) = (namespace(state), state.id(node));
            tokio::spawn(async move {
                this.memo_save(&namespace, &cache, &key, &node_id, &outputs).await;
                this.post(&id, Input::MemoSaved(node));
            });
        }
        Effect::CreateClaims => {
            let Some(run) = state.run() else { return };
            let submission = run.submission.clone();
            tokio::spawn(async move {
                let claims = this.create_claims(&submission).await;
                this.post(&id, Input::Claimed(claims));
            });
        }
        Effect::DeleteClaims => {
            let Some(run) = state.run() else { return };
            let names: Vec<Text> = run.claim_names.iter().map(|(_, name)| name.clone()).collect();
            let namespace = namespace(state);
            tokio::spawn(async move {
                this.delete_claims(&namespace, &names).await;
                this.post(&id, Input::ClaimsDeleted);
            });
        }
    }
}

pub(super) fn namespace(state: &RunState) -> Arc<str> {
    state.run().map_or_else(|| "default".into(), |run| run.submission.metadata.namespace.as_str().into())
}

/// A holder's name in the limiters.
pub(super) fn holder(id: &str, node: Option<NodeIx>) -> Arc<str> {
    match node {
        Some(node) => format!("{id}/{node}").into(),
        None => id.into(),
    }
}

/// The run and the node of a holder.
pub(super) fn parse_holder(holder: &Arc<str>) -> (Arc<str>, Option<NodeIx>) {
    match parse_key(holder) {
        Some((id, node)) => (id.into(), Some(node)),
        None => (holder.clone(), None),
    }
}

/// A leaf's name in runners.
pub(crate) fn unit_key(id: &str, node: NodeIx) -> UnitKey {
    format!("{id}/{node}").into()
}

fn parse_key(key: &str) -> Option<(&str, NodeIx)> {
    let (id, node) = key.rsplit_once('/')?;
    Some((id, NodeIx::new(node.parse().ok()?)))
}

impl Workflows {
    fn start(self: &Arc<Self>, id: &Arc<str>, state: &RunState, start: LeafStart) {
        let key = unit_key(id, start.node);
        match start.template.kind() {
            Some(
                TemplateKind::Http(_) | TemplateKind::Resource(_) | TemplateKind::Data(_) | TemplateKind::Plugin(_),
            ) => {
                self.start_inner(id, state, start, key);
            }
            _ => {
                let unit = match self.unit(id, state, &start, key) {
                    Ok(unit) => unit,
                    Err(problem) => return self.never_ran(id, start.node, &problem, false),
                };
                self.start_unit(id, start.node, unit);
            }
        }
    }

    /// Says on a step what it waits for.
    pub(super) fn waits(&self, id: &Arc<str>, node: NodeIx, message: String) {
        self.post(id, Input::Leaf(node, LeafEvent::Waiting(message.into())));
    }

    pub(super) fn failed_start(&self, id: &Arc<str>, node: NodeIx, problem: &RunnerError) {
        self.never_ran(id, node, &problem.to_string(), matches!(problem, RunnerError::Unavailable { .. }));
    }

    /// A leaf ends in error without having run.
    fn never_ran(&self, id: &Arc<str>, node: NodeIx, problem: &str, transient: bool) {
        let end = LeafEnd {
            phase: NodePhase::Error,
            message: problem.into(),
            outputs: Outputs::default(),
            transient,
            used: None,
            containers: Vec::new(),
        };
        self.post(id, Input::Leaf(node, LeafEvent::Ended(Box::new(end))));
    }

    /// Starts a leaf that the server does itself. Starting it twice starts nothing more.
    fn start_inner(self: &Arc<Self>, id: &Arc<str>, state: &RunState, start: LeafStart, key: UnitKey) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.contains_key(&key) {
            return;
        }
        let Some(run) = state.run() else { return };
        let run = leaf::RunFacts {
            namespace: run.submission.metadata.namespace.as_str().into(),
            name: run.submission.metadata.name.as_str().into(),
            uid: id.clone(),
            settings: run.submission.repository.as_ref().map(|r| r.settings.clone()).unwrap_or_default(),
            again: state.node(start.node).is_some_and(|n| n.phase == NodePhase::Running),
        };
        let (this, id, key2) = (self.clone(), id.clone(), key.clone());
        let node = start.node;
        let task = tokio::spawn(async move {
            if this.inner_slots.available_permits() == 0 {
                this.metrics.throttled("inner_leaves_max", &run.namespace);
                this.waits(&id, node, format!("Waiting: {INNER_LEAVES_MAX} others are at work (inner_leaves_max)"));
            }
            let Ok(slot) = this.inner_slots.clone().acquire_owned().await else { return };
            // Written down before anything is done, so that who does it again knows that.
            let begun = LeafEvent::Running { message: leaf::waits_for(&start), ip: None, host: None };
            if leaf::is_begun_once(&start) || this.registry.commit(&id, Input::Leaf(node, begun)).await.is_ok() {
                let end = leaf::run(&this, &run, start, slot).await;
                this.post(&id, Input::Leaf(node, LeafEvent::Ended(Box::new(end))));
            }
            this.inner.lock().unwrap_or_else(PoisonError::into_inner).remove(&key2);
        });
        inner.insert(key, task.abort_handle());
    }

    fn stop(self: &Arc<Self>, id: &Arc<str>, state: &RunState, node: NodeIx, kill: bool) {
        let key = unit_key(id, node);
        let task = self.inner.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        if let Some(task) = task {
            task.abort();
            self.starts.finish(&key);
            return self.never_ran(id, node, "it was stopped", false);
        }
        let inside = state.node(node).is_some_and(|n| matches!(n.kind, Kind::Http | Kind::Plugin));
        let (this, id) = (self.clone(), id.clone());
        tokio::spawn(async move {
            if inside {
                return this.never_ran(&id, node, "it was stopped", false);
            }
            this.stop_unit(&id, node, &key, if kill { 0 } else { GRACE_MS }).await;
        });
    }

    /// Takes what the runner tells of a unit in.
    pub(crate) fn unit_event(self: &Arc<Self>, event: UnitEvent) {
        let key = event.key;
        let Some((id, node)) = parse_key(&key) else {
            tracing::warn!(unit = %key, "a unit with a name that is not ours");
            return;
        };
        let text = |t: Option<String>| t.map(Text::from);
        let happening = match event.what {
            UnitHappening::Waiting { message } => LeafEvent::Waiting(message.into()),
            UnitHappening::Started { message, ip, host } => {
                let message = (!message.is_empty()).then(|| Text::from(message));
                LeafEvent::Running { message, ip: text(ip), host: text(host) }
            }
            UnitHappening::Ready { ip } => LeafEvent::Ready { ip: text(ip) },
            UnitHappening::Progress { done, total } => LeafEvent::Progress(done, total),
            UnitHappening::Ended(result) => return self.unit_ended(id, UnitEnd { key: key.clone(), node, result }),
        };
        self.post(&id.into(), Input::Leaf(node, happening));
    }
}

/// A message that passes `message_bytes_max` keeps its beginning and its end: it stands on each node above, too.
fn cut(message: String) -> String {
    if message.len() <= MESSAGE_BYTES_MAX {
        return message;
    }
    let (head, rest) = message.split_at(message.floor_char_boundary(MESSAGE_BYTES_MAX / 2));
    let (_, tail) = rest.split_at(rest.ceil_char_boundary(rest.len() - MESSAGE_BYTES_MAX / 2));
    format!("{head} … {tail}")
}

pub(super) fn leaf_end(result: UnitResult) -> LeafEnd {
    let phase = match result.phase {
        EndPhase::Succeeded => NodePhase::Succeeded,
        EndPhase::Failed => NodePhase::Failed,
        EndPhase::Error => NodePhase::Error,
    };
    let parameters =
        result.parameters.into_iter().map(|(name, value)| Param { name: name.into(), value: Some(value.into()) });
    let containers = result.containers.iter().map(|c| ContainerEnd {
        name: c.name.as_str().into(),
        phase: match c.exit_code {
            Some(0) => NodePhase::Succeeded,
            Some(_) => NodePhase::Failed,
            None => NodePhase::Omitted,
        },
        message: c.message.as_str().into(),
        exit_code: c.exit_code,
    });
    LeafEnd {
        phase,
        message: cut(result.message).into(),
        containers: containers.collect(),
        outputs: Outputs {
            parameters: parameters.collect(),
            artifacts: result.artifacts,
            result: result.result.map(Text::from),
            exit_code: result.exit_code,
        },
        transient: result.class == EndClass::Transient,
        used: result.cpu_ms.map(|cpu| (cpu, result.memory_peak_bytes.unwrap_or(0))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_keep_both_ends() {
        assert_eq!(cut("short".to_owned()), "short");
        for letter in ["x", "ä", "€", "🦀"] {
            let long = format!("begin{}end", letter.repeat(20_000));
            let cut = cut(long);
            assert!(
                cut.starts_with("begin") && cut.ends_with("end") && cut.len() <= MESSAGE_BYTES_MAX + 5,
                "{}",
                cut.len()
            );
        }
    }
}
