//! What a run has besides its nodes.

use std::sync::Arc;

use indexmap::IndexMap;
use model::Timestamp;
use model::workflow::NodePhase;
use rustc_hash::FxHashMap;

use super::body::HookRun;
use super::index::NodeIx;
use super::node::LockState;
use crate::effect::LockRequest;
use crate::input::{Shutdown, Submission};
use crate::program::Program;
use crate::values::{Outputs, Text};

/// What a run has besides its nodes.
pub struct Run {
    /// What was submitted.
    pub submission: Arc<Submission>,
    /// Its templates, and those of other objects that it has met.
    pub program: Program,
    /// What steps of an earlier run left, by name below the root: they are not run again.
    pub reused: FxHashMap<Text, Outputs>,
    /// Labels that `workflowMetadata` gives the run, evaluated.
    pub labels: Vec<(Text, Text)>,
    /// Workflow parameters, evaluated.
    pub parameters: IndexMap<Text, Text>,
    /// Outputs with a global name.
    pub globals: Outputs,
    /// Where it stands.
    pub stage: Stage,
    /// Its phase as people see it.
    pub phase: NodePhase,
    /// Why.
    pub message: Text,
    /// The main part's end, which exit handlers see.
    pub main_end: Option<(NodePhase, Text)>,
    /// When it was submitted.
    pub created: Timestamp,
    /// When its work began.
    pub started: Option<Timestamp>,
    /// When it was over.
    pub finished: Option<Timestamp>,
    /// The entrypoint's node.
    pub root: Option<NodeIx>,
    /// The exit handler's node.
    pub exit: Option<NodeIx>,
    /// Hooks of the run.
    pub hooks: HookRun,
    /// Nothing new is started.
    pub suspended: bool,
    /// It is being ended by hand.
    pub shutdown: Option<Shutdown>,
    /// Its deadline has passed.
    pub expired: bool,
    /// `spec.activeDeadlineSeconds` as a moment.
    pub deadline: Option<Timestamp>,
    /// `spec.parallelism`.
    pub parallelism: Option<u32>,
    /// `spec.priority`.
    pub priority: i32,
    /// Its own locks and places under the server's limits.
    pub locks: Vec<LockRequest>,
    /// How far it is with them.
    pub lock_state: LockState,
    /// It was tried again: what goes on of it holds its locks anew before anything in it begins.
    pub retried: bool,
    /// What it waits for, in words.
    pub lock_message: Option<Text>,
    /// How far its claims are.
    pub claims: ClaimState,
    /// Template name and real name.
    pub claim_names: Vec<(Text, Text)>,
    /// Leaves that hold a slot of `parallelism`.
    pub active: u32,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Parameters, locks and claims are being got.
    New,
    /// The entrypoint runs.
    Main,
    /// The exit handler runs, and what the main part left runs out.
    Exit,
    /// It is over.
    Over,
}

/// How far the claims of `volumeClaimTemplates` are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClaimState {
    /// None, or not asked for yet.
    #[default]
    None,
    /// They are being created.
    Creating,
    /// They are there.
    There,
    /// They are being deleted.
    Deleting,
}
