//! What the server and a supervisor say to each other: frames of a four byte length (big endian) and a JSON message.
//!
//! ```text
//!   server ── Launch(spec) ──────────────► supervisor        (the first frame of a connection to the agent)
//!   server ── Stop · Release ────────────► supervisor
//!   server ◄─ Refused │ Claimed, Started, Ready, Progress*, Ended ─
//! ```
//!
//! A connection to a unit's own socket (after a restart of the server) begins with what the supervisor has said so far.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The largest frame either side accepts: scripts, configuration files and secrets travel in one.
pub(crate) const FRAME_BYTES_MAX: usize = 256 << 20;

/// All a supervisor needs to know: a unit translated to processes, mounts and files.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LaunchSpec {
    /// The unit's key, for messages.
    pub key: String,
    /// What the server wants to find again after a restart; the supervisor only writes it to the record.
    pub claim: serde_json::Value,
    /// Scratch of the unit: writable layers, empty volumes, lock, socket.
    pub unit_dir: PathBuf,
    /// Logs and the record, kept until the run is forgotten.
    pub log_dir: PathBuf,
    /// The host name inside.
    pub hostname: String,
    /// How the containers are kept apart.
    pub isolation: Isolation,
    /// The unit's network.
    pub network: NetworkSpec,
    /// Contents of `/etc/hosts` and `/etc/resolv.conf`, where the containers do not have the machine's.
    pub network_files: Option<NetworkFiles>,
    /// Volumes held in memory (secrets, `medium: Memory`), shared by the unit's containers.
    pub memory_volumes: Vec<MemoryVolume>,
    /// Input artifacts that lie in volumes, put there once before any container starts.
    pub placements: Vec<Placement>,
    /// Init containers in order, then the others.
    pub containers: Vec<ContainerSpec>,
    /// Limits of the unit as a whole.
    pub limits: Limits,
    /// Wall clock, milliseconds since the epoch.
    pub deadline_ms: Option<i64>,
    /// Between TERM and KILL when nobody says otherwise.
    pub grace_ms: u64,
    /// It is `Ready` after the main container's readiness probe, and ends only when stopped or when its main container ends.
    pub daemon: bool,
    /// Output parameters read from the main container.
    pub parameters: Vec<OutputParameter>,
    /// Paths of output artifacts in the main container, checked for presence here and read by the server.
    pub artifacts: Vec<OutputPath>,
    /// Stay after the end until released, so that the server can read the main container's files.
    pub hold: bool,
    /// How long to stay at most.
    pub hold_ms_max: u64,
    /// End when the server is gone.
    pub tied: bool,
    /// Bounds.
    pub bounds: Bounds,
    /// Told with `Started`, for people.
    pub message: String,
}

/// Bounds a supervisor keeps.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Bounds {
    /// Log bytes kept for each container.
    pub log_bytes_max: u64,
    /// A longer line is cut into parts.
    pub log_line_bytes_max: usize,
    /// Bytes of the end of standard output kept as the result.
    pub result_bytes_max: usize,
    /// Bytes of one output parameter.
    pub parameter_bytes_max: usize,
}

/// How the containers are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// Namespaces, made by root.
    Root,
    /// Namespaces inside a user namespace that maps the user to root.
    User,
    /// Plain processes: no namespaces.
    Plain,
}

/// The unit's network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NetworkSpec {
    /// The machine's.
    Host,
    /// A network namespace with an address of its own on a bridge.
    Own {
        /// The bridge's name.
        bridge: String,
        /// First address of the network; the bridge has the next one.
        base: [u8; 4],
        /// Its prefix length.
        prefix: u8,
    },
}

/// Files of a unit's containers about names.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct NetworkFiles {
    /// `/etc/hosts`, but for the unit's own line; absent where the machine's stays, and its `/etc/hostname` too.
    pub hosts: Option<String>,
    /// `/etc/resolv.conf` on the machine's network.
    pub resolv: String,
    /// `/etc/resolv.conf` on a network of its own, where the machine's loopback is not reached.
    pub resolv_own: String,
}

/// A volume held in memory.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MemoryVolume {
    /// Folder below the unit's memory folder.
    pub name: String,
    /// Size limit.
    pub size_bytes: Option<u64>,
    /// Mode of its root.
    pub mode: u32,
    /// Files in it.
    pub files: Vec<FileSpec>,
}

/// A file to write.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FileSpec {
    /// Relative to the volume, or absolute in the container.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Its bytes.
    pub content: Content,
    /// Group, when one is wanted.
    pub gid: Option<u32>,
}

/// Bytes that are mostly text.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Content {
    /// UTF-8.
    Text(String),
    /// Anything else, in base64.
    Base64(String),
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // May be a secret.
        f.write_str("Content(…)")
    }
}

impl Content {
    /// Wraps bytes.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        use base64::Engine as _;
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64(base64::engine::general_purpose::STANDARD.encode(bytes)),
        }
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> io::Result<Vec<u8>> {
        use base64::Engine as _;
        match self {
            Self::Text(text) => Ok(text.clone().into_bytes()),
            Self::Base64(text) => {
                base64::engine::general_purpose::STANDARD.decode(text).map_err(|e| io::Error::other(e.to_string()))
            }
        }
    }
}

/// What a container is to its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// Runs to its end before the others, in order.
    Init,
    /// The unit ends when these have ended.
    Main,
    /// Stopped when the mains have ended.
    Sidecar,
}

/// A container.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ContainerSpec {
    /// Its name.
    pub name: String,
    /// What it is to the unit.
    pub role: Role,
    /// Containers that must have succeeded before (container sets).
    pub dependencies: Vec<String>,
    /// How often a failure is tried again (container sets).
    pub retries: u32,
    /// Pause before trying again.
    pub retry_pause_ms: u64,
    /// Its root.
    pub root: RootSpec,
    /// Mounts, in order.
    pub mounts: Vec<MountSpec>,
    /// Files written into its private layer before it starts.
    pub files: Vec<FileSpec>,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// Working directory; made when absent.
    pub working_dir: String,
    /// Who it runs as.
    pub user: UserSpec,
    /// What it may do.
    pub security: SecuritySpec,
    /// Its own limits.
    pub limits: Limits,
    /// Gates `Ready`.
    pub readiness: Option<Probe>,
    /// A failure kills it.
    pub liveness: Option<Probe>,
    /// Gates the two others.
    pub startup: Option<Probe>,
    /// Run after its start; a failure kills it.
    pub post_start: Option<ProbeAction>,
    /// Run before TERM.
    pub pre_stop: Option<ProbeAction>,
    /// Overrides the unit's grace period.
    pub grace_ms: Option<u64>,
    /// Signal sent first on a stop (`STOPSIGNAL` of the image); TERM is 15.
    pub stop_signal: i32,
    /// A file whose content becomes the message of a failure (`terminationMessagePath`).
    pub termination_message_path: Option<String>,
    /// Use the log's end when that file is empty (`terminationMessagePolicy: FallbackToLogsOnError`).
    pub termination_message_from_log: bool,
}

/// A container's root.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RootSpec {
    /// Folders, the topmost first.
    pub layers: Vec<PathBuf>,
    /// The machine's own root is the only layer.
    pub host: bool,
    /// Folders of the machine hidden from the container (with `host`).
    pub hidden: Vec<PathBuf>,
    /// `securityContext.readOnlyRootFilesystem`.
    pub read_only: bool,
}

/// A mount.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MountSpec {
    /// What.
    pub source: MountSource,
    /// Absolute path in the container.
    pub target: String,
    /// Below the source; must stay in it, links included. Made as a folder when absent.
    pub sub_path: Option<String>,
    /// Not writable.
    pub read_only: bool,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MountSource {
    /// A folder or file of the machine.
    Path(PathBuf),
    /// A memory volume by name.
    Memory(String),
}

/// A file or folder that becomes part of a volume's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Placement {
    /// On the machine; it may be gone from there afterwards.
    pub from: PathBuf,
    /// The volume.
    pub volume: MountSource,
    /// Below the volume, as its mount has it.
    pub sub_path: Option<String>,
    /// Absolute path below that; `/` lays a folder's content over it.
    pub target: String,
}

/// Who a container runs as.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct UserSpec {
    /// `securityContext.runAsUser`.
    pub uid: Option<u32>,
    /// `securityContext.runAsGroup`.
    pub gid: Option<u32>,
    /// `supplementalGroups` and `fsGroup`.
    pub groups: Vec<u32>,
    /// The image's `User`: `name`, `uid`, `name:group`, `uid:gid`.
    pub image_user: String,
    /// `securityContext.runAsNonRoot`.
    pub must_not_be_root: bool,
}

/// What a container may do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SecuritySpec {
    /// Capability bits of its bounding set.
    pub capabilities: u64,
    /// All capabilities, all devices, no filter, no masked paths.
    pub privileged: bool,
    /// `no_new_privs`.
    pub no_new_privileges: bool,
    /// The system call filter.
    pub seccomp: bool,
}

/// Limits for control groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Limits {
    /// Thousandths of a core.
    pub cpu_millis: Option<u64>,
    /// Bytes.
    pub memory_bytes: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u64>,
}

/// A check that is repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Probe {
    /// What is done.
    pub action: ProbeAction,
    /// Before the first.
    pub initial_delay_ms: u64,
    /// Between two.
    pub period_ms: u64,
    /// Each.
    pub timeout_ms: u64,
    /// So many failures in a row are a failure.
    pub failures: u32,
    /// So many successes in a row are a success.
    pub successes: u32,
}

/// What a probe or a lifecycle handler does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ProbeAction {
    /// Runs a command in the container; success is exit code 0.
    Exec {
        /// Program and arguments.
        argv: Vec<String>,
    },
    /// A GET; success is a status from 200 to 399.
    HttpGet {
        /// Host; the unit's own address when absent.
        host: Option<String>,
        /// Port.
        port: u16,
        /// Path with query.
        path: String,
        /// Headers.
        headers: Vec<(String, String)>,
    },
    /// A connection; success is that it opens.
    TcpSocket {
        /// Host; the unit's own address when absent.
        host: Option<String>,
        /// Port.
        port: u16,
    },
    /// A pause.
    Sleep {
        /// How long.
        ms: u64,
    },
}

/// An output parameter read from a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OutputParameter {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub path: String,
    /// Its value when the file is missing.
    pub default: Option<String>,
}

/// An output artifact.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OutputPath {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub path: String,
    /// It may be missing.
    pub optional: bool,
}

/// From the server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToSupervisor {
    /// Run this. Only as the first message on a connection to the agent.
    Launch(Box<LaunchSpec>),
    /// End it: TERM, then KILL after the grace period.
    Stop {
        /// Milliseconds.
        grace_ms: u64,
    },
    /// Nothing of it is needed any more.
    Release,
}

/// From a supervisor.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FromSupervisor {
    /// Nothing was started: this key was claimed before, or the claim could not be written.
    Refused {
        /// It was claimed before.
        duplicate: bool,
        /// For people.
        message: String,
    },
    /// The claim is durable.
    Claimed {
        /// The supervisor's process id.
        supervisor: u32,
    },
    /// The containers run.
    Started {
        /// By the supervisor's clock.
        at_ms: i64,
        /// For people: the root, what is not enforced.
        message: String,
        /// Its own address.
        ip: Option<String>,
    },
    /// A daemon is ready.
    Ready {
        /// By the supervisor's clock.
        at_ms: i64,
    },
    /// The progress file changed.
    Progress {
        /// By the supervisor's clock.
        at_ms: i64,
        /// Done.
        done: u64,
        /// Of.
        total: u64,
    },
    /// All containers have ended.
    Ended(Box<Outcome>),
}

/// How the processes ended. Artifacts are the server's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Phase, class, message, containers, result, parameters; no artifacts yet.
    pub result: runner::UnitResult,
    /// Descriptor of the supervisor that is the main container's root (`/proc/<supervisor>/fd/<n>`); valid while it holds.
    pub root_fd: Option<i32>,
    /// Names of artifacts that are there.
    pub artifacts_found: Vec<String>,
}

/// One line of a unit's record.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Record {
    /// Written and synced before anything starts.
    Claim {
        /// The unit's key.
        key: String,
        /// The supervisor's process id, for people only.
        supervisor: u32,
        /// Milliseconds since the epoch.
        at_ms: i64,
        /// The unit's scratch.
        unit_dir: PathBuf,
        /// The server's.
        unit: serde_json::Value,
    },
    /// Its containers run.
    Started {
        /// Milliseconds since the epoch.
        at_ms: i64,
        /// For people.
        message: String,
        /// Its own address.
        ip: Option<String>,
    },
    /// It is over (synced).
    Ended(Box<Outcome>),
    /// The server's last word, artifacts included.
    Result(Box<runner::UnitResult>),
}

/// The file of a unit's record, in its log folder; locked as long as the supervisor lives.
pub(crate) const RECORD_FILE: &str = "unit.jsonl";
/// The supervisor's socket, in the unit's folder; there once its first connection is gone.
pub(crate) const SOCKET_FILE: &str = "sock";

/// Writes a frame.
pub(crate) fn write_frame(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    to.write_all(&frame(message)?)
}

/// A message as a frame.
pub(crate) fn frame(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0u8; 4];
    serde_json::to_writer(&mut buffer, message)?;
    let length = buffer.len() - 4;
    let head = u32::try_from(length).ok().filter(|n| *n as usize <= FRAME_BYTES_MAX).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("a message of {length} bytes is over {FRAME_BYTES_MAX}"))
    })?;
    for (to, from) in buffer.iter_mut().zip(head.to_be_bytes()) {
        *to = from;
    }
    Ok(buffer)
}

/// Reads a frame; `None` at the end of the stream.
pub(crate) fn read_frame<T: for<'a> Deserialize<'a>>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut head = [0u8; 4];
    match from.read_exact(&mut head) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(e),
    }
    let length = frame_length(head)?;
    let mut body = vec![0u8; length];
    from.read_exact(&mut body)?;
    Ok(Some(serde_json::from_slice(&body)?))
}

/// The length a frame's head announces.
pub(crate) fn frame_length(head: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_be_bytes(head) as usize;
    if length > FRAME_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a frame of {length} bytes")));
    }
    Ok(length)
}
