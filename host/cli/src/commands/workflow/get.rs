//! `colchis workflow get`.

use clap::Args;
use client::v1::{GetWorkflowRequest, ListNodesRequest, Node, StatusDetail, WorkflowSummary};
use serde_json::Value;

use crate::context::{Connection, Context, now_ms};
use crate::error::{CliError, CliResult, Exit};
use crate::render::node_filter::NodeFilter;
use crate::render::tree::{self, TreeOptions};
use crate::render::{phase, summary};
use crate::support::output::{self, Format};
use crate::support::refused;
use crate::support::selection::{RunName, named};

/// Nodes asked for at a time.
const PAGE: u32 = 500;

/// Show runs and their steps
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  colchis workflow get hello-x7k2p
  colchis workflow get @latest --status Failed
  colchis workflow get hello-x7k2p -o json")]
pub struct Get {
    /// Names of runs, or @latest
    #[arg(value_name = "WORKFLOW", required = true)]
    names: Vec<String>,

    #[command(flatten)]
    nodes: NodeFlags,

    /// wide, short, name, json, yaml or jsonpath=…
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

/// Which nodes are shown.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct NodeFlags {
    /// Steps whose fields match, such as --node-field-selector phase=Failed,templateName=build
    #[arg(long, value_name = "FIELDS")]
    pub node_field_selector: Option<String>,

    /// Steps in one of these phases
    #[arg(long, value_name = "PHASES", value_delimiter = ',')]
    pub status: Vec<String>,
}

impl NodeFlags {
    /// What is shown of nodes that are looked at here.
    ///
    /// # Errors
    /// A field or phase that there is not.
    pub(super) fn filter(&self) -> CliResult<NodeFilter> {
        NodeFilter::parse(self.node_field_selector.as_deref().unwrap_or_default(), &self.status)
    }
}

impl Get {
    pub(in crate::commands) async fn run(self, ctx: &mut Context) -> CliResult {
        let format = Format::parse(self.output.as_deref(), output::RUNS)?;
        let by_phase = NodeFilter::parse("", &self.nodes.status)?;
        let connection = ctx.connect().await?;
        for (at, word) in self.names.iter().enumerate() {
            let run = named(&connection, word).await?;
            let detail = if format.for_machines() { StatusDetail::Full } else { StatusDetail::Summary };
            let request =
                GetWorkflowRequest { namespace: run.namespace.clone(), name: run.name.clone(), status: detail.into() };
            let got = connection.client.get_workflow(request).await;
            let got = got.map_err(|e| refused(e, Some(format!("cannot get workflow {run}"))))?;
            let document: Value =
                serde_json::from_slice(&got.document).map_err(|e| CliError::from(anyhow::Error::from(e)))?;
            if at > 0 && matches!(format, Format::Table | Format::Wide) {
                ctx.out.line("")?;
            } else if at > 0 && format == Format::Yaml {
                ctx.out.line("---")?;
            }
            if let Some(text) = format.write(&document)? {
                ctx.out.write(text)?;
            } else if format == Format::Name {
                ctx.out.line(run.name.as_str())?;
            } else if format == Format::Short {
                let line = crate::render::Text::plain(format!("{}  ", run.name));
                let mut line = line;
                line.append(phase::workflow_text(got.summary.phase(), got.summary.suspended));
                ctx.out.line(line)?;
            } else {
                // The selector is looked at here, so that what the chosen steps belong to can be shown.
                let nodes = all_nodes(&connection, &run, String::new()).await?;
                let chosen = match &self.nodes.node_field_selector {
                    Some(selector) => Some(all_nodes(&connection, &run, selector.clone()).await?),
                    None => None,
                };
                let ids: Option<std::collections::HashSet<String>> =
                    chosen.map(|nodes| nodes.into_iter().map(|n| n.id).collect());
                let wanted =
                    |node: &Node| by_phase.shows(node) && ids.as_ref().is_none_or(|ids| ids.contains(&node.id));
                show(ctx, &got.summary, Some(&document), &nodes, format == Format::Wide, &wanted)?;
            }
        }
        Ok(Exit::Done)
    }
}

/// All nodes of a run that a selector matches.
///
/// # Errors
/// The server refuses.
pub(crate) async fn all_nodes(connection: &Connection, run: &RunName, selector: String) -> CliResult<Vec<Node>> {
    let mut nodes = Vec::new();
    let mut continue_token = String::new();
    loop {
        let request = ListNodesRequest {
            namespace: run.namespace.clone(),
            name: run.name.clone(),
            selector: selector.clone(),
            limit: PAGE,
            continue_token,
            full: false,
        };
        let page = connection.client.workflows().list_nodes(request).await;
        let page = page.map_err(|e| refused(e, Some(format!("cannot list the nodes of workflow {run}"))))?;
        nodes.extend(page.nodes);
        continue_token = page.continue_token;
        if continue_token.is_empty() {
            return Ok(nodes);
        }
    }
}

/// Writes a run: the block of fields and the tree.
///
/// # Errors
/// The stream is closed.
pub(crate) fn show_run(
    ctx: &mut Context,
    row: &WorkflowSummary,
    document: Option<&Value>,
    nodes: &[Node],
    wide: bool,
) -> CliResult<()> {
    show(ctx, row, document, nodes, wide, &|_| true)
}

fn show(
    ctx: &mut Context,
    row: &WorkflowSummary,
    document: Option<&Value>,
    nodes: &[Node],
    wide: bool,
    wanted: &dyn Fn(&Node) -> bool,
) -> CliResult<()> {
    let now = now_ms();
    let terminal = ctx.out.terminal.clone();
    let mut text = summary::block(row, document, now, &terminal).render(&terminal);
    let lines = tree::lines(nodes, &terminal, wanted);
    if !lines.is_empty() {
        let options = TreeOptions { workflow: &row.name, wide, now_ms: now };
        text.push('\n');
        text.push_str(&tree::table(&lines, options, &terminal).render(&terminal, true));
    }
    ctx.out.write(text)
}
