//! When events come: the moments of a schedule, or those that are apart by an interval.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use colchis_sdk::{Error, Result};

/// The longest schedule (bytes).
const BYTES_MAX: usize = 1000;

/// The shortest interval (ms).
const INTERVAL_MS_MIN: i64 = 1000;

/// When events come. Moments are milliseconds since 1970.
#[derive(Debug)]
pub(crate) enum Rhythm {
    Schedule(Box<Cron>, TimeZone),
    Interval(i64),
}

impl Rhythm {
    /// Of a schedule with five fields, or a word as `@hourly`; `CRON_TZ=zone` before it goes before the zone that is given.
    pub(crate) fn schedule(text: &str, given: TimeZone) -> Result<Self, String> {
        if text.len() > BYTES_MAX {
            return Err(format!("a schedule of at most {BYTES_MAX} bytes is expected"));
        }
        let (pattern, its_zone) = match text.strip_prefix("CRON_TZ=").or_else(|| text.strip_prefix("TZ=")) {
            Some(rest) => {
                let (name, pattern) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                (pattern.trim(), zone(name)?)
            }
            None => (text, given),
        };
        if let Some(interval) = pattern.strip_prefix("@every") {
            return Self::interval(interval.trim());
        }
        let fields = match pattern {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            _ if pattern.starts_with('@') => {
                return Err(format!(
                    "`{pattern}` is not known: @hourly, @daily, @weekly, @monthly, @yearly, @every are"
                ));
            }
            fields => fields,
        };
        let count = fields.split_whitespace().count();
        if count != 5 {
            return Err(format!("five fields are expected, as `30 9 * * MON-FRI`: here are {count}"));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(&ranges(fields)).map_err(|error| format!("`{fields}` is no schedule: {error}"))?;
        // Asked once here, so that what never comes about is told when it is written.
        let begin = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        cron.find_next_occurrence(&begin, false).map_err(|_| format!("`{fields}` never comes about"))?;
        Ok(Self::Schedule(Box::new(cron), its_zone))
    }

    /// Of an interval, as `10s`.
    pub(crate) fn interval(text: &str) -> Result<Self, String> {
        match duration_ms(text)? {
            ms if ms >= INTERVAL_MS_MIN => Ok(Self::Interval(ms)),
            _ => Err(format!("`{text}`: at least one second is expected")),
        }
    }

    /// The first moment after another.
    pub(crate) fn next_after(&self, after: i64) -> Result<i64> {
        match self {
            Self::Interval(ms) => Ok(after.saturating_add(*ms)),
            Self::Schedule(cron, zone) => {
                let beyond = |why: String| Error::permanent(format!("no moment comes after {after} ms: {why}"));
                let from = Timestamp::from_millisecond(after).map_err(|error| beyond(error.to_string()))?;
                let next = cron.find_next_occurrence(&from.to_zoned(zone.clone()), false);
                Ok(next.map_err(|error| beyond(error.to_string()))?.timestamp().as_millisecond())
            }
        }
    }

    /// A moment to go on after, when it may not be before `earliest`. An interval keeps its beat.
    pub(crate) fn not_before(&self, after: i64, earliest: i64) -> i64 {
        match self {
            Self::Interval(ms) if after < earliest => {
                let missed = earliest.saturating_sub(after) / ms;
                after.saturating_add(missed.saturating_mul(*ms))
            }
            _ => after.max(earliest),
        }
    }
}

/// Writes `5/20` (from 5 on, each 20th) as the range that it means: the only form that is read.
fn ranges(fields: &str) -> String {
    let last = ["59", "23", "31", "12", "6"];
    let field = |(field, last): (&str, &str)| {
        let part = |part: &str| match part.split_once('/') {
            Some((from, step)) if !from.is_empty() && from.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                format!("{from}-{last}/{step}")
            }
            _ => part.to_owned(),
        };
        field.split(',').map(part).collect::<Vec<_>>().join(",")
    };
    fields.split_whitespace().zip(last).map(field).collect::<Vec<_>>().join(" ")
}

/// The zone of a name; UTC of an empty one. Zones are those that are in the component, so that all servers know the same.
pub(crate) fn zone(name: &str) -> Result<TimeZone, String> {
    if name.is_empty() || name.eq_ignore_ascii_case("utc") {
        return Ok(TimeZone::UTC);
    }
    TimeZoneDatabase::bundled().get(name).map_err(|_| format!("`{name}` is no time zone, as `Europe/Berlin`"))
}

/// Milliseconds of a length of time, as `1h30m`.
pub(crate) fn duration_ms(text: &str) -> Result<i64, String> {
    let bad = || format!("`{text}` is no length of time: numbers with h, m, s or ms are expected, as `1h30m`");
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(bad());
    }
    let mut total = 0i64;
    while !rest.is_empty() {
        let number_end = rest.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(bad)?;
        let (number, behind) = rest.split_at(number_end);
        let unit_end = behind.find(|letter: char| letter.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, next) = behind.split_at(unit_end);
        let unit = match unit {
            "h" => 3_600_000,
            "m" => 60_000,
            "s" => 1_000,
            "ms" => 1,
            _ => return Err(bad()),
        };
        let number: i64 = number.parse().map_err(|_| bad())?;
        total = number.checked_mul(unit).and_then(|part| total.checked_add(part)).ok_or_else(bad)?;
        rest = next;
    }
    Ok(total)
}
