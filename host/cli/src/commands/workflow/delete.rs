//! `colchis workflow delete`.

use clap::Args;
use client::v1::{DeleteWorkflowRequest, DryRun};

use crate::context::{Context, now_ms};
use crate::error::{CliError, CliResult, Exit};
use crate::support::refused;
use crate::support::selection::{Filters, Pages, RunName, named};

/// Delete runs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  colchis workflow delete hello-x7k2p
  colchis workflow delete --older 7d
  colchis workflow delete --all --completed --dry-run")]
pub struct Delete {
    /// Names of runs, or @latest
    #[arg(value_name = "WORKFLOW")]
    names: Vec<String>,

    /// All runs (that the other flags choose)
    #[arg(long)]
    all: bool,

    /// Runs of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,

    #[command(flatten)]
    filters: Filters,

    /// Only tell which runs it would be
    #[arg(long)]
    dry_run: bool,

    /// Do not wait for artifacts to be collected: they stay behind
    #[arg(long)]
    force: bool,
}

impl Delete {
    pub(in crate::commands) async fn run(self, ctx: &mut Context) -> CliResult {
        let wanted = self.filters.wanted(now_ms())?;
        if self.names.is_empty() && !self.all && self.filters.is_empty() {
            return Err(CliError::usage("no workflow is named")
                .hint("name some, or choose by --all, --completed, --older, -l …"));
        }
        if !self.names.is_empty() && (self.all || !self.filters.is_empty()) {
            return Err(CliError::usage("name workflows, or choose them by flags, not both"));
        }
        let connection = ctx.connect().await?;
        let mut runs = Vec::new();
        for word in &self.names {
            runs.push(named(&connection, word).await?);
        }
        if self.names.is_empty() {
            let namespace = if self.all_namespaces { String::new() } else { connection.namespace.clone() };
            let rows = Pages::new(&connection, namespace, wanted, None, false).all().await?;
            runs.extend(rows.into_iter().map(|row| RunName { namespace: row.namespace, name: row.name }));
        }
        if runs.is_empty() {
            ctx.out.note("No workflows found.");
        }
        let mut refusal: Option<CliError> = None;
        for run in runs {
            let request = DeleteWorkflowRequest {
                namespace: run.namespace.clone(),
                name: run.name.clone(),
                force: self.force,
                dry_run: if self.dry_run { DryRun::Server.into() } else { DryRun::None.into() },
                ..DeleteWorkflowRequest::default()
            };
            match connection.client.workflows().delete(request).await {
                Ok(_) if self.dry_run => ctx.out.line(format!("Workflow '{run}' deleted (dry-run)"))?,
                Ok(answer) if answer.gone => ctx.out.line(format!("Workflow '{run}' deleted"))?,
                Ok(answer) => ctx
                    .out
                    .line(format!("Workflow '{run}' is being deleted, held by {}", answer.finalizers.join(", ")))?,
                // Somebody else was faster, or it reached the end of its time to live between the list and this.
                Err(error) if error.is_not_found() && self.names.is_empty() => {}
                Err(error) => {
                    let told = refused(error, Some(format!("cannot delete workflow {run}")));
                    if let Some(earlier) = refusal.replace(told) {
                        ctx.out.error(&earlier);
                    }
                }
            }
        }
        refusal.map_or(Ok(Exit::Done), Err)
    }
}
