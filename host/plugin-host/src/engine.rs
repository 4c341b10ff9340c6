//! The one engine.

use std::time::Duration;

use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

/// How often running code is looked at.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// How large a memory may be, with the zeros in it, that instances share until they write to it (bytes); each has a copy of what is larger and mostly zeros. Components that began
/// ahead (`preinit`) have large ones.
const IMAGE_BYTES_MAX: u64 = 64 << 20;
/// How far the stack of a component may grow (bytes).
const STACK_BYTES: usize = 512 << 10;
/// The stack that it runs on, with room for the host's own functions (bytes).
const FIBER_BYTES: usize = 2 << 20;
/// Memories, tables and core instances of one component.
const MEMORIES_MAX: u32 = 8;
const TABLES_MAX: u32 = 64;
const CORE_INSTANCES_MAX: u32 = 64;

/// How large the pool is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pool {
    /// Instances at once.
    pub(crate) instances: u32,
    /// The most memory that one may have (bytes).
    pub(crate) memory_bytes: usize,
}

/// An engine with a pool, and the thread that ticks for as long as it lives.
pub(crate) fn start(pool: Pool) -> wasmtime::Result<Engine> {
    let engine = Engine::new(&config(Some(pool)))?;
    let weak = engine.weak();
    let ticker = std::thread::Builder::new().name("plugin-clock".to_owned());
    ticker.spawn(move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    })?;
    Ok(engine)
}

/// What decides about compiled code is the same for whoever compiles and whoever runs.
pub(crate) fn config(pool: Option<Pool>) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .wasm_component_model(true)
        .wasm_memory64(false)
        .cranelift_opt_level(OptLevel::Speed)
        // The system's own unwinder would have it; registering it takes longer the more plugins there are.
        .native_unwind_info(false)
        .memory_guaranteed_dense_image_size(IMAGE_BYTES_MAX)
        .max_wasm_stack(STACK_BYTES)
        .async_stack_size(FIBER_BYTES);
    if let Some(pool) = pool {
        let mut pooling = PoolingAllocationConfig::default();
        pooling
            .total_component_instances(pool.instances)
            .total_core_instances(pool.instances.saturating_mul(4))
            .total_memories(pool.instances.saturating_mul(2))
            .total_tables(pool.instances.saturating_mul(4))
            .total_stacks(pool.instances.saturating_mul(2))
            .max_memory_size(pool.memory_bytes)
            .max_component_instance_size(1 << 20)
            .max_core_instance_size(1 << 20)
            .table_elements(crate::Limits::default().table_elements_max)
            .max_core_instances_per_component(CORE_INSTANCES_MAX)
            .max_memories_per_component(MEMORIES_MAX)
            .max_tables_per_component(TABLES_MAX)
            // Small instances find their pages where they were; large ones give them back.
            .linear_memory_keep_resident(256 << 10)
            .table_keep_resident(64 << 10);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling));
    }
    config
}
