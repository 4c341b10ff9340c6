//! What users write.

use colchis_sdk::{Error, Finding, Result};
use provider_kit::address;
use provider_kit::time::{self, Moment};
use schemars::JsonSchema;
use serde::Deserialize;

/// A query of SkyWalking.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["address", "query"]))]
pub struct Config {
    /// Where the OAP server is: `http://skywalking-oap:12800`; `/graphql` is put behind it.
    pub address: String,
    /// The query, in GraphQL, with a variable `$duration: Duration!`.
    pub query: String,
    /// How far back is looked, as `5m`. SkyWalking knows whole minutes.
    #[serde(default = "interval_default")]
    pub interval: String,
    /// The server's offset from UTC, as `+08:00`. UTC when empty.
    pub utc_offset: String,
}

fn interval_default() -> String {
    "5m".to_owned()
}

impl Config {
    /// All that is wrong with it.
    pub(crate) fn check(&self) -> Vec<Finding> {
        let mut found: Vec<Finding> =
            address::check("address", &self.address, true, "http://skywalking-oap:12800").into_iter().collect();
        if self.query.trim().is_empty() {
            found.push(Finding::error("query", "a query is expected, in GraphQL"));
        } else if !self.query.contains("$duration") {
            let message = "the query has no variable `$duration`, so that `interval` does nothing";
            found.push(Finding::warning("query", message));
        }
        found.extend(time::check("interval", &self.interval));
        found.extend(offset_minutes(&self.utc_offset).err().map(|error| Finding::error("utcOffset", error.message())));
        found
    }

    /// The window's first and last minute, as the server's clock has them: `2026-01-01 0005`.
    pub(crate) fn window(&self, now_ms: u64) -> Result<(String, String)> {
        let offset = offset_minutes(&self.utc_offset)? * 60;
        let begun = now_ms.saturating_sub(time::millis(time::duration("interval", &self.interval)?));
        let minute = |millis: u64| {
            let seconds = i64::try_from(millis / 1000).unwrap_or(i64::MAX / 2);
            let Moment { year, month, day, hour, minute, .. } = Moment::of_seconds(seconds + offset);
            format!("{year:04}-{month:02}-{day:02} {hour:02}{minute:02}")
        };
        Ok((minute(begun), minute(now_ms)))
    }
}

/// Minutes of `+08:00`, `-0330` or nothing.
fn offset_minutes(text: &str) -> Result<i64> {
    let text = text.trim();
    if text.is_empty() || text == "Z" {
        return Ok(0);
    }
    let bad = || Error::invalid("utcOffset", format!("`{text}` is no offset from UTC: one is expected as `+08:00`"));
    let (sign, rest) = match text.split_at_checked(1) {
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        _ => return Err(bad()),
    };
    let digits: String = rest.chars().filter(|c| *c != ':').collect();
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad());
    }
    let number: i64 = digits.parse().map_err(|_| bad())?;
    let (hours, minutes) = (number / 100, number % 100);
    if hours > 14 || minutes > 59 { Err(bad()) } else { Ok(sign * (hours * 60 + minutes)) }
}
