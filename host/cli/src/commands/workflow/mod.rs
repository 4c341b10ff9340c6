//! `colchis workflow`.

use clap::Subcommand;

use crate::context::Context;
use crate::error::CliResult;

mod delete;
mod get;
mod lint;
mod list;
mod logs;
mod node;
mod resubmit;
mod resume;
mod retry;
mod steer;
mod stop;
mod submit;
mod suspend;
mod terminate;
mod wait;
mod watch;

pub(crate) use get::{all_nodes, show_run};
pub(crate) use list::row_table;
pub(crate) use submit::{Overrides, template_source, warn_of_strangers};

/// Submit, look at and steer workflow runs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start runs from manifests, templates or schedules
    Submit(submit::Submit),
    /// List runs
    #[command(visible_alias = "ls")]
    List(list::List),
    /// Show runs and their steps
    Get(get::Get),
    /// Watch a run until it has ended
    Watch(watch::Watch),
    /// Print what the steps of a run write
    Logs(logs::Logs),
    /// Wait until runs have ended
    Wait(wait::Wait),
    /// Start no new steps; exit handlers run
    Stop(stop::Stop),
    /// End at once, without exit handlers
    Terminate(terminate::Terminate),
    /// Start nothing new until resumed
    Suspend(suspend::Suspend),
    /// Go on with suspended runs or steps
    Resume(resume::Resume),
    /// Run again from the failed steps
    Retry(retry::Retry),
    /// Start new runs of the same manifests
    Resubmit(resubmit::Resubmit),
    /// Delete runs
    #[command(visible_alias = "rm")]
    Delete(delete::Delete),
    /// Check manifests against the server's templates
    Lint(lint::Lint),
    /// Set outputs, phase or message of suspended steps
    Node(node::Node),
}

impl Command {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        match self {
            Self::Submit(command) => command.run(ctx).await,
            Self::List(command) => command.run(ctx).await,
            Self::Get(command) => command.run(ctx).await,
            Self::Watch(command) => command.run(ctx).await,
            Self::Logs(command) => command.run(ctx).await,
            Self::Wait(command) => command.run(ctx).await,
            Self::Stop(command) => command.run(ctx).await,
            Self::Terminate(command) => command.run(ctx).await,
            Self::Suspend(command) => command.run(ctx).await,
            Self::Resume(command) => command.run(ctx).await,
            Self::Retry(command) => command.run(ctx).await,
            Self::Resubmit(command) => command.run(ctx).await,
            Self::Delete(command) => command.run(ctx).await,
            Self::Lint(command) => command.run(ctx).await,
            Self::Node(command) => command.run(ctx).await,
        }
    }
}
