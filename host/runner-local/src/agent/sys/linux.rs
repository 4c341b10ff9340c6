//! Those that only Linux has: namespaces, mounts, filters, signals as descriptors.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::process::Pid;

use super::{positive, returned_twice};

/// Forks into new namespaces (`CLONE_NEW…` flags). `None` in the child.
pub(crate) fn fork_into(flags: i32) -> io::Result<Option<Pid>> {
    let flags = libc::c_long::from(flags | libc::SIGCHLD);
    // SAFETY: as `fork`: no shared memory (no CLONE_VM), no stack of its own, a single thread.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    returned_twice(pid)
}

/// Starts a program in a child that shares this process's memory until it has executed: the cheapest start there is.
/// `prepare` runs in the child, must not allocate more than it frees, and its error becomes the answer.
pub(crate) fn spawn_shared(
    prepare: &mut dyn FnMut() -> Result<std::convert::Infallible, String>,
) -> io::Result<(Pid, Option<String>)> {
    struct Work<'a> {
        prepare: &'a mut dyn FnMut() -> Result<std::convert::Infallible, String>,
        failure: Option<String>,
    }
    extern "C" fn child(work: *mut libc::c_void) -> libc::c_int {
        // SAFETY: `work` is the `Work` below; the parent is suspended (CLONE_VFORK) until we exec or exit.
        let work = unsafe { &mut *work.cast::<Work<'_>>() };
        let Err(e) = (work.prepare)();
        work.failure = Some(e);
        // SAFETY: ends only the child.
        unsafe { libc::_exit(127) }
    }
    const STACK: usize = 256 << 10;
    let mut work = Work { prepare, failure: None };
    let mut stack = vec![0u128; STACK / 16];
    // SAFETY: one past the end of the stack, 16 byte aligned, growing downwards.
    let top = unsafe { stack.as_mut_ptr().add(stack.len()) };
    // SAFETY: CLONE_VFORK suspends us until the child has left our memory, so `work` and `stack` outlive it.
    let pid = unsafe {
        libc::clone(child, top.cast(), libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD, (&raw mut work).cast())
    };
    match positive(pid) {
        Some(pid) => Ok((pid, work.failure)),
        None => Err(io::Error::last_os_error()),
    }
}

/// A descriptor that gives the signals this process has blocked.
pub(crate) fn signal_fd() -> io::Result<OwnedFd> {
    // SAFETY: as `block_signals`; the descriptor is new and ours.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut set);
        let fd = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(OwnedFd::from_raw_fd(fd)) }
    }
}

/// The next signal of a [`signal_fd`].
pub(crate) fn next_signal(fd: &OwnedFd) -> Option<i32> {
    let mut buffer = [0u8; size_of::<libc::signalfd_siginfo>()];
    match rustix::io::read(fd, &mut buffer) {
        Ok(n) if n == buffer.len() => {
            let number = buffer.first_chunk::<4>()?;
            i32::try_from(u32::from_ne_bytes(*number)).ok()
        }
        _ => None,
    }
}

/// Sets attributes (`MOUNT_ATTR_…`) on the mount at an open tree, recursively if asked.
pub(crate) fn mount_attributes(tree: BorrowedFd<'_>, set: u64, recursive: bool) -> io::Result<()> {
    let attributes = libc::mount_attr { attr_set: set, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: an empty path, and a structure of the size given.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Takes namespaces apart from the parent's.
pub(crate) fn unshare(flags: i32) -> io::Result<()> {
    // SAFETY: the process has one thread; CLONE_FILES and CLONE_FS are not among the flags used here.
    if unsafe { libc::unshare(flags) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Dies with its parent.
pub(crate) fn die_with_parent(yes: bool) -> io::Result<()> {
    let signal = if yes { Some(rustix::process::Signal::KILL) } else { None };
    Ok(rustix::process::set_parent_process_death_signal(signal)?)
}

/// Installs a compiled system call filter for this process and what it becomes.
pub(crate) fn install_filter(program: &[seccompiler::sock_filter]) -> io::Result<()> {
    let fprog = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| io::Error::other("the filter is too long"))?,
        filter: program.as_ptr().cast_mut().cast(),
    };
    const SET_MODE_FILTER: libc::c_long = 1;
    // SAFETY: seccompiler's sock_filter is the kernel's, repr(C); the kernel copies the program during the call.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, SET_MODE_FILTER, 0, &raw const fprog) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
