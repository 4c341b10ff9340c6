//! Programs: components that export `wasi:cli/run`, such as any language makes of an ordinary `main`.
//!
//! A program sees its arguments, its variables and the folders that it is given, and nothing else: no network, no file of the machine.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::{ErrorClass, PluginError, Result};

/// A program and what it is run with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The file that the component is in.
    pub file: PathBuf,
    /// Its content's digest (`sha256:…`); what was compiled of the same content is used again.
    pub digest: String,
    /// What it is called in messages and traces.
    pub name: String,
    /// Its arguments; the first is its own name.
    pub arguments: Vec<String>,
    /// Its variables.
    pub environment: Vec<(String, String)>,
    /// Where it begins: an absolute path.
    pub working_dir: String,
    /// Whether something was put into its folders, or is expected there afterwards.
    pub has_files: bool,
    /// Whether others write to its folders meanwhile: then it is not waited for in the thread that runs it.
    pub shares_folders: bool,
    /// How much memory it may have (bytes); as much as the host gives at most when absent.
    pub memory_bytes_max: Option<u64>,
}

/// A folder that a program sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
    /// Where the program finds it: an absolute path; the deepest that fits is meant.
    pub target: String,
    /// It may not be changed.
    pub read_only: bool,
}

/// Takes what a program tells while it runs, and gives it its folders. Called in the thread that runs it.
pub trait ProgramOutput: Send + Sync + 'static {
    /// It has its place and begins.
    fn begun(&self);
    /// What it sees of files. Asked for once, when it first looks: most never do, and need no folder to be made.
    ///
    /// # Errors
    /// They cannot be made.
    fn folders(&self) -> std::io::Result<Vec<Folder>>;
    /// A piece of its standard output.
    fn stdout(&self, bytes: &[u8]);
    /// A piece of its standard error.
    fn stderr(&self, bytes: &[u8]);
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgramEnd {
    /// By itself, with a code.
    Exit(i32),
    /// It trapped.
    Broke {
        /// In what way.
        why: String,
    },
    /// It wanted more memory than it may have.
    OutOfMemory {
        /// How much it may have (bytes).
        max: u64,
    },
    /// It was cancelled.
    Cancelled,
}

/// A program's end, and what it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramResult {
    /// How it ended.
    pub end: ProgramEnd,
    /// How long it computed, in steps of a clock tick.
    pub cpu: Duration,
    /// The most memory that it had (bytes).
    pub memory_peak_bytes: u64,
}

/// Runs programs.
#[async_trait]
pub trait Programs: Send + Sync + 'static {
    /// Runs one to its end. Cancelled or dropped, it is ended at once: there is no signal that it could take. When this returns, nothing of it runs any more.
    ///
    /// # Errors
    /// It could not begin: no component that can be run, or none that exports `wasi:cli/run`; or its folders could not be made.
    async fn run(
        &self,
        invocation: Invocation,
        output: Arc<dyn ProgramOutput>,
        cancel: CancellationToken,
    ) -> Result<ProgramResult>;
}

/// Runs none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPrograms;

#[async_trait]
impl Programs for NoPrograms {
    async fn run(&self, _: Invocation, _: Arc<dyn ProgramOutput>, _: CancellationToken) -> Result<ProgramResult> {
        Err(PluginError::new(ErrorClass::Permanent, "no-programs", "this server runs no components of WebAssembly"))
    }
}
