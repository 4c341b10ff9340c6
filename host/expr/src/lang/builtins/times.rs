//! Times. The current one is the caller's.

use std::sync::Arc;

use crate::error::Error;
use crate::func::{Args, Ctx, Func};
use crate::time::{Time, Zone, parse_any, parse_duration, parse_time};
use crate::value::Value;

/// Steps charged for loading a time zone.
const ZONE_STEPS: usize = 500;

pub(super) const TABLE: &[Func] = &[
    Func::new("now", 0, 0, |ctx, _| Ok(Value::Time(Arc::new(Time::utc(ctx.now()?))))),
    Func::new("duration", 1, 1, |_, args| parse_duration(args.str(0)?).map(Value::Duration)),
    Func::new("timezone", 1, 1, |ctx, args| {
        ctx.meter.spend(ZONE_STEPS)?;
        Ok(Value::Zone(Arc::new(Zone::find(args.str(0)?)?)))
    }),
    Func::new("date", 1, 3, date),
];

fn date(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<Value, Error> {
    let text = match args.get(0) {
        // A time is its own date.
        Value::Time(time) if args.len() == 1 => return Ok(Value::Time(time.clone())),
        _ => args.str(0)?,
    };
    ctx.meter.spend(50)?;
    let zone = match args.len() {
        3 => {
            ctx.meter.spend(ZONE_STEPS)?;
            Zone::find(args.str(2)?)?
        }
        _ => Zone::Utc,
    };
    let time = if args.len() > 1 {
        ctx.meter.scan(args.str(1)?.len().saturating_mul(16))?;
        parse_time(text, args.str(1)?, &zone)?
    } else {
        parse_any(text, &zone)?
    };
    Ok(Value::Time(Arc::new(time)))
}
