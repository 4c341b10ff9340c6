//! `colchis workflow lint`.

use clap::Args;

use crate::commands::lint::ServerLint;
use crate::context::Context;
use crate::error::CliResult;

/// Check manifests against the server's templates
///
/// As `colchis lint`, but references to templates that are not in the files are looked up at the server.
#[derive(Debug, Args)]
pub struct Lint {
    #[command(flatten)]
    lint: ServerLint,
}

impl Lint {
    pub(in crate::commands) async fn run(self, ctx: &mut Context) -> CliResult {
        self.lint.run(ctx).await
    }
}
