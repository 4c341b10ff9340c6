//! Plugins as rows, blocks and documents; lines of their logs.

use client::v1::{
    PluginFacts, PluginFinding, PluginLogLevel, PluginLogLine, PluginMissingGrant, PluginNumbers, PluginSummary,
    Severity,
};
use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::table::{Column, Table};
use super::terminal::Terminal;
use super::text::{Paint, Text};
use super::{time, yaml};
use crate::commands::image::size;

/// The levels of lines by their words, the most important first.
pub const LEVELS: [(&str, PluginLogLevel); 5] = [
    ("error", PluginLogLevel::Error),
    ("warn", PluginLogLevel::Warn),
    ("info", PluginLogLevel::Info),
    ("debug", PluginLogLevel::Debug),
    ("trace", PluginLogLevel::Trace),
];

/// The level that a word means.
pub fn level_of(word: &str) -> Option<PluginLogLevel> {
    LEVELS.into_iter().find(|(known, _)| *known == word).map(|(_, level)| level)
}

/// A row for each plugin.
pub fn table(rows: &[PluginSummary], wide: bool) -> Table {
    // A column that nothing fills says nothing.
    let missing = rows.iter().any(|row| needed(&row.missing_grants) > 0);
    let mut columns = ["NAME", "VERSION", "KINDS", "READY", "CALLS", "ERRORS", "P99"].map(Column::new).to_vec();
    if missing {
        columns.push(Column::new("MISSING"));
    }
    if wide {
        columns.extend(["KILLED", "P50", "DIGEST"].map(Column::new));
        columns.push(Column::giving_way("MESSAGE"));
    }
    let mut table = Table::new(columns);
    for row in rows {
        let numbers = row.numbers.clone().unwrap_or_default();
        let count = |count: u64| Text::plain(if row.ready { count.to_string() } else { String::new() });
        let seconds = |seconds| if numbers.calls > 0 { Text::plain(duration(seconds)) } else { Text::empty() };
        let mut cells = vec![
            Text::plain(&row.name),
            Text::plain(&row.version),
            Text::plain(row.kinds.join(",")),
            ready(row.ready),
            count(numbers.calls),
            count(numbers.errors),
            seconds(numbers.p99_seconds),
        ];
        if missing {
            cells.push(match needed(&row.missing_grants) {
                0 => Text::empty(),
                count => Text::painted(Paint::Yellow, count.to_string()),
            });
        }
        if wide {
            let message = if row.reason.is_empty() { &numbers.last_error } else { &row.reason };
            cells.extend([
                count(numbers.killed),
                seconds(numbers.p50_seconds),
                Text::plain(row.digest.chars().take("sha256:".len() + 12).collect::<String>()),
                Text::plain(message),
            ]);
        }
        table.row(cells);
    }
    table
}

/// Whether something is ready, as conditions say it.
pub fn ready(ready: bool) -> Text {
    if ready { Text::painted(Paint::Green, "True") } else { Text::painted(Paint::Red, "False") }
}

/// How many grants are missing that a plugin cannot do without.
fn needed(missing: &[PluginMissingGrant]) -> usize {
    missing.iter().filter(|missing| !missing.optional).count()
}

fn duration(seconds: f64) -> String {
    time::took((seconds * 1_000.0).round() as i64)
}

/// All about one; with `wide` also how it is configured.
pub fn block(
    name: &str,
    facts: &PluginFacts,
    numbers: Option<&PluginNumbers>,
    wide: bool,
    terminal: &Terminal,
) -> String {
    let mut fields = Fields::new();
    fields.add("Name", Text::painted(Paint::Bold, name));
    if facts.name != name {
        fields.add("Component", facts.name.as_str());
    }
    fields.add("Version", facts.version.as_str());
    fields.add("Summary", facts.summary.as_str());
    let kinds: Vec<&str> = facts.kinds.iter().map(|kind| kind.kind.as_str()).collect();
    fields.add("Kinds", kinds.join(", "));
    fields.add("Digest", facts.digest.as_str());
    fields.add("Size", size(facts.size_bytes));
    if let Some(numbers) = numbers {
        let calls =
            format!("{}, of them {} with an error and {} killed", numbers.calls, numbers.errors, numbers.killed);
        fields.add("Calls", calls);
        if numbers.calls > 0 {
            let (half, most) = (duration(numbers.p50_seconds), duration(numbers.p99_seconds));
            fields.add("Time of a call", format!("{half} (p50), {most} (p99)"));
        }
        fields.add("Last error", Text::painted(Paint::Red, &numbers.last_error));
    }
    many(&mut fields, "Imports", facts.imports.iter().map(Text::plain));
    if !facts.needs.is_empty() {
        fields.heading("Needs");
        for need in &facts.needs {
            let what = [need.what.as_str(), need.target.as_str()].join(" ");
            fields.nested(what.trim_end(), why(&need.why, need.optional));
        }
    }
    if !facts.missing_grants.is_empty() {
        fields.heading("Not granted, to add to spec.grants");
        for missing in &facts.missing_grants {
            let paint = if missing.optional { Paint::Plain } else { Paint::Yellow };
            fields.line(Text::painted(paint, &missing.grant));
        }
    }
    let mut out = fields.render(terminal);
    for kind in facts.kinds.iter().filter(|_| wide) {
        let schema: Value = serde_json::from_slice(&kind.config_schema).unwrap_or_default();
        let mut heading = Fields::new();
        heading.heading(&format!("Configuration of a {}", kind.kind));
        out.push_str(&heading.render(terminal));
        for line in yaml::to_text(&schema).lines() {
            out.push_str(&Text::plain(format!("  {line}")).render(terminal));
            out.push('\n');
        }
    }
    out
}

fn many(fields: &mut Fields, name: &str, values: impl Iterator<Item = Text>) {
    for (at, value) in values.enumerate() {
        if at == 0 {
            fields.add(name, value)
        } else {
            fields.add_more(value)
        };
    }
}

fn why(why: &str, optional: bool) -> Text {
    let text = Text::plain(why);
    if optional { text.with(Paint::Dim, " (optional)") } else { text }
}

/// A row as a document.
pub fn row_document(row: &PluginSummary) -> Value {
    json!({
        "name": row.name,
        "version": row.version,
        "summary": row.summary,
        "digest": row.digest,
        "kinds": row.kinds,
        "ready": row.ready,
        "reason": row.reason,
        "missingGrants": row.missing_grants.iter().map(missing_document).collect::<Value>(),
        "numbers": numbers_document(row.numbers.as_ref()),
    })
}

/// All about one as a document.
pub fn document(name: &str, facts: &PluginFacts, numbers: Option<&PluginNumbers>) -> Value {
    let kind = |kind: &client::v1::PluginKind| {
        let schema: Value = serde_json::from_slice(&kind.config_schema).unwrap_or_default();
        json!({"kind": kind.kind, "configSchema": schema})
    };
    let need = |need: &client::v1::PluginNeed| json!({"what": need.what, "target": need.target, "why": need.why, "optional": need.optional});
    let mut value = json!({
        "name": name,
        "component": facts.name,
        "version": facts.version,
        "summary": facts.summary,
        "digest": facts.digest,
        "sizeBytes": facts.size_bytes,
        "kinds": facts.kinds.iter().map(kind).collect::<Value>(),
        "needs": facts.needs.iter().map(need).collect::<Value>(),
        "imports": facts.imports,
        "missingGrants": facts.missing_grants.iter().map(missing_document).collect::<Value>(),
    });
    if let (Some(fields), Some(_)) = (value.as_object_mut(), numbers) {
        fields.insert("numbers".to_owned(), numbers_document(numbers));
    }
    value
}

fn missing_document(missing: &PluginMissingGrant) -> Value {
    json!({"grant": missing.grant, "why": missing.why, "optional": missing.optional})
}

fn numbers_document(numbers: Option<&PluginNumbers>) -> Value {
    numbers.map_or(Value::Null, |numbers| {
        json!({
            "calls": numbers.calls,
            "errors": numbers.errors,
            "killed": numbers.killed,
            "p50Seconds": numbers.p50_seconds,
            "p99Seconds": numbers.p99_seconds,
            "lastError": numbers.last_error,
        })
    })
}

/// One finding in a line.
pub fn finding(finding: &PluginFinding) -> Text {
    let mut text = Text::empty();
    if !finding.field.is_empty() {
        text.push(Paint::Bold, format!("{}: ", finding.field));
    }
    match finding.severity() {
        Severity::Error => text.push(Paint::Red, "error: "),
        _ => text.push(Paint::Yellow, "warning: "),
    }
    text.with(Paint::Plain, &finding.message)
}

/// One finding as a document.
pub fn finding_document(finding: &PluginFinding) -> Value {
    let severity = if finding.severity() == Severity::Error { "error" } else { "warning" };
    json!({"severity": severity, "field": finding.field, "message": finding.message})
}

fn level_word(line: &PluginLogLine) -> &'static str {
    LEVELS.into_iter().find(|(_, level)| *level == line.level()).map_or("info", |(word, _)| word)
}

/// One line of a log: what it was for, what it says, and what was told beside it.
pub fn line(line: &PluginLogLine, timestamps: bool) -> Text {
    let mut text = Text::empty();
    if timestamps {
        text.push(Paint::Dim, format!("{} ", time::rfc3339(line.at_ms)));
    }
    let paint = match line.level() {
        PluginLogLevel::Error => Paint::Red,
        PluginLogLevel::Warn => Paint::Yellow,
        PluginLogLevel::Debug | PluginLogLevel::Trace => Paint::Dim,
        _ => Paint::Green,
    };
    text.push(paint, format!("{:<5} ", level_word(line).to_uppercase()));
    if let Some(object) = &line.object {
        let name = [object.namespace.as_str(), object.name.as_str()].join("/");
        text.push(Paint::Cyan, format!("{} {}: ", object.kind, name.trim_start_matches('/')));
    }
    text.push(Paint::Plain, &line.message);
    for field in &line.fields {
        text.push(Paint::Dim, format!(" {}=", field.name));
        text.push(Paint::Plain, &field.value);
    }
    text
}

/// One line of a log as a document.
pub fn line_document(line: &PluginLogLine) -> Value {
    let object = line.object.clone().unwrap_or_default();
    let fields: Map<String, Value> =
        line.fields.iter().map(|field| (field.name.clone(), Value::String(field.value.clone()))).collect();
    json!({
        "time": time::rfc3339(line.at_ms),
        "level": level_word(line),
        "object": {"kind": object.kind, "namespace": object.namespace, "name": object.name},
        "message": line.message,
        "fields": fields,
    })
}

#[cfg(test)]
mod tests {
    use client::v1::{ObjectKey, PluginKind, PluginLogField, PluginNeed};

    use super::*;

    fn missing(grant: &str, optional: bool) -> PluginMissingGrant {
        PluginMissingGrant { grant: grant.to_owned(), why: "to ask it".to_owned(), optional }
    }

    fn numbers(calls: u64) -> PluginNumbers {
        PluginNumbers {
            calls,
            errors: 2,
            killed: 1,
            p50_seconds: 0.0124,
            p99_seconds: 1.25,
            last_error: "query-failed: no such series".to_owned(),
        }
    }

    fn rows() -> [PluginSummary; 3] {
        let row = |name: &str, kinds: &[&str]| PluginSummary {
            name: name.to_owned(),
            digest: format!("sha256:{}", "0123456789abcdef".repeat(4)),
            version: "1.2.0".to_owned(),
            summary: "Measures".to_owned(),
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            ready: true,
            ..PluginSummary::default()
        };
        let broken = PluginSummary {
            name: "broken".to_owned(),
            reason: "it is being loaded".to_owned(),
            ..PluginSummary::default()
        };
        let prometheus = PluginSummary { numbers: Some(numbers(1024)), ..row("prometheus", &["metric-provider"]) };
        let tool = PluginSummary {
            numbers: Some(PluginNumbers::default()),
            missing_grants: vec![missing("a", false), missing("b", true)],
            ..row("tool", &["metric-provider", "step"])
        };
        [broken, prometheus, tool]
    }

    fn facts() -> PluginFacts {
        let need = |what: &str, target: &str, optional| PluginNeed {
            what: what.to_owned(),
            target: target.to_owned(),
            why: "to ask it".to_owned(),
            optional,
        };
        PluginFacts {
            name: "prometheus".to_owned(),
            version: "1.2.0".to_owned(),
            summary: "Measures with PromQL.".to_owned(),
            digest: "sha256:0123".to_owned(),
            size_bytes: 3 << 20,
            kinds: vec![PluginKind {
                kind: "metric-provider".to_owned(),
                config_schema: r#"{"type":"object","required":["query"]}"#.into(),
            }],
            needs: vec![need("http", "*", false), need("state", "", true)],
            imports: vec!["wasi:http/outgoing-handler@0.2.0".to_owned(), "colchis:plugin/log@1.0.0".to_owned()],
            missing_grants: vec![missing("http: [{host: \"*\"}]", false)],
        }
    }

    #[test]
    fn plugins_as_rows() {
        let terminal = Terminal::plain();
        let rows = rows();
        let mut out = table(&rows, false).render(&terminal, true);
        out += &table(&rows, true).render(&terminal, true);
        out += &table(rows.get(1..2).unwrap(), false).render(&terminal, true);
        insta::assert_snapshot!(out, @"
        NAME         VERSION   KINDS                  READY   CALLS   ERRORS   P99    MISSING
        broken                                        False
        prometheus   1.2.0     metric-provider        True    1024    2        1.2s
        tool         1.2.0     metric-provider,step   True    0       0               1
        NAME         VERSION   KINDS                  READY   CALLS   ERRORS   P99    MISSING   KILLED   P50    DIGEST                MESSAGE
        broken                                        False                                                                           it is being loaded
        prometheus   1.2.0     metric-provider        True    1024    2        1.2s             1        12ms   sha256:0123456789ab   query-failed: no such series
        tool         1.2.0     metric-provider,step   True    0       0               1         0               sha256:0123456789ab
        NAME         VERSION   KINDS             READY   CALLS   ERRORS   P99
        prometheus   1.2.0     metric-provider   True    1024    2        1.2s
        ");
    }

    #[test]
    fn plugins_as_blocks() {
        let terminal = Terminal::plain();
        let mut out = block("prometheus", &facts(), None, true, &terminal);
        out.push_str("---\n");
        out += &block("prom", &facts(), Some(&numbers(7)), false, &terminal);
        insta::assert_snapshot!(out, @r#"
        Name:                prometheus
        Version:             1.2.0
        Summary:             Measures with PromQL.
        Kinds:               metric-provider
        Digest:              sha256:0123
        Size:                3.0 MiB
        Imports:             wasi:http/outgoing-handler@0.2.0
                             colchis:plugin/log@1.0.0
        Needs:
          http *:            to ask it
          state:             to ask it (optional)
        Not granted, to add to spec.grants:
          http: [{host: "*"}]
        Configuration of a metric-provider:
          type: object
          required:
          - query
        ---
        Name:                prom
        Component:           prometheus
        Version:             1.2.0
        Summary:             Measures with PromQL.
        Kinds:               metric-provider
        Digest:              sha256:0123
        Size:                3.0 MiB
        Calls:               7, of them 2 with an error and 1 killed
        Time of a call:      12ms (p50), 1.2s (p99)
        Last error:          query-failed: no such series
        Imports:             wasi:http/outgoing-handler@0.2.0
                             colchis:plugin/log@1.0.0
        Needs:
          http *:            to ask it
          state:             to ask it (optional)
        Not granted, to add to spec.grants:
          http: [{host: "*"}]
        "#);
    }

    #[test]
    fn plugins_as_documents() {
        let mut out = yaml::to_text(&document("prom", &facts(), Some(&numbers(7))));
        out.push_str("---\n");
        out += &yaml::to_text(&rows().iter().take(2).map(row_document).collect());
        insta::assert_snapshot!(out, @r#"
        name: prom
        component: prometheus
        version: "1.2.0"
        summary: Measures with PromQL.
        digest: sha256:0123
        sizeBytes: 3145728
        kinds:
        - kind: metric-provider
          configSchema:
            type: object
            required:
            - query
        needs:
        - what: http
          target: "*"
          why: to ask it
          optional: false
        - what: state
          target: ""
          why: to ask it
          optional: true
        imports:
        - wasi:http/outgoing-handler@0.2.0
        - colchis:plugin/log@1.0.0
        missingGrants:
        - grant: "http: [{host: \"*\"}]"
          why: to ask it
          optional: false
        numbers:
          calls: 7
          errors: 2
          killed: 1
          p50Seconds: 0.0124
          p99Seconds: 1.25
          lastError: "query-failed: no such series"
        ---
        - name: broken
          version: ""
          summary: ""
          digest: ""
          kinds: []
          ready: false
          reason: it is being loaded
          missingGrants: []
          numbers: null
        - name: prometheus
          version: "1.2.0"
          summary: Measures
          digest: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
          kinds:
          - metric-provider
          ready: true
          reason: ""
          missingGrants: []
          numbers:
            calls: 1024
            errors: 2
            killed: 1
            p50Seconds: 0.0124
            p99Seconds: 1.25
            lastError: "query-failed: no such series"
        "#);
    }

    #[test]
    fn findings_and_lines() {
        let terminal = Terminal::plain();
        let found = |severity: Severity, field: &str| PluginFinding {
            severity: severity.into(),
            field: field.to_owned(),
            message: "is no duration".to_owned(),
        };
        let written = |level: PluginLogLevel, namespace: &str| PluginLogLine {
            object: Some(ObjectKey {
                kind: "AnalysisRun".to_owned(),
                namespace: namespace.to_owned(),
                name: "a".to_owned(),
                ..ObjectKey::default()
            }),
            at_ms: 1_785_931_200_000,
            level: level.into(),
            message: "asked\u{1b}[2J".to_owned(),
            fields: vec![PluginLogField { name: "status".to_owned(), value: "200".to_owned() }],
        };
        let (warned, told) = (written(PluginLogLevel::Warn, "default"), written(PluginLogLevel::Info, ""));
        let lines = [
            finding(&found(Severity::Error, "rangeQuery.step")).render(&terminal),
            finding(&found(Severity::Warning, "")).render(&terminal),
            line(&warned, true).render(&terminal),
            line(&told, false).render(&terminal),
            line_document(&warned).to_string(),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r#"
        rangeQuery.step: error: is no duration
        warning: is no duration
        2026-08-05T12:00:00Z WARN  AnalysisRun default/a: asked[2J status=200
        INFO  AnalysisRun a: asked[2J status=200
        {"time":"2026-08-05T12:00:00Z","level":"warn","object":{"kind":"AnalysisRun","namespace":"default","name":"a"},"message":"asked\u001b[2J","fields":{"status":"200"}}
        "#);
    }

    #[test]
    fn levels_are_known_by_their_words() {
        assert_eq!(level_of("warn"), Some(PluginLogLevel::Warn));
        assert_eq!(level_of("loud"), None);
    }
}
