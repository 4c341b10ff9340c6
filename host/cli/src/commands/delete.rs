//! `colchis delete`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use client::v1::{ObjectKey, ObjectSelector, Propagation, WatchEventType, WatchRequest};
use client::{ClientError, WatchItem};
use futures::TryStreamExt;
use serde_json::Value;

use super::get::{Target, Which, targets};
use crate::context::{Connection, Context};
use crate::error::{CliError, CliResult, Exit};
use crate::support::objects::{self, Kinds, kind_name};
use crate::support::{duration_ms, refused};

/// Delete objects of any kind
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  colchis delete -f workflows/
  colchis delete wf hello-x7k2p
  colchis delete cm -l team=data")]
pub struct Delete {
    /// Kinds, and names: wf hello, wf/hello cm/settings
    #[arg(value_name = "KIND", required_unless_present = "filenames")]
    what: Vec<String>,

    /// Files, folders, URLs or - that name the objects
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    filenames: Vec<String>,

    #[command(flatten)]
    which: Which,

    /// All objects of the kind
    #[arg(long)]
    all: bool,

    /// What becomes of objects that it owns
    #[arg(long, value_enum, default_value_t = Cascade::Background, value_name = "HOW")]
    cascade: Cascade,

    /// An object that is not there is no error
    #[arg(long)]
    ignore_not_found: bool,

    /// Only tell which objects it would be
    #[arg(long)]
    dry_run: bool,

    /// Do not wait for objects that finalizers hold
    #[arg(long)]
    no_wait: bool,

    /// Wait at most so long
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    timeout: String,

    /// name
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

/// What becomes of owned objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Cascade {
    /// They are deleted after it
    Background,
    /// They are deleted first
    Foreground,
    /// They stay
    Orphan,
}

impl Delete {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        let by_name = crate::support::output::Format::parse(self.output.as_deref(), &["name"])?
            == crate::support::output::Format::Name;
        let timeout = duration_ms("--timeout", &self.timeout)?;
        let connection = ctx.connect().await?;
        let kinds = Kinds::of(&connection).await?;
        let targets = targets(ctx, &kinds, &self.what, &self.filenames).await?;
        let chooses = self.all || self.which.selector.is_some() || self.which.field_selector.is_some();
        let mut keys = Vec::new();
        for target in &targets {
            if target.names.is_empty() && !chooses {
                return Err(CliError::usage(format!("which {}?", target.kind.plural))
                    .hint("name some, choose by -l, or say --all"));
            }
            keys.extend(self.keys(&connection, target).await?);
        }
        if keys.is_empty() {
            ctx.out.note("No resources found.");
        }
        let mut held = Vec::new();
        let mut refusal: Option<CliError> = None;
        for key in keys {
            let name = kind_name(&key.api_version, &key.kind);
            let line = if by_name {
                format!("{name}/{}", key.name)
            } else {
                format!("{name} \"{}\" deleted{}", key.name, if self.dry_run { " (server dry run)" } else { "" })
            };
            let propagation = match self.cascade {
                Cascade::Background => Propagation::Background,
                Cascade::Foreground => Propagation::Foreground,
                Cascade::Orphan => Propagation::Orphan,
            };
            match objects::delete(&connection, key.clone(), propagation, self.dry_run).await {
                Ok(answer) => {
                    ctx.out.line(line)?;
                    if !answer.gone && !self.dry_run {
                        held.push((key, answer.finalizers));
                    }
                }
                Err(error) if self.ignore_not_found && error.is_not_found() => {}
                Err(error) => {
                    let told = refused(error, Some(format!("cannot delete {name} \"{}\"", key.name)));
                    if let Some(earlier) = refusal.replace(told) {
                        ctx.out.error(&earlier);
                    }
                }
            }
        }
        if let Some(error) = refusal {
            return Err(error);
        }
        if !self.no_wait {
            for (key, finalizers) in held {
                gone(&connection, &key, &finalizers, timeout).await?;
            }
        }
        Ok(Exit::Done)
    }

    async fn keys(&self, connection: &Connection, target: &Target) -> CliResult<Vec<ObjectKey>> {
        let key = |namespace: &str, name: &str| ObjectKey {
            api_version: target.kind.api_version.clone(),
            kind: target.kind.kind.clone(),
            namespace: if target.kind.namespaced { namespace.to_owned() } else { String::new() },
            name: name.to_owned(),
        };
        if !target.names.is_empty() {
            let named = target.names.iter();
            return Ok(named
                .map(|(namespace, name)| key(namespace.as_deref().unwrap_or(&connection.namespace), name))
                .collect());
        }
        let namespace = if self.which.all_namespaces { "" } else { &connection.namespace };
        let (values, _) = objects::list(connection, &target.kind, namespace, &self.which.wanted(), 0).await?;
        let text = |value: &Value, pointer: &str| {
            value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        Ok(values
            .iter()
            .map(|value| key(&text(value, "/metadata/namespace"), &text(value, "/metadata/name")))
            .collect())
    }
}

/// Waits until an object that finalizers hold is gone.
async fn gone(connection: &Connection, key: &ObjectKey, finalizers: &[String], timeout_ms: i64) -> CliResult<()> {
    let request = WatchRequest {
        kind: key.kind.clone(),
        api_version: key.api_version.clone(),
        namespace: key.namespace.clone(),
        selector: Some(ObjectSelector { fields: format!("metadata.name={}", key.name), ..ObjectSelector::default() }),
        ..WatchRequest::default()
    };
    let watch = async {
        let mut events = connection.client.watch_objects(request);
        let mut there = false;
        while let Some(item) = events.try_next().await? {
            let WatchItem::Event(event) = item else { continue };
            match event.r#type() {
                WatchEventType::Added | WatchEventType::Modified => there = true,
                WatchEventType::Deleted => return Ok(()),
                // All that is there has been told: it went in between.
                WatchEventType::Bookmark if !there => return Ok(()),
                _ => {}
            }
        }
        Ok::<_, ClientError>(())
    };
    match tokio::time::timeout(Duration::from_millis(timeout_ms.unsigned_abs()), watch).await {
        Ok(ended) => ended.map_err(|e| refused(e, None)),
        Err(_) => Err(CliError::failed(format!(
            "{} \"{}\" is still being deleted, held by {}",
            kind_name(&key.api_version, &key.kind),
            key.name,
            finalizers.join(", ")
        ))
        .hint("--timeout gives it more time, --no-wait none")),
    }
}
