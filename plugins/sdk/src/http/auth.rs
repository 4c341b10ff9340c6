//! Credentials of requests, as analysis templates write them: `authentication: {basicAuth | oauth2 | sigv4}`.
//!
//! No value of a secret passes through here: configurations have stand-ins, which the host replaces when it sends the request, and it signs for AWS itself.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Request;
use crate::config::Finding;
use crate::secrets::{self, AwsRequest};
use crate::{Error, Result};

/// The name of the AWS credentials in the plugin's grants, where no profile is named.
pub const AWS_CREDENTIALS: &str = "aws";

/// How a request proves who asks. At most one of the three.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Authentication {
    /// A user and a password.
    pub basic_auth: Option<BasicAuth>,
    /// A token of an OAuth 2.0 server, got with a client's own credentials (RFC 6749, 4.4).
    pub oauth2: Option<OAuth2>,
    /// AWS Signature Version 4.
    pub sigv4: Option<SigV4>,
}

/// A user and a password (RFC 7617).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct BasicAuth {
    /// The user.
    pub username: String,
    /// The password.
    pub password: String,
}

/// A client of an OAuth 2.0 server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct OAuth2 {
    /// Where tokens are asked for.
    pub token_url: String,
    /// The client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// What the token is to be good for.
    pub scopes: Vec<String>,
}

/// AWS Signature Version 4.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct SigV4 {
    /// The region, as `eu-central-1`.
    pub region: String,
    /// The name of the credentials in the plugin's grants; `aws` when empty.
    pub profile: String,
    /// The role to take on. It is taken on by the granted credentials, not by the plugin.
    pub role_arn: String,
}

impl Authentication {
    /// What is wrong with it, as it stands below a field.
    pub fn check(&self, field: &str) -> Vec<Finding> {
        let mut found = Vec::new();
        let several =
            [self.basic_auth.is_some(), self.oauth2.is_some(), self.sigv4.is_some()].iter().filter(|is| **is).count()
                > 1;
        if several {
            found.push(Finding::error(field, "only one of basicAuth, oauth2 and sigv4 can be used"));
        }
        if let Some(basic) = &self.basic_auth {
            // A password may be empty: tokens are often sent as the user.
            if basic.username.is_empty() && basic.password.is_empty() {
                found.push(Finding::error(format!("{field}.basicAuth"), "a username or a password is expected"));
            }
            if basic.username.contains(':') {
                found.push(Finding::error(format!("{field}.basicAuth.username"), "a username has no `:` in it"));
            }
        }
        if let Some(oauth2) = &self.oauth2 {
            for (name, value) in [
                ("tokenUrl", &oauth2.token_url),
                ("clientId", &oauth2.client_id),
                ("clientSecret", &oauth2.client_secret),
            ] {
                if value.is_empty() {
                    found.push(Finding::error(format!("{field}.oauth2.{name}"), "it is expected"));
                }
            }
        }
        if let Some(sigv4) = &self.sigv4 {
            if sigv4.region.is_empty() {
                found.push(Finding::error(format!("{field}.sigv4.region"), "a region is expected, as `eu-central-1`"));
            }
            if !sigv4.role_arn.is_empty() {
                found.push(Finding::warning(
                    format!("{field}.sigv4.roleArn"),
                    "the role is taken on by the credentials that the plugin's grant names, where it is set for them",
                ));
            }
        }
        found
    }

    /// Adds the credentials to a request that is otherwise finished. `service` is AWS's name of what is asked (`aps`).
    pub fn apply(&self, request: Request, service: &str) -> Result<Request> {
        if let Some(basic) = &self.basic_auth {
            return Ok(request.header("authorization", basic_header(&basic.username, &basic.password)?));
        }
        if let Some(oauth2) = &self.oauth2 {
            let token = oauth2.token().map_err(|error| error.context("asking for an OAuth 2.0 token"))?;
            return Ok(request.header("authorization", format!("Bearer {token}")));
        }
        if let Some(sigv4) = &self.sigv4 {
            let credentials = if sigv4.profile.is_empty() { AWS_CREDENTIALS } else { &sigv4.profile };
            let signed = secrets::sign_aws(
                credentials,
                &AwsRequest {
                    method: request.method().to_owned(),
                    url: request.url().to_owned(),
                    headers: request.all_headers().to_vec(),
                    body: request.body_bytes().to_vec(),
                    service: service.to_owned(),
                    region: sigv4.region.clone(),
                },
            )?;
            // The host's name is signed and sent in any case; a request may not name it a second time.
            return Ok(request.headers(signed.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host"))));
        }
        Ok(request)
    }
}

fn basic_header(user: &str, password: &str) -> Result<String> {
    Ok(format!("Basic {}", secrets::base64(&format!("{user}:{password}"))?))
}

/// What a token server answers.
#[derive(Deserialize)]
struct Token {
    access_token: String,
}

/// What it answers when it refuses (RFC 6749, 5.2).
#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    error_description: String,
}

impl OAuth2 {
    /// Asks for a token: the client in a header, as every server has to take it, and in the form for those that only take that.
    fn token(&self) -> Result<String> {
        let scopes = self.scopes.join(" ");
        let mut form = vec![("grant_type", "client_credentials")];
        if !scopes.is_empty() {
            form.push(("scope", &scopes));
        }
        let request = || Request::post(&self.token_url).header("accept", "application/json");
        let mut response = request()
            .header("authorization", basic_header(&self.client_id, &self.client_secret)?)
            .form(&form)
            .send()?;
        if matches!(response.status(), 400 | 401) {
            form.extend([("client_id", self.client_id.as_str()), ("client_secret", self.client_secret.as_str())]);
            response = request().form(&form).send()?;
        }
        if let (400 | 401 | 403, Ok(refusal)) = (response.status(), response.json::<Refusal>()) {
            let description = [refusal.error.as_str(), refusal.error_description.as_str()].join(" ");
            return Err(
                Error::denied(format!("the token server refuses: {}", description.trim())).with_code("token-refused")
            );
        }
        Ok(response.ok()?.json::<Token>()?.access_token)
    }
}
