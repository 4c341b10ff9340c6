//! Composition root.

pub mod config;
pub mod observe;
pub mod token;
