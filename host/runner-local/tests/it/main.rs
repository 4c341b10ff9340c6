//! Real processes through the runner's port.
//!
//! Tests need Linux and namespaces; what cannot be had here is skipped, and says so.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]
#![allow(missing_docs)]

mod artifacts;
mod basics;
mod crash;
mod images;
mod isolation;
mod kit;
mod lifecycle;
mod measure;
mod network;
mod unprivileged;
mod volumes;
