//! `colchis workflow resume`.

use clap::Args;
use client::v1::ResumeRequest;

use super::steer;
use crate::context::Context;
use crate::error::CliResult;
use crate::support::selection::Filters;

/// Go on with suspended runs or steps
#[derive(Debug, Args)]
pub struct Resume {
    /// Names of runs, or @latest
    #[arg(value_name = "WORKFLOW")]
    names: Vec<String>,

    #[command(flatten)]
    filters: Filters,

    /// Resume only the suspended steps whose fields match, such as displayName=approve
    #[arg(long, value_name = "FIELDS")]
    node_field_selector: Option<String>,
}

impl Resume {
    pub(in crate::commands) async fn run(self, ctx: &mut Context) -> CliResult {
        let selector = self.node_field_selector.unwrap_or_default();
        steer::each(ctx, &self.names, &self.filters, false, ("resume", "resumed"), |client, run| {
            let request = ResumeRequest { namespace: run.namespace, name: run.name, node_selector: selector.clone() };
            async move { client.workflows().resume(request).await.map(|_| ()) }
        })
        .await
    }
}
