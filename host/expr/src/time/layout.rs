//! Go's layouts by example: `Mon Jan 2 15:04:05 MST 2006`.

use std::fmt::Write as _;

use jiff::civil::{Date, DateTime, Time as ClockTime};

use super::{MONTHS, Time, WEEKDAYS, Zone};
use crate::error::Error;

/// One element of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    LongMonth,
    ShortMonth,
    Month {
        zero: bool,
    },
    LongWeekday,
    ShortWeekday,
    Day {
        pad: Pad,
    },
    YearDay {
        pad: Pad,
    },
    Hour24,
    Hour12 {
        zero: bool,
    },
    Minute {
        zero: bool,
    },
    Second {
        zero: bool,
    },
    Year4,
    Year2,
    AmPm {
        upper: bool,
    },
    ZoneName,
    /// `Z07:00` and relatives: `z` prints `Z` for UTC.
    ZoneOffset {
        z: bool,
        colon: bool,
        minutes: bool,
        seconds: bool,
    },
    /// `.000` (fixed) or `.999` (trailing zeros dropped), with its separator.
    Fraction {
        separator: u8,
        digits: usize,
        fixed: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pad {
    None,
    Zero,
    Space,
}

const OFFSETS: [(&str, bool, bool, bool, bool); 10] = [
    ("Z07:00:00", true, true, true, true),
    ("Z070000", true, false, true, true),
    ("Z07:00", true, true, true, false),
    ("Z0700", true, false, true, false),
    ("Z07", true, false, false, false),
    ("-07:00:00", false, true, true, true),
    ("-070000", false, false, true, true),
    ("-07:00", false, true, true, false),
    ("-0700", false, false, true, false),
    ("-07", false, false, false, false),
];

/// Splits `layout` at its first item: the literal before it, the item, the rest.
fn next_item(layout: &str) -> (&str, Option<Item>, &str) {
    for at in 0..layout.len() {
        let Some(tail) = layout.get(at..) else { continue };
        if let Some((item, len)) = item_at(tail) {
            // `_2006` is an underscore and a year.
            let skip = usize::from(tail.starts_with("_2006"));
            return (layout.get(..at + skip).unwrap_or(""), Some(item), tail.get(skip + len..).unwrap_or(""));
        }
    }
    (layout, None, "")
}

fn item_at(tail: &str) -> Option<(Item, usize)> {
    let lower_follows = |n: usize| tail.as_bytes().get(n).is_some_and(u8::is_ascii_lowercase);
    let starts = |prefix: &str| tail.starts_with(prefix);
    Some(match tail.as_bytes().first()? {
        b'J' if starts("January") => (Item::LongMonth, 7),
        b'J' if starts("Jan") && !lower_follows(3) => (Item::ShortMonth, 3),
        b'M' if starts("Monday") => (Item::LongWeekday, 6),
        b'M' if starts("Mon") && !lower_follows(3) => (Item::ShortWeekday, 3),
        b'M' if starts("MST") => (Item::ZoneName, 3),
        b'0' if starts("002") => (Item::YearDay { pad: Pad::Zero }, 3),
        b'0' => match tail.as_bytes().get(1)? {
            b'1' => (Item::Month { zero: true }, 2),
            b'2' => (Item::Day { pad: Pad::Zero }, 2),
            b'3' => (Item::Hour12 { zero: true }, 2),
            b'4' => (Item::Minute { zero: true }, 2),
            b'5' => (Item::Second { zero: true }, 2),
            b'6' => (Item::Year2, 2),
            _ => return None,
        },
        b'1' if starts("15") => (Item::Hour24, 2),
        b'1' => (Item::Month { zero: false }, 1),
        b'2' if starts("2006") => (Item::Year4, 4),
        b'2' => (Item::Day { pad: Pad::None }, 1),
        b'_' if starts("_2006") => (Item::Year4, 4),
        b'_' if starts("__2") => (Item::YearDay { pad: Pad::Space }, 3),
        b'_' if starts("_2") => (Item::Day { pad: Pad::Space }, 2),
        b'3' => (Item::Hour12 { zero: false }, 1),
        b'4' => (Item::Minute { zero: false }, 1),
        b'5' => (Item::Second { zero: false }, 1),
        b'P' if starts("PM") => (Item::AmPm { upper: true }, 2),
        b'p' if starts("pm") => (Item::AmPm { upper: false }, 2),
        b'-' | b'Z' => {
            let (text, z, colon, minutes, seconds) = OFFSETS.iter().find(|(text, ..)| starts(text))?;
            (Item::ZoneOffset { z: *z, colon: *colon, minutes: *minutes, seconds: *seconds }, text.len())
        }
        separator @ (b'.' | b',') => {
            let digit = *tail.as_bytes().get(1)?;
            if digit != b'0' && digit != b'9' {
                return None;
            }
            let digits = tail.bytes().skip(1).take_while(|b| *b == digit).count();
            if tail.as_bytes().get(1 + digits).is_some_and(u8::is_ascii_digit) {
                return None;
            }
            (Item::Fraction { separator: *separator, digits, fixed: digit == b'0' }, 1 + digits)
        }
        _ => return None,
    })
}

/// `time` written as `layout` shows.
pub(crate) fn format_time(time: &Time, layout: &str) -> String {
    let civil = time.civil();
    let mut out = String::with_capacity(layout.len() + 8);
    let mut rest = layout;
    loop {
        let (literal, item, tail) = next_item(rest);
        out.push_str(literal);
        let Some(item) = item else { return out };
        write_item(&mut out, item, time, civil);
        rest = tail;
    }
}

fn write_item(out: &mut String, item: Item, time: &Time, civil: DateTime) {
    let month_name = MONTHS.get(civil.month() as usize - 1).copied().unwrap_or("");
    let weekday = civil.weekday().to_sunday_zero_offset() as usize;
    let weekday_name = WEEKDAYS.get(weekday).copied().unwrap_or("");
    let padded = |out: &mut String, n: i64, width: usize, pad: Pad| {
        let _ = match pad {
            Pad::None => write!(out, "{n}"),
            Pad::Zero => write!(out, "{n:0width$}"),
            Pad::Space => write!(out, "{n:width$}"),
        };
    };
    let zero = |zero: bool| if zero { Pad::Zero } else { Pad::None };
    match item {
        Item::LongMonth => out.push_str(month_name),
        Item::ShortMonth => out.push_str(month_name.get(..3).unwrap_or("")),
        Item::Month { zero: z } => padded(out, civil.month().into(), 2, zero(z)),
        Item::LongWeekday => out.push_str(weekday_name),
        Item::ShortWeekday => out.push_str(weekday_name.get(..3).unwrap_or("")),
        Item::Day { pad } => padded(out, civil.day().into(), 2, pad),
        Item::YearDay { pad } => padded(out, civil.day_of_year().into(), 3, pad),
        Item::Hour24 => padded(out, civil.hour().into(), 2, Pad::Zero),
        Item::Hour12 { zero: z } => {
            let hour = i64::from(civil.hour()) % 12;
            padded(out, if hour == 0 { 12 } else { hour }, 2, zero(z));
        }
        Item::Minute { zero: z } => padded(out, civil.minute().into(), 2, zero(z)),
        Item::Second { zero: z } => padded(out, civil.second().into(), 2, zero(z)),
        Item::Year4 if civil.year() < 0 => {
            let _ = write!(out, "-{:04}", civil.year().unsigned_abs());
        }
        Item::Year4 => padded(out, civil.year().into(), 4, Pad::Zero),
        Item::Year2 => padded(out, i64::from(civil.year()).rem_euclid(100), 2, Pad::Zero),
        Item::AmPm { upper } => out.push_str(match (civil.hour() >= 12, upper) {
            (true, true) => "PM",
            (true, false) => "pm",
            (false, true) => "AM",
            (false, false) => "am",
        }),
        Item::ZoneName => out.push_str(&time.abbreviation()),
        Item::ZoneOffset { z, colon, minutes, seconds } => {
            let offset = time.offset().seconds();
            if z && offset == 0 {
                out.push('Z');
                return;
            }
            let abs = offset.unsigned_abs();
            out.push(if offset < 0 { '-' } else { '+' });
            let _ = write!(out, "{:02}", abs / 3600);
            let colon = if colon { ":" } else { "" };
            if minutes {
                let _ = write!(out, "{colon}{:02}", abs / 60 % 60);
            }
            if seconds {
                let _ = write!(out, "{colon}{:02}", abs % 60);
            }
        }
        Item::Fraction { separator, digits, fixed } => {
            let all = format!("{:09}", civil.subsec_nanosecond());
            let text: String = all.chars().chain(std::iter::repeat('0')).take(digits).collect();
            let text = if fixed { text.as_str() } else { text.trim_end_matches('0') };
            if !text.is_empty() {
                out.push(char::from(separator));
                out.push_str(text);
            }
        }
    }
}

/// What has been read so far.
#[derive(Default)]
struct Parts {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    year_day: Option<i16>,
    hour: i8,
    minute: i8,
    second: i8,
    nanosecond: i32,
    pm: Option<bool>,
    offset: Option<i32>,
    zone_name: Option<String>,
    utc: bool,
}

/// Reads `text` as `layout` shows; a text without zone is in `zone`.
pub(crate) fn parse_time(text: &str, layout: &str, zone: &Zone) -> Result<Time, Error> {
    read(text, layout)
        .and_then(|parts| finish(parts, zone))
        .ok_or_else(|| Error::value(format!("the date {text:?} does not have the form {layout:?}")))
}

/// The forms that `date()` tries when it is not told one.
pub(crate) const KNOWN_LAYOUTS: [&str; 9] = [
    "2006-01-02",
    "15:04:05",
    "2006-01-02 15:04:05",
    "2006-01-02T15:04:05Z07:00",
    "02 Jan 06 15:04 MST",
    "Monday, 02-Jan-06 15:04:05 MST",
    "Mon, 02 Jan 2006 15:04:05 MST",
    "02 Jan 06 15:04 -0700",
    "Mon, 02 Jan 2006 15:04:05 -0700",
];

/// Reads `text` in any of the forms that `date()` knows.
pub(crate) fn parse_any(text: &str, zone: &Zone) -> Result<Time, Error> {
    KNOWN_LAYOUTS.iter().find_map(|layout| read(text, layout).and_then(|parts| finish(parts, zone))).ok_or_else(|| {
        Error::value(format!("invalid date {text:?}"))
            .expected("a date such as `2006-01-02`, `2006-01-02 15:04:05` or RFC 3339")
            .hint("give the form as second argument, in Go's way: `date(text, \"02.01.2006\")`")
    })
}

fn read(text: &str, layout: &str) -> Option<Parts> {
    let mut parts = Parts::default();
    let (mut text, mut layout) = (text, layout);
    loop {
        let (literal, item, tail) = next_item(layout);
        text = skip_literal(text, literal)?;
        let Some(item) = item else { return text.is_empty().then_some(parts) };
        text = read_item(&mut parts, item, text, tail)?;
        layout = tail;
    }
}

/// Skips what a layout has literally; a run of spaces in the layout matches any run of spaces.
fn skip_literal<'t>(mut text: &'t str, literal: &str) -> Option<&'t str> {
    let mut literal = literal;
    while let Some(c) = literal.chars().next() {
        if c == ' ' {
            if !text.is_empty() && !text.starts_with(' ') {
                return None;
            }
            literal = literal.trim_start_matches(' ');
            text = text.trim_start_matches(' ');
        } else {
            text = text.strip_prefix(c)?;
            literal = literal.get(c.len_utf8()..)?;
        }
    }
    Some(text)
}

fn read_item<'t>(parts: &mut Parts, item: Item, text: &'t str, layout_tail: &str) -> Option<&'t str> {
    match item {
        Item::LongMonth | Item::ShortMonth => {
            let (index, rest) = name_of(&MONTHS, text, item == Item::LongMonth)?;
            parts.month = Some(i8::try_from(index).ok()? + 1);
            Some(rest)
        }
        Item::LongWeekday | Item::ShortWeekday => {
            name_of(&WEEKDAYS, text, item == Item::LongWeekday).map(|(_, rest)| rest)
        }
        Item::Month { zero } => number(text, 2, zero, 1, 12, |n| parts.month = Some(n as i8)),
        Item::Day { pad } => {
            let text = if pad == Pad::Space { text.strip_prefix(' ').unwrap_or(text) } else { text };
            // The upper bound depends on the month and is checked at the end.
            number(text, 2, pad == Pad::Zero, 0, 99, |n| parts.day = Some(n as i8))
        }
        Item::YearDay { pad } => {
            let spaces = text.bytes().take(2).take_while(|b| pad == Pad::Space && *b == b' ').count();
            let digits = 3 - spaces;
            let text = text.get(spaces..)?;
            exact(text, digits).and_then(|(n, rest)| {
                parts.year_day = Some(i16::try_from(n).ok()?);
                Some(rest)
            })
        }
        Item::Hour24 => number(text, 2, false, 0, 23, |n| parts.hour = n as i8),
        Item::Hour12 { zero } => number(text, 2, zero, 0, 12, |n| parts.hour = n as i8),
        Item::Minute { zero } => number(text, 2, zero, 0, 59, |n| parts.minute = n as i8),
        Item::Second { zero } => {
            let rest = number(text, 2, zero, 0, 59, |n| parts.second = n as i8)?;
            // A fraction in the text is read even where the layout has none.
            let fraction_follows = matches!(next_item(layout_tail), ("", Some(Item::Fraction { .. }), _));
            let has_fraction = matches!(rest.as_bytes(), [b'.' | b',', d, ..] if d.is_ascii_digit());
            if fraction_follows || !has_fraction { Some(rest) } else { read_fraction(parts, rest, None) }
        }
        Item::Year4 => exact(text, 4).map(|(n, rest)| {
            parts.year = Some(n as i16);
            rest
        }),
        Item::Year2 => exact(text, 2).map(|(n, rest)| {
            parts.year = Some(if n >= 69 { 1900 + n as i16 } else { 2000 + n as i16 });
            rest
        }),
        Item::AmPm { upper } => {
            let (am, pm) = if upper { ("AM", "PM") } else { ("am", "pm") };
            let is_pm = text.starts_with(pm);
            parts.pm = Some(is_pm);
            text.strip_prefix(if is_pm { pm } else { am })
        }
        Item::ZoneName => read_zone_name(parts, text),
        Item::ZoneOffset { z, colon, minutes, seconds } => {
            if let (true, Some(rest)) = (z, text.strip_prefix('Z')) {
                parts.utc = true;
                return Some(rest);
            }
            read_offset(parts, text, colon, minutes, seconds)
        }
        Item::Fraction { digits, fixed, .. } => {
            if fixed {
                return read_fraction(parts, text, Some(digits));
            }
            match text.as_bytes() {
                [b'.' | b',', d, ..] if d.is_ascii_digit() => read_fraction(parts, text, None),
                _ => Some(text),
            }
        }
    }
}

fn name_of<'t>(names: &[&str], text: &'t str, long: bool) -> Option<(usize, &'t str)> {
    names.iter().enumerate().find_map(|(at, name)| {
        let name = if long { name } else { name.get(..3)? };
        let head = text.get(..name.len())?;
        head.eq_ignore_ascii_case(name).then(|| (at, text.get(name.len()..).unwrap_or("")))
    })
}

/// Reads one or two digits (exactly two when `fixed`), within bounds.
fn number(text: &str, max: usize, fixed: bool, low: u32, high: u32, set: impl FnOnce(u32)) -> Option<&str> {
    let digits = text.bytes().take(max).take_while(u8::is_ascii_digit).count();
    if digits == 0 || (fixed && digits != max) {
        return None;
    }
    let (n, rest) = exact(text, digits)?;
    if !(low..=high).contains(&n) {
        return None;
    }
    set(n);
    Some(rest)
}

fn exact(text: &str, digits: usize) -> Option<(u32, &str)> {
    let head = text.get(..digits)?;
    if !head.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((head.parse().ok()?, text.get(digits..)?))
}

fn read_fraction<'t>(parts: &mut Parts, text: &'t str, digits: Option<usize>) -> Option<&'t str> {
    let body = text.strip_prefix(['.', ','])?;
    let count = digits.unwrap_or_else(|| body.bytes().take_while(u8::is_ascii_digit).count());
    let head = body.get(..count)?;
    if count == 0 || !head.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nine: String = head.chars().chain(std::iter::repeat('0')).take(9).collect();
    parts.nanosecond = nine.parse().ok()?;
    body.get(count..)
}

fn read_offset<'t>(parts: &mut Parts, text: &'t str, colon: bool, minutes: bool, seconds: bool) -> Option<&'t str> {
    let negative = match text.as_bytes().first()? {
        b'+' => false,
        b'-' => true,
        _ => return None,
    };
    let (hour, mut rest) = exact(text.get(1..)?, 2)?;
    let mut total = hour * 3600;
    for (wanted, unit) in [(minutes, 60), (seconds, 1)] {
        if wanted {
            rest = if colon { rest.strip_prefix(':')? } else { rest };
            let (n, tail) = exact(rest, 2)?;
            if n > 59 {
                return None;
            }
            total += n * unit;
            rest = tail;
        }
    }
    if hour > 24 {
        return None;
    }
    let total = i32::try_from(total).ok()?;
    parts.offset = Some(if negative { -total } else { total });
    Some(rest)
}

fn read_zone_name<'t>(parts: &mut Parts, text: &'t str) -> Option<&'t str> {
    if let Some(rest) = text.strip_prefix("UTC") {
        parts.utc = true;
        return Some(rest);
    }
    let len = match text.as_bytes().first()? {
        b'+' | b'-' => {
            let digits = text.bytes().skip(1).take_while(u8::is_ascii_digit).count();
            // An abbreviation such as `+03`; anything longer is an offset, which this item is not.
            text.get(1..1 + digits).and_then(|digits| digits.parse().ok()).filter(|hours: &u8| *hours < 24)?;
            1 + digits
        }
        _ => {
            let letters = text.bytes().take(6).take_while(u8::is_ascii_uppercase).count();
            let signed = text.starts_with("GMT") && matches!(text.as_bytes().get(3), Some(b'+' | b'-'));
            if signed { 4 + text.bytes().skip(4).take_while(u8::is_ascii_digit).count() } else { letters }
        }
    };
    if !(3..=5).contains(&len) {
        return None;
    }
    let (name, rest) = text.split_at_checked(len)?;
    parts.zone_name = Some(name.to_owned());
    Some(rest)
}

fn finish(parts: Parts, zone: &Zone) -> Option<Time> {
    let year = parts.year.unwrap_or(0);
    let date = match parts.year_day {
        Some(year_day) => {
            let first = Date::new(year, 1, 1).ok()?;
            let date = first.checked_add(jiff::Span::new().try_days(i64::from(year_day) - 1).ok()?).ok()?;
            let agrees = parts.month.is_none_or(|m| m == date.month()) && parts.day.is_none_or(|d| d == date.day());
            (date.year() == year && agrees).then_some(date)?
        }
        None => Date::new(year, parts.month.unwrap_or(1), parts.day.unwrap_or(1)).ok()?,
    };
    let hour = match parts.pm {
        Some(true) if parts.hour < 12 => parts.hour + 12,
        Some(false) if parts.hour == 12 => 0,
        _ => parts.hour,
    };
    let clock = ClockTime::new(hour, parts.minute, parts.second, parts.nanosecond).ok()?;
    let civil = DateTime::from_parts(date, clock);
    if parts.utc {
        return Zone::Utc.moment(civil).ok();
    }
    if let Some(offset) = parts.offset {
        // Where the given zone has this offset at that moment, the time is shown in it, as in Go.
        let fixed = if offset == 0 { Zone::Utc } else { Zone::Fixed("".into(), offset) };
        let time = fixed.moment(civil).ok()?;
        let same = zone.offset_at(time.at()).seconds() == offset;
        return Some(if same && !matches!(zone, Zone::Utc | Zone::Local) { time.in_zone(zone.clone()) } else { time });
    }
    if let Some(name) = parts.zone_name {
        let time = zone.moment(civil).ok()?;
        if time.abbreviation() == name {
            return Some(time);
        }
        let hours = name.strip_prefix("GMT").and_then(|h| h.parse::<i32>().ok()).unwrap_or(0);
        return Zone::Fixed(name.into(), hours.clamp(-23, 23) * 3600).moment(civil).ok();
    }
    zone.moment(civil).ok()
}
