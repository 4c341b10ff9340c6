//! The methods that expressions call on times and durations: `date(x).Year()`, `duration(x).Hours()`.

use std::sync::Arc;

use super::{Time, Zone, format_time, round_duration, truncate_duration, zero_time};
use crate::error::Error;
use crate::value::Value;

/// Names for suggestions.
pub(crate) const TIME_METHODS: [&str; 31] = [
    "Year",
    "Month",
    "Day",
    "Hour",
    "Minute",
    "Second",
    "Nanosecond",
    "Weekday",
    "YearDay",
    "Unix",
    "UnixMilli",
    "UnixMicro",
    "UnixNano",
    "Format",
    "Add",
    "Sub",
    "AddDate",
    "In",
    "UTC",
    "Local",
    "Location",
    "Truncate",
    "Round",
    "Before",
    "After",
    "Equal",
    "Compare",
    "IsZero",
    "String",
    "GoString",
    "IsDST",
];
pub(crate) const DURATION_METHODS: [&str; 10] = [
    "Hours",
    "Minutes",
    "Seconds",
    "Milliseconds",
    "Microseconds",
    "Nanoseconds",
    "String",
    "Round",
    "Truncate",
    "Abs",
];

fn time_value(time: Time) -> Value {
    Value::Time(Arc::new(time))
}

fn other_time(args: &[Value]) -> Result<&Time, Error> {
    match args {
        [Value::Time(time)] => Ok(time),
        _ => Err(Error::ty("expected one argument, a time")),
    }
}

fn span(args: &[Value]) -> Result<i64, Error> {
    match args {
        [Value::Duration(ns)] | [Value::Int(ns)] => Ok(*ns),
        _ => Err(Error::ty("expected one argument, a duration")),
    }
}

/// Calls `time.name(args)`; `None` when there is no such method.
pub(crate) fn time_method(time: &Time, name: &str, args: &[Value]) -> Option<Result<Value, Error>> {
    let int = |n: i64| Ok(Value::Int(n));
    let civil = time.civil();
    Some(match name {
        "Year" => int(civil.year().into()),
        "Month" => Ok(Value::Month(civil.month().unsigned_abs())),
        "Day" => int(civil.day().into()),
        "Hour" => int(civil.hour().into()),
        "Minute" => int(civil.minute().into()),
        "Second" => int(civil.second().into()),
        "Nanosecond" => int(civil.subsec_nanosecond().into()),
        "Weekday" => Ok(Value::Weekday(civil.weekday().to_sunday_zero_offset().unsigned_abs())),
        "YearDay" => int(civil.day_of_year().into()),
        "Unix" => int(time.at().as_nanosecond().div_euclid(1_000_000_000) as i64),
        "UnixMilli" => int(time.at().as_nanosecond().div_euclid(1_000_000) as i64),
        "UnixMicro" => int(time.at().as_nanosecond().div_euclid(1_000) as i64),
        "UnixNano" => int(time.at().as_nanosecond() as i64),
        "Format" => match args {
            [Value::Str(layout)] => Ok(Value::from(format_time(time, layout))),
            _ => Err(Error::ty("expected one argument, a layout such as `2006-01-02`")),
        },
        "Add" => span(args).and_then(|ns| time.plus(ns)).map(time_value),
        "Sub" => other_time(args).map(|other| Value::Duration(time.since(other))),
        "AddDate" => match args {
            [years, months, days] => match (years.as_int(), months.as_int(), days.as_int()) {
                (Some(y), Some(m), Some(d)) if [y, m, d].iter().all(|n| n.abs() < 10_000_000) => {
                    time.add_date(y, m, d).map(time_value)
                }
                _ => Err(Error::ty("expected three integers: years, months, days")),
            },
            _ => Err(Error::ty("expected three integers: years, months, days")),
        },
        "In" => match args {
            [Value::Zone(zone)] => Ok(time_value(time.in_zone(zone.as_ref().clone()))),
            _ => Err(Error::ty("expected one argument, `timezone(\"…\")`")),
        },
        "UTC" => Ok(time_value(time.in_zone(Zone::Utc))),
        "Local" => Ok(time_value(time.in_zone(Zone::Local))),
        "Location" => Ok(Value::Zone(Arc::new(time.zone().clone()))),
        "Truncate" | "Round" => span(args).and_then(|unit| {
            // Go counts multiples from its zero time.
            let since = i128::from(unit.max(1));
            let elapsed = time.at().as_nanosecond() - zero_time().at().as_nanosecond();
            let rest = elapsed.rem_euclid(since);
            let back = if unit <= 0 {
                0
            } else if name == "Round" && rest * 2 >= since {
                rest - since
            } else {
                rest
            };
            time.plus(i64::try_from(-back).unwrap_or(0)).map(time_value)
        }),
        "Before" => other_time(args).map(|other| Value::Bool(time.at() < other.at())),
        "After" => other_time(args).map(|other| Value::Bool(time.at() > other.at())),
        "Equal" => other_time(args).map(|other| Value::Bool(time.at() == other.at())),
        "Compare" => other_time(args).map(|other| Value::Int(time.at().cmp(&other.at()) as i64)),
        "IsZero" => Ok(Value::Bool(time.at() == zero_time().at())),
        "String" | "GoString" => Ok(Value::from(time.to_string())),
        "IsDST" => Ok(Value::Bool(match time.zone() {
            Zone::Named(_, zone) => zone.to_offset_info(time.at()).dst().is_dst(),
            _ => false,
        })),
        _ => return None,
    })
}

/// Calls `duration.name(args)`; `None` when there is no such method.
pub(crate) fn duration_method(ns: i64, name: &str, args: &[Value]) -> Option<Result<Value, Error>> {
    let float = |unit: f64| Ok(Value::Float(ns as f64 / unit));
    Some(match name {
        "Hours" => float(3.6e12),
        "Minutes" => float(6e10),
        "Seconds" => float(1e9),
        "Milliseconds" => Ok(Value::Int(ns / 1_000_000)),
        "Microseconds" => Ok(Value::Int(ns / 1_000)),
        "Nanoseconds" => Ok(Value::Int(ns)),
        "String" => Ok(Value::from(super::duration_text(ns))),
        "Round" => span(args).map(|unit| Value::Duration(round_duration(ns, unit))),
        "Truncate" => span(args).map(|unit| Value::Duration(truncate_duration(ns, unit))),
        "Abs" => Ok(Value::Duration(ns.saturating_abs())),
        _ => return None,
    })
}
