//! The gRPC API as Rust: generated messages, clients and servers of `proto/colchis/v1`, committed.
//!
//! ```text
//!   proto/colchis/v1/*.proto ──(generate)──► src/generated/colchis.v1.rs      messages, clients, servers
//!                                            src/generated/colchis.v1.binpb   descriptors, for reflection and the compatibility check
//!                                            src/generated/rpcs.rs            [`Rpc`]: one variant per RPC, for exhaustive tables
//!   proto/baseline.binpb ──(compat)──► what the current descriptors may not break
//! ```
//!
//! Regenerate with `cargo run -p proto-gen --features generate --example generate`; `-- --check` only says whether the committed output
//! is what the proto files give. There is no `build.rs`: a build needs no protobuf compiler.
//!
//! Invariants
//! - Nothing in `src/generated` is written by hand.
//! - A message, field, enum value or RPC that the baseline has is never removed, renumbered or retyped.
//!
//! Must not know: any other crate of the workspace.

pub mod compat;
#[cfg(feature = "generate")]
pub mod generate;
mod rpc;
pub mod status;

pub use rpc::Rpc;

/// Messages, clients and servers of the package `colchis.v1`.
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, rust_2018_idioms)]
pub mod v1 {
    include!("generated/colchis.v1.rs");
}

/// The package's descriptors with their comments, as a serialized `google.protobuf.FileDescriptorSet`.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/colchis.v1.binpb");

/// The descriptors that the current ones must stay compatible with, serialized as [`FILE_DESCRIPTOR_SET`] is.
pub const BASELINE: &[u8] = include_bytes!("../../../proto/baseline.binpb");
