//! Durations as Go writes and reads them.

use crate::error::Error;

const MICRO: u64 = 1_000;
const MILLI: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;

/// `1h30m0s`, `1.5s`, `2ms`, `0s`.
pub(crate) fn duration_text(ns: i64) -> String {
    let abs = ns.unsigned_abs();
    let sign = if ns < 0 { "-" } else { "" };
    let fraction = |value: u64, unit: u64| {
        let (whole, rest) = (value / unit, value % unit);
        if rest == 0 {
            return whole.to_string();
        }
        let digits = unit.ilog10() as usize;
        format!("{whole}.{}", format!("{rest:0digits$}").trim_end_matches('0'))
    };
    match abs {
        0 => "0s".to_owned(),
        _ if abs < MICRO => format!("{sign}{abs}ns"),
        _ if abs < MILLI => format!("{sign}{}µs", fraction(abs, MICRO)),
        _ if abs < SECOND => format!("{sign}{}ms", fraction(abs, MILLI)),
        _ => {
            let (minutes, rest) = (abs / (60 * SECOND), abs % (60 * SECOND));
            let seconds = fraction(rest, SECOND);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, m) => format!("{sign}{m}m{seconds}s"),
                (h, m) => format!("{sign}{h}h{m}m{seconds}s"),
            }
        }
    }
}

/// Reads `1h30m`, `-1.5h`, `300ms` … into nanoseconds.
pub(crate) fn parse_duration(text: &str) -> Result<i64, Error> {
    let invalid = || {
        Error::value(format!("invalid duration {text:?}"))
            .expected("a number with a unit such as `300ms`, `10s`, `1h30m`")
    };
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or("")),
        Some(b'+') => (false, text.get(1..).unwrap_or("")),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let number_len = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(|| invalid().hint("the last number has no unit"))?;
        let (number, tail) = rest.split_at(number_len);
        let unit_len = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, after) = tail.split_at(unit_len);
        let unit_ns: u128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => MICRO.into(),
            "ms" => MILLI.into(),
            "s" => SECOND.into(),
            "m" => (60 * SECOND).into(),
            "h" => (3600 * SECOND).into(),
            _ => return Err(invalid().hint(format!("`{unit}` is not a unit"))),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || number.len() > 40 {
            return Err(invalid());
        }
        let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
        let mut part = whole.checked_mul(unit_ns).ok_or_else(invalid)?;
        let mut scale = unit_ns;
        for digit in fraction.bytes() {
            // Digits below a nanosecond have no effect.
            part += u128::from(digit - b'0') * scale / 10;
            scale /= 10;
        }
        total = total.checked_add(part).ok_or_else(invalid)?;
        rest = after;
    }
    let total = i128::try_from(total).map_err(|_| invalid())?;
    i64::try_from(if negative { -total } else { total }).map_err(|_| invalid())
}

/// Rounded towards zero to a multiple of `unit`; unchanged when `unit` is not positive.
pub(crate) fn truncate_duration(ns: i64, unit: i64) -> i64 {
    if unit <= 0 { ns } else { ns - ns % unit }
}

/// Rounded half away from zero to a multiple of `unit`; unchanged when `unit` is not positive.
pub(crate) fn round_duration(ns: i64, unit: i64) -> i64 {
    if unit <= 0 {
        return ns;
    }
    let rest = ns % unit;
    let down = ns - rest;
    if rest.unsigned_abs().saturating_mul(2) < unit.unsigned_abs() {
        down
    } else if ns < 0 {
        down.saturating_sub(unit)
    } else {
        down.saturating_add(unit)
    }
}
