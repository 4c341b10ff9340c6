//! What users write, and the request that it means.

use std::time::Duration;

use colchis_sdk::http::Request;
use colchis_sdk::http::auth::Authentication;
use colchis_sdk::{Error, Finding, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::path::Path;

/// A request, and which part of its answer is measured.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["url"]))]
pub struct Config {
    /// The service's address, with its query.
    pub url: String,
    /// How it is asked.
    pub method: Method,
    /// Headers of the request.
    pub headers: Vec<Header>,
    /// The body as text. Not with GET.
    pub body: String,
    /// The body as JSON. Not with GET, and not beside `body`.
    pub json_body: Option<Value>,
    /// How long it may take, in seconds.
    #[serde(default = "timeout_default")]
    #[schemars(range(min = 1))]
    pub timeout_seconds: u64,
    /// The part of the answer that is measured, as `{$.data.ok}`; the whole of it where none is given.
    #[serde(default = "path_default")]
    pub json_path: String,
    /// Any certificate is trusted. Only where an operator granted that.
    pub insecure: bool,
    /// How the request proves who asks.
    pub authentication: Authentication,
}

/// How a service is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Without a body.
    #[default]
    Get,
    /// With a body.
    Post,
    /// With a body.
    Put,
}

/// A header.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
}

fn timeout_default() -> u64 {
    10
}

fn path_default() -> String {
    "{$}".to_owned()
}

impl Config {
    /// All that is wrong with it.
    pub(crate) fn check(&self) -> Vec<Finding> {
        let mut found = self.authentication.check("authentication");
        if self.url.trim().is_empty() {
            found.push(Finding::error("url", "an address is expected, as http://service.example.com/level"));
        } else if !self.url.starts_with("http://") && !self.url.starts_with("https://") {
            found.push(Finding::error("url", "an address begins with http:// or https://"));
        }
        if self.timeout_seconds == 0 {
            found.push(Finding::error("timeoutSeconds", "at least one second is expected"));
        }
        if self.insecure {
            found.push(Finding::warning(
                "insecure",
                "which certificates are trusted is for the operator to grant, per host",
            ));
        }
        found.extend(self.body_error().map(|error| Finding::error(error.field().unwrap_or_default(), error.message())));
        found.extend(Path::parse(&self.json_path).err().map(|why| Finding::error("jsonPath", why)));
        found
    }

    fn body_error(&self) -> Option<Error> {
        let (text, json) = (!self.body.is_empty(), self.json_body.is_some());
        match self.method {
            _ if text && json => Some(Error::invalid("jsonBody", "only one of body and jsonBody can be used")),
            Method::Get if text => Some(Error::invalid("body", "GET has no body; use POST or PUT")),
            Method::Get if json => Some(Error::invalid("jsonBody", "GET has no body; use POST or PUT")),
            _ => None,
        }
    }

    /// The request, without credentials.
    pub(crate) fn request(&self) -> Result<Request> {
        if let Some(error) = self.body_error() {
            return Err(error);
        }
        let method = match self.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
        };
        let request = Request::new(method, &self.url)
            .headers(self.headers.iter().map(|header| (header.key.clone(), header.value.clone())))
            .timeout(Duration::from_secs(self.timeout_seconds));
        match &self.json_body {
            Some(body) => request.json(body),
            None => Ok(request.body(self.body.as_bytes())),
        }
    }

    /// AWS's name of the service behind the address, for signatures: of `aps-workspaces.eu-central-1.amazonaws.com` it is `aps`, of API Gateway, which is where other
    /// people's services are, `execute-api`, and of AWS's other services the host's first word.
    pub(crate) fn aws_service(&self) -> &str {
        let host = self.url.split("://").nth(1).and_then(|rest| rest.split(['/', '?', ':']).next()).unwrap_or_default();
        let Some(name) = host.strip_suffix(".amazonaws.com") else { return "execute-api" };
        let words: Vec<&str> = name.split('.').collect();
        match words.as_slice() {
            ["aps-workspaces", ..] => "aps",
            [_, "execute-api", ..] => "execute-api",
            [service, ..] => service,
            [] => "execute-api",
        }
    }
}
