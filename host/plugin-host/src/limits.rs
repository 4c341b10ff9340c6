//! How much a call may take.

use std::time::Duration;

/// The limits of a plugin. Passing one ends the call that passes it, and no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory of an instance (`memory`).
    pub memory_bytes_max: usize,
    /// Elements of all tables of an instance (`table_elements_max`).
    pub table_elements_max: usize,
    /// How long a call may take by the wall clock (`wallTime`).
    pub wall_time_max: Duration,
    /// How long a call may compute (`cpuTime`), measured in ticks of 10 ms.
    pub cpu_time_max: Duration,
    /// Calls at once (`concurrency`).
    pub concurrency_max: usize,
    /// Instances that wait for a next call (`poolSize`); none unless a plugin's operator wants some.
    pub pool_size: u32,
    /// Calls that one of them answers before another takes its place (`maxInvocations`).
    pub invocations_max: u32,
    /// How long a call waits for a place.
    pub wait_max: Duration,
    /// Bytes that a call may write to its log; the rest is counted (`log_bytes_max`).
    pub log_bytes_max: usize,
    /// Bytes of the answer to a request (`response_bytes_max`).
    pub response_bytes_max: u64,
    /// Requests that a call may send (`requests_max`).
    pub requests_max: u32,
    /// Calls of the host that a call may make (`host_calls_max`): each costs the server, not the plugin.
    pub host_calls_max: u32,
    /// Handles that a call may hold (`handles_max`).
    pub handles_max: usize,
    /// Bytes of a value of its state (`state_value_bytes_max`).
    pub state_value_bytes_max: usize,
    /// Bytes of the data of an event, and of a request that comes in (`payload_bytes_max`).
    pub payload_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes_max: 64 << 20,
            table_elements_max: 100_000,
            wall_time_max: Duration::from_secs(30),
            cpu_time_max: Duration::from_secs(10),
            concurrency_max: 16,
            pool_size: 0,
            invocations_max: 100,
            wait_max: Duration::from_secs(5),
            log_bytes_max: 64 << 10,
            response_bytes_max: 8 << 20,
            requests_max: 100,
            host_calls_max: 100_000,
            handles_max: 1_000,
            state_value_bytes_max: 1 << 20,
            payload_bytes_max: 8 << 20,
        }
    }
}
