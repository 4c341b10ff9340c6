//! `colchis archive`.

use clap::{Args, Subcommand};
use client::ClientError;
use client::v1::{
    ArchivedKey, DeleteArchivedWorkflowRequest, GetArchivedWorkflowRequest, ListArchivedWorkflowsRequest,
    ListLabelKeysRequest, ListLabelValuesRequest, ResubmitArchivedWorkflowRequest, RetryArchivedWorkflowRequest,
    StatusDetail, WorkflowSummary,
};
use serde_json::Value;

use super::workflow::{all_nodes, row_table, show_run};
use crate::context::{Connection, Context, now_ms};
use crate::error::{CliError, CliResult, Exit};
use crate::render::Text;
use crate::support::follow::{self, FollowFlags};
use crate::support::output::{self, Format};
use crate::support::parameters::parameters;
use crate::support::refused;
use crate::support::selection::{Filters, RunName};

/// Find finished runs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List finished runs
    #[command(visible_alias = "ls")]
    List(List),
    /// Show a finished run
    Get(Get),
    /// Delete finished runs
    #[command(visible_alias = "rm")]
    Delete(Keys),
    /// Run again from the failed steps
    Retry(Retry),
    /// Start new runs of the same manifests
    Resubmit(Resubmit),
    /// List the label keys in use
    ListLabelKeys(LabelKeys),
    /// List the values in use of a label
    ListLabelValues(LabelValues),
}

/// List finished runs
#[derive(Debug, Args)]
pub struct List {
    /// Runs of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,

    #[command(flatten)]
    filters: Filters,

    /// At most so many runs, the newest; 0: all
    #[arg(long, value_name = "N", default_value_t = 0)]
    limit: usize,

    /// Runs asked for at a time; 0: as many as the server gives
    #[arg(long, value_name = "N", default_value_t = 0)]
    chunk_size: u32,

    /// No line with headings
    #[arg(long)]
    no_headers: bool,

    /// wide, name, json, yaml or jsonpath=…
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

/// Uids or names of finished runs.
#[derive(Debug, Args)]
pub struct Keys {
    /// Uids or names of finished runs
    #[arg(value_name = "UID|NAME", required = true)]
    keys: Vec<String>,
}

/// Show a finished run
#[derive(Debug, Args)]
pub struct Get {
    /// Uid or name of a finished run
    #[arg(value_name = "UID|NAME")]
    key: String,

    /// wide, json, yaml or jsonpath=…
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

/// Run again from the failed steps
#[derive(Debug, Args)]
pub struct Retry {
    #[command(flatten)]
    keys: Keys,

    /// Value of an argument, instead of the one the run had; may be repeated
    #[arg(short = 'p', long = "parameter", value_name = "NAME=VALUE")]
    parameters: Vec<String>,

    /// Run successful steps again, too, those that --node-field-selector matches
    #[arg(long, requires = "node_field_selector")]
    restart_successful: bool,

    /// Steps whose fields match
    #[arg(long, value_name = "FIELDS")]
    node_field_selector: Option<String>,

    #[command(flatten)]
    follow: FollowFlags,
}

/// Start new runs of the same manifests
#[derive(Debug, Args)]
pub struct Resubmit {
    #[command(flatten)]
    keys: Keys,

    /// Reuse the results of the steps that succeeded
    #[arg(long)]
    memoized: bool,

    /// Value of an argument, instead of the one the run had; may be repeated
    #[arg(short = 'p', long = "parameter", value_name = "NAME=VALUE")]
    parameters: Vec<String>,

    #[command(flatten)]
    follow: FollowFlags,
}

/// List the label keys in use
#[derive(Debug, Args)]
pub struct LabelKeys {
    /// Of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
}

/// List the values in use of a label
#[derive(Debug, Args)]
pub struct LabelValues {
    /// The label's key
    #[arg(short = 'l', long = "selector", value_name = "KEY")]
    key: String,

    /// Of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
}

impl Command {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        match self {
            Self::List(command) => command.run(ctx).await,
            Self::Get(command) => command.run(ctx).await,
            Self::Delete(command) => command.delete(ctx).await,
            Self::Retry(command) => command.run(ctx).await,
            Self::Resubmit(command) => command.run(ctx).await,
            Self::ListLabelKeys(command) => command.run(ctx).await,
            Self::ListLabelValues(command) => command.run(ctx).await,
        }
    }
}

/// A uid has the form of one; anything else is a name.
fn key(connection: &Connection, text: &str) -> ArchivedKey {
    match is_uid(text) {
        true => ArchivedKey { uid: text.to_owned(), ..ArchivedKey::default() },
        false => {
            ArchivedKey { namespace: connection.namespace.clone(), name: text.to_owned(), ..ArchivedKey::default() }
        }
    }
}

fn is_uid(text: &str) -> bool {
    let fits = |(at, b): (usize, u8)| if [8, 13, 18, 23].contains(&at) { b == b'-' } else { b.is_ascii_hexdigit() };
    text.len() == 36 && text.bytes().enumerate().all(fits)
}

impl List {
    async fn run(self, ctx: &mut Context) -> CliResult {
        let format = Format::parse(self.output.as_deref(), &["wide", "name", "json", "yaml", "jsonpath=…"])?;
        let wanted = self.filters.wanted(now_ms())?;
        let connection = ctx.connect().await?;
        let namespace = if self.all_namespaces { String::new() } else { connection.namespace.clone() };
        let mut left = if self.limit == 0 { usize::MAX } else { self.limit };
        let mut continue_token = String::new();
        let mut first = true;
        let mut documents = Vec::new();
        let whole = matches!(format, Format::Json | Format::Yaml | Format::JsonPath(_));
        loop {
            let request = ListArchivedWorkflowsRequest {
                namespace: namespace.clone(),
                selector: Some(wanted.selector.clone()),
                limit: self.chunk_size,
                continue_token,
                wide: format == Format::Wide,
            };
            let page = connection.client.archive().list(request).await;
            let page = page.map_err(|e| refused(e, Some("cannot list finished workflows".into())))?;
            let mut rows: Vec<WorkflowSummary> = page.workflows.into_iter().filter(|row| wanted.holds(row)).collect();
            rows.truncate(left);
            left -= rows.len();
            if whole {
                for row in &rows {
                    documents.push(document(&connection, row).await?);
                }
            } else if format == Format::Name {
                for row in &rows {
                    ctx.out.line(row.name.as_str())?;
                }
            } else if !rows.is_empty() {
                let text = row_table(&rows, self.all_namespaces, format == Format::Wide, now_ms())
                    .render(&ctx.out.terminal, first && !self.no_headers);
                ctx.out.write(text)?;
                first = false;
            }
            continue_token = page.continue_token;
            if continue_token.is_empty() || left == 0 {
                break;
            }
        }
        if whole {
            let list = match format {
                Format::JsonPath(_) => super::get::list_of(documents),
                _ => Value::Array(documents),
            };
            ctx.out.write(format.write(&list)?.unwrap_or_default())?;
        } else if first && format != Format::Name {
            ctx.out.note("No workflows found.");
        }
        Ok(Exit::Done)
    }
}

/// A finished run's object, with all but its nodes.
async fn document(connection: &Connection, row: &WorkflowSummary) -> CliResult<Value> {
    let key = ArchivedKey { uid: row.uid.clone(), ..ArchivedKey::default() };
    let request = GetArchivedWorkflowRequest { key: Some(key), status: StatusDetail::Summary.into() };
    let got = connection.client.get_archived_workflow(request).await;
    let got = got.map_err(|e| refused(e, Some(format!("cannot get workflow {}", row.name))))?;
    serde_json::from_slice(&got.document).map_err(|e| CliError::from(anyhow::Error::from(e)))
}

impl Get {
    async fn run(self, ctx: &mut Context) -> CliResult {
        let format = Format::parse(self.output.as_deref(), output::RUNS)?;
        let connection = ctx.connect().await?;
        let request =
            GetArchivedWorkflowRequest { key: Some(key(&connection, &self.key)), status: StatusDetail::Full.into() };
        let got = connection.client.get_archived_workflow(request).await;
        let got = got.map_err(|e| refused(e, Some(format!("cannot get workflow {}", self.key))))?;
        let document: Value =
            serde_json::from_slice(&got.document).map_err(|e| CliError::from(anyhow::Error::from(e)))?;
        if let Some(text) = format.write(&document)? {
            ctx.out.write(text)?;
            return Ok(Exit::Done);
        }
        let run = RunName { namespace: got.summary.namespace.clone(), name: got.summary.name.clone() };
        let nodes = all_nodes(&connection, &run, String::new()).await?;
        show_run(ctx, &got.summary, Some(&document), &nodes, format == Format::Wide)?;
        Ok(Exit::Done)
    }
}

impl Keys {
    async fn delete(self, ctx: &mut Context) -> CliResult {
        let connection = ctx.connect().await?;
        for text in &self.keys {
            let request = DeleteArchivedWorkflowRequest { key: Some(key(&connection, text)) };
            let answer = connection.client.archive().delete(request).await;
            answer.map_err(|e| refused(e, Some(format!("cannot delete workflow {text}"))))?;
            ctx.out.line(format!("Archived workflow '{text}' deleted"))?;
        }
        Ok(Exit::Done)
    }
}

impl Retry {
    async fn run(self, ctx: &mut Context) -> CliResult {
        let parameters = parameters(&self.parameters)?;
        let connection = ctx.connect().await?;
        let mut runs = Vec::new();
        for text in &self.keys.keys {
            let doing = || Some(format!("cannot retry workflow {text}"));
            let request = RetryArchivedWorkflowRequest {
                key: Some(key(&connection, text)),
                restart_successful: self.restart_successful,
                node_selector: self.node_field_selector.clone().unwrap_or_default(),
                parameters: parameters.clone(),
            };
            let answer = connection.client.archive().retry(request).await.map_err(|e| refused(e, doing()))?;
            let row = answer.workflow.ok_or_else(|| refused(ClientError::Incomplete("no run was named"), doing()))?;
            ctx.out.line(format!("workflow {} retried", row.name))?;
            runs.push(RunName { namespace: row.namespace, name: row.name });
        }
        follow::after_start(&mut ctx.out, &connection, &runs, &self.follow).await
    }
}

impl Resubmit {
    async fn run(self, ctx: &mut Context) -> CliResult {
        let parameters = parameters(&self.parameters)?;
        let connection = ctx.connect().await?;
        let mut runs = Vec::new();
        for text in &self.keys.keys {
            let doing = || Some(format!("cannot resubmit workflow {text}"));
            let request = ResubmitArchivedWorkflowRequest {
                key: Some(key(&connection, text)),
                memoized: self.memoized,
                parameters: parameters.clone(),
            };
            let answer = connection.client.archive().resubmit(request).await.map_err(|e| refused(e, doing()))?;
            let new = answer.submitted.ok_or_else(|| refused(ClientError::Incomplete("no run was named"), doing()))?;
            ctx.out.line(format!("workflow {text} resubmitted as {}", new.name))?;
            runs.push(RunName { namespace: new.namespace, name: new.name });
        }
        follow::after_start(&mut ctx.out, &connection, &runs, &self.follow).await
    }
}

impl LabelKeys {
    async fn run(self, ctx: &mut Context) -> CliResult {
        let connection = ctx.connect().await?;
        let namespace = if self.all_namespaces { String::new() } else { connection.namespace.clone() };
        let answer = connection
            .client
            .archive()
            .list_label_keys(ListLabelKeysRequest { namespace })
            .await
            .map_err(|e| refused(e, None))?;
        words(ctx, answer.keys, answer.incomplete)
    }
}

impl LabelValues {
    async fn run(self, ctx: &mut Context) -> CliResult {
        let connection = ctx.connect().await?;
        let namespace = if self.all_namespaces { String::new() } else { connection.namespace.clone() };
        let request = ListLabelValuesRequest { namespace, key: self.key };
        let answer = connection.client.archive().list_label_values(request).await.map_err(|e| refused(e, None))?;
        words(ctx, answer.values, answer.incomplete)
    }
}

fn words(ctx: &mut Context, words: Vec<String>, incomplete: bool) -> CliResult {
    for word in words {
        ctx.out.line(Text::plain(word))?;
    }
    if incomplete {
        ctx.out.warn("there are more runs than are looked at for this: the list may miss some");
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::is_uid;

    #[test]
    fn uids_are_told_from_names() {
        assert!(is_uid("0b6d3c1a-7a53-4c9e-9f6d-2f7f3a1f0c11"));
        assert!(!is_uid("hello-x7k2p"));
    }
}
