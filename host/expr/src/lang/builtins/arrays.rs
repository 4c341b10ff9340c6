//! Arrays and maps.

use std::sync::Arc;

use super::super::operators;
use super::super::predicates::{descending, sort_values};
use crate::budget::Meter;
use crate::error::Error;
use crate::func::{Args, Ctx, Func, MANY};
use crate::value::{Key, List, Map, Value, equal};

pub(super) const TABLE: &[Func] = &[
    Func::new("len", 1, 1, |ctx, args| {
        let len = match args.get(0) {
            Value::Str(text) => {
                ctx.meter.scan(text.len())?;
                text.chars().count()
            }
            Value::Bytes(bytes) => bytes.len(),
            Value::Array(list) => list.items().len(),
            Value::Map(map) => map.len(),
            _ => return Err(args.mismatch(0, "a string, an array or a map")),
        };
        Ok(Value::Int(i64::try_from(len).unwrap_or(i64::MAX)))
    }),
    Func::new("first", 1, 1, |_, args| Ok(args.array(0)?.first().cloned().unwrap_or_default())),
    Func::new("last", 1, 1, |_, args| Ok(args.array(0)?.last().cloned().unwrap_or_default())),
    Func::new("get", 2, 2, get),
    Func::new("take", 2, 2, |ctx, args| {
        let items = args.array(0)?;
        let count = usize::try_from(args.int(1)?).map_err(|_| args.mismatch(1, "zero or more"))?;
        ctx.array(items.get(..count.min(items.len())).unwrap_or_default().to_vec())
    }),
    Func::new("reverse", 1, 1, |ctx, args| {
        let items = args.array(0)?;
        ctx.meter.spend(items.len())?;
        ctx.array(items.iter().rev().cloned().collect())
    }),
    Func::new("concat", 1, MANY, concat),
    Func::new("flatten", 1, 1, |ctx, args| {
        let mut flat = Vec::new();
        flatten(args.array(0)?, &mut flat, &mut ctx.meter)?;
        Ok(Value::Array(Arc::new(List::new(flat)?)))
    }),
    Func::new("uniq", 1, 1, |ctx, args| {
        let kept = uniq(args.array(0)?, &mut ctx.meter)?;
        ctx.array(kept)
    }),
    Func::new("join", 1, 2, join),
    Func::new("sort", 1, 2, |ctx, args| {
        let descending = args.len() > 1 && descending(args.get(1))?;
        let mut items = args.array(0)?.to_vec();
        sort_values(&mut items, descending, |item| item, &mut ctx.meter)?;
        ctx.array(items)
    }),
    Func::new("keys", 1, 1, |ctx, args| {
        let keys = args.map(0)?.iter().map(|(key, _)| key.to_value()).collect();
        ctx.array(keys)
    }),
    Func::new("values", 1, 1, |ctx, args| {
        let values = args.map(0)?.iter().map(|(_, value)| value.clone()).collect();
        ctx.array(values)
    }),
    Func::new("toPairs", 1, 1, |ctx, args| {
        let mut pairs = Vec::new();
        for (key, value) in args.map(0)?.iter() {
            pairs.push(ctx.array(vec![key.to_value(), value.clone()])?);
        }
        ctx.array(pairs)
    }),
    Func::new("fromPairs", 1, 1, |ctx, args| {
        let mut map = Map::new();
        for pair in args.array(0)? {
            let Some([key, value]) = pair.as_array() else {
                return Err(Error::ty(format!("`fromPairs` needs pairs `[key, value]`, not {}", pair.describe())));
            };
            let key = Key::from_value(key)
                .ok_or_else(|| Error::ty(format!("{} cannot be a key of a map", key.describe())))?;
            map.insert(key, value.clone())?;
        }
        ctx.map(map)
    }),
];

fn get(_: &mut Ctx<'_>, args: Args<'_>) -> Result<Value, Error> {
    let (value, key) = (args.get(0), args.get(1));
    Ok(match value {
        Value::Nil => Value::Nil,
        Value::Map(_) | Value::Array(_) => operators::index(value, key).unwrap_or_default(),
        _ => return Err(args.mismatch(0, "an array or a map")),
    })
}

fn concat(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<Value, Error> {
    let mut all = Vec::new();
    for at in 0..args.len() {
        let items = args.array(at)?;
        ctx.meter.spend(items.len())?;
        ctx.meter.alloc_items(items.len())?;
        all.extend_from_slice(items);
    }
    Ok(Value::Array(Arc::new(List::new(all)?)))
}

/// Recursion is bounded by the nesting of values.
fn flatten(items: &[Value], flat: &mut Vec<Value>, meter: &mut Meter) -> Result<(), Error> {
    for item in items {
        meter.alloc(size_of::<Value>())?;
        match item {
            Value::Array(inner) => flatten(inner.items(), flat, meter)?,
            other => flat.push(other.clone()),
        }
    }
    Ok(())
}

/// The first of each run of equal items, wherever they stand.
pub(crate) fn uniq(items: &[Value], meter: &mut Meter) -> Result<Vec<Value>, Error> {
    let mut seen = std::collections::HashSet::new();
    let mut kept: Vec<Value> = Vec::new();
    let mut odd: Vec<Value> = Vec::new();
    for item in items {
        meter.spend(1)?;
        let is_new = match Key::from_value(item) {
            Some(key) => seen.insert(key),
            // Arrays and the like are compared one by one.
            None => {
                let mut is_new = true;
                for other in &odd {
                    if equal(item, other, meter)? {
                        is_new = false;
                        break;
                    }
                }
                if is_new {
                    odd.push(item.clone());
                }
                is_new
            }
        };
        if is_new {
            kept.push(item.clone());
        }
    }
    Ok(kept)
}

fn join(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<Value, Error> {
    let items = args.array(0)?;
    let glue = if args.len() > 1 { args.str(1)? } else { "" };
    let mut size = glue.len().saturating_mul(items.len());
    let mut parts = Vec::with_capacity(items.len());
    for item in items {
        let part = item.as_str().ok_or_else(|| {
            Error::ty(format!("`join` needs texts, not {}", item.describe())).hint("`map(list, string(#))` makes texts")
        })?;
        size += part.len();
        parts.push(part);
    }
    ctx.meter.alloc(size)?;
    Ok(Value::from(parts.join(glue)))
}
