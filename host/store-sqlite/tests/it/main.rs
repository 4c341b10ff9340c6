//! The store as its users see it: conformance, restarts, damage, kills, faults under the file layer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod backup;
mod conformance;
mod damage;
mod fault_vfs;
mod faults;
mod golden;
mod kill;
mod large;
mod restart;
mod support;
