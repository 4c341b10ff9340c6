//! `colchis plugin logs`.

use clap::Args;
use clap::builder::PossibleValuesParser;
use client::v1::{PluginLogLevel, StreamPluginLogsRequest};
use futures::TryStreamExt;

use crate::context::Context;
use crate::error::{CliError, CliResult, Exit};
use crate::render::plugins;
use crate::support::output::Format;
use crate::support::refused;

/// Print what a plugin writes
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  colchis plugin logs prometheus -f
  colchis plugin logs prometheus --level warn --tail 20 --timestamps")]
pub struct Logs {
    /// Name of the plugin
    #[arg(value_name = "NAME")]
    name: String,

    /// Go on with the lines that come
    #[arg(short = 'f', long)]
    follow: bool,

    /// Only the last so many of the lines that are there
    #[arg(long, value_name = "N")]
    tail: Option<u32>,

    /// Lines that matter as much as this, or more
    #[arg(long, value_name = "LEVEL", value_parser = PossibleValuesParser::new(plugins::LEVELS.map(|(word, _)| word)))]
    level: Option<String>,

    /// The time before each line
    #[arg(long)]
    timestamps: bool,

    /// json: one object a line
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

impl Logs {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        let format = Format::parse(self.output.as_deref(), &["json"])?;
        let level = self.level.as_deref().and_then(plugins::level_of).unwrap_or(PluginLogLevel::Unspecified);
        let request = StreamPluginLogsRequest {
            name: self.name.clone(),
            follow: self.follow,
            tail_lines: self.tail,
            level: level.into(),
        };
        let doing = || Some(format!("cannot read the log of plugin {}", self.name));
        let connection = ctx.connect().await?;
        let mut messages = connection.client.plugins().stream_logs(request).await.map_err(|e| refused(e, doing()))?;
        let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
        loop {
            let message = tokio::select! {
                _ = &mut interrupted => return Err(CliError::silent(Exit::Interrupted)),
                message = messages.try_next() => message.map_err(|e| refused(e, doing()))?,
            };
            let Some(message) = message else { return Ok(Exit::Done) };
            for line in &message.lines {
                match format {
                    Format::Json => ctx.out.line(plugins::line_document(line).to_string())?,
                    _ => ctx.out.line(plugins::line(line, self.timestamps))?,
                }
            }
        }
    }
}
