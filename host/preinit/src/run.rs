//! Running and keeping.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use wasmtime::{Config, Engine, Instance, Linker, Module, OptLevel, Store, Val};
use wasmtime_wizer::{InstanceState, SnapshotVal, ValType, Wizer};

use crate::PreinitError;
use crate::preview1::{self, World};
use crate::segments;

/// What a reactor of WASI preview 1 begins with.
const BEGIN: &str = "_initialize";

/// Makes a module whose instances have begun. One that exports no `_initialize` stays as it is.
///
/// # Errors
/// What is no module; a beginning that traps, or asks for more than a clock, randomness, arguments, variables and its standard streams.
pub fn preinitialize(module: &[u8]) -> Result<Vec<u8>, PreinitError> {
    let failed = |error: wasmtime::Error| PreinitError::Module(format!("{error:#}"));
    let mut config = Config::new();
    // It runs once: compiling well would take longer than it runs.
    config.cranelift_opt_level(OptLevel::None);
    let engine = Engine::new(&config).map_err(failed)?;

    let mut wizer = Wizer::new();
    wizer.init_func(BEGIN);
    let joined = segments::joined(module).map_err(|error| PreinitError::Module(error.to_string()))?;
    let (context, instrumented) = wizer.instrument(joined.as_deref().unwrap_or(module)).map_err(failed)?;
    let instrumented = Module::new(&engine, &instrumented).map_err(failed)?;
    if instrumented.get_export(BEGIN).is_none() {
        return Ok(module.to_vec());
    }
    let mut linker = Linker::new(&engine);
    preview1::add(&mut linker).map_err(failed)?;
    linker.define_unknown_imports_as_traps(&instrumented).map_err(failed)?;
    let mut store = Store::new(&engine, World::default());
    let instance = linker.instantiate(&mut store, &instrumented).map_err(failed)?;
    let begin = instance.get_typed_func::<(), ()>(&mut store, BEGIN).map_err(failed)?;
    if let Err(error) = begin.call(&mut store, ()) {
        return Err(PreinitError::Begin { why: format!("{error:#}"), said: store.data().said() });
    }
    at_once(wizer.snapshot(&context, &mut Begun { store, instance })).map_err(failed)
}

/// An instance that has begun.
struct Begun {
    store: Store<World>,
    instance: Instance,
}

impl InstanceState for Begun {
    async fn global_get(&mut self, name: &str, kind: ValType) -> SnapshotVal {
        match self.instance.get_global(&mut self.store, name).map(|global| global.get(&mut self.store)) {
            Some(Val::I32(value)) => SnapshotVal::I32(value),
            Some(Val::I64(value)) => SnapshotVal::I64(value),
            Some(Val::F32(value)) => SnapshotVal::F32(value),
            Some(Val::F64(value)) => SnapshotVal::F64(value),
            Some(Val::V128(value)) => SnapshotVal::V128(value.as_u128()),
            // `instrument` exported each global, and refuses references.
            other => unreachable!("the global {name} of type {kind} is {other:?}"),
        }
    }

    async fn memory_contents(&mut self, name: &str, contents: impl FnOnce(&[u8]) + Send) {
        if let Some(memory) = self.instance.get_memory(&mut self.store, name) {
            contents(memory.data(&self.store));
        }
    }
}

/// The value of a future that waits for nothing.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("reading an instance waits for nobody"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `look` gives.
    fn look(module: &[u8]) -> i64 {
        called(module, "look")
    }

    /// What an export of an instance gives, without anything being imported.
    fn called(module: &[u8], export: &str) -> i64 {
        let engine = Engine::default();
        let module = Module::new(&engine, module).unwrap();
        assert!(module.get_export(BEGIN).is_none());
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        linker.define_unknown_imports_as_traps(&module).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        instance.get_typed_func::<(), i64>(&mut store, export).unwrap().call(&mut store, ()).unwrap()
    }

    fn made(text: &str) -> Result<Vec<u8>, PreinitError> {
        preinitialize(&wat::parse_str(text).unwrap())
    }

    #[test]
    fn memory_and_globals_are_as_the_beginning_left_them() {
        let text = r#"(module
            (memory (export "memory") 1)
            (global $g (mut i64) (i64.const 1))
            (func (export "_initialize")
                (global.set $g (i64.const 40))
                (drop (memory.grow (i32.const 2)))
                (i64.store (i32.const 150000) (i64.const 2)))
            (func (export "look") (result i64)
                (i64.add (global.get $g) (i64.load (i32.const 150000)))))"#;
        let first = made(text).unwrap();
        assert_eq!(look(&first), 42);
        assert_eq!(first, made(text).unwrap(), "the same each time");
    }

    #[test]
    fn the_beginning_sees_a_clock_and_randomness_that_are_the_same_each_time() {
        let text = r#"(module
            (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
            (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "environ_sizes_get" (func $variables (param i32 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "_initialize")
                (drop (call $clock (i32.const 0) (i64.const 1) (i32.const 8)))
                (drop (call $random (i32.const 16) (i32.const 8)))
                (i32.store (i32.const 24) (i32.const 7))
                (drop (call $variables (i32.const 24) (i32.const 28))))
            (func (export "clock") (result i64) (i64.load (i32.const 8)))
            (func (export "variables") (result i32) (i32.load (i32.const 24)))
            (func (export "look") (result i64) (i64.load (i32.const 16))))"#;
        let module = made(text).unwrap();
        assert_ne!(look(&module), 0);
        assert_eq!(module, made(text).unwrap());
    }

    #[test]
    fn a_module_without_a_beginning_stays_as_it_is() {
        let bytes = wat::parse_str("(module)").unwrap();
        assert_eq!(preinitialize(&bytes).unwrap(), bytes);
    }

    #[test]
    fn who_asks_for_more_is_told_what() {
        let text = r#"(module
            (import "wasi_snapshot_preview1" "path_open" (func $open (result i32)))
            (memory (export "memory") 1)
            (func (export "_initialize") (drop (call $open))))"#;
        let error = made(text).unwrap_err().to_string();
        assert!(error.contains("path_open"), "{error}");
        assert!(preinitialize(b"\0asm\x01\0\0\0\xff").is_err());
    }

    /// A module that waits for so long by the clock that measures, and looks at it afterwards.
    fn waiting(nanoseconds: u64) -> String {
        format!(
            r#"(module
            (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
            (import "wasi_snapshot_preview1" "poll_oneoff" (func $wait (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "_initialize")
                (i64.store (i32.const 0) (i64.const 77))
                (i32.store (i32.const 16) (i32.const 1))
                (i64.store (i32.const 24) (i64.const {nanoseconds}))
                (drop (call $wait (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))
                (drop (call $clock (i32.const 1) (i64.const 1) (i32.const 136))))
            (func (export "told") (result i64) (i64.add (i64.load (i32.const 64)) (i64.load (i32.const 128))))
            (func (export "look") (result i64) (i64.load (i32.const 136))))"#
        )
    }

    #[test]
    fn waiting_takes_no_time_and_an_hour_at_most() {
        let module = made(&waiting(5_000_000)).unwrap();
        assert!((5_000_000..5_100_000).contains(&look(&module)));
        assert_eq!(called(&module, "told"), 77 + 1, "whose wait is over, and how many are");
        let error = made(&waiting(4_000_000_000_000)).unwrap_err().to_string();
        assert!(error.contains("more than an hour"), "{error}");
    }

    #[test]
    fn what_it_said_before_it_broke_off_is_told() {
        let text = r#"(module
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (data (i32.const 0) "\10\00\00\00\04\00\00\00")
            (data (i32.const 16) "dear")
            (func (export "_initialize")
                (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
                unreachable))"#;
        let error = made(text).unwrap_err().to_string();
        assert!(error.ends_with("it said: dear"), "{error}");
    }
}
