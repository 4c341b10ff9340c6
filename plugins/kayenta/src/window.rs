//! From when to when is compared, where the scopes do not say.

use colchis_sdk::metric_provider::Request;
use colchis_sdk::state::{self, Expected};
use colchis_sdk::{Class, Error, Result};
use provider_kit::time::Moment;

use crate::config::Config;

/// Two moments, as Kayenta reads them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) start: String,
    pub(crate) end: String,
}

/// The window until now: of one interval, or with `lookback` from where the first measurement of the analysis looked back to.
pub(crate) fn of(config: &Config, request: &Request, now_ms: u64) -> Result<Window> {
    let interval = config.interval.as_ref().map(crate::Interval::millis).transpose()?.unwrap_or_default();
    let begun = now_ms.saturating_sub(interval);
    let start = if config.lookback && !config.has_starts() { first(request, begun)? } else { begun };
    Ok(Window { start: Moment::of_millis(start).rfc3339(), end: Moment::of_millis(now_ms).rfc3339() })
}

/// Where the first measurement began, which this one may be.
fn first(request: &Request, begun: u64) -> Result<u64> {
    let key = format!("begun/{}/{}/{}", request.namespace, request.analysis_run, request.metric);
    let found = |error: Error| match error.class() {
        Class::Denied => error.at("lookback").context("`lookback` keeps when the analysis began"),
        _ => error,
    };
    let known = || -> Result<Option<u64>> {
        let entry = state::get(&key).map_err(found)?;
        Ok(entry.and_then(|entry| String::from_utf8(entry.value).ok()?.parse().ok()))
    };
    if let Some(known) = known()? {
        return Ok(known);
    }
    match state::set(&key, begun.to_string().as_bytes(), Expected::Absent) {
        Ok(_) => Ok(begun),
        // Another call of the same analysis was faster.
        Err(error) if error.code() == state::CONFLICT => Ok(known()?.unwrap_or(begun)),
        Err(error) => Err(found(error)),
    }
}
