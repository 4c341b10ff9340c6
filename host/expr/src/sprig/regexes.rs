//! Regular expressions.

use std::sync::Arc;

use regex::{NoExpand, Regex};

use crate::error::Error;
use crate::func::{Args, Ctx, Func};
use crate::value::Value;

pub(super) const TABLE: &[Func] = &[
    Func::new("sprig.regexMatch", 2, 2, |ctx, args| match matches(ctx, args) {
        // A broken pattern matches nothing, as in sprig; a limit is a limit.
        Err(error) if matches!(error.kind(), crate::ErrorKind::Pattern { .. }) => Ok(Value::Bool(false)),
        other => other,
    }),
    Func::new("sprig.mustRegexMatch", 2, 2, matches),
    Func::new("sprig.regexFindAll", 3, 3, find_all),
    Func::new("sprig.mustRegexFindAll", 3, 3, find_all),
    Func::new("sprig.regexFind", 2, 2, find),
    Func::new("sprig.mustRegexFind", 2, 2, find),
    Func::new("sprig.regexReplaceAll", 3, 3, |ctx, args| replace(ctx, args, true)),
    Func::new("sprig.mustRegexReplaceAll", 3, 3, |ctx, args| replace(ctx, args, true)),
    Func::new("sprig.regexReplaceAllLiteral", 3, 3, |ctx, args| replace(ctx, args, false)),
    Func::new("sprig.mustRegexReplaceAllLiteral", 3, 3, |ctx, args| replace(ctx, args, false)),
    Func::new("sprig.regexSplit", 3, 3, split),
    Func::new("sprig.mustRegexSplit", 3, 3, split),
    Func::new("sprig.regexQuoteMeta", 1, 1, |ctx, args| {
        let text = args.str(0)?;
        ctx.meter.alloc(text.len().saturating_mul(2))?;
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            if "\\.+*?()|[]{}^$".contains(c) {
                out.push('\\');
            }
            out.push(c);
        }
        Ok(Value::from(out))
    }),
];

/// The pattern (first argument) and the text (second), both paid for.
fn read<'a>(ctx: &mut Ctx<'_>, args: &Args<'a>) -> Result<(Arc<Regex>, &'a str), Error> {
    let regex = ctx.patterns.get(args.str(0)?, &mut ctx.meter)?;
    let text = args.str(1)?;
    ctx.meter.scan(text.len())?;
    Ok((regex, text))
}

fn matches(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<Value, Error> {
    let (regex, text) = read(ctx, &args)?;
    Ok(Value::Bool(regex.is_match(text)))
}

fn limit(args: &Args<'_>) -> Result<usize, Error> {
    Ok(usize::try_from(args.int(2)?).unwrap_or(usize::MAX))
}

fn find(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<Value, Error> {
    let (regex, text) = read(ctx, &args)?;
    ctx.string(regex.find(text).map_or("", |found| found.as_str()))
}

/// The matches with their places. An empty match right behind another one is none (Go's rule, and Rust's).
fn places(ctx: &mut Ctx<'_>, regex: &Regex, text: &str, limit: usize) -> Result<Vec<(usize, usize)>, Error> {
    let mut places: Vec<(usize, usize)> = Vec::new();
    for found in regex.find_iter(text).take(limit) {
        ctx.meter.spend(1)?;
        if found.is_empty() && places.last().is_some_and(|(_, end)| *end == found.start()) && found.start() > 0 {
            continue;
        }
        places.push((found.start(), found.end()));
    }
    Ok(places)
}

fn find_all(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<Value, Error> {
    let (regex, text) = read(ctx, &args)?;
    let places = places(ctx, &regex, text, limit(&args)?)?;
    ctx.strings(places.into_iter().filter_map(|(start, end)| text.get(start..end)))
}

fn replace(ctx: &mut Ctx<'_>, args: Args<'_>, expand: bool) -> Result<Value, Error> {
    let (regex, text) = read(ctx, &args)?;
    let with = args.str(2)?;
    // Paid before it is made: each match gives at most the replacement and, for each `$` in it, a whole match.
    let mut size = text.len();
    let groups = if expand { with.matches('$').count() } else { 0 };
    for found in regex.find_iter(text) {
        ctx.meter.spend(1)?;
        size = size.saturating_add(with.len()).saturating_add(groups.saturating_mul(found.len()));
    }
    ctx.meter.alloc(size)?;
    let made = if expand { regex.replace_all(text, with) } else { regex.replace_all(text, NoExpand(with)) };
    Ok(Value::from(made.as_ref()))
}

/// The parts between matches: at most `n`, all for a negative `n`, none for zero.
fn split(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<Value, Error> {
    let (regex, text) = read(ctx, &args)?;
    let limit = limit(&args)?;
    if limit == 0 {
        return ctx.array(Vec::new());
    }
    if text.is_empty() && !args.str(0)?.is_empty() {
        return ctx.strings([""]);
    }
    let mut parts = Vec::new();
    let (mut from, mut end) = (0, 0);
    for (start, stop) in places(ctx, &regex, text, usize::MAX)? {
        if parts.len() + 1 >= limit {
            break;
        }
        end = start;
        // A match that ends at the very beginning separates nothing.
        if stop != 0 {
            parts.push(text.get(from..start).unwrap_or(""));
        }
        from = stop;
    }
    if end != text.len() {
        parts.push(text.get(from..).unwrap_or(""));
    }
    ctx.strings(parts)
}
