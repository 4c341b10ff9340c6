//! A person who gives commands to runs, one after another, and asks again for as long as nobody answers: also when the server has died meanwhile.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use runtime::control::{Command, Control, ControlError};

use crate::faults::Faults;
use crate::time::Time;

/// How long the person waits before asking again.
const AGAIN: Duration = Duration::from_millis(200);

/// When a command is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// When the journal has had as many appends as [`crate::Plan::command`] says, or the run has ended.
    Planned,
    /// When the run has ended.
    Ended,
    /// So long after the answer to the command before (milliseconds).
    After(u64),
}

/// A command to a run.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The run's name.
    pub run: &'static str,
    /// When it is given.
    pub when: When,
    /// What is asked.
    pub command: Command,
}

/// The answer to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// When it came (milliseconds since the epoch).
    pub at_ms: i64,
    /// Why it was refused; `None`: it was taken.
    pub refused: Option<String>,
    /// It was asked before, and nobody knows whether it was taken then.
    pub asked_before: bool,
}

/// What a person knows; it outlives servers.
#[derive(Default)]
pub(crate) struct Person {
    inner: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    answers: Vec<Answer>,
    asked: bool,
}

impl Person {
    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn answers(&self) -> Vec<Answer> {
        self.known().answers.clone()
    }

    /// Gives the commands that are left.
    pub(crate) async fn go_on(
        &self,
        commands: &[Asked],
        server: &dyn Control,
        (faults, time): (Arc<Faults>, Arc<Time>),
    ) {
        loop {
            let (next, last) = {
                let known = self.known();
                (known.answers.len(), known.answers.last().map(|answer| answer.at_ms))
            };
            let Some(asked) = commands.get(next) else { return };
            match asked.when {
                When::Planned => {
                    while !faults.is_planned_append() && !ended(server, asked.run).await {
                        faults.appended(AGAIN).await;
                    }
                }
                When::Ended => {
                    while !ended(server, asked.run).await {
                        tokio::time::sleep(AGAIN).await;
                    }
                }
                When::After(ms) => time.sleep_until(last.unwrap_or(0).saturating_add_unsigned(ms)).await,
            }
            let refused = self.ask(asked, server).await;
            let mut known = self.known();
            let asked_before = std::mem::take(&mut known.asked);
            known.answers.push(Answer { at_ms: time.now_ms(), refused, asked_before });
        }
    }

    /// Asks until there is an answer: why it was refused, if it was.
    async fn ask(&self, asked: &Asked, server: &dyn Control) -> Option<String> {
        loop {
            let first = !std::mem::replace(&mut self.known().asked, true);
            match server.command("default", asked.run, asked.command.clone()).await {
                Ok(()) => {
                    self.known().asked = !first;
                    return None;
                }
                Err(ControlError::Refused { reason, .. }) if !reason.contains("it has not begun") => {
                    self.known().asked = !first;
                    return Some(reason);
                }
                // What was refused has had no effect.
                Err(ControlError::Refused { .. } | ControlError::NotFound { .. }) => self.known().asked = !first,
                Err(_) => {}
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

async fn ended(server: &dyn Control, run: &str) -> bool {
    server.full_status("default", run).await.is_ok_and(|status| status.phase.is_finished())
}
