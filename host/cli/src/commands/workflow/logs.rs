//! `colchis workflow logs`.

use clap::Args;
use client::v1::StreamLogsRequest;
use futures::TryStreamExt;

use crate::context::{Context, now_ms};
use crate::error::{CliError, CliResult, Exit};
use crate::render::log::{self, LogStyle};
use crate::support::selection::named;
use crate::support::{duration_ms, moment_ms, refused};

/// Print what the steps of a run write
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  colchis workflow logs @latest -f
  colchis workflow logs hello-x7k2p hello-x7k2p-print-1234 -c main --tail 20
  colchis workflow logs hello-x7k2p --grep 'error|warn'")]
pub struct Logs {
    /// Name of a run, or @latest
    #[arg(value_name = "WORKFLOW", default_value = "@latest")]
    name: String,

    /// One step, by its id or pod name
    #[arg(value_name = "POD")]
    pod: Option<String>,

    /// Container; * for all [default: main, and of a container set all of its containers]
    #[arg(short = 'c', long, value_name = "NAME")]
    container: Option<String>,

    /// Go on until the run has ended
    #[arg(short = 'f', long)]
    follow: bool,

    /// Lines written within the last so long, such as 5s, 2m or 3h
    #[arg(long, value_name = "DURATION", conflicts_with = "since_time")]
    since: Option<String>,

    /// Lines written at or after this moment
    #[arg(long, value_name = "TIME")]
    since_time: Option<String>,

    /// Only the last so many lines of each container
    #[arg(long, value_name = "N")]
    tail: Option<u64>,

    /// Lines that match a regular expression
    #[arg(long, value_name = "REGEX")]
    grep: Option<String>,

    /// Lines that do not match --grep
    #[arg(long, requires = "grep")]
    invert: bool,

    /// Steps whose fields match, such as --node-field-selector templateName=build
    #[arg(long, visible_alias = "selector", short = 'l', value_name = "FIELDS")]
    node_field_selector: Option<String>,

    /// The time before each line
    #[arg(long)]
    timestamps: bool,

    /// Of the container's run before its last restart
    #[arg(short = 'p', long)]
    previous: bool,

    /// No step's name before each line
    #[arg(long)]
    no_prefix: bool,
}

impl Logs {
    pub(in crate::commands) async fn run(self, ctx: &mut Context) -> CliResult {
        let since_ms = match (&self.since, &self.since_time) {
            (Some(text), _) => now_ms() - duration_ms("--since", text)?,
            (None, Some(text)) => moment_ms("--since-time", text)?,
            (None, None) => 0,
        };
        let connection = ctx.connect().await?;
        let run = named(&connection, &self.name).await?;
        let all = self.container.as_deref() == Some("*");
        let style = LogStyle {
            prefix: !self.no_prefix && (self.pod.is_none() || all),
            containers: all,
            timestamps: self.timestamps,
        };
        let request = StreamLogsRequest {
            namespace: run.namespace.clone(),
            name: run.name.clone(),
            node_id: self.pod.unwrap_or_default(),
            selector: self.node_field_selector.unwrap_or_default(),
            container: self.container.unwrap_or_default(),
            follow: self.follow,
            tail_lines: self.tail,
            since_ms,
            grep: self.grep.unwrap_or_default(),
            invert: self.invert,
            previous: self.previous,
            limit_bytes: 0,
        };
        let doing = || Some(format!("cannot read the log of workflow {run}"));
        let mut messages = connection.client.logs().stream(request).await.map_err(|e| refused(e, doing()))?;
        let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
        loop {
            let message = tokio::select! {
                _ = &mut interrupted => return Err(CliError::silent(Exit::Interrupted)),
                message = messages.try_next() => message.map_err(|e| refused(e, doing()))?,
            };
            let Some(message) = message else { return Ok(Exit::Done) };
            let mut text = Vec::new();
            for entry in &message.entries {
                text.extend(log::line(entry, style, &ctx.out.terminal));
            }
            ctx.out.write(text)?;
        }
    }
}
