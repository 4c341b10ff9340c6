//! The event source `github`: deliveries of GitHub's webhooks.
//!
//! ```text
//!   request ──► method, size, token ──► X-Hub-Signature-256? 401, 403 ──► ping? 200 ──► wanted? ──► {headers, body}
//! ```
//!
//! Invariants
//! - With `webhookSecret`, a request without a good signature over its bytes is no event, and nothing in it is read before.
//! - The id is GitHub's of the delivery: one that is sent again is the same event.
//!
//! Must not know: GitHub's API. Webhooks are made there by hand or by the tool that keeps the repository's settings.

use colchis_sdk::event_receiver::{Endpoint, Event, EventReceiver, Incoming, Outcome};
use colchis_sdk::secrets::{self, Algorithm};
use colchis_sdk::webhook::{self, Webhook};
use colchis_sdk::{Finding, Result, SecretRef, about, call, event};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// Webhooks of GitHub.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["webhook"]))]
pub struct Config {
    /// Where requests are expected.
    pub webhook: Webhook,
    /// GitHub signs requests with this.
    pub webhook_secret: Option<SecretRef>,
    /// The events to take, as `push`; all with `*` or without any.
    pub events: Vec<String>,
    /// The repositories to take events of; all without any.
    pub repositories: Vec<Repositories>,
    /// The organizations to take events of, beside `repositories`; all without any.
    pub organizations: Vec<String>,
}

/// Repositories of an owner.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["owner", "names"]))]
pub struct Repositories {
    /// The user or organization.
    pub owner: String,
    /// The repositories' names.
    pub names: Vec<String>,
}

/// The event source.
#[derive(Debug)]
pub struct Source;

impl EventReceiver for Source {
    type Config = Config;

    fn check(config: &Config) -> Vec<Finding> {
        let mut found = config.webhook.check("webhook.");
        if config.webhook_secret.is_none() && config.webhook.auth_secret.is_none() {
            found.push(Finding::warning("webhookSecret", "without it, anybody who knows the address can send events"));
        }
        for (at, repositories) in config.repositories.iter().enumerate() {
            if repositories.owner.is_empty() || repositories.names.is_empty() {
                found.push(Finding::error(
                    format!("repositories[{at}]"),
                    "an owner and names of repositories are expected",
                ));
            }
        }
        found
    }

    fn endpoints(config: Config, _: &str) -> Result<Vec<Endpoint>> {
        Ok(config.webhook.endpoints())
    }

    fn on_request(config: Config, name: &str, request: &Incoming) -> Result<Outcome> {
        if let Some(refusal) = config.webhook.refuse("webhook.", request)? {
            return Ok(refusal);
        }
        if let Some(refusal) = config.refuse(request)? {
            return Ok(refusal);
        }
        let Some(kind) = request.header("x-github-event").filter(|kind| !kind.is_empty()) else {
            return Ok(Outcome::answer(400, "the header X-GitHub-Event is expected"));
        };
        let body = match body(request) {
            Ok(body) => body,
            Err(why) => return Ok(Outcome::answer(400, why)),
        };
        if kind == "ping" || !config.wants(kind, &body) {
            return Ok(Outcome::answer(200, "success"));
        }
        let id = match request.header("x-github-delivery").filter(|id| !id.is_empty()) {
            Some(delivery) => event::id_of(&[b"github", name.as_bytes(), delivery.as_bytes()]),
            None => event::id_of(&[b"github", name.as_bytes(), kind.as_bytes(), &request.body]),
        };
        let hidden = ["x-hub-signature", "x-hub-signature-256"];
        let data = config.webhook.data("headers", request, &hidden, body);
        let event = Event::json(id, &data).of_kind(format!("com.github.{kind}")).at_ms(call::now_ms());
        Ok(Outcome { body: b"success".to_vec(), ..Outcome::events([event]) })
    }
}

impl Config {
    /// The answer for a request that GitHub did not sign with the secret.
    fn refuse(&self, request: &Incoming) -> Result<Option<Outcome>> {
        let Some(secret) = &self.webhook_secret else { return Ok(None) };
        let Some(signature) = request.header("x-hub-signature-256") else {
            return Ok(Some(Outcome::answer(401, "the header X-Hub-Signature-256 is expected")));
        };
        let mac = signature.strip_prefix("sha256=").and_then(hexadecimal);
        let genuine = match mac {
            Some(mac) => {
                let key = secret.stand_in("webhookSecret")?;
                secrets::verify_mac(key, &Algorithm::HmacSha256, &request.body, &mac)?
            }
            None => false,
        };
        Ok(if genuine { None } else { Some(Outcome::answer(403, "the signature does not fit the body")) })
    }

    fn wants(&self, kind: &str, body: &Value) -> bool {
        let kinds = &self.events;
        if !kinds.is_empty() && !kinds.iter().any(|wanted| wanted == "*" || wanted == kind) {
            return false;
        }
        if self.repositories.is_empty() && self.organizations.is_empty() {
            return true;
        }
        let text = |path: &str| body.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let (owner, repository) = text("/repository/full_name").split_once('/').unwrap_or_default();
        let organization = text("/organization/login");
        let same = |one: &str, other: &str| !one.is_empty() && one.eq_ignore_ascii_case(other);
        self.repositories.iter().any(|wanted| {
            same(owner, &wanted.owner) && wanted.names.iter().any(|name| name == "*" || same(repository, name))
        }) || self.organizations.iter().any(|wanted| same(organization, wanted) || same(owner, wanted))
    }
}

/// JSON, or a form with the JSON in its field `payload`: webhooks are set to either.
fn body(request: &Incoming) -> Result<Value, String> {
    if webhook::media_type(request) != "application/x-www-form-urlencoded" {
        return serde_json::from_slice(&request.body).map_err(|error| format!("the body is not JSON: {error}"));
    }
    let payload = webhook::form_field(&request.body, "payload").ok_or("the form has no field `payload`")?;
    serde_json::from_str(&payload).map_err(|error| format!("the field `payload` is not JSON: {error}"))
}

/// 32 bytes in hexadecimal digits.
fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

colchis_sdk::export! {
    about: about!("github", "Makes events of GitHub's webhooks"),
    event_receiver: Source,
}

#[cfg(test)]
mod tests;
