//! `colchis describe`.

use clap::Args;
use client::v1::{GetWorkflowRequest, StatusDetail};
use serde_json::Value;

use super::get::{Target, Which, targets};
use super::workflow::{all_nodes, show_run};
use crate::context::{Connection, Context, now_ms};
use crate::error::{CliError, CliResult, Exit};
use crate::render::fields::Fields;
use crate::render::{Terminal, time, yaml};
use crate::support::objects::{self, Kinds};
use crate::support::refused;
use crate::support::selection::RunName;

/// Tell all about objects of any kind
#[derive(Debug, Args)]
pub struct Describe {
    /// Kinds, and names: wf hello, wf/hello cm/settings
    #[arg(value_name = "KIND", required_unless_present = "filenames")]
    what: Vec<String>,

    /// Files, folders, URLs or - that name the objects
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    filenames: Vec<String>,

    #[command(flatten)]
    which: Which,
}

impl Describe {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        let connection = ctx.connect().await?;
        let kinds = Kinds::of(&connection).await?;
        let targets = targets(ctx, &kinds, &self.what, &self.filenames).await?;
        let mut first = true;
        for target in &targets {
            for value in self.values(&connection, target).await? {
                if !std::mem::take(&mut first) {
                    ctx.out.line("")?;
                }
                if target.kind.kind == "Workflow" {
                    workflow(ctx, &connection, &value).await?;
                } else {
                    let text = describe(&value, now_ms(), &ctx.out.terminal);
                    ctx.out.write(text)?;
                }
            }
        }
        if first {
            ctx.out.note("No resources found.");
        }
        Ok(Exit::Done)
    }

    async fn values(&self, connection: &Connection, target: &Target) -> CliResult<Vec<Value>> {
        if target.names.is_empty() {
            let namespace = if self.which.all_namespaces { "" } else { &connection.namespace };
            return Ok(objects::list(connection, &target.kind, namespace, &self.which.wanted(), 0).await?.0);
        }
        let mut values = Vec::new();
        for (namespace, name) in &target.names {
            let namespace = namespace.as_deref().unwrap_or(&connection.namespace);
            values.push(
                objects::get(connection, &target.kind, if target.kind.namespaced { namespace } else { "" }, name)
                    .await?,
            );
        }
        Ok(values)
    }
}

async fn workflow(ctx: &mut Context, connection: &Connection, value: &Value) -> CliResult<()> {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let run = RunName { namespace: text("/metadata/namespace"), name: text("/metadata/name") };
    let request = GetWorkflowRequest {
        namespace: run.namespace.clone(),
        name: run.name.clone(),
        status: StatusDetail::Summary.into(),
    };
    let got = connection.client.get_workflow(request).await.map_err(|e| refused(e, None))?;
    let document: Value = serde_json::from_slice(&got.document).map_err(|e| CliError::from(anyhow::Error::from(e)))?;
    let nodes = all_nodes(connection, &run, String::new()).await?;
    show_run(ctx, &got.summary, Some(&document), &nodes, true)
}

/// Metadata as a block, everything else as YAML below it.
fn describe(value: &Value, now_ms: i64, terminal: &Terminal) -> String {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let mut fields = Fields::new();
    fields.add("Name", text("/metadata/name"));
    fields.add("Namespace", text("/metadata/namespace"));
    fields.add("Kind", text("/kind"));
    fields.add("API Version", text("/apiVersion"));
    for (name, pointer) in [("Labels", "/metadata/labels"), ("Annotations", "/metadata/annotations")] {
        if let Some(Value::Object(entries)) =
            value.pointer(pointer).filter(|v| v.as_object().is_some_and(|o| !o.is_empty()))
        {
            fields.heading(name);
            for (key, entry) in entries {
                fields.nested(key, entry.as_str().unwrap_or_default());
            }
        }
    }
    if let Ok(created) = text("/metadata/creationTimestamp").parse::<jiff::Timestamp>() {
        fields.add("Created", time::moment(created.as_millisecond(), now_ms, terminal));
    }
    for owner in value.pointer("/metadata/ownerReferences").and_then(Value::as_array).into_iter().flatten() {
        fields.add(
            "Owner",
            format!("{}/{}", owner["kind"].as_str().unwrap_or("?"), owner["name"].as_str().unwrap_or("?")),
        );
    }
    let mut out = fields.render(terminal);
    if let Value::Object(all) = value {
        let rest: serde_json::Map<String, Value> = all
            .iter()
            .filter(|(key, _)| !["apiVersion", "kind", "metadata"].contains(&key.as_str()))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        if !rest.is_empty() {
            out.push('\n');
            out.push_str(&yaml::to_text(&Value::Object(rest)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_above_everything_else_below() {
        let value = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "settings", "namespace": "default", "labels": {"team": "data"}, "creationTimestamp": "2026-08-05T12:00:00Z"},
            "data": {"limit": "3"},
        });
        insta::assert_snapshot!(describe(&value, 1_785_931_260_000, &Terminal::plain()), @r#"
        Name:                settings
        Namespace:           default
        Kind:                ConfigMap
        API Version:         v1
        Labels:
          team:              data
        Created:             Wed Aug 05 12:00:00 +0000 (1 minute ago)

        data:
          limit: "3"
        "#);
    }
}
