//! `colchis workflow list`.

use clap::Args;
use client::v1::{ListRequest, ObjectSelector, Order, WorkflowSummary};
use serde_json::Value;

use crate::context::{Connection, Context, now_ms};
use crate::error::{CliError, CliResult, Exit};
use crate::render::{Column, Table, Text, phase, time};
use crate::support::output::{self, Format};
use crate::support::refused;
use crate::support::selection::{Filters, Pages, Wanted};

/// List runs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  colchis workflow list --running
  colchis workflow list --status Failed,Error --since 1d
  colchis workflow list -A -l team=data -o wide")]
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

    /// wide, name, json, yaml, jsonpath=… or custom-columns=…
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

impl List {
    pub(in crate::commands) async fn run(self, ctx: &mut Context) -> CliResult {
        let format = Format::parse(self.output.as_deref(), output::ALL)?;
        let wanted = self.filters.wanted(now_ms())?;
        let connection = ctx.connect().await?;
        let namespace = if self.all_namespaces { String::new() } else { connection.namespace.clone() };
        if format.for_machines() && format != Format::Name {
            return self.documents(ctx, &connection, namespace, &wanted, &format).await;
        }
        let chunk = (self.chunk_size > 0).then_some(self.chunk_size);
        let wide = format == Format::Wide;
        let mut pages = Pages::new(&connection, namespace, wanted, chunk, wide);
        let mut left = if self.limit == 0 { usize::MAX } else { self.limit };
        let mut first = true;
        while let Some(mut rows) = pages.next().await? {
            rows.truncate(left);
            left -= rows.len();
            if format == Format::Name {
                for row in &rows {
                    ctx.out.line(row.name.as_str())?;
                }
            } else if !rows.is_empty() {
                // A page at a time, so that the first rows of a million are there at once.
                let table = row_table(&rows, self.all_namespaces, wide, now_ms());
                let text = table.render(&ctx.out.terminal, first && !self.no_headers);
                ctx.out.write(text)?;
                first = false;
            }
            if left == 0 {
                break;
            }
        }
        if first && format != Format::Name {
            ctx.out.note("No workflows found.");
        }
        Ok(Exit::Done)
    }

    /// Whole objects, as Argo writes them: a list.
    async fn documents(
        &self,
        ctx: &mut Context,
        connection: &Connection,
        namespace: String,
        wanted: &Wanted,
        format: &Format,
    ) -> CliResult {
        let mut items = Vec::new();
        let mut continue_token = String::new();
        loop {
            let request = ListRequest {
                kind: "Workflow".into(),
                namespace: namespace.clone(),
                selector: Some(ObjectSelector { ..wanted.selector.clone() }),
                order: Order::NewestFirst.into(),
                limit: self.chunk_size,
                continue_token,
                ..ListRequest::default()
            };
            let page = connection
                .client
                .resources()
                .list(request)
                .await
                .map_err(|e| refused(e, Some("cannot list workflows".into())))?;
            for item in page.items {
                let value: Value =
                    serde_json::from_slice(&item.document).map_err(|e| CliError::from(anyhow::Error::from(e)))?;
                if ended_before(&value, wanted.ended_before_ms) {
                    items.push(value);
                }
                if self.limit > 0 && items.len() == self.limit {
                    break;
                }
            }
            continue_token = page.continue_token;
            if continue_token.is_empty() || (self.limit > 0 && items.len() >= self.limit) {
                break;
            }
        }
        match format {
            Format::Columns(columns) => crate::commands::get::columns(ctx, columns, &items, !self.no_headers)?,
            Format::JsonPath(_) => {
                let list = crate::commands::get::list_of(items);
                ctx.out.write(format.write(&list)?.unwrap_or_default())?;
            }
            _ => ctx.out.write(format.write(&Value::Array(items))?.unwrap_or_default())?,
        }
        Ok(Exit::Done)
    }
}

fn ended_before(document: &Value, before_ms: Option<i64>) -> bool {
    before_ms.is_none_or(|before| {
        let finished = document
            .pointer("/status/finishedAt")
            .and_then(Value::as_str)
            .and_then(|t| t.parse::<jiff::Timestamp>().ok());
        finished.is_some_and(|at| at.as_millisecond() < before)
    })
}

/// Runs as rows.
pub(crate) fn row_table(rows: &[WorkflowSummary], namespaces: bool, wide: bool, now_ms: i64) -> Table {
    let mut columns = Vec::new();
    if namespaces {
        columns.push(Column::new("NAMESPACE"));
    }
    columns.extend(["NAME", "STATUS", "AGE", "DURATION"].map(Column::new));
    columns.push(Column::droppable("PRIORITY"));
    columns.push(Column::giving_way("MESSAGE"));
    if wide {
        columns.push(Column::new("P/R/C"));
        columns.push(Column::giving_way("PARAMETERS"));
    }
    let mut table = Table::new(columns);
    for row in rows {
        let mut cells = Vec::new();
        if namespaces {
            cells.push(Text::plain(&row.namespace));
        }
        let duration = match row.started_ms {
            0 => Text::empty(),
            started => Text::plain(time::took(if row.finished_ms > 0 { row.finished_ms } else { now_ms } - started)),
        };
        cells.extend([
            Text::plain(&row.name),
            phase::workflow_text(row.phase(), row.suspended),
            Text::plain(time::age(now_ms - row.created_ms)),
            duration,
            Text::plain(row.priority.to_string()),
            Text::plain(&row.message),
        ]);
        if wide {
            let counts = row.nodes.unwrap_or_default();
            let completed = counts.succeeded + counts.failed + counts.error + counts.skipped + counts.omitted;
            cells.push(Text::plain(format!("{}/{}/{completed}", counts.pending, counts.running)));
            let parameters: Vec<String> = row.parameters.iter().map(|p| format!("{}={}", p.name, p.value)).collect();
            cells.push(Text::plain(parameters.join(",")));
        }
        table.row(cells);
    }
    table
}

#[cfg(test)]
mod tests {
    use client::v1::{NodeCounts, Parameter, WorkflowPhase};

    use super::*;
    use crate::render::Terminal;

    #[test]
    fn rows_are_argos() {
        let rows = [
            WorkflowSummary {
                namespace: "default".into(),
                name: "hello-x7k2p".into(),
                phase: WorkflowPhase::Running.into(),
                created_ms: 1_000,
                started_ms: 1_000,
                suspended: true,
                nodes: Some(NodeCounts { running: 1, succeeded: 2, ..NodeCounts::default() }),
                parameters: vec![Parameter { name: "message".into(), value: "hi".into() }],
                ..WorkflowSummary::default()
            },
            WorkflowSummary {
                namespace: "data".into(),
                name: "etl-1".into(),
                phase: WorkflowPhase::Failed.into(),
                created_ms: 1_000,
                started_ms: 2_000,
                finished_ms: 2_250,
                priority: 5,
                message: "child 'etl-1-2' failed".into(),
                ..WorkflowSummary::default()
            },
        ];
        insta::assert_snapshot!(row_table(&rows, true, true, 61_000).render(&Terminal::plain(), true), @r"
        NAMESPACE   NAME          STATUS                AGE   DURATION   PRIORITY   MESSAGE                  P/R/C   PARAMETERS
        default     hello-x7k2p   Running (Suspended)   60s   60s        0                                   0/1/2   message=hi
        data        etl-1         Failed                60s   250ms      5          child 'etl-1-2' failed   0/0/0
        ");
        insta::assert_snapshot!(row_table(&rows, false, false, 61_000).render(&Terminal::plain(), true), @r"
        NAME          STATUS                AGE   DURATION   PRIORITY   MESSAGE
        hello-x7k2p   Running (Suspended)   60s   60s        0
        etl-1         Failed                60s   250ms      5          child 'etl-1-2' failed
        ");
    }

    #[test]
    fn older_reads_the_end() {
        let document = serde_json::json!({"status": {"finishedAt": "1970-01-01T00:00:01Z"}});
        assert!(
            ended_before(&document, None)
                && ended_before(&document, Some(1_001))
                && !ended_before(&document, Some(1_000))
        );
        assert!(!ended_before(&serde_json::json!({}), Some(5)));
    }
}
