//! `colchis version`.

use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::error::{CliResult, Exit};
use crate::support::output::Format;

/// Show the version.
#[derive(Debug, Args)]
pub struct Version {
    /// The number alone
    #[arg(long)]
    short: bool,

    /// json or yaml
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

impl Version {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        let format = Format::parse(self.output.as_deref(), &["json", "yaml"])?;
        let version = ctx.host.version();
        let value = json!({"version": version.version, "commit": version.commit, "platform": version.platform});
        if let Some(text) = format.write(&value)? {
            ctx.out.write(text)?;
        } else if self.short {
            ctx.out.line(version.version)?;
        } else {
            let commit = if version.commit.is_empty() { String::new() } else { format!(" ({})", version.commit) };
            ctx.out.line(format!("colchis {}{commit} {}", version.version, version.platform))?;
        }
        Ok(Exit::Done)
    }
}
