//! Guests written in Go.

pub mod bindings;
pub mod build;
