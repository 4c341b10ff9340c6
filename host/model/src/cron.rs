//! Schedules of CronWorkflows: five fields, `@hourly` and the like, `@every 90m`, with or without `CRON_TZ=zone` before them.
//!
//! Built on `croner`: it knows the rules of Vixie cron (names, steps, day of month or day of week), and what happens when clocks
//! change is right in it: a fixed time that does not exist runs once, right after the gap; a repeated hour runs fixed times once
//! and intervals (`*/10 * * * *`) twice. It is pure and takes jiff's times. The `cron` crate has neither rule. What `croner`
//! does not know stands here: `@every`, `CRON_TZ`, and that a schedule must come about at all.
//!
//! Time zones come from the database inside the binary, so that a replay on another machine gives the same times.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::values::{Timestamp, parse_go_duration_ms};

/// A schedule, and the time zone written in it.
#[derive(Debug, Clone)]
pub struct Schedule {
    when: When,
    zone: Option<TimeZone>,
}

#[derive(Debug, Clone)]
enum When {
    Pattern(Box<Cron>),
    Every { ms: i64 },
}

/// A text is not a schedule, or a name not a time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// The five fields are wrong.
    #[error("{text:?} is not a schedule: {reason}")]
    Pattern {
        /// What was given.
        text: String,
        /// What is wrong.
        reason: String,
    },
    /// The name after `@` is not known.
    #[error("{name:?} is not known: @hourly, @daily, @weekly, @monthly, @yearly and @every are")]
    Alias {
        /// What was given.
        name: String,
    },
    /// The duration after `@every` is wrong.
    #[error("{text:?} is not @every and a duration of at least one second, such as @every 90m")]
    Every {
        /// What was given.
        text: String,
    },
    /// The time zone is not known.
    #[error("{name:?} is not a time zone such as Europe/Berlin")]
    Zone {
        /// What was given.
        name: String,
    },
    /// No moment satisfies the schedule.
    #[error("{text:?} never comes about")]
    Never {
        /// What was given.
        text: String,
    },
}

/// A longer text is no schedule.
const SCHEDULE_BYTES_MAX: usize = 1_000;

impl Schedule {
    /// Reads a schedule.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        if text.len() > SCHEDULE_BYTES_MAX {
            let shown: String = text.chars().take(40).collect();
            return Err(CronError::Pattern { text: format!("{shown}…"), reason: "it is too long".to_owned() });
        }
        let trimmed = text.trim();
        let zoned = trimmed.strip_prefix("CRON_TZ=").or_else(|| trimmed.strip_prefix("TZ="));
        let (zone, pattern) = match zoned {
            Some(rest) => {
                let (name, pattern) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                (Some(zone(name)?), pattern.trim())
            }
            None => (None, trimmed),
        };
        Ok(Self { when: When::parse(text, pattern)?, zone })
    }

    /// The first moment after `t`; the schedule's own zone goes before `zone`.
    pub fn next_after(&self, t: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match &self.when {
            When::Every { ms } => Some(t.whole_second().plus_millis(*ms)),
            When::Pattern(cron) => {
                let from = t.to_jiff().to_zoned(self.zone.clone().unwrap_or_else(|| zone.clone()));
                cron.find_next_occurrence(&from, false).ok().map(|z| z.timestamp().into())
            }
        }
    }

    /// The last moment before `t`; the schedule's own zone goes before `zone`.
    pub fn previous_before(&self, t: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match &self.when {
            When::Every { ms } => Some(t.whole_second().plus_millis(-ms)),
            When::Pattern(cron) => {
                // A moment inside a second comes after the whole second, which may be the answer itself.
                let whole = t.whole_second();
                let inclusive = whole != t;
                let from = whole.to_jiff().to_zoned(self.zone.clone().unwrap_or_else(|| zone.clone()));
                cron.find_previous_occurrence(&from, inclusive).ok().map(|z| z.timestamp().into())
            }
        }
    }
}

impl When {
    fn parse(text: &str, pattern: &str) -> Result<Self, CronError> {
        if let Some(duration) = pattern.strip_prefix("@every") {
            let ms = parse_go_duration_ms(duration.trim()).ok().filter(|ms| *ms >= 1_000);
            // Whole seconds only, as Argo rounds.
            return ms.map(|ms| Self::Every { ms: ms - ms % 1_000 }).ok_or(CronError::Every { text: text.to_owned() });
        }
        let fields = match pattern {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            _ if pattern.starts_with('@') => return Err(CronError::Alias { name: pattern.to_owned() }),
            fields => fields,
        };
        let fault = |reason: String| CronError::Pattern { text: text.to_owned(), reason };
        let count = fields.split_whitespace().count();
        if count != 5 {
            let hint = if count == 6 { " (seconds are not among them)" } else { "" };
            return Err(fault(format!("five fields are expected, here are {count}{hint}")));
        }
        let fields = open_steps(fields);
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(&fields).map_err(|e| fault(e.to_string()))?;
        // Asked once here, so that what never comes about is said when it is written.
        let probe = jiff::Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        match cron.find_next_occurrence(&probe, false) {
            Ok(_) => Ok(Self::Pattern(Box::new(cron))),
            Err(_) => Err(CronError::Never { text: text.to_owned() }),
        }
    }
}

/// Writes `5/20` (from 5 on, every 20) as the range that it means, which is the only form that `croner` reads.
fn open_steps(fields: &str) -> String {
    const LAST: [&str; 5] = ["59", "23", "31", "12", "6"];
    let mut out = Vec::new();
    for (field, last) in fields.split_whitespace().zip(LAST) {
        let parts: Vec<String> = field
            .split(',')
            .map(|part| match part.split_once('/') {
                Some((from, step)) if !from.is_empty() && from.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                    format!("{from}-{last}/{step}")
                }
                _ => part.to_owned(),
            })
            .collect();
        out.push(parts.join(","));
    }
    out.join(" ")
}

impl std::str::FromStr for Schedule {
    type Err = CronError;
    fn from_str(text: &str) -> Result<Self, CronError> {
        Self::parse(text)
    }
}

/// The time zone of a name such as `Europe/Berlin`, `UTC`, or an offset such as `+02:00`; an empty name means UTC.
pub fn zone(name: &str) -> Result<TimeZone, CronError> {
    if name.is_empty() || name.eq_ignore_ascii_case("utc") {
        return Ok(TimeZone::UTC);
    }
    let known = TimeZoneDatabase::bundled().get(name).ok();
    let offset =
        || jiff::fmt::strtime::BrokenDownTime::parse("%:z", name).ok().and_then(|t| t.offset()).map(TimeZone::fixed);
    known.or_else(offset).ok_or_else(|| CronError::Zone { name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(schedule: &str, zone_name: &str, from: &str, count: usize) -> Vec<String> {
        let schedule = Schedule::parse(schedule).unwrap();
        let zone = zone(zone_name).unwrap();
        let mut t: Timestamp = from.parse().unwrap();
        let mut times = Vec::new();
        for _ in 0..count {
            t = schedule.next_after(t, &zone).unwrap();
            times.push(t.to_jiff().to_zoned(zone.clone()).strftime("%m-%dT%H:%M%:z").to_string());
        }
        times
    }

    #[test]
    fn schedules_come_about() {
        for (schedule, zone, from, expected) in [
            ("* * * * *", "UTC", "2026-01-01T00:00:00Z", vec!["01-01T00:01+00:00", "01-01T00:02+00:00"]),
            ("*/15 * * * *", "UTC", "2026-01-01T00:01:30Z", vec!["01-01T00:15+00:00", "01-01T00:30+00:00"]),
            ("5/20 * * * *", "UTC", "2026-01-01T00:00:00Z", vec!["01-01T00:05+00:00", "01-01T00:25+00:00"]),
            ("0 9-17/4 * * MON-FRI", "UTC", "2026-01-02T14:00:00Z", vec!["01-02T17:00+00:00", "01-05T09:00+00:00"]),
            ("0 0 1,15 * *", "UTC", "2026-01-02T00:00:00Z", vec!["01-15T00:00+00:00", "02-01T00:00+00:00"]),
            // A day of month or a day of week, when both are given.
            (
                "0 0 13 * 5",
                "UTC",
                "2026-02-01T00:00:00Z",
                vec!["02-06T00:00+00:00", "02-13T00:00+00:00", "02-20T00:00+00:00"],
            ),
            ("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", vec!["02-29T00:00+00:00"]),
            ("0 12 * * 7", "UTC", "2026-01-01T00:00:00Z", vec!["01-04T12:00+00:00"]),
            ("0 12 ? JAN sun", "UTC", "2026-01-01T00:00:00Z", vec!["01-04T12:00+00:00"]),
            ("@hourly", "UTC", "2026-01-01T00:30:00Z", vec!["01-01T01:00+00:00"]),
            ("@daily", "Asia/Tokyo", "2026-01-01T00:30:00Z", vec!["01-02T00:00+09:00"]),
            ("@every 1h30m", "UTC", "2026-01-01T00:00:00.500Z", vec!["01-01T01:30+00:00", "01-01T03:00+00:00"]),
            ("CRON_TZ=America/New_York 0 8 * * *", "UTC", "2026-01-01T00:00:00Z", vec!["01-01T13:00+00:00"]),
            ("0 8 * * *", "+02:00", "2026-01-01T00:00:00Z", vec!["01-01T08:00+02:00"]),
            // Clocks go forward at 02:00: 02:30 does not exist and runs once, right after.
            ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", vec!["03-29T03:00+02:00", "03-30T02:30+02:00"]),
            ("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:15:00Z", vec!["03-29T01:30+01:00", "03-29T03:00+02:00"]),
            (
                "0 * * * *",
                "Europe/Berlin",
                "2026-03-28T23:30:00Z",
                vec!["03-29T01:00+01:00", "03-29T03:00+02:00", "03-29T04:00+02:00"],
            ),
            // Clocks go back at 03:00: 02:30 comes twice and runs once; an interval goes on.
            ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", vec!["10-25T02:30+02:00", "10-26T02:30+01:00"]),
            (
                "0 * * * *",
                "Europe/Berlin",
                "2026-10-24T23:30:00Z",
                vec!["10-25T02:00+02:00", "10-25T02:00+01:00", "10-25T03:00+01:00"],
            ),
            ("30 1 * * *", "America/New_York", "2026-11-01T00:00:00Z", vec!["11-01T01:30-04:00", "11-02T01:30-05:00"]),
        ] {
            assert_eq!(next(schedule, zone, from, expected.len()), expected, "{schedule} {zone} {from}");
        }
    }

    #[test]
    fn what_came_before() {
        for (schedule, zone_name, from, expected) in [
            ("*/15 * * * *", "UTC", "2026-01-01T00:30:00Z", "2026-01-01T00:15:00Z"),
            ("*/15 * * * *", "UTC", "2026-01-01T00:30:00.001Z", "2026-01-01T00:30:00Z"),
            ("30 2 * * *", "Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-25T00:30:00Z"),
            ("@every 1m", "UTC", "2026-01-01T00:30:00Z", "2026-01-01T00:29:00Z"),
        ] {
            let t =
                Schedule::parse(schedule).unwrap().previous_before(from.parse().unwrap(), &zone(zone_name).unwrap());
            assert_eq!(t.unwrap().to_string(), expected, "{schedule} {from}");
        }
    }

    #[test]
    fn faults_are_said() {
        for (schedule, expected) in [
            ("", "\"\" is not a schedule: five fields are expected, here are 0"),
            ("* * * *", "\"* * * *\" is not a schedule: five fields are expected, here are 4"),
            (
                "0 * * * * *",
                "\"0 * * * * *\" is not a schedule: five fields are expected, here are 6 (seconds are not among them)",
            ),
            ("@sometimes", "\"@sometimes\" is not known: @hourly, @daily, @weekly, @monthly, @yearly and @every are"),
            ("@every 10", "\"@every 10\" is not @every and a duration of at least one second, such as @every 90m"),
            ("@every 10ms", "\"@every 10ms\" is not @every and a duration of at least one second, such as @every 90m"),
            ("CRON_TZ=Moon/Base * * * * *", "\"Moon/Base\" is not a time zone such as Europe/Berlin"),
            ("0 0 30 2 *", "\"0 0 30 2 *\" never comes about"),
        ] {
            assert_eq!(Schedule::parse(schedule).unwrap_err().to_string(), expected, "{schedule}");
        }
        for schedule in [
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "a * * * *",
            "*/0 * * * *",
            "5-1 * * * *",
            "1-70 * * * *",
        ] {
            assert!(Schedule::parse(schedule).is_err(), "{schedule}");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]
        #[test]
        fn garbage_never_panics(text in "[-0-9*/,?@a-zA-Z#+ ]{0,40}") {
            let _ = Schedule::parse(&text);
        }

        #[test]
        fn next_and_previous_agree(minute in 0_u32..60, hour in 0_u32..24, t in 1_700_000_000_000_i64..1_900_000_000_000) {
            let schedule = Schedule::parse(&format!("{minute} {hour} * * *")).unwrap();
            let zone = zone("Europe/Berlin").unwrap();
            let t = Timestamp(t);
            let next = schedule.next_after(t, &zone).unwrap();
            proptest::prop_assert!(next > t);
            proptest::prop_assert!(next.millis_since(t) <= 26 * 3_600_000);
            let before = schedule.previous_before(next, &zone).unwrap();
            proptest::prop_assert!(before <= t);
        }
    }
}
