//! `colchis plugin`.

mod bench;
mod call;
mod componentize;
mod logs;
mod new;
mod project;
mod registry;
mod rendering;
mod subject;
mod test;

use clap::{Args, Subcommand};
use client::v1::{GetPluginRequest, ListPluginsRequest, PluginSummary};
use serde_json::Value;

use crate::context::{Connection, Context};
use crate::error::{CliResult, Exit};
use crate::render::plugins;
use crate::support::output::Format;
use crate::support::refused;

/// Write plugins, look at them and call them by hand.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  colchis plugin new queue-lag --lang rust --kind metric-provider
  colchis plugin test queue_lag.wasm -f config.json
  colchis plugin inspect prometheus.wasm        what it is, what it needs
  colchis apply plugin.yaml                     install it: a Plugin object
  colchis plugin list
  colchis plugin check prometheus -f config.yaml
  colchis plugin call prometheus run -f request.yaml
  colchis plugin logs prometheus -f")]
pub enum Command {
    /// List the plugins in service
    #[command(visible_alias = "ls")]
    List(List),
    /// Tell all about plugins: how they are configured, what they need, how their calls went
    Get(Get),
    /// Tell what a component is, without installing it
    Inspect(call::Inspect),
    /// Ask a plugin about a configuration
    Check(call::Check),
    /// Call one function of a plugin by hand
    Call(call::Call),
    /// Print what a plugin writes
    Logs(logs::Logs),
    /// Make a project for a plugin of one's own
    New(new::New),
    /// Make a component of the core module that a compiler wrote
    Componentize(componentize::Componentize),
    /// Try a component out: all that a plugin promises, without a server
    Test(test::Test),
    /// Measure a component: loading, calls, memory
    Bench(bench::Bench),
    /// Push a component to an OCI registry
    Push(registry::Push),
    /// Pull a component from an OCI registry
    Pull(registry::Pull),
}

/// List the plugins in service
#[derive(Debug, Args)]
pub struct List {
    /// No line with headings
    #[arg(long)]
    no_headers: bool,

    /// wide, name, json or yaml
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

/// Tell all about plugins: how they are configured, what they need, how their calls went
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  colchis plugin get prometheus
  colchis plugin get prometheus -o wide         with the schema of its configuration
  colchis plugin get prometheus -o json")]
pub struct Get {
    /// Names of plugins
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,

    /// wide, name, json or yaml
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

/// The forms of plugins.
const FORMS: &[&str] = &["wide", "name", "json", "yaml"];

impl Command {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        match self {
            Self::List(command) => command.run(ctx).await,
            Self::Get(command) => command.run(ctx).await,
            Self::Inspect(command) => command.run(ctx).await,
            Self::Check(command) => command.run(ctx).await,
            Self::Call(command) => command.run(ctx).await,
            Self::Logs(command) => command.run(ctx).await,
            Self::New(command) => command.run(ctx),
            Self::Componentize(command) => command.run(ctx),
            Self::Test(command) => command.run(ctx).await,
            Self::Bench(command) => command.run(ctx).await,
            Self::Push(command) => command.run(ctx).await,
            Self::Pull(command) => command.run(ctx).await,
        }
    }
}

impl List {
    async fn run(self, ctx: &mut Context) -> CliResult {
        let format = Format::parse(self.output.as_deref(), FORMS)?;
        let rows = rows(&ctx.connect().await?).await?;
        let values = || rows.iter().map(plugins::row_document).collect::<Value>();
        match &format {
            Format::Json | Format::Yaml => ctx.out.write(format.write(&values())?.unwrap_or_default())?,
            Format::Name => rows.iter().try_for_each(|row| ctx.out.line(row.name.as_str()))?,
            _ if rows.is_empty() => ctx.out.note("No plugins found."),
            _ => {
                let table = plugins::table(&rows, format == Format::Wide);
                let text = table.render(&ctx.out.terminal, !self.no_headers);
                ctx.out.write(text)?;
            }
        }
        Ok(Exit::Done)
    }
}

async fn rows(connection: &Connection) -> CliResult<Vec<PluginSummary>> {
    let mut rows = Vec::new();
    let mut request = ListPluginsRequest::default();
    loop {
        let page = connection.client.plugins().list_plugins(request.clone()).await;
        let page = page.map_err(|e| refused(e, Some("cannot list plugins".into())))?;
        rows.extend(page.plugins);
        if page.continue_token.is_empty() {
            return Ok(rows);
        }
        request.continue_token = page.continue_token;
    }
}

impl Get {
    async fn run(self, ctx: &mut Context) -> CliResult {
        let format = Format::parse(self.output.as_deref(), FORMS)?;
        let connection = ctx.connect().await?;
        for (at, name) in self.names.iter().enumerate() {
            let got = connection.client.plugins().get_plugin(GetPluginRequest { name: name.clone() }).await;
            let got = got.map_err(|e| refused(e, Some(format!("cannot get plugin {name}"))))?;
            if at > 0 && matches!(format, Format::Table | Format::Wide) {
                ctx.out.line("")?;
            }
            let (facts, numbers) = (got.facts.unwrap_or_default(), got.numbers.as_ref());
            let text = match &format {
                Format::Name => format!("{name}\n"),
                Format::Json | Format::Yaml => {
                    if at > 0 && format == Format::Yaml {
                        ctx.out.line("---")?;
                    }
                    format.write(&plugins::document(name, &facts, numbers))?.unwrap_or_default()
                }
                _ => plugins::block(name, &facts, numbers, format == Format::Wide, &ctx.out.terminal),
            };
            ctx.out.write(text)?;
        }
        Ok(Exit::Done)
    }
}
