//! What Wavefront answers (the chart API of its REST interface).

use colchis_sdk::http::Response;
use colchis_sdk::metric_provider::{Measurement, number};
use colchis_sdk::{Error, Result};
use provider_kit::{refusal, time::Moment};
use serde::Deserialize;
use serde_json::Value;

/// What it is called in errors.
const SERVICE: &str = "Wavefront";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    timeseries: Option<Vec<Series>>,
    #[serde(default)]
    warnings: Option<String>,
    #[serde(default)]
    error_type: Option<String>,
    #[serde(default)]
    error_message: Option<String>,
}

#[derive(Deserialize)]
struct Series {
    /// Times in seconds, and values.
    #[serde(default)]
    data: Vec<(f64, Option<f64>)>,
}

/// A refusal: `{"status": {"message": …}}`, or the message alone.
#[derive(Deserialize)]
struct Refusal {
    status: Option<Status>,
    message: Option<String>,
}

#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    message: String,
}

/// The newest numbers, or the error that the answer tells.
pub(crate) fn read(response: &Response, now_ms: u64) -> Result<Measurement> {
    if response.status() != 200 {
        return Err(refused(response));
    }
    let Ok(answer) = response.json::<Answer>() else { return Err(refusal::unreadable(response, SERVICE)) };
    if let Some(kind) = answer.error_type.filter(|kind| !kind.is_empty()) {
        let message = format!("Wavefront refuses the query ({kind}): {}", answer.error_message.unwrap_or_default());
        return Err(match kind.as_str() {
            "QUERY_SYNTAX_ERROR" => Error::invalid("query", message).with_code("bad-query"),
            "TIMEOUT" => Error::unavailable(message).with_code("query-unavailable"),
            _ => Error::permanent(message).with_code("query-failed"),
        });
    }
    let newest: Vec<(f64, f64)> =
        answer.timeseries.unwrap_or_default().iter().filter_map(|series| series.newest(now_ms)).collect();
    let values: Vec<Value> = newest.iter().map(|(_, value)| number(*value)).collect();
    let measurement = match values.as_slice() {
        [] => return Err(refusal::nothing("the query gives no point in the last five minutes")),
        [one] => Measurement::of(one),
        several => Measurement::of(several),
    };
    #[allow(clippy::cast_possible_truncation, reason = "seconds of a time that Wavefront tells")]
    let times: Vec<String> = newest.iter().map(|(time, _)| Moment::of_seconds(*time as i64).rfc3339()).collect();
    let measurement = measurement.with_metadata("timestamps", times.join(","));
    Ok(match answer.warnings.filter(|text| !text.is_empty()) {
        Some(warnings) => measurement.with_message(warnings),
        None => measurement,
    })
}

impl Series {
    /// Points may be announced for times to come; those were not measured.
    fn newest(&self, now_ms: u64) -> Option<(f64, f64)> {
        #[allow(clippy::cast_precision_loss, reason = "milliseconds have 41 bits for centuries to come")]
        let now = now_ms as f64 / 1000.0;
        let points = self.data.iter().filter_map(|(time, value)| value.map(|value| (*time, value)));
        points.filter(|(time, _)| *time <= now).max_by(|(a, _), (b, _)| a.total_cmp(b))
    }
}

fn refused(response: &Response) -> Error {
    let said = match response.json::<Refusal>() {
        Ok(refusal) => {
            refusal.message.or(refusal.status.map(|status| status.message)).unwrap_or_else(|| response.excerpt())
        }
        Err(_) => response.excerpt(),
    };
    if response.status() == 400 {
        return Error::invalid("query", format!("Wavefront refuses the query: {said}")).with_code("bad-query");
    }
    refusal::of(response, SERVICE, &said, None)
}
