//! `colchis backup`.

use std::path::PathBuf;

use clap::Args;

use crate::context::Context;
use crate::error::{CliError, CliResult, Exit};

/// Copy the store into a folder, also while a server uses it
///
/// The copy is one consistent moment of objects, journals and events, and a data folder to start a server on: colchis server --data-dir DIR. Logs, images and
/// local artifacts are ordinary files and not in it.
#[derive(Debug, Args)]
pub struct Backup {
    /// The folder to write; it must hold no store yet
    #[arg(value_name = "DIR")]
    to: PathBuf,

    /// Copy the key of the secrets, too: without it the copy's Secrets cannot be read, with it whoever has the copy can
    #[arg(long)]
    with_key: bool,
}

impl Backup {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        let request = ctx.config_request()?;
        let done = ctx.host.backup(&request, &self.to, self.with_key).await;
        let report = done.map_err(|error| CliError::new(Exit::Failed, error))?;
        let (objects, instances, revision) = (report.objects, report.instances, report.revision);
        ctx.out.line(format!("{}: {objects} objects, {instances} journals, revision {revision}", self.to.display()))?;
        if !self.with_key {
            ctx.out.note("without the key of the secrets: --with-key copies it, too");
        }
        Ok(Exit::Done)
    }
}
