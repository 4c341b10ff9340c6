//! What a run is, above its tree: the block of fields that `get` opens with.

use client::v1::WorkflowSummary;
use serde_json::Value;

use super::fields::Fields;
use super::phase;
use super::terminal::Terminal;
use super::text::{Paint, Text};
use super::{time, tree};

/// A value longer than this is cut in the block; `-o json` has it whole.
const VALUE_COLUMNS_MAX: usize = 200;

/// The block for a run. `document` is the object, where it was read: its arguments and outputs are shown.
pub fn block(row: &WorkflowSummary, document: Option<&Value>, now_ms: i64, terminal: &Terminal) -> Fields {
    let mut fields = Fields::new();
    let at = |pointer: &str| document.and_then(|d| d.pointer(pointer));
    fields.add("Name", Text::painted(Paint::Bold, &row.name));
    fields.add("Namespace", row.namespace.as_str());
    let title = row.annotations.get("workflows.argoproj.io/title").map(String::as_str).unwrap_or_default();
    fields.add("Title", title);
    fields.add("ServiceAccount", at("/spec/serviceAccountName").and_then(Value::as_str).unwrap_or_default());
    fields.add("Status", phase::workflow_text(row.phase(), row.suspended));
    fields.add("Message", row.message.as_str());
    fields.add("Template", row.template.as_str());
    fields.add("CronWorkflow", row.cron_workflow.as_str());
    if !row.conditions.is_empty() {
        fields.heading("Conditions");
        for condition in &row.conditions {
            let mut text = Text::plain(&condition.status);
            if !condition.message.is_empty() {
                text.push(Paint::Dim, format!("  {}", condition.message));
            }
            fields.nested(&condition.r#type, text);
        }
    }
    let moment = |ms: i64| if ms > 0 { time::moment(ms, now_ms, terminal) } else { String::new() };
    fields.add("Created", moment(row.created_ms));
    fields.add("Started", moment(row.started_ms));
    fields.add("Finished", moment(row.finished_ms));
    if row.started_ms > 0 {
        let ended = if row.finished_ms > 0 { row.finished_ms } else { now_ms };
        fields.add("Duration", time::words(ended - row.started_ms));
    }
    if row.estimated_duration_s > 0 {
        fields.add("Estimated Duration", time::words(row.estimated_duration_s.saturating_mul(1000)));
    }
    fields.add("Progress", row.progress.as_str());
    fields.add("ResourcesDuration", tree::resources(&row.resources_duration));
    if row.priority != 0 {
        fields.add("Priority", row.priority.to_string());
    }
    named_values(&mut fields, "Parameters", at("/spec/arguments/parameters"));
    named_values(&mut fields, "Output Parameters", at("/status/outputs/parameters"));
    if let Some(Value::Array(artifacts)) =
        at("/status/outputs/artifacts").filter(|v| v.as_array().is_some_and(|a| !a.is_empty()))
    {
        fields.heading("Output Artifacts");
        for artifact in artifacts {
            fields.nested(artifact["name"].as_str().unwrap_or("?"), artifact_place(artifact));
        }
    }
    fields
}

fn named_values(fields: &mut Fields, heading: &str, list: Option<&Value>) {
    let Some(Value::Array(items)) = list.filter(|v| v.as_array().is_some_and(|a| !a.is_empty())) else { return };
    fields.heading(heading);
    for item in items {
        fields.nested(item["name"].as_str().unwrap_or("?"), short(&value_text(&item["value"])));
    }
}

/// A parameter's value as text.
pub fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Where an artifact is, in a few words.
pub fn artifact_place(artifact: &Value) -> String {
    let Some(fields) = artifact.as_object() else { return String::new() };
    for (driver, location) in fields {
        for name in ["key", "url", "repo", "path"] {
            if let Some(place) = location.get(name).and_then(Value::as_str) {
                let bucket =
                    location.get("bucket").and_then(Value::as_str).map(|b| format!("{b}/")).unwrap_or_default();
                return format!("{driver} {bucket}{place}");
            }
        }
    }
    String::new()
}

/// Text of one line that is not too long to look at.
fn short(text: &str) -> Text {
    let one = Text::plain(text.trim_end());
    one.clipped(VALUE_COLUMNS_MAX, &Terminal::plain())
}

#[cfg(test)]
mod tests {
    use client::v1::{Condition, WorkflowPhase};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_finished_run() {
        let row = WorkflowSummary {
            name: "hello-x7k2p".into(),
            namespace: "default".into(),
            phase: WorkflowPhase::Failed.into(),
            message: "child 'hello-x7k2p-1' failed".into(),
            conditions: vec![Condition { r#type: "Completed".into(), status: "True".into(), message: String::new() }],
            created_ms: 1_785_931_200_000,
            started_ms: 1_785_931_200_000,
            finished_ms: 1_785_931_265_000,
            progress: "1/2".into(),
            resources_duration: [("cpu".to_owned(), 3)].into(),
            ..WorkflowSummary::default()
        };
        let document = json!({
            "spec": {"arguments": {"parameters": [{"name": "message", "value": "hi\nthere"}, {"name": "count", "value": 3}]}},
            "status": {"outputs": {
                "parameters": [{"name": "result", "value": "ok"}],
                "artifacts": [{"name": "report", "s3": {"bucket": "b", "key": "hello/report.tgz"}}],
            }},
        });
        let block = block(&row, Some(&document), 1_785_931_300_000, &Terminal::plain());
        insta::assert_snapshot!(block.render(&Terminal::plain()), @r"
        Name:                hello-x7k2p
        Namespace:           default
        Status:              Failed
        Message:             child 'hello-x7k2p-1' failed
        Conditions:
          Completed:         True
        Created:             Wed Aug 05 12:00:00 +0000 (1 minute ago)
        Started:             Wed Aug 05 12:00:00 +0000 (1 minute ago)
        Finished:            Wed Aug 05 12:01:05 +0000 (35 seconds ago)
        Duration:            1 minute 5 seconds
        Progress:            1/2
        ResourcesDuration:   3s*(1 cpu)
        Parameters:
          message:           hi there
          count:             3
        Output Parameters:
          result:            ok
        Output Artifacts:
          report:            s3 b/hello/report.tgz
        ");
    }
}
