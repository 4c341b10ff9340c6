//! `colchis run`.

use std::time::Duration;

use clap::{ArgAction, Args};
use client::v1::{
    GetWorkflowRequest, Node, NodePhase, StatusDetail, StreamLogsRequest, SubmitRequest, TerminateRequest,
    WorkflowPhase, submit_request,
};
use futures::TryStreamExt;
use serde_json::Value;

use super::workflow::{Overrides, template_source, warn_of_strangers};
use crate::context::{Connection, Context, connect};
use crate::error::{CliError, CliResult, Exit};
use crate::host::{EmbedRequest, Embedded};
use crate::input::{self, Source};
use crate::out::Stream;
use crate::render::board::RunView;
use crate::render::fields::Fields;
use crate::render::problems::{self, Form, Weight};
use crate::render::{Paint, Text, phase, summary};
use crate::support::check;
use crate::support::documents::{self, Document};
use crate::support::follow::{self, FollowOptions, Followed};
use crate::support::objects::{self, ApplyHow};
use crate::support::output::{self, Format};
use crate::support::refused;
use crate::support::selection::RunName;

/// How long interrupted runs are given to end.
const END_WITHIN: Duration = Duration::from_secs(15);
/// Failed steps whose last lines are shown, and how many lines.
const FAILURES_SHOWN_MAX: usize = 5;
const FAILURE_LINES: u64 = 15;

/// Run workflows from manifests here and now
///
/// A server is started within this command. Everything in the files is given to it, the workflows among them are run to their end, and the exit code is
/// theirs: 0 when all succeeded, 1 when one did not, 2 when a manifest is wrong. Nothing is left behind, unless --keep or --data-dir says so.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  colchis run hello.yaml
  colchis run templates/ build.yaml -p revision=main
  colchis run https://example.com/hello.yaml --images pull
  kustomize build . | colchis run -")]
pub struct Run {
    /// Files, folders, URLs, or - for standard input
    #[arg(value_name = "FILE|DIR|URL|-", required = true)]
    files: Vec<String>,

    /// Run a template or schedule of the files: workflowtemplate/NAME, clusterworkflowtemplate/NAME, cronworkflow/NAME
    #[arg(long, value_name = "KIND/NAME")]
    from: Option<String>,

    #[command(flatten)]
    overrides: Overrides,

    /// Root of a step: what can be had (auto), from a registry (pull), imported images only (imported), this machine's own (host) [default: auto]
    #[arg(long, value_name = "MODE", value_parser = ["auto", "pull", "imported", "host"])]
    images: Option<String>,

    /// Leave the data folder behind, to look at the runs afterwards
    #[arg(long)]
    keep: bool,

    /// Print what steps write
    #[arg(long, default_value_t = true, num_args = 0..=1, default_missing_value = "true", require_equals = true, action = ArgAction::Set, value_name = "true|false")]
    log: bool,

    /// Say only what failed, and the outputs
    #[arg(short = 'q', long)]
    quiet: bool,

    /// The runs afterwards: name, json, yaml or jsonpath=…
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

impl Run {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        let format = Format::parse(self.output.as_deref(), output::RUNS)?;
        if self.quiet {
            ctx.out.set_quiet();
        }
        let sources = input::read_all(&*ctx.host, &self.files).await?;
        self.judge(ctx, &sources)?;
        let documents = self.objects(&sources)?;
        let given = self.overrides.parameters()?;
        for document in documents.iter().filter(|document| document.kind() == "Workflow") {
            warn_of_strangers(ctx, document, &given)?;
        }
        let embedded = self.start(ctx).await?;
        let done = self.on(ctx, &*embedded, &documents, &format).await;
        let (folder, kept) = (embedded.data_dir(), self.keep && ctx.globals.data_dir.is_none());
        let stopped = embedded.stop().await;
        if kept {
            ctx.out.note(format!(
                "kept in {}; `colchis server --data-dir {}` shows it",
                folder.display(),
                folder.display()
            ));
        }
        let exit = done?;
        stopped?;
        Ok(exit)
    }

    /// Everything that is wrong, before anything is started.
    fn judge(&self, ctx: &mut Context, sources: &[Source]) -> CliResult<()> {
        let checked = check::check(sources, &check::named(&self.files));
        let told: Vec<_> = checked.problems.into_iter().filter(|problem| problem.weight != Weight::NoEffect).collect();
        let text_of = |name: &str| sources.iter().find(|source| source.name == name).map(|source| source.text.clone());
        let text = problems::render(&told, Form::Pretty, &ctx.out.err_terminal, &text_of);
        if told.iter().any(|problem| problem.weight == Weight::Error) {
            ctx.out.note_raw(&text);
            let verdict = problems::verdict(&told, sources.len(), checked.objects, &ctx.out.err_terminal);
            ctx.out.note(verdict);
            return Err(CliError::silent(Exit::Usage));
        }
        if !self.quiet {
            ctx.out.note_raw(&text);
        }
        Ok(())
    }

    /// The objects; what a folder holds beside them is left out.
    fn objects(&self, sources: &[Source]) -> CliResult<Vec<Document>> {
        let named = check::named(&self.files);
        let documents = documents::parse_all(sources)?;
        let objects: Vec<Document> = documents
            .into_iter()
            .filter(|d| {
                !d.kind().is_empty() || !d.api_version().is_empty() || named.iter().any(|name| **name == *d.source)
            })
            .collect();
        if objects.is_empty() {
            return Err(CliError::usage(format!("{}: there is no object in it", self.files.join(", "))));
        }
        Ok(objects)
    }

    async fn start(&self, ctx: &mut Context) -> CliResult<Box<dyn Embedded>> {
        let request = EmbedRequest {
            config: ctx.config_request()?,
            data_dir: ctx.globals.data_dir.clone(),
            keep: self.keep,
            images: self.images.clone(),
        };
        let embedded = ctx.host.embed(&request).await.map_err(|error| CliError::new(Exit::Failed, error))?;
        for line in embedded.announcements() {
            ctx.out.note(Text::painted(Paint::Dim, line));
        }
        Ok(embedded)
    }

    async fn on(
        &self,
        ctx: &mut Context,
        embedded: &dyn Embedded,
        documents: &[Document],
        format: &Format,
    ) -> CliResult {
        let mut target = embedded.target();
        if let Some(namespace) = &ctx.globals.namespace {
            target.namespace = namespace.clone();
        }
        let connection = connect(target).await?;
        let (runs, mut others): (Vec<&Document>, Vec<&Document>) =
            documents.iter().partition(|d| d.kind() == "Workflow");
        others.sort_by_key(|document| documents::rank(document.kind()));
        let others: Vec<Document> = others.into_iter().cloned().collect();
        if !others.is_empty() {
            objects::apply(ctx, &connection, &others, ApplyHow { aside: true, quiet: true, ..ApplyHow::default() })
                .await?;
        }
        let started = self.submit(ctx, &connection, &runs, &others).await?;
        let options = FollowOptions {
            tree: !self.quiet,
            log: self.log && !self.quiet,
            tree_on: Some(Stream::Err),
            ..FollowOptions::default()
        };
        match follow::follow(&mut ctx.out, &connection, &started, options).await? {
            Followed::Ended(views) => {
                self.explain(ctx, &connection, &started, &views).await?;
                self.show(ctx, &connection, &started, format).await?;
                Ok(follow::exit_of(&views))
            }
            Followed::Interrupted(views) => {
                self.interrupted(ctx, &connection, &started, &views).await;
                Err(CliError::silent(Exit::Interrupted))
            }
        }
    }

    async fn submit(
        &self,
        ctx: &mut Context,
        connection: &Connection,
        runs: &[&Document],
        others: &[Document],
    ) -> CliResult<Vec<RunName>> {
        let mut sources = Vec::new();
        if let Some(from) = &self.from {
            sources.push((from.clone(), submit_request::Source::Template(template_source(from)?)));
        } else {
            sources.extend(runs.iter().map(|run| (run.label(), submit_request::Source::Manifest(run.json()))));
        }
        if sources.is_empty() {
            sources.push(only_template(others)?);
        }
        if self.overrides.names_one() && sources.len() > 1 {
            return Err(CliError::usage(format!("--name is for one workflow, and there are {}", sources.len())));
        }
        let mut started = Vec::new();
        for (what, source) in sources {
            let request = SubmitRequest {
                namespace: ctx.globals.namespace.clone().unwrap_or_default(),
                source: Some(source),
                options: Some(self.overrides.options()?),
            };
            let answer = connection.client.submit(request).await;
            let answer = answer.map_err(|e| refused(e, Some(format!("cannot run {what}"))))?;
            started.push(RunName { namespace: answer.namespace, name: answer.name });
        }
        Ok(started)
    }

    /// What failed steps wrote last: with the data folder it will be gone.
    async fn explain(
        &self,
        ctx: &mut Context,
        connection: &Connection,
        runs: &[RunName],
        views: &[RunView],
    ) -> CliResult<()> {
        // Otherwise messages and lines stand above already.
        let told = self.log && !self.quiet;
        for (run, view) in runs.iter().zip(views).filter(|_| !told) {
            let failed =
                |node: &&Node| matches!(node.phase(), NodePhase::Failed | NodePhase::Error) && node.r#type == "Pod";
            let steps: Vec<&Node> = view.nodes().iter().filter(failed).collect();
            for node in steps.iter().take(FAILURES_SHOWN_MAX) {
                let mut text = phase::node_sign(node, &ctx.out.err_terminal);
                text.push(Paint::Bold, format!(" {}", node.name));
                text.push(
                    Paint::Plain,
                    format!(
                        ": {}",
                        if node.message.is_empty() { phase::node_word(node.phase()) } else { &node.message }
                    ),
                );
                ctx.out.tell(text);
                for line in last_lines(connection, run, node).await {
                    ctx.out.tell(Text::painted(Paint::Dim, "  | ").with(Paint::Plain, line));
                }
            }
            if let Some(more) = steps.len().checked_sub(FAILURES_SHOWN_MAX).filter(|more| *more > 0) {
                ctx.out.tell(Text::painted(Paint::Dim, format!("and {more} more failed steps")));
            }
            if steps.is_empty() && view.summary.phase() != WorkflowPhase::Succeeded && self.quiet {
                ctx.out.tell(view.headline(crate::context::now_ms()));
            }
        }
        Ok(())
    }

    /// The runs' outputs, or the runs in the form that was asked for.
    async fn show(
        &self,
        ctx: &mut Context,
        connection: &Connection,
        runs: &[RunName],
        format: &Format,
    ) -> CliResult<()> {
        let mut values = Vec::new();
        for run in runs {
            if *format == Format::Name {
                ctx.out.line(run.name.as_str())?;
                continue;
            }
            // The watch ends with the run; its object says so, labels and all, a moment later.
            let _ = connection.client.wait(&run.namespace, &run.name).await;
            let detail = if format.for_machines() { StatusDetail::Full } else { StatusDetail::Summary };
            let request =
                GetWorkflowRequest { namespace: run.namespace.clone(), name: run.name.clone(), status: detail.into() };
            let got = connection.client.get_workflow(request).await.map_err(|e| refused(e, None))?;
            let document: Value =
                serde_json::from_slice(&got.document).map_err(|e| CliError::from(anyhow::Error::from(e)))?;
            if format.for_machines() {
                values.push(document);
                continue;
            }
            let text = outputs(run, &document, runs.len() > 1).render(&ctx.out.terminal);
            ctx.out.write(text)?;
        }
        if !format.for_machines() || *format == Format::Name {
            return Ok(());
        }
        let value = match <[Value; 1]>::try_from(values) {
            Ok([one]) => one,
            Err(many) => super::get::list_of(many),
        };
        ctx.out.write(format.write(&value)?.unwrap_or_default())
    }

    /// The runs are this command's: they end with it.
    async fn interrupted(&self, ctx: &mut Context, connection: &Connection, runs: &[RunName], views: &[RunView]) {
        ctx.out.note("stopping; interrupt again to leave at once");
        let calls = connection.client.workflows();
        let end = async {
            for (run, view) in runs.iter().zip(views) {
                if !view.ended {
                    let request = TerminateRequest { namespace: run.namespace.clone(), name: run.name.clone() };
                    // A run that has just ended refuses, and is what is wanted.
                    let _ = calls.terminate(request).await;
                }
            }
            for run in runs {
                let _ = connection.client.wait(&run.namespace, &run.name).await;
            }
        };
        tokio::select! {
            () = end => {}
            () = tokio::time::sleep(END_WITHIN) => ctx.out.warn("steps did not end in time"),
            _ = tokio::signal::ctrl_c() => {}
        }
    }
}

/// The one template of the files, when there is no workflow in them.
fn only_template(others: &[Document]) -> CliResult<(String, submit_request::Source)> {
    let templates: Vec<&Document> = others
        .iter()
        .filter(|d| matches!(d.kind(), "WorkflowTemplate" | "ClusterWorkflowTemplate" | "CronWorkflow"))
        .collect();
    match templates.as_slice() {
        [one] => {
            let from = format!("{}/{}", one.kind().to_lowercase(), one.name());
            Ok((from.clone(), submit_request::Source::Template(template_source(&from)?)))
        }
        [] => Err(CliError::usage("there is no Workflow in the files")),
        several => {
            let names: Vec<String> =
                several.iter().map(|d| format!("{}/{}", d.kind().to_lowercase(), d.name())).collect();
            Err(CliError::usage("there is no Workflow in the files, and more than one template")
                .hint(format!("choose one: --from {}", names.join(", --from "))))
        }
    }
}

async fn last_lines(connection: &Connection, run: &RunName, node: &Node) -> Vec<String> {
    let request = StreamLogsRequest {
        namespace: run.namespace.clone(),
        name: run.name.clone(),
        node_id: node.id.clone(),
        tail_lines: Some(FAILURE_LINES),
        ..StreamLogsRequest::default()
    };
    // A step that never began has no log: then the message says it all.
    let Ok(mut messages) = connection.client.logs().stream(request).await else { return Vec::new() };
    let mut lines = Vec::new();
    while let Ok(Some(message)) = messages.try_next().await {
        lines.extend(message.entries.iter().map(|entry| String::from_utf8_lossy(&entry.text).into_owned()));
    }
    lines
}

/// The outputs of a run, as a block; nothing when it has none.
fn outputs(run: &RunName, document: &Value, many: bool) -> Fields {
    let mut fields = Fields::new();
    let list = |pointer: &str| document.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    let (parameters, artifacts) = (list("/status/outputs/parameters"), list("/status/outputs/artifacts"));
    if parameters.is_empty() && artifacts.is_empty() {
        return fields;
    }
    if many {
        fields.add("Run", run.name.as_str());
    }
    if !parameters.is_empty() {
        fields.heading("Output Parameters");
        for parameter in &parameters {
            fields.nested(parameter["name"].as_str().unwrap_or("?"), summary::value_text(&parameter["value"]));
        }
    }
    if !artifacts.is_empty() {
        fields.heading("Output Artifacts");
        for artifact in &artifacts {
            fields.nested(artifact["name"].as_str().unwrap_or("?"), summary::artifact_place(artifact));
        }
    }
    fields
}
