//! What operators, members and slices do with values.

use std::cmp::Ordering;
use std::sync::Arc;

use super::ast::Binary;
use crate::error::{Error, ErrorKind};
use crate::func::Ctx;
use crate::suggest;
use crate::time::{DURATION_METHODS, TIME_METHODS};
use crate::value::{Key, List, Value, equal, order};

/// `left op right`.
pub(super) fn apply(op: Binary, left: &Value, right: &Value, ctx: &mut Ctx<'_>) -> Result<Value, Error> {
    match op {
        Binary::Equal => equal(left, right, &mut ctx.meter).map(Value::Bool),
        Binary::NotEqual => equal(left, right, &mut ctx.meter).map(|same| Value::Bool(!same)),
        Binary::Less | Binary::LessEqual | Binary::Greater | Binary::GreaterEqual => compare(op, left, right, ctx),
        Binary::Add => add(left, right, ctx),
        Binary::Subtract => subtract(left, right),
        Binary::Multiply => multiply(left, right),
        Binary::Divide => match (left.as_float(), right.as_float()) {
            (Some(a), Some(b)) => Ok(Value::Float(a / b)),
            _ => Err(mismatch(op, left, right)),
        },
        Binary::Modulo => match (whole(left), whole(right)) {
            (Some(_), Some(0)) => Err(Error::value("division by zero")),
            (Some(a), Some(b)) => Ok(Value::Int(a.wrapping_rem(b))),
            _ => Err(mismatch(op, left, right)),
        },
        Binary::Power => match (left.as_float(), right.as_float()) {
            (Some(a), Some(b)) => Ok(Value::Float(a.powf(b))),
            _ => Err(mismatch(op, left, right)),
        },
        Binary::Range => range(left, right, ctx),
        Binary::In => is_in(left, right, ctx),
        Binary::Matches => match (left, right) {
            (Value::Nil, Value::Str(_)) => Ok(Value::Bool(false)),
            (Value::Str(text), Value::Str(pattern)) => {
                let regex = ctx.patterns.get(pattern, &mut ctx.meter)?;
                ctx.meter.scan(text.len())?;
                Ok(Value::Bool(regex.is_match(text)))
            }
            _ => Err(mismatch(op, left, right)),
        },
        Binary::Contains | Binary::StartsWith | Binary::EndsWith => match (left, right) {
            (Value::Str(a), Value::Str(b)) => {
                ctx.meter.scan(a.len())?;
                Ok(Value::Bool(match op {
                    Binary::Contains => a.contains(b.as_ref()),
                    Binary::StartsWith => a.starts_with(b.as_ref()),
                    _ => a.ends_with(b.as_ref()),
                }))
            }
            // A missing text contains nothing.
            (Value::Nil, Value::Str(_)) | (Value::Str(_), Value::Nil) => Ok(Value::Bool(false)),
            _ => Err(mismatch(op, left, right)),
        },
    }
}

fn mismatch(op: Binary, left: &Value, right: &Value) -> Error {
    let error = Error::ty(format!("`{}` cannot take {} and {}", op.symbol(), left.describe(), right.describe()));
    let numeric = |value: &Value| value.as_float().is_some();
    match (left, right) {
        (Value::Str(_), other) | (other, Value::Str(_)) if numeric(other) => {
            if op == Binary::Add {
                error.hint("join texts with `string(n)`, add numbers with `asInt(s)` or `asFloat(s)`")
            } else {
                error.hint("variables are strings; `asInt(s)` and `asFloat(s)` make numbers of them")
            }
        }
        (Value::Str(_), Value::Str(_)) => {
            error.hint("variables are strings; `asInt(s)` and `asFloat(s)` make numbers of them")
        }
        _ => error,
    }
}

fn compare(op: Binary, left: &Value, right: &Value, ctx: &mut Ctx<'_>) -> Result<Value, Error> {
    let ordering = order(left, right, &mut ctx.meter)?;
    let is_nan = |value: &Value| matches!(value, Value::Float(n) if n.is_nan());
    let Some(ordering) = ordering else {
        return if is_nan(left) || is_nan(right) { Ok(Value::Bool(false)) } else { Err(mismatch(op, left, right)) };
    };
    Ok(Value::Bool(match op {
        Binary::Less => ordering == Ordering::Less,
        Binary::LessEqual => ordering != Ordering::Greater,
        Binary::Greater => ordering == Ordering::Greater,
        _ => ordering != Ordering::Less,
    }))
}

/// `left + right`: numbers, texts, durations, a time and a duration.
pub(super) fn add(left: &Value, right: &Value, ctx: &mut Ctx<'_>) -> Result<Value, Error> {
    match (left, right) {
        (Value::Str(a), Value::Str(b)) => {
            ctx.meter.alloc(a.len() + b.len())?;
            Ok(Value::Str([a.as_ref(), b.as_ref()].concat().into()))
        }
        (Value::Time(time), Value::Duration(ns)) | (Value::Duration(ns), Value::Time(time)) => {
            Ok(Value::Time(Arc::new(time.plus(*ns)?)))
        }
        (Value::Duration(a), Value::Duration(b)) => Ok(Value::Duration(a.wrapping_add(*b))),
        _ => match (left.as_int(), right.as_int()) {
            (Some(a), Some(b)) => Ok(Value::Int(a.wrapping_add(b))),
            _ => match (left.as_float(), right.as_float()) {
                (Some(a), Some(b)) => Ok(Value::Float(a + b)),
                _ => Err(mismatch(Binary::Add, left, right)),
            },
        },
    }
}

fn subtract(left: &Value, right: &Value) -> Result<Value, Error> {
    match (left, right) {
        (Value::Time(a), Value::Time(b)) => Ok(Value::Duration(a.since(b))),
        (Value::Time(time), Value::Duration(ns)) => Ok(Value::Time(Arc::new(time.plus(ns.saturating_neg())?))),
        (Value::Duration(a), Value::Duration(b)) => Ok(Value::Duration(a.wrapping_sub(*b))),
        _ => match (left.as_int(), right.as_int()) {
            (Some(a), Some(b)) => Ok(Value::Int(a.wrapping_sub(b))),
            _ => match (left.as_float(), right.as_float()) {
                (Some(a), Some(b)) => Ok(Value::Float(a - b)),
                _ => Err(mismatch(Binary::Subtract, left, right)),
            },
        },
    }
}

fn multiply(left: &Value, right: &Value) -> Result<Value, Error> {
    match (left, right) {
        (Value::Duration(ns), factor) | (factor, Value::Duration(ns)) => match factor.as_int() {
            Some(factor) => Ok(Value::Duration(ns.wrapping_mul(factor))),
            None => match factor.as_float() {
                Some(factor) => Ok(Value::Duration((*ns as f64 * factor) as i64)),
                None => Err(mismatch(Binary::Multiply, left, right)),
            },
        },
        _ => match (left.as_int(), right.as_int()) {
            (Some(a), Some(b)) => Ok(Value::Int(a.wrapping_mul(b))),
            _ => match (left.as_float(), right.as_float()) {
                (Some(a), Some(b)) => Ok(Value::Float(a * b)),
                _ => Err(mismatch(Binary::Multiply, left, right)),
            },
        },
    }
}

/// An integer, or a float that is one (numbers from JSON are floats).
pub(super) fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Float(n) if n.fract() == 0.0 && n.abs() < 9e18 => Some(*n as i64),
        other => other.as_int(),
    }
}

fn range(left: &Value, right: &Value, ctx: &mut Ctx<'_>) -> Result<Value, Error> {
    let (Some(from), Some(to)) = (whole(left), whole(right)) else {
        return Err(mismatch(Binary::Range, left, right));
    };
    if to < from {
        return ctx.array(Vec::new());
    }
    let count = usize::try_from(to.abs_diff(from)).unwrap_or(usize::MAX).saturating_add(1);
    // Paid before it is made: `1..1000000000` ends here.
    ctx.meter.spend(count)?;
    ctx.meter.alloc_items(count)?;
    Ok(Value::Array(Arc::new(List::new((from..=to).map(Value::Int).collect())?)))
}

fn is_in(item: &Value, container: &Value, ctx: &mut Ctx<'_>) -> Result<Value, Error> {
    match container {
        Value::Nil => Ok(Value::Bool(false)),
        Value::Array(list) => {
            for candidate in list.items() {
                if equal(item, candidate, &mut ctx.meter)? {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        Value::Map(map) => Ok(Value::Bool(Key::from_value(item).is_some_and(|key| map.get_key(&key).is_some()))),
        other => {
            let error = Error::ty(format!("`in` needs an array or a map on its right, not {}", other.describe()));
            Err(if other.as_str().is_some() { error.hint("in a text it is `text contains part`") } else { error })
        }
    }
}

/// `-value`.
pub(super) fn negate(value: &Value) -> Result<Value, Error> {
    match value {
        Value::Float(n) => Ok(Value::Float(-n)),
        Value::Duration(ns) => Ok(Value::Duration(ns.wrapping_neg())),
        other => match other.as_int() {
            Some(n) => Ok(Value::Int(n.wrapping_neg())),
            None => Err(Error::ty(format!("`-` needs a number, not {}", other.describe()))),
        },
    }
}

/// `+value`.
pub(super) fn plus(value: Value) -> Result<Value, Error> {
    if value.as_float().is_some() {
        Ok(value)
    } else {
        Err(Error::ty(format!("`+` needs a number, not {}", value.describe())))
    }
}

/// `value[key]`: nil for a missing key of a map, an error for a place outside of an array.
pub(super) fn index(value: &Value, key: &Value) -> Result<Value, Error> {
    match value {
        Value::Map(map) => match Key::from_value(key) {
            Some(key) => Ok(map.get_key(&key).cloned().unwrap_or_default()),
            None => Err(Error::ty(format!("{} cannot be a key of a map", key.describe()))),
        },
        Value::Array(list) => {
            let Some(at) = whole(key) else {
                return Err(Error::ty(format!("an array is indexed with an integer, not {}", key.describe())));
            };
            let len = list.items().len();
            let place = place_in(at, len).filter(|place| *place < len);
            place.and_then(|place| list.items().get(place)).cloned().ok_or_else(|| {
                Error::value(format!("there is no element {at} in an array of {len}"))
                    .hint("`get(array, index)` gives nil instead")
            })
        }
        other => {
            let what = match key {
                Value::Str(name) => format!("a member `{name}`"),
                _ => "elements".to_owned(),
            };
            let error = Error::ty(format!("{} has no {what}", other.describe()));
            Err(match other {
                Value::Str(_) => error.hint("a text that holds JSON is parsed with `fromJSON(…)`"),
                _ => error,
            })
        }
    }
}

/// The place that a possibly negative index means.
fn place_in(at: i64, len: usize) -> Option<usize> {
    if at < 0 { len.checked_sub(usize::try_from(at.unsigned_abs()).ok()?) } else { usize::try_from(at).ok() }
}

/// `value[from:to]` of an array or (by bytes) a text; ends outside are moved to the edge.
pub(super) fn slice(
    value: &Value,
    from: Option<&Value>,
    to: Option<&Value>,
    ctx: &mut Ctx<'_>,
) -> Result<Value, Error> {
    let end = |bound: Option<&Value>, len: usize, default: usize| -> Result<usize, Error> {
        let Some(bound) = bound else { return Ok(default) };
        let Some(at) = whole(bound) else {
            return Err(Error::ty(format!("the ends of a slice are integers, not {}", bound.describe())));
        };
        Ok(if at < 0 { place_in(at, len).unwrap_or(0) } else { usize::try_from(at).unwrap_or(len).min(len) })
    };
    match value {
        Value::Array(list) => {
            let len = list.items().len();
            let (from, to) = (end(from, len, 0)?, end(to, len, len)?);
            let items = list.items().get(from..to.max(from)).unwrap_or_default();
            ctx.meter.spend(items.len())?;
            ctx.array(items.to_vec())
        }
        Value::Str(text) => {
            // By bytes, as `indexOf` counts; never half a character.
            let len = text.len();
            let (mut from, mut to) = (end(from, len, 0)?, end(to, len, len)?);
            while !text.is_char_boundary(from) {
                from -= 1;
            }
            while !text.is_char_boundary(to) {
                to -= 1;
            }
            ctx.string(text.get(from..to.max(from)).unwrap_or(""))
        }
        Value::Nil => Err(Error::ty("nil cannot be sliced")),
        other => Err(Error::ty(format!("{} cannot be sliced", other.describe()))),
    }
}

/// The error of a call `value.name()`.
pub(super) fn no_method(value: &Value, name: &str) -> Error {
    let known: &[&str] = match value {
        Value::Time(_) => &TIME_METHODS,
        Value::Duration(_) => &DURATION_METHODS,
        _ => &[],
    };
    let error = Error::new(ErrorKind::UnknownFunction(name.to_owned()))
        .did_you_mean(&suggest::near(name, known.iter().copied()));
    match value {
        Value::Time(_) | Value::Duration(_) | Value::Version(_) => error,
        other => error.hint(format!("{} has no methods", other.describe())),
    }
}

/// The value that the text of a tag is as an operand: a number or boolean where it reads as one, else the text.
pub(super) fn scalar(text: &str) -> Value {
    match text {
        "true" => return Value::Bool(true),
        "false" => return Value::Bool(false),
        _ => {}
    }
    if text.len() < 32 && text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.') {
        if let Ok(n) = text.parse::<i64>() {
            return Value::Int(n);
        }
        if let Ok(n) = text.parse::<f64>()
            && n.is_finite()
        {
            return Value::Float(n);
        }
    }
    Value::from(text)
}
