//! A unit's claim, lock and record.
//!
//! The record is locked from before the claim is written until the supervisor ends, however it ends: a claim without a lock is a
//! unit that nobody supervises any more. No process id is ever trusted.
//!
//! The record is a file of JSON lines that only grows: the claim is synced before anything starts, the end is synced before it is
//! told. `Started` is not synced: a claim without an end already says that the unit ran.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::agent::protocol::{RECORD_FILE, Record};

/// Why a unit was not claimed.
#[derive(Debug)]
pub(crate) enum ClaimError {
    /// Somebody claimed this key before.
    Duplicate,
    /// The claim could not be made durable.
    Io(io::Error),
}

/// The record, open for appending.
pub(crate) struct RecordFile(File);

impl RecordFile {
    /// Writes the claim, once for ever. Durable with [`RecordFile::sync`].
    pub(crate) fn claim(log_dir: &Path, claim: &Record) -> Result<Self, ClaimError> {
        fs::create_dir_all(log_dir).map_err(ClaimError::Io)?;
        let path = log_dir.join(RECORD_FILE);
        let opened = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path);
        let mut record = match opened {
            Ok(file) => Self(file),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Err(ClaimError::Duplicate),
            Err(e) => return Err(ClaimError::Io(e)),
        };
        let claimed = flock(&record.0, FlockOperation::NonBlockingLockExclusive).map_err(io::Error::from);
        claimed.and_then(|()| record.append(claim)).map_err(|e| {
            // A claim that is not whole must not keep the unit from being started when there is room again.
            let _ = fs::remove_file(&path);
            ClaimError::Io(e)
        })?;
        Ok(record)
    }

    /// Adds a line.
    pub(crate) fn append(&mut self, record: &Record) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.0.write_all(&line)
    }

    /// Makes it durable. A new file is synced with its metadata, so that journaling file systems make its name durable too.
    pub(crate) fn sync(&self, new: bool) -> io::Result<()> {
        if new { self.0.sync_all() } else { self.0.sync_data() }
    }
}

/// Reads a record; a torn last line is left out.
pub(crate) fn read(log_dir: &Path) -> io::Result<Vec<Record>> {
    let text = fs::read(log_dir.join(RECORD_FILE))?;
    Ok(text
        .split_inclusive(|b| *b == b'\n')
        .filter(|line| line.ends_with(b"\n"))
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect())
}

/// Adds a line from the server's side, after the supervisor has written its last.
pub(crate) fn append(log_dir: &Path, record: &Record) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(log_dir.join(RECORD_FILE))?;
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    file.write_all(&line)
}
