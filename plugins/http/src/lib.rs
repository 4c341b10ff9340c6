//! The trigger `http`: sends a request with the payload as its JSON body.
//!
//! ```text
//!   payload ──► request ──► answer ──► 408, 425, 429, 5xx: an error that is tried again; others: status.allow decides
//! ```
//!
//! Invariants
//! - Each try of the same execution has the same `Idempotency-Key`.
//! - Without a policy, 2xx and 3xx are what is expected.
//!
//! Must not know: parameters, which the sensor fills in before; certificates, which the operator grants per host.

mod config;
mod policy;

use colchis_sdk::trigger::{Executed, PolicyState, Request, Trigger};
use colchis_sdk::{Capability, Finding, Result, about};
use serde_json::{Value, json};

pub use config::{BasicAuth, BearerAuth, Config, Method, SecureHeader, ValueFrom};

/// How much of an answer is kept (bytes).
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The trigger.
#[derive(Debug)]
pub struct Http;

impl Trigger for Http {
    type Config = Config;

    fn check(config: &Config) -> Vec<Finding> {
        config.check()
    }

    fn execute(config: Config, _: &Request, payload: Value, idempotency_key: &str) -> Result<Executed> {
        let request = config.request(&payload, idempotency_key)?;
        let response = request.send().map_err(|error| match error.code() {
            "bad-url" => error.at("url"),
            "bad-header" => error.at("headers"),
            _ => error,
        })?;
        let status = response.status();
        if matches!(status, 408 | 425 | 429 | 500..=599) {
            return Err(response.error(&match response.excerpt().as_str() {
                "" => format!("the answer is {status}"),
                text => format!("the answer is {status}: {text}"),
            }));
        }
        let body = match response.json::<Value>() {
            Ok(value) if response.body().len() <= ANSWER_BYTES_MAX => value,
            _ => Value::String(response.excerpt()),
        };
        let message = format!("{} {} answered {status}", config.method.name(), config.shown_url());
        Ok(Executed::new(message, json!({"status": status, "body": body})))
    }

    fn check_policy(_: Config, _: &Request, policy: Value, executed: &Executed) -> Result<PolicyState> {
        policy::judge(&policy, &executed.answer)
    }
}

colchis_sdk::export! {
    about: about!("http", "Sends an HTTP request when events came in")
        .needs(Capability::Http("*".into()), "sends the request to the address that a trigger names"),
    trigger: Http,
}

#[cfg(test)]
mod tests;
