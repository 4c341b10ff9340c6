//! Scenarios of the simulator.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod commands;
mod crashes;
mod scenarios;
mod seeds;
mod takeovers;
