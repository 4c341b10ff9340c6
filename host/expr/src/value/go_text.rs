//! Values printed as Go's `%v` prints them: what `string(x)` and `sprig.toString` give.

use std::fmt::Write as _;

use super::Value;
use crate::budget::Meter;
use crate::error::Error;
use crate::time::{MONTHS, WEEKDAYS, duration_text};

/// The text of `value`.
pub(crate) fn go_text(value: &Value, meter: &mut Meter) -> Result<String, Error> {
    let mut out = String::new();
    write(&mut out, value, meter)?;
    Ok(out)
}

fn write(out: &mut String, value: &Value, meter: &mut Meter) -> Result<(), Error> {
    let before = out.len();
    match value {
        Value::Nil => out.push_str("<nil>"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Int(n) => {
            let _ = write!(out, "{n}");
        }
        Value::Float(n) => out.push_str(&go_float(*n)),
        Value::Str(text) => {
            meter.alloc(text.len())?;
            out.push_str(text);
        }
        Value::Bytes(bytes) => {
            meter.alloc(bytes.len().saturating_mul(4))?;
            let list: Vec<String> = bytes.iter().map(u8::to_string).collect();
            let _ = write!(out, "[{}]", list.join(" "));
        }
        Value::Array(list) => {
            out.push('[');
            for (at, item) in list.items().iter().enumerate() {
                if at > 0 {
                    out.push(' ');
                }
                write(out, item, meter)?;
            }
            out.push(']');
        }
        Value::Map(map) => {
            meter.alloc_items(map.len())?;
            out.push_str("map[");
            for (at, (key, item)) in map.sorted().into_iter().enumerate() {
                if at > 0 {
                    out.push(' ');
                }
                out.push_str(&key);
                out.push(':');
                write(out, item, meter)?;
            }
            out.push(']');
        }
        Value::Time(time) => out.push_str(&time.to_string()),
        Value::Duration(ns) => out.push_str(&duration_text(*ns)),
        Value::Zone(zone) => out.push_str(zone.name()),
        Value::Month(month) => {
            out.push_str(MONTHS.get(usize::from(*month).wrapping_sub(1)).copied().unwrap_or("%!Month"));
        }
        Value::Weekday(day) => out.push_str(WEEKDAYS.get(usize::from(*day)).copied().unwrap_or("%!Weekday")),
        Value::Version(version) => out.push_str(&version.to_string()),
    }
    meter.alloc((out.len() - before).min(64))
}

/// A float as Go's `%v` prints it: shortest digits, with an exponent below 1e-4 and from 1e6 (not the limit of JSON).
pub(crate) fn go_float(n: f64) -> String {
    if n.is_nan() {
        return "NaN".to_owned();
    }
    if n.is_infinite() {
        return if n > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{n:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if n != 0.0 && !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
    } else {
        format!("{n}")
    }
}
