//! jq programs, evaluated in a child that can be ended.
//!
//! ```text
//!   server ── program and input by pipe ──► colchis __jq (its memory and processor time limited) ── results by pipe ──► server
//! ```
//!
//! A jq program may loop for ever or build a string of any size in one step, and its library has no hook to stop it. The kernel has.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use expr::jq::Limits;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Address space of a child.
const MEMORY_BYTES_MAX: u64 = 1 << 30;
/// Processor time of a child.
const CPU_SECONDS_MAX: u64 = 5;
/// Time that may pass.
const WALL_MAX: Duration = Duration::from_secs(10);
/// Children at a time.
const CHILDREN_MAX: usize = 4;
/// Stack of the thread that evaluates: programs recurse.
const STACK_BYTES: usize = 256 << 20;

#[derive(Serialize, Deserialize)]
struct Question {
    program: String,
    input: String,
}

#[derive(Serialize, Deserialize)]
enum Answer {
    Results(Vec<String>),
    Error(String),
}

/// Asks children.
pub(super) struct ChildJq {
    program: PathBuf,
    places: tokio::sync::Semaphore,
}

impl Default for ChildJq {
    fn default() -> Self {
        Self { program: PathBuf::from("/proc/self/exe"), places: tokio::sync::Semaphore::new(CHILDREN_MAX) }
    }
}

#[async_trait]
impl runtime::Jq for ChildJq {
    async fn eval(&self, program: &str, input: &str) -> Result<Vec<String>, String> {
        // A mistake is told without a child.
        expr::jq::check(program).map_err(|error| error.to_string())?;
        let _place = self.places.acquire().await.map_err(|_| "the server is stopping".to_owned())?;
        let question = serde_json::to_vec(&Question { program: program.to_owned(), input: input.to_owned() });
        let question = question.map_err(|error| error.to_string())?;
        match tokio::time::timeout(WALL_MAX, self.ask(question)).await {
            Ok(answer) => answer,
            // Dropping the child kills it.
            Err(_) => Err(format!("the jq program took longer than {} seconds", WALL_MAX.as_secs())),
        }
    }
}

/// Evaluates in this process: where programs are the person's own, and time is not real.
pub(super) struct InnerJq;

#[async_trait]
impl runtime::Jq for InnerJq {
    async fn eval(&self, program: &str, input: &str) -> Result<Vec<String>, String> {
        let (program, input) = (program.to_owned(), input.to_owned());
        let evaluated = tokio::task::spawn_blocking(move || expr::jq::eval(&program, &input, Limits::default())).await;
        let results = evaluated.map_err(|_| "the jq program ended unexpectedly".to_owned())?;
        Ok(results.map_err(|error| error.to_string())?.iter().map(ToString::to_string).collect())
    }
}

impl ChildJq {
    async fn ask(&self, question: Vec<u8>) -> Result<Vec<String>, String> {
        let cannot = |error: std::io::Error| format!("the jq program cannot be run: {error}");
        let mut child = Command::new(&self.program)
            .arg("__jq")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(cannot)?;
        let stdin = child.stdin.take();
        let write = async {
            if let Some(mut stdin) = stdin {
                // A child that ended early is told by its status.
                let _ = stdin.write_all(&question).await;
            }
        };
        let ((), output) = tokio::join!(write, child.wait_with_output());
        let output = output.map_err(cannot)?;
        match serde_json::from_slice(&output.stdout) {
            Ok(Answer::Results(results)) if output.status.success() => Ok(results),
            Ok(Answer::Error(error)) => Err(error),
            _ => Err(format!(
                "the jq program used too much memory or time (at most {} MiB and {CPU_SECONDS_MAX} seconds)",
                MEMORY_BYTES_MAX >> 20
            )),
        }
    }
}

/// The child: limits itself, reads one question, writes one answer.
pub fn child_main() -> ExitCode {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = |resource, value| setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) });
    // Without limits it does not begin.
    if limit(Resource::As, MEMORY_BYTES_MAX).is_err()
        || limit(Resource::Cpu, CPU_SECONDS_MAX).is_err()
        || limit(Resource::Core, 0).is_err()
        || limit(Resource::Nofile, 16).is_err()
    {
        return ExitCode::FAILURE;
    }
    let evaluated =
        std::thread::Builder::new().stack_size(STACK_BYTES).spawn(evaluate).map(std::thread::JoinHandle::join);
    match evaluated {
        Ok(Ok(true)) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn evaluate() -> bool {
    let mut text = Vec::new();
    if std::io::stdin().lock().read_to_end(&mut text).is_err() {
        return false;
    }
    let Ok(question) = serde_json::from_slice::<Question>(&text) else { return false };
    let answer = match expr::jq::eval(&question.program, &question.input, Limits::default()) {
        Ok(results) => Answer::Results(results.iter().map(ToString::to_string).collect()),
        Err(error) => Answer::Error(error.to_string()),
    };
    let Ok(text) = serde_json::to_vec(&answer) else { return false };
    let mut out = std::io::stdout().lock();
    out.write_all(&text).and_then(|()| out.flush()).is_ok()
}
