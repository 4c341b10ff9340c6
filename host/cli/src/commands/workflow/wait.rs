//! `colchis workflow wait`.

use std::time::Duration;

use clap::Args;
use client::v1::WorkflowPhase;
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::context::Context;
use crate::error::{CliError, CliResult, Exit};
use crate::render::{Text, phase};
use crate::support::selection::named;
use crate::support::{duration_ms, follow, refused};

/// Wait until runs have ended
///
/// Ends with 0 when all of them succeeded and with 1 when one did not.
#[derive(Debug, Args)]
pub struct Wait {
    /// Names of runs, or @latest
    #[arg(value_name = "WORKFLOW", required = true)]
    names: Vec<String>,

    /// A run that is not there is no error
    #[arg(long)]
    ignore_not_found: bool,

    /// Wait at most so long
    #[arg(long, value_name = "DURATION")]
    timeout: Option<String>,
}

impl Wait {
    pub(in crate::commands) async fn run(self, ctx: &mut Context) -> CliResult {
        let timeout = self.timeout.as_deref().map(|text| duration_ms("--timeout", text)).transpose()?;
        let connection = ctx.connect().await?;
        let mut runs = Vec::new();
        for word in &self.names {
            runs.push(named(&connection, word).await?);
        }
        let mut waiting: FuturesUnordered<_> = runs
            .iter()
            .map(|run| {
                let client = connection.client.clone();
                async move { (run, client.wait(&run.namespace, &run.name).await) }
            })
            .collect();
        let mut good = true;
        let deadline = async {
            match timeout {
                Some(ms) => tokio::time::sleep(Duration::from_millis(ms.unsigned_abs())).await,
                None => std::future::pending().await,
            }
        };
        let mut deadline = std::pin::pin!(deadline);
        let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
        loop {
            tokio::select! {
                _ = &mut interrupted => return Err(follow::left_alone(&runs)),
                () = &mut deadline => {
                    return Err(CliError::failed(format!("{} of {} workflows have not ended", waiting.len(), runs.len())));
                }
                next = waiting.next() => match next {
                    None => break,
                    Some((run, Ok(row))) => {
                        good &= row.phase() == WorkflowPhase::Succeeded;
                        let mut line = Text::plain(format!("{run} "));
                        line.append(phase::workflow_text(row.phase(), false));
                        ctx.out.line(line)?;
                    }
                    Some((_, Err(error))) if self.ignore_not_found && error.is_not_found() => {}
                    Some((run, Err(error))) => return Err(refused(error, Some(format!("cannot wait for workflow {run}")))),
                }
            }
        }
        Ok(if good { Exit::Done } else { Exit::Failed })
    }
}
