//! Where an output lies of a plain process: where it says.

use std::io;
use std::path::PathBuf;

use super::unit::Claim;

/// The machine itself.
pub(super) struct Root;

pub(super) fn root(_: &Claim, _: &Option<i32>, _: Option<u32>) -> io::Result<Root> {
    Ok(Root)
}

/// A path that the driver may open.
pub(super) struct Source {
    pub path: PathBuf,
}

pub(super) fn source(_: &Root, path: &str) -> io::Result<Source> {
    Ok(Source { path: PathBuf::from(path) })
}
