//! Equality and order of values, under a budget (shared parts make a small value take long to walk).

use std::cmp::Ordering;

use super::Value;
use crate::budget::Meter;
use crate::error::Error;

/// `a == b` of the expression language: numbers by value, arrays and maps deeply, different types are never equal.
pub(crate) fn equal(a: &Value, b: &Value, meter: &mut Meter) -> Result<bool, Error> {
    meter.spend(1)?;
    Ok(match (a, b) {
        (Value::Nil, Value::Nil) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Str(a), Value::Str(b)) => {
            meter.scan(a.len().min(b.len()))?;
            a == b
        }
        (Value::Bytes(a), Value::Bytes(b)) => {
            meter.scan(a.len().min(b.len()))?;
            a == b
        }
        (Value::Array(a), Value::Array(b)) => {
            if a.items().len() != b.items().len() {
                return Ok(false);
            }
            for (a, b) in a.items().iter().zip(b.items()) {
                if !equal(a, b, meter)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Map(a), Value::Map(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (key, a) in a.iter() {
                match b.get_key(key) {
                    Some(b) if equal(a, b, meter)? => {}
                    _ => return Ok(false),
                }
            }
            true
        }
        (Value::Time(a), Value::Time(b)) => a.at() == b.at(),
        (Value::Duration(a), Value::Duration(b)) => a == b,
        (Value::Zone(a), Value::Zone(b)) => a.name() == b.name(),
        (Value::Version(a), Value::Version(b)) => a.cmp_precedence(b).is_eq(),
        (Value::Int(a), Value::Int(b)) => a == b,
        _ => match (a.as_float(), b.as_float()) {
            (Some(a), Some(b)) => a == b,
            _ => false,
        },
    })
}

/// The order of two numbers, strings, times or durations; `None` for anything else.
pub(crate) fn order(a: &Value, b: &Value, meter: &mut Meter) -> Result<Option<Ordering>, Error> {
    meter.spend(1)?;
    Ok(match (a, b) {
        (Value::Str(a), Value::Str(b)) => {
            meter.scan(a.len().min(b.len()))?;
            Some(a.cmp(b))
        }
        (Value::Time(a), Value::Time(b)) => Some(a.at().cmp(&b.at())),
        (Value::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
        _ => match (a.as_int(), b.as_int()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => match (a.as_float(), b.as_float()) {
                // NaN is in no order with anything; all comparisons with it are false.
                (Some(a), Some(b)) => a.partial_cmp(&b),
                _ => None,
            },
        },
    })
}
