//! `colchis get`.

use clap::Args;
use client::WatchItem;
use client::v1::{KindInfo, ObjectSelector, WatchEventType, WatchRequest};
use futures::TryStreamExt;
use serde_json::{Value, json};

use crate::context::{Connection, Context, now_ms};
use crate::error::{CliError, CliResult, Exit};
use crate::input;
use crate::render::objects as rows;
use crate::render::{Column, Table, Text};
use crate::support::objects::{self, Kinds, object_name};
use crate::support::output::{self, Format};
use crate::support::{documents, refused};

/// Show objects of any kind
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  colchis get workflows,cronworkflows -A
  colchis get cm settings -o yaml
  colchis get wf -l team=data -o jsonpath='{.items[*].metadata.name}'
  colchis get wf --watch")]
pub struct Get {
    /// Kinds, and names: wf, wf hello, wf/hello cm/settings, wf,cm
    #[arg(value_name = "KIND", required_unless_present = "filenames")]
    what: Vec<String>,

    /// Files, folders, URLs or - that name the objects
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    filenames: Vec<String>,

    #[command(flatten)]
    which: Which,

    /// Go on and show each change
    #[arg(short = 'w', long)]
    watch: bool,

    /// Show each change, not what is there now
    #[arg(long)]
    watch_only: bool,

    /// A column with all labels
    #[arg(long)]
    show_labels: bool,

    /// No line with headings
    #[arg(long)]
    no_headers: bool,

    /// An object that is not there is no error
    #[arg(long)]
    ignore_not_found: bool,

    /// Objects asked for at a time; 0: as many as the server gives
    #[arg(long, value_name = "N", default_value_t = 0)]
    chunk_size: u32,

    /// wide, name, json, yaml, jsonpath=… or custom-columns=…
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

/// Which objects of a kind.
#[derive(Debug, Clone, Default, Args)]
pub struct Which {
    /// Objects of all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,

    /// Objects whose labels match, such as -l app=web,tier!=test
    #[arg(short = 'l', long, value_name = "LABELS")]
    pub selector: Option<String>,

    /// Objects whose fields match, such as --field-selector metadata.name=x
    #[arg(long, value_name = "FIELDS")]
    pub field_selector: Option<String>,
}

impl Which {
    /// As the server takes it.
    pub fn wanted(&self) -> ObjectSelector {
        ObjectSelector {
            labels: self.selector.clone().unwrap_or_default(),
            fields: self.field_selector.clone().unwrap_or_default(),
            ..ObjectSelector::default()
        }
    }
}

/// What the words of a command line name.
#[derive(Debug, Clone)]
pub struct Target {
    /// The kind.
    pub kind: KindInfo,
    /// The names; all objects of the kind when there are none.
    pub names: Vec<(Option<String>, String)>,
}

impl Get {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        let format = Format::parse(self.output.as_deref(), output::ALL)?;
        let connection = ctx.connect().await?;
        let kinds = Kinds::of(&connection).await?;
        let targets = targets(ctx, &kinds, &self.what, &self.filenames).await?;
        let namespace = if self.which.all_namespaces { String::new() } else { connection.namespace.clone() };
        let mut found: Vec<(KindInfo, Vec<Value>)> = Vec::new();
        let mut revision = 0;
        let single = targets.len() == 1 && targets.iter().all(|t| t.names.len() == 1);
        for target in &targets {
            let values = if self.watch_only && target.names.is_empty() {
                Vec::new()
            } else if target.names.is_empty() {
                let (values, at) =
                    objects::list(&connection, &target.kind, &namespace, &self.which.wanted(), self.chunk_size).await?;
                revision = at;
                values
            } else {
                self.named(&connection, target).await?
            };
            found.push((target.kind.clone(), values));
        }
        let place = if namespace.is_empty() { String::new() } else { format!(" in namespace {namespace}") };
        self.write(ctx, &format, &found, single, &place)?;
        if self.watch || self.watch_only {
            return self.follow(ctx, &connection, &targets, &format, &namespace, revision).await;
        }
        Ok(Exit::Done)
    }

    async fn named(&self, connection: &Connection, target: &Target) -> CliResult<Vec<Value>> {
        let mut values = Vec::new();
        for (namespace, name) in &target.names {
            let namespace = namespace.as_deref().unwrap_or(&connection.namespace);
            let namespace = if target.kind.namespaced { namespace } else { "" };
            match objects::get(connection, &target.kind, namespace, name).await {
                Ok(value) => values.push(value),
                Err(error) if self.ignore_not_found && is_not_found(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(values)
    }

    fn write(
        &self,
        ctx: &mut Context,
        format: &Format,
        found: &[(KindInfo, Vec<Value>)],
        single: bool,
        place: &str,
    ) -> CliResult<()> {
        let namespaces = place.is_empty();
        let all = || found.iter().flat_map(|(_, values)| values.iter().cloned()).collect::<Vec<Value>>();
        match format {
            Format::Name => {
                for value in all() {
                    ctx.out.line(name_of(&value))?;
                }
            }
            Format::Columns(paths) => columns(ctx, paths, &all(), !self.no_headers)?,
            Format::Json | Format::Yaml | Format::JsonPath(_) => {
                let mut values = all();
                let value = match values.pop() {
                    Some(one) if single && values.is_empty() => one,
                    Some(last) => {
                        values.push(last);
                        list_of(values)
                    }
                    None => list_of(values),
                };
                ctx.out.write(format.write(&value)?.unwrap_or_default())?;
            }
            _ => {
                let mut first = true;
                for (kind, values) in found.iter().filter(|(_, values)| !values.is_empty()) {
                    if !std::mem::take(&mut first) {
                        ctx.out.line("")?;
                    }
                    let options = rows::RowOptions {
                        namespaces: namespaces && kind.namespaced,
                        wide: *format == Format::Wide,
                        labels: self.show_labels,
                        kind_prefix: found.len() > 1,
                    };
                    let text =
                        rows::table(&kind.kind, values, options, now_ms()).render(&ctx.out.terminal, !self.no_headers);
                    ctx.out.write(text)?;
                }
                if first && !self.watch && !self.watch_only {
                    ctx.out.note(format!("No resources found{place}."));
                }
            }
        }
        Ok(())
    }

    async fn follow(
        &self,
        ctx: &mut Context,
        connection: &Connection,
        targets: &[Target],
        format: &Format,
        namespace: &str,
        revision: u64,
    ) -> CliResult {
        let [target] = targets else { return Err(CliError::usage("--watch is for one kind")) };
        let mut selector = self.which.wanted();
        match target.names.as_slice() {
            [] => {}
            [(_, name)] => selector.fields = format!("metadata.name={name}"),
            _ => return Err(CliError::usage("--watch is for one object, or for all of a kind")),
        }
        let request = WatchRequest {
            kind: target.kind.kind.clone(),
            api_version: target.kind.api_version.clone(),
            namespace: if target.kind.namespaced { namespace.to_owned() } else { String::new() },
            selector: Some(selector),
            // What is there was listed up to this revision; without a list the watch itself begins with what is there.
            from_revision: (revision > 0 && !self.watch_only).then_some(revision),
            reveal_secrets: false,
        };
        let mut events = connection.client.watch_objects(request);
        let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
        // A watch without a revision first tells what is there, up to its first bookmark: those are not changes.
        let mut skipping = self.watch_only || (revision == 0 && !target.names.is_empty());
        loop {
            let event = tokio::select! {
                _ = &mut interrupted => return Ok(Exit::Interrupted),
                event = events.try_next() => event.map_err(|e| refused(e, Some(format!("cannot watch {}", target.kind.plural))))?,
            };
            let event = match event {
                None => return Ok(Exit::Done),
                Some(WatchItem::Restarted) => continue,
                Some(WatchItem::Event(event)) => event,
            };
            if event.r#type() == WatchEventType::Bookmark {
                skipping = false;
            }
            let Some(item) = event.object.as_ref().filter(|_| !skipping) else { continue };
            let value: Value =
                serde_json::from_slice(&item.document).map_err(|e| CliError::from(anyhow::Error::from(e)))?;
            let deleted = event.r#type() == WatchEventType::Deleted;
            match format {
                Format::Json | Format::Yaml | Format::JsonPath(_) => {
                    ctx.out.write(format.write(&value)?.unwrap_or_default())?
                }
                Format::Name => ctx.out.line(name_of(&value))?,
                Format::Columns(paths) => columns(ctx, paths, std::slice::from_ref(&value), false)?,
                _ => {
                    let options = rows::RowOptions {
                        namespaces: namespace.is_empty() && target.kind.namespaced,
                        wide: *format == Format::Wide,
                        labels: self.show_labels,
                        kind_prefix: false,
                    };
                    let table = rows::table(&target.kind.kind, std::slice::from_ref(&value), options, now_ms());
                    let mut text = table.render(&ctx.out.terminal, false);
                    if deleted {
                        text = format!("{}   deleted\n", text.trim_end());
                    }
                    ctx.out.write(text)?;
                }
            }
        }
    }
}

/// What the words name: `wf`, `wf,cm`, `wf a b`, `wf/a cm/b`; or the objects of files.
///
/// # Errors
/// An unknown kind; a mixture of the forms.
pub async fn targets(ctx: &Context, kinds: &Kinds, words: &[String], files: &[String]) -> CliResult<Vec<Target>> {
    if !files.is_empty() {
        let sources = input::read_all(&*ctx.host, files).await?;
        let mut targets: Vec<Target> = Vec::new();
        for document in documents::parse_all(&sources)? {
            let kind = kinds.find(&objects::kind_name(document.api_version(), document.kind()))?.clone();
            let namespace = Some(document.namespace().to_owned()).filter(|n| !n.is_empty());
            push(&mut targets, kind, Some((namespace, document.name().to_owned())));
        }
        return Ok(targets);
    }
    let mut targets: Vec<Target> = Vec::new();
    if words.iter().any(|word| word.contains('/')) {
        for word in words {
            let Some((kind, name)) = word.split_once('/') else {
                return Err(CliError::usage(format!("{word}: write KIND/NAME for each, or KIND and then names")));
            };
            push(&mut targets, kinds.find(kind)?.clone(), Some((None, name.to_owned())));
        }
        return Ok(targets);
    }
    let Some((first, names)) = words.split_first() else { return Ok(targets) };
    for word in first.split(',').filter(|word| !word.is_empty()) {
        if word.eq_ignore_ascii_case("all") {
            for kind in kinds.all().iter().filter(|kind| kind.kind != "Secret") {
                push(&mut targets, kind.clone(), None);
            }
            continue;
        }
        let kind = kinds.find(word)?.clone();
        if names.is_empty() {
            push(&mut targets, kind, None);
        } else {
            for name in names {
                push(&mut targets, kind.clone(), Some((None, name.clone())));
            }
        }
    }
    Ok(targets)
}

fn push(targets: &mut Vec<Target>, kind: KindInfo, name: Option<(Option<String>, String)>) {
    match targets.iter_mut().find(|target| target.kind.kind == kind.kind && target.kind.api_version == kind.api_version)
    {
        Some(target) => target.names.extend(name),
        None => targets.push(Target { kind, names: name.into_iter().collect() }),
    }
}

/// Kubernetes' list of objects.
pub fn list_of(items: Vec<Value>) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items})
}

/// `workflow.argoproj.io/hello`.
pub fn name_of(value: &Value) -> String {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    object_name(text("/apiVersion"), text("/kind"), text("/metadata/name"))
}

/// Writes columns of one's own. What a path does not find is `<none>`, as in kubectl.
///
/// # Errors
/// A path that cannot be read.
pub fn columns(ctx: &mut Context, paths: &[(String, String)], values: &[Value], headings: bool) -> CliResult<()> {
    let mut table = Table::new(paths.iter().map(|(heading, _)| Column::new(heading)));
    for (_, path) in paths {
        output::path(path)?;
    }
    for value in values {
        table.row(paths.iter().map(|(_, path)| match output::follow(path, value) {
            Ok(text) if !text.is_empty() => Text::plain(text),
            _ => Text::plain("<none>"),
        }));
    }
    let text = table.render(&ctx.out.terminal, headings);
    ctx.out.write(text)
}

/// Whether an error says that an object is not there.
pub fn is_not_found(error: &CliError) -> bool {
    let cause = error.error.as_ref().and_then(|e| e.chain().find_map(|c| c.downcast_ref::<client::ClientError>()));
    cause.is_some_and(client::ClientError::is_not_found)
}
