//! What stands behind one instance while it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use plugin::{CallContext, Destination, LogLevel, LogLine, Lookup, StepFiles};
use serde_json::Value;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, ResourceLimiter, Store, UpdateDeadline};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::engine::TICK;
use crate::folders::Unopened;
use crate::limits::Limits;
use crate::loaded::Shared;
use crate::pure::Anew;
use crate::requests::Requests;
use crate::streams::{Stream, Tail};
use crate::told::Told;
use crate::vault::Vault;

/// Size of the table of headers of one request (bytes).
const HEADERS_BYTES_MAX: usize = 128 << 10;

/// How long a plugin may take to end by itself once it is told.
pub(crate) const CANCEL_GRACE: Duration = Duration::from_millis(200);

/// The data of a store.
pub(crate) struct State {
    pub(crate) wasi: WasiCtx,
    http: WasiHttpCtx,
    pub(crate) table: ResourceTable,
    requests: Requests,
    pub(crate) shared: Arc<Shared>,
    pub(crate) call: Call,
    stderr: Tail,
    limiter: Limiter,
    /// What a call has beside the host's functions.
    pub(crate) lent: Lent,
    /// Connections that are open.
    pub(crate) connections: u32,
    /// Of a renderer.
    anew: Option<Anew>,
    /// Of a program: its folders, until it asks for them.
    pub(crate) unopened: Option<Unopened>,
    /// Set when it has computed for a tick.
    pub(crate) computes: Arc<AtomicBool>,
}

/// What one call is lent, and what it used of it.
#[derive(Default)]
pub(crate) struct Lent {
    /// Of a renderer.
    pub(crate) destination: Option<Arc<dyn Destination>>,
    pub(crate) lookups: Vec<(Lookup, Value)>,
    /// Something was not there just now: what was made without it is no result to keep.
    pub(crate) unsure: bool,
    /// Of a step.
    pub(crate) files: Option<Arc<dyn StepFiles>>,
}

/// The call that an instance is for.
pub(crate) struct Call {
    pub(crate) context: CallContext,
    pub(crate) ends: Instant,
    /// Ticks that it computed.
    ticks: u32,
    /// When it was first seen that nobody waits.
    cancelled: Option<Instant>,
    pub(crate) log_bytes: usize,
    pub(crate) log_dropped: u64,
    pub(crate) host_calls: u32,
}

impl Call {
    fn new(context: CallContext, ends: Instant) -> Self {
        Self { context, ends, ticks: 0, cancelled: None, log_bytes: 0, log_dropped: 0, host_calls: 0 }
    }
}

impl State {
    /// A store for one call. Without grants nothing outside it is reached: no file, variable, argument or socket.
    pub(crate) fn store(engine: &Engine, shared: &Arc<Shared>, context: CallContext) -> Store<Self> {
        let stderr = Tail::default();
        let mut wasi = WasiCtxBuilder::new();
        wasi.stderr(Stream(stderr.clone()));
        for folder in &shared.grants.files {
            let perms = if folder.read_only { FsPerms::ReadOnly } else { FsPerms::ReadWrite };
            // One that is gone since the call was admitted is not there; the plugin finds that out as any program does.
            let _ = wasi.preopened_dir(&folder.path, &folder.mount_path, perms);
        }
        let anew = shared.pure.then(|| Anew::in_context(&mut wasi));
        let mut store = Self::store_with(engine, shared, context, wasi, stderr);
        store.data_mut().anew = anew;
        store
    }

    /// The same with what is seen of files, variables, arguments and streams.
    pub(crate) fn store_with(
        engine: &Engine,
        shared: &Arc<Shared>,
        context: CallContext,
        mut wasi: WasiCtxBuilder,
        stderr: Tail,
    ) -> Store<Self> {
        let limits = &shared.limits;
        let ends = Instant::now() + context.timeout.min(limits.wall_time_max);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(HEADERS_BYTES_MAX);
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles_max);
        wasi.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
        let state = Self {
            wasi: wasi.build(),
            stderr,
            http,
            table,
            requests: Requests::new(shared.clone(), ends, context.cancel.clone()),
            limiter: Limiter::new(limits, shared.memory_peak.clone()),
            call: Call::new(context, ends),
            lent: Lent::default(),
            connections: 0,
            anew: None,
            unopened: None,
            computes: Arc::default(),
            shared: shared.clone(),
        };
        let mut store = Store::new(engine, state);
        store.limiter(|state| &mut state.limiter);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut store| store.data_mut().tick());
        store
    }

    /// A call of an instance that is there now begins.
    pub(crate) fn begin_anew(&self) {
        if let Some(anew) = &self.anew {
            anew.begin();
        }
    }

    /// The next call of an instance that goes on.
    pub(crate) fn begin(store: &mut Store<Self>, context: CallContext) {
        let state = store.data_mut();
        let ends = Instant::now() + context.timeout.min(state.shared.limits.wall_time_max);
        state.requests.begin(ends, context.cancel.clone());
        state.call = Call::new(context, ends);
        state.lent = Lent::default();
        state.begin_anew();
        store.set_epoch_deadline(1);
    }

    /// Called every tick that the instance computes.
    fn tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        self.call.ticks += 1;
        self.computes.store(true, Ordering::Relaxed);
        let used = TICK * self.call.ticks;
        if used > self.shared.limits.cpu_time_max {
            return Err(Ended::CpuTime(self.shared.limits.cpu_time_max).into());
        }
        if self.call.context.cancel.is_cancelled() {
            // It has a moment to see that by itself.
            let since = *self.call.cancelled.get_or_insert_with(Instant::now);
            if since.elapsed() > CANCEL_GRACE {
                return Err(Ended::Cancelled.into());
            }
        }
        // Others get their turn, and the wall clock is looked at.
        Ok(UpdateDeadline::Yield(1))
    }

    /// How long it computed, in ticks.
    pub(crate) fn computed(&self) -> Duration {
        TICK * self.call.ticks
    }

    /// The stand-ins of this call.
    pub(crate) fn vault(&self) -> &Vault {
        &self.requests.vault
    }

    /// What it last wrote to its standard error.
    pub(crate) fn last_words(&self) -> String {
        self.stderr.text()
    }

    /// Says how many lines of the log were dropped, if any were.
    pub(crate) fn tell_dropped(&mut self) {
        let dropped = std::mem::take(&mut self.call.log_dropped);
        if dropped > 0 {
            let max = self.shared.limits.log_bytes_max;
            self.log(LogLevel::Warn, format!("{dropped} more lines were dropped: log_bytes_max is {max}"), Vec::new());
        }
    }

    /// Writes a line to the plugin's log, without values of secrets.
    pub(crate) fn log(&self, level: LogLevel, mut message: String, mut fields: Vec<(String, String)>) {
        self.vault().redact(&mut message);
        fields.redact(self.vault());
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let at_ms = since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        let (plugin, object) = (self.shared.name.clone(), self.call.context.object.clone());
        self.shared.services.logs.write(LogLine { plugin, object, at_ms, level, message, fields });
    }

    /// Says what would let something through that was refused.
    pub(crate) fn refuse(&self, what_to_do: String) {
        self.requests.refuse(what_to_do);
    }

    /// What was refused in this call, one thing to do each.
    pub(crate) fn refusals(&mut self) -> Vec<String> {
        self.requests.refusals()
    }

    /// Whether so much of its memory is used that the next calls may find too little: what a language left behind in earlier calls is in it.
    pub(crate) fn is_nearly_full(&self) -> bool {
        self.limiter.memory_bytes > self.limiter.memory_max / 4 * 3
    }

    /// Counts a call of the host.
    pub(crate) fn host_call(&mut self) -> Result<(), Ended> {
        self.call.host_calls += 1;
        let max = self.shared.limits.host_calls_max;
        if self.call.host_calls > max { Err(Ended::HostCalls(max)) } else { Ok(()) }
    }
}

/// Why the host ended a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Ended {
    #[error("it computed longer than cpuTime ({} ms)", .0.as_millis())]
    CpuTime(Duration),
    #[error("nobody waits for it any more")]
    Cancelled,
    #[error("it called the host more than host_calls_max ({0}) times")]
    HostCalls(u32),
    #[error("it wanted {wanted} bytes of memory, more than memory ({max})")]
    Memory { wanted: usize, max: usize },
    #[error("it wanted {wanted} table elements, more than table_elements_max ({max})")]
    Table { wanted: usize, max: usize },
}

/// Counts memory and tables of all core instances of a component together.
struct Limiter {
    memory_bytes: usize,
    memory_max: usize,
    elements: usize,
    elements_max: usize,
    peak: Arc<AtomicU64>,
}

impl Limiter {
    fn new(limits: &Limits, peak: Arc<AtomicU64>) -> Self {
        Self {
            memory_bytes: 0,
            memory_max: limits.memory_bytes_max,
            elements: 0,
            elements_max: limits.table_elements_max,
            peak,
        }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        if wanted > self.memory_max {
            return Err(Ended::Memory { wanted, max: self.memory_max }.into());
        }
        self.memory_bytes = wanted;
        self.peak.fetch_max(wanted as u64, Ordering::Relaxed);
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.elements.saturating_add(desired.saturating_sub(current));
        if wanted > self.elements_max {
            return Err(Ended::Table { wanted, max: self.elements_max }.into());
        }
        self.elements = wanted;
        Ok(true)
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.requests }
    }
}
