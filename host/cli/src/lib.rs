//! The command line.

pub mod app;
pub mod commands;
pub mod context;
pub mod error;
pub mod hints;
pub mod host;
pub mod input;
pub mod out;
pub mod render;
pub mod settings;
pub mod support;
pub mod testing;

pub use app::{command, main, run};
pub use host::Host;
