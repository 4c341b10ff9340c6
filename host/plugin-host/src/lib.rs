//! The plugin host: components of WebAssembly behind the traits of `plugin`.
//!
//! ```text
//!   bytes ─► a component? ─► imports that can be had? ─► compile (by content, cached) ─► describe, without any grant ─► in service
//!                                                                                              │ the one before goes on with
//!                                                                                              ▼ the calls that it has
//!   call ─► place (of the plugin, of the pool) ─► fresh instance ─► export ─► answer, or an error that says what to do
//!                       epochs: CPU time, cancellation      limits: memory, tables, log, host calls      wall clock around it all
//!
//!   program (`wasi:cli/run`) ─► place ─► fresh instance with arguments, variables, folders ─► exit code; in threads of its own once it computes for a tick
//! ```
//!
//! Invariants
//! - Nothing outside an instance is reached but through the grants of its plugin: no file, no variable of the environment, no address.
//!   What is not granted is an error with the line that would grant it, never a trap.
//! - HTTP has one way out: `egress`, with the plugin's own rules.
//! - An instance that trapped, or whose time was over, is never used again.
//! - No compiled code is taken from outside; what is cached is keyed by the component's content and by the version and settings of the compiler.
//! - A component that cannot be loaded changes nothing: what was in service stays.
//!
//! Must not know: where components come from, who stores `Plugin` objects, what engines do with answers.

mod bindings;
mod call;
mod capabilities;
mod compile;
mod compiler;
mod convert;
mod engine;
mod error;
mod folders;
mod grants;
mod host;
mod instance;
mod kinds;
mod limits;
mod loaded;
mod metrics;
mod programs;
mod pure;
mod quarantine;
mod renders;
mod requests;
mod schema;
mod services;
mod signing;
mod spare;
mod streams;
mod told;
mod vault;
mod warm;
mod ways;
mod wired;

pub use compiler::child_main as compile_main;
pub use error::LoadError;
pub use grants::{EndpointGrant, FileGrant, Grants, HttpGrant, SecretGrant, TlsGrant};
pub use host::{PluginHost, Settings};
pub use limits::Limits;
pub use loaded::Component;
pub use services::{
    BlobReader, BlobWriter, Blobs, LogSink, NoBlobs, Secrets, Services, StateKey, StateStore, StoredState,
};

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A lock whose holder panicked is still good: what is behind it is changed in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
