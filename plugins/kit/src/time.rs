//! Lengths of time as manifests write them, and moments as services want them.

use std::time::Duration;

use colchis_sdk::{Error, Finding, Result};

/// The longest length that is taken: a year.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// A length of time at a field: `5m`, `1h30m`, `1.5s`. Longer than nothing, and at most a year.
pub fn duration(field: &str, text: &str) -> Result<Duration> {
    let bad = || {
        let text = text.trim();
        Error::invalid(
            field,
            format!("`{text}` is no length of time: numbers with h, m, s or ms are expected, as `5m`"),
        )
    };
    let mut rest = text.trim();
    let mut total = 0.0_f64;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
        let (number, behind) = rest.split_at(end);
        let end = behind.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(behind.len());
        let (unit, next) = behind.split_at(end);
        let unit = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" | "μs" => 1e-6,
            "ns" => 1e-9,
            _ => return Err(bad()),
        };
        total += number.parse::<f64>().map_err(|_| bad())? * unit;
        rest = next;
    }
    if text.trim().is_empty() || total > LONGEST.as_secs_f64() {
        return Err(bad());
    }
    if total < 1e-3 {
        return Err(Error::invalid(field, "a length of time longer than nothing is expected, as `5m`"));
    }
    Ok(Duration::from_secs_f64(total))
}

/// What is wrong with a length of time at a field.
pub fn check(field: &str, text: &str) -> Option<Finding> {
    duration(field, text).err().map(|error| Finding::error(field, error.message()))
}

/// Milliseconds of a length of time.
pub fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

/// A moment in parts, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The year.
    pub year: i64,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
    /// 0 to 23.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
    /// 0 to 59.
    pub second: u32,
}

impl Moment {
    /// Of seconds since 1970-01-01T00:00:00Z.
    pub fn of_seconds(seconds: i64) -> Self {
        let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        // Years begin in March here, so that the day that some years have more is the last one (the calendar's cycle is 400 years of 146,097 days).
        let shifted = days + 719_468;
        let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * of_year + 2) / 153;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let small = |number: i64| u32::try_from(number).unwrap_or_default();
        Self {
            year: era * 400 + year_of_era + i64::from(month <= 2),
            month: small(month),
            day: small(of_year - (153 * month_from_march + 2) / 5 + 1),
            hour: small(rest / 3600),
            minute: small(rest / 60 % 60),
            second: small(rest % 60),
        }
    }

    /// Of milliseconds since 1970-01-01T00:00:00Z.
    pub fn of_millis(millis: u64) -> Self {
        Self::of_seconds(i64::try_from(millis / 1000).unwrap_or(i64::MAX / 2))
    }

    /// `2026-01-01T00:00:00Z`.
    pub fn rfc3339(&self) -> String {
        let Self { year, month, day, hour, minute, second } = self;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read() {
        for (text, millis_expected) in
            [("5m", 300_000), ("1h30m", 5_400_000), (" 1.5s ", 1_500), ("250ms", 250), ("1m0.5s", 60_500)]
        {
            assert_eq!(millis(duration("interval", text).unwrap()), millis_expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_length_of_time_is_told_at_its_field() {
        for text in ["", "5", "5 m", "m", "-5m", "1d", "1.2.3s", "99999h", "5mm"] {
            let error = duration("interval", text).unwrap_err();
            assert_eq!(error.field(), Some("interval"));
            assert!(error.message().contains("is no length of time"), "{text}: {error}");
        }
        assert!(duration("interval", "0s").unwrap_err().message().contains("longer than nothing"));
    }

    #[test]
    fn moments_are_taken_apart() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_767_225_600, "2026-01-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(Moment::of_seconds(seconds).rfc3339(), expected);
        }
        assert_eq!(Moment::of_millis(1_767_225_600_999).rfc3339(), "2026-01-01T00:00:00Z");
    }
}
