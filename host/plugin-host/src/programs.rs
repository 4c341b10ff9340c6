//! Programs: components that export `wasi:cli/run`.
//!
//! One begins where it was asked for, because most are over in a moment and two hops between threads take as long as they do. When it has computed for a tick, or
//! from its begin where files wait for it, it runs in threads of its own: a step may compute for hours, and the server's own work must not wait for its turn behind it.
//! What was compiled is kept by content, in memory and in a folder beside that of the plugins.

use std::num::NonZeroUsize;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Poll;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::FutureExt as _;
use lru::LruCache;
use plugin::{
    CallContext, ErrorClass, Invocation, ObjectRef, PluginError, ProgramEnd, ProgramOutput, ProgramResult, Programs,
    Result,
};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OnceCell, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use wasmtime::{Store, Trap};
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi::{I32Exit, WasiCtxBuilder};

use crate::compile;
use crate::convert;
use crate::error::LoadError;
use crate::folders::{NoFolders, Unopened};
use crate::host::{PluginHost, Settings};
use crate::instance::{Ended, State};
use crate::limits::Limits;
use crate::loaded::Shared;
use crate::metrics::ProgramCounts;
use crate::streams::{Stderr, Stdout, Stream, Tail};

/// Compiled programs that are kept in the folder, at least (`programs_kept_max`): as many as are kept in memory if these are more.
const KEPT_MAX: usize = 64;
/// Files and streams that a program may hold open (`handles_max`).
const HANDLES_MAX: usize = 10_000;
/// No clock of the host ends a program: its step has a deadline of its own.
const FOR_EVER: Duration = Duration::from_secs(20 * 365 * 86_400);

type Ready = Arc<OnceCell<CommandPre<State>>>;

/// The programs that are ready, and where they run.
pub(crate) struct Shelf {
    pub(crate) places: Arc<Semaphore>,
    ready: Mutex<LruCache<String, Ready>>,
    pub(crate) counts: ProgramCounts,
    threads: OnceLock<std::result::Result<Threads, String>>,
}

/// Threads that nobody else's work is in. Dropped, they end without being waited for.
struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Shelf {
    pub(crate) fn new(settings: &Settings) -> Self {
        let places = Arc::new(Semaphore::new(settings.programs_max as usize));
        let ready_max = NonZeroUsize::new(settings.programs_ready_max as usize).unwrap_or(NonZeroUsize::MIN);
        let ready = Mutex::new(LruCache::new(ready_max));
        Self { places, ready, counts: ProgramCounts::default(), threads: OnceLock::new() }
    }

    /// How many programs are kept ready.
    pub(crate) fn ready_now(&self) -> usize {
        crate::lock(&self.ready).len()
    }

    /// The place of a program by its content; the one that was used longest ago gives way.
    fn slot(&self, digest: &str) -> Ready {
        crate::lock(&self.ready).get_or_insert_ref(digest, Ready::default).clone()
    }

    fn threads(&self) -> Result<&Runtime> {
        let made = self.threads.get_or_init(|| {
            let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
            let mut runtime = Builder::new_multi_thread();
            runtime.worker_threads(threads).thread_name("programs").enable_all();
            runtime.build().map(|runtime| Threads(Some(runtime))).map_err(|error| error.to_string())
        });
        match made {
            Ok(Threads(Some(runtime))) => Ok(runtime),
            Ok(Threads(None)) => Err(unavailable("the threads of programs have ended")),
            Err(why) => Err(unavailable(&format!("no threads for programs: {why}"))),
        }
    }
}

fn unavailable(why: &str) -> PluginError {
    PluginError::new(ErrorClass::Unavailable, "no-threads", why)
}

#[async_trait]
impl Programs for PluginHost {
    async fn run(
        &self,
        invocation: Invocation,
        output: Arc<dyn ProgramOutput>,
        cancel: CancellationToken,
    ) -> Result<ProgramResult> {
        let begun = Instant::now();
        let result = self.run_counted(invocation, output, cancel).await;
        self.programs.counts.ended(result.as_ref().ok().map(|result| &result.end), begun.elapsed());
        result
    }
}

impl PluginHost {
    async fn run_counted(
        &self,
        invocation: Invocation,
        output: Arc<dyn ProgramOutput>,
        cancel: CancellationToken,
    ) -> Result<ProgramResult> {
        let none = ProgramResult { end: ProgramEnd::Cancelled, cpu: Duration::ZERO, memory_peak_bytes: 0 };
        let (pre, place) = tokio::select! {
            biased;
            () = cancel.cancelled() => return Ok(none),
            ready = async { tokio::join!(self.ready(&invocation), self.programs.places.clone().acquire_owned()) } => ready,
        };
        let pre = pre.map_err(|error| {
            PluginError::new(
                ErrorClass::InvalidConfig,
                error.code(),
                format!("the program {}: {error}", invocation.name),
            )
        })?;
        let place = place.map_err(|_| unavailable("no program begins any more"))?;
        let store = self.store(&invocation, &output)?;
        let computes = store.data().computes.clone();
        let running = async move {
            let _place = place;
            run(pre, store, output, cancel).await
        };
        // As of a task of its own, a panic is this program's end alone.
        let mut running = AssertUnwindSafe(running).catch_unwind().boxed();
        let mut ended = None;
        if !invocation.has_files {
            ended = until(&mut running, &computes).await;
        }
        let lost = |why: String| unavailable(&format!("the program {} was lost: {why}", invocation.name));
        let ended = match ended {
            Some(ended) => ended,
            None => {
                let moved = AbortOnDropHandle::new(self.programs.threads()?.spawn(running)).await;
                moved.map_err(|error| lost(error.to_string()))?
            }
        };
        let (result, refusals) = ended.map_err(|_| lost("the host's own code broke off".to_owned()))??;
        self.programs.counts.refused(refusals);
        Ok(result)
    }

    /// The program, compiled; once however many ask for it at the same time.
    async fn ready(&self, invocation: &Invocation) -> std::result::Result<CommandPre<State>, LoadError> {
        let slot = self.programs.slot(&invocation.digest);
        slot.get_or_try_init(|| self.make_ready(invocation)).await.cloned()
    }

    async fn make_ready(&self, invocation: &Invocation) -> std::result::Result<CommandPre<State>, LoadError> {
        let unread = |source| LoadError::Cache { what: invocation.file.display().to_string(), source };
        // Looked at before it is read: a file of any size may lie there.
        let size = tokio::fs::metadata(&invocation.file).await.map_err(unread)?.len();
        let max = self.settings.component_bytes_max;
        if size > max as u64 {
            return Err(LoadError::TooLarge { actual: usize::try_from(size).unwrap_or(usize::MAX), limit: max });
        }
        let bytes = bytes::Bytes::from(tokio::fs::read(&invocation.file).await.map_err(unread)?);
        compile::look(&bytes, max)?;
        let actual = compile::digest(&bytes);
        if actual != invocation.digest {
            return Err(LoadError::Digest { expected: invocation.digest.clone(), actual });
        }
        let folder = self.settings.cache.as_ref().map(|cache| cache.with_file_name("programs"));
        let begun = Instant::now();
        let (_, pre) = self.compile(bytes, &actual, folder.clone()).await?;
        self.programs.counts.made_ready(begun.elapsed());
        if let Some(folder) = folder {
            let kept_max = KEPT_MAX.max(self.settings.programs_ready_max as usize);
            // Not waited for.
            tokio::task::spawn_blocking(move || forget_oldest(&folder, kept_max));
        }
        CommandPre::new(pre).map_err(|_| LoadError::Exports {
            why: "the component does not export wasi:cli/run@0.2, as the component of a program does (a plugin runs as a `plugin` template)"
                .to_owned(),
        })
    }

    fn store(&self, invocation: &Invocation, output: &Arc<dyn ProgramOutput>) -> Result<Store<State>> {
        let most = self.settings.program_memory_bytes_max;
        let asked = invocation.memory_bytes_max.map_or(most, |bytes| usize::try_from(bytes).unwrap_or(most));
        let limits = Limits {
            memory_bytes_max: asked.min(most),
            wall_time_max: FOR_EVER,
            cpu_time_max: FOR_EVER,
            handles_max: HANDLES_MAX,
            ..Limits::default()
        };
        let name: Arc<str> = invocation.name.as_str().into();
        let shared = Shared::new(name.clone(), Default::default(), limits, self.services.clone());
        let shared = Arc::new(shared.map_err(|error| unavailable(&error.to_string()))?);
        let object = ObjectRef { kind: "Program".into(), namespace: "".into(), name };
        let (wasi, last_words) = seen(invocation, output);
        let (ground, _) = self.started().map_err(|error| unavailable(&error.to_string()))?;
        let context = CallContext::new(object, FOR_EVER);
        let mut store = State::store_with(&ground.engine, &shared, context, wasi, last_words);
        // Where nobody else can keep a file from being read, waiting for it in the thread that runs the program is much the faster.
        let unopened = Unopened { of: output.clone(), waits: !invocation.shares_folders };
        store.data_mut().unopened = Some(unopened);
        Ok(store)
    }
}

/// Lets a program run here until it has computed for a tick; nothing when it is not over then.
async fn until<T>(running: &mut (impl Future<Output = T> + Unpin), computes: &AtomicBool) -> Option<T> {
    let here = std::future::poll_fn(|context| match Pin::new(&mut *running).poll(context) {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        Poll::Pending if computes.load(Ordering::Relaxed) => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    });
    here.await
}

/// What a program sees beside its folders.
fn seen(invocation: &Invocation, output: &Arc<dyn ProgramOutput>) -> (WasiCtxBuilder, Tail) {
    let last_words = Tail::default();
    let mut wasi = WasiCtxBuilder::new();
    wasi.args(&invocation.arguments)
        .envs(&invocation.environment)
        .initial_cwd(&invocation.working_dir)
        .stdout(Stream(Stdout(output.clone())))
        .stderr(Stream(Stderr(output.clone(), last_words.clone())));
    (wasi, last_words)
}

/// Its end, and how many different things were refused to it.
async fn run(
    pre: CommandPre<State>,
    mut store: Store<State>,
    output: Arc<dyn ProgramOutput>,
    cancel: CancellationToken,
) -> Result<(ProgramResult, usize)> {
    output.begun();
    let running = async {
        let command = pre.instantiate_async(&mut store).await?;
        command.wasi_cli_run().call_run(&mut store).await
    };
    // Whoever computes is asked every tick whether it may go on, and comes by here.
    let ended = tokio::select! {
        biased;
        () = cancel.cancelled() => None,
        ended = running => Some(ended),
    };
    let refusals = store.data_mut().refusals().len();
    let state = store.data();
    let end = match ended {
        None => ProgramEnd::Cancelled,
        Some(Ok(Ok(()))) => ProgramEnd::Exit(0),
        Some(Ok(Err(()))) => ProgramEnd::Exit(1),
        Some(Err(trap)) => match trap.downcast_ref::<NoFolders>() {
            Some(why) => {
                let message = format!("the program {}: {why}", state.shared.name);
                return Err(PluginError::new(ErrorClass::Permanent, "no-folder", message));
            }
            None => end_of(state, &trap),
        },
    };
    let peak = state.shared.memory_peak.load(Ordering::Relaxed);
    Ok((ProgramResult { end, cpu: state.computed(), memory_peak_bytes: peak }, refusals))
}

fn end_of(state: &State, trap: &wasmtime::Error) -> ProgramEnd {
    if let Some(exit) = trap.downcast_ref::<I32Exit>() {
        return ProgramEnd::Exit(exit.0);
    }
    let why = match (trap.downcast_ref::<Ended>(), trap.downcast_ref::<Trap>()) {
        (Some(Ended::Memory { max, .. }), _) => return ProgramEnd::OutOfMemory { max: *max as u64 },
        (Some(ended), _) => ended.to_string(),
        (None, Some(trap)) => trap.to_string(),
        (None, None) => trap.root_cause().to_string(),
    };
    tracing::debug!(program = %state.shared.name, error = ?trap, said = state.last_words(), "a program trapped");
    ProgramEnd::Broke { why: convert::cut(why, 1 << 10) }
}

/// Keeps the folder from growing: of the programs there, those that were compiled longest ago are compiled anew when they are wanted again.
fn forget_oldest(folder: &Path, kept_max: usize) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<(std::time::SystemTime, PathBuf)> =
        entries.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()))).collect();
    files.sort();
    for (_, path) in files.iter().take(files.len().saturating_sub(kept_max)) {
        if let Err(error) = std::fs::remove_file(path) {
            tracing::debug!(file = %path.display(), %error, "a compiled program stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_compiled_last_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let begun = std::time::SystemTime::now();
        for nth in 0..KEPT_MAX + 3 {
            let file = std::fs::File::create(folder.path().join(nth.to_string())).unwrap();
            file.set_modified(begun + Duration::from_secs(nth as u64)).unwrap();
        }
        forget_oldest(folder.path(), KEPT_MAX);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), KEPT_MAX);
        assert!(!folder.path().join("2").exists() && folder.path().join("3").exists());
    }

    #[test]
    fn the_shelf_is_bounded() {
        let settings = Settings { programs_ready_max: 3, ..Settings::default() };
        let shelf = Shelf::new(&settings);
        let first = shelf.slot("0");
        assert!(Arc::ptr_eq(&first, &shelf.slot("0")));
        for nth in 1..=3 {
            shelf.slot(&nth.to_string());
            assert!(Arc::ptr_eq(&first, &shelf.slot("0")), "what is used stays");
        }
        (1..=3).for_each(|nth| drop(shelf.slot(&nth.to_string())));
        assert!(!Arc::ptr_eq(&first, &shelf.slot("0")), "it gave way");
        assert_eq!(shelf.ready_now(), 3);
    }
}
