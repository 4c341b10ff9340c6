//! What templates and schedules share: they are stored from manifests, listed, shown and deleted alike.

use clap::Args;
use client::v1::{
    DescribeTemplateRequest, DescribeTemplateResponse, ListTemplatesRequest, ObjectKey, ObjectSelector, ParameterInfo,
    Propagation, TemplateKind, TemplateSource, TemplateSummary,
};
use serde_json::Value;

use super::documents::{self, Document};
use super::objects::{self, ApplyHow, Kinds};
use super::output::{self, Format};
use super::refused;
use crate::context::{Connection, Context, now_ms};
use crate::error::{CliResult, Exit};
use crate::input;
use crate::render::fields::Fields;
use crate::render::{Column, Paint, Table, Terminal, Text, time};

/// The kind of schedules.
pub const CRON_KIND: &str = "CronWorkflow";

/// Whose templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those of one namespace.
    Namespace,
    /// Those of all.
    Cluster,
}

impl Scope {
    /// Their kind.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Namespace => "WorkflowTemplate",
            Self::Cluster => "ClusterWorkflowTemplate",
        }
    }

    fn template_kind(self) -> TemplateKind {
        match self {
            Self::Namespace => TemplateKind::WorkflowTemplate,
            Self::Cluster => TemplateKind::ClusterWorkflowTemplate,
        }
    }
}

/// Create from manifests
#[derive(Debug, Args)]
pub struct Create {
    /// Files, folders, URLs, or - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,

    /// Have the server check everything and store nothing
    #[arg(long)]
    dry_run: bool,
}

/// Replace by manifests
#[derive(Debug, Args)]
pub struct Update {
    /// Files, folders, URLs, or - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
}

/// Delete by name
#[derive(Debug, Args)]
pub struct Delete {
    /// Names
    #[arg(value_name = "NAME", required_unless_present_any = ["all", "selector"])]
    names: Vec<String>,

    /// All of them
    #[arg(long)]
    all: bool,

    /// Those whose labels match
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,
}

/// Show by name
#[derive(Debug, Args)]
pub struct Get {
    /// Names
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,

    /// wide, name, json, yaml or jsonpath=…
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

/// List them
#[derive(Debug, Args)]
pub struct List {
    /// Those of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,

    /// Those whose labels match
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,

    /// No line with headings
    #[arg(long)]
    no_headers: bool,

    /// wide, name, json or yaml
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

async fn read(ctx: &Context, files: &[String], kind: &str) -> CliResult<Vec<Document>> {
    documents::parse_of_kind(&input::read_all(&*ctx.host, files).await?, kind)
}

impl Create {
    /// Does it for a kind.
    ///
    /// # Errors
    /// A manifest of another kind; the server refuses.
    pub async fn run(self, ctx: &mut Context, kind: &str) -> CliResult {
        let documents = read(ctx, &self.files, kind).await?;
        let connection = ctx.connect().await?;
        let how = ApplyHow { create_only: true, dry_run: self.dry_run, ..ApplyHow::default() };
        objects::apply(ctx, &connection, &documents, how).await?;
        Ok(Exit::Done)
    }
}

impl Update {
    /// Does it for a kind.
    ///
    /// # Errors
    /// A manifest of another kind; the server refuses.
    pub async fn run(self, ctx: &mut Context, kind: &str) -> CliResult {
        let documents = read(ctx, &self.files, kind).await?;
        let connection = ctx.connect().await?;
        objects::update(ctx, &connection, &documents, false).await?;
        Ok(Exit::Done)
    }
}

impl Delete {
    /// Does it for a kind.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn run(self, ctx: &mut Context, kind: &str) -> CliResult {
        let connection = ctx.connect().await?;
        let kinds = Kinds::of(&connection).await?;
        let info = kinds.find(kind)?;
        let mut names = self.names.clone();
        if self.all || self.selector.is_some() {
            let selector =
                ObjectSelector { labels: self.selector.clone().unwrap_or_default(), ..ObjectSelector::default() };
            let (values, _) = objects::list(&connection, info, &connection.namespace, &selector, 0).await?;
            names
                .extend(values.iter().filter_map(|value| value.pointer("/metadata/name")?.as_str().map(str::to_owned)));
        }
        for name in names {
            let key = ObjectKey {
                api_version: info.api_version.clone(),
                kind: info.kind.clone(),
                namespace: if info.namespaced { connection.namespace.clone() } else { String::new() },
                name: name.clone(),
            };
            let deleted = objects::delete(&connection, key, Propagation::Background, false).await;
            deleted.map_err(|e| refused(e, Some(format!("cannot delete {kind} {name}"))))?;
            ctx.out.line(format!("{kind} '{name}' deleted"))?;
        }
        Ok(Exit::Done)
    }
}

impl Get {
    /// Shows templates.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn templates(self, ctx: &mut Context, scope: Scope) -> CliResult {
        let format = Format::parse(self.output.as_deref(), output::ALL)?;
        let connection = ctx.connect().await?;
        let kinds = Kinds::of(&connection).await?;
        let kind = kinds.find(scope.kind())?;
        for (at, name) in self.names.iter().enumerate() {
            if format.for_machines() && format != Format::Name {
                let namespace = if kind.namespaced { connection.namespace.as_str() } else { "" };
                let value = objects::get(&connection, kind, namespace, name).await?;
                if at > 0 && format == Format::Yaml {
                    ctx.out.line("---")?;
                }
                ctx.out.write(format.write(&value)?.unwrap_or_default())?;
                continue;
            }
            let source = TemplateSource { kind: scope.template_kind().into(), name: name.clone() };
            let request = DescribeTemplateRequest { namespace: connection.namespace.clone(), source: Some(source) };
            let answer = connection.client.templates().describe(request).await;
            let answer = answer.map_err(|e| refused(e, Some(format!("cannot get {} {name}", scope.kind()))))?;
            if format == Format::Name {
                ctx.out.line(name.as_str())?;
                continue;
            }
            if at > 0 {
                ctx.out.line("")?;
            }
            let text = template_block(&answer, format == Format::Wide, now_ms(), &ctx.out.terminal);
            ctx.out.write(text)?;
        }
        Ok(Exit::Done)
    }
}

impl List {
    /// Lists templates.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn templates(self, ctx: &mut Context, scope: Scope) -> CliResult {
        let format = Format::parse(self.output.as_deref(), &["wide", "name", "json", "yaml"])?;
        let connection = ctx.connect().await?;
        let namespace = if self.all_namespaces { String::new() } else { connection.namespace.clone() };
        let selector =
            ObjectSelector { labels: self.selector.clone().unwrap_or_default(), ..ObjectSelector::default() };
        if matches!(format, Format::Json | Format::Yaml) {
            let kinds = Kinds::of(&connection).await?;
            let (values, _) = objects::list(&connection, kinds.find(scope.kind())?, &namespace, &selector, 0).await?;
            ctx.out.write(format.write(&Value::Array(values))?.unwrap_or_default())?;
            return Ok(Exit::Done);
        }
        let rows = template_rows(&connection, &namespace, scope, &selector).await?;
        if format == Format::Name {
            for row in &rows {
                ctx.out.line(row.name.as_str())?;
            }
        } else if rows.is_empty() {
            ctx.out.note("No templates found.");
        } else {
            let namespaces = self.all_namespaces && scope == Scope::Namespace;
            let text = template_table(&rows, namespaces, format == Format::Wide, now_ms())
                .render(&ctx.out.terminal, !self.no_headers);
            ctx.out.write(text)?;
        }
        Ok(Exit::Done)
    }
}

async fn template_rows(
    connection: &Connection,
    namespace: &str,
    scope: Scope,
    selector: &ObjectSelector,
) -> CliResult<Vec<TemplateSummary>> {
    let mut rows = Vec::new();
    let mut continue_token = String::new();
    loop {
        let request = ListTemplatesRequest {
            namespace: namespace.to_owned(),
            cluster_scope: scope == Scope::Cluster,
            selector: Some(selector.clone()),
            limit: 0,
            continue_token,
        };
        let page = connection.client.templates().list(request).await;
        let page = page.map_err(|e| refused(e, Some("cannot list templates".into())))?;
        rows.extend(page.templates);
        continue_token = page.continue_token;
        if continue_token.is_empty() {
            return Ok(rows);
        }
    }
}

fn template_table(rows: &[TemplateSummary], namespaces: bool, wide: bool, now_ms: i64) -> Table {
    let mut columns = Vec::new();
    if namespaces {
        columns.push(Column::new("NAMESPACE"));
    }
    columns.extend(["NAME", "ENTRYPOINT", "AGE"].map(Column::new));
    if wide {
        columns.push(Column::giving_way("TEMPLATES"));
    }
    let mut table = Table::new(columns);
    for row in rows {
        let mut cells = Vec::new();
        if namespaces {
            cells.push(Text::plain(&row.namespace));
        }
        cells.extend([
            Text::plain(&row.name),
            Text::plain(&row.entrypoint),
            Text::plain(time::age(now_ms - row.created_ms)),
        ]);
        if wide {
            cells.push(Text::plain(row.templates.join(",")));
        }
        table.row(cells);
    }
    table
}

fn template_block(answer: &DescribeTemplateResponse, wide: bool, now_ms: i64, terminal: &Terminal) -> String {
    let row = answer.summary.clone().unwrap_or_default();
    let annotation =
        |name: &str| row.annotations.get(&format!("workflows.argoproj.io/{name}")).cloned().unwrap_or_default();
    let mut fields = Fields::new();
    fields.add("Name", Text::painted(Paint::Bold, &row.name));
    fields.add("Namespace", row.namespace.as_str());
    fields.add("Title", annotation("title"));
    fields.add("Description", annotation("description"));
    fields.add("Created", time::moment(row.created_ms, now_ms, terminal));
    fields.add("Entrypoint", row.entrypoint.as_str());
    if !answer.parameters.is_empty() {
        fields.heading("Parameters");
        for parameter in &answer.parameters {
            fields.nested(&parameter.name, parameter_text(parameter));
        }
    }
    fields.add("Artifacts", answer.artifacts.join(", "));
    if wide {
        fields.heading("Templates");
        for entry in &answer.entrypoints {
            let inputs: Vec<&str> = entry.parameters.iter().map(|p| p.name.as_str()).collect();
            fields.nested(&entry.name, format!("{}({})", entry.r#type, inputs.join(", ")));
        }
    } else {
        fields.add("Templates", row.templates.join(", "));
    }
    fields.render(terminal)
}

fn parameter_text(parameter: &ParameterInfo) -> Text {
    let mut text = match parameter.has_value {
        true => Text::plain(&parameter.value),
        false => Text::painted(Paint::Yellow, "(must be given)"),
    };
    if !parameter.r#enum.is_empty() {
        text.push(Paint::Dim, format!("  one of {}", parameter.r#enum.join(", ")));
    }
    if !parameter.description.is_empty() {
        text.push(Paint::Dim, format!("  {}", parameter.description));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_tells_what_it_asks_for() {
        let answer = DescribeTemplateResponse {
            summary: Some(TemplateSummary {
                name: "build".into(),
                namespace: "ci".into(),
                created_ms: 1_785_931_200_000,
                entrypoint: "main".into(),
                templates: vec!["main".into(), "compile".into()],
                ..TemplateSummary::default()
            }),
            parameters: vec![
                ParameterInfo { name: "revision".into(), ..ParameterInfo::default() },
                ParameterInfo {
                    name: "mode".into(),
                    value: "fast".into(),
                    has_value: true,
                    r#enum: vec!["fast".into(), "full".into()],
                    description: "How".into(),
                },
            ],
            ..DescribeTemplateResponse::default()
        };
        insta::assert_snapshot!(template_block(&answer, false, 1_785_931_260_000, &Terminal::plain()), @r"
        Name:                build
        Namespace:           ci
        Created:             Wed Aug 05 12:00:00 +0000 (1 minute ago)
        Entrypoint:          main
        Parameters:
          revision:          (must be given)
          mode:              fast  one of fast, full  How
        Templates:           main, compile
        ");
    }
}
