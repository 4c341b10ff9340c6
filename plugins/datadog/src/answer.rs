//! What Datadog answers.

use colchis_sdk::http::Response;
use colchis_sdk::metric_provider::{Measurement, number};
use colchis_sdk::{Error, Result};
use provider_kit::refusal;
use serde::Deserialize;
use serde_json::{Value, json};

/// What Datadog is called in errors.
const SERVICE: &str = "Datadog";

/// In how many seconds the limit on requests begins anew.
const WAIT: &str = "x-ratelimit-reset";

/// Groups that are told beside the value; the value has all of them.
const GROUPS_MAX: usize = 100;

/// The frame of a refusal. The first interface has a list or a text, the second a list of texts or a text.
#[derive(Deserialize)]
struct Refusal {
    #[serde(alias = "error")]
    errors: Value,
}

/// The answer of the first interface.
#[derive(Deserialize)]
struct Series {
    #[serde(default)]
    status: String,
    #[serde(default)]
    error: String,
    series: Vec<Points>,
}

#[derive(Deserialize)]
struct Points {
    #[serde(default)]
    pointlist: Vec<(Option<f64>, Option<f64>)>,
}

/// The answer of the second.
#[derive(Deserialize)]
struct Scalar {
    data: Option<ScalarData>,
    #[serde(default)]
    errors: Value,
}

#[derive(Deserialize)]
struct ScalarData {
    attributes: Attributes,
}

#[derive(Deserialize)]
struct Attributes {
    #[serde(default)]
    columns: Vec<Column>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Column {
    /// The values of one tag, group by group.
    Group { values: Vec<Vec<String>> },
    /// The numbers, group by group.
    Number { values: Vec<Option<f64>> },
}

/// The last point of the first series, or `null`.
pub(crate) fn v1(response: &Response) -> Result<Measurement> {
    let answer: Series = read(response)?;
    if answer.status == "error" || !answer.error.is_empty() {
        let message = format!("Datadog refuses the query: {}", answer.error);
        return Err(Error::invalid("query", message).with_code("bad-query"));
    }
    let last = answer.series.first().and_then(|series| series.pointlist.iter().rev().find_map(|(_, value)| *value));
    let measurement = Measurement::of(last.map_or(Value::Null, number));
    Ok(match answer.series.len() {
        0 | 1 => measurement,
        many => measurement.with_message(format!("the query gives {many} series; the first one is measured")),
    })
}

/// The number, `null`, or the numbers of all groups.
pub(crate) fn v2(response: &Response) -> Result<Measurement> {
    let answer: Scalar = read(response)?;
    let said = said(&answer.errors);
    if !said.is_empty() {
        return Err(Error::permanent(format!("Datadog cannot answer the query: {said}")).with_code("query-failed"));
    }
    let columns = answer.data.map(|data| data.attributes.columns).unwrap_or_default();
    let numbers = columns.iter().find_map(|column| match column {
        Column::Number { values } => Some(values.as_slice()),
        Column::Group { .. } => None,
    });
    let numbers = numbers.unwrap_or_default();
    let tags: Vec<&Vec<Vec<String>>> = columns
        .iter()
        .filter_map(|column| match column {
            Column::Group { values } => Some(values),
            Column::Number { .. } => None,
        })
        .collect();
    if tags.is_empty() {
        return Ok(Measurement::of(numbers.first().copied().flatten().map_or(Value::Null, number)));
    }
    Ok(grouped(&tags, numbers))
}

/// A list of the numbers, and which group each belongs to beside it. A group in which nothing was measured has no number.
fn grouped(tags: &[&Vec<Vec<String>>], numbers: &[Option<f64>]) -> Measurement {
    let name = |row: usize| {
        let parts: Vec<String> = tags.iter().filter_map(|tag| tag.get(row)).map(|values| values.join(",")).collect();
        parts.join(",")
    };
    let mut groups: Vec<(String, f64)> =
        numbers.iter().enumerate().filter_map(|(row, value)| value.map(|value| (name(row), value))).collect();
    let values: Vec<Value> = groups.iter().map(|(_, value)| number(*value)).collect();
    groups.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let truncated = groups.len() > GROUPS_MAX;
    groups.truncate(GROUPS_MAX);
    let told: Vec<Value> = groups.iter().map(|(name, value)| json!({"name": name, "value": number(*value)})).collect();
    let measurement = Measurement::of(values).with_metadata("groups", Value::Array(told).to_string());
    if truncated { measurement.with_metadata("groups_truncated", "true") } else { measurement }
}

fn read<T: serde::de::DeserializeOwned>(response: &Response) -> Result<T> {
    if response.status() == 200 {
        return response.json().map_err(|_| refusal::unreadable(response, SERVICE));
    }
    let said = match response.json::<Refusal>() {
        Ok(refusal) => said(&refusal.errors),
        Err(_) => response.excerpt(),
    };
    let error = refusal::of(response, SERVICE, &said, Some(WAIT));
    if matches!(response.status(), 400 | 422) {
        return Err(Error::invalid("query", error.message()).with_code("bad-query"));
    }
    Err(error)
}

/// Texts of errors, however they are put.
fn said(errors: &Value) -> String {
    match errors {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(said).collect::<Vec<_>>().join("; "),
        Value::Object(fields) => fields.get("detail").or_else(|| fields.get("title")).map(said).unwrap_or_default(),
        other => other.to_string(),
    }
}
