//! A program, and becoming it as a plain process: limits, streams, exec.

use std::convert::Infallible;
use std::ffi::CString;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::agent::sys;

/// Open files a program may have at first: enough for anything, and not so many that programs which close all of them take long.
const OPEN_FILES: u64 = 65_536;
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program ready to be executed: all that needs memory or may be refused early is done.
pub(crate) struct Program {
    argv: Vec<CString>,
    env: Vec<CString>,
    candidates: Vec<CString>,
    name: String,
}

impl Program {
    /// Looks at arguments and environment; `PATH` is the container's.
    pub(crate) fn new(argv: &[String], env: &[String], home: &str) -> Result<Self, String> {
        let name = argv.first().filter(|n| !n.is_empty()).ok_or("the command is empty")?.clone();
        let c =
            |s: &String| CString::new(s.as_str()).map_err(|_| "an argument or variable holds a zero byte".to_owned());
        let mut list = env.iter().map(c).collect::<Result<Vec<_>, _>>()?;
        let value = |key: &str| env.iter().rev().find_map(|e| e.strip_prefix(key)?.strip_prefix('='));
        let path = value("PATH").map(str::to_owned);
        if path.is_none() {
            list.push(c(&format!("PATH={DEFAULT_PATH}"))?);
        }
        if value("HOME").is_none() {
            list.push(c(&format!("HOME={home}"))?);
        }
        let candidates = if name.contains('/') {
            vec![c(&name)?]
        } else {
            let path = path.unwrap_or_else(|| DEFAULT_PATH.to_owned());
            path.split(':').filter(|d| !d.is_empty()).map(|d| c(&format!("{d}/{name}"))).collect::<Result<_, _>>()?
        };
        Ok(Self { argv: argv.iter().map(c).collect::<Result<_, _>>()?, env: list, candidates, name })
    }

    /// Executes; returns only with the reason why not.
    pub(crate) fn exec(&self) -> String {
        let mut reason = io::Error::from_raw_os_error(libc::ENOENT);
        for candidate in &self.candidates {
            let e = sys::exec(candidate, &self.argv, &self.env);
            match e.raw_os_error() {
                Some(libc::ENOENT | libc::ENOTDIR) => {}
                // A folder of the PATH may be closed to this user; the next may have it.
                Some(libc::EACCES) => reason = e,
                _ => {
                    reason = e;
                    break;
                }
            }
        }
        let name = &self.name;
        match reason.raw_os_error() {
            Some(libc::E2BIG) => format!(
                "exec {name}: arguments and environment together are longer than the machine allows (one of them at most \
                 128 KiB on Linux): pass large values as an input artifact"
            ),
            Some(libc::ENOEXEC) => format!("exec {name}: not a program for this machine, and without a `#!` line"),
            // The file may be there, but not the interpreter it names.
            _ if self.is_there() => format!("exec {name}: {reason} (its interpreter or library loader may be missing)"),
            Some(libc::ENOENT) => format!("exec {name}: no such program in the container's PATH"),
            _ => format!("exec {name}: {reason}"),
        }
    }

    fn is_there(&self) -> bool {
        self.candidates.iter().any(|c| Path::new(std::ffi::OsStr::from_bytes(c.as_bytes())).exists())
    }
}

pub(super) fn begin(streams: [BorrowedFd<'_>; 3]) -> Result<(), String> {
    let step = |what: &'static str| move |e: io::Error| format!("{what}: {e}");
    rustix::process::setsid().map_err(|e| step("start a session")(e.into()))?;
    sys::standard_streams(streams).map_err(step("set the standard streams"))?;
    // Rust ignores it from the start, and that is inherited.
    sys::default_signal(libc::SIGPIPE).map_err(step("reset SIGPIPE"))?;
    sys::block_signals(false);
    let files = getrlimit(Resource::Nofile);
    let most = files.maximum.unwrap_or(OPEN_FILES);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(most.min(OPEN_FILES)), maximum: files.maximum });
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: getrlimit(Resource::Core).maximum });
    let _ = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    Ok(())
}

pub(super) fn enter(working_dir: &Path) -> Result<(), String> {
    let dir = if working_dir.as_os_str().is_empty() { Path::new("/") } else { working_dir };
    rustix::process::chdir(dir)
        .map_err(|e| format!("enter the working directory {}: {}", dir.display(), io::Error::from(e)))
}

/// A plain process: no namespaces, no user change.
pub(crate) fn become_plain(
    program: &Program,
    working_dir: &Path,
    streams: [BorrowedFd<'_>; 3],
) -> Result<Infallible, String> {
    begin(streams)?;
    enter(working_dir)?;
    Err(program.exec())
}

/// `/dev/null`, for standard input.
pub(crate) fn null_device() -> io::Result<OwnedFd> {
    Ok(std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?.into())
}
