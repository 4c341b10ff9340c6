//! Objects of any kind as rows, with the columns that people expect of the kind.

use serde_json::Value;

use super::table::{Column, Table};
use super::text::{Paint, Text};
use super::time;

/// What is shown of each.
#[derive(Debug, Clone, Copy, Default)]
pub struct RowOptions {
    /// The namespace first.
    pub namespaces: bool,
    /// With what `-o wide` adds.
    pub wide: bool,
    /// All labels last.
    pub labels: bool,
    /// `workflow.argoproj.io/hello` instead of `hello`: several kinds are shown.
    pub kind_prefix: bool,
}

type Cell = fn(&Value, i64) -> Text;

/// The columns of a kind between its name and its age.
fn columns_of(kind: &str, wide: bool) -> Vec<(&'static str, Cell)> {
    let mut columns: Vec<(&'static str, Cell)> = match kind {
        "Workflow" => vec![("STATUS", phase), ("DURATION", duration), ("PROGRESS", |v, _| text(v, "/status/progress"))],
        "CronWorkflow" => vec![
            ("SCHEDULE", schedules),
            ("TIMEZONE", |v, _| text(v, "/spec/timezone")),
            ("SUSPEND", |v, _| {
                Text::plain(v.pointer("/spec/suspend").and_then(Value::as_bool).unwrap_or(false).to_string())
            }),
            ("LAST RUN", |v, now| ago(v, "/status/lastScheduledTime", now)),
        ],
        "WorkflowTemplate" | "ClusterWorkflowTemplate" => {
            vec![("ENTRYPOINT", |v, _| text(v, "/spec/entrypoint")), ("TEMPLATES", |v, _| count(v, "/spec/templates"))]
        }
        "ConfigMap" => vec![("DATA", data)],
        "Secret" => vec![("TYPE", |v, _| text(v, "/type")), ("DATA", data)],
        "PersistentVolumeClaim" => vec![
            ("STATUS", |v, _| text(v, "/status/phase")),
            ("CAPACITY", |v, _| text(v, "/spec/resources/requests/storage")),
        ],
        "CustomResourceDefinition" => {
            vec![("KIND", |v, _| text(v, "/spec/names/kind")), ("SCOPE", |v, _| text(v, "/spec/scope"))]
        }
        "Plugin" => vec![
            ("VERSION", |v, _| text(v, "/status/version")),
            ("KINDS", plugin_kinds),
            ("READY", ready),
            ("CALLS", |v, _| text(v, "/status/calls")),
        ],
        _ => vec![("STATUS", |v, _| text(v, "/status/phase"))],
    };
    if wide && kind == "Workflow" {
        columns.push(("ENTRYPOINT", |v, _| text(v, "/spec/entrypoint")));
        columns.push(("MESSAGE", |v, _| text(v, "/status/message")));
    }
    if wide && kind == "Plugin" {
        columns.push(("ERRORS", |v, _| text(v, "/status/errors")));
        columns.push(("DIGEST", |v, _| text(v, "/status/digest")));
        columns.push(("MESSAGE", ready_message));
    }
    columns
}

/// The rows of objects of one kind.
pub fn table(kind: &str, values: &[Value], options: RowOptions, now_ms: i64) -> Table {
    let mut own = columns_of(kind, options.wide);
    // A column that nothing fills says nothing.
    own.retain(|(_, cell)| values.iter().any(|value| !cell(value, now_ms).is_empty()));
    let mut columns = Vec::new();
    if options.namespaces {
        columns.push(Column::new("NAMESPACE"));
    }
    columns.push(Column::new("NAME"));
    columns.extend(
        own.iter().map(
            |(heading, _)| if *heading == "MESSAGE" { Column::giving_way(*heading) } else { Column::new(*heading) },
        ),
    );
    columns.push(Column::new("AGE"));
    if options.labels {
        columns.push(Column::giving_way("LABELS"));
    }
    let mut table = Table::new(columns);
    for value in values {
        let mut row = Vec::new();
        if options.namespaces {
            row.push(text(value, "/metadata/namespace"));
        }
        row.push(if options.kind_prefix {
            Text::plain(crate::commands::get::name_of(value))
        } else {
            text(value, "/metadata/name")
        });
        row.extend(own.iter().map(|(_, cell)| cell(value, now_ms)));
        row.push(ago(value, "/metadata/creationTimestamp", now_ms));
        if options.labels {
            row.push(labels(value));
        }
        table.row(row);
    }
    table
}

fn text(value: &Value, pointer: &str) -> Text {
    match value.pointer(pointer) {
        Some(Value::String(text)) => Text::plain(text),
        None | Some(Value::Null) => Text::empty(),
        Some(other) => Text::plain(other.to_string()),
    }
}

fn moment(value: &Value, pointer: &str) -> Option<i64> {
    let text = value.pointer(pointer).and_then(Value::as_str)?;
    text.parse::<jiff::Timestamp>().ok().map(|at| at.as_millisecond())
}

fn ago(value: &Value, pointer: &str, now_ms: i64) -> Text {
    moment(value, pointer).map_or_else(Text::empty, |at| Text::plain(time::age(now_ms - at)))
}

fn phase(value: &Value, _: i64) -> Text {
    let phase = value.pointer("/status/phase").and_then(Value::as_str).unwrap_or("Pending");
    let paint = match phase {
        "Succeeded" => Paint::Green,
        "Failed" => Paint::Red,
        "Error" => Paint::Magenta,
        "Running" => Paint::Blue,
        _ => Paint::Yellow,
    };
    Text::painted(paint, phase)
}

fn duration(value: &Value, now_ms: i64) -> Text {
    let Some(started) = moment(value, "/status/startedAt") else { return Text::empty() };
    Text::plain(time::took(moment(value, "/status/finishedAt").unwrap_or(now_ms) - started))
}

fn schedules(value: &Value, _: i64) -> Text {
    match value.pointer("/spec/schedules").and_then(Value::as_array) {
        Some(list) => Text::plain(list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")),
        None => text(value, "/spec/schedule"),
    }
}

fn count(value: &Value, pointer: &str) -> Text {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or_else(Text::empty, |list| Text::plain(list.len().to_string()))
}

fn plugin_kinds(value: &Value, _: i64) -> Text {
    let kinds = value.pointer("/status/kinds").and_then(Value::as_array).into_iter().flatten();
    Text::plain(kinds.filter_map(|kind| kind.get("kind")?.as_str()).collect::<Vec<_>>().join(","))
}

/// The condition `Ready`.
fn condition(value: &Value) -> Option<&Value> {
    let conditions = value.pointer("/status/conditions").and_then(Value::as_array)?;
    conditions.iter().find(|condition| condition.get("type").and_then(Value::as_str) == Some("Ready"))
}

fn ready(value: &Value, _: i64) -> Text {
    match condition(value).and_then(|condition| condition.get("status")?.as_str()) {
        Some("True") => super::plugins::ready(true),
        Some("False") => super::plugins::ready(false),
        _ => Text::painted(Paint::Yellow, "Unknown"),
    }
}

fn ready_message(value: &Value, _: i64) -> Text {
    condition(value).map_or_else(Text::empty, |condition| text(condition, "/message"))
}

fn data(value: &Value, _: i64) -> Text {
    let entries = |name: &str| value.pointer(name).and_then(Value::as_object).map_or(0, serde_json::Map::len);
    Text::plain((entries("/data") + entries("/binaryData")).to_string())
}

fn labels(value: &Value) -> Text {
    let Some(labels) = value.pointer("/metadata/labels").and_then(Value::as_object).filter(|l| !l.is_empty()) else {
        return Text::plain("<none>");
    };
    Text::plain(
        labels.iter().map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default())).collect::<Vec<_>>().join(","),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::render::Terminal;

    #[test]
    fn each_kind_has_its_columns() {
        let now = 1_785_931_260_000;
        let created = "2026-08-05T12:00:00Z";
        let workflow = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "hello", "namespace": "ci", "creationTimestamp": created, "labels": {"a": "b"}},
            "status": {"phase": "Succeeded", "startedAt": created, "finishedAt": "2026-08-05T12:00:02Z", "progress": "1/1"}});
        let cron = json!({"metadata": {"name": "nightly", "creationTimestamp": created}, "spec": {"schedules": ["0 1 * * *", "0 2 * * *"], "suspend": true}});
        let map = json!({"metadata": {"name": "settings", "creationTimestamp": created}, "data": {"a": "1", "b": "2"}});
        let plugin = json!({"metadata": {"name": "prometheus", "creationTimestamp": created},
            "status": {"version": "1.2.0", "kinds": [{"kind": "metric-provider"}, {"kind": "step"}], "calls": 12, "errors": 1, "digest": "sha256:0123",
                "conditions": [{"type": "Ready", "status": "False", "message": "the digest is another"}]}});
        let new = json!({"metadata": {"name": "new", "creationTimestamp": created}, "spec": {}});
        let terminal = Terminal::plain();
        let options = RowOptions { namespaces: true, labels: true, ..RowOptions::default() };
        let mut out = table("Workflow", std::slice::from_ref(&workflow), options, now).render(&terminal, true);
        out += &table("CronWorkflow", &[cron], RowOptions::default(), now).render(&terminal, true);
        out += &table("ConfigMap", &[map], RowOptions::default(), now).render(&terminal, true);
        let plugins = [plugin, new];
        out += &table("Plugin", &plugins, RowOptions::default(), now).render(&terminal, true);
        out +=
            &table("Plugin", &plugins, RowOptions { wide: true, ..RowOptions::default() }, now).render(&terminal, true);
        out += &table("Thing", &[workflow], RowOptions { kind_prefix: true, ..RowOptions::default() }, now)
            .render(&terminal, true);
        insta::assert_snapshot!(out, @r"
        NAMESPACE   NAME    STATUS      DURATION   PROGRESS   AGE   LABELS
        ci          hello   Succeeded   2.0s       1/1        60s   a=b
        NAME      SCHEDULE              SUSPEND   AGE
        nightly   0 1 * * *,0 2 * * *   true      60s
        NAME       DATA   AGE
        settings   2      60s
        NAME         VERSION   KINDS                  READY     CALLS   AGE
        prometheus   1.2.0     metric-provider,step   False     12      60s
        new                                           Unknown           60s
        NAME         VERSION   KINDS                  READY     CALLS   ERRORS   DIGEST        MESSAGE                 AGE
        prometheus   1.2.0     metric-provider,step   False     12      1        sha256:0123   the digest is another   60s
        new                                           Unknown                                                          60s
        NAME                         STATUS      AGE
        workflow.argoproj.io/hello   Succeeded   60s
        ");
    }
}
