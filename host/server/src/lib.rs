//! The composition root: the only crate that sees every adapter. It reads the configuration, makes one server of its parts, and is the host of the command line.
//!
//! ```text
//!   file, environment, flags ──► config ──► wiring::Server ──► colchis server        until it is told to stop
//!                                                        └───► Embedded              for `colchis run` and `colchis test`
//!   main ──► __agent, __jq: children of our own, before anything else starts
//!        └─► cli::main(BinaryHost)
//! ```
//!
//! # Invariants
//! - A configuration with an error starts nothing, and all that is wrong is told at once.
//! - The generated token is in a file that only its owner reads; no log, error or `config explain` shows a credential.
//! - A stopped server leaves steps running; nothing acknowledged is lost.
//!
//! # What this crate must not know
//! How anything works that it wires: no SQL, no gRPC messages, no engine states.

pub mod allocator;
pub mod config;
pub mod embedded;
pub mod host;
mod images;
pub mod observe;
pub mod plugins;
mod rehearsal;
mod run_folder;
mod serve;
pub mod token;
pub mod wiring;
mod workbench;

pub use embedded::{Embedded, EmbeddedOptions};
pub use host::BinaryHost;

/// The commit that this was built from; empty when the build did not say.
pub const COMMIT: &str = match option_env!("COLCHIS_COMMIT") {
    Some(commit) => commit,
    None => "",
};
