//! The plugin port: what the engines ask of metric providers, renderers, event sources, triggers and steps, whoever wrote them.
//!
//! ```text
//!   engine's effect ─► runtime ─► Plugins::metric_provider("prometheus") ─► run ─► … ─► Measurement | PluginError
//!                                     │
//!                     built in (Rust) ┴ a component (Wasm): the caller cannot tell
//! ```
//!
//! The same words as the interfaces in `wit/`; there they are explained for authors.
//!
//! Invariants
//! - Every call has a [`CallContext`]: for which object it is, until when it may take, and when nobody waits for it any more.
//! - Every error says what its caller does about it ([`ErrorClass`]). A capability that is not granted is an error of class [`ErrorClass::Denied`].
//! - A call may be made again with the same key or token: twice does no harm.
//! - No error, value of a measurement or message holds a secret.
//!
//! Must not know: how components are run (no wasmtime), engines, stores.

mod by_hand;
mod call;
mod desk;
mod error;
mod event;
mod fetch;
mod info;
mod metric;
mod none;
mod program;
mod render;
mod step;
mod tree;
mod trigger;
mod wire;

use std::sync::Arc;

pub use by_hand::{EncodedFile, FileByHand, ReleaseByHand, RenderByHand, render_by_hand};
pub use call::{CallContext, ObjectRef};
pub use desk::{Desk, Facts, LogLevel, LogLine, MissingGrant, Numbers};
pub use error::{ErrorClass, PluginError, Result};
pub use event::{Batch, Endpoint, Event, Incoming, Outcome, Outgoing, Receiver, Subscriber, Subscription};
pub use fetch::{Fetch, NoFetch, Obtained, complete};
pub use info::{Capability, Finding, Info, Kind, KindInfo, Need, Severity};
pub use metric::{Measurement, MetricPhase, MetricProvider, MetricRequest};
pub use none::NoPlugins;
pub use program::{Folder, Invocation, NoPrograms, ProgramEnd, ProgramOutput, ProgramResult, Programs};
pub use render::{
    Destination, Entry, EntryKind, Fetched, Lookup, Manifest, Release, RenderRequest, Rendered, Renderer, Requirement,
    RequirementSource, Tree,
};
pub use step::{NoFiles, Step, StepArtifact, StepArtifactWriter, StepFiles, StepPhase, StepProgress, StepRequest};
pub use tree::{BadTreePath, FileTree, TreeFile};
pub use trigger::{Executed, PolicyState, Trigger, TriggerRequest};
pub use wire::{Act, Heard, Sent, Wire};

/// The plugins that are there, by name.
///
/// # Errors
/// Class [`ErrorClass::NotFound`] when there is none of that name, [`ErrorClass::InvalidConfig`] when it is of another kind, [`ErrorClass::Unavailable`] when it
/// is there and cannot serve now (it is being loaded, or was set aside after repeated failures).
pub trait Plugins: Send + Sync + 'static {
    /// A metric provider.
    fn metric_provider(&self, name: &str) -> Result<Arc<dyn MetricProvider>>;
    /// A manifest renderer.
    fn renderer(&self, name: &str) -> Result<Arc<dyn Renderer>>;
    /// An event source that goes and gets its events.
    fn subscriber(&self, name: &str) -> Result<Arc<dyn Subscriber>>;
    /// An event source whose events come as requests.
    fn receiver(&self, name: &str) -> Result<Arc<dyn Receiver>>;
    /// A trigger.
    fn trigger(&self, name: &str) -> Result<Arc<dyn Trigger>>;
    /// A step.
    fn step(&self, name: &str) -> Result<Arc<dyn Step>>;
    /// What a plugin says about itself.
    fn info(&self, name: &str) -> Result<Arc<Info>>;
}
