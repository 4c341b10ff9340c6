//! `colchis explain`.

use clap::Args;
use model::meta::{KindInfo, find_resource, kinds};
use model::schema::{self, Disposition, Explained, NoSuchField};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{CliError, CliResult, Exit};
use crate::render::{Paint, Text};
use crate::support::output::Format;

/// Fields within fields are shown so deep with --recursive: types that hold themselves have no end.
const DEPTH_MAX: usize = 8;

/// Tell what a kind or a field means, and what it does here
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  colchis explain workflow
  colchis explain wf.spec.templates.retryStrategy
  colchis explain cronwf.spec --recursive")]
pub struct Explain {
    /// A kind, and the path of a field in it; lists are passed through
    #[arg(value_name = "KIND[.FIELD…]")]
    what: String,

    /// The names of all fields within, without what they mean
    #[arg(long)]
    recursive: bool,

    /// json or yaml
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

impl Explain {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        let format = Format::parse(self.output.as_deref(), &["json", "yaml"])?;
        let mut path: Vec<&str> = self.what.split('.').collect();
        let kind = path.remove(0);
        let info = find_resource(kind).ok_or_else(|| no_such_kind(kind))?;
        let explained = schema::explain(info, &path).map_err(no_such_field)?;
        match format.write(&document(info, &path, &explained))? {
            Some(text) => ctx.out.write(text)?,
            None => {
                self.heading(ctx, info, &path, &explained)?;
                if self.recursive { names(ctx, info, &mut path, 1)? } else { fields(ctx, &explained)? }
            }
        }
        Ok(Exit::Done)
    }

    fn heading(&self, ctx: &mut Context, info: &KindInfo, path: &[&str], explained: &Explained) -> CliResult<()> {
        ctx.out.line(Text::painted(Paint::Bold, "KIND:       ").with(Paint::Plain, &info.kind))?;
        ctx.out.line(Text::painted(Paint::Bold, "VERSION:    ").with(Paint::Plain, &info.api_version))?;
        if !path.is_empty() {
            let field = format!("{} <{}>", path.join("."), explained.type_name);
            ctx.out.line(Text::painted(Paint::Bold, "FIELD:      ").with(Paint::Plain, field))?;
        }
        if let Some(effect) = effect(explained) {
            ctx.out.line(Text::painted(Paint::Bold, "HERE:       ").with(Paint::Yellow, effect))?;
        }
        if !explained.words.is_empty() {
            let words = explained.words.join(", ");
            ctx.out.line(Text::painted(Paint::Bold, "ONE OF:     ").with(Paint::Plain, words))?;
        }
        if !explained.doc.is_empty() {
            ctx.out.line("")?;
            paragraph(ctx, &explained.doc, 0)?;
        }
        if !explained.fields.is_empty() {
            ctx.out.line("")?;
            ctx.out.line(Text::painted(Paint::Bold, "FIELDS:"))?;
        }
        Ok(())
    }
}

pub(super) fn no_such_kind(name: &str) -> CliError {
    let known: Vec<&str> = kinds().iter().map(|k| &*k.singular).collect();
    CliError::usage(format!("there is no kind {name:?}"))
        .hint(model::violation::did_you_mean(name, known.iter().copied()).unwrap_or_default())
        .hint(format!("known here: {}", known.join(", ")))
}

fn no_such_field(error: NoSuchField) -> CliError {
    let hint = error.hint.clone().unwrap_or_default();
    CliError::new(Exit::Usage, anyhow::Error::new(error)).hint(hint)
}

fn effect(explained: &Explained) -> Option<String> {
    match explained.disposition {
        Disposition::Acts => None,
        Disposition::Kept => Some(format!("accepted, without effect on this runner: {}", explained.reason)),
        Disposition::Refused => Some(format!("refused: {}", explained.reason)),
    }
}

/// Each field with what it means.
fn fields(ctx: &mut Context, explained: &Explained) -> CliResult<()> {
    for field in &explained.fields {
        let required = if field.required { " -required-" } else { "" };
        let heading = Text::painted(Paint::Cyan, format!("  {}", field.name))
            .with(Paint::Dim, format!("  <{}>{required}", field.explained.type_name));
        ctx.out.line(heading)?;
        if let Some(effect) = effect(&field.explained) {
            ctx.out.line(Text::painted(Paint::Yellow, format!("      {effect}")))?;
        }
        paragraph(ctx, &field.explained.doc, 6)?;
    }
    Ok(())
}

/// The names of the fields and of those within them.
fn names(ctx: &mut Context, info: &KindInfo, path: &mut Vec<&str>, depth: usize) -> CliResult<()> {
    if depth > DEPTH_MAX {
        return Ok(());
    }
    let explained = schema::explain(info, path).map_err(no_such_field)?;
    for field in &explained.fields {
        let text = format!("{}{}", "  ".repeat(depth), field.name);
        ctx.out.line(Text::plain(text).with(Paint::Dim, format!("  <{}>", field.explained.type_name)))?;
        // A type within itself (a template in place within a step) is named and not entered again.
        let owner = explained.type_name.trim_start_matches("[]");
        if !field.explained.type_name.ends_with(owner) && field.name != "inline" {
            let mut inner: Vec<&str> = path.clone();
            inner.push(&field.name);
            names(ctx, info, &mut inner, depth + 1)?;
        }
    }
    Ok(())
}

/// Text in lines that fit.
fn paragraph(ctx: &mut Context, text: &str, indent: usize) -> CliResult<()> {
    let width = ctx.out.terminal.size.map_or(100, |(columns, _)| columns).clamp(40, 110) - indent;
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.len() + word.len() >= width {
            ctx.out.line(format!("{}{line}", " ".repeat(indent)))?;
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        ctx.out.line(format!("{}{line}", " ".repeat(indent)))?;
    }
    Ok(())
}

fn document(info: &KindInfo, path: &[&str], explained: &Explained) -> Value {
    let fields: Vec<Value> = explained
        .fields
        .iter()
        .map(|field| {
            let own = json!({"name": field.name, "required": field.required});
            joined(own, facts(&field.explained))
        })
        .collect();
    let own = json!({"kind": info.kind, "apiVersion": info.api_version, "field": path.join(".")});
    joined(joined(own, facts(explained)), json!({"fields": fields}))
}

fn facts(explained: &Explained) -> Value {
    let effect = match explained.disposition {
        Disposition::Acts => "acts",
        Disposition::Kept => "kept",
        Disposition::Refused => "refused",
    };
    json!({"type": explained.type_name, "description": explained.doc, "effect": effect, "reason": explained.reason, "oneOf": explained.words})
}

fn joined(mut first: Value, second: Value) -> Value {
    if let (Some(first), Value::Object(second)) = (first.as_object_mut(), second) {
        first.extend(second);
    }
    first
}
