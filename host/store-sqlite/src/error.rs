//! What SQLite's errors mean to a caller, and what to do about them.

use rusqlite::{Error, ErrorCode, ffi};
use store::StoreError;

/// Why a write was not done.
#[derive(Debug)]
pub(crate) enum Fail {
    /// The request does not hold; nothing was written.
    Refused(StoreError),
    /// SQLite failed.
    Sql(Error),
}

impl From<StoreError> for Fail {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<Error> for Fail {
    fn from(error: Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Fail> for StoreError {
    fn from(fail: Fail) -> Self {
        match fail {
            Fail::Refused(error) => error,
            Fail::Sql(error) => from_sql(error),
        }
    }
}

/// What the writer does after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// One request's own.
    Request,
    /// No room: the transaction was rolled back cleanly, and the next one may find room.
    Full,
    /// The file cannot be trusted or reached: reopen it.
    Reopen,
}

pub(crate) fn severity(error: &Error) -> Severity {
    let Error::SqliteFailure(failure, _) = error else { return Severity::Request };
    match failure.code {
        ErrorCode::DiskFull => Severity::Full,
        ErrorCode::SystemIoFailure
        | ErrorCode::DatabaseCorrupt
        | ErrorCode::NotADatabase
        | ErrorCode::CannotOpen
        | ErrorCode::ReadOnly
        | ErrorCode::PermissionDenied
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::OutOfMemory
        | ErrorCode::DatabaseBusy
        | ErrorCode::InternalMalfunction => Severity::Reopen,
        _ => Severity::Request,
    }
}

/// As the caller sees it.
pub(crate) fn from_sql(error: Error) -> StoreError {
    if let Error::SqliteFailure(failure, _) = &error {
        match failure.code {
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                return StoreError::Corrupt {
                    what: "the database".to_owned(),
                    reason: format!("{error}; stop the server, keep the file, and restore the last backup"),
                };
            }
            ErrorCode::TooBig => {
                return StoreError::TooLarge {
                    what: "a value".to_owned(),
                    limit_name: "sqlite_length_max",
                    limit: 1_000_000_000,
                    actual: 1_000_000_001,
                };
            }
            _ => {}
        }
    }
    StoreError::Unavailable { reason: reason(&error).to_owned(), source: Some(Box::new(error)) }
}

fn reason(error: &Error) -> &'static str {
    let Error::SqliteFailure(failure, _) = error else { return "the database answered what was not expected" };
    match failure.code {
        ErrorCode::DiskFull => {
            "the disk of the data directory is full; reads go on, and writes go on by themselves once there is room"
        }
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => {
            "the data directory cannot be written; reads go on, and writes go on by themselves once it can"
        }
        ErrorCode::OperationInterrupted => "the read took longer than its deadline (read_deadline); ask for less",
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            "another process holds the database; stop it, or wait until it is done"
        }
        ErrorCode::CannotOpen => "the database cannot be opened; look at the data directory and its permissions",
        ErrorCode::SystemIoFailure => match failure.extended_code {
            ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC | ffi::SQLITE_IOERR_WRITE => {
                "the disk did not take a write; nothing is acknowledged until the database was reopened, which is tried again and again"
            }
            _ => "the disk failed; look at the machine's log",
        },
        _ => "the database failed",
    }
}

/// The store is closing or its writer is gone.
pub(crate) fn closed() -> StoreError {
    StoreError::Unavailable { reason: "the store is closed".to_owned(), source: None }
}

pub(crate) fn corrupt(what: impl Into<String>, reason: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt { what: what.into(), reason: reason.to_string() }
}
