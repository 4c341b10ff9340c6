//! Maps. Functions that change one give a changed copy.

use super::convert::{copy_map, is_empty, strval};
use crate::error::Error;
use crate::func::{Args, Ctx, Func, MANY};
use crate::value::{Key, Map, Value};

pub(super) const TABLE: &[Func] = &[
    Func::new("sprig.dict", 0, MANY, |ctx, args| {
        let mut map = Map::new();
        for pair in args.values.chunks(2) {
            let key = strval(pair.first().unwrap_or(&Value::Nil), &mut ctx.meter)?;
            map.insert(key, pair.get(1).cloned().unwrap_or_else(|| Value::from("")))?;
        }
        ctx.map(map)
    }),
    Func::new("sprig.get", 2, 2, |_, args| {
        Ok(args.map(0)?.get(args.str(1)?).cloned().unwrap_or_else(|| Value::from("")))
    }),
    Func::new("sprig.set", 3, 3, |ctx, args| {
        let mut map = copy_map(ctx, args.map(0)?)?;
        map.insert(args.str(1)?, args.get(2).clone())?;
        ctx.map(map)
    }),
    Func::new("sprig.unset", 2, 2, |ctx, args| {
        let mut map = copy_map(ctx, args.map(0)?)?;
        map.remove(args.str(1)?);
        ctx.map(map)
    }),
    Func::new("sprig.hasKey", 2, 2, |_, args| Ok(Value::Bool(args.map(0)?.get(args.str(1)?).is_some()))),
    Func::new("sprig.pluck", 1, MANY, |ctx, args| {
        let key = args.str(0)?;
        let mut found = Vec::new();
        for at in 1..args.len() {
            found.extend(args.map(at)?.get(key).cloned());
        }
        ctx.array(found)
    }),
    Func::new("sprig.keys", 0, MANY, |ctx, args| {
        let mut keys = Vec::new();
        for at in 0..args.len() {
            let map = args.map(at)?;
            ctx.meter.alloc_items(map.len())?;
            keys.extend(map.iter().map(|(key, _)| key.to_value()));
        }
        ctx.array(keys)
    }),
    Func::new("sprig.values", 1, 1, |ctx, args| {
        let values = args.map(0)?.iter().map(|(_, value)| value.clone()).collect();
        ctx.array(values)
    }),
    Func::new("sprig.pick", 1, MANY, |ctx, args| {
        let map = args.map(0)?;
        let mut picked = Map::new();
        for at in 1..args.len() {
            if let Some(value) = map.get(args.str(at)?) {
                picked.insert(args.str(at)?, value.clone())?;
            }
        }
        ctx.map(picked)
    }),
    Func::new("sprig.omit", 1, MANY, |ctx, args| {
        let mut map = copy_map(ctx, args.map(0)?)?;
        for at in 1..args.len() {
            map.remove(args.str(at)?);
        }
        ctx.map(map)
    }),
    Func::new("sprig.merge", 1, MANY, |ctx, args| merge(ctx, args, false)),
    Func::new("sprig.mustMerge", 1, MANY, |ctx, args| merge(ctx, args, false)),
    Func::new("sprig.mergeOverwrite", 1, MANY, |ctx, args| merge(ctx, args, true)),
    Func::new("sprig.mustMergeOverwrite", 1, MANY, |ctx, args| merge(ctx, args, true)),
    Func::new("sprig.dig", 3, MANY, dig),
];

fn merge(ctx: &mut Ctx<'_>, args: Args<'_>, overwrite: bool) -> Result<Value, Error> {
    let mut merged = copy_map(ctx, args.map(0)?)?;
    for at in 1..args.len() {
        merge_into(ctx, &mut merged, args.map(at)?, overwrite)?;
    }
    ctx.map(merged)
}

/// Recursion is bounded by the nesting of values.
fn merge_into(ctx: &mut Ctx<'_>, to: &mut Map, from: &Map, overwrite: bool) -> Result<(), Error> {
    for (key, value) in from.iter() {
        ctx.meter.spend(1)?;
        let merged = match (to.get_key(key), value) {
            (Some(Value::Map(old)), Value::Map(new)) => {
                let mut inner = copy_map(ctx, old)?;
                merge_into(ctx, &mut inner, new, overwrite)?;
                ctx.map(inner)?
            }
            (Some(old), _) if !overwrite && !is_empty(old) => continue,
            _ => value.clone(),
        };
        to.insert(key.clone(), merged)?;
    }
    Ok(())
}

/// `dig "a" "b" default dict`.
fn dig(_: &mut Ctx<'_>, args: Args<'_>) -> Result<Value, Error> {
    let last = args.len() - 1;
    let mut at = args.get(last).clone();
    for place in 0..last - 1 {
        let key = Key::from(args.str(place)?);
        let Value::Map(map) = &at else {
            return Err(Error::ty(format!("`sprig.dig` looks for `{key}` in a map, not in {}", at.describe())));
        };
        match map.get_key(&key) {
            Some(value) => at = value.clone(),
            None => return Ok(args.get(last - 1).clone()),
        }
    }
    Ok(at)
}
