//! `colchis template`.

use clap::Subcommand;

use crate::context::Context;
use crate::error::CliResult;
use crate::support::stored::{self, Scope};

/// Manage WorkflowTemplates.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create templates from manifests
    Create(stored::Create),
    /// Replace templates by manifests
    Update(stored::Update),
    /// Show templates: what they ask of who submits them
    Get(stored::Get),
    /// List templates
    #[command(visible_alias = "ls")]
    List(stored::List),
    /// Delete templates
    #[command(visible_alias = "rm")]
    Delete(stored::Delete),
    /// Check manifests against the server's templates
    Lint(crate::commands::lint::ServerLint),
}

impl Command {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        run(self, ctx, Scope::Namespace).await
    }
}

/// The same commands for templates of one namespace and for those of all.
pub(super) async fn run(command: Command, ctx: &mut Context, scope: Scope) -> CliResult {
    match command {
        Command::Create(command) => command.run(ctx, scope.kind()).await,
        Command::Update(command) => command.run(ctx, scope.kind()).await,
        Command::Get(command) => command.templates(ctx, scope).await,
        Command::List(command) => command.templates(ctx, scope).await,
        Command::Delete(command) => command.run(ctx, scope.kind()).await,
        Command::Lint(command) => command.run(ctx).await,
    }
}
