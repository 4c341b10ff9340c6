//! `colchis schema`.

use clap::Args;
use model::meta::find_resource;
use model::schema;
use serde_json::Value;

use super::explain::no_such_kind;
use crate::context::Context;
use crate::error::{CliResult, Exit};
use crate::support::output::Format;
use crate::testing::suite::SHAPE;

/// The word for test files among the kinds.
const TEST: &str = "test";

/// Write JSON Schemas, for editors and other checkers
#[derive(Debug, Args)]
#[command(after_help = "\
For the YAML language server of VS Code, Neovim and others, once:
  colchis schema > ~/.config/colchis/schema.json
and in a manifest's first line:
  # yaml-language-server: $schema=/home/you/.config/colchis/schema.json
Of the files that `colchis test` reads:
  colchis schema test > test.schema.json")]
pub struct Schema {
    /// A kind: wf, workflowtemplate, cm …; `test` for the files of `colchis test`; all kinds in one schema when absent
    #[arg(value_name = "KIND")]
    kind: Option<String>,

    /// json or yaml
    #[arg(short = 'o', long, value_name = "FORM", default_value = "json")]
    output: String,
}

impl Schema {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        let format = Format::parse(Some(&self.output), &["json", "yaml"])?;
        let written = match self.kind.as_deref() {
            None => schema::schema_of_all(),
            Some(TEST) => SHAPE.schema().clone(),
            Some(name) => {
                let info = find_resource(name).ok_or_else(|| no_such_kind(name))?;
                schema::schema(info).unwrap_or(Value::Bool(true))
            }
        };
        ctx.out.write(format.write(&written)?.unwrap_or_default())?;
        Ok(Exit::Done)
    }
}
