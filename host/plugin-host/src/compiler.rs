//! Where components are compiled: in a child with limits, because a component may be made so that compiling it takes all memory or for ever.
//!
//! ```text
//!   server ── component by pipe ──► colchis __compile (its memory and processor time limited) ── code by pipe ──► server
//! ```

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use wasmtime::Engine;

use crate::engine::{self, Pool};
use crate::error::LoadError;

/// Memory that a child may write to (`compile_memory_bytes_max`): the largest of real components, of 27 MB, takes 0.5 GB.
const MEMORY_BYTES_MAX: u64 = 2 << 30;
/// Processor time of a child (`compile_cpu_seconds_max`).
const CPU_SECONDS_MAX: u64 = 180;
/// Time that may pass (`compile_wall_max`).
const WALL_MAX: Duration = Duration::from_secs(180);
/// What stands before the code, or before why there is none.
const GOOD: u8 = 0;
const BAD: u8 = 1;

/// How components are compiled.
#[derive(Debug, Clone)]
pub(crate) enum Compiler {
    /// In this process: for tests.
    Here,
    /// By a program that calls [`child_main`] when its first argument is `__compile`, for an engine of this pool.
    Child(PathBuf, Pool),
}

impl Compiler {
    /// Compiles, and answers the code.
    pub(crate) async fn run(&self, engine: &Engine, component: Bytes) -> Result<Vec<u8>, LoadError> {
        let failed = |why: String| LoadError::Compile { why };
        match self {
            Self::Here => {
                let engine = engine.clone();
                let compiling = tokio::task::spawn_blocking(move || engine.precompile_component(&component)).await;
                let compiled = compiling.map_err(|_| failed("the compiler panicked".to_owned()))?;
                compiled.map_err(|error| failed(format!("{error:#}")))
            }
            Self::Child(program, pool) => match tokio::time::timeout(WALL_MAX, ask(program, *pool, component)).await {
                Ok(answer) => answer.map_err(failed),
                // Dropping the child kills it.
                Err(_) => Err(failed(format!("it took longer than {} s (compile_wall_max)", WALL_MAX.as_secs()))),
            },
        }
    }
}

async fn ask(program: &PathBuf, pool: Pool, component: Bytes) -> Result<Vec<u8>, String> {
    let cannot = |error: std::io::Error| format!("the compiler cannot be run: {error}");
    let mut child = Command::new(program)
        .arg("__compile")
        .arg(pool.memory_bytes.to_string())
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
            let _ = stdin.write_all(&component).await;
        }
    };
    let ((), output) = tokio::join!(write, child.wait_with_output());
    let output = output.map_err(cannot)?;
    match output.stdout.split_first() {
        Some((&GOOD, code)) if output.status.success() => Ok(code.to_vec()),
        Some((&BAD, why)) => Err(String::from_utf8_lossy(why).into_owned()),
        _ => Err(format!(
            "it used too much memory or time (at most {} MiB, compile_memory_bytes_max, and {CPU_SECONDS_MAX} s, compile_cpu_seconds_max)",
            MEMORY_BYTES_MAX >> 20
        )),
    }
}

/// The child: limits itself, reads a component, writes its code. `args` are those behind `__compile`.
pub fn child_main(args: impl Iterator<Item = OsString>) -> ExitCode {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = |resource, value| setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) });
    // Not its address space: an engine reserves much of that, and uses none of it here.
    if limit(Resource::Data, MEMORY_BYTES_MAX).is_err() || limit(Resource::Cpu, CPU_SECONDS_MAX).is_err() {
        return ExitCode::FAILURE;
    }
    let (first, answer) = match compile(args) {
        Ok(code) => (GOOD, code),
        Err(why) => (BAD, why.into_bytes()),
    };
    let mut out = std::io::stdout().lock();
    match out.write_all(&[first]).and_then(|()| out.write_all(&answer)).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn compile(mut args: impl Iterator<Item = OsString>) -> Result<Vec<u8>, String> {
    let number = args.next().and_then(|text| text.to_str()?.parse::<usize>().ok());
    let Some(memory_bytes) = number else {
        return Err("the compiler was called in another way than it is".to_owned());
    };
    // How many run at once decides nothing about their code, and a pool of them would take the memory that compiling needs.
    let pool = Pool { instances: 1, memory_bytes };
    let mut component = Vec::new();
    std::io::stdin().read_to_end(&mut component).map_err(|error| format!("reading the component: {error}"))?;
    let engine = Engine::new(&engine::config(Some(pool))).map_err(|error| format!("{error:#}"))?;
    engine.precompile_component(&component).map_err(|error| format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_compiler_that_ends_early_is_told() {
        let pool = Pool { instances: 1, memory_bytes: 1 << 20 };
        let engine = Engine::new(&engine::config(None)).unwrap();
        for (program, part) in [("/bin/false", "too much memory or time"), ("/none/at/all", "cannot be run")] {
            let compiler = Compiler::Child(program.into(), pool);
            let error = compiler.run(&engine, Bytes::from(vec![0; 1 << 20])).await.unwrap_err();
            assert!(error.to_string().contains(part), "{program}: {error}");
        }
    }
}
