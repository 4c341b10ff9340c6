//! What Prometheus answers (<https://prometheus.io/docs/prometheus/latest/querying/api/>).

use colchis_sdk::http::Response;
use colchis_sdk::metric_provider::{Measurement, number};
use colchis_sdk::{Class, Error, Result};
use serde::Deserialize;
use serde_json::Value;

/// The frame of every answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status: String,
    data: Option<Data>,
    #[serde(default)]
    error_type: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Scalar(Sample),
    String(Sample),
    Vector(Vec<Series>),
    Matrix(Vec<Series>),
}

/// A time in seconds, and a value as text.
type Sample = (f64, String);

#[derive(Deserialize)]
struct Series {
    value: Option<Sample>,
    #[serde(default)]
    values: Vec<Sample>,
    #[serde(default)]
    histogram: Option<Value>,
    #[serde(default)]
    histograms: Vec<Value>,
}

/// The measurement of an answer, or the error that it tells.
pub(crate) fn read(response: &Response) -> Result<Measurement> {
    let Ok(answer) = response.json::<Answer>() else {
        // Something between, or no Prometheus at all.
        response.clone().ok()?;
        return Err(Error::permanent(format!(
            "the answer is none of Prometheus: it begins with {}",
            response.excerpt()
        ))
        .with_code("bad-answer"));
    };
    if answer.status != "success" {
        return Err(failure(response, &answer));
    }
    let Some(data) = answer.data else {
        return Err(Error::permanent("the answer of Prometheus has no data").with_code("bad-answer"));
    };
    let measurement = Measurement::of(value(data)?);
    Ok(if answer.warnings.is_empty() { measurement } else { measurement.with_message(answer.warnings.join("; ")) })
}

fn failure(response: &Response, answer: &Answer) -> Error {
    let said = if answer.error.is_empty() { "without saying why" } else { &answer.error };
    let message = format!("Prometheus refuses the query ({}): {said}", answer.error_type);
    match answer.error_type.as_str() {
        "bad_data" => Error::invalid("query", message).with_code("bad-query"),
        "timeout" | "canceled" | "unavailable" | "internal" | "too_many_requests" => {
            let error = response.error(&message);
            // Its statuses for these differ between versions; the word does not.
            match error.class() {
                Class::Throttled(_) | Class::Unavailable => error,
                _ => Error::unavailable(message),
            }
            .with_code("query-unavailable")
        }
        "not_found" => Error::not_found(message).with_code("query-failed"),
        _ if matches!(response.status(), 401 | 403 | 429) => response.error(&message),
        _ => Error::permanent(message).with_code("query-failed"),
    }
}

fn value(data: Data) -> Result<Value> {
    Ok(match data {
        Data::Scalar(sample) => float(&sample)?,
        Data::String((_, text)) => Value::String(text),
        Data::Vector(series) | Data::Matrix(series) => {
            let mut numbers = Vec::new();
            for one in &series {
                if one.histogram.is_some() || !one.histograms.is_empty() {
                    return Err(Error::invalid(
                        "query",
                        "the query gives histograms; take a number of them, as histogram_quantile() does",
                    )
                    .with_code("histogram"));
                }
                for sample in one.value.iter().chain(&one.values) {
                    numbers.push(float(sample)?);
                }
            }
            Value::Array(numbers)
        }
    })
}

/// A value's text as a number.
fn float((_, text): &Sample) -> Result<Value> {
    let parsed = match text.as_str() {
        "NaN" => Some(f64::NAN),
        "+Inf" | "Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        text => text.parse().ok().filter(|number: &f64| number.is_finite()),
    };
    parsed.map(number).ok_or_else(|| {
        Error::permanent(format!("Prometheus answers `{text}`, which is no number")).with_code("bad-answer")
    })
}
