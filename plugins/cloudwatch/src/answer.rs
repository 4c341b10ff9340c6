//! What CloudWatch answers, page by page.

use colchis_sdk::http::Response;
use colchis_sdk::metric_provider::{Measurement, number};
use colchis_sdk::{Error, Result};
use provider_kit::{refusal, time::Moment};
use serde::Deserialize;
use serde_json::{Value, json};

/// What it is called in errors.
const SERVICE: &str = "CloudWatch";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    metric_data_results: Vec<Series>,
    #[serde(default)]
    messages: Vec<Message>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct Series {
    id: String,
    label: String,
    /// Seconds since 1970.
    timestamps: Vec<f64>,
    values: Vec<f64>,
    status_code: String,
    messages: Vec<Message>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Message {
    code: String,
    value: String,
}

/// A refusal: `{"__type": "…#ThrottlingException", "message": …}`.
#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "__type", default)]
    kind: String,
    #[serde(default, alias = "Message")]
    message: String,
}

/// The results of the pages that were read.
#[derive(Default)]
pub(crate) struct Gathered {
    series: Vec<Series>,
    said: Vec<String>,
}

impl Gathered {
    /// Takes a page, and answers the token of the next one. A result may go on over several pages.
    pub(crate) fn take(&mut self, response: &Response) -> Result<Option<String>> {
        if response.status() != 200 {
            return Err(refused(response));
        }
        let Ok(page) = response.json::<Page>() else { return Err(refusal::unreadable(response, SERVICE)) };
        self.said.extend(page.messages.iter().map(Message::told));
        for one in page.metric_data_results {
            match self.series.iter_mut().find(|there| there.id == one.id && there.label == one.label) {
                Some(there) => {
                    there.timestamps.extend(one.timestamps);
                    there.values.extend(one.values);
                    there.messages.extend(one.messages);
                    there.status_code = one.status_code;
                }
                None => self.series.push(one),
            }
        }
        Ok(page.next_token.filter(|token| !token.is_empty()))
    }

    /// The measurement, when all pages were read.
    pub(crate) fn measurement(self) -> Result<Measurement> {
        for one in &self.series {
            let said: Vec<String> = one.messages.iter().map(Message::told).collect();
            let message =
                format!("CloudWatch cannot answer the query {} ({}): {}", one.id, one.status_code, said.join("; "));
            match one.status_code.as_str() {
                "" | "Complete" | "PartialData" => {}
                "Forbidden" => return Err(Error::denied(message).with_code("access-denied")),
                "InternalError" => return Err(Error::unavailable(message).with_code("query-unavailable")),
                _ => return Err(Error::permanent(message).with_code("query-failed")),
            }
        }
        let values: Vec<Value> = self.series.iter().map(Series::value).collect();
        Ok(Measurement::of(values).with_message(self.said.join("; ")))
    }
}

impl Message {
    fn told(&self) -> String {
        format!("{}: {}", self.code, self.value)
    }
}

impl Series {
    fn value(&self) -> Value {
        #[allow(clippy::cast_possible_truncation, reason = "seconds of a time that AWS tells")]
        let times: Vec<String> =
            self.timestamps.iter().map(|time| Moment::of_seconds(*time as i64).rfc3339()).collect();
        let values: Vec<Value> = self.values.iter().map(|value| number(*value)).collect();
        let messages: Vec<Value> =
            self.messages.iter().map(|one| json!({"Code": one.code, "Value": one.value})).collect();
        json!({
            "Id": self.id, "Label": self.label, "StatusCode": self.status_code,
            "Timestamps": times, "Values": values, "Messages": messages,
        })
    }
}

fn refused(response: &Response) -> Error {
    let Ok(refused) = response.json::<Refusal>() else { return refusal::unreadable(response, SERVICE) };
    let kind = refused.kind.rsplit('#').next().unwrap_or_default();
    let message = format!("CloudWatch refuses the query ({kind}): {}", refused.message);
    // AWS answers most refusals with 400; the name tells them apart.
    match kind {
        "Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "TooManyRequestsException" => {
            Error::throttled(None, message).with_code("rate-limit")
        }
        "ValidationError"
        | "ValidationException"
        | "InvalidParameterValue"
        | "InvalidParameterValueException"
        | "InvalidParameterCombination"
        | "MissingParameter"
        | "InvalidNextToken" => Error::invalid("metricDataQueries", message).with_code("bad-query"),
        "AccessDenied"
        | "AccessDeniedException"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "IncompleteSignature"
        | "OptInRequired"
        | "NotAuthorized" => Error::denied(message).with_code("access-denied"),
        "InternalFailure" | "InternalServiceError" | "InternalServiceFault" | "ServiceUnavailable" => {
            Error::unavailable(message).with_code("query-unavailable")
        }
        _ => refusal::of(response, SERVICE, &format!("{kind}: {}", refused.message), None),
    }
}
