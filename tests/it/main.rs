//! End-to-end tests: the real server and the real command line.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod authoring;
mod authoring_go;
mod cli;
mod clients;
mod components;
mod examples;
mod faults;
mod hostile;
mod metrics;
mod plugins;
mod programs;
mod providers;
mod registries;
mod rendering;
mod testing;
