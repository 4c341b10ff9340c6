//! Texts.

use super::convert::{strval, to_strings};
use super::words;
use crate::error::Error;
use crate::func::{Args, Ctx, Func, MANY};
use crate::lang::text::{lower, repeat, replace, split_to, trim_set, upper};
use crate::value::{Map, Value};

pub(super) const TABLE: &[Func] = &[
    Func::new("sprig.trim", 1, 1, |ctx, args| ctx.string(args.str(0)?.trim())),
    Func::new("sprig.trimAll", 2, 2, |ctx, args| ctx.string(trim_set(args.str(1)?, args.str(0)?))),
    Func::new("sprig.trimall", 2, 2, |ctx, args| ctx.string(trim_set(args.str(1)?, args.str(0)?))),
    Func::new("sprig.trimSuffix", 2, 2, |ctx, args| {
        ctx.string(args.str(1)?.strip_suffix(args.str(0)?).unwrap_or(args.str(1)?))
    }),
    Func::new("sprig.trimPrefix", 2, 2, |ctx, args| {
        ctx.string(args.str(1)?.strip_prefix(args.str(0)?).unwrap_or(args.str(1)?))
    }),
    Func::new("sprig.upper", 1, 1, |ctx, args| mapped(ctx, args, upper)),
    Func::new("sprig.lower", 1, 1, |ctx, args| mapped(ctx, args, lower)),
    Func::new("sprig.title", 1, 1, |ctx, args| mapped(ctx, args, words::title)),
    Func::new("sprig.untitle", 1, 1, |ctx, args| mapped(ctx, args, words::untitle)),
    Func::new("sprig.swapcase", 1, 1, |ctx, args| mapped(ctx, args, words::swap_case)),
    Func::new("sprig.snakecase", 1, 1, |ctx, args| mapped(ctx, args, |text| words::connected(text, '_'))),
    Func::new("sprig.kebabcase", 1, 1, |ctx, args| mapped(ctx, args, |text| words::connected(text, '-'))),
    Func::new("sprig.camelcase", 1, 1, |ctx, args| mapped(ctx, args, words::camel_case)),
    Func::new("sprig.nospace", 1, 1, |ctx, args| {
        mapped(ctx, args, |text| text.chars().filter(|c| !c.is_whitespace()).collect())
    }),
    Func::new("sprig.initials", 1, 1, |ctx, args| {
        mapped(ctx, args, |text| text.split_whitespace().filter_map(|word| word.chars().next()).collect())
    }),
    Func::new("sprig.abbrev", 2, 2, |ctx, args| {
        let made = words::abbreviate(args.str(1)?, 0, args.int(0)?);
        ctx.string(made)
    }),
    Func::new("sprig.abbrevboth", 3, 3, |ctx, args| {
        let made = words::abbreviate(args.str(2)?, args.int(0)?, args.int(1)?);
        ctx.string(made)
    }),
    Func::new("sprig.trunc", 2, 2, |ctx, args| ctx.string(truncated(args.str(1)?, args.int(0)?))),
    Func::new("sprig.substr", 3, 3, |ctx, args| ctx.string(part(args.str(2)?, args.int(0)?, args.int(1)?))),
    Func::new("sprig.repeat", 2, 2, |ctx, args| {
        let times = usize::try_from(args.int(0)?).map_err(|_| args.mismatch(0, "zero or more"))?;
        repeat(ctx, args.str(1)?, times)
    }),
    Func::new("sprig.wrap", 2, 2, |ctx, args| {
        let made = words::wrap(args.str(1)?, args.int(0)?, "\n", false, &mut ctx.meter)?;
        Ok(Value::from(made))
    }),
    Func::new("sprig.wrapWith", 3, 3, |ctx, args| {
        let glue = if args.str(1)?.is_empty() { "\n" } else { args.str(1)? };
        let made = words::wrap(args.str(2)?, args.int(0)?, glue, true, &mut ctx.meter)?;
        Ok(Value::from(made))
    }),
    Func::new("sprig.contains", 2, 2, |ctx, args| {
        ctx.meter.scan(args.str(1)?.len())?;
        Ok(Value::Bool(args.str(1)?.contains(args.str(0)?)))
    }),
    Func::new("sprig.hasPrefix", 2, 2, |_, args| Ok(Value::Bool(args.str(1)?.starts_with(args.str(0)?)))),
    Func::new("sprig.hasSuffix", 2, 2, |_, args| Ok(Value::Bool(args.str(1)?.ends_with(args.str(0)?)))),
    Func::new("sprig.quote", 0, MANY, |ctx, args| joined(ctx, args, words::quoted)),
    Func::new("sprig.squote", 0, MANY, |ctx, args| joined(ctx, args, |text| format!("'{text}'"))),
    Func::new("sprig.cat", 0, MANY, |ctx, args| joined(ctx, args, str::to_owned)),
    Func::new("sprig.indent", 2, 2, |ctx, args| {
        let made = indented(ctx, args.int(0)?, args.str(1)?)?;
        Ok(Value::from(made))
    }),
    Func::new("sprig.nindent", 2, 2, |ctx, args| {
        let made = indented(ctx, args.int(0)?, args.str(1)?)?;
        ctx.string(format!("\n{made}"))
    }),
    Func::new("sprig.replace", 3, 3, |ctx, args| replace(ctx, args.str(2)?, args.str(0)?, args.str(1)?)),
    Func::new("sprig.plural", 3, 3, |ctx, args| {
        ctx.string(if args.int(2)? == 1 { args.str(0)? } else { args.str(1)? })
    }),
    Func::new("sprig.splitList", 2, 2, |ctx, args| {
        ctx.meter.scan(args.str(1)?.len())?;
        split_to(ctx, args.str(1)?, args.str(0)?, -1, false)
    }),
    Func::new("sprig.split", 2, 2, |ctx, args| numbered(ctx, args.str(1)?, args.str(0)?, -1)),
    Func::new("sprig.splitn", 3, 3, |ctx, args| numbered(ctx, args.str(2)?, args.str(0)?, args.int(1)?)),
    Func::new("sprig.join", 2, 2, |ctx, args| {
        let texts = to_strings(args.get(1), &mut ctx.meter)?;
        let glue = args.str(0)?;
        ctx.meter.alloc(glue.len().saturating_mul(texts.len()))?;
        ctx.string(texts.join(glue))
    }),
    Func::new("sprig.sortAlpha", 1, 1, |ctx, args| {
        let mut texts = to_strings(args.get(0), &mut ctx.meter)?;
        ctx.meter.spend(texts.len().saturating_mul(16))?;
        texts.sort();
        ctx.strings(texts)
    }),
];

fn mapped(ctx: &mut Ctx<'_>, args: Args<'_>, make: impl FnOnce(&str) -> String) -> Result<Value, Error> {
    let text = args.str(0)?;
    // No case conversion more than doubles a text with its connectors.
    ctx.meter.alloc(text.len().saturating_mul(2))?;
    Ok(Value::from(make(text)))
}

/// The texts of all arguments that are not nil, made by `make`, with spaces between.
fn joined(ctx: &mut Ctx<'_>, args: Args<'_>, make: impl Fn(&str) -> String) -> Result<Value, Error> {
    let mut parts = Vec::new();
    for value in args.values.iter().filter(|value| !value.is_nil()) {
        let text = strval(value, &mut ctx.meter)?;
        let made = make(&text);
        ctx.meter.alloc(made.len() + 1)?;
        parts.push(made);
    }
    Ok(Value::from(parts.join(" ")))
}

/// The first `count` bytes, or the last for a negative count; never more, and never half a character.
fn truncated(text: &str, count: i64) -> &str {
    let bytes = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if bytes >= text.len() {
        return text;
    }
    if count < 0 {
        let mut at = text.len() - bytes;
        while !text.is_char_boundary(at) {
            at += 1;
        }
        return text.get(at..).unwrap_or("");
    }
    let mut at = bytes;
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    text.get(..at).unwrap_or("")
}

/// The bytes from `start` to `end`; a negative start is the beginning, an end that is negative or behind the text is its end.
fn part(text: &str, start: i64, end: i64) -> &str {
    let start = usize::try_from(start).unwrap_or(0).min(text.len());
    let end = usize::try_from(end).unwrap_or(text.len()).clamp(start, text.len());
    let floor = |mut at: usize| {
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    text.get(floor(start)..floor(end)).unwrap_or("")
}

fn indented(ctx: &mut Ctx<'_>, width: i64, text: &str) -> Result<String, Error> {
    let width = usize::try_from(width).map_err(|_| Error::value("the width of an indent is zero or more"))?;
    let lines = text.bytes().filter(|b| *b == b'\n').count() + 1;
    ctx.meter.alloc(lines.saturating_mul(width).saturating_add(text.len()))?;
    let pad = " ".repeat(width);
    Ok(format!("{pad}{}", text.replace('\n', &format!("\n{pad}"))))
}

/// `{_0: …, _1: …}`.
fn numbered(ctx: &mut Ctx<'_>, text: &str, separator: &str, limit: i64) -> Result<Value, Error> {
    ctx.meter.scan(text.len())?;
    let parts = split_to(ctx, text, separator, limit, false)?;
    let mut map = Map::new();
    for (at, part) in parts.as_array().unwrap_or_default().iter().enumerate() {
        ctx.meter.alloc(16)?;
        map.insert(format!("_{at}"), part.clone())?;
    }
    ctx.map(map)
}
