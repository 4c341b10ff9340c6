//! What NerdGraph answers (<https://docs.newrelic.com/docs/apis/nerdgraph/examples/nerdgraph-nrql-tutorial/>).

use colchis_sdk::http::Response;
use colchis_sdk::{Error, Result};
use provider_kit::refusal;
use serde::Deserialize;
use serde_json::Value;

/// What it is called in errors.
const SERVICE: &str = "New Relic";

#[derive(Deserialize)]
struct Answer {
    data: Option<Value>,
    #[serde(default)]
    errors: Vec<GraphError>,
}

#[derive(Deserialize)]
struct GraphError {
    #[serde(default)]
    message: String,
    #[serde(default)]
    extensions: Extensions,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Extensions {
    error_class: String,
}

/// The one row, or all of several.
pub(crate) fn read(response: &Response) -> Result<Value> {
    let Ok(answer) = response.json::<Answer>() else { return Err(refusal::unreadable(response, SERVICE)) };
    if !answer.errors.is_empty() {
        return Err(failure(response, &answer.errors));
    }
    if response.status() != 200 {
        return Err(refusal::of(response, SERVICE, &response.excerpt(), None));
    }
    let results = answer.data.as_ref().and_then(|data| data.pointer("/actor/account/nrql/results"));
    let Some(Value::Array(rows)) = results else {
        let message = "New Relic shows nothing of the account: it does not exist, or the key may not read it";
        return Err(Error::denied(message).with_code("no-account"));
    };
    match rows.as_slice() {
        [] => Err(refusal::nothing("the query finds nothing")),
        [row] => Ok(row.clone()),
        rows => Ok(Value::Array(rows.to_vec())),
    }
}

fn failure(response: &Response, errors: &[GraphError]) -> Error {
    let said: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
    let said = said.join("; ");
    let class = errors.iter().map(|error| error.extensions.error_class.as_str()).find(|class| !class.is_empty());
    let message = format!("New Relic refuses the query: {said}");
    match class.unwrap_or_default() {
        _ if response.status() != 200 => refusal::of(response, SERVICE, &said, None),
        "INVALID_INPUT" | "GRAPHQL_VALIDATION_FAILED" | "NRDB:1100003" => {
            Error::invalid("query", message).with_code("bad-query")
        }
        "ACCESS_DENIED" | "UNAUTHORIZED" | "FORBIDDEN" => Error::denied(message).with_code("access-denied"),
        "TOO_MANY_REQUESTS" | "RATE_LIMIT" => Error::throttled(None, message).with_code("rate-limit"),
        "TIMEOUT" | "SERVER_ERROR" | "INTERNAL_SERVER_ERROR" | "SERVICE_UNAVAILABLE" => {
            Error::unavailable(message).with_code("query-unavailable")
        }
        _ => Error::permanent(message).with_code("query-failed"),
    }
}
