//! `colchis plugin test`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use plugin_check::{CHECKS, Check, Options, Report, Tape, Verdict};

use super::subject::{Folder, Subject, document};
use crate::context::Context;
use crate::error::{CliError, CliResult, Exit};
use crate::render::table::{Column, Table};
use crate::render::{Paint, Text};

/// Try a component out: all that a plugin promises, without a server
///
/// The component is run here, in a host as a server has it. It is asked what it is, its schema and its look at configurations are tried with configurations that are
/// broken on purpose, and it is called: with what --grant, --replay or --record let it reach, without its grants, with servers that are not there, that answer 401,
/// 429 or 500, or not at all, cancelled, and a thousand times. The exit code is 0 when no check failed, 1 when one did, 2 when the command line is wrong.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  colchis plugin test greet.wasm -f '{\"who\": \"Medea\"}'
  colchis plugin test lag.wasm -f config.yaml --grant http=http://127.0.0.1:9090 --record lag.tape.json
  colchis plugin test lag.wasm -f config.yaml --replay lag.tape.json -o junit > results.xml")]
pub struct Test {
    #[command(flatten)]
    subject: Subject,

    /// A configuration that cannot work: the plugin has to say where; as -f
    #[arg(long, value_name = "FILE|JSON")]
    bad_config: Option<String>,

    /// Send its requests, and write them and their answers to this file, without secrets
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    record: Option<PathBuf>,

    /// How many calls `growth` makes
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    calls: u32,

    /// Leave a check out, by its id; may be repeated
    #[arg(long, value_name = "ID")]
    skip: Vec<String>,

    /// How results are told
    #[arg(short = 'o', long, value_enum, default_value_t, value_name = "FORM")]
    output: Output,
}

/// The forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Output {
    /// A table
    #[default]
    Table,
    /// JSON
    Json,
    /// JUnit XML
    Junit,
}

impl Test {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        if let Some(id) = self.skip.iter().find(|id| !CHECKS.iter().any(|spec| spec.id == *id)) {
            let ids: Vec<&str> = CHECKS.iter().map(|spec| spec.id).collect();
            return Err(CliError::usage(format!("--skip {id}: there is no such check"))
                .hint(format!("one of: {}", ids.join(", "))));
        }
        let replayed = self.subject.tape()?;
        let tape = replayed.or_else(|| self.record.as_ref().map(|_| Arc::new(Tape::recording())));
        // The component is loaded anew by each check that grants it something else.
        let cache = Folder::new("test")?;
        let order = self.subject.order(Some(cache.path())).await?;
        let (grants, _) = self.subject.grants()?;
        let options = Options {
            kind: self.subject.kind()?,
            config: self.subject.config(ctx).await?,
            bad_config: document(ctx, self.bad_config.as_deref()).await?,
            input: self.subject.input(ctx).await?,
            grants,
            tape: tape.clone(),
            records: self.record.is_some(),
            calls: self.calls,
            memory_bytes_max: order.memory_bytes_max,
            skip: self.skip,
        };
        let bench = ctx.host.workbench(order)?;
        let report = plugin_check::run(&*bench, &options).await;
        if let (Some(path), Some(tape)) = (&self.record, &tape) {
            std::fs::write(path, tape.text()).with_context(|| format!("{} cannot be written", path.display()))?;
            ctx.out.note(format!("{} exchanges are written to {}", tape.len(), path.display()));
        }
        match self.output {
            Output::Json => {
                let text = serde_json::to_string_pretty(&report.json()).map_err(anyhow::Error::from)?;
                ctx.out.write(text + "\n")?;
            }
            Output::Junit => ctx.out.write(report.junit())?,
            Output::Table => draw(ctx, &report)?,
        }
        Ok(if report.passed() { Exit::Done } else { Exit::Failed })
    }
}

/// The table, then what to do about what failed.
fn draw(ctx: &mut Context, report: &Report) -> CliResult<()> {
    let mut table = Table::new([Column::new(""), Column::new("CHECK"), Column::giving_way("RESULT")]);
    for check in &report.checks {
        let reason = if check.reason.is_empty() { check.what } else { &check.reason };
        table.row([sign(check), Text::plain(check.id), Text::plain(reason)]);
    }
    let text = table.render(&ctx.out.terminal, true);
    ctx.out.write(text)?;
    for check in report.checks.iter().filter(|check| check.verdict == Verdict::Failed) {
        ctx.out.line("")?;
        ctx.out.line(Text::painted(Paint::Red, check.id).with(Paint::Plain, format!(": expected: {}", check.what)))?;
        ctx.out.line(format!("  seen: {}", check.reason))?;
        ctx.out.line(Text::painted(Paint::Cyan, "  to do: ").with(Paint::Plain, check.hint.unwrap_or_default()))?;
    }
    let [passed, failed, skipped] =
        [Verdict::Passed, Verdict::Failed, Verdict::Skipped].map(|verdict| report.count(verdict));
    ctx.out.line("")?;
    ctx.out.line(format!("{passed} passed, {failed} failed, {skipped} not looked at"))?;
    Ok(())
}

fn sign(check: &Check) -> Text {
    match check.verdict {
        Verdict::Passed => Text::painted(Paint::Green, "✓"),
        Verdict::Failed => Text::painted(Paint::Red, "✗"),
        Verdict::Skipped => Text::painted(Paint::Dim, "–"),
    }
}
