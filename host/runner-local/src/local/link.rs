//! To the agent: starting it, finding it, connecting to it and to its supervisors.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, openat};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{ChildStdin, Command};
use tokio::sync::Mutex;

use super::keys::{agent_dir, units_dir};
use crate::agent::protocol::{RECORD_FILE, SOCKET_FILE, frame, frame_length};
use crate::agent::zygote::{AGENT_SOCKET, AgentConfig, AgentStatus, CONFIG_FILE, STATUS_FILE};
use crate::settings::Settings;

/// Of a socket's path on every system.
const SOCKET_PATH_MAX: usize = 100;

/// The agent of one data folder.
pub(super) struct AgentLink {
    data_dir: PathBuf,
    settings: Arc<Settings>,
    running: Mutex<Option<Running>>,
}

#[derive(Clone)]
struct Running {
    status: Arc<AgentStatus>,
    /// Closed when this server ends: so the agent knows. Absent for an agent found running.
    _stdin: Option<Arc<ChildStdin>>,
}

impl AgentLink {
    pub(super) fn new(data_dir: &Path, settings: Arc<Settings>) -> Self {
        Self { data_dir: data_dir.to_owned(), settings, running: Mutex::new(None) }
    }

    /// What the agent found out; starts it when there is none.
    pub(super) async fn status(&self) -> io::Result<Arc<AgentStatus>> {
        let mut running = self.running.lock().await;
        if let Some(running) = &*running {
            return Ok(running.status.clone());
        }
        let found = match self.find().await {
            Some(found) => found,
            None => self.spawn().await?,
        };
        Ok(running.insert(found).status.clone())
    }

    /// A new connection, which becomes one unit's.
    pub(super) async fn connect(&self) -> io::Result<UnixStream> {
        self.status().await?;
        let dir = agent_dir(&self.data_dir);
        if let Ok(stream) = connect(&dir, AGENT_SOCKET).await {
            return Ok(stream);
        }
        // It was killed: its supervisors live on, a new one takes over.
        tracing::warn!(dir = %dir.display(), "the agent is gone; starting another");
        *self.running.lock().await = None;
        self.status().await?;
        connect(&dir, AGENT_SOCKET).await
    }

    /// Ends the agent; supervisors of running units stay.
    pub(super) async fn shut_down(&self) {
        let mut running = self.running.lock().await;
        if let Some(found) = running.take()
            && let Some(pid) = i32::try_from(found.status.pid).ok().and_then(rustix::process::Pid::from_raw)
            && self.locked()
        {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
    }

    fn locked(&self) -> bool {
        is_locked(&agent_dir(&self.data_dir).join("agent.lock"))
    }

    /// One that an earlier server of the same version left.
    async fn find(&self) -> Option<Running> {
        let dir = agent_dir(&self.data_dir);
        if !self.locked() {
            return None;
        }
        let status: AgentStatus = serde_json::from_slice(&tokio::fs::read(dir.join(STATUS_FILE)).await.ok()?).ok()?;
        let same = status.version == env!("CARGO_PKG_VERSION")
            && self.settings.isolation.is_none_or(|i| i == status.isolation)
            && connect(&dir, AGENT_SOCKET).await.is_ok();
        if same {
            return Some(Running { status: Arc::new(status), _stdin: None });
        }
        let pid = i32::try_from(status.pid).ok().and_then(rustix::process::Pid::from_raw)?;
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        for _ in 0..100 {
            if !self.locked() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        None
    }

    async fn spawn(&self) -> io::Result<Running> {
        let dir = agent_dir(&self.data_dir);
        tokio::fs::create_dir_all(units_dir(&self.data_dir)).await?;
        let config = AgentConfig {
            isolation: self.settings.isolation,
            hidden: vec![self.data_dir.clone()],
            pool: self.settings.pool,
            tied: self.settings.tied,
            capabilities: crate::plan::security::grantable(&self.settings),
        };
        tokio::fs::write(dir.join(CONFIG_FILE), serde_json::to_vec(&config)?).await?;
        let program = &self.settings.agent;
        let mut child = Command::new(&program.program)
            .args(&program.args)
            .arg(&dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| io::Error::other(format!("start the agent {}: {e}", program.program.display())))?;
        let (stdin, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (mut said, mut trouble) = (String::new(), String::new());
        if let (Some(mut out), Some(mut err)) = (out, err) {
            // Both end when it is ready: it then writes to its own log.
            let (a, b) = tokio::join!(out.read_to_string(&mut said), err.read_to_string(&mut trouble));
            a.and(b)?;
        }
        if said != "ready\n" {
            let _ = child.wait().await;
            return Err(io::Error::other(format!("the agent could not start: {}", trouble.trim())));
        }
        tokio::spawn(async move { child.wait().await });
        let status = serde_json::from_slice(&tokio::fs::read(dir.join(STATUS_FILE)).await?)?;
        Ok(Running { status: Arc::new(status), _stdin: stdin.map(Arc::new) })
    }
}

/// Whether somebody holds a lock file: an idea of life that no reused process id can fake.
pub(super) fn is_locked(path: &Path) -> bool {
    let Ok(file) = std::fs::File::open(path) else { return false };
    flock(&file, FlockOperation::NonBlockingLockShared).is_err()
}

/// Whether a unit's supervisor lives.
pub(super) fn supervisor_lives(log_dir: &Path) -> bool {
    is_locked(&log_dir.join(RECORD_FILE))
}

/// A connection to a unit's own supervisor.
pub(super) async fn connect_unit(unit_dir: &Path) -> io::Result<UnixStream> {
    connect(unit_dir, SOCKET_FILE).await
}

async fn connect(dir: &Path, name: &str) -> io::Result<UnixStream> {
    let path = dir.join(name);
    if path.as_os_str().len() <= SOCKET_PATH_MAX {
        return UnixStream::connect(path).await;
    }
    if cfg!(not(target_os = "linux")) {
        return Err(io::Error::other(format!(
            "{} is too long a path for a socket: use a data folder with a shorter one",
            path.display()
        )));
    }
    let folder: OwnedFd = openat(CWD, dir, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let through = format!("/proc/self/fd/{}/{name}", std::os::fd::AsRawFd::as_raw_fd(&folder));
    UnixStream::connect(through).await
}

/// Sends one message.
pub(super) async fn send(to: &mut (impl tokio::io::AsyncWrite + Unpin), message: &impl Serialize) -> io::Result<()> {
    to.write_all(&frame(message)?).await
}

/// Receives one message; `None` at the end. Not to be cancelled in the middle.
pub(super) async fn receive<T: DeserializeOwned>(
    from: &mut (impl tokio::io::AsyncRead + Unpin),
) -> io::Result<Option<T>> {
    let mut head = [0u8; 4];
    match from.read_exact(&mut head).await {
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) if e.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
        Err(e) => return Err(e),
    }
    let mut body = vec![0u8; frame_length(head)?];
    from.read_exact(&mut body).await?;
    Ok(Some(serde_json::from_slice(&body)?))
}
