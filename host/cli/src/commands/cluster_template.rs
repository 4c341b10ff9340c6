//! `colchis cluster-template`: as `colchis template`, for templates that all namespaces share.

use clap::Subcommand;

use super::template;
use crate::context::Context;
use crate::error::CliResult;
use crate::support::stored::{self, Scope};

/// Manage ClusterWorkflowTemplates.
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
        let same = match self {
            Self::Create(command) => template::Command::Create(command),
            Self::Update(command) => template::Command::Update(command),
            Self::Get(command) => template::Command::Get(command),
            Self::List(command) => template::Command::List(command),
            Self::Delete(command) => template::Command::Delete(command),
            Self::Lint(command) => template::Command::Lint(command),
        };
        template::run(same, ctx, Scope::Cluster).await
    }
}
