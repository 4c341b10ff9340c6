//! The three ports through which everything durable passes: **objects**, **journal**, **events**.
//!
//! ```text
//!   api ── create/update/delete ──►  Objects  ── watch ──► runtime          one row per object, status apart from the rest
//!   runtime ── append ────────────►  Journal  ── read  ──► recovery         append-only records per instance, snapshots
//!   runtime ── publish ───────────►  Events   ── read  ──► consumers        append-only log, durable cursors
//! ```
//!
//! Invariants
//! - What a call acknowledged is durable: the answer is sent after the fsync that covers it.
//! - A revision is a commit's sequence number and is visible (to a get, a list, a watch) only once it is durable.
//! - One failed precondition fails that request alone, never the batch that it travelled in.
//! - Only the store decides what is durable; it knows no engine and never looks into a body.
//!
//! Every port has one conformance suite (`conformance`) that all implementations pass.
//!
//! Must not know: engines, gRPC, SQL, Kubernetes.

pub mod codec;
pub mod conformance;
pub mod events;
pub mod journal;
pub mod memory;
pub mod objects;
pub mod semantics;
pub mod stamp;
pub mod token;
pub mod watch;

mod error;
mod limits;
mod selector;

pub use error::StoreError;
pub use limits::Limits;

/// The result of every store call.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
