//! `colchis apply`.

use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::context::Context;
use crate::error::{CliResult, Exit};
use crate::input;
use crate::support::documents;
use crate::support::objects::{self, ApplyHow};
use crate::support::output::Format;

/// Bring objects to what manifests say
///
/// Objects that are not there are created; of those that are there, what the manifests say is changed, and what an earlier apply said and this one does not
/// is taken back. Each object is done or refused by itself.
#[derive(Debug, Args)]
pub struct Apply {
    #[command(flatten)]
    files: FileFlags,

    /// Whether it is only tried
    #[arg(long, value_enum, default_value_t = DryRunWord::None, num_args = 0..=1, default_missing_value = "server", require_equals = true, value_name = "HOW")]
    dry_run: DryRunWord,

    /// On whose behalf fields are set
    ///
    /// What an earlier apply of the same manager set and this one leaves out is taken back. A field that another manager applied otherwise is refused.
    #[arg(long, default_value = objects::MANAGER, value_name = "NAME")]
    field_manager: String,

    /// Take over fields that other managers applied
    #[arg(long)]
    force_conflicts: bool,

    /// name, json or yaml
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

/// Files that hold objects.
#[derive(Debug, Clone, Default, Args)]
pub struct FileFlags {
    /// Files, folders, URLs, or - for standard input; may be repeated
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    pub filenames: Vec<String>,

    /// The same without -f
    #[arg(value_name = "FILE", required_unless_present = "filenames")]
    pub files: Vec<String>,
}

impl FileFlags {
    /// All of them.
    pub fn all(&self) -> Vec<String> {
        self.filenames.iter().chain(&self.files).cloned().collect()
    }
}

/// How a thing is only tried, in kubectl's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DryRunWord {
    /// It is done
    None,
    /// The manifests are read, and shown
    Client,
    /// The server checks everything and stores nothing
    Server,
}

impl Apply {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        let format = Format::parse(self.output.as_deref(), &["name", "json", "yaml"])?;
        let sources = input::read_all(&*ctx.host, &self.files.all()).await?;
        let documents = documents::parse_all(&sources)?;
        if self.dry_run == DryRunWord::Client {
            for document in &documents {
                match format.write(&document.value()?)? {
                    Some(text) => ctx.out.write(text)?,
                    None => ctx.out.line(format!(
                        "{} applied (dry run)",
                        objects::object_name(document.api_version(), document.kind(), document.name())
                    ))?,
                }
            }
            return Ok(Exit::Done);
        }
        let connection = ctx.connect().await?;
        let told = format == Format::Table;
        let how = ApplyHow {
            manager: Some(&self.field_manager),
            force: self.force_conflicts,
            dry_run: self.dry_run == DryRunWord::Server,
            aside: !told,
            ..ApplyHow::default()
        };
        let applied = objects::apply(ctx, &connection, &documents, how).await?;
        if told {
            return Ok(Exit::Done);
        }
        if format == Format::Name {
            for one in &applied {
                ctx.out.line(objects::object_name(&one.key.api_version, &one.key.kind, &one.key.name))?;
            }
            return Ok(Exit::Done);
        }
        let kinds = objects::Kinds::of(&connection).await?;
        let mut values = Vec::new();
        for one in &applied {
            let kind = kinds.find(&objects::kind_name(&one.key.api_version, &one.key.kind))?;
            values.push(objects::get(&connection, kind, &one.key.namespace, &one.key.name).await?);
        }
        let value = match <[Value; 1]>::try_from(values) {
            Ok([one]) => one,
            Err(many) => super::get::list_of(many),
        };
        ctx.out.write(format.write(&value)?.unwrap_or_default())?;
        Ok(Exit::Done)
    }
}
