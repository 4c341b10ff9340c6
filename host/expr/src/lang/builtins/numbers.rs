//! Numbers.

use std::cmp::Ordering;

use super::super::operators;
use crate::error::Error;
use crate::func::{Args, Ctx, Func, MANY};
use crate::value::Value;

pub(super) const TABLE: &[Func] = &[
    Func::new("max", 1, MANY, |ctx, args| extreme(ctx, args, Ordering::Greater)),
    Func::new("min", 1, MANY, |ctx, args| extreme(ctx, args, Ordering::Less)),
    Func::new("abs", 1, 1, |_, args| match args.get(0) {
        Value::Float(n) => Ok(Value::Float(n.abs())),
        Value::Duration(ns) => Ok(Value::Duration(ns.wrapping_abs())),
        other => other.as_int().map(|n| Value::Int(n.wrapping_abs())).ok_or_else(|| args.mismatch(0, "a number")),
    }),
    Func::new("ceil", 1, 1, |_, args| args.float(0).map(|n| Value::Float(n.ceil()))),
    Func::new("floor", 1, 1, |_, args| args.float(0).map(|n| Value::Float(n.floor()))),
    Func::new("round", 1, 1, |_, args| args.float(0).map(|n| Value::Float(n.round()))),
    Func::new("mean", 1, MANY, |ctx, args| {
        let numbers = flat(ctx, args)?;
        let mut sum = 0.0;
        for number in &numbers {
            sum += number.as_float().unwrap_or(0.0);
        }
        Ok(Value::Float(if numbers.is_empty() { 0.0 } else { sum / numbers.len() as f64 }))
    }),
    Func::new("median", 1, MANY, |ctx, args| {
        let mut numbers: Vec<f64> = flat(ctx, args)?.iter().filter_map(Value::as_float).collect();
        ctx.meter.spend(numbers.len().saturating_mul(16))?;
        numbers.sort_by(f64::total_cmp);
        let middle = numbers.len() / 2;
        let at = |place: usize| numbers.get(place).copied().unwrap_or(0.0);
        let odd = numbers.len() % 2 == 1;
        Ok(Value::Float(if odd || numbers.is_empty() { at(middle) } else { (at(middle - 1) + at(middle)) / 2.0 }))
    }),
    // Argo's additions.
    Func::new("asInt", 1, 1, as_int),
    Func::new("asFloat", 1, 1, |_, args| match args.get(0) {
        Value::Str(text) => parse_float(text)
            .map(Value::Float)
            .ok_or_else(|| Error::value(format!("`asFloat` cannot read {} as a number", args.get(0).describe()))),
        other => {
            other.as_float().map(Value::Float).ok_or_else(|| args.mismatch(0, "a number or a string that holds one"))
        }
    }),
];

/// All numbers of the arguments, arrays among them opened.
fn flat(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<Vec<Value>, Error> {
    fn add(ctx: &mut Ctx<'_>, name: &str, value: &Value, out: &mut Vec<Value>) -> Result<(), Error> {
        ctx.meter.alloc(size_of::<Value>())?;
        match value {
            Value::Array(list) => list.items().iter().try_for_each(|item| add(ctx, name, item, out)),
            number if number.as_float().is_some() => {
                out.push(number.clone());
                Ok(())
            }
            other => Err(Error::ty(format!("`{name}` needs numbers, not {}", other.describe()))
                .hint("`map(list, asInt(#))` makes numbers of texts")),
        }
    }
    let mut out = Vec::new();
    for value in args.values {
        add(ctx, args.name, value, &mut out)?;
    }
    Ok(out)
}

fn extreme(ctx: &mut Ctx<'_>, args: Args<'_>, wanted: Ordering) -> Result<Value, Error> {
    let mut best: Option<Value> = None;
    for number in flat(ctx, args)? {
        let better = match &best {
            None => true,
            Some(best) => crate::value::order(&number, best, &mut ctx.meter)? == Some(wanted),
        };
        if better {
            best = Some(number);
        }
    }
    Ok(best.unwrap_or_default())
}

/// A float as Go reads it, in decimal notation.
pub(super) fn parse_float(text: &str) -> Option<f64> {
    // Rust reads the same notation, and also digits with a trailing dot; both know `inf` and `nan`.
    text.parse().ok()
}

fn as_int(_: &mut Ctx<'_>, args: Args<'_>) -> Result<Value, Error> {
    let cannot = || Error::value(format!("`asInt` cannot read {} as an integer", args.get(0).describe()));
    match args.get(0) {
        Value::Str(text) => match text.parse::<i64>() {
            Ok(n) => Ok(Value::Int(n)),
            // `3.0` in a text is an integer to everyone but a strict parser.
            Err(_) => match parse_float(text).map(Value::Float).as_ref().and_then(operators::whole) {
                Some(n) => Ok(Value::Int(n)),
                None => Err(cannot().hint("`asFloat(…)` reads numbers with a fraction")),
            },
        },
        Value::Float(n) if n.is_finite() => Ok(Value::Int(*n as i64)),
        other => other.as_int().map(Value::Int).ok_or_else(cannot),
    }
}
