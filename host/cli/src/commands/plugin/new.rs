use crate::context::Context;
use crate::error::{CliResult, Exit};
use clap::Args;
#[derive(Debug, Args)]
pub struct New {}
impl New {
    pub(super) fn run(self, _: &mut Context) -> CliResult {
        Ok(Exit::Done)
    }
}
