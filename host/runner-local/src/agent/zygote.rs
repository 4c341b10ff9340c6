//! The zygote: finds out what this machine allows, then forks supervisors.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FlockOperation, flock};
use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use super::cgroup::{Groups, UnitGroup};
use super::container::{DeviceTemplate, Filters, limit_bounding_set, machine_mounts};
use super::fault::{At, Fault};
use super::namespaces::{attempt, enter, own_namespaces};
use super::protocol::Isolation;
use super::{supervisor, sys};

/// In the agent's folder.
pub(crate) const CONFIG_FILE: &str = "agent.json";
/// What the zygote found out.
pub(crate) const STATUS_FILE: &str = "status.json";
/// Where units come in.
pub(crate) const AGENT_SOCKET: &str = "agent.sock";
const AGENT_LOCK: &str = "agent.lock";
/// Without a server and without work, the zygote ends after this.
const ORPHAN_PATIENCE: Duration = Duration::from_secs(300);
const TICK: Duration = Duration::from_secs(5);

/// What the server tells the agent, in a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AgentConfig {
    /// Use this isolation; find out when absent.
    pub isolation: Option<Isolation>,
    /// Folders that containers on the machine's root must not see.
    pub hidden: Vec<PathBuf>,
    /// Supervisors forked ahead.
    pub pool: usize,
    /// Nobody will come after this server.
    pub tied: bool,
    /// Capabilities that any container may be given.
    pub capabilities: u64,
}

/// What the agent found out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AgentStatus {
    /// Of the zygote.
    pub pid: u32,
    /// Of the program.
    pub version: String,
    /// What it uses.
    pub isolation: Isolation,
    /// Why nothing better, and what is missing: for people.
    pub notes: Vec<String>,
}

/// What all supervisors have from the zygote.
pub(crate) struct Agent {
    pub devices: DeviceTemplate,
    pub filters: Filters,
    pub machine_mounts: Vec<PathBuf>,
    pub isolation: Isolation,
    pub groups: Groups,
    pub bounding: u64,
}

impl Agent {
    /// The control groups of this supervisor.
    pub(crate) fn unit_group(&self) -> UnitGroup {
        self.groups.unit(std::process::id())
    }
}

/// The agent's entry: `agent_main([<folder>])`. Call it before any other thread starts. Never returns.
pub fn agent_main(args: impl Iterator<Item = OsString>) -> ! {
    let mut args = args;
    let code = match args.next().map(PathBuf::from) {
        Some(dir) => match run(&dir) {
            Ok(()) => 0,
            Err(fault) => {
                let _ = writeln!(io::stderr(), "colchis agent: {fault}");
                1
            }
        },
        None => 2,
    };
    sys::exit_now(code)
}

fn run(dir: &Path) -> Result<(), Fault> {
    let dir = fs::canonicalize(dir).at(|| dir.display().to_string())?;
    let config = fs::read(dir.join(CONFIG_FILE)).at(|| "read the agent's settings".to_owned())?;
    let config: AgentConfig =
        serde_json::from_slice(&config).map_err(|e| Fault::new(format!("agent settings: {e}")))?;
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(dir.join(AGENT_LOCK));
    let lock = lock.at(|| "open the agent's lock".to_owned())?;
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Err(Fault::new("another agent serves this folder"));
    }
    let _ = rustix::process::setsid();
    let _ = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    std::env::set_current_dir(&dir).at(|| dir.display().to_string())?;
    let (isolation, notes) = choose(&dir, config.isolation);
    let groups = Groups::find(isolation);
    enter(isolation)?;
    let agent = Agent {
        devices: DeviceTemplate::make(&dir.join("devices"), isolation)?,
        filters: Filters::compile()?,
        machine_mounts: machine_mounts(&config.hidden),
        isolation,
        groups,
        bounding: config.capabilities,
    };
    if isolation != Isolation::Plain {
        // Once for all containers: it needs a system call for each capability.
        limit_bounding_set(u64::MAX, config.capabilities).at(|| "limit capabilities".to_owned())?;
    }
    let tied = config.tied;
    let notes = notes.into_iter().chain(agent.groups.notes().iter().cloned()).collect();
    let _ = fs::remove_file(AGENT_SOCKET);
    let listener = UnixListener::bind(AGENT_SOCKET).at(|| "open the agent's socket".to_owned())?;
    let version = env!("CARGO_PKG_VERSION").to_owned();
    tell(&AgentStatus { pid: std::process::id(), version, isolation, notes })?;
    Zygote { agent, listener, lock, idle: Vec::new(), pool: config.pool.max(1), tied, last_use: Instant::now() }.serve()
}

/// Writes the status and lets the server go on, which waits for the end of our standard output.
fn tell(status: &AgentStatus) -> Result<(), Fault> {
    let text = serde_json::to_vec(status).map_err(|e| Fault::new(e.to_string()))?;
    fs::write("status.tmp", &text).at(|| "write the agent's status".to_owned())?;
    fs::rename("status.tmp", STATUS_FILE).at(|| "write the agent's status".to_owned())?;
    let log =
        OpenOptions::new().create(true).append(true).open("agent.log").at(|| "open the agent's log".to_owned())?;
    let mut out = io::stdout();
    let _ = out.write_all(b"ready\n");
    let _ = out.flush();
    use std::os::fd::AsFd;
    let stdin = io::stdin();
    sys::standard_streams([stdin.as_fd(), log.as_fd(), log.as_fd()]).at(|| "redirect the streams".to_owned())
}

struct Zygote {
    agent: Agent,
    listener: UnixListener,
    lock: File,
    idle: Vec<Pid>,
    pool: usize,
    tied: bool,
    last_use: Instant,
}

impl Zygote {
    fn serve(mut self) -> Result<(), Fault> {
        let signals = sys::signal_pipe(&[]).at(|| "watch for ended processes".to_owned())?;
        let (taken, taken_write) = rustix::pipe::pipe().at(|| "make a pipe".to_owned())?;
        let mut taken = File::from(taken);
        let stdin = io::stdin();
        let mut orphan_since: Option<Instant> = None;
        loop {
            while self.idle.len() < self.pool {
                if !self.fork_one(&taken_write) {
                    // No process can be had now: not a reason to spin.
                    std::thread::sleep(Duration::from_millis(50));
                    break;
                }
            }
            let mut fds = vec![PollFd::new(&signals, PollFlags::IN), PollFd::new(&taken, PollFlags::IN)];
            if orphan_since.is_none() {
                fds.push(PollFd::new(&stdin, PollFlags::IN));
            }
            let tick = Timespec::try_from(TICK).ok();
            let _ = poll(&mut fds, tick.as_ref());
            let happened: Vec<bool> = fs_happened(&fds);
            drop(fds);
            if happened.first() == Some(&true) {
                let mut buffer = [0u8; 64];
                while rustix::io::read(&signals, &mut buffer).is_ok_and(|n| n == buffer.len()) {}
                self.reap();
            }
            if happened.get(1) == Some(&true) {
                let mut pid = [0u8; 4];
                if taken.read_exact(&mut pid).is_ok() {
                    self.last_use = Instant::now();
                    let pid = Pid::from_raw(i32::from_ne_bytes(pid));
                    self.idle.retain(|p| Some(*p) != pid);
                }
            }
            if happened.get(2) == Some(&true) {
                if self.tied {
                    return Ok(());
                }
                // The server is gone; it, or another, may come back.
                orphan_since = Some(Instant::now());
            }
            let idle_since = orphan_since.map(|t| t.max(self.last_use));
            if idle_since.is_some_and(|t| t.elapsed() > ORPHAN_PATIENCE) || !Path::new(STATUS_FILE).exists() {
                return Ok(());
            }
        }
    }

    fn reap(&mut self) {
        while let Some((pid, _)) = sys::reap() {
            self.idle.retain(|p| *p != pid);
            self.agent.groups.remove(pid.as_raw_nonzero().get().unsigned_abs());
        }
    }

    fn fork_one(&mut self, taken: &OwnedFd) -> bool {
        let zygote = std::process::id();
        match sys::fork() {
            Ok(Some(pid)) => {
                self.idle.push(pid);
                true
            }
            Ok(None) => {
                self.supervise(zygote, taken);
                sys::exit_now(0)
            }
            Err(_) => false,
        }
    }

    /// In the child: waits for a unit, then is its supervisor.
    fn supervise(&self, zygote: u32, taken: &OwnedFd) {
        // An idle one ends with the zygote; one with a unit does not.
        if sys::die_with_parent(true).is_err() || std::os::unix::process::parent_id() != zygote {
            return;
        }
        sys::close_raw(self.lock.as_raw_fd());
        self.agent.groups.join(std::process::id());
        if self.agent.isolation != Isolation::Plain && own_namespaces().is_err() {
            return;
        }
        let connection = loop {
            match self.listener.accept() {
                Ok((stream, _)) => break stream,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        };
        let _ = sys::die_with_parent(false);
        let _ = rustix::io::write(taken, &std::process::id().to_ne_bytes());
        sys::close_raw(taken.as_raw_fd());
        sys::close_raw(self.listener.as_raw_fd());
        let _ = rustix::process::setsid();
        supervisor::serve(&self.agent, connection.into());
        self.agent.unit_group().remove_containers();
    }
}

fn fs_happened(fds: &[PollFd<'_>]) -> Vec<bool> {
    fds.iter().map(|f| !f.revents().is_empty()).collect()
}

/// The best isolation to be had, and why none better.
fn choose(dir: &Path, wanted: Option<Isolation>) -> (Isolation, Vec<String>) {
    if wanted == Some(Isolation::Plain) {
        return (Isolation::Plain, vec!["steps run as plain processes, as asked".to_owned()]);
    }
    if cfg!(not(all(target_os = "linux", not(colchis_plain)))) {
        let note = "steps run as plain processes with your own rights and files: isolation needs Linux".to_owned();
        return (Isolation::Plain, vec![note]);
    }
    let root = rustix::process::geteuid().is_root();
    let mut notes = Vec::new();
    let order: &[Isolation] = match wanted {
        Some(Isolation::User) => &[Isolation::User],
        _ if root => &[Isolation::Root, Isolation::User],
        _ => &[Isolation::User],
    };
    for isolation in order {
        match attempt(dir, *isolation) {
            Ok(()) => {
                if *isolation == Isolation::User {
                    notes.push(
                        "steps run in user namespaces: each as one user, the machine's network for every step, \
                         and limits only where control groups are delegated (run the server as root for more)"
                            .to_owned(),
                    );
                }
                return (*isolation, notes);
            }
            Err(why) => {
                let kind = if *isolation == Isolation::Root { "namespaces" } else { "user namespaces" };
                let hint =
                    if *isolation == Isolation::User { forbidden(&|path| fs::read_to_string(path).ok()) } else { None };
                let hint = hint.map(|h| format!(" ({h})")).unwrap_or_default();
                notes.push(format!("{kind} cannot be used here: {why}{hint}"));
            }
        }
    }
    notes.push("steps run as plain processes with your own rights and files".to_owned());
    (Isolation::Plain, notes)
}

/// Which of the machine's settings keeps users from making namespaces, and how that is changed.
fn forbidden(read: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    const SETTINGS: [(&str, &str, &str); 3] = [
        ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
        ("kernel.unprivileged_userns_clone", "0", "1"),
        ("user.max_user_namespaces", "0", "15000"),
    ];
    let set = |name: &str| read(&format!("/proc/sys/{}", name.replace('.', "/"))).unwrap_or_default();
    let (name, is, wanted) = SETTINGS.into_iter().find(|(name, forbids, _)| set(name).trim() == *forbids)?;
    Some(format!("this machine forbids them: {name} is {is}; as root, `sysctl -w {name}={wanted}` allows them"))
}

#[cfg(test)]
mod tests {
    use super::forbidden;

    #[test]
    fn what_forbids_namespaces_is_named() {
        let with = |name: &'static str, value: &'static str| {
            forbidden(&move |path| (path == name).then(|| value.to_owned())).unwrap_or_default()
        };
        let apparmor = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";
        assert!(with(apparmor, "1\n").contains("sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"));
        assert_eq!(with(apparmor, "0\n"), "");
        assert!(with("/proc/sys/user/max_user_namespaces", "0\n").contains("user.max_user_namespaces=15000"));
        assert_eq!(with("/proc/sys/user/max_user_namespaces", "63000\n"), "");
    }
}
