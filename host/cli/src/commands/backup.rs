//! `colchis backup`.

use std::path::PathBuf;

use clap::Args;

use crate::context::Context;
use crate::error::{CliError, CliResult, Exit};

/// Copy the store to a file, also while a server uses it
///
/// The copy is one consistent moment: objects, journal and events. Logs, images and local artifacts are ordinary files of the data folder and not in it.
#[derive(Debug, Args)]
pub struct Backup {
    /// The file to write; it must not be there yet
    #[arg(value_name = "FILE")]
    to: PathBuf,
}

impl Backup {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        let request = ctx.config_request()?;
        if self.to.exists() {
            return Err(CliError::usage(format!("{} is there already", self.to.display())));
        }
        let bytes = ctx.host.backup(&request, &self.to).await.map_err(|error| CliError::new(Exit::Failed, error))?;
        ctx.out.line(format!("{}: {bytes} bytes", self.to.display()))?;
        Ok(Exit::Done)
    }
}
