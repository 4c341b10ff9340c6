//! Numbers.

use super::convert::{list_of, strval, to_float, to_int};
use super::decimal::Decimal;
use crate::error::Error;
use crate::func::{Args, Ctx, Func, MANY};
use crate::value::Value;

pub(super) const TABLE: &[Func] = &[
    Func::new("sprig.add1", 1, 1, |_, args| Ok(Value::Int(to_int(args.get(0)).wrapping_add(1)))),
    Func::new("sprig.add", 0, MANY, |_, args| Ok(Value::Int(fold(args, 0, i64::wrapping_add)))),
    Func::new("sprig.sub", 2, 2, |_, args| Ok(Value::Int(to_int(args.get(0)).wrapping_sub(to_int(args.get(1)))))),
    Func::new("sprig.div", 2, 2, |_, args| whole(args, i64::wrapping_div)),
    Func::new("sprig.mod", 2, 2, |_, args| whole(args, i64::wrapping_rem)),
    Func::new("sprig.mul", 1, MANY, |_, args| Ok(Value::Int(fold(args, 1, i64::wrapping_mul)))),
    Func::new("sprig.max", 1, MANY, |_, args| Ok(Value::Int(fold(args, i64::MIN, i64::max)))),
    Func::new("sprig.biggest", 1, MANY, |_, args| Ok(Value::Int(fold(args, i64::MIN, i64::max)))),
    Func::new("sprig.min", 1, MANY, |_, args| Ok(Value::Int(fold(args, i64::MAX, i64::min)))),
    Func::new("sprig.add1f", 1, 1, |_, args| decimal(&[args.get(0).clone(), Value::Int(1)], Decimal::add)),
    Func::new("sprig.addf", 0, MANY, |_, args| decimal(args.values, Decimal::add)),
    Func::new("sprig.subf", 1, MANY, |_, args| decimal(args.values, Decimal::subtract)),
    Func::new("sprig.divf", 1, MANY, |_, args| decimal(args.values, Decimal::divide)),
    Func::new("sprig.mulf", 1, MANY, |_, args| decimal(args.values, Decimal::multiply)),
    Func::new("sprig.maxf", 1, MANY, |_, args| Ok(Value::Float(fold_float(args, f64::max)))),
    Func::new("sprig.minf", 1, MANY, |_, args| Ok(Value::Float(fold_float(args, f64::min)))),
    Func::new("sprig.ceil", 1, 1, |_, args| Ok(Value::Float(to_float(args.get(0)).ceil()))),
    Func::new("sprig.floor", 1, 1, |_, args| Ok(Value::Float(to_float(args.get(0)).floor()))),
    Func::new("sprig.round", 2, 3, round),
    Func::new("sprig.until", 1, 1, |ctx, args| {
        let count = args.int(0)?;
        steps(ctx, 0, count, if count < 0 { -1 } else { 1 })
    }),
    Func::new("sprig.untilStep", 3, 3, |ctx, args| steps(ctx, args.int(0)?, args.int(1)?, args.int(2)?)),
    Func::new("sprig.seq", 0, MANY, seq),
];

fn fold(args: Args<'_>, start: i64, join: impl Fn(i64, i64) -> i64) -> i64 {
    args.values.iter().map(to_int).fold(start, join)
}

fn fold_float(args: Args<'_>, join: impl Fn(f64, f64) -> f64) -> f64 {
    args.values.iter().map(to_float).reduce(join).unwrap_or(0.0)
}

fn whole(args: Args<'_>, join: impl Fn(i64, i64) -> i64) -> Result<Value, Error> {
    match to_int(args.get(1)) {
        0 => Err(Error::value(format!("`{}`: division by zero", args.name))),
        divisor => Ok(Value::Int(join(to_int(args.get(0)), divisor))),
    }
}

/// Decimal arithmetic, so that `addf 0.1 0.2` is 0.3.
fn decimal(values: &[Value], join: fn(Decimal, Decimal) -> Option<Decimal>) -> Result<Value, Error> {
    let mut numbers = values.iter().map(|value| Decimal::from_float(to_float(value)));
    let first = numbers.next().unwrap_or_else(|| Decimal::from_float(0.0));
    let made = numbers.try_fold(first, join).ok_or_else(|| Error::value("division by zero"))?;
    Ok(Value::Float(made.to_float()))
}

/// Rounds to `places` digits; from `threshold` (a half) on up. What is below zero is rounded down, as in sprig.
fn round(_: &mut Ctx<'_>, args: Args<'_>) -> Result<Value, Error> {
    let number = to_float(args.get(0));
    let places = i32::try_from(args.int(1)?).map_err(|_| args.mismatch(1, "a small number of digits"))?;
    let threshold = if args.len() > 2 { args.float(2)? } else { 0.5 };
    let scale = 10f64.powi(places);
    let scaled = scale * number;
    let rounded = if scaled.fract() >= threshold { scaled.ceil() } else { scaled.floor() };
    Ok(Value::Float(rounded / scale))
}

fn steps(ctx: &mut Ctx<'_>, from: i64, to: i64, step: i64) -> Result<Value, Error> {
    let count = count(from, to, step, false);
    ctx.meter.spend(count)?;
    ctx.meter.alloc_items(count)?;
    let items = (0..count as i64).map(|at| Value::Int(from.wrapping_add(at.wrapping_mul(step)))).collect();
    list_of(ctx, items)
}

/// How many numbers lie from `from` to `to` in steps of `step`.
fn count(from: i64, to: i64, step: i64, inclusive: bool) -> usize {
    let reaches = if step > 0 { from < to } else { from > to } || (inclusive && from == to);
    if step == 0 || !reaches {
        return 0;
    }
    let distance = to.abs_diff(from);
    let full = distance / step.unsigned_abs();
    let more = u64::from(inclusive || !distance.is_multiple_of(step.unsigned_abs()));
    usize::try_from(full.saturating_add(more)).unwrap_or(usize::MAX)
}

fn seq(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<Value, Error> {
    let toward = |from: i64, to: i64| if to < from { -1 } else { 1 };
    let (from, step, to) = match args.len() {
        1 => (1, toward(1, args.int(0)?), args.int(0)?),
        2 => (args.int(0)?, toward(args.int(0)?, args.int(1)?), args.int(1)?),
        3 => (args.int(0)?, args.int(1)?, args.int(2)?),
        _ => return ctx.string(""),
    };
    let count = count(from, to, step, true);
    ctx.meter.spend(count)?;
    ctx.meter.alloc(count.saturating_mul(8))?;
    let mut numbers = Vec::with_capacity(count);
    for at in 0..count as i64 {
        numbers.push(strval(&Value::Int(from.wrapping_add(at.wrapping_mul(step))), &mut ctx.meter)?);
    }
    ctx.string(numbers.join(" "))
}
