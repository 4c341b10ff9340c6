//! Moments that are left out, as RFC 5545 writes them (`EXDATE`).

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};

use crate::rhythm;

/// Moments and whole days that are left out.
#[derive(Debug, Default)]
pub(crate) struct Exclusions {
    moments: BTreeSet<i64>,
    days: Vec<(Date, TimeZone)>,
}

impl Exclusions {
    /// Adds a line: `EXDATE:20260101T090000Z,20260102`, `EXDATE;TZID=Europe/Berlin:20260101T090000`, or the dates alone. `zone` is that of dates that name none.
    pub(crate) fn add(&mut self, line: &str, zone: &TimeZone) -> Result<(), String> {
        let line = line.trim();
        let (dates, zone) = match line.get(..6).filter(|word| word.eq_ignore_ascii_case("EXDATE")) {
            None => (line, zone.clone()),
            Some(_) => {
                let rest = line.get(6..).unwrap_or_default();
                let (parameters, dates) = rest.split_once(':').ok_or("`:` and dates are expected after EXDATE")?;
                (dates, zone_of(parameters, zone)?)
            }
        };
        dates.split(',').try_for_each(|date| self.add_date(date.trim(), &zone))
    }

    fn add_date(&mut self, text: &str, zone: &TimeZone) -> Result<(), String> {
        let bad = || format!("`{text}` is no date: 20260131, 20260131T090000 or 20260131T090000Z is expected");
        if let Ok(date) = Date::strptime("%Y%m%d", text) {
            self.days.push((date, zone.clone()));
            return Ok(());
        }
        let (civil, zone) = match text.strip_suffix('Z') {
            Some(civil) => (civil, TimeZone::UTC),
            None => (text, zone.clone()),
        };
        let civil = DateTime::strptime("%Y%m%dT%H%M%S", civil).map_err(|_| bad())?;
        let moment = zone.to_ambiguous_zoned(civil).compatible().map_err(|_| bad())?;
        self.moments.insert(moment.timestamp().as_millisecond());
        Ok(())
    }

    /// Whether a moment is left out. Dates have whole seconds, and so have moments when they are compared.
    pub(crate) fn has(&self, moment: i64) -> bool {
        let second = moment.div_euclid(1000).saturating_mul(1000);
        if self.moments.contains(&second) {
            return true;
        }
        let Ok(time) = Timestamp::from_millisecond(moment).and_then(|time| time.round(Unit::Second)) else {
            return false;
        };
        self.days.iter().any(|(date, zone)| time.to_zoned(zone.clone()).date() == *date)
    }
}

fn zone_of(parameters: &str, given: &TimeZone) -> Result<TimeZone, String> {
    let mut zone = given.clone();
    for parameter in parameters.split(';').filter(|parameter| !parameter.is_empty()) {
        match parameter.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("TZID") => zone = rhythm::zone(value)?,
            Some((name, value)) if name.eq_ignore_ascii_case("VALUE") && matches!(value, "DATE" | "DATE-TIME") => {}
            _ => return Err(format!("`{parameter}` is not known: TZID=… and VALUE=DATE are")),
        }
    }
    Ok(zone)
}
