//! A unit that is a component of WebAssembly: run in the server itself, without agent, namespaces and record.
//!
//! ```text
//!   plan ─► place among the programs ─► runs: log, progress ─► ended by itself, stopped, too late ─► outputs ─► Ended
//! ```
//!
//! It lives no longer than the server, and reaches nothing but its own folders and volumes: so nothing is written down of it, and a server that comes after one
//! that is gone begins it anew.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use plugin::{Folder, NoPrograms, PluginError, ProgramEnd, ProgramOutput, ProgramResult, Programs};
use runner::{ContainerResult, EndClass, EndPhase, Unit, UnitHappening, UnitResult};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use super::logs::MAIN;
use super::own_log::OwnLog;
use super::source::{Folders, Root};
use super::unit::{Claim, Handle, Order, deadline, retell_started, stop_order, tell_end, unless_stopped};
use super::{Inner, ended, now_ms, outputs};
use crate::agent::protocol::Outcome;
use crate::agent::supervisor::log::{Stream, Tail};
use crate::agent::supervisor::outputs::{OutputRoot, artifacts, parameters};
use crate::plan::PROGRESS_PATH;
use crate::plan::component::{Files, Plan, make_root};

/// One that is over sooner is not told as running: what takes a moment costs one commit.
const QUIET: Duration = Duration::from_millis(50);
/// How often its progress is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// Of a progress file, and of a termination message.
const NOTE_BYTES_MAX: usize = 4096;
/// The end of the log that is kept for a message.
const LOG_TAIL_BYTES_MAX: usize = 2048;
/// What a process that was killed for memory, and one that aborted, end with.
const OUT_OF_MEMORY_CODE: i32 = 137;
const ABORTED_CODE: i32 = 134;

/// Why one was ended before its time.
struct Cut {
    class: EndClass,
    message: &'static str,
}

/// Runs it to its end and tells that.
pub(super) async fn run(
    inner: &Arc<Inner>,
    handle: &Arc<Handle>,
    orders: &mut UnboundedReceiver<Order>,
    unit: &Unit,
    plan: Plan,
) {
    let output = Arc::new(Output::new(inner, handle, &plan.files));
    let (lived, cut) = live(inner, handle, orders, unit, &plan, &output).await;
    let mut outcome = match lived {
        Ok(result) => outcome(&plan, &output, result, cut, inner.settings.parameter_bytes_max),
        Err(error) => Outcome { result: could_not_start(&error), root_fd: None, artifacts_found: Vec::new() },
    };
    output.log.end(&outcome.result.message);
    let result = match outcome.artifacts_found.is_empty() && unit.log_archive.is_none() {
        true => outcome.result,
        false => {
            let claim = Claim {
                namespace: unit.namespace.clone(),
                containers: vec![MAIN.to_owned()],
                output_artifacts: unit.output_artifacts.clone(),
                log_archive: unit.log_archive.clone(),
                plain: false,
                layers: Vec::new(),
            };
            outcome.result.finished_ms = now_ms();
            let root = |_: &Outcome| Folders::open(output.seen()).map(Root::Program);
            let places = inner.places(&unit.key);
            unless_stopped(orders, outputs::save(inner, &places, &claim, outcome, root)).await
        }
    };
    tell_end(inner, handle, result).await;
}

/// From its start to its end, by itself or before its time.
async fn live(
    inner: &Arc<Inner>,
    handle: &Arc<Handle>,
    orders: &mut UnboundedReceiver<Order>,
    unit: &Unit,
    plan: &Plan,
    output: &Arc<Output>,
) -> (Result<ProgramResult, PluginError>, Option<Cut>) {
    let programs = inner.programs.get().cloned().unwrap_or_else(|| Arc::new(NoPrograms) as Arc<dyn Programs>);
    let cancel = CancellationToken::new();
    let running = programs.run(plan.invocation.clone(), output.clone(), cancel.clone());
    tokio::pin!(running);
    let mut watched = Watched { pause: QUIET, told: false, progress: None };
    let mut cut = None;
    loop {
        tokio::select! {
            biased;
            ended = &mut running => return (ended, cut),
            order = stop_order(orders) => {
                // There is no signal that it could take: it ends at once.
                let Order::Stop { .. } = order;
                cut.get_or_insert(Cut { class: EndClass::Stopped, message: "it was stopped" });
                cancel.cancel();
            }
            () = deadline(unit.deadline_ms), if cut.is_none() => {
                let message = "Step exceeded its deadline (activeDeadlineSeconds)";
                cut = Some(Cut { class: EndClass::DeadlineExceeded, message });
                cancel.cancel();
            }
            () = tokio::time::sleep(watched.pause) => watched.look(inner, handle, plan, output).await,
        }
    }
}

/// What was told of one that runs.
struct Watched {
    pause: Duration,
    told: bool,
    progress: Option<(u64, u64)>,
}

impl Watched {
    async fn look(&mut self, inner: &Arc<Inner>, handle: &Arc<Handle>, plan: &Plan, output: &Output) {
        self.pause = LOOK;
        let Some(begun_ms) = output.begun_ms() else {
            if !self.told {
                let message =
                    "Waiting: it is being compiled, or as many components run as may at once (plugins.programsMax)";
                inner.hint(&handle.key, UnitHappening::Waiting { message: message.to_owned() });
            }
            // It may be there any moment.
            self.pause = QUIET;
            self.told = true;
            return;
        };
        retell_started(inner, handle, begun_ms, plan.message.clone(), None).await;
        let progress = read_note(output, PROGRESS_PATH).as_deref().and_then(read_progress);
        if let Some((done, total)) = progress.filter(|_| progress != self.progress) {
            self.progress = progress;
            inner.tell(&handle.key, now_ms(), UnitHappening::Progress { done, total }).await;
        }
    }
}

/// `N/M`.
fn read_progress(text: &str) -> Option<(u64, u64)> {
    let (done, total) = text.trim().split_once('/')?;
    let (done, total) = (done.parse().ok()?, total.parse().ok()?);
    (total > 0 && done <= total).then_some((done, total))
}

/// A small file that it may have written.
fn read_note(output: &Output, path: &str) -> Option<String> {
    let folders = Folders::open(output.seen()).ok()?;
    OutputRoot::Other(&|path, flags| folders.look(path, flags)).read(path, NOTE_BYTES_MAX).ok()
}

/// What it tells while it runs, and what it sees of files.
struct Output {
    inner: Arc<Inner>,
    handle: Arc<Handle>,
    /// What is to be made when it first looks.
    unmade: Vec<String>,
    folders: OnceLock<Vec<Folder>>,
    log: OwnLog,
    /// Milliseconds since the epoch; 0 before it began.
    begun_ms: AtomicI64,
    tails: Mutex<Tails>,
}

struct Tails {
    stdout: Tail,
    log: Tail,
}

impl Output {
    fn new(inner: &Arc<Inner>, handle: &Arc<Handle>, files: &Files) -> Self {
        let tails = Tails { stdout: Tail::new(inner.settings.result_bytes_max), log: Tail::new(LOG_TAIL_BYTES_MAX) };
        let (folders, unmade) = match files {
            Files::Made(folders) => (OnceLock::from(folders.clone()), Vec::new()),
            Files::Unmade(unmade) => (OnceLock::new(), unmade.clone()),
        };
        Self {
            log: OwnLog::new(inner, &handle.key),
            inner: inner.clone(),
            handle: handle.clone(),
            unmade,
            folders,
            begun_ms: AtomicI64::new(0),
            tails: Mutex::new(tails),
        }
    }

    /// What it sees of files; nothing while it has not looked.
    fn seen(&self) -> &[Folder] {
        self.folders.get().map_or(&[], Vec::as_slice)
    }

    fn tails(&self) -> MutexGuard<'_, Tails> {
        self.tails.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begun_ms(&self) -> Option<i64> {
        Some(self.begun_ms.load(Ordering::Relaxed)).filter(|at| *at > 0)
    }
}

impl ProgramOutput for Output {
    fn begun(&self) {
        self.begun_ms.store(now_ms(), Ordering::Relaxed);
    }

    fn folders(&self) -> std::io::Result<Vec<Folder>> {
        if let Some(folders) = self.folders.get() {
            return Ok(folders.clone());
        }
        let slot = self.inner.slots.take(&self.handle.key)?;
        self.handle.offer_slot(slot.clone());
        let root = make_root(&slot, &self.unmade)?;
        Ok(self.folders.get_or_init(|| vec![root]).clone())
    }

    fn stdout(&self, bytes: &[u8]) {
        self.log.write(Stream::Stdout, bytes);
        let mut tails = self.tails();
        tails.stdout.feed(bytes);
        tails.log.feed(bytes);
    }

    fn stderr(&self, bytes: &[u8]) {
        self.log.write(Stream::Stderr, bytes);
        self.tails().log.feed(bytes);
    }
}

fn could_not_start(error: &PluginError) -> UnitResult {
    let class = if error.class.is_transient() { EndClass::Transient } else { EndClass::CouldNotStart };
    ended(EndPhase::Error, class, error.to_string())
}

/// Decides how it ended and reads its outputs, as of a process.
fn outcome(
    plan: &Plan,
    output: &Output,
    lived: ProgramResult,
    cut: Option<Cut>,
    parameter_bytes_max: usize,
) -> Outcome {
    let (mut phase, mut class, mut message, exit_code) = verdict(&lived.end);
    if let (ProgramEnd::Cancelled, Some(cut)) = (&lived.end, cut) {
        (phase, class, message) = (EndPhase::Failed, cut.class, cut.message.to_owned());
    }
    if class == EndClass::ExitCode {
        let said = read_note(output, &plan.termination_message_path).map(|said| said.trim().to_owned());
        let from_log = || plan.termination_message_from_log.then(|| output.tails().log.text().trim().to_owned());
        let said = said.filter(|said| !said.is_empty()).or_else(from_log);
        if let Some(said) = said {
            message = format!("{message}: {said}");
        }
    }
    let container = ContainerResult {
        name: MAIN.to_owned(),
        exit_code,
        message: message.clone(),
        started_ms: output.begun_ms(),
        finished_ms: Some(now_ms()),
    };
    let mut result = UnitResult {
        exit_code,
        containers: vec![container],
        result: output.begun_ms().map(|_| output.tails().stdout.text()),
        cpu_ms: u64::try_from(lived.cpu.as_millis()).ok(),
        memory_peak_bytes: Some(lived.memory_peak_bytes),
        started_ms: output.begun_ms(),
        ..ended(phase, class, message)
    };
    let artifacts_found = match plan.parameters.is_empty() && plan.artifacts.is_empty() {
        true => Vec::new(),
        false => read_outputs(plan, output, &mut result, parameter_bytes_max),
    };
    Outcome { result, root_fd: None, artifacts_found }
}

/// Phase, class and words of an end; the exit code as a process would have it.
fn verdict(end: &ProgramEnd) -> (EndPhase, EndClass, String, Option<i32>) {
    match end {
        ProgramEnd::Exit(0) => (EndPhase::Succeeded, EndClass::None, String::new(), Some(0)),
        ProgramEnd::Exit(code) => {
            (EndPhase::Failed, EndClass::ExitCode, format!("Error (exit code {code})"), Some(*code))
        }
        ProgramEnd::Broke { why } => {
            let message = format!("Error (exit code {ABORTED_CODE}: {why})");
            (EndPhase::Failed, EndClass::ExitCode, message, Some(ABORTED_CODE))
        }
        ProgramEnd::OutOfMemory { max } => {
            let message = format!("OOMKilled (exit code {OUT_OF_MEMORY_CODE}, limit {max} bytes)");
            (EndPhase::Failed, EndClass::OutOfMemory, message, Some(OUT_OF_MEMORY_CODE))
        }
        ProgramEnd::Cancelled => (EndPhase::Failed, EndClass::Stopped, "it was stopped".to_owned(), None),
    }
}

/// Reads the output parameters into the result; answers the names of the artifacts that are there.
fn read_outputs(plan: &Plan, output: &Output, result: &mut UnitResult, bytes_max: usize) -> Vec<String> {
    let folders = match Folders::open(output.seen()) {
        Ok(folders) => folders,
        Err(error) => {
            result.message = format!("{}\nits files cannot be read: {error}", result.message).trim().to_owned();
            result.phase = if result.phase == EndPhase::Succeeded { EndPhase::Error } else { result.phase };
            return Vec::new();
        }
    };
    let open = |path: &str, flags| folders.look(path, flags);
    let root = OutputRoot::Other(&open);
    let (found, missing) = parameters(&root, &plan.parameters, bytes_max);
    result.parameters = found;
    let (found, absent) = artifacts(&root, &plan.artifacts);
    let lines: Vec<String> = missing.into_iter().chain(absent).collect();
    if result.phase == EndPhase::Succeeded && !lines.is_empty() {
        // The step did not fail: what surrounds it did, which the policy OnError covers.
        (result.phase, result.message) = (EndPhase::Error, lines.join("\n"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_as_of_a_process() {
        for (end, phase, message, code) in [
            (ProgramEnd::Exit(0), EndPhase::Succeeded, "", Some(0)),
            (ProgramEnd::Exit(3), EndPhase::Failed, "Error (exit code 3)", Some(3)),
            (ProgramEnd::Broke { why: "odd".into() }, EndPhase::Failed, "Error (exit code 134: odd)", Some(134)),
            (
                ProgramEnd::OutOfMemory { max: 9 },
                EndPhase::Failed,
                "OOMKilled (exit code 137, limit 9 bytes)",
                Some(137),
            ),
            (ProgramEnd::Cancelled, EndPhase::Failed, "it was stopped", None),
        ] {
            let (of, _, words, exit_code) = verdict(&end);
            assert_eq!((of, words.as_str(), exit_code), (phase, message, code), "{end:?}");
        }
        for (text, expected) in [("3/10\n", Some((3, 10))), ("11/10", None), ("0/0", None), ("x", None)] {
            assert_eq!(read_progress(text), expected, "{text}");
        }
    }
}
