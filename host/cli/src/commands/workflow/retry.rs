//! `colchis workflow retry`.

use clap::Args;
use client::v1::RetryRequest;

use super::steer;
use crate::context::Context;
use crate::error::{CliError, CliResult};
use crate::support::follow::{self, FollowFlags};
use crate::support::output::Format;
use crate::support::parameters::parameters;
use crate::support::refused;
use crate::support::selection::Filters;

/// Run again from the failed steps
///
/// The same run goes on; what succeeded is not run again, unless --restart-successful says so. A failed step of a run that still runs is run again with
/// --node-field-selector.
#[derive(Debug, Args)]
pub struct Retry {
    /// Names of runs, or @latest
    #[arg(value_name = "WORKFLOW")]
    names: Vec<String>,

    #[command(flatten)]
    filters: Filters,

    /// Value of an argument, instead of the one the run had; may be repeated
    #[arg(short = 'p', long = "parameter", value_name = "NAME=VALUE")]
    parameters: Vec<String>,

    /// Run successful steps again, too, those that --node-field-selector matches
    #[arg(long, requires = "node_field_selector")]
    restart_successful: bool,

    /// Steps whose fields match, such as templateName=build or id=hello-1234
    #[arg(long, value_name = "FIELDS")]
    node_field_selector: Option<String>,

    #[command(flatten)]
    follow: FollowFlags,

    /// name
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

impl Retry {
    pub(in crate::commands) async fn run(self, ctx: &mut Context) -> CliResult {
        let format = Format::parse(self.output.as_deref(), &["name"])?;
        let parameters = parameters(&self.parameters)?;
        let (connection, runs) = steer::runs(ctx, &self.names, &self.filters).await?;
        if (self.follow.wait || self.follow.watch) && runs.len() > 1 && self.follow.log {
            return Err(CliError::usage("--log is for one workflow"));
        }
        for run in &runs {
            let request = RetryRequest {
                namespace: run.namespace.clone(),
                name: run.name.clone(),
                restart_successful: self.restart_successful,
                node_selector: self.node_field_selector.clone().unwrap_or_default(),
                parameters: parameters.clone(),
            };
            connection
                .client
                .workflows()
                .retry(request)
                .await
                .map_err(|e| refused(e, Some(format!("cannot retry workflow {run}"))))?;
            match format {
                Format::Name => ctx.out.line(run.name.as_str())?,
                _ if self.follow.watch => {}
                _ => ctx.out.line(format!("workflow {run} retried"))?,
            }
        }
        follow::after_start(&mut ctx.out, &connection, &runs, &self.follow).await
    }
}
