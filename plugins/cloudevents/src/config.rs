//! What users write, and the handshake by which a sender asks whether it may send.

use colchis_sdk::Finding;
use colchis_sdk::event_receiver::{Endpoint, Incoming, Outcome};
use colchis_sdk::webhook::Webhook;
use schemars::JsonSchema;
use serde::Deserialize;

/// CloudEvents over HTTP.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["webhook"]))]
pub struct Config {
    /// Where requests are expected.
    pub webhook: Webhook,
    /// Origins that may send, as `eventgrid.example.com`; `*` for any. Without one, the handshake is refused; senders that do not ask are not concerned.
    pub allowed_origins: Vec<String>,
}

impl Config {
    pub(crate) fn check(&self) -> Vec<Finding> {
        let mut found = self.webhook.check("webhook.");
        for (at, origin) in self.allowed_origins.iter().enumerate() {
            if origin.is_empty() || origin.contains(['/', ' ']) {
                found.push(Finding::error(format!("allowedOrigins[{at}]"), "the name of a host is expected, or `*`"));
            }
        }
        found
    }

    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        let mut endpoints = self.webhook.endpoints();
        if !self.allowed_origins.is_empty() {
            endpoints.iter_mut().for_each(|endpoint| endpoint.methods.push("OPTIONS".to_owned()));
        }
        endpoints
    }

    /// The answer to who asks whether it may send (HTTP 1.1 Web Hooks for Event Delivery, 4).
    pub(crate) fn handshake(&self, request: &Incoming) -> Outcome {
        let Some(origin) = request.header("webhook-request-origin") else {
            return Outcome::answer(400, "the header WebHook-Request-Origin is expected");
        };
        if !self.allowed_origins.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(origin)) {
            return Outcome::answer(403, "this origin is not among `allowedOrigins`");
        }
        let answer =
            Outcome::answer(200, "").with_header("WebHook-Allowed-Origin", origin).with_header("allow", "POST");
        match request.header("webhook-request-rate") {
            Some(rate) => answer.with_header("WebHook-Allowed-Rate", rate),
            None => answer,
        }
    }
}
