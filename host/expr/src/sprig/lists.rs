//! Lists.

use super::convert::{is_empty, list, list_of};
use crate::error::Error;
use crate::func::{Args, Ctx, Func, MANY};
use crate::lang::text::uniq;
use crate::value::{Value, equal};

pub(super) const TABLE: &[Func] = &[
    Func::new("sprig.list", 0, MANY, |ctx, args| ctx.array(args.values.to_vec())),
    Func::new("sprig.tuple", 0, MANY, |ctx, args| ctx.array(args.values.to_vec())),
    Func::new("sprig.first", 1, 1, first),
    Func::new("sprig.mustFirst", 1, 1, first),
    Func::new("sprig.last", 1, 1, last),
    Func::new("sprig.mustLast", 1, 1, last),
    Func::new("sprig.rest", 1, 1, rest),
    Func::new("sprig.mustRest", 1, 1, rest),
    Func::new("sprig.initial", 1, 1, initial),
    Func::new("sprig.mustInitial", 1, 1, initial),
    Func::new("sprig.append", 2, 2, append),
    Func::new("sprig.mustAppend", 2, 2, append),
    Func::new("sprig.push", 2, 2, append),
    Func::new("sprig.mustPush", 2, 2, append),
    Func::new("sprig.prepend", 2, 2, prepend),
    Func::new("sprig.mustPrepend", 2, 2, prepend),
    Func::new("sprig.reverse", 1, 1, reverse),
    Func::new("sprig.mustReverse", 1, 1, reverse),
    Func::new("sprig.uniq", 1, 1, uniq_list),
    Func::new("sprig.mustUniq", 1, 1, uniq_list),
    Func::new("sprig.without", 1, MANY, without),
    Func::new("sprig.mustWithout", 1, MANY, without),
    Func::new("sprig.has", 2, 2, has),
    Func::new("sprig.mustHas", 2, 2, has),
    Func::new("sprig.compact", 1, 1, compact),
    Func::new("sprig.mustCompact", 1, 1, compact),
    Func::new("sprig.slice", 1, 3, slice),
    Func::new("sprig.mustSlice", 1, 3, slice),
    Func::new("sprig.chunk", 2, 2, chunk),
    Func::new("sprig.mustChunk", 2, 2, chunk),
    Func::new("sprig.concat", 0, MANY, |ctx, args| {
        let mut all = Vec::new();
        for at in 0..args.len() {
            let items = list(&args, at)?;
            ctx.meter.alloc_items(items.len())?;
            all.extend_from_slice(items);
        }
        list_of(ctx, all)
    }),
];

type Made = Result<Value, Error>;

fn first(_: &mut Ctx<'_>, args: Args<'_>) -> Made {
    Ok(list(&args, 0)?.first().cloned().unwrap_or_default())
}

fn last(_: &mut Ctx<'_>, args: Args<'_>) -> Made {
    Ok(list(&args, 0)?.last().cloned().unwrap_or_default())
}

fn rest(ctx: &mut Ctx<'_>, args: Args<'_>) -> Made {
    let items = list(&args, 0)?.split_first().map_or(&[][..], |(_, rest)| rest);
    list_of(ctx, items.to_vec())
}

fn initial(ctx: &mut Ctx<'_>, args: Args<'_>) -> Made {
    let items = list(&args, 0)?.split_last().map_or(&[][..], |(_, initial)| initial);
    list_of(ctx, items.to_vec())
}

fn append(ctx: &mut Ctx<'_>, args: Args<'_>) -> Made {
    let mut items = list(&args, 0)?.to_vec();
    items.push(args.get(1).clone());
    list_of(ctx, items)
}

fn prepend(ctx: &mut Ctx<'_>, args: Args<'_>) -> Made {
    let mut items = vec![args.get(1).clone()];
    items.extend_from_slice(list(&args, 0)?);
    list_of(ctx, items)
}

fn reverse(ctx: &mut Ctx<'_>, args: Args<'_>) -> Made {
    list_of(ctx, list(&args, 0)?.iter().rev().cloned().collect())
}

fn uniq_list(ctx: &mut Ctx<'_>, args: Args<'_>) -> Made {
    let kept = uniq(list(&args, 0)?, &mut ctx.meter)?;
    list_of(ctx, kept)
}

fn without(ctx: &mut Ctx<'_>, args: Args<'_>) -> Made {
    let omitted = args.values.get(1..).unwrap_or_default();
    let mut kept = Vec::new();
    for item in list(&args, 0)? {
        if !contains(ctx, omitted, item)? {
            kept.push(item.clone());
        }
    }
    list_of(ctx, kept)
}

fn has(ctx: &mut Ctx<'_>, args: Args<'_>) -> Made {
    contains(ctx, list(&args, 1)?, args.get(0)).map(Value::Bool)
}

fn contains(ctx: &mut Ctx<'_>, items: &[Value], item: &Value) -> Result<bool, Error> {
    for candidate in items {
        if equal(candidate, item, &mut ctx.meter)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn compact(ctx: &mut Ctx<'_>, args: Args<'_>) -> Made {
    list_of(ctx, list(&args, 0)?.iter().filter(|item| !is_empty(item)).cloned().collect())
}

fn slice(ctx: &mut Ctx<'_>, args: Args<'_>) -> Made {
    let items = list(&args, 0)?;
    if items.is_empty() {
        return Ok(Value::Nil);
    }
    let bound = |at: usize, default: usize| -> Result<usize, Error> {
        if at >= args.len() {
            Ok(default)
        } else {
            usize::try_from(args.int(at)?).map_err(|_| args.mismatch(at, "zero or more"))
        }
    };
    let (from, to) = (bound(1, 0)?, bound(2, items.len())?);
    let part = items.get(from..to).ok_or_else(|| {
        Error::value(format!("`{}`: {from} to {to} is not within a list of {}", args.name, items.len()))
    })?;
    list_of(ctx, part.to_vec())
}

fn chunk(ctx: &mut Ctx<'_>, args: Args<'_>) -> Made {
    let size = usize::try_from(args.int(0)?).ok().filter(|size| *size > 0);
    let size = size.ok_or_else(|| args.mismatch(0, "one or more"))?;
    let mut chunks = Vec::new();
    for part in list(&args, 1)?.chunks(size) {
        chunks.push(list_of(ctx, part.to_vec())?);
    }
    list_of(ctx, chunks)
}
