//! JSON in and out, written as Go writes it (sorted keys, HTML characters escaped) so that texts compare equal with Argo's.

use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::{List, Map, Value};
use crate::budget::Meter;
use crate::error::Error;
use crate::time::rfc3339_nano;

/// How JSON is laid out.
#[derive(Clone, Copy)]
pub(crate) struct JsonStyle {
    /// Two spaces a level when set, everything on one line otherwise.
    pub(crate) pretty: bool,
    /// Write `<`, `>` and `&` as escapes.
    pub(crate) escape_html: bool,
    /// Write numbers that JSON cannot say (infinite, none) as `null` instead of refusing them.
    pub(crate) lossy: bool,
}

impl JsonStyle {
    pub(crate) const COMPACT: JsonStyle = JsonStyle { pretty: false, escape_html: true, lossy: false };
    pub(crate) const LOSSY: JsonStyle = JsonStyle { pretty: false, escape_html: true, lossy: true };
    pub(crate) const PRETTY: JsonStyle = JsonStyle { pretty: true, escape_html: true, lossy: false };
    pub(crate) const RAW: JsonStyle = JsonStyle { pretty: false, escape_html: false, lossy: false };
}

/// Appends the JSON of `value`, paying for it.
pub(crate) fn write_json(out: &mut String, value: &Value, style: JsonStyle, meter: &mut Meter) -> Result<(), Error> {
    write(out, value, style, 0, meter)
}

fn write(out: &mut String, value: &Value, style: JsonStyle, level: usize, meter: &mut Meter) -> Result<(), Error> {
    meter.spend(1)?;
    let before = out.len();
    match value {
        Value::Nil => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Int(n) => {
            let _ = write!(out, "{n}");
        }
        Value::Month(n) | Value::Weekday(n) => {
            let _ = write!(out, "{n}");
        }
        Value::Duration(n) => {
            let _ = write!(out, "{n}");
        }
        Value::Float(n) if !n.is_finite() && !style.lossy => {
            return Err(Error::value(format!("the number {} cannot be JSON", super::go_float(*n))));
        }
        Value::Float(n) => out.push_str(&json_float(*n)),
        Value::Str(text) => {
            meter.alloc(text.len())?;
            quote(out, text, style.escape_html);
        }
        Value::Bytes(bytes) => {
            meter.alloc(bytes.len().saturating_mul(2))?;
            let _ = write!(out, "\"{}\"", base64::engine::general_purpose::STANDARD.encode(bytes));
        }
        Value::Time(time) => quote(out, &rfc3339_nano(time), style.escape_html),
        Value::Zone(_) => out.push_str("{}"),
        Value::Version(version) => quote(out, version.original(), style.escape_html),
        Value::Array(list) if list.items().is_empty() => out.push_str("[]"),
        Value::Array(list) => {
            out.push('[');
            for (at, item) in list.items().iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                line_break(out, style, level + 1);
                write(out, item, style, level + 1, meter)?;
            }
            line_break(out, style, level);
            out.push(']');
        }
        Value::Map(map) if map.is_empty() => out.push_str("{}"),
        Value::Map(map) => {
            meter.alloc_items(map.len())?;
            out.push('{');
            for (at, (key, item)) in map.sorted().into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                line_break(out, style, level + 1);
                meter.alloc(key.len())?;
                quote(out, &key, style.escape_html);
                out.push_str(if style.pretty { ": " } else { ":" });
                write(out, item, style, level + 1, meter)?;
            }
            line_break(out, style, level);
            out.push('}');
        }
    }
    // Children paid for themselves; this covers punctuation, indentation and scalars.
    meter.alloc((out.len() - before).min(16 + 2 * level))
}

fn line_break(out: &mut String, style: JsonStyle, level: usize) {
    if style.pretty {
        out.push('\n');
        for _ in 0..level {
            out.push_str("  ");
        }
    }
}

fn quote(out: &mut String, text: &str, escape_html: bool) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' if escape_html => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c if (c as u32) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A float as Go's JSON writes it: plain between 1e-6 and 1e21, with an exponent otherwise; what JSON cannot say is `null`.
pub(crate) fn json_float(n: f64) -> String {
    if !n.is_finite() {
        return "null".to_owned();
    }
    if n != 0.0 && (n.abs() < 1e-6 || n.abs() >= 1e21) {
        let scientific = format!("{n:e}");
        match scientific.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
            _ => scientific,
        }
    } else {
        format!("{n}")
    }
}

/// Integers up to here are exact as floats.
const FLOAT_EXACT_MAX: u64 = 1 << 53;

/// A number from JSON: a float as in Go, unless it is an integer that a float would change.
fn number(n: &serde_json::Number) -> Value {
    match n.as_i64() {
        Some(int) if int.unsigned_abs() > FLOAT_EXACT_MAX => Value::Int(int),
        _ => Value::Float(n.as_f64().unwrap_or(f64::NAN)),
    }
}

/// Converts a parsed document. What nests deeper than the limit becomes `nil` (serde_json itself parses no deeper).
pub(super) fn from_json(json: &serde_json::Value) -> Value {
    fn walk(json: &serde_json::Value, level: u16) -> Value {
        if level >= super::VALUE_DEPTH_MAX {
            return Value::Nil;
        }
        match json {
            serde_json::Value::Null => Value::Nil,
            serde_json::Value::Bool(b) => Value::Bool(*b),
            serde_json::Value::Number(n) => number(n),
            serde_json::Value::String(text) => Value::from(text.as_str()),
            serde_json::Value::Array(items) => {
                Value::from(items.iter().map(|v| walk(v, level + 1)).collect::<Vec<_>>())
            }
            serde_json::Value::Object(entries) => {
                let mut map = Map::with_capacity(entries.len());
                for (key, value) in entries {
                    let _ = map.insert(key.as_str(), walk(value, level + 1));
                }
                Value::from(map)
            }
        }
    }
    walk(json, 0)
}

/// Parses JSON text straight into a value, paying for every part as it is made.
pub(crate) fn parse_json(text: &str, meter: &mut Meter) -> Result<Value, Error> {
    meter.scan(text.len())?;
    let mut failed = None;
    let mut parser = serde_json::Deserializer::from_str(text);
    let seed = Seed { meter, failed: &mut failed };
    let parsed = seed.deserialize(&mut parser).and_then(|value| parser.end().map(|()| value));
    match (parsed, failed) {
        (_, Some(limit)) => Err(limit),
        (Ok(value), None) => Ok(value),
        (Err(cause), None) => Err(Error::value(format!("invalid JSON: {cause}"))),
    }
}

/// Deserializes a [`Value`] under a meter; a passed limit is left in `failed`, because serde's errors are text.
struct Seed<'m> {
    meter: &'m mut Meter,
    failed: &'m mut Option<Error>,
}

impl Seed<'_> {
    fn pay<E: serde::de::Error>(&mut self, bytes: usize) -> Result<(), E> {
        match self.meter.spend(1).and_then(|()| self.meter.alloc(bytes)) {
            Ok(()) => Ok(()),
            Err(limit) => {
                *self.failed = Some(limit);
                Err(E::custom("limit"))
            }
        }
    }

    fn keep<E: serde::de::Error, T>(&mut self, made: Result<T, Error>) -> Result<T, E> {
        made.map_err(|limit| {
            *self.failed = Some(limit);
            E::custom("limit")
        })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nil)
    }

    fn visit_bool<E>(self, b: bool) -> Result<Value, E> {
        Ok(Value::Bool(b))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Value, E> {
        Ok(number(&n.into()))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Value, E> {
        Ok(number(&n.into()))
    }

    fn visit_f64<E>(self, n: f64) -> Result<Value, E> {
        Ok(Value::Float(n))
    }

    fn visit_str<E: serde::de::Error>(mut self, text: &str) -> Result<Value, E> {
        self.pay(text.len())?;
        Ok(Value::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Seed { meter: self.meter, failed: self.failed })? {
            self.pay(size_of::<Value>())?;
            items.push(item);
        }
        let list = List::new(items);
        Ok(Value::Array(Arc::new(self.keep(list)?)))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let value = access.next_value_seed(Seed { meter: self.meter, failed: self.failed })?;
            self.pay(key.len() + 2 * size_of::<Value>())?;
            let inserted = map.insert(key, value);
            self.keep(inserted)?;
        }
        Ok(Value::Map(Arc::new(map)))
    }
}
