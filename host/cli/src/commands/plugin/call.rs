//! `colchis plugin inspect`, `check` and `call`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use client::v1::{CallPluginRequest, CheckPluginConfigRequest, Severity};
use serde_json::{Value, json};

use super::rendering::{self, Rendering, is_component};
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
  colchis plugin call tool poll --kind step -f request.json --timeout 2m

A renderer is given a folder, names what it needs beside it, gets that fetched, and renders. Of a component's file it is done here, without a server:
  colchis plugin call helm render --tree charts/shop --parameters '{\"valueFiles\": [\"values-prod.yaml\"]}' -o yaml
  colchis plugin call ./helm.wasm render --tree charts/shop --source https://charts.example.com -o yaml")]
pub struct Call {
    /// Name of the plugin; or, for a renderer, a component's file
    #[arg(value_name = "NAME|FILE")]
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

    #[command(flatten)]
    rendering: Rendering,

    /// json or yaml; of a tree that is rendered, yaml is its manifests
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
        let timeout = self.timeout.as_deref().map(|text| duration_ms("--timeout", text)).transpose()?;
        let timeout_ms = timeout.unwrap_or_default().unsigned_abs();
        let request = match &self.filename {
            Some(name) => value(ctx, name).await?,
            None => Bytes::from_static(b"{}"),
        };
        let request = serde_json::from_slice(&request).map_err(anyhow::Error::from)?;
        let request = self.rendering.complete(ctx, request).await?;
        let told = if is_component(&self.name) {
            let timeout = timeout.map(|_| Duration::from_millis(timeout_ms));
            self.rendering.without_server(ctx, Path::new(&self.name), &self.function, timeout, request).await?
        } else {
            self.by_server(ctx, timeout_ms, &request).await?
        };
        if self.rendering.has_tree() && self.function == "render" && format == Format::Yaml {
            rendering::manifests(ctx, &told)?;
        } else {
            ctx.out.write(format.write(&told)?.unwrap_or_default())?;
        }
        Ok(Exit::Done)
    }

    async fn by_server(&self, ctx: &mut Context, timeout_ms: u64, request: &Value) -> CliResult<Value> {
        let request = CallPluginRequest {
            name: self.name.clone(),
            kind: self.kind.clone().unwrap_or_default(),
            function: self.function.clone(),
            request: request.to_string().into(),
            timeout_ms,
        };
        let connection = ctx.connect().await?;
        let answer = connection.client.plugins().call_plugin(request).await;
        let answer =
            answer.map_err(|e| refused(e, Some(format!("cannot call {} of plugin {}", self.function, self.name))))?;
        ctx.out.note(format!("{} of the {} took {}", self.function, answer.kind, time::took(answer.took_ms as i64)));
        Ok(serde_json::from_slice(&answer.answer).map_err(anyhow::Error::from)?)
    }
}
