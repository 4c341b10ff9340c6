//! Dates. The current time is the caller's.

use std::sync::Arc;

use jiff::Timestamp;

use crate::error::Error;
use crate::func::{Args, Ctx, Func};
use crate::time::{Time, Zone, duration_text, format_time, parse_duration, parse_time, truncate_duration, zero_time};
use crate::value::Value;

const SECOND: i64 = 1_000_000_000;
/// Steps charged for loading a time zone and walking over a layout.
const ZONE_STEPS: usize = 500;

pub(super) const TABLE: &[Func] = &[
    Func::new("sprig.now", 0, 0, |ctx, _| Ok(Value::Time(Arc::new(Time::utc(ctx.now()?))))),
    Func::new("sprig.ago", 1, 1, |ctx, args| {
        let since = Time::utc(ctx.now()?).since(&moment(ctx, args.get(0))?);
        ctx.string(duration_text(truncate_duration(since, SECOND)))
    }),
    Func::new("sprig.date", 2, 2, |ctx, args| formatted(ctx, args.str(0)?, args.get(1), "Local")),
    Func::new("sprig.dateInZone", 3, 3, |ctx, args| formatted(ctx, args.str(0)?, args.get(1), args.str(2)?)),
    Func::new("sprig.date_in_zone", 3, 3, |ctx, args| formatted(ctx, args.str(0)?, args.get(1), args.str(2)?)),
    Func::new("sprig.htmlDate", 1, 1, |ctx, args| formatted(ctx, "2006-01-02", args.get(0), "Local")),
    Func::new("sprig.htmlDateInZone", 2, 2, |ctx, args| formatted(ctx, "2006-01-02", args.get(0), args.str(1)?)),
    Func::new("sprig.dateModify", 2, 2, |ctx, args| modified(ctx, args, false)),
    Func::new("sprig.date_modify", 2, 2, |ctx, args| modified(ctx, args, false)),
    Func::new("sprig.mustDateModify", 2, 2, |ctx, args| modified(ctx, args, true)),
    Func::new("sprig.must_date_modify", 2, 2, |ctx, args| modified(ctx, args, true)),
    Func::new("sprig.duration", 1, 1, |ctx, args| {
        let seconds = match args.get(0) {
            Value::Str(text) => text.parse().unwrap_or(0),
            other => other.as_int().unwrap_or(0),
        };
        ctx.string(duration_text(SECOND.saturating_mul(seconds)))
    }),
    Func::new("sprig.durationRound", 1, 1, |ctx, args| {
        let ns = match args.get(0) {
            Value::Str(text) => parse_duration(text).unwrap_or(0),
            Value::Duration(ns) => *ns,
            Value::Int(seconds) => SECOND.saturating_mul(*seconds),
            Value::Time(time) => Time::utc(ctx.now()?).since(time),
            _ => 0,
        };
        ctx.string(rounded(ns))
    }),
    Func::new("sprig.toDate", 2, 2, |_, args| {
        Ok(Value::Time(Arc::new(parse_time(args.str(1)?, args.str(0)?, &Zone::Local).unwrap_or_else(|_| zero_time()))))
    }),
    Func::new("sprig.mustToDate", 2, 2, |_, args| {
        parse_time(args.str(1)?, args.str(0)?, &Zone::Local).map(|time| Value::Time(Arc::new(time)))
    }),
    Func::new("sprig.unixEpoch", 1, 1, |ctx, args| match args.get(0) {
        Value::Time(time) => ctx.string(time.at().as_second().to_string()),
        _ => Err(args.mismatch(0, "a time")),
    }),
];

/// A time as it is, a number as seconds since 1970, anything else is now.
fn moment(ctx: &Ctx<'_>, value: &Value) -> Result<Time, Error> {
    match value {
        Value::Time(time) => Ok(time.as_ref().clone()),
        Value::Int(seconds) => Timestamp::from_second(*seconds)
            .map(Time::utc)
            .map_err(|_| Error::value(format!("the time {seconds} is out of range"))),
        _ => ctx.now().map(Time::utc),
    }
}

fn formatted(ctx: &mut Ctx<'_>, layout: &str, value: &Value, zone: &str) -> Result<Value, Error> {
    ctx.meter.scan(layout.len().saturating_mul(16))?;
    ctx.meter.spend(ZONE_STEPS)?;
    // A zone that is not known is UTC, as in sprig.
    let zone = Zone::find(zone).unwrap_or(Zone::Utc);
    let time = moment(ctx, value)?.in_zone(zone);
    ctx.meter.alloc(layout.len().saturating_mul(5))?;
    Ok(Value::from(format_time(&time, layout)))
}

fn modified(ctx: &mut Ctx<'_>, args: Args<'_>, must: bool) -> Result<Value, Error> {
    let time = moment(ctx, args.get(1))?;
    let by = match parse_duration(args.str(0)?) {
        Ok(by) => by,
        Err(error) if must => return Err(error),
        Err(_) => 0,
    };
    Ok(Value::Time(Arc::new(time.plus(by)?)))
}

/// The largest unit only: `2h`, `3mo`.
fn rounded(ns: i64) -> String {
    let seconds = ns.unsigned_abs() / SECOND.unsigned_abs();
    let (minute, hour, day) = (60, 3600, 24 * 3600);
    let (unit, name) = match seconds {
        s if s >= 365 * day => (365 * day, "y"),
        s if s >= 30 * day => (30 * day, "mo"),
        s if s >= day => (day, "d"),
        s if s >= hour => (hour, "h"),
        s if s >= minute => (minute, "m"),
        s if s >= 1 => (1, "s"),
        _ => return "0s".to_owned(),
    };
    format!("{}{name}", seconds / unit)
}
