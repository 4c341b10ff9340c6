//! `colchis cron create` and `colchis cron update`: schedules from manifests, with what the flags say instead.

use clap::Args;
use client::v1::Parameter;
use serde_json::{Value, json};

use crate::context::{Connection, Context};
use crate::error::{CliError, CliResult, Exit};
use crate::input;
use crate::support::documents::{self, Document};
use crate::support::labels;
use crate::support::objects::{self, ApplyHow, Kinds};
use crate::support::output::{self, Format};
use crate::support::parameters::{ParameterFlags, strangers};
use crate::support::stored::CRON_KIND;

/// Create schedules from manifests
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  colchis cron create nightly.yaml
  colchis cron create nightly.yaml --name weekly --schedule '0 3 * * 0' -p target=all")]
pub struct Create {
    #[command(flatten)]
    what: What,

    /// Beginning of the schedule's name; the server adds the rest
    #[arg(long, value_name = "TEXT", conflicts_with = "name")]
    generate_name: Option<String>,

    /// Have the server check everything and store nothing
    #[arg(long)]
    dry_run: bool,
}

/// Replace schedules by manifests
#[derive(Debug, Args)]
pub struct Update {
    #[command(flatten)]
    what: What,
}

/// Which schedules, and what is changed about them on the way.
#[derive(Debug, Clone, Default, Args)]
struct What {
    /// Files, folders, URLs, or - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,

    #[command(flatten)]
    parameters: ParameterFlags,

    /// Name of the schedule
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Template to begin with, instead of the manifest's
    #[arg(long, value_name = "TEMPLATE")]
    entrypoint: Option<String>,

    /// When runs are started, instead of the manifest's schedules
    #[arg(long, value_name = "SCHEDULE")]
    schedule: Option<String>,

    /// Labels for the schedule and its runs, such as --labels team=a,tier=b
    #[arg(short = 'l', long, value_name = "LABELS")]
    labels: Option<String>,

    /// Service account of the runs
    #[arg(long, visible_alias = "service-account", value_name = "NAME")]
    serviceaccount: Option<String>,

    /// As it is always done here; for those who know Argo's flag
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "true")]
    strict: Option<bool>,

    /// name, json, yaml or jsonpath=…
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

impl Create {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        let format = self.what.format()?;
        let documents = self.what.documents(ctx, self.generate_name.as_deref()).await?;
        let connection = ctx.connect().await?;
        let aside = format.for_machines();
        let how = ApplyHow { create_only: true, dry_run: self.dry_run, aside, ..ApplyHow::default() };
        let applied = objects::apply(ctx, &connection, &documents, how).await?;
        if aside && !self.dry_run {
            let names: Vec<String> = applied.into_iter().map(|applied| applied.key.name).collect();
            show(ctx, &connection, &names, &format).await?;
        }
        Ok(Exit::Done)
    }
}

impl Update {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        let format = self.what.format()?;
        let documents = self.what.documents(ctx, None).await?;
        let connection = ctx.connect().await?;
        objects::update(ctx, &connection, &documents, format.for_machines()).await?;
        if format.for_machines() {
            let names: Vec<String> = documents.iter().map(|document| document.name().to_owned()).collect();
            show(ctx, &connection, &names, &format).await?;
        }
        Ok(Exit::Done)
    }
}

async fn show(ctx: &mut Context, connection: &Connection, names: &[String], format: &Format) -> CliResult<()> {
    let kinds = Kinds::of(connection).await?;
    for (at, name) in names.iter().enumerate() {
        if *format == Format::Name {
            ctx.out.line(name.as_str())?;
            continue;
        }
        let value = objects::get(connection, kinds.find(CRON_KIND)?, &connection.namespace, name).await?;
        if at > 0 && *format == Format::Yaml {
            ctx.out.line("---")?;
        }
        ctx.out.write(format.write(&value)?.unwrap_or_default())?;
    }
    Ok(())
}

impl What {
    fn format(&self) -> CliResult<Format> {
        Format::parse(self.output.as_deref(), output::ALL)
    }

    async fn documents(&self, ctx: &mut Context, generate_name: Option<&str>) -> CliResult<Vec<Document>> {
        let documents = documents::parse_of_kind(&input::read_all(&*ctx.host, &self.files).await?, CRON_KIND)?;
        if self.name.is_some() && documents.len() > 1 {
            return Err(CliError::usage(format!("--name is for one schedule, and there are {}", documents.len())));
        }
        let labels = self.labels.as_deref().map(|text| labels("--labels", text)).transpose()?.unwrap_or_default();
        let parameters = self.parameters.read()?;
        let mut changed = Vec::with_capacity(documents.len());
        for document in documents {
            let mut value = document.value()?;
            let run = json!({"spec": value.pointer("/spec/workflowSpec").unwrap_or(&Value::Null)});
            for stranger in strangers(&run, parameters.iter().map(|parameter| parameter.name.as_str())) {
                ctx.out.warn(format!("{}: {stranger}", document.label()));
            }
            self.change(&mut value, generate_name, &labels, &parameters);
            changed.push(document.with_value(&value));
        }
        Ok(changed)
    }

    /// Lays the flags over a manifest. What stands there in another shape is left to the server, which says what is wrong with it.
    fn change(
        &self,
        value: &mut Value,
        generate_name: Option<&str>,
        labels: &std::collections::BTreeMap<String, String>,
        parameters: &[Parameter],
    ) {
        if let Some(name) = &self.name {
            set(value, &["metadata"], "name", Value::from(name.as_str()));
            remove(value, "/metadata", "generateName");
        }
        if let Some(beginning) = generate_name {
            set(value, &["metadata"], "generateName", Value::from(beginning));
            remove(value, "/metadata", "name");
        }
        for (key, label) in labels {
            set(value, &["metadata", "labels"], key, Value::from(label.as_str()));
            set(value, &["spec", "workflowMetadata", "labels"], key, Value::from(label.as_str()));
        }
        if let Some(schedule) = &self.schedule {
            set(value, &["spec"], "schedules", json!([schedule]));
            remove(value, "/spec", "schedule");
        }
        if let Some(entrypoint) = &self.entrypoint {
            set(value, &["spec", "workflowSpec"], "entrypoint", Value::from(entrypoint.as_str()));
        }
        if let Some(account) = &self.serviceaccount {
            set(value, &["spec", "workflowSpec"], "serviceAccountName", Value::from(account.as_str()));
        }
        for parameter in parameters {
            let given = json!({"name": parameter.name, "value": parameter.value});
            let list = inner(value, &["spec", "workflowSpec", "arguments"]);
            let list = list.map(|arguments| arguments.entry("parameters").or_insert_with(|| json!([])));
            let Some(list) = list.and_then(Value::as_array_mut) else { continue };
            match list.iter_mut().find(|known| known["name"] == parameter.name.as_str()) {
                Some(known) => *known = given,
                None => list.push(given),
            }
        }
    }
}

/// The map at a path, made where there is nothing.
fn inner<'v>(value: &'v mut Value, path: &[&str]) -> Option<&'v mut serde_json::Map<String, Value>> {
    let mut map = value.as_object_mut()?;
    for key in path {
        map = map.entry(*key).or_insert_with(|| json!({})).as_object_mut()?;
    }
    Some(map)
}

fn set(value: &mut Value, path: &[&str], key: &str, to: Value) {
    if let Some(map) = inner(value, path) {
        map.insert(key.to_owned(), to);
    }
}

fn remove(value: &mut Value, pointer: &str, key: &str) {
    if let Some(map) = value.pointer_mut(pointer).and_then(Value::as_object_mut) {
        map.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_laid_over_the_manifest() {
        let mut value = json!({
            "metadata": {"generateName": "nightly-"},
            "spec": {"schedule": "0 1 * * *", "workflowSpec": {
                "entrypoint": "main", "arguments": {"parameters": [{"name": "a", "valueFrom": {"default": "1"}}]}}},
        });
        let what = What {
            name: Some("weekly".into()),
            entrypoint: Some("other".into()),
            schedule: Some("0 3 * * 0".into()),
            serviceaccount: Some("robot".into()),
            ..What::default()
        };
        let given = |name: &str, value: &str| Parameter { name: name.into(), value: value.into() };
        what.change(&mut value, None, &[("team".into(), "a".into())].into(), &[given("a", "2"), given("b", "3")]);
        assert_eq!(
            value,
            json!({
                "metadata": {"name": "weekly", "labels": {"team": "a"}},
                "spec": {"schedules": ["0 3 * * 0"], "workflowMetadata": {"labels": {"team": "a"}}, "workflowSpec": {
                    "entrypoint": "other", "serviceAccountName": "robot",
                    "arguments": {"parameters": [{"name": "a", "value": "2"}, {"name": "b", "value": "3"}]}}},
            })
        );
        // What is no map stays as it is: the server says so.
        let mut broken = json!({"metadata": [], "spec": {"workflowSpec": 1}});
        what.change(&mut broken, None, &[("team".into(), "a".into())].into(), &[given("a", "2")]);
        assert_eq!(broken["spec"]["workflowSpec"], 1);
    }
}
