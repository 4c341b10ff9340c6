//! Writing YAML.
//!
//! Own code: the one well-kept reader of YAML here writes none, what is written comes from JSON alone, and the form is kubectl's (block style, lists not
//! indented, long texts as literal blocks), so that what is read from `get -o yaml` looks as people know it.

use std::fmt::Write as _;

use serde_json::Value;

/// A value as a YAML document, ending with a newline.
pub fn to_text(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(fields) if !fields.is_empty() => mapping(&mut out, value, 0),
        Value::Array(items) if !items.is_empty() => sequence(&mut out, value, 0),
        other => {
            scalar(&mut out, other, 0);
            out.push('\n');
        }
    }
    out
}

/// Several values as documents of one text.
pub fn to_stream<'v>(values: impl IntoIterator<Item = &'v Value>) -> String {
    let mut out = String::new();
    for value in values {
        if !out.is_empty() {
            out.push_str("---\n");
        }
        out.push_str(&to_text(value));
    }
    out
}

// Values come from the server's JSON, whose reader bounds nesting, so that recursion here is bounded.
fn mapping(out: &mut String, value: &Value, indent: usize) {
    let Value::Object(fields) = value else { return };
    for (at, (key, value)) in fields.iter().enumerate() {
        // The first field of a list's item stands behind its dash.
        if at > 0 || !out.ends_with("- ") {
            pad(out, indent);
        }
        text(out, key, indent, true);
        out.push(':');
        field(out, value, indent);
    }
}

fn field(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            out.push('\n');
            mapping(out, value, indent + 2);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            sequence(out, value, indent);
        }
        other => {
            out.push(' ');
            scalar(out, other, indent);
            out.push('\n');
        }
    }
}

fn sequence(out: &mut String, value: &Value, indent: usize) {
    let Value::Array(items) = value else { return };
    for (at, item) in items.iter().enumerate() {
        if at > 0 || !out.ends_with("- ") {
            pad(out, indent);
        }
        out.push_str("- ");
        match item {
            Value::Object(fields) if !fields.is_empty() => mapping(out, item, indent + 2),
            Value::Array(inner) if !inner.is_empty() => sequence(out, item, indent + 2),
            other => {
                scalar(out, other, indent);
                out.push('\n');
            }
        }
    }
}

fn scalar(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::String(string) => text(out, string, indent, false),
        Value::Object(_) => out.push_str("{}"),
        Value::Array(_) => out.push_str("[]"),
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

fn text(out: &mut String, string: &str, indent: usize, key: bool) {
    if plain(string) {
        out.push_str(string);
    } else if !key && literal(string) {
        block(out, string, indent + 2);
    } else {
        // A JSON string is a YAML string.
        out.push_str(&Value::from(string).to_string());
    }
}

fn block(out: &mut String, string: &str, indent: usize) {
    let body = string.trim_end_matches('\n');
    out.push_str(match string.len() - body.len() {
        0 => "|-",
        1 => "|",
        _ => "|+",
    });
    for line in body.split('\n').chain(std::iter::repeat_n("", string.len().saturating_sub(body.len() + 1))) {
        out.push('\n');
        if !line.is_empty() {
            pad(out, indent);
            out.push_str(line);
        }
    }
}

/// Whether a text can stand as a literal block and be read back the same.
fn literal(string: &str) -> bool {
    string.contains('\n')
        && !string.starts_with([' ', '\n', '\t'])
        && string.chars().all(|c| c == '\n' || c == '\t' || !special(c))
        // Some editors cut spaces off the ends of lines.
        && !string.split('\n').any(|line| line.ends_with([' ', '\t']))
}

/// Whether a text can stand without quotes, for readers of YAML 1.1 and 1.2 alike.
fn plain(string: &str) -> bool {
    let Some(first) = string.chars().next() else { return false };
    let last = string.chars().next_back().unwrap_or(first);
    !(first.is_whitespace()
        || last.is_whitespace()
        || last == ':'
        || "-?:,[]{}#&*!|>'\"%@`=<~".contains(first)
        || string.contains(": ")
        || string.contains(" #")
        || string.chars().any(special)
        || looks_like_another_type(string))
}

fn special(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{85}')
}

fn looks_like_another_type(string: &str) -> bool {
    const WORDS: &[&str] = &["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let first = string.chars().next().unwrap_or(' ');
    WORDS.iter().any(|word| string.eq_ignore_ascii_case(word))
        // Numbers of every notation, dates and times all begin with a digit, a sign or a dot and hold no other letters than these.
        || ((first.is_ascii_digit() || "+.".contains(first))
            && string.chars().all(|c| c.is_ascii_hexdigit() || "+-._:xXoOtTzZ ".contains(c) || "infnaINFNA".contains(c)))
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_form_is_kubectls() {
        let value = json!({
            "metadata": {"name": "hello", "labels": {}, "a/b": "c"},
            "items": [],
            "list": [{"a": 1, "b": {"c": [1, [2, 3], {}]}}, "x", null],
            "text": "echo a\necho b\n",
            "unended": "a\nb",
            "kept": "a\n\n",
        });
        insta::assert_snapshot!(to_text(&value), @r"
        metadata:
          name: hello
          labels: {}
          a/b: c
        items: []
        list:
        - a: 1
          b:
            c:
            - 1
            - - 2
              - 3
            - {}
        - x
        - null
        text: |
          echo a
          echo b
        unended: |-
          a
          b
        kept: |+
          a
        ");
    }

    #[test]
    fn texts_that_look_like_something_else_are_quoted() {
        for text in [
            "",
            "true",
            "No",
            "null",
            "~",
            "1",
            "1.5",
            "0x1F",
            "1e3",
            ".5",
            "+1",
            "-1",
            "2026-08-01",
            "12:30:45",
            "1_000",
            " a",
            "a ",
            "a: b",
            "a #b",
            "- a",
            "*a",
            "{{x}}",
            "@a",
            "a:",
            "\ttab",
            ".inf",
            "y",
            "\u{85}",
            "=",
            "<<",
        ] {
            assert!(to_text(&json!(text)).starts_with('"'), "{text:?}");
        }
        for text in [
            "a",
            "hello-world",
            "a:b",
            "a#b",
            "argoproj.io/v1alpha1",
            "node-1",
            "v1",
            "sha256:0aZ",
            "1.2.3-rc1",
            "12 monkeys",
            "a-",
            "größe",
        ] {
            assert_eq!(to_text(&json!(text)), format!("{text}\n"));
        }
    }
}
