//! What a beginning may ask of WASI preview 1.

use sha2::{Digest, Sha256};
use wasmtime::{Caller, Extern, Linker};

/// The module that the functions are of.
const NAME: &str = "wasi_snapshot_preview1";

/// Numbers of preview 1 for how a call went.
const SUCCESS: i32 = 0;
const BADF: i32 = 8;
const FAULT: i32 = 21;

/// 2000-01-01T00:00:00Z (ns), which is what instances of renderers see, too.
const NOW_NS: u64 = 946_684_800_000_000_000;
/// How far the clock that measures goes on with each look at it (ns).
const LOOK_NS: u64 = 1_000;
/// What it shows at most (ns): less than what an instance of a renderer sees at its first look.
const MEASURED_NS_MAX: u64 = 3_600_000_000_000;
/// Number of the clock that measures.
const MONOTONIC: i32 = 1;

/// How much of what it says is kept (bytes).
const SAID_BYTES_MAX: usize = 8 << 10;

/// What lives while it runs.
#[derive(Default)]
pub(crate) struct World {
    said: Vec<u8>,
    /// Blocks of randomness that were given.
    random: u64,
    /// What the clock that measures showed last (ns).
    measured_ns: u64,
}

impl World {
    /// What was written to the standard streams.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&self.said).trim().to_owned()
    }

    /// Lets time pass, and says what the clock that measures shows then.
    fn wait(&mut self, time_ns: u64) -> wasmtime::Result<u64> {
        self.measured_ns = self.measured_ns.saturating_add(time_ns);
        if self.measured_ns > MEASURED_NS_MAX {
            return Err(wasmtime::Error::msg("it waits for more than an hour"));
        }
        Ok(self.measured_ns)
    }

    /// Bytes that look random and are the same each time.
    fn random(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 32);
        while bytes.len() < count {
            bytes.extend_from_slice(&Sha256::digest(self.random.to_be_bytes()));
            self.random = self.random.wrapping_add(1);
        }
        bytes.truncate(count);
        bytes
    }
}

/// Adds them. Others trap when they are called.
pub(crate) fn add(linker: &mut Linker<World>) -> wasmtime::Result<()> {
    linker.func_wrap(NAME, "args_sizes_get", nothing)?;
    linker.func_wrap(NAME, "environ_sizes_get", nothing)?;
    linker.func_wrap(NAME, "args_get", |_: i32, _: i32| SUCCESS)?;
    linker.func_wrap(NAME, "environ_get", |_: i32, _: i32| SUCCESS)?;
    linker.func_wrap(NAME, "sched_yield", || SUCCESS)?;
    linker.func_wrap(NAME, "fd_prestat_get", |_: i32, _: i32| BADF)?;
    linker.func_wrap(NAME, "fd_fdstat_get", |_: i32, _: i32| BADF)?;
    linker.func_wrap(NAME, "clock_time_get", |mut caller: Caller<'_, World>, clock: i32, _: i64, to: i32| {
        let shown = if clock == MONOTONIC { caller.data_mut().wait(LOOK_NS)? } else { NOW_NS };
        Ok(write(&mut caller, to, &shown.to_le_bytes()))
    })?;
    linker.func_wrap(NAME, "random_get", |mut caller: Caller<'_, World>, to: i32, count: i32| {
        let bytes = caller.data_mut().random(usize::try_from(count).unwrap_or(0));
        write(&mut caller, to, &bytes)
    })?;
    linker.func_wrap(NAME, "fd_write", say)?;
    linker.func_wrap(NAME, "poll_oneoff", wait)?;
    Ok(())
}

/// There are no arguments and variables: none, of no bytes.
fn nothing(mut caller: Caller<'_, World>, count: i32, bytes: i32) -> i32 {
    write(&mut caller, count, &[0; 4]) | write(&mut caller, bytes, &[0; 4])
}

/// Keeps what is written, whichever stream it is for.
fn say(mut caller: Caller<'_, World>, _: i32, parts: i32, count: i32, written: i32) -> i32 {
    let mut text = Vec::new();
    for part in 0..count {
        let Some(at) = part.checked_mul(8).and_then(|offset| parts.checked_add(offset)) else { return FAULT };
        let (Some(from), Some(length)) = (number(&mut caller, at), number(&mut caller, at.wrapping_add(4))) else {
            return FAULT;
        };
        let Some(bytes) = memory(&mut caller).and_then(|all| all.get(from..from.checked_add(length)?)) else {
            return FAULT;
        };
        text.extend_from_slice(bytes);
    }
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let said = &mut caller.data_mut().said;
    let room = SAID_BYTES_MAX.saturating_sub(said.len());
    said.extend(text.into_iter().take(room));
    write(&mut caller, written, &length.to_le_bytes())
}

/// Who waits for a clock has waited at once. Nothing else can be waited for.
fn wait(mut caller: Caller<'_, World>, asked: i32, told: i32, count: i32, number_told: i32) -> wasmtime::Result<i32> {
    /// Sizes of what is asked for and what is told.
    const ASKED: usize = 48;
    const TOLD: usize = 32;
    let Ok(asked) = usize::try_from(asked) else { return Ok(FAULT) };
    let first: Option<[u8; ASKED]> = memory(&mut caller)
        .and_then(|all| all.get(asked..asked.checked_add(ASKED)?))
        .and_then(|bytes| bytes.try_into().ok());
    let Some(first) = first else { return Ok(FAULT) };
    // What is waited for: 0 is a clock.
    if count < 1 || first.get(8) != Some(&0) {
        return Ok(BADF);
    }
    let at =
        |from: usize| first.get(from..from + 8).and_then(|part| part.try_into().ok()).map_or(0, u64::from_le_bytes);
    let (timeout_ns, absolute) = (at(24), first.get(40).is_some_and(|flags| flags & 1 == 1));
    let now_ns = caller.data().measured_ns;
    caller.data_mut().wait(if absolute { timeout_ns.saturating_sub(now_ns) } else { timeout_ns })?;
    let mut event = [0; TOLD];
    if let (Some(to), Some(from)) = (event.get_mut(..8), first.get(..8)) {
        to.copy_from_slice(from);
    }
    Ok(write(&mut caller, told, &event) | write(&mut caller, number_told, &1_u32.to_le_bytes()))
}

fn number(caller: &mut Caller<'_, World>, at: i32) -> Option<usize> {
    let at = usize::try_from(at).ok()?;
    let bytes = memory(caller)?.get(at..at.checked_add(4)?)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(bytes)).ok()
}

fn write(caller: &mut Caller<'_, World>, to: i32, bytes: &[u8]) -> i32 {
    let place = usize::try_from(to).ok().and_then(|to| memory(caller)?.get_mut(to..to.checked_add(bytes.len())?));
    match place {
        Some(place) => {
            place.copy_from_slice(bytes);
            SUCCESS
        }
        None => FAULT,
    }
}

fn memory<'a>(caller: &'a mut Caller<'_, World>) -> Option<&'a mut [u8]> {
    match caller.get_export("memory") {
        Some(Extern::Memory(memory)) => Some(memory.data_mut(caller)),
        _ => None,
    }
}
