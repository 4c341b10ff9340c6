//! `colchis server`.

use clap::Args;

use crate::context::Context;
use crate::error::{CliError, CliResult, Exit};

/// Start a server
///
/// It keeps everything in its data folder, listens on loopback, and makes a token that only you can read. Stop it with Ctrl-C or SIGTERM: requests under way
/// are finished, and running steps go on and are taken up again at the next start.
#[derive(Debug, Args)]
#[command(
    after_help = "Every flag is also a setting of the file and a variable of the environment: `colchis config explain` shows them with their values."
)]
pub struct Server {}

impl Server {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        let request = ctx.config_request()?;
        ctx.host.serve(&request).await.map_err(|error| CliError::new(Exit::Failed, error))
    }
}
