//! A server of which nothing is real, for people's tests of their workflows.
//!
//! ```text
//!   one thread, one runtime, its clock paused ── tasks run while there is something to do ── then time jumps to the next timer
//!        server (objects in memory, virtual steps) ◄── a pipe ──► the play (client)
//! ```
//!
//! Tokio's paused clock moves on only when every task waits. That is right only when nothing is waited for outside of the runtime, which is why the store is in
//! memory, the connection is a pipe, and what needs a thread (files, jq) is given one by `spawn_blocking`, which holds the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use async_trait::async_trait;
use cli::host::{Actor, Play, Rehearsal, StepFacts, StepOutcome};
use client::{Client, Options};
use model::Timestamp;
use model::workflow::Template;
use runner::virtual_runner::{Script, Time};
use runner::{EndClass, EndPhase, Unit, UnitResult};
use runtime::{HttpAnswer, HttpCall, NoAnswer, OwnLeaf, OwnLeafEnd, Requests};
use store::objects::Stamp;
use tokio::time::{Duration, Instant};

use crate::config::Config;
use crate::wiring::{Ground, Server, VirtualGround};

/// Plays on a server of its own. Blocks the thread it is called on.
///
/// # Errors
/// The server does not start.
pub(crate) fn rehearse(config: Config, start_ms: i64, actor: Actor, play: Play) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .context("no runtime can be made")?;
    runtime.block_on(on_stage(config, start_ms, actor, play))
}

async fn on_stage(mut config: Config, start_ms: i64, actor: Actor, play: Play) -> anyhow::Result<()> {
    let folder =
        tempfile::Builder::new().prefix("colchis-test-").tempdir().context("no temporary folder can be made")?;
    config.data_dir = folder.path().to_owned();
    config.artifacts.directory = folder.path().join("artifacts");
    let clock = PausedClock { start_ms, begun: Instant::now() };
    let ground = VirtualGround {
        stamp: Arc::new(CountingStamp { clock, count: AtomicU64::new(0) }),
        clock: Arc::new(clock),
        time: Time {
            now_ms: Box::new(move || clock.now_ms()),
            sleep: Box::new(|ms| Box::pin(tokio::time::sleep(Duration::from_millis(ms)))),
        },
        decide: Arc::new({
            let actor = actor.clone();
            move |unit: &Unit| script(unit, actor(&facts_of(unit)))
        }),
        requests: Arc::new(Answers(actor)),
    };
    let mut server = Server::start(&config, Ground::Virtual(Box::new(ground))).await?;
    let stream = server.take_stream().context("the server has no connection")?;
    let options = Options { call_timeout: None, ..Options::new(server.address()).with_token(server.token()) };
    let client = Client::connect_over(stream, options).await?;
    let namespace = config.client.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
    play(Rehearsal { client, namespace, now_ms: Arc::new(move || clock.now_ms()) }).await;
    server.stop().await?;
    tokio::task::spawn_blocking(move || folder.close()).await?.context("the temporary folder cannot be removed")
}

/// Tokio's own time, from a moment on.
#[derive(Debug, Clone, Copy)]
struct PausedClock {
    start_ms: i64,
    begun: Instant,
}

impl PausedClock {
    fn now_ms(self) -> i64 {
        let passed = self.begun.elapsed().as_millis();
        self.start_ms.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX))
    }
}

#[async_trait]
impl runtime::Clock for PausedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_ms())
    }

    async fn until(&self, at: Timestamp) {
        let left = at.as_millis().saturating_sub(self.now_ms());
        tokio::time::sleep(Duration::from_millis(u64::try_from(left).unwrap_or(0))).await;
    }
}

/// Names and ids that are the same in every rehearsal.
struct CountingStamp {
    clock: PausedClock,
    count: AtomicU64,
}

impl Stamp for CountingStamp {
    fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    fn uid(&self) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        format!("00000000-0000-4000-8000-{count:012x}")
    }

    fn name_suffix(&self) -> String {
        // The alphabet of generated names: no vowels, and nothing that looks like another letter.
        const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        let mut rest = self.count.fetch_add(1, Ordering::Relaxed) as usize;
        let mut suffix = String::new();
        for _ in 0..5 {
            suffix.insert(0, char::from(LETTERS.get(rest % LETTERS.len()).copied().unwrap_or(b'b')));
            rest /= LETTERS.len();
        }
        suffix
    }
}

fn facts_of(unit: &Unit) -> StepFacts {
    StepFacts {
        artifacts: unit.output_artifacts.iter().map(|artifact| artifact.name.to_string()).collect(),
        ..facts(&unit.workflow_name, &unit.node_name, &unit.template)
    }
}

fn facts(workflow: &str, node: &str, template: &Template) -> StepFacts {
    let parameters = template.inputs.parameters.iter();
    let read_from_it = template.outputs.parameters.iter().filter_map(|parameter| {
        let from = parameter.value_from.as_deref()?;
        let read = from.path.is_some() || from.json_path.is_some() || from.jq_filter.is_some();
        read.then(|| (parameter.name.to_string(), from.default.as_ref().map(ToString::to_string)))
    });
    StepFacts {
        workflow: workflow.to_owned(),
        node: node.to_owned(),
        template: template.name.to_string(),
        parameters: parameters.filter_map(|p| Some((p.name.to_string(), p.value.as_ref()?.to_string()))).collect(),
        outputs: read_from_it.collect(),
        ..StepFacts::default()
    }
}

fn script(unit: &Unit, outcome: StepOutcome) -> Script {
    let (phase, class) = match (&outcome.error, outcome.exit_code) {
        (Some(_), _) => (EndPhase::Error, EndClass::Artifact),
        (None, 0) => (EndPhase::Succeeded, EndClass::None),
        (None, _) => (EndPhase::Failed, EndClass::ExitCode),
    };
    let message = message_of(&outcome);
    let left = unit.output_artifacts.iter().filter(|a| !outcome.without_artifacts.iter().any(|name| **name == *a.name));
    let result = UnitResult {
        exit_code: outcome.error.is_none().then_some(outcome.exit_code),
        result: outcome.result,
        parameters: outcome.parameters,
        artifacts: if phase == EndPhase::Succeeded { left.cloned().collect() } else { Vec::new() },
        ..UnitResult::new(phase, class, &message)
    };
    Script { lasts_ms: outcome.lasts_ms, log: outcome.log, result }
}

fn message_of(outcome: &StepOutcome) -> String {
    match (&outcome.error, outcome.exit_code) {
        (Some(error), _) => error.clone(),
        (None, code) if code != 0 && outcome.message.is_empty() => format!("Error (exit code {code})"),
        _ => outcome.message.clone(),
    }
}

/// Does what the server otherwise does itself: answers `http` templates, and stands in for `resource` and `data`.
struct Answers(Actor);

#[async_trait]
impl Requests for Answers {
    async fn send(&self, call: HttpCall) -> Result<HttpAnswer, NoAnswer> {
        let facts = StepFacts {
            workflow: call.workflow,
            node: call.node,
            template: call.template,
            parameters: call.parameters.into_iter().collect(),
            http: Some((call.method.to_string(), call.url)),
            body: String::from_utf8_lossy(&call.body).into_owned(),
            ..StepFacts::default()
        };
        let outcome = (self.0)(&facts);
        tokio::time::sleep(Duration::from_millis(outcome.lasts_ms)).await;
        if let Some(reason) = outcome.error {
            return Err(NoAnswer { reason, transient: false });
        }
        let (status, given) = outcome.http.unwrap_or((200, Vec::new()));
        let mut headers = hyper::HeaderMap::new();
        for (name, value) in given {
            let read = (
                hyper::header::HeaderName::try_from(name.as_str()),
                hyper::header::HeaderValue::try_from(value.as_str()),
            );
            if let (Ok(name), Ok(value)) = read {
                headers.append(name, value);
            }
        }
        Ok(HttpAnswer { status, headers, body: outcome.result.unwrap_or_default().into() })
    }

    async fn stand_in(&self, leaf: OwnLeaf) -> Option<OwnLeafEnd> {
        // There are no plugins here: their steps go as all others do.
        let by_server = leaf.template.plugin.is_none();
        let facts = StepFacts { by_server, ..facts(&leaf.workflow, &leaf.node, &leaf.template) };
        let outcome = (self.0)(&facts);
        if outcome.by_server {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(outcome.lasts_ms)).await;
        let failed = outcome.error.clone().or_else(|| (outcome.exit_code != 0).then(|| message_of(&outcome)));
        let (result, parameters, error) = (outcome.result, outcome.parameters, outcome.error.is_some());
        Some(OwnLeafEnd { result, parameters, failed, error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_names_differ_and_are_the_same_each_time() {
        let names = || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            runtime.block_on(async {
                let stamp = CountingStamp {
                    clock: PausedClock { start_ms: 5, begun: Instant::now() },
                    count: AtomicU64::new(0),
                };
                tokio::time::sleep(Duration::from_secs(3600)).await;
                (stamp.name_suffix(), stamp.name_suffix(), stamp.uid(), stamp.now_ms())
            })
        };
        let (a, b, uid, now) = names();
        assert_eq!((a.as_str(), b.as_str(), now), ("bbbbb", "bbbbc", 3_600_005));
        assert_eq!(uid, "00000000-0000-4000-8000-000000000002");
        assert_eq!(names().0, a);
    }
}
