//! Kubernetes' JSONPath templates: literal text, `{path}`, `{"text"}`, `{range path}…{end}`.

use super::eval;
use super::parse::{self, SOURCE_BYTES_MAX, Step};
use crate::budget::{Budget, Meter};
use crate::error::{Error, ErrorKind, Span};
use crate::value::{JsonStyle, Value, go_float, write_json};

/// Ranges within each other at most.
const NESTING_MAX: usize = 16;

/// A Kubernetes JSONPath template: `{.items[*].name}`, `{range .items[*]}{.name}{"\n"}{end}`. A text without braces is one path.
#[derive(Clone, Debug)]
pub struct Template {
    source: Box<str>,
    parts: Vec<Part>,
}

/// What a path that leads nowhere gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Missing {
    /// An error that names the key.
    #[default]
    Error,
    /// Nothing, as in `kubectl get -o jsonpath=…`.
    Empty,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Path(Vec<Step>),
    Range(Vec<Step>, Vec<Part>),
}

impl Template {
    /// Parses `source`.
    pub fn parse(source: &str) -> Result<Template, Error> {
        let parts = parts(source).map_err(|error| error.in_source(source))?;
        Ok(Template { source: source.into(), parts })
    }

    /// The text as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text that kubectl would print: results of one path separated by spaces, strings raw, objects and arrays as JSON.
    pub fn render(&self, json: &serde_json::Value, missing: Missing, budget: Budget) -> Result<String, Error> {
        let mut out = String::new();
        let mut meter = Meter::new(budget);
        self.write(&mut out, &self.parts, json, json, missing, &mut meter)
            .map_err(|error| error.in_source(&self.source))?;
        Ok(out)
    }

    fn write(
        &self,
        out: &mut String,
        parts: &[Part],
        root: &serde_json::Value,
        at: &serde_json::Value,
        missing: Missing,
        meter: &mut Meter,
    ) -> Result<(), Error> {
        for part in parts {
            match part {
                Part::Text(text) => {
                    meter.alloc(text.len())?;
                    out.push_str(text);
                }
                Part::Path(steps) => {
                    let found = eval::run(steps, root, at, missing == Missing::Error, meter)?;
                    for (place, value) in found.into_iter().enumerate() {
                        if place > 0 {
                            out.push(' ');
                        }
                        write_value(out, value, meter)?;
                    }
                }
                Part::Range(steps, body) => {
                    for value in eval::run(steps, root, at, missing == Missing::Error, meter)? {
                        self.write(out, body, root, value, missing, meter)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn write_value(out: &mut String, value: &serde_json::Value, meter: &mut Meter) -> Result<(), Error> {
    match value {
        serde_json::Value::String(text) => {
            meter.alloc(text.len())?;
            out.push_str(text);
        }
        serde_json::Value::Number(n) if n.is_f64() => out.push_str(&go_float(n.as_f64().unwrap_or(f64::NAN))),
        serde_json::Value::Object(_) | serde_json::Value::Array(_) => {
            write_json(out, &Value::from(value), JsonStyle::COMPACT, meter)?;
        }
        other => out.push_str(&other.to_string()),
    }
    meter.alloc(8)
}

fn parts(source: &str) -> Result<Vec<Part>, Error> {
    if source.len() > SOURCE_BYTES_MAX {
        return Err(Error::new(ErrorKind::TooLong { limit: SOURCE_BYTES_MAX }));
    }
    if !source.contains('{') {
        return Ok(vec![Part::Path(parse::kubernetes(source, 0, source.len())?)]);
    }
    // The innermost open range is last; the first entry is the template itself.
    let mut open: Vec<(Vec<Step>, Vec<Part>, Span)> = vec![(Vec::new(), Vec::new(), Span::default())];
    let mut at = 0;
    while let Some(start) = source.get(at..).and_then(|rest| rest.find('{')).map(|found| at + found) {
        push(&mut open, Part::Text(source.get(at..start).unwrap_or("").to_owned()));
        let end = action_end(source, start)?;
        let span = Span::new(start, end + 1);
        let body = source.get(start + 1..end).unwrap_or("");
        let left = body.len() - body.trim_start().len();
        match body.trim() {
            "end" => match (open.pop(), open.is_empty()) {
                (Some((steps, parts, _)), false) => push(&mut open, Part::Range(steps, parts)),
                _ => return Err(Error::syntax(span, "`{end}` without `{range …}`")),
            },
            text if text.starts_with(['"', '\'']) => push(&mut open, Part::Text(literal(text, span)?)),
            text if text.strip_prefix("range").is_some_and(|rest| rest.starts_with([' ', '.', '\t'])) => {
                if open.len() > NESTING_MAX {
                    return Err(Error::new(ErrorKind::TooDeep { limit: NESTING_MAX }).at(span));
                }
                let steps = parse::kubernetes(source, start + 1 + left + "range".len(), end)?;
                open.push((steps, Vec::new(), span));
            }
            _ => {
                let steps = parse::kubernetes(source, start + 1, end)?;
                push(&mut open, Part::Path(steps));
            }
        }
        at = end + 1;
    }
    push(&mut open, Part::Text(source.get(at..).unwrap_or("").to_owned()));
    match (open.pop(), open.is_empty()) {
        (Some((_, parts, _)), true) => Ok(parts),
        (Some((_, _, span)), false) => Err(Error::syntax(span, "the range is not closed").expected("`{end}`")),
        (None, _) => Err(Error::internal("template")),
    }
}

fn push(open: &mut [(Vec<Step>, Vec<Part>, Span)], part: Part) {
    if let (Some((_, parts, _)), false) = (open.last_mut(), matches!(&part, Part::Text(text) if text.is_empty())) {
        parts.push(part);
    }
}

/// The place of the `}` that closes the action opened at `start`; braces in strings do not count.
fn action_end(source: &str, start: usize) -> Result<usize, Error> {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in source.char_indices().skip_while(|(at, _)| *at <= start) {
        match (quote, c) {
            _ if escaped => escaped = false,
            (_, '\\') => escaped = true,
            (Some(q), c) if q == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '}') => return Ok(at),
            (None, _) => {}
        }
    }
    Err(Error::syntax(Span::new(start, start + 1), "the action is not closed").expected("`}`"))
}

/// The text of `{"text"}`.
fn literal(text: &str, span: Span) -> Result<String, Error> {
    let quote = text.chars().next().unwrap_or('"');
    let Some(body) = text.get(1..).and_then(|rest| rest.strip_suffix(quote)) else {
        return Err(Error::syntax(span, "unexpected text behind the string"));
    };
    let mut out = String::with_capacity(body.len());
    let mut chars = body.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some(other) => other,
                None => '\\',
            },
            c => c,
        });
    }
    Ok(out)
}
