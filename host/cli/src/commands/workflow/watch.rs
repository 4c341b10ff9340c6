//! `colchis workflow watch`.

use clap::Args;

use super::get::NodeFlags;
use crate::context::Context;
use crate::error::CliResult;
use crate::support::follow::{self, FollowOptions, Followed};
use crate::support::selection::named;

/// Watch a run until it has ended
///
/// On a terminal its tree is redrawn; elsewhere every change is a line. Interrupting leaves the run alone.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  colchis workflow watch @latest
  colchis workflow watch hello-x7k2p --status Running,Failed --node-field-selector templateName=build")]
pub struct Watch {
    /// Names of runs, or @latest
    #[arg(value_name = "WORKFLOW", default_value = "@latest")]
    names: Vec<String>,

    #[command(flatten)]
    nodes: NodeFlags,

    /// Print what its steps write, too
    #[arg(long)]
    log: bool,
}

impl Watch {
    pub(in crate::commands) async fn run(self, ctx: &mut Context) -> CliResult {
        let filter = self.nodes.filter()?;
        let connection = ctx.connect().await?;
        let mut runs = Vec::new();
        for word in &self.names {
            runs.push(named(&connection, word).await?);
        }
        let options = FollowOptions { tree: true, log: self.log, filter, ..FollowOptions::default() };
        match follow::follow(&mut ctx.out, &connection, &runs, options).await? {
            Followed::Ended(views) => Ok(follow::exit_of(&views)),
            Followed::Interrupted(_) => Err(follow::left_alone(&runs)),
        }
    }
}
