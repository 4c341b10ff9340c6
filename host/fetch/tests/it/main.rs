//! Fetching from real servers on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod attacks;
mod git;
mod helm;
mod oci;
mod support;
mod tls;
