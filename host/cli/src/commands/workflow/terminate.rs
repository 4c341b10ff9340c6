//! `colchis workflow terminate`.

use clap::Args;
use client::v1::TerminateRequest;

use super::steer;
use crate::context::Context;
use crate::error::CliResult;
use crate::support::selection::Filters;

/// End at once, without exit handlers
#[derive(Debug, Args)]
pub struct Terminate {
    /// Names of runs, or @latest
    #[arg(value_name = "WORKFLOW")]
    names: Vec<String>,

    #[command(flatten)]
    filters: Filters,

    /// Only tell which runs it would be
    #[arg(long)]
    dry_run: bool,
}

impl Terminate {
    pub(in crate::commands) async fn run(self, ctx: &mut Context) -> CliResult {
        steer::each(ctx, &self.names, &self.filters, self.dry_run, ("terminate", "terminated"), |client, run| {
            let request = TerminateRequest { namespace: run.namespace, name: run.name };
            async move { client.workflows().terminate(request).await.map(|_| ()) }
        })
        .await
    }
}
