//! What users write, and the request that it means.

use std::collections::BTreeMap;
use std::time::Duration;

use colchis_sdk::http::Request;
use colchis_sdk::{Finding, Result, SecretRef, secrets};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// A request over HTTP.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["url"]))]
pub struct Config {
    /// Where the request goes, with its query.
    pub url: String,
    /// How.
    pub method: Method,
    /// How long it may take, in seconds.
    #[serde(default = "timeout_default")]
    #[schemars(range(min = 1))]
    pub timeout: u64,
    /// Headers.
    pub headers: BTreeMap<String, String>,
    /// Headers whose values are secrets.
    pub secure_headers: Vec<SecureHeader>,
    /// A user and a password.
    pub basic_auth: Option<BasicAuth>,
    /// A token.
    pub bearer_auth: Option<BearerAuth>,
}

/// A method.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET.
    Get,
    /// HEAD.
    Head,
    /// POST.
    #[default]
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
    /// OPTIONS.
    Options,
}

/// A header whose value is a secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecureHeader {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value_from: ValueFrom,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValueFrom {
    /// A key of a Secret.
    pub secret_key_ref: SecretRef,
}

/// A user and a password (RFC 7617).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BasicAuth {
    /// The user.
    pub username: SecretRef,
    /// The password.
    pub password: SecretRef,
}

/// A token (RFC 6750).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BearerAuth {
    /// The token.
    pub token: SecretRef,
}

fn timeout_default() -> u64 {
    60
}

impl Method {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }
}

impl Config {
    pub(crate) fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        if !self.url.starts_with("http://") && !self.url.starts_with("https://") {
            found.push(Finding::error("url", "an address that begins with http:// or https:// is expected"));
        }
        if self.timeout == 0 {
            found.push(Finding::error("timeout", "at least one second is expected"));
        }
        if self.basic_auth.is_some() && self.bearer_auth.is_some() {
            found.push(Finding::error("bearerAuth", "only one of basicAuth and bearerAuth can be used"));
        }
        let names = self.headers.keys().map(|name| (format!("headers.{name}"), name));
        let secure = self.secure_headers.iter().enumerate();
        let secure = secure.map(|(at, header)| (format!("secureHeaders[{at}].name"), &header.name));
        for (field, name) in names.chain(secure) {
            let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            if name.is_empty() || !name.bytes().all(is_token) {
                found.push(Finding::error(field, "a name of a header is expected"));
            }
        }
        found
    }

    /// The request, with credentials as stand-ins.
    pub(crate) fn request(&self, payload: &Value, idempotency_key: &str) -> Result<Request> {
        let mut request = Request::new(self.method.name(), &self.url)
            .headers(self.headers.iter().map(|(name, value)| (name.clone(), value.clone())))
            .timeout(Duration::from_secs(self.timeout));
        for (at, header) in self.secure_headers.iter().enumerate() {
            let field = format!("secureHeaders[{at}].valueFrom.secretKeyRef");
            request = request.header(&header.name, header.value_from.secret_key_ref.stand_in(&field)?);
        }
        if let Some(basic) = &self.basic_auth {
            let user = basic.username.stand_in("basicAuth.username")?;
            let password = basic.password.stand_in("basicAuth.password")?;
            request =
                request.header("authorization", format!("Basic {}", secrets::base64(&format!("{user}:{password}"))?));
        }
        if let Some(bearer) = &self.bearer_auth {
            request = request.header("authorization", format!("Bearer {}", bearer.token.stand_in("bearerAuth.token")?));
        }
        if !idempotency_key.is_empty() && request.header_value("idempotency-key").is_none() {
            request = request.header("idempotency-key", idempotency_key);
        }
        if payload.is_null() { Ok(request) } else { request.json(payload) }
    }

    /// The address without its query, in which there may be a secret.
    pub(crate) fn shown_url(&self) -> &str {
        self.url.split(['?', '#']).next().unwrap_or_default()
    }
}
