//! What a local runner can be told.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use crate::agent::protocol::Isolation;

/// Where a container's root comes from (`--images`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImagesMode {
    /// The image where it can be had, otherwise the machine's own root: the step's message says which.
    Auto,
    /// The image, pulled from its registry when it is not there; an error otherwise.
    #[default]
    Pull,
    /// The image, which must have been imported or pulled before.
    Imported,
    /// The machine's own root, read-only with a private layer; images are not looked at.
    Host,
}

impl std::str::FromStr for ImagesMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "pull" => Ok(Self::Pull),
            "imported" => Ok(Self::Imported),
            "host" => Ok(Self::Host),
            other => Err(format!("{other:?} is not one of auto, pull, imported, host")),
        }
    }
}

/// How the agent is started: this program must call [`crate::agent_main`] with the arguments after these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentProgram {
    /// The program; the running one by default.
    pub program: PathBuf,
    /// Its first arguments.
    pub args: Vec<OsString>,
}

impl Default for AgentProgram {
    fn default() -> Self {
        // The very program that runs, though its file may have been replaced since; by its name where only that is known.
        let running = Path::new("/proc/self/exe");
        let program = match std::env::current_exe() {
            Ok(named) if !cfg!(target_os = "linux") => named,
            _ => running.to_owned(),
        };
        Self { program, args: vec!["__agent".into()] }
    }
}

/// Settings of a local runner. Sizes in bytes, times in milliseconds.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How the agent is started.
    pub agent: AgentProgram,
    /// Where roots come from.
    pub images: ImagesMode,
    /// Ask for this isolation instead of the best there is.
    pub isolation: Option<Isolation>,
    /// Honour `securityContext.privileged`, added capabilities beyond the default set and `seccompProfile: Unconfined`.
    pub allow_privileged: bool,
    /// Offer `hostPath` volumes.
    pub allow_host_path: bool,
    /// Between TERM and KILL where a step ends for another reason than a stop (`terminationGracePeriodSeconds`).
    pub grace_ms: u64,
    /// Log kept for each container.
    pub log_bytes_max: u64,
    /// A longer line of a log is cut.
    pub log_line_bytes_max: usize,
    /// The end of the main container's standard output that becomes its result.
    pub result_bytes_max: usize,
    /// One output parameter.
    pub parameter_bytes_max: usize,
    /// Processes and threads of a unit.
    pub pids_max: u64,
    /// Supervisors kept ready.
    pub pool: usize,
    /// How long an ended unit's files wait for a server to save its artifacts.
    pub hold_ms_max: u64,
    /// How long a unit waits for a claim that is not there.
    pub claim_wait_ms_max: u64,
    /// Units that are prepared (images, artifacts, volumes) at a time.
    pub preparing_max: usize,
    /// The bridge of units with a network of their own.
    pub bridge: String,
    /// Their network's first address.
    pub network_base: [u8; 4],
    /// Its prefix length, from 16 to 28.
    pub network_prefix: u8,
    /// Steps end with this server, however it ends, instead of going on for the next one: for a data folder that no other will open.
    pub tied: bool,
    /// The data folder whose images are used; the runner's own when absent.
    pub image_store: Option<PathBuf>,
    /// Registries spoken to without TLS, as `host:port`; those on this machine always are.
    pub insecure_registries: Vec<String>,
    /// What the pulls of images go through; without one they go where they like.
    pub guard: Option<egress::Guard>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            agent: AgentProgram::default(),
            images: ImagesMode::default(),
            isolation: None,
            allow_privileged: false,
            allow_host_path: false,
            grace_ms: 30_000,
            log_bytes_max: 64 << 20,
            log_line_bytes_max: 64 << 10,
            result_bytes_max: 4 << 20,
            parameter_bytes_max: 16 << 20,
            pids_max: 4096,
            pool: 6,
            hold_ms_max: 24 * 3_600_000,
            claim_wait_ms_max: 300_000,
            preparing_max: 32,
            bridge: "colchis0".to_owned(),
            network_base: [10, 246, 0, 0],
            network_prefix: 16,
            tied: false,
            image_store: None,
            insecure_registries: Vec::new(),
            guard: None,
        }
    }
}
