//! Durations as Go and Argo write them.

/// A text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// There is nothing to read.
    #[error("a duration is expected, such as 30s, 5m or 1h30m")]
    Empty,
    /// A number is missing or malformed.
    #[error("{text:?} is not a duration such as 30s, 5m or 1h30m")]
    Malformed {
        /// What was given.
        text: String,
    },
    /// A number has no unit.
    #[error("{text:?} lacks a unit: write {text}s, {text}m or {text}h")]
    NoUnit {
        /// What was given.
        text: String,
    },
    /// A unit is not known.
    #[error("{unit:?} in {text:?} is not a unit of time: ms, s, m, h and d are")]
    UnknownUnit {
        /// What was given.
        text: String,
        /// The unit in it.
        unit: String,
    },
    /// The duration is longer than can be counted.
    #[error("{text:?} is too long a duration")]
    TooLong {
        /// What was given.
        text: String,
    },
}

/// Milliseconds of a duration as Argo reads it: a whole number of seconds (`"10"`), or Go's form with days added (`2d`, `1h30m`, `500ms`).
pub fn parse_duration_ms(text: &str) -> Result<i64, DurationError> {
    let trimmed = text.trim();
    if let Ok(seconds) = trimmed.parse::<i64>() {
        return seconds.checked_mul(1000).ok_or_else(|| DurationError::TooLong { text: text.to_owned() });
    }
    parse(trimmed, true)
}

/// Milliseconds of a duration as Go reads it: a sign, then numbers with the units ns, us, ms, s, m and h; `0` alone needs no unit.
pub fn parse_go_duration_ms(text: &str) -> Result<i64, DurationError> {
    parse(text, false)
}

fn parse(text: &str, days: bool) -> Result<i64, DurationError> {
    let malformed = || DurationError::Malformed { text: text.to_owned() };
    let too_long = || DurationError::TooLong { text: text.to_owned() };
    let (negative, mut rest) = match text.as_bytes().first() {
        None => return Err(DurationError::Empty),
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        Some(_) => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(malformed());
    }
    let mut total_ns: i128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let unit_ns: i128 = match unit {
            "" if number.is_empty() => return Err(malformed()),
            "" => return Err(DurationError::NoUnit { text: text.to_owned() }),
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" if days => 86_400_000_000_000,
            _ => return Err(DurationError::UnknownUnit { text: text.to_owned(), unit: unit.to_owned() }),
        };
        total_ns = total_ns.saturating_add(scaled(number, unit_ns).ok_or_else(malformed)?);
        rest = tail;
    }
    let total = i64::try_from(total_ns / 1_000_000).map_err(|_| too_long())?;
    Ok(if negative { -total } else { total })
}

/// `number` (decimal, with or without a fraction) times `unit_ns`, rounded down.
fn scaled(number: &str, unit_ns: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut total = whole.checked_mul(unit_ns)?;
    let mut scale = unit_ns;
    for digit in fraction.bytes() {
        if !digit.is_ascii_digit() {
            return None;
        }
        scale /= 10;
        total = total.checked_add(scale.checked_mul(i128::from(digit - b'0'))?)?;
    }
    Some(total)
}
