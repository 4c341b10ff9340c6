//! `colchis plugin inspect`, `check` and `call`.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use client::v1::{CallPluginRequest, CheckPluginConfigRequest, Severity};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{CliError, CliResult, Exit};
use crate::input;
use crate::render::{plugins, time};
use crate::support::output::Format;
use crate::support::{documents, duration_ms, refused};

/// Tell what a component is, without installing it
///
/// The file is sent to the server, which compiles it and asks it about itself, without any grant.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  colchis plugin inspect prometheus.wasm
  colchis plugin inspect prometheus.wasm -o json | jq -r .digest")]
pub struct Inspect {
    /// The component; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// wide, name, json or yaml
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

/// Ask a plugin about a configuration
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  colchis plugin check prometheus -f config.yaml
  colchis plugin check tool --kind step -f config.json")]
pub struct Check {
    /// Name of the plugin
    #[arg(value_name = "NAME")]
    name: String,

    /// Kind that the configuration is for, such as metric-provider [default: the plugin's only one]
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,

    /// The configuration, in YAML or JSON; a file, a URL, or - for standard input
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    filename: String,

    /// json or yaml
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

/// Call one function of a plugin by hand
///
/// The plugin does what it is asked to, with all that it is granted: it sends requests, and writes what it writes.
#[derive(Debug, Args)]
#[command(after_help = "\
Functions, by kind:
  metric-provider     run, resume, terminate, metadata
  step                start, poll, stop
  manifest-renderer   detect, requirements, render
  event-source        poll, endpoints, on-request
  trigger             resolve, execute, check-policy

Examples:
  colchis plugin call prometheus metadata
  colchis plugin call prometheus run -f request.yaml
  echo '{config: {query: up}}' | colchis plugin call prometheus run -f -
  colchis plugin call tool poll --kind step -f request.json --timeout 2m")]
pub struct Call {
    /// Name of the plugin
    #[arg(value_name = "NAME")]
    name: String,

    /// The function
    #[arg(value_name = "FUNCTION")]
    function: String,

    /// Kind to call it as [default: the plugin's only one that has the function]
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,

    /// What it is given, in YAML or JSON: config and what else the function takes; a file, a URL, or - for standard input
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    filename: Option<String>,

    /// How long it may take, such as 10s or 2m [default: 30s, or the plugin's own limit if that is shorter]
    #[arg(long, value_name = "DURATION")]
    timeout: Option<String>,

    /// json or yaml
    #[arg(short = 'o', long, value_name = "FORM", default_value = "json")]
    output: String,
}

impl Inspect {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        let format = Format::parse(self.output.as_deref(), super::FORMS)?;
        let component = input::read_bytes(&self.file).await?;
        let connection = ctx.connect().await?;
        let answer = connection.client.inspect_plugin(component).await;
        let answer = answer.map_err(|e| refused(e, Some(format!("cannot inspect {}", self.file.display()))))?;
        let facts = answer.facts.unwrap_or_default();
        let text = match &format {
            Format::Name => format!("{}\n", facts.name),
            Format::Json | Format::Yaml => {
                format.write(&plugins::document(&facts.name, &facts, None))?.unwrap_or_default()
            }
            _ => plugins::block(&facts.name, &facts, None, format == Format::Wide, &ctx.out.terminal),
        };
        ctx.out.write(text)?;
        Ok(Exit::Done)
    }
}

/// The one value of a file in YAML or JSON, as JSON text.
async fn value(ctx: &Context, name: &str) -> CliResult<Bytes> {
    let sources = input::read_all(&*ctx.host, &[name.to_owned()]).await?;
    let [source] = sources.as_slice() else { return Err(CliError::usage(format!("{name}: one file is expected"))) };
    let value = match documents::one_value(source)? {
        Value::Null => json!({}),
        value => value,
    };
    Ok(value.to_string().into())
}

impl Check {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        let format = Format::parse(self.output.as_deref(), &["json", "yaml"])?;
        let config = value(ctx, &self.filename).await?;
        let request = CheckPluginConfigRequest { name: self.name.clone(), kind: self.kind.unwrap_or_default(), config };
        let connection = ctx.connect().await?;
        let answer = connection.client.plugins().check_config(request).await;
        let answer = answer.map_err(|e| refused(e, Some(format!("cannot check with plugin {}", self.name))))?;
        match format.write(&answer.findings.iter().map(plugins::finding_document).collect())? {
            Some(text) => ctx.out.write(text)?,
            None => {
                for finding in &answer.findings {
                    ctx.out.line(plugins::finding(finding))?;
                }
                if answer.findings.is_empty() {
                    ctx.out.line(format!("{} takes it as the configuration of a {}", self.name, answer.kind))?;
                }
            }
        }
        let wrong = answer.findings.iter().any(|finding| finding.severity() == Severity::Error);
        Ok(if wrong { Exit::Failed } else { Exit::Done })
    }
}

impl Call {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        let format = Format::parse(Some(&self.output), &["json", "yaml"])?;
        let timeout_ms = self.timeout.as_deref().map_or(Ok(0), |text| duration_ms("--timeout", text))?;
        let request = match &self.filename {
            Some(name) => value(ctx, name).await?,
            None => Bytes::from_static(b"{}"),
        };
        let request = CallPluginRequest {
            name: self.name.clone(),
            kind: self.kind.unwrap_or_default(),
            function: self.function.clone(),
            request,
            timeout_ms: timeout_ms.unsigned_abs(),
        };
        let connection = ctx.connect().await?;
        let answer = connection.client.plugins().call_plugin(request).await;
        let answer =
            answer.map_err(|e| refused(e, Some(format!("cannot call {} of plugin {}", self.function, self.name))))?;
        let told: Value = serde_json::from_slice(&answer.answer).map_err(anyhow::Error::from)?;
        ctx.out.write(format.write(&told)?.unwrap_or_default())?;
        ctx.out.note(format!("{} of the {} took {}", self.function, answer.kind, time::took(answer.took_ms as i64)));
        Ok(Exit::Done)
    }
}
