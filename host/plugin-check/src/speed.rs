//! How fast a component is on this machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use plugin::{CallContext, Kind, ObjectRef, PluginError, Wire};
use serde::Serialize;
use serde_json::Value;

use crate::drive::Given;
use crate::input::Input;
use crate::run::CALL_MAX;
use crate::workbench::{Grant, Refused, Workbench};

/// The name of the plugin that is measured.
const NAME: &str = "bench";

/// What is measured.
pub struct SpeedOptions {
    /// As which kind; the only one when absent.
    pub kind: Option<Kind>,
    /// The configuration of calls.
    pub config: Value,
    /// What calls are given.
    pub input: Input,
    /// What is granted.
    pub grants: Vec<Grant>,
    /// Where answers come from; the network when absent.
    pub wire: Option<Arc<dyn Wire>>,
    /// How many calls, one after the other and then again at once.
    pub calls: u32,
    /// How many at once.
    pub concurrency: u32,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Speed {
    /// Size of the component.
    pub component_bytes: u64,
    /// From bytes to service the first time, with the engine's start and compiling (ms).
    pub load_cold_ms: f64,
    /// The same from the cache (ms).
    pub load_cached_ms: f64,
    /// Calls of each measurement.
    pub calls: u32,
    /// A fresh instance and a whole call, one at a time: half take no longer (µs).
    pub call_p50_us: f64,
    /// 99 of 100 take no longer (µs).
    pub call_p99_us: f64,
    /// At once.
    pub concurrency: u32,
    /// Whole calls in a second, so many at once.
    pub calls_per_second: f64,
    /// The most linear memory that one instance had.
    pub instance_bytes: u64,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum SpeedError {
    /// The component was not taken.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A call failed: only calls that are answered are measured.
    #[error("a call fails: {0}")]
    Call(#[from] PluginError),
    /// Which kind is not said.
    #[error("the component is of several kinds; say with --kind which")]
    Kind,
}

/// Measures. `cold` has an empty cache, `cached` the one that `cold` left.
///
/// # Errors
/// The component is not taken, or a call fails.
pub async fn measure(
    cold: &dyn Workbench,
    cached: &dyn Workbench,
    options: &SpeedOptions,
) -> Result<Speed, SpeedError> {
    let begun = Instant::now();
    cold.load(NAME, &options.grants).await?;
    let load_cold = begun.elapsed();
    cold.unload(NAME);
    let begun = Instant::now();
    let facts = cached.load(NAME, &options.grants).await?;
    let load_cached = begun.elapsed();
    let kind = match (options.kind, facts.info.kinds.as_slice()) {
        (Some(kind), _) => kind,
        (None, [info]) => info.kind,
        (None, _) => return Err(SpeedError::Kind),
    };
    if let Some(wire) = &options.wire {
        cached.switch().set(wire.clone());
    }
    let given = Given { kind, config: options.config.clone(), input: options.input.clone() };
    let context = || {
        let object = ObjectRef { kind: "Bench".into(), namespace: "bench".into(), name: "bench".into() };
        CallContext::new(object, CALL_MAX)
    };
    cached.memory_peak(NAME);
    // The first touches memory that no call had before.
    given.call(cached.desk(), NAME, &context()).await?;
    let mut took = Vec::with_capacity(options.calls as usize);
    for _ in 0..options.calls {
        let begun = Instant::now();
        given.call(cached.desk(), NAME, &context()).await?;
        took.push(begun.elapsed());
    }
    let left = AtomicU32::new(options.calls);
    let worker = async || -> Result<(), PluginError> {
        while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            given.call(cached.desk(), NAME, &context()).await?;
        }
        Ok(())
    };
    let begun = Instant::now();
    for done in join_all((0..options.concurrency.max(1)).map(|_| worker())).await {
        done?;
    }
    let all = begun.elapsed();
    let instance_bytes = cached.memory_peak(NAME);
    cached.unload(NAME);
    took.sort_unstable();
    Ok(Speed {
        component_bytes: facts.bytes,
        load_cold_ms: load_cold.as_secs_f64() * 1e3,
        load_cached_ms: load_cached.as_secs_f64() * 1e3,
        calls: options.calls,
        call_p50_us: part(&took, 0.5),
        call_p99_us: part(&took, 0.99),
        concurrency: options.concurrency.max(1),
        calls_per_second: f64::from(options.calls) / all.as_secs_f64().max(f64::EPSILON),
        instance_bytes,
    })
}

/// The time that a part of them took at most (µs).
fn part(sorted: &[Duration], part: f64) -> f64 {
    let at = ((sorted.len() as f64 * part).ceil() as usize).saturating_sub(1);
    sorted.get(at).map_or(0.0, |took| took.as_secs_f64() * 1e6)
}
