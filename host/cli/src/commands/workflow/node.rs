//! `colchis workflow node`.

use clap::{Args, Subcommand};
use client::v1::{NodePhase, SetNodeRequest};

use crate::context::Context;
use crate::error::{CliError, CliResult, Exit};
use crate::render::phase;
use crate::support::parameters::parameters;
use crate::support::refused;
use crate::support::selection::named;

/// Set outputs, phase or message of suspended steps.
#[derive(Debug, Args)]
pub struct Node {
    #[command(subcommand)]
    action: Action,
}

/// What is done.
#[derive(Debug, Subcommand)]
enum Action {
    /// Give suspended steps what they wait for
    Set(Set),
}

/// Give suspended steps what they wait for
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  colchis workflow node set release-abc -p approved=yes --node-field-selector displayName=approve
  colchis workflow node set release-abc --phase Failed -m \"not today\" --node-field-selector displayName=approve")]
struct Set {
    /// Name of a run, or @latest
    #[arg(value_name = "WORKFLOW")]
    name: String,

    /// Which steps, such as displayName=approve
    #[arg(long, value_name = "FIELDS", required = true)]
    node_field_selector: String,

    /// An output that is supplied from outside; may be repeated
    #[arg(short = 'p', long = "output-parameter", value_name = "NAME=VALUE")]
    parameters: Vec<String>,

    /// What the steps say
    #[arg(short = 'm', long, value_name = "TEXT")]
    message: Option<String>,

    /// End them in this phase: Succeeded, Failed, Error or Skipped
    #[arg(long, value_name = "PHASE")]
    phase: Option<String>,
}

impl Node {
    pub(in crate::commands) async fn run(self, ctx: &mut Context) -> CliResult {
        let Action::Set(set) = self.action;
        set.run(ctx).await
    }
}

impl Set {
    async fn run(self, ctx: &mut Context) -> CliResult {
        let phase = match &self.phase {
            None => NodePhase::Unknown,
            Some(word) => phase::node_phase(word).filter(|phase| phase::node_ended(*phase)).ok_or_else(|| {
                CliError::usage(format!("--phase {word}: not a phase that a step can end in"))
                    .hint("one of Succeeded, Failed, Error, Skipped, Omitted")
            })?,
        };
        let output_parameters = parameters(&self.parameters)?;
        if output_parameters.is_empty() && self.message.is_none() && self.phase.is_none() {
            return Err(CliError::usage("there is nothing to set").hint("give -p NAME=VALUE, --message or --phase"));
        }
        let connection = ctx.connect().await?;
        let run = named(&connection, &self.name).await?;
        let request = SetNodeRequest {
            namespace: run.namespace.clone(),
            name: run.name.clone(),
            node_selector: self.node_field_selector,
            output_parameters,
            phase: phase.into(),
            message: self.message.unwrap_or_default(),
        };
        connection
            .client
            .workflows()
            .set_node(request)
            .await
            .map_err(|e| refused(e, Some(format!("cannot set nodes of workflow {run}"))))?;
        ctx.out.line(format!("workflow {run} values set"))?;
        Ok(Exit::Done)
    }
}
