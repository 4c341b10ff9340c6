//! `colchis workflow resubmit`.

use clap::Args;
use client::ClientError;
use client::v1::ResubmitRequest;

use super::steer;
use crate::context::Context;
use crate::error::CliResult;
use crate::support::follow::{self, FollowFlags};
use crate::support::output::Format;
use crate::support::parameters::parameters;
use crate::support::selection::{Filters, RunName};
use crate::support::{labels, refused};

/// Start new runs of the same manifests
#[derive(Debug, Args)]
pub struct Resubmit {
    /// Names of runs, or @latest
    #[arg(value_name = "WORKFLOW")]
    names: Vec<String>,

    #[command(flatten)]
    filters: Filters,

    /// Reuse the results of the steps that succeeded
    #[arg(long)]
    memoized: bool,

    /// Value of an argument, instead of the one the run had; may be repeated
    #[arg(short = 'p', long = "parameter", value_name = "NAME=VALUE")]
    parameters: Vec<String>,

    /// Labels for the new run
    #[arg(long, value_name = "LABELS")]
    labels: Option<String>,

    /// Priority of the new run
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    priority: Option<i32>,

    #[command(flatten)]
    follow: FollowFlags,

    /// name
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

impl Resubmit {
    pub(in crate::commands) async fn run(self, ctx: &mut Context) -> CliResult {
        let format = Format::parse(self.output.as_deref(), &["name"])?;
        let parameters = parameters(&self.parameters)?;
        let labels = self.labels.as_deref().map(|text| labels("--labels", text)).transpose()?.unwrap_or_default();
        let (connection, runs) = steer::runs(ctx, &self.names, &self.filters).await?;
        let mut started = Vec::new();
        for run in &runs {
            let doing = || Some(format!("cannot resubmit workflow {run}"));
            let request = ResubmitRequest {
                namespace: run.namespace.clone(),
                name: run.name.clone(),
                memoized: self.memoized,
                parameters: parameters.clone(),
                labels: labels.clone(),
                priority: self.priority,
            };
            let answer = connection.client.workflows().resubmit(request).await.map_err(|e| refused(e, doing()))?;
            let submitted =
                answer.submitted.ok_or_else(|| refused(ClientError::Incomplete("no run was named"), doing()))?;
            let new = RunName { namespace: submitted.namespace, name: submitted.name };
            match format {
                Format::Name => ctx.out.line(new.name.as_str())?,
                _ if self.follow.watch => {}
                _ => ctx.out.line(format!("workflow {run} resubmitted as {new}"))?,
            }
            started.push(new);
        }
        follow::after_start(&mut ctx.out, &connection, &started, &self.follow).await
    }
}
