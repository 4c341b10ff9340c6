//! What the server tells of itself: logs, metrics, traces, health.

pub mod artifacts;
pub mod exposition;
pub mod http;
pub mod logs;
pub mod process;
pub mod traces;
