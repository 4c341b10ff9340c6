//! `colchis workflow submit`.

use std::collections::BTreeMap;

use clap::Args;
use client::v1::{
    DryRun, GetWorkflowRequest, Parameter, StatusDetail, SubmitOptions, SubmitRequest, SubmitResponse, TemplateKind,
    TemplateSource, submit_request,
};
use serde_json::Value;

use super::show_run;
use crate::context::{Connection, Context};
use crate::error::{CliError, CliResult, Exit};
use crate::input;
use crate::support::documents::{self, Document};
use crate::support::follow::{self, FollowFlags};
use crate::support::output::Format;
use crate::support::parameters::{ParameterFlags, strangers};
use crate::support::selection::RunName;
use crate::support::{labels, moment_ms, refused, violation};

/// Start runs from manifests, templates or schedules
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  colchis workflow submit hello.yaml --watch
  colchis workflow submit https://example.com/hello.yaml -p message=hi
  colchis workflow submit --from workflowtemplate/build -p revision=main
  colchis workflow submit --from cronworkflow/nightly --log")]
pub struct Submit {
    /// Files, folders, URLs, or - for standard input
    #[arg(value_name = "FILE", required_unless_present = "from", conflicts_with = "from")]
    files: Vec<String>,

    /// Start from a template or schedule: workflowtemplate/NAME, clusterworkflowtemplate/NAME, cronworkflow/NAME
    #[arg(long, value_name = "KIND/NAME")]
    from: Option<String>,

    #[command(flatten)]
    overrides: Overrides,

    #[command(flatten)]
    follow: FollowFlags,

    /// name, json, yaml, wide or jsonpath=…
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,

    /// Show what would be submitted, without asking the server's opinion
    #[arg(long)]
    dry_run: bool,

    /// Have the server check everything and store nothing
    #[arg(long, conflicts_with = "dry_run")]
    server_dry_run: bool,

    /// Refuse what is probably a mistake, not only what is one
    #[arg(long, default_value_t = true, num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set)]
    strict: bool,
}

/// What is changed about a run while it is submitted.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Overrides {
    #[command(flatten)]
    parameters: ParameterFlags,

    /// Template to begin with, instead of the manifest's
    #[arg(long, value_name = "TEMPLATE")]
    entrypoint: Option<String>,

    /// Name of the run
    #[arg(long, value_name = "NAME", conflicts_with = "generate_name")]
    name: Option<String>,

    /// Beginning of the run's name; the server adds the rest
    #[arg(long, value_name = "TEXT")]
    generate_name: Option<String>,

    /// Labels for the run, such as --labels team=a,tier=b
    #[arg(short = 'l', long, value_name = "LABELS")]
    labels: Option<String>,

    /// Service account of the run
    #[arg(long, visible_alias = "service-account", value_name = "NAME")]
    serviceaccount: Option<String>,

    /// Priority of the run: a higher one goes first
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    priority: Option<i32>,

    /// What {{workflow.scheduledTime}} is, such as 2026-08-05T12:00:00Z: for runs that catch up on a schedule
    #[arg(long, value_name = "TIME")]
    scheduled_time: Option<String>,
}

/// The annotation that says for which moment of a schedule a run is.
const SCHEDULED_TIME: &str = "workflows.argoproj.io/scheduled-time";

impl Overrides {
    /// As the server takes them.
    ///
    /// # Errors
    /// A parameter or label that is none.
    pub(crate) fn options(&self) -> CliResult<SubmitOptions> {
        Ok(SubmitOptions {
            name: self.name.clone().unwrap_or_default(),
            generate_name: self.generate_name.clone().unwrap_or_default(),
            entrypoint: self.entrypoint.clone().unwrap_or_default(),
            parameters: self.parameters.read()?,
            labels: self.labels.as_deref().map(|text| labels("--labels", text)).transpose()?.unwrap_or_default(),
            service_account: self.serviceaccount.clone().unwrap_or_default(),
            priority: self.priority,
            annotations: self.annotations()?,
            ..SubmitOptions::default()
        })
    }

    fn annotations(&self) -> CliResult<BTreeMap<String, String>> {
        let Some(text) = &self.scheduled_time else { return Ok(BTreeMap::new()) };
        let at = model::Timestamp::from_millis(moment_ms("--scheduled-time", text)?);
        Ok([(SCHEDULED_TIME.to_owned(), at.to_string())].into())
    }

    /// The parameters that are given.
    ///
    /// # Errors
    /// As [`ParameterFlags::read`].
    pub(crate) fn parameters(&self) -> CliResult<Vec<Parameter>> {
        self.parameters.read()
    }

    /// Whether a run's own name is given, which only one run can have.
    pub(crate) fn names_one(&self) -> bool {
        self.name.is_some()
    }
}

impl Submit {
    pub(in crate::commands) async fn run(self, ctx: &mut Context) -> CliResult {
        let format = Format::parse(self.output.as_deref(), crate::support::output::RUNS)?;
        let mut options = self.overrides.options()?;
        if self.dry_run {
            options.dry_run = DryRun::MergeOnly.into();
        } else if self.server_dry_run {
            options.dry_run = DryRun::Server.into();
        }
        let dry = options.dry_run != i32::from(DryRun::None);
        options.return_document = dry || format.for_machines();
        let sources = self.sources(ctx).await?;
        if self.overrides.names_one() && sources.len() > 1 {
            return Err(CliError::usage(format!("--name is for one workflow, and there are {}", sources.len()))
                .hint("use --generate-name"));
        }
        let connection = ctx.connect().await?;
        let mut runs = Vec::new();
        for (what, source) in sources {
            let request = SubmitRequest {
                namespace: ctx.globals.namespace.clone().unwrap_or_default(),
                source: Some(source),
                options: Some(options.clone()),
            };
            let answer = connection
                .client
                .submit(request)
                .await
                .map_err(|e| refused(e, Some(format!("cannot submit {what}"))))?;
            let serious = self.tell_warnings(ctx, &answer);
            if self.strict && serious && dry {
                ctx.out.warn("with --strict these are refused");
            }
            let run = RunName { namespace: answer.namespace.clone(), name: answer.name.clone() };
            if dry || format.for_machines() {
                write(ctx, &format, &answer, dry)?;
            } else if !self.follow.watch {
                self.show(ctx, &connection, &run, &format).await?;
            }
            runs.push(run);
        }
        if dry {
            return Ok(Exit::Done);
        }
        follow::after_start(&mut ctx.out, &connection, &runs, &self.follow).await
    }

    async fn sources(&self, ctx: &mut Context) -> CliResult<Vec<(String, submit_request::Source)>> {
        if let Some(from) = &self.from {
            return Ok(vec![(from.clone(), submit_request::Source::Template(template_source(from)?))]);
        }
        let sources = input::read_all(&*ctx.host, &self.files).await?;
        let documents = documents::parse_all(&sources)?;
        let given = self.overrides.parameters()?;
        for document in documents.iter().filter(|document| document.kind() == "Workflow") {
            warn_of_strangers(ctx, document, &given)?;
        }
        documents
            .into_iter()
            .map(|document| Ok((document.label(), submit_request::Source::Manifest(workflow(&document)?))))
            .collect()
    }

    /// Says what the server found worth a look; answers whether there was any of it.
    fn tell_warnings(&self, ctx: &mut Context, answer: &SubmitResponse) -> bool {
        for warning in &answer.warnings {
            ctx.out.note(violation(warning));
        }
        !answer.warnings.is_empty()
    }

    async fn show(&self, ctx: &mut Context, connection: &Connection, run: &RunName, format: &Format) -> CliResult<()> {
        if self.follow.any() {
            ctx.out.note(follow::started_line("submitted", run));
            return Ok(());
        }
        let request = GetWorkflowRequest {
            namespace: run.namespace.clone(),
            name: run.name.clone(),
            status: StatusDetail::Summary.into(),
        };
        let got = connection.client.get_workflow(request).await.map_err(|e| refused(e, None))?;
        show_run(ctx, &got.summary, serde_json::from_slice(&got.document).ok().as_ref(), &[], *format == Format::Wide)
    }
}

fn write(ctx: &mut Context, format: &Format, answer: &SubmitResponse, dry: bool) -> CliResult<()> {
    let document: Value =
        serde_json::from_slice(&answer.document).map_err(|e| CliError::from(anyhow::Error::from(e)))?;
    // What a dry run would submit is looked at as a manifest.
    let format = if dry && *format == Format::Table { &Format::Yaml } else { format };
    match format.write(&document)? {
        Some(text) => ctx.out.write(text),
        None if *format == Format::Name => ctx.out.line(answer.name.as_str()),
        None => ctx.out.line(format!("workflow {} would be submitted", answer.name)),
    }
}

/// Tells of parameters that a workflow knows nothing of.
///
/// # Errors
/// Never of a document that was read.
pub(crate) fn warn_of_strangers(ctx: &mut Context, document: &Document, given: &[Parameter]) -> CliResult<()> {
    if given.is_empty() {
        return Ok(());
    }
    for stranger in strangers(&document.value()?, given.iter().map(|parameter| parameter.name.as_str())) {
        ctx.out.warn(format!("{}: {stranger}", document.label()));
    }
    Ok(())
}

fn workflow(document: &Document) -> CliResult<bytes::Bytes> {
    if document.kind() != "Workflow" {
        return Err(CliError::usage(format!(
            "{} is not a Workflow but a {}",
            document.label(),
            document.kind_or_unknown()
        ))
        .hint("`colchis apply -f FILE` brings other objects to the server")
        .hint("`colchis run FILE` takes everything in a file, with a server of its own"));
    }
    Ok(document.json())
}

/// `workflowtemplate/build`, in the spellings that people use.
///
/// # Errors
/// It is not of that form, or of another kind.
pub(crate) fn template_source(text: &str) -> CliResult<TemplateSource> {
    let wrong = || {
        CliError::usage(format!("--from {text}: nothing a run can be started from"))
            .hint("write workflowtemplate/NAME, clusterworkflowtemplate/NAME or cronworkflow/NAME")
    };
    let (kind, name) = text.split_once('/').ok_or_else(wrong)?;
    let kind = match kind.to_ascii_lowercase().as_str() {
        "workflowtemplate" | "workflowtemplates" | "wftmpl" | "wft" | "template" => TemplateKind::WorkflowTemplate,
        "clusterworkflowtemplate"
        | "clusterworkflowtemplates"
        | "cwft"
        | "clusterwftmpl"
        | "cwftmpl"
        | "cluster-template" => TemplateKind::ClusterWorkflowTemplate,
        "cronworkflow" | "cronworkflows" | "cronwf" | "cwf" | "cron" => TemplateKind::CronWorkflow,
        _ => return Err(wrong()),
    };
    if name.is_empty() {
        return Err(wrong());
    }
    Ok(TemplateSource { kind: kind.into(), name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_taken_in_their_spellings() {
        let read = |text| template_source(text).map(|source| (source.kind(), source.name)).map_err(|e| e.exit);
        assert_eq!(read("cronwf/a"), Ok((TemplateKind::CronWorkflow, "a".into())));
        assert_eq!(read("WorkflowTemplate/a"), Ok((TemplateKind::WorkflowTemplate, "a".into())));
        assert_eq!(read("cwft/a"), Ok((TemplateKind::ClusterWorkflowTemplate, "a".into())));
        for wrong in ["a", "pod/a", "cronwf/"] {
            assert_eq!(read(wrong), Err(Exit::Usage));
        }
    }
}
