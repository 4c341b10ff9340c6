//! The command line.

pub mod error;
pub mod host;
pub mod input;
pub mod out;
pub mod render;
pub mod settings;

pub use host::Host;
