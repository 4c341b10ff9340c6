//! In place of containers in namespaces of their own, where there are none.

use std::os::fd::OwnedFd;

use super::container::Container;
use super::unit::Unit;
use crate::agent::cgroup::UnitGroup;
use crate::agent::container::{Command, Pod};
use crate::agent::fault::Fault;

impl Unit<'_> {
    pub(super) fn hear(&mut self, _at: usize) {}
}

pub(super) fn start_inside(
    _: &Pod<'_>,
    _: usize,
    _: &mut Container<'_>,
    _: &UnitGroup,
    _: &mut Vec<String>,
) -> Result<(), Fault> {
    Err(Fault::new("containers need Linux"))
}

pub(super) fn command(_: &OwnedFd, _: &Command) {}
