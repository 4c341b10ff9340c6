//! Process 1 of a container: builds the root, starts the program, passes signals on, reaps.

use std::convert::Infallible;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recv, send, sendmsg};
use rustix::process::{DumpableBehavior, Pid, Signal, kill_process, set_dumpable_behavior};
use serde::{Deserialize, Serialize};

use super::Pod;
use super::confined::become_program;
use super::process::{Program, null_device};
use super::root;
use super::user::{Identity, lookup};
use crate::agent::container::Command;
use crate::agent::fault::{At, Fault};
use crate::agent::protocol::ContainerSpec;
use crate::agent::sys;

/// One message between init and its supervisor.
const MESSAGE_BYTES_MAX: usize = 128 << 10;
/// Commands that run inside at the same time for probes and hooks.
const EXTRAS_MAX: usize = 16;

/// From init.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    /// The root stands. Comes with its descriptor and that of the mount namespace.
    Ready,
    /// It cannot be run, and why.
    Failed(String),
    /// The program runs.
    Running,
    /// The program ended.
    Exited { code: i32, signal: Option<i32> },
    /// A command ended.
    ExecEnded { id: u64, code: i32 },
}

/// What a container's process 1 holds.
pub(crate) struct Handles {
    pub control: OwnedFd,
    pub stdout: OwnedFd,
    pub stderr: OwnedFd,
}

/// Runs as process 1 and never returns.
pub(crate) fn run(pod: &Pod<'_>, spec: &ContainerSpec, at: usize, attempt: u32, handles: &Handles) -> ! {
    let code = match serve(pod, spec, at, attempt, handles) {
        Ok(code) => code,
        Err(e) => {
            let _ = tell(&handles.control, &Message::Failed(e.to_string()));
            125
        }
    };
    sys::exit_now(code)
}

fn serve(pod: &Pod<'_>, spec: &ContainerSpec, at: usize, attempt: u32, handles: &Handles) -> Result<i32, Fault> {
    sys::die_with_parent(true).at(|| "tie the container to its supervisor".to_owned())?;
    sys::block_signals(true);
    sys::default_signal(libc::SIGCHLD).at(|| "reset SIGCHLD".to_owned())?;
    // The supervisor's lock and connections must not live on in here.
    sys::close_all_but(&[handles.control.as_raw_fd(), handles.stdout.as_raw_fd(), handles.stderr.as_raw_fd()]);
    root::enter(pod, spec, &format!("{at}.{attempt}"))?;
    let identity = lookup(&spec.user)?;
    let (argv, env) = (pod.with_address(&spec.argv), pod.with_address(&spec.env));
    let program = Program::new(&argv, &env, &identity.home).map_err(Fault::new)?;
    let signals = sys::signal_fd().at(|| "open a signal descriptor".to_owned())?;
    let null = null_device().at(|| "open /dev/null".to_owned())?;
    tell_ready(&handles.control)?;
    if !matches!(next_command(&handles.control), Some(Command::Go)) {
        return Ok(125);
    }
    let inside = Inside { pod, spec, identity, null };
    let streams = [inside.null.as_fd(), handles.stdout.as_fd(), handles.stderr.as_fd()];
    let (main, failure) =
        sys::spawn_shared(&mut || inside.become_program(&program, streams)).at(|| "start a process".to_owned())?;
    // Nobody inside may look into this process, which knows the unit's other containers.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    if let Some(failure) = failure {
        return Err(Fault::new(failure));
    }
    let _ = tell(&handles.control, &Message::Running);
    Ok(inside.watch(main, &signals, &handles.control))
}

struct Inside<'a> {
    pod: &'a Pod<'a>,
    spec: &'a ContainerSpec,
    identity: Identity,
    null: OwnedFd,
}

impl Inside<'_> {
    fn become_program(
        &self,
        program: &Program,
        streams: [std::os::fd::BorrowedFd<'_>; 3],
    ) -> Result<Infallible, String> {
        let working_dir = Path::new(&self.spec.working_dir);
        become_program(
            program,
            &self.identity,
            &self.spec.security,
            self.pod.in_user_namespace(),
            (self.pod.bounding, self.pod.filters),
            working_dir,
            streams,
        )
    }

    /// Until the program has ended.
    fn watch(&self, main: Pid, signals: &OwnedFd, control: &OwnedFd) -> i32 {
        let mut extras: Vec<(Pid, u64)> = Vec::new();
        loop {
            let mut fds = [PollFd::new(signals, PollFlags::IN), PollFd::new(control, PollFlags::IN)];
            if poll(&mut fds, None).is_err() {
                continue;
            }
            let asked = fds.get(1).is_some_and(|f| !f.revents().is_empty());
            while let Some(signal) = sys::next_signal(signals) {
                if signal != libc::SIGCHLD {
                    pass(main, signal);
                }
            }
            while let Some((pid, reaped)) = sys::reap() {
                if pid == main {
                    let _ = tell(control, &Message::Exited { code: reaped.code, signal: reaped.signal });
                    return reaped.code;
                }
                if let Some(at) = extras.iter().position(|(p, _)| *p == pid) {
                    let (_, id) = extras.swap_remove(at);
                    let _ = tell(control, &Message::ExecEnded { id, code: reaped.code });
                }
            }
            if asked {
                match next_command(control) {
                    None => return 125,
                    Some(Command::Go) => {}
                    Some(Command::Signal(signal)) => pass(main, signal),
                    Some(Command::Exec { id, argv }) => match self.start_extra(&argv, extras.len()) {
                        Some(pid) => extras.push((pid, id)),
                        None => {
                            let _ = tell(control, &Message::ExecEnded { id, code: 126 });
                        }
                    },
                    Some(Command::Cancel { id }) => {
                        if let Some((pid, _)) = extras.iter().find(|(_, i)| *i == id) {
                            let _ = kill_process(*pid, Signal::KILL);
                        }
                    }
                }
            }
        }
    }

    fn start_extra(&self, argv: &[String], running: usize) -> Option<Pid> {
        if running >= EXTRAS_MAX {
            return None;
        }
        let program = Program::new(argv, &self.pod.with_address(&self.spec.env), &self.identity.home).ok()?;
        let streams = [self.null.as_fd(), self.null.as_fd(), self.null.as_fd()];
        let (pid, failure) = sys::spawn_shared(&mut || self.become_program(&program, streams)).ok()?;
        // One that failed to execute is reaped as any other; its id is answered here.
        failure.is_none().then_some(pid)
    }
}

fn pass(main: Pid, signal: i32) {
    if let Some(signal) = Signal::from_named_raw(signal) {
        let _ = kill_process(main, signal);
    }
}

fn tell(control: &OwnedFd, message: &Message) -> std::io::Result<()> {
    send(control, &serde_json::to_vec(message)?, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Hands out the root, so that outputs can be read after the last process is gone.
fn tell_ready(control: &OwnedFd) -> Result<(), Fault> {
    let open = |path: &str, flags| openat(CWD, path, flags | OFlags::CLOEXEC, Mode::empty());
    let root = open("/", OFlags::PATH | OFlags::DIRECTORY).at(|| "open the container's root".to_owned())?;
    let namespace = open("/proc/self/ns/mnt", OFlags::RDONLY).at(|| "open the mount namespace".to_owned())?;
    let message = serde_json::to_vec(&Message::Ready).map_err(|e| Fault::new(e.to_string()))?;
    let fds = [root.as_fd(), namespace.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(Fault::new("no room for two descriptors"));
    }
    sendmsg(control, &[std::io::IoSlice::new(&message)], &mut ancillary, SendFlags::NOSIGNAL)
        .at(|| "tell the supervisor".to_owned())?;
    Ok(())
}

fn next_command(control: &OwnedFd) -> Option<Command> {
    // As large as the message: memory that is only cleared costs a step more than the look ahead.
    let (_, length) = recv(control, &mut [0u8; 1], RecvFlags::PEEK | RecvFlags::TRUNC).ok()?;
    let mut buffer = vec![0u8; length.min(MESSAGE_BYTES_MAX)];
    let (length, _) = recv(control, buffer.as_mut_slice(), RecvFlags::empty()).ok()?;
    serde_json::from_slice(buffer.get(..length)?).ok()
}
