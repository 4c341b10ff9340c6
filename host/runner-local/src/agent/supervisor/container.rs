//! One container as its supervisor sees it.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::clock;
use super::log::{LogWriter, Stream, Tail};
use super::probe::ProbeState;
use crate::agent::container::{LOOPBACK, with_address};
use crate::agent::fault::{At, Fault};
use crate::agent::protocol::{Bounds, ContainerSpec, Isolation, LaunchSpec, Role};
use crate::agent::sys::{self, Reaped};

/// Bytes taken from a pipe before the others get their turn.
const READ_BYTES: usize = 64 << 10;
/// How long a plain process's leftovers may hold its output open.
const PLAIN_DRAIN: Duration = Duration::from_millis(300);

/// Where a container stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// For its dependencies or its turn.
    Waiting,
    /// Its root is being made.
    Starting,
    /// Its program runs.
    Running,
    /// Over.
    Ended(End),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// Its program ended.
    Exit { code: i32, signal: Option<i32> },
    /// It never ran.
    Failed(String),
    /// It was not started, because of what happened to others.
    Skipped(String),
}

impl End {
    pub(super) fn success(&self) -> bool {
        matches!(self, Self::Exit { code: 0, .. })
    }
}

/// A container.
pub(super) struct Container<'a> {
    pub spec: &'a ContainerSpec,
    pub state: State,
    pub attempt: u32,
    pub retry_at: Option<Instant>,
    pub process: Option<Pid>,
    pub control: Option<OwnedFd>,
    pub root: Option<OwnedFd>,
    pub namespace: Option<OwnedFd>,
    pub stdout: Option<File>,
    pub stderr: Option<File>,
    pub log: LogWriter,
    pub tail: Tail,
    pub log_tail: Tail,
    /// What init said before it was reaped.
    pub said: Option<End>,
    pub reaped: Option<(Reaped, Instant)>,
    pub started_ms: Option<i64>,
    pub finished_ms: Option<i64>,
    pub kill_at: Option<Instant>,
    pub killed_by_us: bool,
    pub cpu_ms: u64,
    pub peak_bytes: u64,
    pub out_of_memory: bool,
    /// Why it was ended from outside, when the container's own (a probe, a hook).
    pub verdict: Option<String>,
    pub probes: Vec<ProbeState>,
    bounds: Bounds,
    plain: bool,
}

impl<'a> Container<'a> {
    pub(super) fn new(unit: &LaunchSpec, spec: &'a ContainerSpec) -> Self {
        let b = unit.bounds;
        Self {
            spec,
            state: State::Waiting,
            attempt: 0,
            retry_at: None,
            process: None,
            control: None,
            root: None,
            namespace: None,
            stdout: None,
            stderr: None,
            log: LogWriter::new(&unit.log_dir, &spec.name, 0, b.log_bytes_max, b.log_line_bytes_max),
            tail: Tail::new(b.result_bytes_max),
            log_tail: Tail::new(2048),
            said: None,
            reaped: None,
            started_ms: None,
            finished_ms: None,
            kill_at: None,
            killed_by_us: false,
            cpu_ms: 0,
            peak_bytes: 0,
            out_of_memory: false,
            verdict: None,
            probes: Vec::new(),
            bounds: b,
            plain: unit.isolation == Isolation::Plain,
        }
    }

    pub(super) fn alive(&self) -> bool {
        matches!(self.state, State::Starting | State::Running)
    }

    pub(super) fn is_main(&self) -> bool {
        self.spec.role == Role::Main
    }

    /// Ready to be started once more.
    pub(super) fn again(&mut self, unit: &LaunchSpec) {
        self.attempt += 1;
        self.state = State::Waiting;
        self.retry_at = Some(Instant::now() + Duration::from_millis(self.spec.retry_pause_ms));
        let b = self.bounds;
        self.log = LogWriter::new(&unit.log_dir, &self.spec.name, self.attempt, b.log_bytes_max, b.log_line_bytes_max);
        self.tail = Tail::new(b.result_bytes_max);
        self.log_tail = Tail::new(2048);
        (self.process, self.control, self.root, self.namespace) = (None, None, None, None);
        (self.stdout, self.stderr, self.said, self.reaped) = (None, None, None, None);
        (self.kill_at, self.killed_by_us, self.verdict) = (None, false, None);
        self.probes.clear();
    }

    /// Sends a signal to its program.
    pub(super) fn signal(&self, signal: i32) {
        if let Some(control) = &self.control {
            super::inside::command(control, &crate::agent::container::Command::Signal(signal));
        } else if let (true, Some(pid), Some(signal)) = (self.plain, self.process, Signal::from_named_raw(signal)) {
            let _ = kill_process_group(pid, signal);
        }
    }

    /// Ends everything in it.
    pub(super) fn kill(&mut self) {
        self.kill_at = None;
        self.killed_by_us = true;
        if let (Some(pid), None) = (self.process, &self.reaped) {
            if self.plain {
                let _ = kill_process_group(pid, Signal::KILL);
            }
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    /// Reads what its program wrote.
    pub(super) fn read(&mut self, stream: Stream) {
        // Not cleared first: most reads find little or the end.
        let mut buffer: Vec<u8> = Vec::with_capacity(READ_BYTES);
        let file = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        let Some(open) = file else { return };
        match rustix::io::read(&*open, rustix::buffer::spare_capacity(&mut buffer)) {
            Ok(0) => *file = None,
            Ok(_) => {
                self.log.feed(stream, &buffer);
                self.log_tail.feed(&buffer);
                if stream == Stream::Stdout {
                    self.tail.feed(&buffer);
                }
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => *file = None,
        }
    }

    /// After the process is gone: takes what is left in the pipes and ends. False while a plain process's leftovers still write.
    pub(super) fn settle(&mut self) -> bool {
        let Some((reaped, since)) = self.reaped else { return false };
        for stream in [Stream::Stdout, Stream::Stderr] {
            // A pipe holds at most 1 MiB, whoever still has its other end.
            for _ in 0..16 {
                let open = if stream == Stream::Stdout { &self.stdout } else { &self.stderr };
                let Some(open) = open else { break };
                let waiting = rustix::io::ioctl_fionread(open).unwrap_or(0);
                if waiting == 0 && !self.plain {
                    break;
                }
                self.read(stream);
                if waiting == 0 {
                    break;
                }
            }
        }
        if self.plain && (self.stdout.is_some() || self.stderr.is_some()) && since.elapsed() < PLAIN_DRAIN {
            return false;
        }
        (self.stdout, self.stderr, self.control) = (None, None, None);
        let end = self.said.take().unwrap_or(End::Exit { code: reaped.code, signal: reaped.signal });
        self.cpu_ms += reaped.cpu_ms;
        self.peak_bytes = self.peak_bytes.max(reaped.peak_bytes);
        self.finished_ms = Some(clock::now_ms());
        self.log.end(&match &end {
            End::Exit { code, .. } => format!("exit code {code}"),
            End::Failed(why) | End::Skipped(why) => why.clone(),
        });
        self.state = State::Ended(end);
        true
    }
}

/// The ends of a pipe: ours does not block.
pub(super) fn pipe() -> Result<(File, OwnedFd), Fault> {
    let (read, write) = rustix::pipe::pipe().at(|| "make a pipe".to_owned())?;
    for fd in [&read, &write] {
        rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC).at(|| "set up a pipe".to_owned())?;
    }
    rustix::fs::fcntl_setfl(&read, rustix::fs::OFlags::NONBLOCK).at(|| "set up a pipe".to_owned())?;
    Ok((read.into(), write))
}

/// Starts a plain process.
pub(super) fn start_plain(container: &mut Container<'_>) -> Result<(), Fault> {
    use std::os::fd::AsFd;
    let spec = container.spec;
    let home = std::env::var("HOME").unwrap_or_else(|_| "/".to_owned());
    let [argv, env] = [&spec.argv, &spec.env].map(|texts| with_address(texts, LOOPBACK));
    let program = crate::agent::container::Program::new(&argv, &env, &home).map_err(Fault::new)?;
    let working_dir = std::path::PathBuf::from(&spec.working_dir);
    let null = crate::agent::container::null_device().at(|| "open /dev/null".to_owned())?;
    let ((out_read, out), (err_read, err), (mut why_read, why)) = (pipe()?, pipe()?, pipe()?);
    match sys::fork().at(|| "start a process".to_owned())? {
        None => {
            let _ = sys::die_with_parent(true);
            let kept = [null.as_raw_fd(), out.as_raw_fd(), err.as_raw_fd(), why.as_raw_fd()];
            sys::close_all_but(&kept);
            let streams = [null.as_fd(), out.as_fd(), err.as_fd()];
            let reason = match crate::agent::container::become_plain(&program, &working_dir, streams) {
                Ok(never) => match never {},
                Err(reason) => reason,
            };
            let _ = rustix::io::write(&why, reason.as_bytes());
            sys::exit_now(127)
        }
        Some(pid) => {
            drop((out, err, why));
            // Closed by a successful exec.
            let _ = rustix::fs::fcntl_setfl(&why_read, rustix::fs::OFlags::empty());
            let mut reason = String::new();
            let _ = why_read.read_to_string(&mut reason);
            container.process = Some(pid);
            (container.stdout, container.stderr) = (Some(out_read), Some(err_read));
            if !reason.is_empty() {
                container.said = Some(End::Failed(reason));
            }
            Ok(())
        }
    }
}
