//! Conversions, defaults, types.

use crate::budget::Meter;
use crate::error::Error;
use crate::func::{Args, Ctx, Func, MANY};
use crate::value::{List, Map, Value, equal, go_text};

pub(super) const TABLE: &[Func] = &[
    Func::new("sprig.atoi", 1, 1, |_, args| Ok(Value::Int(args.str(0)?.parse().unwrap_or(0)))),
    Func::new("sprig.int64", 1, 1, |_, args| Ok(Value::Int(to_int(args.get(0))))),
    Func::new("sprig.int", 1, 1, |_, args| Ok(Value::Int(to_int(args.get(0))))),
    Func::new("sprig.float64", 1, 1, |_, args| Ok(Value::Float(to_float(args.get(0))))),
    Func::new("sprig.toDecimal", 1, 1, |ctx, args| {
        let text = strval(args.get(0), &mut ctx.meter)?;
        Ok(Value::Int(i64::from_str_radix(&text, 8).unwrap_or(0)))
    }),
    Func::new("sprig.toString", 1, 1, |ctx, args| strval(args.get(0), &mut ctx.meter).map(Value::from)),
    Func::new("sprig.toStrings", 1, 1, |ctx, args| {
        let texts = to_strings(args.get(0), &mut ctx.meter)?;
        ctx.strings(texts)
    }),
    Func::new("sprig.default", 1, MANY, |_, args| {
        let given = args.get(1);
        Ok(if args.len() < 2 || is_empty(given) { args.get(0) } else { given }.clone())
    }),
    Func::new("sprig.empty", 1, 1, |_, args| Ok(Value::Bool(is_empty(args.get(0))))),
    Func::new("sprig.coalesce", 0, MANY, |_, args| {
        Ok(args.values.iter().find(|value| !is_empty(value)).cloned().unwrap_or_default())
    }),
    Func::new("sprig.all", 0, MANY, |_, args| Ok(Value::Bool(!args.values.iter().any(is_empty)))),
    Func::new("sprig.any", 0, MANY, |_, args| Ok(Value::Bool(args.values.iter().any(|value| !is_empty(value))))),
    Func::new("sprig.ternary", 3, 3, |_, args| Ok(args.get(if args.bool(2)? { 0 } else { 1 }).clone())),
    Func::new("sprig.deepCopy", 1, 1, |_, args| Ok(args.get(0).clone())),
    Func::new("sprig.mustDeepCopy", 1, 1, |_, args| Ok(args.get(0).clone())),
    Func::new("sprig.typeOf", 1, 1, |_, args| Ok(Value::from(type_of(args.get(0))))),
    Func::new("sprig.typeIs", 2, 2, |_, args| Ok(Value::Bool(args.str(0)? == type_of(args.get(1))))),
    Func::new("sprig.typeIsLike", 2, 2, |_, args| {
        let (wanted, found) = (args.str(0)?, type_of(args.get(1)));
        Ok(Value::Bool(wanted == found || found.strip_prefix('*') == Some(wanted)))
    }),
    Func::new("sprig.kindOf", 1, 1, |_, args| Ok(Value::from(kind_of(args.get(0))))),
    Func::new("sprig.kindIs", 2, 2, |_, args| Ok(Value::Bool(args.str(0)? == kind_of(args.get(1))))),
    Func::new("sprig.deepEqual", 2, 2, |ctx, args| {
        let same = same_types(args.get(0), args.get(1)) && equal(args.get(0), args.get(1), &mut ctx.meter)?;
        Ok(Value::Bool(same))
    }),
    Func::new("sprig.hello", 0, 0, |_, _| Ok(Value::from("Hello!"))),
    Func::new("sprig.fail", 1, 1, |_, args| Err(Error::new(crate::error::ErrorKind::Failed(args.str(0)?.to_owned())))),
];

/// An integer, as sprig makes one of anything: what cannot be read is 0. Texts may be hexadecimal, octal or binary.
pub(super) fn to_int(value: &Value) -> i64 {
    match value {
        Value::Bool(b) => i64::from(*b),
        Value::Float(n) => *n as i64,
        Value::Duration(ns) => *ns,
        Value::Str(text) => int_of_text(text).unwrap_or(0),
        other => other.as_int().unwrap_or(0),
    }
}

fn int_of_text(text: &str) -> Option<i64> {
    // A fraction of zeros is cut off.
    let text = match text.split_once('.') {
        Some((whole, zeros)) if !whole.is_empty() && zeros.bytes().all(|b| b == b'0') => whole,
        _ => text,
    };
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match digits.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => (16, digits.get(2..)?),
        Some("0o") => (8, digits.get(2..)?),
        Some("0b") => (2, digits.get(2..)?),
        _ if digits.len() > 1 && digits.starts_with('0') => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    i64::from_str_radix(&format!("{sign}{}", digits.replace('_', "")), radix).ok()
}

/// A float, as sprig makes one of anything: what cannot be read is 0.
pub(super) fn to_float(value: &Value) -> f64 {
    match value {
        Value::Bool(b) => f64::from(u8::from(*b)),
        Value::Str(text) => text.parse().unwrap_or(0.0),
        Value::Duration(ns) => *ns as f64,
        other => other.as_float().unwrap_or(0.0),
    }
}

/// The text of a value: a string or bytes as they are, the rest as Go prints it.
pub(super) fn strval(value: &Value, meter: &mut Meter) -> Result<String, Error> {
    match value {
        Value::Bytes(bytes) => {
            meter.alloc(bytes.len())?;
            Ok(String::from_utf8_lossy(bytes).into_owned())
        }
        other => go_text(other, meter),
    }
}

/// The texts of a list without its nils; of anything else its text alone.
pub(super) fn to_strings(value: &Value, meter: &mut Meter) -> Result<Vec<String>, Error> {
    match value {
        Value::Nil => Ok(Vec::new()),
        Value::Array(list) => {
            list.items().iter().filter(|item| !item.is_nil()).map(|item| strval(item, meter)).collect()
        }
        other => Ok(vec![strval(other, meter)?]),
    }
}

/// Is it what sprig calls empty: nil, zero, `""`, `[]`, `{}`, false?
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Nil => true,
        Value::Bool(b) => !b,
        Value::Str(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::Array(list) => list.items().is_empty(),
        Value::Map(map) => map.is_empty(),
        Value::Duration(ns) => *ns == 0,
        other => other.as_float() == Some(0.0),
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Nil => "<nil>",
        Value::Float(_) => "float64",
        Value::Bytes(_) => "[]uint8",
        Value::Array(_) => "[]interface {}",
        Value::Map(_) => "map[string]interface {}",
        Value::Version(_) => "*semver.Version",
        other => other.type_name(),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Nil => "invalid",
        Value::Float(_) => "float64",
        Value::Bytes(_) | Value::Array(_) => "slice",
        Value::Map(_) => "map",
        Value::Time(_) => "struct",
        Value::Duration(_) => "int64",
        Value::Zone(_) | Value::Version(_) => "ptr",
        Value::Month(_) | Value::Weekday(_) => "int",
        other => other.type_name(),
    }
}

/// Go compares deeply with types: 1 and 1.0 differ. Nested values are compared by value only.
fn same_types(a: &Value, b: &Value) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}

/// The items of an argument that must be a list.
pub(super) fn list<'a>(args: &Args<'a>, at: usize) -> Result<&'a [Value], Error> {
    match args.get(at) {
        Value::Nil => Ok(&[]),
        other => other.as_array().ok_or_else(|| args.mismatch(at, "a list")),
    }
}

/// A list of what was made from another list, paid for.
pub(super) fn list_of(ctx: &mut Ctx<'_>, items: Vec<Value>) -> Result<Value, Error> {
    ctx.meter.spend(items.len())?;
    ctx.meter.alloc_items(items.len())?;
    Ok(Value::Array(std::sync::Arc::new(List::new(items)?)))
}

/// A copy of a map, paid for.
pub(super) fn copy_map(ctx: &mut Ctx<'_>, map: &Map) -> Result<Map, Error> {
    ctx.meter.spend(map.len())?;
    ctx.meter.alloc_items(map.len().saturating_mul(2))?;
    Ok(map.clone())
}
