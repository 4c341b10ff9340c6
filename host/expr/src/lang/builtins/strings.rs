//! Texts.

use crate::error::Error;
use crate::func::{Args, Ctx, Func};
use crate::value::Value;

pub(super) const TABLE: &[Func] = &[
    Func::new("trim", 1, 2, trim),
    Func::new("trimPrefix", 1, 2, |ctx, args| {
        let (text, prefix) = (args.str(0)?, optional(args, 1, " ")?);
        ctx.string(text.strip_prefix(prefix).unwrap_or(text))
    }),
    Func::new("trimSuffix", 1, 2, |ctx, args| {
        let (text, suffix) = (args.str(0)?, optional(args, 1, " ")?);
        ctx.string(text.strip_suffix(suffix).unwrap_or(text))
    }),
    Func::new("upper", 1, 1, |ctx, args| {
        ctx.meter.scan(args.str(0)?.len())?;
        ctx.string(upper(args.str(0)?))
    }),
    Func::new("lower", 1, 1, |ctx, args| {
        ctx.meter.scan(args.str(0)?.len())?;
        ctx.string(lower(args.str(0)?))
    }),
    Func::new("split", 2, 3, |ctx, args| split(ctx, args, false)),
    Func::new("splitAfter", 2, 3, |ctx, args| split(ctx, args, true)),
    Func::new("replace", 3, 3, |ctx, args| replace(ctx, args.str(0)?, args.str(1)?, args.str(2)?)),
    Func::new("repeat", 2, 2, |ctx, args| {
        let times = usize::try_from(args.int(1)?).map_err(|_| args.mismatch(1, "zero or more"))?;
        repeat(ctx, args.str(0)?, times)
    }),
    Func::new("indexOf", 2, 2, |ctx, args| {
        ctx.meter.scan(args.str(0)?.len())?;
        Ok(place(args.str(0)?.find(args.str(1)?)))
    }),
    Func::new("lastIndexOf", 2, 2, |ctx, args| {
        ctx.meter.scan(args.str(0)?.len())?;
        Ok(place(args.str(0)?.rfind(args.str(1)?)))
    }),
    Func::new("hasPrefix", 2, 2, |_, args| Ok(Value::Bool(args.str(0)?.starts_with(args.str(1)?)))),
    Func::new("hasSuffix", 2, 2, |_, args| Ok(Value::Bool(args.str(0)?.ends_with(args.str(1)?)))),
];

fn optional<'a>(args: Args<'a>, at: usize, default: &'a str) -> Result<&'a str, Error> {
    if args.len() > at { args.str(at) } else { Ok(default) }
}

fn place(at: Option<usize>) -> Value {
    Value::Int(at.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1))
}

fn trim(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<Value, Error> {
    let text = args.str(0)?;
    ctx.meter.scan(text.len())?;
    if args.len() == 1 {
        return ctx.string(text.trim());
    }
    let cut = args.str(1)?;
    ctx.string(trim_set(text, cut))
}

/// `text` without the characters of `cut` at both ends.
pub(crate) fn trim_set<'t>(text: &'t str, cut: &str) -> &'t str {
    text.trim_matches(|c| cut.contains(c))
}

/// Upper case, one character for one, as Go does it (`ß` stays).
pub(crate) fn upper(text: &str) -> String {
    text.chars().map(|c| one(c.to_uppercase(), c)).collect()
}

/// Lower case, one character for one.
pub(crate) fn lower(text: &str) -> String {
    text.chars().map(|c| one(c.to_lowercase(), c)).collect()
}

fn one(mut mapped: impl Iterator<Item = char>, original: char) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(c), None) => c,
        _ => original,
    }
}

fn split(ctx: &mut Ctx<'_>, args: Args<'_>, after: bool) -> Result<Value, Error> {
    let (text, separator) = (args.str(0)?, args.str(1)?);
    let limit = if args.len() > 2 { args.int(2)? } else { -1 };
    ctx.meter.scan(text.len())?;
    split_to(ctx, text, separator, limit, after)
}

/// At most `limit` parts (all when it is negative, none at all when it is zero); with `after`, the separators stay at the ends of the parts.
/// An empty separator splits into characters.
pub(crate) fn split_to(
    ctx: &mut Ctx<'_>,
    text: &str,
    separator: &str,
    limit: i64,
    after: bool,
) -> Result<Value, Error> {
    if limit == 0 {
        return ctx.array(Vec::new());
    }
    let mut parts = Parts { rest: Some(text), separator, left: usize::try_from(limit).unwrap_or(usize::MAX), after };
    if separator.is_empty() && text.is_empty() {
        return ctx.array(Vec::new());
    }
    ctx.strings(&mut parts)
}

struct Parts<'t> {
    rest: Option<&'t str>,
    separator: &'t str,
    left: usize,
    after: bool,
}

impl<'t> Iterator for Parts<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        let rest = self.rest?;
        let found = match (self.left, self.separator) {
            (..=1, _) => None,
            (_, "") => rest.chars().next().map(char::len_utf8).filter(|len| *len < rest.len()),
            _ => rest.find(self.separator),
        };
        let Some(at) = found else {
            self.rest = None;
            return Some(rest);
        };
        self.left -= 1;
        self.rest = rest.get(at + self.separator.len()..);
        rest.get(..if self.after { at + self.separator.len() } else { at })
    }
}

/// Every `old` of `text` by `new`, the size of the result checked first.
pub(crate) fn replace(ctx: &mut Ctx<'_>, text: &str, old: &str, new: &str) -> Result<Value, Error> {
    ctx.meter.scan(text.len())?;
    let count = if old.is_empty() { text.chars().count() + 1 } else { text.matches(old).count() };
    let grown = count.saturating_mul(new.len()).saturating_add(text.len());
    ctx.meter.alloc(grown)?;
    Ok(Value::from(text.replace(old, new)))
}

/// `text`, `times` over, the size checked first.
pub(crate) fn repeat(ctx: &mut Ctx<'_>, text: &str, times: usize) -> Result<Value, Error> {
    ctx.meter.alloc(text.len().saturating_mul(times))?;
    Ok(Value::from(text.repeat(times)))
}
