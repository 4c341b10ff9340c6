//! `colchis cron`.

use clap::{Args, Subcommand};
use client::v1::{
    BackfillRequest, CronWorkflowSummary, ListCronWorkflowsRequest, NextRunsRequest, ObjectSelector,
    ResumeCronWorkflowRequest, SuspendCronWorkflowRequest,
};
use serde_json::Value;

use super::cron_create;
use crate::context::{Connection, Context, now_ms};
use crate::error::{CliError, CliResult, Exit};
use crate::render::fields::Fields;
use crate::render::{Column, Paint, Table, Terminal, Text, time};
use crate::support::objects::{self, Kinds};
use crate::support::output::{self, Format};
use crate::support::stored::{self, CRON_KIND};
use crate::support::{moment_ms, refused};

/// Runs that one backfill may start, unless the flag says otherwise.
const BACKFILL_MAX: usize = 1_000;
/// Next runs that `get` shows.
const NEXT_SHOWN: u32 = 5;

/// Manage CronWorkflows.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create schedules from manifests
    Create(cron_create::Create),
    /// Replace schedules by manifests
    Update(cron_create::Update),
    /// Show schedules and their next runs
    Get(Get),
    /// List schedules
    #[command(visible_alias = "ls")]
    List(List),
    /// Delete schedules
    #[command(visible_alias = "rm")]
    Delete(stored::Delete),
    /// Start no runs until resumed
    Suspend(Names),
    /// Go on with schedules
    Resume(Names),
    /// Run what was scheduled in the past
    Backfill(Backfill),
    /// Check manifests against the server's templates
    Lint(crate::commands::lint::ServerLint),
}

/// Names of schedules.
#[derive(Debug, Args)]
pub struct Names {
    /// Names of schedules
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
}

/// Show schedules and their next runs
#[derive(Debug, Args)]
pub struct Get {
    /// Names of schedules
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,

    /// name, json, yaml or jsonpath=…
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

/// List schedules
#[derive(Debug, Args)]
pub struct List {
    /// Schedules of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,

    /// Schedules whose labels match
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,

    /// No line with headings
    #[arg(long)]
    no_headers: bool,

    /// wide, name, json or yaml
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

/// Run what was scheduled in the past
///
/// Every moment of the schedule between --start and --end becomes a run, one after the other, or all at once with --parallel. Moments that were run already
/// are left out.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  colchis cron backfill nightly --start 2026-08-01 --end 2026-08-05")]
pub struct Backfill {
    /// Name of a schedule
    #[arg(value_name = "NAME")]
    name: String,

    /// Scheduled at or after this moment: 2026-08-01, 2026-08-01T12:00:00 (UTC) or with an offset
    #[arg(long, value_name = "TIME")]
    start: String,

    /// Scheduled before this moment [default: now]
    #[arg(long, value_name = "TIME")]
    end: Option<String>,

    /// All at once
    #[arg(long)]
    parallel: bool,

    /// Name of the run that carries them out
    #[arg(long = "name", value_name = "NAME")]
    run_name: Option<String>,

    /// Refuse to start more runs than this
    #[arg(long, value_name = "N", default_value_t = BACKFILL_MAX)]
    maxworkflowcount: usize,

    /// Argument of each run that gets the time for which it is
    #[arg(long, value_name = "NAME", default_value = "cronScheduleTime")]
    argname: String,

    /// How that time is written, as a layout of Go's time package, such as 2006-01-02 [default: Mon, 02 Jan 2006 15:04:05 MST]
    #[arg(long, value_name = "LAYOUT")]
    format: Option<String>,

    /// Only tell when the runs would be
    #[arg(long)]
    dry_run: bool,
}

impl Command {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        match self {
            Self::Create(command) => command.run(ctx).await,
            Self::Update(command) => command.run(ctx).await,
            Self::Get(command) => command.run(ctx).await,
            Self::List(command) => command.run(ctx).await,
            Self::Delete(command) => command.run(ctx, CRON_KIND).await,
            Self::Suspend(command) => command.steer(ctx, true).await,
            Self::Resume(command) => command.steer(ctx, false).await,
            Self::Backfill(command) => command.run(ctx).await,
            Self::Lint(command) => command.run(ctx).await,
        }
    }
}

impl Names {
    async fn steer(self, ctx: &mut Context, suspend: bool) -> CliResult {
        let connection = ctx.connect().await?;
        let calls = connection.client.cron_workflows();
        for name in self.names {
            let namespace = connection.namespace.clone();
            let (word, past) = if suspend { ("suspend", "suspended") } else { ("resume", "resumed") };
            let done = match suspend {
                true => calls.suspend(SuspendCronWorkflowRequest { namespace, name: name.clone() }).await.map(|_| ()),
                false => calls.resume(ResumeCronWorkflowRequest { namespace, name: name.clone() }).await.map(|_| ()),
            };
            done.map_err(|e| refused(e, Some(format!("cannot {word} CronWorkflow {name}"))))?;
            ctx.out.line(format!("CronWorkflow '{name}' {past}"))?;
        }
        Ok(Exit::Done)
    }
}

impl List {
    async fn run(self, ctx: &mut Context) -> CliResult {
        let format = Format::parse(self.output.as_deref(), &["wide", "name", "json", "yaml"])?;
        let connection = ctx.connect().await?;
        let namespace = if self.all_namespaces { String::new() } else { connection.namespace.clone() };
        let selector =
            ObjectSelector { labels: self.selector.clone().unwrap_or_default(), ..ObjectSelector::default() };
        if matches!(format, Format::Json | Format::Yaml) {
            let kinds = Kinds::of(&connection).await?;
            let (values, _) = objects::list(&connection, kinds.find(CRON_KIND)?, &namespace, &selector, 0).await?;
            ctx.out.write(format.write(&Value::Array(values))?.unwrap_or_default())?;
            return Ok(Exit::Done);
        }
        let rows = rows(&connection, &namespace, &selector).await?;
        if format == Format::Name {
            for row in &rows {
                ctx.out.line(row.name.as_str())?;
            }
        } else if rows.is_empty() {
            ctx.out.note("No cron workflows found.");
        } else {
            let table = table(&rows, self.all_namespaces, format == Format::Wide, now_ms());
            let text = table.render(&ctx.out.terminal, !self.no_headers);
            ctx.out.write(text)?;
        }
        Ok(Exit::Done)
    }
}

async fn rows(
    connection: &Connection,
    namespace: &str,
    selector: &ObjectSelector,
) -> CliResult<Vec<CronWorkflowSummary>> {
    let mut rows = Vec::new();
    let mut continue_token = String::new();
    loop {
        let request = ListCronWorkflowsRequest {
            namespace: namespace.to_owned(),
            selector: Some(selector.clone()),
            limit: 0,
            continue_token,
        };
        let page = connection.client.cron_workflows().list(request).await;
        let page = page.map_err(|e| refused(e, Some("cannot list cron workflows".into())))?;
        rows.extend(page.cron_workflows);
        continue_token = page.continue_token;
        if continue_token.is_empty() {
            return Ok(rows);
        }
    }
}

fn table(rows: &[CronWorkflowSummary], namespaces: bool, wide: bool, now_ms: i64) -> Table {
    let mut columns = Vec::new();
    if namespaces {
        columns.push(Column::new("NAMESPACE"));
    }
    columns.extend(["NAME", "AGE", "LAST RUN", "NEXT RUN", "SCHEDULE", "TIMEZONE", "SUSPENDED"].map(Column::new));
    if wide {
        columns.extend(["ACTIVE", "SUCCEEDED", "FAILED", "CONCURRENCY"].map(Column::new));
    }
    let mut table = Table::new(columns);
    for row in rows {
        let mut cells = Vec::new();
        if namespaces {
            cells.push(Text::plain(&row.namespace));
        }
        let last = if row.last_scheduled_ms > 0 { time::age(now_ms - row.last_scheduled_ms) } else { "N/A".to_owned() };
        let next = if row.next_run_ms > 0 { time::age(row.next_run_ms - now_ms) } else { "N/A".to_owned() };
        cells.extend([
            Text::plain(&row.name),
            Text::plain(time::age(now_ms - row.created_ms)),
            Text::plain(last),
            Text::plain(next),
            Text::plain(row.schedules.join(",")),
            Text::plain(&row.timezone),
            Text::painted(if row.suspended { Paint::Yellow } else { Paint::Plain }, row.suspended.to_string()),
        ]);
        if wide {
            cells.extend([
                Text::plain(row.active.len().to_string()),
                Text::plain(row.succeeded.to_string()),
                Text::plain(row.failed.to_string()),
                Text::plain(&row.concurrency_policy),
            ]);
        }
        table.row(cells);
    }
    table
}

impl Get {
    async fn run(self, ctx: &mut Context) -> CliResult {
        let format = Format::parse(self.output.as_deref(), output::ALL)?;
        let connection = ctx.connect().await?;
        let kinds = Kinds::of(&connection).await?;
        for (at, name) in self.names.iter().enumerate() {
            let value = objects::get(&connection, kinds.find(CRON_KIND)?, &connection.namespace, name).await?;
            if let Some(text) = format.write(&value)? {
                if at > 0 && format == Format::Yaml {
                    ctx.out.line("---")?;
                }
                ctx.out.write(text)?;
                continue;
            }
            if format == Format::Name {
                ctx.out.line(name.as_str())?;
                continue;
            }
            let request = NextRunsRequest {
                namespace: connection.namespace.clone(),
                name: name.clone(),
                count: NEXT_SHOWN,
                ..NextRunsRequest::default()
            };
            let next = connection.client.cron_workflows().next_runs(request).await.map_err(|e| refused(e, None))?;
            if at > 0 {
                ctx.out.line("")?;
            }
            let text = block(&value, &next.runs_ms, now_ms(), &ctx.out.terminal);
            ctx.out.write(text)?;
        }
        Ok(Exit::Done)
    }
}

fn block(value: &Value, next_ms: &[i64], now_ms: i64, terminal: &Terminal) -> String {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let moment = |pointer: &str| {
        text(pointer)
            .parse::<jiff::Timestamp>()
            .map(|t| time::moment(t.as_millisecond(), now_ms, terminal))
            .unwrap_or_default()
    };
    let mut fields = Fields::new();
    fields.add("Name", Text::painted(Paint::Bold, text("/metadata/name")));
    fields.add("Namespace", text("/metadata/namespace"));
    fields.add("Created", moment("/metadata/creationTimestamp"));
    let schedules = value.pointer("/spec/schedules").and_then(Value::as_array);
    let schedules = schedules.map(|list| list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "));
    fields.add("Schedules", schedules.unwrap_or_else(|| text("/spec/schedule").to_owned()));
    fields.add("Suspended", value.pointer("/spec/suspend").and_then(Value::as_bool).unwrap_or(false).to_string());
    fields.add("Timezone", text("/spec/timezone"));
    fields.add("ConcurrencyPolicy", text("/spec/concurrencyPolicy"));
    fields.add("When", text("/spec/when"));
    fields.add("StopStrategy", text("/spec/stopStrategy/expression"));
    fields.add("Phase", text("/status/phase"));
    fields.add("LastScheduledTime", moment("/status/lastScheduledTime"));
    for (at, next) in next_ms.iter().enumerate() {
        let written = time::moment(*next, now_ms, terminal);
        if at == 0 {
            fields.add("NextScheduledTimes", written)
        } else {
            fields.add_more(written)
        };
    }
    let active: Vec<&str> = value
        .pointer("/status/active")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|a| a["name"].as_str())
        .collect();
    fields.add("Active Workflows", active.join(", "));
    for condition in value.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten() {
        fields.add(
            "Condition",
            format!(
                "{}={} {}",
                condition["type"].as_str().unwrap_or("?"),
                condition["status"].as_str().unwrap_or("?"),
                condition["message"].as_str().unwrap_or_default()
            ),
        );
    }
    fields.render(terminal)
}

impl Backfill {
    async fn run(self, ctx: &mut Context) -> CliResult {
        let from_ms = moment_ms("--start", &self.start)?;
        let until_ms = self.end.as_deref().map(|text| moment_ms("--end", text)).transpose()?.unwrap_or_else(now_ms);
        if until_ms <= from_ms {
            return Err(CliError::usage("--end is not after --start"));
        }
        let connection = ctx.connect().await?;
        let moments = self.moments(&connection, from_ms, until_ms).await?;
        if moments.len() > self.maxworkflowcount {
            return Err(CliError::usage(format!("these are more than {} runs", self.maxworkflowcount))
                .hint("--maxworkflowcount allows more"));
        }
        if self.dry_run {
            for at in moments {
                ctx.out.line(time::rfc3339(at))?;
            }
            return Ok(Exit::Done);
        }
        let request = BackfillRequest {
            namespace: connection.namespace.clone(),
            name: self.name.clone(),
            from_ms,
            until_ms,
            parallel: self.parallel,
            run_name: self.run_name.clone().unwrap_or_default(),
            argument: self.argname.clone(),
            format: self.format.clone().unwrap_or_default(),
        };
        let answer = connection.client.cron_workflows().backfill(request).await;
        let answer = answer.map_err(|e| refused(e, Some(format!("cannot backfill CronWorkflow {}", self.name))))?;
        if answer.workflows.is_empty() {
            ctx.out.note("Nothing was scheduled in that time, or all of it was run.");
        }
        for name in answer.workflows {
            ctx.out.line(format!("workflow {name} created"))?;
        }
        Ok(Exit::Done)
    }

    /// The scheduled moments in that time: asked for in steps, and one more than may be.
    async fn moments(&self, connection: &Connection, from_ms: i64, until_ms: i64) -> CliResult<Vec<i64>> {
        let mut moments: Vec<i64> = Vec::new();
        // The next run is the one after a moment; one at --start itself counts.
        let mut after = from_ms - 1;
        while moments.len() <= self.maxworkflowcount {
            let request = NextRunsRequest {
                namespace: connection.namespace.clone(),
                name: self.name.clone(),
                from_ms: after,
                count: 100,
                ..NextRunsRequest::default()
            };
            let answer = connection.client.cron_workflows().next_runs(request).await;
            let runs = answer
                .map_err(|e| refused(e, Some(format!("cannot read the schedule of CronWorkflow {}", self.name))))?
                .runs_ms;
            let count = runs.len();
            moments.extend(runs.into_iter().filter(|at| *at < until_ms));
            match moments.last() {
                Some(last) if count == 100 && *last > after => after = *last,
                _ => break,
            }
        }
        Ok(moments)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_and_blocks() {
        let rows = [CronWorkflowSummary {
            name: "nightly".into(),
            namespace: "ci".into(),
            created_ms: 0,
            schedules: vec!["0 1 * * *".into()],
            timezone: "Europe/Berlin".into(),
            last_scheduled_ms: 30_000,
            next_run_ms: 3_600_000,
            ..CronWorkflowSummary::default()
        }];
        insta::assert_snapshot!(table(&rows, true, true, 60_000).render(&Terminal::plain(), true), @r"
        NAMESPACE   NAME      AGE   LAST RUN   NEXT RUN   SCHEDULE    TIMEZONE        SUSPENDED   ACTIVE   SUCCEEDED   FAILED   CONCURRENCY
        ci          nightly   60s   30s        59m        0 1 * * *   Europe/Berlin   false       0        0           0
        ");
        let value = json!({
            "metadata": {"name": "nightly", "namespace": "ci", "creationTimestamp": "2026-08-05T12:00:00Z"},
            "spec": {"schedules": ["0 1 * * *"], "timezone": "Europe/Berlin", "concurrencyPolicy": "Forbid"},
            "status": {"active": [{"name": "nightly-1"}]},
        });
        insta::assert_snapshot!(block(&value, &[1_785_970_800_000, 1_786_057_200_000], 1_785_931_260_000, &Terminal::plain()), @r"
        Name:                nightly
        Namespace:           ci
        Created:             Wed Aug 05 12:00:00 +0000 (1 minute ago)
        Schedules:           0 1 * * *
        Suspended:           false
        Timezone:            Europe/Berlin
        ConcurrencyPolicy:   Forbid
        NextScheduledTimes:  Wed Aug 05 23:00:00 +0000 (in 10 hours)
                             Thu Aug 06 23:00:00 +0000 (in 1 day)
        Active Workflows:    nightly-1
        ");
    }
}
