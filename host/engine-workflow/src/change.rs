//! The steps in which a run's state moves: what the journal holds.
//!
//! Names in the encoding are short, because a large run has hundreds of thousands of these; they never change their meaning. A change holds
//! every value that was evaluated for it (inputs, times, random names), so that applying it evaluates nothing.

use std::sync::Arc;

use model::Timestamp;
use model::workflow::NodePhase;
use serde::{Deserialize, Serialize};

use crate::effect::{LockRequest, Lookup};
use crate::input::{Found, SpecChange, Submission};
use crate::state::{NodeIx, Role};
use crate::values::{Inputs, Outputs, Param, Text};

/// One step of state.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Change {
    /// The run begins: everything about it that does not change later.
    #[serde(rename = "run")]
    Created {
        /// What was submitted, with the templates pinned so far.
        #[serde(rename = "s")]
        submission: Arc<Submission>,
        /// Workflow parameters, as far as they need no lookup.
        #[serde(rename = "p")]
        parameters: Vec<Param>,
        /// Labels that `workflowMetadata` gives the run, evaluated.
        #[serde(rename = "l", default, skip_serializing_if = "Vec::is_empty")]
        labels: Vec<(Text, Text)>,
        /// When.
        at: Timestamp,
    },
    /// Workflow parameters that were looked up.
    #[serde(rename = "params")]
    ParametersSet {
        /// Names and values.
        #[serde(rename = "p")]
        parameters: Vec<Param>,
    },
    /// The run waits for the locks of its own `synchronization` or for a place under a parallelism limit.
    #[serde(rename = "runlock")]
    RunLocksWanted {
        /// Which.
        locks: Vec<LockRequest>,
    },
    /// The run may start, or (with the claims) the claims it asked for are there.
    #[serde(rename = "runstart")]
    RunStarted {
        /// When.
        at: Timestamp,
    },
    /// The run's volume claim templates are being created.
    #[serde(rename = "claims")]
    ClaimsWanted,
    /// The claims are there: template name and claim name.
    #[serde(rename = "claimed")]
    Claimed {
        /// Template name and real name.
        claims: Vec<(Text, Text)>,
    },
    /// Something outside is looked up for a node; the work that needs it is parked.
    #[serde(rename = "look")]
    LookupWanted {
        /// What.
        what: Lookup,
    },
    /// The answer.
    #[serde(rename = "found")]
    LookedUp {
        /// What.
        what: Lookup,
        /// What was found; an error text when it could not be had.
        found: Result<Found, Text>,
    },
    /// A node comes to be. Its index is the number of nodes before it.
    #[serde(rename = "n")]
    Node(Box<NewNode>),
    /// A loop's items, evaluated.
    #[serde(rename = "items")]
    Items {
        /// The loop node.
        #[serde(rename = "i")]
        node: NodeIx,
        /// One JSON value per iteration.
        #[serde(rename = "v")]
        items: Vec<Text>,
    },
    /// A node waits for a slot of its boundary's or the run's parallelism, or for the run to be resumed.
    #[serde(rename = "held")]
    Held {
        /// The node.
        #[serde(rename = "i")]
        node: NodeIx,
        /// Where it waits.
        #[serde(rename = "w")]
        place: Place,
    },
    /// A node asked its memoization cache.
    #[serde(rename = "memo")]
    MemoWanted {
        /// The node.
        #[serde(rename = "i")]
        node: NodeIx,
        /// The evaluated cache key.
        #[serde(rename = "k")]
        key: Text,
        /// The evaluated cache config map.
        #[serde(rename = "c")]
        cache: Text,
        /// Entries older than this many milliseconds do not count.
        #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
        max_age_ms: Option<i64>,
    },
    /// The cache had nothing.
    #[serde(rename = "miss")]
    MemoMissed {
        /// The node.
        #[serde(rename = "i")]
        node: NodeIx,
    },
    /// The cache holds the node's outputs now.
    #[serde(rename = "saved")]
    MemoSaved {
        /// The node.
        #[serde(rename = "i")]
        node: NodeIx,
    },
    /// A node waits for locks.
    #[serde(rename = "lock")]
    LocksWanted {
        /// The node.
        #[serde(rename = "i")]
        node: NodeIx,
        /// Which.
        #[serde(rename = "l")]
        locks: Vec<LockRequest>,
    },
    /// What a holder waits for, in words.
    #[serde(rename = "lockwait")]
    LockWaiting {
        /// The node, or the run itself.
        #[serde(rename = "i")]
        node: Option<NodeIx>,
        /// For people.
        #[serde(rename = "m")]
        message: Text,
    },
    /// A deadlock was found in the attempt of a retried node: how the node gives way.
    #[serde(rename = "giveway")]
    GivesWay {
        /// The retried node.
        #[serde(rename = "i")]
        node: NodeIx,
        /// How.
        #[serde(rename = "w")]
        gives_way: crate::state::GivesWay,
    },
    /// A retried node gives its locks back between two attempts.
    #[serde(rename = "letgo")]
    LetGo {
        /// The retried node.
        #[serde(rename = "i")]
        node: NodeIx,
    },
    /// The locks are held.
    #[serde(rename = "locked")]
    Locked {
        /// The node, or the run itself.
        #[serde(rename = "i")]
        node: Option<NodeIx>,
    },
    /// The limiters know that the locks are free.
    #[serde(rename = "freed")]
    Released {
        /// The node, or the run itself.
        #[serde(rename = "i")]
        node: Option<NodeIx>,
    },
    /// A node begins its work: children follow, or a leaf is asked to start.
    #[serde(rename = "go")]
    Started {
        /// The node.
        #[serde(rename = "i")]
        node: NodeIx,
        /// When.
        at: Timestamp,
        /// Moments derived for it: deadline and time-out.
        #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
        /// Strings of its template that had expressions in them, evaluated, by their place in the template's list of tagged strings.
        #[serde(rename = "e", default, skip_serializing_if = "Vec::is_empty")]
        evaluated: Vec<(u32, Text)>,
    },
    /// The runner says that the leaf waits for something (an image, a claim).
    #[serde(rename = "wait")]
    Waiting {
        /// The node.
        #[serde(rename = "i")]
        node: NodeIx,
        /// For people.
        #[serde(rename = "m")]
        message: Text,
    },
    /// The leaf runs.
    #[serde(rename = "r")]
    Running {
        /// The node.
        #[serde(rename = "i")]
        node: NodeIx,
        /// When.
        at: Timestamp,
        /// Which root it runs on, for people.
        #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
        message: Option<Text>,
        /// Its address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ip: Option<Text>,
        /// Its machine.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<Text>,
        /// When it is to be stopped: `activeDeadlineSeconds` counts from here.
        #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
    },
    /// A daemon is ready: those who wait for the step may go on.
    #[serde(rename = "ready")]
    Ready {
        /// The node.
        #[serde(rename = "i")]
        node: NodeIx,
        /// Its address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ip: Option<Text>,
    },
    /// How far a leaf says it is.
    #[serde(rename = "prog")]
    Progress {
        /// The node.
        #[serde(rename = "i")]
        node: NodeIx,
        /// Done.
        #[serde(rename = "d")]
        done: u64,
        /// Of how many.
        #[serde(rename = "t")]
        total: u64,
    },
    /// A leaf is asked to stop. Its end is told by the runner.
    #[serde(rename = "stop")]
    StopWanted {
        /// The node.
        #[serde(rename = "i")]
        node: NodeIx,
        /// What its end will be called.
        #[serde(rename = "p")]
        phase: NodePhase,
        /// Why.
        #[serde(rename = "m")]
        message: Text,
        /// No grace: the run is terminated.
        #[serde(rename = "k", default)]
        kill: bool,
    },
    /// A leaf's deadline has passed; that it is asked to stop is a change of its own.
    #[serde(rename = "late")]
    DeadlinePassed {
        /// The node.
        #[serde(rename = "i")]
        node: NodeIx,
    },
    /// The next attempt of a retried node waits until then.
    #[serde(rename = "back")]
    BackedOff {
        /// The retry node.
        #[serde(rename = "i")]
        node: NodeIx,
        /// When the next attempt is due.
        at: Timestamp,
        /// For people.
        #[serde(rename = "m")]
        message: Text,
    },
    /// The back-off is over.
    #[serde(rename = "due")]
    BackOffOver {
        /// The retry node.
        #[serde(rename = "i")]
        node: NodeIx,
    },
    /// A node is over.
    #[serde(rename = "f")]
    Finished(Box<End>),
    /// A hook of a node (or of the run) will not be run any more: the node is over and its expression was not true.
    #[serde(rename = "nohook")]
    HooksClosed {
        /// The node, or the run itself.
        #[serde(rename = "i")]
        node: Option<NodeIx>,
    },
    /// A suspend node was given outputs.
    #[serde(rename = "supply")]
    Supplied {
        /// The node.
        #[serde(rename = "i")]
        node: NodeIx,
        /// Names and values.
        #[serde(rename = "p")]
        parameters: Vec<Param>,
        /// Said on the node.
        #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
        message: Option<Text>,
    },
    /// The run's spec was changed while it runs, or a command did the same.
    #[serde(rename = "spec")]
    SpecChanged(SpecChange),
    /// The main part is over; exit handlers may follow.
    #[serde(rename = "main")]
    MainOver {
        /// The phase that exit handlers see as `workflow.status`.
        #[serde(rename = "p")]
        phase: NodePhase,
        /// Why.
        #[serde(rename = "m")]
        message: Text,
        /// When.
        at: Timestamp,
    },
    /// The run is over.
    #[serde(rename = "end")]
    RunFinished {
        /// Its phase.
        #[serde(rename = "p")]
        phase: NodePhase,
        /// Why.
        #[serde(rename = "m")]
        message: Text,
        /// When.
        at: Timestamp,
    },
    /// The claims are gone.
    #[serde(rename = "unclaimed")]
    ClaimsDeleted,
    /// A finished run (or one node of a running one) is run again.
    #[serde(rename = "retry")]
    Retried {
        /// Successful nodes to run again besides the failed ones, all below them too.
        #[serde(rename = "r")]
        restart: Vec<NodeIx>,
        /// One failed node only, of a run that still runs.
        #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
        only: Option<NodeIx>,
        /// Parameters that are given anew.
        #[serde(rename = "p")]
        parameters: Vec<Param>,
        /// When.
        at: Timestamp,
    },
    /// Work that no longer makes sense is taken from the queue.
    #[serde(rename = "drop")]
    Dropped,
}

/// A node that comes to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewNode {
    /// The node it belongs to.
    #[serde(rename = "p")]
    pub parent: Option<NodeIx>,
    /// Its place there.
    #[serde(rename = "r")]
    pub role: Role,
    /// Its template, by its place in the program; absent for groups and for what could not be resolved.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub template: Option<u32>,
    /// What it is.
    #[serde(rename = "k")]
    pub kind: crate::state::Kind,
    /// Evaluated inputs.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Box<Inputs>>,
    /// When.
    pub at: Timestamp,
    /// It is over as it comes: skipped, omitted, or an error while it was prepared.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub end: Option<(NodePhase, Text)>,
}

/// A node's end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct End {
    /// The node.
    #[serde(rename = "i")]
    pub node: NodeIx,
    /// Its phase.
    #[serde(rename = "p")]
    pub phase: NodePhase,
    /// Why; empty when all went well.
    #[serde(rename = "m", default, skip_serializing_if = "str::is_empty")]
    pub message: Text,
    /// When.
    pub at: Timestamp,
    /// What it leaves.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Box<Outputs>>,
    /// Outputs that are known to the whole run.
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    pub globals: Option<Box<Outputs>>,
    /// Whether the end is of a kind that `OnTransientError` retries.
    #[serde(rename = "t", default, skip_serializing_if = "std::ops::Not::not")]
    pub transient: bool,
    /// The outputs came from the memoization cache.
    #[serde(rename = "h", default, skip_serializing_if = "std::ops::Not::not")]
    pub memo_hit: bool,
    /// CPU milliseconds and peak memory in bytes, where known.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub used: Option<(u64, u64)>,
}

/// Where a held node waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// For a slot of its boundary's `parallelism`.
    #[serde(rename = "b")]
    Boundary,
    /// For a slot of the run's `parallelism`.
    #[serde(rename = "r")]
    Run,
    /// For the run to be resumed.
    #[serde(rename = "s")]
    Suspension,
    /// For locks of a node above it, or of the run: they were given back at an end, and the run is tried again.
    #[serde(rename = "l")]
    Locks,
}

impl Change {
    /// The node that a change is about, for one that exists already.
    pub fn node(&self) -> Option<NodeIx> {
        match self {
            Self::Items { node, .. }
            | Self::Held { node, .. }
            | Self::MemoWanted { node, .. }
            | Self::MemoMissed { node }
            | Self::MemoSaved { node }
            | Self::LocksWanted { node, .. }
            | Self::GivesWay { node, .. }
            | Self::LetGo { node }
            | Self::Started { node, .. }
            | Self::Waiting { node, .. }
            | Self::Running { node, .. }
            | Self::Ready { node, .. }
            | Self::Progress { node, .. }
            | Self::StopWanted { node, .. }
            | Self::DeadlinePassed { node }
            | Self::BackedOff { node, .. }
            | Self::BackOffOver { node }
            | Self::Supplied { node, .. } => Some(*node),
            Self::LockWaiting { node, .. }
            | Self::Locked { node }
            | Self::Released { node }
            | Self::HooksClosed { node } => *node,
            Self::Finished(end) => Some(end.node),
            _ => None,
        }
    }
}
