//! `colchis workflow suspend`.

use clap::Args;
use client::v1::SuspendRequest;

use super::steer;
use crate::context::Context;
use crate::error::CliResult;
use crate::support::selection::Filters;

/// Start nothing new until resumed
#[derive(Debug, Args)]
pub struct Suspend {
    /// Names of runs, or @latest
    #[arg(value_name = "WORKFLOW")]
    names: Vec<String>,

    #[command(flatten)]
    filters: Filters,
}

impl Suspend {
    pub(in crate::commands) async fn run(self, ctx: &mut Context) -> CliResult {
        steer::each(ctx, &self.names, &self.filters, false, ("suspend", "suspended"), |client, run| {
            let request = SuspendRequest { namespace: run.namespace, name: run.name };
            async move { client.workflows().suspend(request).await.map(|_| ()) }
        })
        .await
    }
}
