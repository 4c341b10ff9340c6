//! The commands: one file each.

use clap::Subcommand;

use crate::context::Context;
use crate::error::CliResult;

pub mod apply;
pub mod archive;
pub mod artifact;
pub mod auth;
pub mod backup;
pub mod cluster_template;
pub mod completion;
pub mod config;
pub mod cron;
mod cron_create;
pub mod delete;
pub mod describe;
pub mod explain;
pub mod get;
pub mod image;
pub mod info;
pub mod lint;
pub mod plugin;
pub mod run;
pub mod schema;
pub mod server;
pub mod template;
pub mod test;
pub mod version;
pub mod workflow;

/// Everything that can be asked for.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run workflows from manifests here and now, without a server beside
    Run(run::Run),
    /// Check manifests without a server
    Lint(lint::Lint),
    /// Test workflows: steps go as a file says, and nothing is run
    Test(test::Test),
    /// Start a server
    Server(server::Server),

    /// Submit, look at and steer workflow runs
    #[command(visible_alias = "wf", alias = "workflows", subcommand)]
    Workflow(workflow::Command),
    /// Manage WorkflowTemplates
    #[command(alias = "templates", visible_alias = "wftmpl", subcommand)]
    Template(template::Command),
    /// Manage ClusterWorkflowTemplates
    #[command(alias = "cluster-templates", visible_alias = "cwft", subcommand)]
    ClusterTemplate(cluster_template::Command),
    /// Manage CronWorkflows
    #[command(alias = "cronwf", subcommand)]
    Cron(cron::Command),
    /// Find finished runs
    #[command(subcommand)]
    Archive(archive::Command),
    /// Read and store artifacts
    #[command(alias = "artifacts", subcommand)]
    Artifact(artifact::Command),
    /// Manage the container images of this machine
    #[command(alias = "images", subcommand)]
    Image(image::Command),
    /// Look at plugins and call them by hand
    #[command(alias = "plugins", subcommand)]
    Plugin(plugin::Command),

    /// Bring objects to what manifests say
    Apply(apply::Apply),
    /// Show objects of any kind
    Get(get::Get),
    /// Tell all about objects of any kind
    Describe(describe::Describe),
    /// Delete objects of any kind
    Delete(delete::Delete),
    /// Tell what a kind or a field means, and what it does here
    Explain(explain::Explain),
    /// Write JSON Schemas, for editors and other checkers
    Schema(schema::Schema),

    /// Look at the configuration
    #[command(subcommand)]
    Config(config::Command),
    /// Show what is known about the server and the caller
    Info(info::Info),
    /// Show the version
    Version(version::Version),
    /// Show the credentials in use
    #[command(subcommand)]
    Auth(auth::Command),
    /// Copy the store to a file, also while a server uses it
    Backup(backup::Backup),
    /// Write a completion script for a shell
    Completion(completion::Completion),
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// As each command says.
    pub async fn run(self, ctx: &mut Context) -> CliResult {
        match self {
            Self::Run(command) => command.run(ctx).await,
            Self::Lint(command) => command.run(ctx).await,
            Self::Test(command) => command.run(ctx).await,
            Self::Server(command) => command.run(ctx).await,
            Self::Workflow(command) => command.run(ctx).await,
            Self::Template(command) => command.run(ctx).await,
            Self::ClusterTemplate(command) => command.run(ctx).await,
            Self::Cron(command) => command.run(ctx).await,
            Self::Archive(command) => command.run(ctx).await,
            Self::Artifact(command) => command.run(ctx).await,
            Self::Image(command) => command.run(ctx).await,
            Self::Plugin(command) => command.run(ctx).await,
            Self::Apply(command) => command.run(ctx).await,
            Self::Get(command) => command.run(ctx).await,
            Self::Describe(command) => command.run(ctx).await,
            Self::Delete(command) => command.run(ctx).await,
            Self::Explain(command) => command.run(ctx).await,
            Self::Schema(command) => command.run(ctx).await,
            Self::Config(command) => command.run(ctx).await,
            Self::Info(command) => command.run(ctx).await,
            Self::Version(command) => command.run(ctx).await,
            Self::Auth(command) => command.run(ctx).await,
            Self::Backup(command) => command.run(ctx).await,
            Self::Completion(command) => command.run(ctx).await,
        }
    }

    /// Whether work goes on in this process beside the command itself, which then needs all cores.
    pub fn is_heavy(&self) -> bool {
        matches!(self, Self::Run(_) | Self::Server(_))
    }
}
