//! In place of networks of a unit's own, where there are none.

use super::fault::Fault;
use super::protocol::Isolation;

/// What a unit with a network of its own holds.
#[derive(Debug, Default)]
pub(crate) struct Attached {
    /// The address consumers use.
    pub address: Option<String>,
}

pub(crate) fn attach(_: &str, _: [u8; 4], _: u8, _: Isolation) -> Result<(Attached, Vec<String>), Fault> {
    Err(Fault::new("a network of its own needs Linux"))
}
