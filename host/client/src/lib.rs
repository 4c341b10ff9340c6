//! The thin client of the gRPC API: connects, authenticates, repeats what may be repeated, and turns statuses into typed errors.
//!
//! ```text
//!   Options ──► Client ──► client.workflows().list(request)      one method per RPC; reads are repeated with back-off when the server is away
//!                  │
//!                  ├─► submit, get_object, get_workflow, apply_all, wait     whatever size, however long
//!                  └─► watch_workflows, watch_objects                        go on after a cut from where they were
//! ```
//!
//! Invariants
//! - A call that may have changed something is never repeated by itself.
//! - No token and no document is in an error or a Debug text.
//!
//! Must not know: kinds and their fields, stores, engines. Callers need no tonic.

mod connect;
mod error;
mod large;
mod retry;
mod services;
mod watch;

pub use connect::{Client, Options, Tls, Token};
pub use error::{ClientError, ErrorKind, RpcError};
pub use large::{BatchItem, GotWorkflow};
pub use proto_gen::v1;
pub use retry::Retry;
pub use services::{
    ArchiveCalls, ArtifactsCalls, CronWorkflowsCalls, InfoCalls, LogsCalls, PluginsCalls, ResourcesCalls,
    TemplatesCalls, WorkflowsCalls,
};
pub use watch::{WatchItem, WatchStream};

/// The result of every call.
pub type Result<T, E = ClientError> = std::result::Result<T, E>;

/// A stream of messages; ends after its first error.
pub type Messages<T> = futures::stream::BoxStream<'static, Result<T>>;
