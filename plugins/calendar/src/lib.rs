//! The event source `calendar`: an event at each moment of a schedule or an interval.
//!
//! ```text
//!   cursor: the moment of the last event
//!      │
//!      ├── none: from now on
//!      ├── catch-up: from the cursor on, at most maxDuration back
//!      └── otherwise: from the cursor on, at most a minute back: a restart loses nothing, an outage is not made good
//! ```
//!
//! Invariants
//! - An event's id is its moment: however often it is made, it is the same.
//! - Nothing is remembered here: what was polled and not written down by the host comes again.
//!
//! Must not know: who keeps the cursor.

mod config;
mod exclusion;
mod rhythm;

use std::time::Duration;

use colchis_sdk::event_subscriber::{Batch, Event, EventSubscriber, Subscription};
use colchis_sdk::{Error, Finding, Result, about, call, event};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use config::{Catchup, Config, Persistence};
use exclusion::Exclusions;
use rhythm::Rhythm;

/// How far back moments are made good without catch-up (ms): what a restart or another version may take.
const RESTART_MS: i64 = 60_000;

/// Excluded moments in a row that are passed over at once (`excluded_max`).
const EXCLUDED_MAX: usize = 10_000;

/// The event source.
#[derive(Debug)]
pub struct Calendar;

impl EventSubscriber for Calendar {
    type Config = Config;
    type Subscription = Moments;

    fn check(config: &Config) -> Vec<Finding> {
        config.check()
    }

    fn open(config: Config, name: &str, cursor: Option<&str>) -> Result<Moments> {
        let now = now();
        let rhythm = config.rhythm()?;
        let after = match cursor.filter(|cursor| !cursor.is_empty()) {
            None => now,
            Some(text) => {
                let cursor: Cursor = serde_json::from_str(text).map_err(|error| {
                    Error::permanent(format!("the cursor cannot be read: {error}")).with_code("bad-cursor")
                })?;
                let back = config.catch_up_ms()?.unwrap_or(RESTART_MS);
                rhythm.not_before(cursor.after_ms, now.saturating_sub(back))
            }
        };
        let id = event::id_of(&[
            name.as_bytes(),
            config.schedule.as_bytes(),
            config.interval.as_bytes(),
            config.timezone.as_bytes(),
        ]);
        let exclusions = config.exclusions()?;
        Ok(Moments { rhythm, exclusions, config, id, after, delivery: 0, draining: false })
    }
}

/// Where it goes on.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Cursor {
    /// The moment of the last event, in milliseconds since 1970.
    after_ms: i64,
}

/// The moments to come.
#[derive(Debug)]
pub struct Moments {
    rhythm: Rhythm,
    exclusions: Exclusions,
    config: Config,
    id: String,
    after: i64,
    delivery: u64,
    draining: bool,
}

impl Subscription for Moments {
    fn poll(&mut self, max: u32, wait: Duration) -> Result<Batch> {
        let mut events = Vec::new();
        if !self.draining {
            let next = self.next()?;
            let left = u64::try_from(next.saturating_sub(now())).unwrap_or_default();
            if left > 0 {
                call::sleep(wait.min(Duration::from_millis(left)));
            }
            let now = now();
            let mut next = next;
            while next <= now && events.len() < max as usize {
                events.push(self.event(next)?);
                self.after = next;
                next = self.next()?;
            }
        }
        self.delivery += 1;
        let cursor = json!(Cursor { after_ms: self.after }).to_string();
        Ok(Batch { events, cursor, delivery: self.delivery })
    }

    fn drain(&mut self) -> Result<()> {
        self.draining = true;
        Ok(())
    }
}

impl Moments {
    /// The next moment that is not excluded.
    fn next(&self) -> Result<i64> {
        let mut moment = self.after;
        for _ in 0..EXCLUDED_MAX {
            moment = self.rhythm.next_after(moment)?;
            if !self.exclusions.has(moment) {
                return Ok(moment);
            }
        }
        let message = format!("more than {EXCLUDED_MAX} moments in a row are excluded (excluded_max)");
        Err(Error::invalid("exclusionDates", message))
    }

    fn event(&self, moment: i64) -> Result<Event> {
        let time = Timestamp::from_millisecond(moment)
            .map_err(|error| Error::permanent(format!("a moment is beyond what is known of time: {error}")))?;
        let mut data = Map::new();
        data.insert("eventTime".to_owned(), json!(time.to_string()));
        if let Some(payload) = &self.config.user_payload {
            data.insert("userPayload".to_owned(), payload.clone());
        }
        if !self.config.metadata.is_empty() {
            data.insert("metadata".to_owned(), json!(self.config.metadata));
        }
        let event = Event::json(format!("{}-{moment}", self.id), &Value::Object(data)).of_kind("calendar");
        Ok(event.at_ms(u64::try_from(moment).unwrap_or_default()))
    }
}

fn now() -> i64 {
    i64::try_from(call::now_ms()).unwrap_or(i64::MAX)
}

colchis_sdk::export! {
    about: about!("calendar", "Makes events of a schedule or an interval"),
    event_subscriber: Calendar,
}

#[cfg(test)]
mod tests;
