//! Reading a main container's outputs from its root, without ever following a link out of it.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{FileType, OFlags, fstat};

use crate::agent::protocol::{OutputParameter, OutputPath};

/// The root outputs are read from: a container's, the machine's for plain processes, or whatever somebody else opens paths in.
pub(crate) enum OutputRoot<'a> {
    Container(&'a OwnedFd),
    Machine { working_dir: &'a str },
    Other(&'a dyn Fn(&str, OFlags) -> io::Result<OwnedFd>),
}

impl OutputRoot<'_> {
    fn open(&self, path: &str, flags: OFlags) -> io::Result<OwnedFd> {
        match self {
            Self::Container(root) => crate::agent::container::resolve(root, path, flags),
            Self::Other(open) => open(path, flags),
            Self::Machine { working_dir } => {
                let path = Path::new(working_dir).join(path);
                Ok(rustix::fs::open(&path, flags | OFlags::CLOEXEC, rustix::fs::Mode::empty())?)
            }
        }
    }

    /// Reads a regular file of limited size.
    pub(crate) fn read(&self, path: &str, bytes_max: usize) -> io::Result<String> {
        // Not blocking: a step may have left a pipe there.
        let fd = self.open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        if !FileType::from_raw_mode(fstat(&fd)?.st_mode).is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let mut bytes = Vec::new();
        File::from(fd).take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > bytes_max {
            return Err(io::Error::other(format!("it is larger than {bytes_max} bytes (parameter_bytes_max)")));
        }
        String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8 text"))
    }

    fn exists(&self, path: &str) -> io::Result<bool> {
        match self.open(path, crate::agent::container::LOOK) {
            Ok(_) => Ok(true),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
            Err(e) => Err(e),
        }
    }
}

/// The parameters that are there, or why not: one line for each.
pub(crate) fn parameters(
    root: &OutputRoot<'_>,
    wanted: &[OutputParameter],
    bytes_max: usize,
) -> (Vec<(String, String)>, Vec<String>) {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for parameter in wanted {
        match (root.read(&parameter.path, bytes_max), &parameter.default) {
            (Ok(text), _) => {
                let value = text.strip_suffix('\n').unwrap_or(&text);
                found.push((parameter.name.clone(), value.to_owned()));
            }
            (Err(e), Some(default)) if e.kind() == io::ErrorKind::NotFound => {
                found.push((parameter.name.clone(), default.clone()));
            }
            (Err(e), _) => {
                let reason = if e.kind() == io::ErrorKind::NotFound {
                    "the step did not write it, and it has no default".to_owned()
                } else {
                    e.to_string()
                };
                missing.push(format!("output parameter {}: {}: {reason}", parameter.name, parameter.path));
            }
        }
    }
    (found, missing)
}

/// Names of the artifacts that are there, and a line for each that should be.
pub(crate) fn artifacts(root: &OutputRoot<'_>, wanted: &[OutputPath]) -> (Vec<String>, Vec<String>) {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for artifact in wanted {
        match root.exists(&artifact.path) {
            Ok(true) => found.push(artifact.name.clone()),
            Ok(false) if artifact.optional => {}
            Ok(false) => missing.push(format!(
                "output artifact {}: {}: the step did not write it, and it is not optional",
                artifact.name, artifact.path
            )),
            Err(e) => missing.push(format!("output artifact {}: {}: {e}", artifact.name, artifact.path)),
        }
    }
    (found, missing)
}
