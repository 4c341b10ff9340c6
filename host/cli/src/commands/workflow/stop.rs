//! `colchis workflow stop`.

use clap::Args;
use client::v1::StopRequest;

use super::steer;
use crate::context::Context;
use crate::error::CliResult;
use crate::support::selection::Filters;

/// Start no new steps; exit handlers run
///
/// Running steps are stopped, and the run ends as failed once its exit handlers have ended.
#[derive(Debug, Args)]
pub struct Stop {
    /// Names of runs, or @latest
    #[arg(value_name = "WORKFLOW")]
    names: Vec<String>,

    #[command(flatten)]
    filters: Filters,

    /// Stop only the suspended steps whose fields match, such as displayName=approve; the run goes on
    #[arg(long, value_name = "FIELDS")]
    node_field_selector: Option<String>,

    /// What the stopped steps say
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,

    /// Only tell which runs it would be
    #[arg(long)]
    dry_run: bool,
}

impl Stop {
    pub(in crate::commands) async fn run(self, ctx: &mut Context) -> CliResult {
        let (selector, message) = (self.node_field_selector.unwrap_or_default(), self.message.unwrap_or_default());
        steer::each(ctx, &self.names, &self.filters, self.dry_run, ("stop", "stopped"), |client, run| {
            let request = StopRequest {
                namespace: run.namespace,
                name: run.name,
                node_selector: selector.clone(),
                message: message.clone(),
            };
            async move { client.workflows().stop(request).await.map(|_| ()) }
        })
        .await
    }
}
