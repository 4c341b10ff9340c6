//! What end-to-end tests and the bench are made of: the real `colchis` binary, driven as people drive it.
//!
//! ```text
//!   Server::start() ──► a process with a data folder of its own ──► cli(&[…]) · client() · kill() · restart() · stop()
//!   example::read(file) ──► what its header expects ──► example::run(server, …) ──► what differs
//! ```
//!
//! Invariants
//! - Nothing is shared between servers: data folder, ports and token are its own; what it started ends with it, however the test ends.
//! - Waiting is for a condition, with a deadline ([`eventually`]); nothing here lets time pass.
//! - The API and the command line are the only ways in.
//!
//! Must not know: how the product works inside.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::missing_panics_doc,
    reason = "a test's helper panics for it"
)]

pub mod binary;
pub mod cli;
pub mod example;
pub mod gate;
pub mod http;
pub mod images;
pub mod metrics;
pub mod s3;
pub mod server;

use std::time::{Duration, Instant};

pub use server::Server;

/// How long a condition may take to come true on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Asks until there is an answer.
///
/// # Panics
/// None came within [`DEADLINE`].
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "did not come true within {DEADLINE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
