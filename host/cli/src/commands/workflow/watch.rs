//! `colchis workflow watch`.

use clap::Args;

use crate::context::Context;
use crate::error::CliResult;
use crate::support::follow::{self, FollowOptions, Followed};
use crate::support::selection::named;

/// Watch a run until it has ended
///
/// On a terminal its tree is redrawn; elsewhere every change is a line. Interrupting leaves the run alone.
#[derive(Debug, Args)]
pub struct Watch {
    /// Names of runs, or @latest
    #[arg(value_name = "WORKFLOW", default_value = "@latest")]
    names: Vec<String>,

    /// Print what its steps write, too
    #[arg(long)]
    log: bool,
}

impl Watch {
    pub(in crate::commands) async fn run(self, ctx: &mut Context) -> CliResult {
        let connection = ctx.connect().await?;
        let mut runs = Vec::new();
        for word in &self.names {
            runs.push(named(&connection, word).await?);
        }
        let options = FollowOptions { tree: true, log: self.log, ..FollowOptions::default() };
        match follow::follow(&mut ctx.out, &connection, &runs, options).await? {
            Followed::Ended(views) => Ok(follow::exit_of(&views)),
            Followed::Interrupted(_) => Err(follow::left_alone(&runs)),
        }
    }
}
