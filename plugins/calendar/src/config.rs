//! What users write.

use std::collections::BTreeMap;

use colchis_sdk::{Error, Finding, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::exclusion::Exclusions;
use crate::rhythm::{self, Rhythm};

/// Moments: of a schedule, or apart by an interval.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Config {
    /// A schedule, as `30 9 * * MON-FRI`, `@hourly`, `@every 90m`. Either this or `interval`.
    pub schedule: String,
    /// How far moments are apart, as `10s`; at least one second.
    pub interval: String,
    /// Moments that are left out: each one `EXDATE` of RFC 5545, as `EXDATE;TZID=Europe/Berlin:20260101T090000`, or its dates alone.
    pub exclusion_dates: Vec<String>,
    /// The zone that the schedule is in, as `Europe/Berlin`; UTC when empty.
    pub timezone: String,
    /// What becomes of moments at which nobody ran.
    pub persistence: Option<Persistence>,
    /// Goes along with each event.
    pub user_payload: Option<Value>,
    /// Goes along with each event.
    pub metadata: BTreeMap<String, String>,
}

/// What becomes of moments at which nobody ran.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Persistence {
    /// They are made good.
    pub catchup: Catchup,
    /// Read, with a warning: the server keeps the moment of the last event itself.
    pub config_map: Option<ConfigMap>,
}

/// Moments are made good.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Catchup {
    /// Whether.
    pub enabled: bool,
    /// How far back, as `5m`; a day when empty.
    pub max_duration: String,
}

/// Where Argo Events keeps the moment of the last event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ConfigMap {
    /// The ConfigMap's name.
    pub name: String,
    /// Whether it is made.
    pub create_if_not_exist: bool,
}

/// How far back moments are made good where nothing is said (ms).
const CATCH_UP_MS: i64 = 24 * 60 * 60 * 1000;

impl Config {
    pub(crate) fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut tell = |error: Option<Error>| {
            found.extend(error.map(|error| Finding::error(error.field().unwrap_or_default(), error.message())));
        };
        tell(self.rhythm().err());
        tell(self.exclusions().err());
        tell(self.catch_up_ms().err());
        if self.persistence.as_ref().is_some_and(|persistence| persistence.config_map.is_some()) {
            let message = "the server keeps the moment of the last event itself: no ConfigMap is read or written";
            found.push(Finding::warning("persistence.configMap", message));
        }
        found
    }

    /// When events come.
    pub(crate) fn rhythm(&self) -> Result<Rhythm> {
        let zone = rhythm::zone(&self.timezone).map_err(|why| Error::invalid("timezone", why))?;
        match (self.schedule.trim(), self.interval.trim()) {
            ("", "") => Err(Error::invalid("schedule", "a schedule or an interval is expected")),
            (schedule, "") => Rhythm::schedule(schedule, zone).map_err(|why| Error::invalid("schedule", why)),
            ("", interval) => Rhythm::interval(interval).map_err(|why| Error::invalid("interval", why)),
            _ => Err(Error::invalid("interval", "only one of schedule and interval can be used")),
        }
    }

    /// When they do not.
    pub(crate) fn exclusions(&self) -> Result<Exclusions> {
        let zone = rhythm::zone(&self.timezone).map_err(|why| Error::invalid("timezone", why))?;
        let mut exclusions = Exclusions::default();
        for (at, line) in self.exclusion_dates.iter().enumerate() {
            exclusions.add(line, &zone).map_err(|why| Error::invalid(format!("exclusionDates[{at}]"), why))?;
        }
        Ok(exclusions)
    }

    /// How far back moments are made good (ms), if they are.
    pub(crate) fn catch_up_ms(&self) -> Result<Option<i64>> {
        let Some(Catchup { enabled: true, max_duration }) = self.persistence.as_ref().map(|kept| &kept.catchup) else {
            return Ok(None);
        };
        if max_duration.trim().is_empty() {
            return Ok(Some(CATCH_UP_MS));
        }
        let read = rhythm::duration_ms(max_duration);
        read.map(Some).map_err(|why| Error::invalid("persistence.catchup.maxDuration", why))
    }
}
