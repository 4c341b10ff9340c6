//! What Kayenta answers (<https://github.com/spinnaker/kayenta/tree/master/docs>).

use colchis_sdk::http::Response;
use colchis_sdk::metric_provider::{Measurement, number};
use colchis_sdk::{Error, Result};
use provider_kit::refusal;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::{Config, Threshold};

/// What it is called in errors.
const SERVICE: &str = "Kayenta";

/// A canary configuration in the list of them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CanaryConfig {
    id: String,
    name: String,
    #[serde(default)]
    updated_timestamp: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Begun {
    canary_execution_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Execution {
    complete: bool,
    #[serde(default)]
    status: String,
    #[serde(default)]
    exception: Value,
    #[serde(default)]
    result: Value,
}

/// The score of an analysis that is over.
#[derive(Debug)]
pub(crate) struct Verdict {
    score: f64,
    reason: String,
}

/// The id of the configuration that has the name; the one that was changed last where several have it.
pub(crate) fn config_id(response: &Response, config: &Config) -> Result<String> {
    let list: Vec<CanaryConfig> = read(response)?;
    let named = list.into_iter().filter(|one| one.name == config.canary_config_name);
    named.max_by_key(|one| one.updated_timestamp).map(|one| one.id).ok_or_else(|| {
        let message =
            format!("Kayenta has no canary configuration of this name for the application {}", config.application);
        Error::not_found(message).with_code("no-canary-config").at("canaryConfigName")
    })
}

/// The id of the analysis that was begun.
pub(crate) fn begun(response: &Response) -> Result<String> {
    if response.status() == 400 {
        let message = format!("Kayenta refuses the analysis: {}", said(response));
        return Err(Error::invalid("scopes", message).with_code("bad-analysis"));
    }
    read::<Begun>(response).map(|begun| begun.canary_execution_id)
}

/// The score, or nothing while the analysis is under way.
pub(crate) fn verdict(response: &Response) -> Result<Option<Verdict>> {
    let execution: Execution = read(response)?;
    if !execution.complete {
        return Ok(None);
    }
    let score = execution.result.pointer("/judgeResult/score");
    let number = score.and_then(|score| score.get("score")).and_then(Value::as_f64);
    let (Some(score), Some(number), true) = (score, number, execution.status.eq_ignore_ascii_case("succeeded")) else {
        let why = failures(&execution.exception);
        let why = if why.is_empty() { "without saying why".to_owned() } else { why };
        let message = format!("Kayenta could not finish the canary analysis ({}): {why}", execution.status);
        return Err(Error::permanent(message).with_code("analysis-failed"));
    };
    let text = |name: &str| score.get(name).and_then(Value::as_str).unwrap_or_default();
    Ok(Some(Verdict {
        score: number,
        reason: [text("classification"), text("classificationReason")].join(" ").trim().to_owned(),
    }))
}

/// Whether an analysis was ended. One that is not there any more was.
pub(crate) fn cancelled(response: &Response) -> Result<()> {
    match response.status() {
        200..=299 | 404 | 410 => Ok(()),
        _ => Err(refusal::of(response, SERVICE, &said(response), None)),
    }
}

impl Verdict {
    /// The measurement, judged by the thresholds.
    pub(crate) fn measurement(&self, threshold: &Threshold) -> Measurement {
        let told = |judged: &str| {
            let message = format!("the score {} is {judged}", self.score);
            if self.reason.is_empty() { message } else { format!("{message} (Kayenta: {})", self.reason) }
        };
        let measurement = if self.score >= threshold.pass {
            Measurement::successful(told("at least `threshold.pass`"))
        } else if self.score >= threshold.marginal {
            Measurement::inconclusive(told("below `threshold.pass`, and not below `threshold.marginal`"))
        } else {
            Measurement::failed(told("below `threshold.marginal`"))
        };
        measurement.with_value(number(self.score))
    }
}

fn read<T: DeserializeOwned>(response: &Response) -> Result<T> {
    if !(200..300).contains(&response.status()) {
        return Err(refusal::of(response, SERVICE, &said(response), None));
    }
    response.json().map_err(|_| refusal::unreadable(response, SERVICE))
}

/// What a refusal says: `{"message": …}`, or its beginning.
fn said(response: &Response) -> String {
    let message = response.json::<Value>().ok();
    let message = message.as_ref().and_then(|value| value.get("message")?.as_str().map(str::to_owned));
    message.unwrap_or_else(|| response.excerpt())
}

/// What an exception of an analysis says: `{"details": {"errors": […], "error": …}}`.
fn failures(exception: &Value) -> String {
    let details = exception.get("details");
    let errors = details.and_then(|details| details.get("errors")).and_then(Value::as_array);
    let errors: Vec<&str> = errors.into_iter().flatten().filter_map(Value::as_str).collect();
    if !errors.is_empty() {
        return errors.join("; ");
    }
    details.and_then(|details| details.get("error")).and_then(Value::as_str).unwrap_or_default().to_owned()
}
