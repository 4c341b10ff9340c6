//! The command line.

pub mod app;
pub mod commands;
pub mod context;
pub mod error;
pub mod host;
pub mod input;
pub mod out;
pub mod render;
pub mod settings;
pub mod support;

pub use app::{command, main, run};
pub use host::Host;
