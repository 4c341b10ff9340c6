//! `colchis plugin bench`.

use clap::Args;
use plugin_check::SpeedOptions;
use serde_json::{Value, json};

use super::subject::{Folder, Subject};
use crate::context::Context;
use crate::error::{CliError, CliResult, Exit};
use crate::render::Text;
use crate::render::table::{Column, Table};
use crate::support::output::Format;

/// Measure a component: loading, calls, memory
///
/// Each call is the whole call of its kind in a fresh instance, as a server makes it. Give --replay for a plugin that asks servers, or their time is measured, too.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  colchis plugin bench greet.wasm -f '{\"who\": \"Medea\"}'
  colchis plugin bench lag.wasm -f config.yaml --replay lag.tape.json --grant 'http=*' --calls 5000 --concurrency 8 -o json")]
pub struct Bench {
    #[command(flatten)]
    subject: Subject,

    /// How many calls, one at a time and then again at once
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    calls: u32,

    /// How many calls at once
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=16))]
    concurrency: u32,

    /// json or yaml
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

impl Bench {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        let format = Format::parse(self.output.as_deref(), &["json", "yaml"])?;
        let cache = Folder::new("bench")?;
        let order = self.subject.order(Some(cache.path())).await?;
        let (grants, _) = self.subject.grants()?;
        let wire = self.subject.tape()?.map(|tape| tape as std::sync::Arc<dyn plugin::Wire>);
        let options = SpeedOptions {
            kind: self.subject.kind()?,
            config: self.subject.config(ctx).await?.unwrap_or_else(|| json!({})),
            input: self.subject.input(ctx).await?,
            grants,
            wire,
            calls: self.calls,
            concurrency: self.concurrency,
        };
        let (cold, cached) = (ctx.host.workbench(order.clone())?, ctx.host.workbench(order)?);
        let speed = plugin_check::measure(&*cold, &*cached, &options).await;
        let speed = speed.map_err(|error| {
            CliError::failed(error.to_string()).hint("`colchis plugin test` says what is wrong with it")
        })?;
        let value = serde_json::to_value(&speed).map_err(anyhow::Error::from)?;
        match format.write(&value)? {
            Some(text) => ctx.out.write(text)?,
            None => {
                let text = table(&value).render(&ctx.out.terminal, true);
                ctx.out.write(text)?;
            }
        }
        Ok(Exit::Done)
    }
}

/// What was measured, for people.
fn table(value: &Value) -> Table {
    let mut table = Table::new([Column::new("MEASURED"), Column::new("VALUE")]);
    let number = |name: &str| value.get(name).and_then(Value::as_f64).unwrap_or_default();
    let mib = |name: &str| format!("{:.2} MiB", number(name) / 1_048_576.0);
    let rows = [
        ("component".to_owned(), mib("componentBytes")),
        ("load, compiled anew, with the engine's start".to_owned(), format!("{:.1} ms", number("loadColdMs"))),
        ("load, from the cache, with the engine's start".to_owned(), format!("{:.1} ms", number("loadCachedMs"))),
        ("call in a fresh instance, p50".to_owned(), format!("{:.1} µs", number("callP50Us"))),
        ("call in a fresh instance, p99".to_owned(), format!("{:.1} µs", number("callP99Us"))),
        (format!("calls per second, {} at once", number("concurrency")), format!("{:.0}", number("callsPerSecond"))),
        ("linear memory of an instance, at most".to_owned(), mib("instanceBytes")),
    ];
    for (what, value) in rows {
        table.row([Text::plain(what), Text::plain(value)]);
    }
    table
}
