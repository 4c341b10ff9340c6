//! Whether an answer's status is as the trigger's policy wants it.

use colchis_sdk::trigger::PolicyState;
use colchis_sdk::{Error, Result};
use serde::Deserialize;
use serde_json::Value;

/// `policy` of a trigger.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Policy {
    status: Option<Status>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Status {
    allow: Vec<u64>,
}

/// The statuses of `status.allow`; without a policy those of success.
pub(crate) fn judge(policy: &Value, answer: &Value) -> Result<PolicyState> {
    let policy: Option<Policy> = serde_json::from_value(policy.clone())
        .map_err(|error| Error::invalid("policy", format!("{{status: {{allow: […]}}}} is expected: {error}")))?;
    let status = answer.get("status").and_then(Value::as_u64).unwrap_or_default();
    let (good, expected) = match policy.and_then(|policy| policy.status) {
        Some(Status { allow }) => (allow.contains(&status), format!("one of {allow:?}")),
        None => ((200..400).contains(&status), "2xx or 3xx".to_owned()),
    };
    Ok(if good {
        PolicyState::Met
    } else {
        PolicyState::Violated(format!("the answer's status is {status}: {expected} is expected"))
    })
}
