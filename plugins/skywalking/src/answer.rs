//! What SkyWalking answers (<https://skywalking.apache.org/docs/main/latest/en/api/query-protocol/>).

use colchis_sdk::http::Response;
use colchis_sdk::{Error, Result};
use provider_kit::refusal;
use serde::Deserialize;
use serde_json::Value;

/// What it is called in errors.
const SERVICE: &str = "SkyWalking";

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
    extensions: Value,
}

/// The answer's data.
pub(crate) fn read(response: &Response) -> Result<Value> {
    if response.status() != 200 {
        return Err(refusal::of(response, SERVICE, &response.excerpt(), None));
    }
    let Ok(answer) = response.json::<Answer>() else { return Err(refusal::unreadable(response, SERVICE)) };
    if !answer.errors.is_empty() {
        let said: Vec<&str> = answer.errors.iter().map(|error| error.message.as_str()).collect();
        let message = format!("SkyWalking cannot answer the query: {}", said.join("; "));
        // A query that is not GraphQL, or asks for what the schema does not have.
        let bad = |error: &GraphError| {
            let kind = error.extensions.get("classification").and_then(Value::as_str).unwrap_or_default();
            matches!(kind, "ValidationError" | "InvalidSyntax")
                || error.message.starts_with("Validation error")
                || error.message.starts_with("Invalid Syntax")
                || error.message.starts_with("Invalid syntax")
        };
        if answer.errors.iter().any(bad) {
            return Err(Error::invalid("query", message).with_code("bad-query"));
        }
        return Err(Error::permanent(message).with_code("query-failed"));
    }
    match answer.data {
        Some(data) if !data.is_null() => Ok(data),
        _ => Err(refusal::nothing("the query gives no data")),
    }
}
