//! Moments, as range queries write them: the part of the expression language that makes times.
//!
//! ```text
//!   sum   = term (("+" | "-") term)*
//!   term  = "now()" | "duration(" text ")" | "date(" text ")" | "(" sum ")"
//! ```

use crate::duration;

/// How deep parentheses may be, and how long an expression.
const DEPTH_MAX: u32 = 16;
const BYTES_MAX: usize = 4096;

/// What a term is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    /// Nanoseconds since 1970.
    Moment(i128),
    /// Nanoseconds.
    Length(i128),
}

/// A moment in nanoseconds since 1970. What is no moment is told in a sentence.
pub(crate) fn evaluate(text: &str, now_ms: u64) -> Result<i128, String> {
    if text.len() > BYTES_MAX {
        return Err(format!("an expression of at most {BYTES_MAX} bytes is expected"));
    }
    let mut reader = Reader { rest: text.trim(), now: i128::from(now_ms) * 1_000_000 };
    let value = reader.sum(0)?;
    if !reader.rest.is_empty() {
        return Err(reader.expected("nothing more"));
    }
    match value {
        Value::Moment(moment) if moment >= 0 || now_ms == 0 => Ok(moment),
        Value::Moment(_) => Err("the moment is before 1970".to_owned()),
        Value::Length(_) => {
            Err("a moment is expected and not a length of time, as `now() - duration(\"5m\")`".to_owned())
        }
    }
}

/// Seconds since 1970, as Prometheus takes them, to the millisecond.
pub(crate) fn seconds(nanoseconds: i128) -> String {
    let millis = nanoseconds.div_euclid(1_000_000);
    format!("{}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000))
}

struct Reader<'a> {
    rest: &'a str,
    now: i128,
}

impl<'a> Reader<'a> {
    fn expected(&self, what: &str) -> String {
        match self.rest {
            "" => format!("{what} is expected at the end"),
            rest => format!("{what} is expected at `{}`", rest.chars().take(24).collect::<String>()),
        }
    }

    fn take(&mut self, text: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(text) else { return false };
        self.rest = rest.trim_start();
        true
    }

    fn sum(&mut self, depth: u32) -> Result<Value, String> {
        let mut left = self.term(depth)?;
        loop {
            let sign = if self.take("+") {
                1
            } else if self.take("-") {
                -1
            } else {
                return Ok(left);
            };
            let right = self.term(depth)?;
            left = match (left, right, sign) {
                (Value::Moment(a), Value::Length(b), _) => Value::Moment(a.saturating_add(sign * b)),
                (Value::Length(a), Value::Length(b), _) => Value::Length(a.saturating_add(sign * b)),
                (Value::Length(a), Value::Moment(b), 1) => Value::Moment(a.saturating_add(b)),
                (Value::Moment(a), Value::Moment(b), -1) => Value::Length(a.saturating_sub(b)),
                (Value::Moment(_), Value::Moment(_), _) => return Err("two moments have no sum".to_owned()),
                (Value::Length(_), Value::Moment(_), _) => {
                    return Err("a moment cannot be taken from a length of time".to_owned());
                }
            };
        }
    }

    fn term(&mut self, depth: u32) -> Result<Value, String> {
        if depth > DEPTH_MAX {
            return Err(format!("parentheses are at most {DEPTH_MAX} deep"));
        }
        if self.take("(") {
            let value = self.sum(depth + 1)?;
            return if self.take(")") { Ok(value) } else { Err(self.expected("`)`")) };
        }
        let name_end = self.rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(self.rest.len());
        let (name, _) = self.rest.split_at(name_end);
        let known = matches!(name, "now" | "duration" | "date");
        if !known || !self.take(name) || !self.take("(") {
            return Err(self.expected("now(), duration(\"…\") or date(\"…\")"));
        }
        let value = match name {
            "now" => Value::Moment(self.now),
            "duration" => Value::Length(duration::expression(self.text()?)?),
            _ => Value::Moment(date(self.text()?)?),
        };
        if self.take(")") { Ok(value) } else { Err(self.expected("`)`")) }
    }

    /// A text in quotes, without escapes: neither lengths of time nor dates have any.
    fn text(&mut self) -> Result<&'a str, String> {
        for quote in ["\"", "'", "`"] {
            if let Some(inner) = self.rest.strip_prefix(quote) {
                let Some((text, rest)) = inner.split_once(quote) else {
                    return Err(format!("the quote at `{}` does not end", self.rest));
                };
                self.rest = rest.trim_start();
                return Ok(text);
            }
        }
        Err(self.expected("a text in quotes"))
    }
}

/// Nanoseconds since 1970 of a date (`2026-01-31`) or a moment (RFC 3339).
fn date(text: &str) -> Result<i128, String> {
    let bad = || format!("`{text}` is no date: 2026-01-31 or 2026-01-31T09:30:00Z is expected");
    let (day, time) = match text.split_once(['T', 't', ' ']) {
        Some((day, time)) => (day, Some(time)),
        None => (text, None),
    };
    let [year, month, day] = numbers::<3>(day, '-', &[4, 2, 2]).ok_or_else(bad)?;
    let month_days = match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return Err(bad()),
    };
    if !(1..=month_days).contains(&day) {
        return Err(bad());
    }
    let mut seconds = days_before(year, month, day) * 86_400;
    let mut nanoseconds = 0;
    if let Some(time) = time {
        let (clock, offset) = zone(time).ok_or_else(bad)?;
        let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
        let [hour, minute, second] = numbers::<3>(clock, ':', &[2, 2, 2]).ok_or_else(bad)?;
        if hour > 23 || minute > 59 || second > 59 || fraction.len() > 9 {
            return Err(bad());
        }
        seconds += hour * 3600 + minute * 60 + second - offset;
        if !fraction.is_empty() {
            let digits: i128 = fraction.parse::<u32>().map_err(|_| bad())?.into();
            nanoseconds = digits * 10i128.pow(9 - u32::try_from(fraction.len()).unwrap_or(9));
        }
    }
    Ok(i128::from(seconds) * 1_000_000_000 + nanoseconds)
}

/// The clock, and how many seconds it is ahead of UTC.
fn zone(time: &str) -> Option<(&str, i64)> {
    if let Some(clock) = time.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let at = time.rfind(['+', '-'])?;
    let (clock, offset) = time.split_at(at);
    let (sign, offset) =
        if let Some(rest) = offset.strip_prefix('-') { (-1, rest) } else { (1, offset.strip_prefix('+')?) };
    let [hours, minutes] = numbers::<2>(offset, ':', &[2, 2])?;
    (hours <= 23 && minutes <= 59).then_some((clock, sign * (hours * 3600 + minutes * 60)))
}

/// Numbers of these many digits, with a mark between them.
fn numbers<const N: usize>(text: &str, mark: char, digits: &[usize; N]) -> Option<[i64; N]> {
    let mut found = [0; N];
    let mut parts = text.split(mark);
    for (number, length) in found.iter_mut().zip(digits) {
        let part = parts.next().filter(|part| part.len() == *length && part.bytes().all(|b| b.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(found)
}

/// Days from 1970-01-01 to a day of the Gregorian calendar.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that a leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_years = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let of_months = (month * 153 + 2) / 5;
    of_years + of_months + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_767_225_600_250; // 2026-01-01T00:00:00.250Z

    #[test]
    fn moments_are_computed() {
        for (text, expected) in [
            ("now()", "1767225600.250"),
            (" now( ) - duration( \"5m\" ) ", "1767225300.250"),
            ("now() - duration('1h') + duration(`30m`)", "1767223800.250"),
            ("now() - (duration(\"1h\") - duration(\"30m\"))", "1767223800.250"),
            ("duration(\"1s\") + now()", "1767225601.250"),
            ("date(\"2026-01-01\")", "1767225600.000"),
            ("date(\"2026-01-01T01:00:00.5+01:00\") - duration(\"0\")", "1767225600.500"),
            ("date(\"2024-02-29T23:59:59Z\")", "1709251199.000"),
            ("date(\"1970-01-01\")", "0.000"),
        ] {
            assert_eq!(evaluate(text, NOW).map(seconds).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_told_in_a_sentence() {
        for (text, expected) in [
            ("", "now(), duration(\"…\") or date(\"…\") is expected at the end"),
            ("duration(\"5m\")", "a moment is expected and not a length of time"),
            ("now() - now()", "a moment is expected and not a length of time"),
            ("now() + now()", "two moments have no sum"),
            ("duration(\"5m\") - now()", "cannot be taken from"),
            ("now() - duration(\"5 minutes\")", "`5 minutes` is no length of time"),
            ("now() - 5m", "is expected at `5m`"),
            ("now()).x", "nothing more is expected at `).x`"),
            ("(now()", "`)` is expected at the end"),
            ("date(\"2026-02-30\")", "is no date"),
            ("date(\"2026-01-01T25:00:00Z\")", "is no date"),
            ("date(\"2026-01-01T00:00:00\")", "is no date"),
            ("date(\"1969-12-31\")", "before 1970"),
            ("now(\"x\")", "`)` is expected"),
            ("duration(\"5m", "does not end"),
        ] {
            let error = evaluate(text, NOW).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert!(evaluate(&"(".repeat(100), NOW).unwrap_err().contains("at most 16 deep"));
        assert!(evaluate(&" ".repeat(5000), NOW).unwrap_err().contains("at most 4096 bytes"));
    }
}
