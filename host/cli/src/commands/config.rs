//! `colchis config`.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::error::{CliError, CliResult, Exit};
use crate::host::Configuration;
use crate::render::{Column, Paint, Table, Terminal, Text};
use crate::settings::{self, Effective, Origin, SettingProblem};
use crate::support::output::Format;

/// Look at the configuration.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show every setting, its value and where it came from
    Explain(Explain),
    /// Say everything that is wrong with the configuration
    Validate(Validate),
}

/// Show every setting, its value and where it came from.
#[derive(Debug, Args)]
pub struct Explain {
    /// Settings whose key contains one of these
    #[arg(value_name = "KEY")]
    keys: Vec<String>,

    /// wide (with units and what each does), json, yaml or markdown (the table of the documentation)
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

/// Say everything that is wrong with the configuration.
#[derive(Debug, Args)]
pub struct Validate {}

impl Command {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        let request = ctx.config_request()?;
        let configuration = ctx.host.configuration(&request);
        match self {
            Self::Explain(explain) => explain.run(ctx, &configuration),
            Self::Validate(_) => validate(ctx, &configuration),
        }
    }
}

impl Explain {
    fn run(self, ctx: &mut Context, configuration: &Configuration) -> CliResult {
        if self.output.as_deref() == Some("markdown") {
            ctx.out.write(settings::markdown(ctx.host.settings()))?;
            return Ok(Exit::Done);
        }
        let format = Format::parse(self.output.as_deref(), &["wide", "json", "yaml", "markdown"])?;
        let shown: Vec<&Effective> = configuration.effective.iter().filter(|e| self.wants(e.setting.key)).collect();
        if shown.is_empty() {
            return Err(CliError::usage(format!("there is no setting like {}", self.keys.join(", "))));
        }
        match format.write(&document(&shown))? {
            Some(text) => ctx.out.write(text)?,
            None => {
                let text = table(&shown, format == Format::Wide).render(&ctx.out.terminal, true);
                ctx.out.write(text)?;
            }
        }
        tell(ctx, &configuration.problems);
        Ok(if errors(&configuration.problems) == 0 { Exit::Done } else { Exit::Usage })
    }

    fn wants(&self, key: &str) -> bool {
        self.keys.is_empty() || self.keys.iter().any(|part| key.to_lowercase().contains(&part.to_lowercase()))
    }
}

fn validate(ctx: &mut Context, configuration: &Configuration) -> CliResult {
    tell(ctx, &configuration.problems);
    if errors(&configuration.problems) > 0 {
        return Ok(Exit::Usage);
    }
    let place = configuration
        .file
        .as_ref()
        .map_or_else(|| "no file, environment and flags".to_owned(), |path| path.display().to_string());
    ctx.out.line(format!("{place}: no errors"))?;
    Ok(Exit::Done)
}

fn errors(problems: &[SettingProblem]) -> usize {
    problems.iter().filter(|problem| !problem.warning).count()
}

fn tell(ctx: &mut Context, problems: &[SettingProblem]) {
    for problem in problems {
        let text = problem_text(problem, &ctx.out.err_terminal);
        ctx.out.note(text);
    }
}

/// A problem in a line.
fn problem_text(problem: &SettingProblem, _: &Terminal) -> Text {
    let (paint, word) = if problem.warning { (Paint::Yellow, "warning: ") } else { (Paint::Red, "error: ") };
    let mut text = Text::painted(paint, word).with(Paint::Plain, problem.to_string());
    if let Some(hint) = &problem.hint {
        text.push(Paint::Cyan, format!(" ({hint})"));
    }
    text
}

fn table(shown: &[&Effective], wide: bool) -> Table {
    let mut columns =
        vec![Column::new("SETTING"), Column::giving_way("VALUE"), Column::new("UNIT"), Column::giving_way("FROM")];
    if wide {
        columns.extend([Column::new("ENVIRONMENT"), Column::new("WHAT IT DOES")]);
    }
    let mut table = Table::new(columns);
    for effective in shown {
        let said = effective.origin != Origin::Default;
        let mut row = vec![
            Text::plain(effective.setting.key),
            Text::painted(if said { Paint::Bold } else { Paint::Plain }, effective.shown()),
            Text::painted(Paint::Dim, effective.setting.unit),
            Text::painted(if said { Paint::Plain } else { Paint::Dim }, effective.origin.to_string()),
        ];
        if wide {
            row.extend([Text::plain(effective.setting.env()), Text::plain(effective.setting.doc)]);
        }
        table.row(row);
    }
    table
}

/// Every setting by key: value, origin and what the table says of it.
fn document(shown: &[&Effective]) -> Value {
    let fields: Map<String, Value> = shown
        .iter()
        .map(|effective| {
            let setting = effective.setting;
            let value = if setting.secret() && !effective.value.is_null() {
                json!(effective.shown())
            } else {
                effective.value.clone()
            };
            let entry = json!({
                "value": value,
                "from": effective.origin.to_string(),
                "default": setting.default,
                "unit": setting.unit,
                "environment": setting.env(),
                "flag": format!("--{}", setting.flag()),
                "description": setting.doc,
            });
            (setting.key.to_owned(), entry)
        })
        .collect();
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Setting, SettingKind};

    #[test]
    fn values_stand_beside_their_origin() {
        static SETTINGS: [Setting; 2] = [
            Setting { key: "listen", kind: SettingKind::Address, default: "127.0.0.1:2746", unit: "", doc: "Where." },
            Setting { key: "client.token", kind: SettingKind::Secret, default: "", unit: "", doc: "Who." },
        ];
        let [listen, token] = &SETTINGS;
        let shown = [
            Effective {
                setting: listen,
                value: "127.0.0.1:1".into(),
                origin: Origin::File { path: "c.yaml".into(), line: 3 },
            },
            Effective {
                setting: token,
                value: "hunter2".into(),
                origin: Origin::Environment { name: "COLCHIS_CLIENT_TOKEN".into() },
            },
        ];
        let shown: Vec<&Effective> = shown.iter().collect();
        insta::assert_snapshot!(table(&shown, false).render(&Terminal::plain(), true), @r"
        SETTING        VALUE              UNIT   FROM
        listen         127.0.0.1:1               c.yaml:3
        client.token   (set, not shown)          environment COLCHIS_CLIENT_TOKEN
        ");
        assert!(!document(&shown).to_string().contains("hunter2"));
    }
}
