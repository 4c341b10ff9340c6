//! The few system calls that no library wraps safely for us. All `unsafe` of the launcher is here.
//!
//! The agent has one thread, so a forked child may allocate and call anything.
#![allow(unsafe_code)] // fork, clone, exec, wait4, signal handlers, mount_setattr: each block says why it is sound

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering};

use rustix::process::Pid;

#[cfg(all(target_os = "linux", not(colchis_plain)))]
mod linux;
#[cfg(all(target_os = "linux", not(colchis_plain)))]
pub(crate) use linux::*;

/// Forks. `None` in the child.
pub(crate) fn fork() -> io::Result<Option<Pid>> {
    // SAFETY: the agent is single threaded, so the child is a whole copy and may go on as it likes.
    let pid = unsafe { libc::fork() };
    returned_twice(i64::from(pid))
}

fn returned_twice(pid: i64) -> io::Result<Option<Pid>> {
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        pid => Ok(i32::try_from(pid).ok().and_then(Pid::from_raw)),
    }
}

fn positive(pid: i32) -> Option<Pid> {
    if pid > 0 { Pid::from_raw(pid) } else { None }
}

/// Ends this process at once, without destructors or exit handlers: what a forked child must do.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(code) }
}

/// Becomes another program. Returns only on failure.
pub(crate) fn exec(path: &CString, argv: &[CString], env: &[CString]) -> io::Error {
    let pointers = |list: &[CString]| list.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect::<Vec<_>>();
    let (argv, env) = (pointers(argv), pointers(env));
    // SAFETY: both arrays end in null and their strings live until the call returns.
    unsafe { libc::execve(path.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    io::Error::last_os_error()
}

/// How a child ended.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reaped {
    /// Its exit code, or 128 and the signal.
    pub code: i32,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// CPU time of it and of the children it waited for.
    pub cpu_ms: u64,
    /// The largest resident size among them.
    pub peak_bytes: u64,
}

/// Takes one ended child, if there is one.
pub(crate) fn reap() -> Option<(Pid, Reaped)> {
    let mut status = 0;
    // SAFETY: an all-zero rusage is a valid value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live locals of the right type.
    let pid = unsafe { libc::wait4(-1, &raw mut status, libc::WNOHANG, &raw mut usage) };
    let pid = positive(pid)?;
    let signal = libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status));
    let code = signal.map_or_else(|| libc::WEXITSTATUS(status), |s| 128 + s);
    let ms =
        |t: libc::timeval| u64::try_from(t.tv_sec).unwrap_or(0) * 1000 + u64::try_from(t.tv_usec).unwrap_or(0) / 1000;
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    let peak_bytes = u64::try_from(usage.ru_maxrss).unwrap_or(0) * unit;
    Some((pid, Reaped { code, signal, cpu_ms: ms(usage.ru_utime) + ms(usage.ru_stime), peak_bytes }))
}

static WAKE: AtomicI32 = AtomicI32::new(-1);

extern "C" fn wake(signal: libc::c_int) {
    let fd = WAKE.load(Ordering::Relaxed);
    let byte = u8::try_from(signal).unwrap_or(0);
    // SAFETY: write is async-signal-safe; a full pipe already wakes the reader.
    unsafe { libc::write(fd, (&raw const byte).cast(), 1) };
}

/// Makes `SIGCHLD` (and `also`) write its number to a pipe; answers the pipe's end to poll.
pub(crate) fn signal_pipe(also: &[i32]) -> io::Result<OwnedFd> {
    let (read, write) = rustix::pipe::pipe()?;
    for fd in [&read, &write] {
        rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC)?;
        let flags = rustix::fs::fcntl_getfl(fd)?;
        rustix::fs::fcntl_setfl(fd, flags | rustix::fs::OFlags::NONBLOCK)?;
    }
    let old = WAKE.swap(std::os::fd::IntoRawFd::into_raw_fd(write), Ordering::Relaxed);
    if old >= 0 {
        close_raw(old);
    }
    for signal in [libc::SIGCHLD].iter().chain(also) {
        handle(*signal, wake as *const () as usize)?;
    }
    Ok(read)
}

/// Back to the default action; also ends what an earlier [`signal_pipe`] set up.
pub(crate) fn default_signal(signal: i32) -> io::Result<()> {
    handle(signal, libc::SIG_DFL)
}

fn handle(signal: i32, handler: usize) -> io::Result<()> {
    // SAFETY: an all-zero sigaction is valid; the handler is one of ours, SIG_DFL or SIG_IGN.
    let result = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(signal, &raw const action, std::ptr::null_mut())
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Blocks (or unblocks) all signals.
pub(crate) fn block_signals(block: bool) {
    // SAFETY: a zeroed set is then filled by sigfillset; sigprocmask reads it.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut set);
        libc::sigprocmask(
            if block { libc::SIG_BLOCK } else { libc::SIG_UNBLOCK },
            &raw const set,
            std::ptr::null_mut(),
        );
    }
}

/// Makes descriptors 0, 1 and 2 of `from`.
pub(crate) fn standard_streams(from: [BorrowedFd<'_>; 3]) -> io::Result<()> {
    for (to, fd) in from.iter().enumerate() {
        let to = i32::try_from(to).unwrap_or(0);
        // SAFETY: dup2 onto the standard streams of a process that is about to exec; nothing of Rust owns them.
        if unsafe { libc::dup2(fd.as_raw_fd(), to) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Closes a descriptor that nothing owns.
pub(crate) fn close_raw(fd: RawFd) {
    // SAFETY: the caller says that nothing owns it.
    unsafe { libc::close(fd) };
}

/// Closes all descriptors from 3 on except these. What owned them must be forgotten by the caller (a forked child that never returns).
pub(crate) fn close_all_but(keep: &[RawFd]) {
    let mut keep: Vec<RawFd> = keep.to_vec();
    keep.sort_unstable();
    let mut from: RawFd = 3;
    for fd in keep {
        if fd > from {
            close_span(from, fd - 1);
        }
        from = from.max(fd + 1);
    }
    close_span(from, RawFd::MAX);
}

fn close_span(first: RawFd, last: RawFd) {
    #[cfg(all(target_os = "linux", not(colchis_plain)))]
    {
        let (first, last) = (first.unsigned_abs(), last.unsigned_abs());
        // SAFETY: closes descriptors by number; the owners are never used again in this process.
        if unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } == 0 {
            return;
        }
    }
    for fd in first..=last.min(4096) {
        close_raw(fd);
    }
}

/// User, group and supplementary groups of this (single threaded) process.
pub(crate) fn become_user(uid: u32, gid: u32, groups: &[u32]) -> io::Result<()> {
    // SAFETY: plain calls; the slice outlives the call.
    unsafe {
        // Without the right to set groups (a user namespace of one user) the list is already empty.
        if libc::setgroups(groups.len() as _, groups.as_ptr()) != 0 && !groups.is_empty() {
            return Err(io::Error::last_os_error());
        }
        if libc::setgid(gid) != 0 || libc::setuid(uid) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Dies with its parent: not to be had here.
#[cfg(not(all(target_os = "linux", not(colchis_plain))))]
pub(crate) fn die_with_parent(_yes: bool) -> io::Result<()> {
    Ok(())
}
