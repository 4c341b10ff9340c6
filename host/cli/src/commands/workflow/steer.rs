//! What stop, terminate, suspend and resume share: choose runs, do it to each, tell each outcome.

use std::future::Future;

use client::{Client, ClientError};

use crate::context::{Connection, Context};
use crate::error::{CliError, CliResult, Exit};
use crate::support::refused;
use crate::support::selection::{Filters, RunName, chosen};

/// Does something to every chosen run. One that is refused does not keep the others from it.
///
/// # Errors
/// No run was chosen, or the last refusal.
pub(super) async fn each<F>(
    ctx: &mut Context,
    names: &[String],
    filters: &Filters,
    dry_run: bool,
    verb: (&str, &str),
    act: impl Fn(Client, RunName) -> F,
) -> CliResult
where
    F: Future<Output = Result<(), ClientError>>,
{
    let connection = ctx.connect().await?;
    let runs = chosen(&connection, names, filters, None).await?;
    let (infinitive, done) = verb;
    if runs.is_empty() {
        ctx.out.note("No workflows found.");
    }
    let mut refusal: Option<CliError> = None;
    for run in runs {
        if dry_run {
            ctx.out.line(format!("workflow {run} {done} (dry run)"))?;
            continue;
        }
        match act(connection.client.clone(), run.clone()).await {
            Ok(()) => ctx.out.line(format!("workflow {run} {done}"))?,
            Err(error) => {
                let told = refused(error, Some(format!("cannot {infinitive} workflow {run}")));
                if let Some(earlier) = refusal.replace(told) {
                    ctx.out.error(&earlier);
                }
            }
        }
    }
    match refusal {
        Some(error) => Err(error),
        None => Ok(Exit::Done),
    }
}

/// The connection's runs, for commands that do more than one thing to each.
///
/// # Errors
/// As [`chosen`].
pub(super) async fn runs(ctx: &Context, names: &[String], filters: &Filters) -> CliResult<(Connection, Vec<RunName>)> {
    let connection = ctx.connect().await?;
    let runs = chosen(&connection, names, filters, None).await?;
    Ok((connection, runs))
}
