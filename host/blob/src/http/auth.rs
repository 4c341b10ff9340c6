//! Signing in: name and password, a client's certificate, tokens by OAuth 2.0 client credentials (RFC 6749, 4.4).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use artifact::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use egress::{Client, Identity, Limits, Redirects};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use model::core::SecretKeySelector;
use model::workflow::{ClientCertAuth, OAuth2Auth};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use url::Url;
use url::form_urlencoded::Serializer;

use super::{answered, egress_failure};
use crate::failure::Failure;
use crate::secrets;

/// Tokens kept; beyond it all are forgotten and asked for again.
const TOKENS_MAX: usize = 256;
/// A token is not used any more so long before it ends.
const BEFORE_ITS_END: Duration = Duration::from_secs(30);
/// How long a token is used whose authority does not say.
const UNSAID: Duration = Duration::from_secs(60);
/// Bytes of an authority's answer.
const ANSWER_MAX: u64 = 256 << 10;

/// Tokens that are still good, by what they were asked with.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<HashMap<[u8; 32], (HeaderValue, Instant)>>);

/// Signs in with name and password. Either may be missing.
pub(super) async fn basic(
    context: &Context,
    user: Option<&SecretKeySelector>,
    password: Option<&SecretKeySelector>,
    headers: &mut HeaderMap,
) -> Result<(), Failure> {
    let user = secrets::text(context, user).await?.unwrap_or_default();
    let password = secrets::text(context, password).await?.unwrap_or_default();
    headers.insert(AUTHORIZATION, basic_value(&user, &password));
    Ok(())
}

/// Signs in with the name and password that stand in the URL.
pub(super) fn in_url(url: &Url, headers: &mut HeaderMap) {
    if url.username().is_empty() && url.password().is_none() {
        return;
    }
    let plain = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let value = basic_value(&plain(url.username()), &plain(url.password().unwrap_or_default()));
    headers.entry(AUTHORIZATION).or_insert(value);
}

fn basic_value(user: &str, password: &str) -> HeaderValue {
    sensitive(&format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}

/// A header's value that no log shows. What cannot be one is sent as nothing and refused by the other side.
fn sensitive(text: &str) -> HeaderValue {
    let mut value = HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// The client's certificate and key.
pub(super) async fn identity(context: &Context, auth: &ClientCertAuth) -> Result<Identity, Failure> {
    let certificate = secrets::secret(context, auth.client_cert_secret.as_ref()).await?;
    let key = secrets::secret(context, auth.client_key_secret.as_ref()).await?;
    match (certificate, key) {
        (Some(certificate), Some(key)) => {
            Ok(Identity { certificate: certificate.reveal().to_vec(), key: key.reveal().into() })
        }
        _ => Err(Failure::permanent("http.auth.clientCert needs both clientCertSecret and clientKeySecret")),
    }
}

/// What is asked of an authority.
struct Question {
    url: String,
    id: String,
    secret: String,
    form: String,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
    #[serde(default)]
    token_type: String,
    expires_in: Option<u64>,
}

/// Signs in with a token, asked for unless one is still good.
pub(super) async fn oauth2(
    context: &Context,
    tokens: &Tokens,
    client: &Client,
    auth: &OAuth2Auth,
    headers: &mut HeaderMap,
) -> Result<(), Failure> {
    let question = Question::read(context, auth).await?;
    let key = question.fingerprint();
    let known = tokens.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
    if let Some((value, _)) = known.filter(|(_, until)| *until > Instant::now()) {
        headers.insert(AUTHORIZATION, value);
        return Ok(());
    }
    let (value, lasts) = question.ask(client).await?;
    headers.insert(AUTHORIZATION, value.clone());
    let mut kept = tokens.0.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() >= TOKENS_MAX {
        kept.clear();
    }
    kept.insert(key, (value, Instant::now() + lasts));
    Ok(())
}

impl Question {
    async fn read(context: &Context, auth: &OAuth2Auth) -> Result<Self, Failure> {
        let missing = |field: &str| Failure::permanent(format!("http.auth.oauth2.{field} is missing"));
        let id =
            secrets::text(context, auth.client_id_secret.as_ref()).await?.ok_or_else(|| missing("clientIDSecret"))?;
        let secret = secrets::text(context, auth.client_secret_secret.as_ref())
            .await?
            .ok_or_else(|| missing("clientSecretSecret"))?;
        let url =
            secrets::text(context, auth.token_url_secret.as_ref()).await?.ok_or_else(|| missing("tokenURLSecret"))?;
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if !auth.scopes.is_empty() {
            form.append_pair("scope", &auth.scopes.join(" "));
        }
        for param in &auth.endpoint_params {
            form.append_pair(&param.key, &param.value);
        }
        Ok(Self { url, id, secret, form: form.finish() })
    }

    fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for field in [&self.url, &self.id, &self.secret, &self.form] {
            hash.update((field.len() as u64).to_le_bytes());
            hash.update(field);
        }
        hash.finalize().into()
    }

    /// Asks with the client's name in the header, as the standard wants, and where that is refused in the form, as many have it.
    async fn ask(&self, client: &Client) -> Result<(HeaderValue, Duration), Failure> {
        let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let header = basic_value(&encode(&self.id), &encode(&self.secret));
        match self.send(client, Some(header), self.form.clone()).await {
            Err((StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST, _)) => {
                self.send(client, None, self.form_with_client()).await.map_err(|(_, failure)| failure)
            }
            other => other.map_err(|(_, failure)| failure),
        }
    }

    fn form_with_client(&self) -> String {
        let mut form = Serializer::new(self.form.clone());
        form.append_pair("client_id", &self.id).append_pair("client_secret", &self.secret);
        form.finish()
    }

    async fn send(
        &self,
        client: &Client,
        header: Option<HeaderValue>,
        form: String,
    ) -> Result<(HeaderValue, Duration), (StatusCode, Failure)> {
        let failed = |failure: Failure| (StatusCode::INTERNAL_SERVER_ERROR, failure);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(header) = header {
            headers.insert(AUTHORIZATION, header);
        }
        let limits =
            Limits { total: Some(Duration::from_secs(60)), body_bytes_max: Some(ANSWER_MAX), ..Limits::default() };
        // A redirect would carry the secret of the form elsewhere.
        let sent =
            client.request(Method::POST, &self.url, &headers, Bytes::from(form), Redirects::Returned, limits).await;
        let (answer, _) = sent.map_err(|error| failed(egress_failure(&error)))?;
        let status = answer.status();
        if !status.is_success() {
            let mut failure = answered("ask for a token", answer).await;
            if failure.class == artifact::ErrorClass::NotFound {
                failure.class = artifact::ErrorClass::Permanent;
            }
            return Err((status, failure));
        }
        let bytes = answer.into_body().bytes().await.map_err(|error| failed(egress_failure(&error)))?;
        let token: Token = serde_json::from_slice(&bytes)
            .map_err(|_| failed(Failure::permanent("ask for a token: the answer holds no access_token")))?;
        let kind = if token.token_type.is_empty() || token.token_type.eq_ignore_ascii_case("bearer") {
            "Bearer"
        } else {
            &token.token_type
        };
        let lasts =
            token.expires_in.map_or(UNSAID, |seconds| Duration::from_secs(seconds).saturating_sub(BEFORE_ITS_END));
        Ok((sensitive(&format!("{kind} {}", token.access_token)), lasts))
    }
}
