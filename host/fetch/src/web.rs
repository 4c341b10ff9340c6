//! Requests over HTTP, each step of which is looked at anew.

use std::time::Duration;

use bytes::Bytes;
use egress::{Redirects, ResponseBody, shown};
use http::header::{ACCEPT, AUTHORIZATION, ETAG, IF_NONE_MATCH, LOCATION};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use url::Url;

use crate::error::FetchError;
use crate::sources::{Login, Sources, Way};

/// Redirects of one request.
pub(crate) const REDIRECTS_MAX: usize = 5;
/// How long a server may say nothing.
const IDLE: Duration = Duration::from_secs(30);

/// How much of an answer is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Most {
    /// The limit's name.
    pub(crate) name: &'static str,
    /// Bytes.
    pub(crate) bytes: u64,
}

/// A request, of which nothing but these varies.
pub(crate) struct Ask<'a> {
    pub(crate) url: &'a Url,
    pub(crate) accept: &'static str,
    /// The entity tag of what is there already.
    pub(crate) known: Option<&'a str>,
    pub(crate) most: Most,
}

/// What came.
pub(crate) enum Came {
    /// It is still what it was.
    Same,
    /// A new content, and its entity tag.
    New { bytes: Bytes, etag: Option<String> },
}

/// Gets a URL, signed in as each source on the way says.
pub(crate) async fn get(sources: &Sources, ask: &Ask<'_>) -> Result<Came, FetchError> {
    let mut url = ask.url.clone();
    for _ in 0..=REDIRECTS_MAX {
        let way = sources.way(&url)?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(ask.accept));
        if let Some(known) = ask.known.and_then(|known| HeaderValue::from_str(known).ok()) {
            headers.insert(IF_NONE_MATCH, known);
        }
        if let Some(login) = sources.login(&way.source).await? {
            headers.insert(AUTHORIZATION, login.header()?);
        }
        let answer = send(way, &url, &headers, ask.most).await?;
        match next(&url, &answer)? {
            Some(to) => url = to,
            None if answer.status() == StatusCode::NOT_MODIFIED && ask.known.is_some() => return Ok(Came::Same),
            None => {
                let etag = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
                return Ok(Came::New { bytes: body(&url, answer, ask.most).await?, etag });
            }
        }
    }
    Err(too_often(ask.url))
}

/// Sends one request, following nothing.
pub(crate) async fn send(
    way: &Way,
    url: &Url,
    headers: &HeaderMap,
    most: Most,
) -> Result<Response<ResponseBody>, FetchError> {
    let limits = egress::Limits { idle: IDLE, total: None, body_bytes_max: Some(most.bytes) };
    let sent = way.client.request(Method::GET, url.as_str(), headers, Bytes::new(), Redirects::Returned, limits);
    Ok(sent.await?.0)
}

/// Where an answer redirects to, if it does.
pub(crate) fn next(url: &Url, answer: &Response<ResponseBody>) -> Result<Option<Url>, FetchError> {
    let status = answer.status();
    if !status.is_redirection() || status == StatusCode::NOT_MODIFIED {
        return Ok(None);
    }
    let wrong = |why: &str| FetchError::Url { url: shown(url.as_str()), why: why.to_owned() };
    let to = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok());
    let to = to.and_then(|to| url.join(to).ok()).ok_or_else(|| wrong("redirects to what is no URL"))?;
    if url.scheme() == "https" && to.scheme() != "https" {
        return Err(wrong("redirects from https to a scheme without TLS"));
    }
    Ok(Some(to))
}

pub(crate) fn too_often(url: &Url) -> FetchError {
    FetchError::Url { url: shown(url.as_str()), why: format!("redirects more than {REDIRECTS_MAX} times") }
}

/// All of a good answer's body.
pub(crate) async fn body(url: &Url, answer: Response<ResponseBody>, most: Most) -> Result<Bytes, FetchError> {
    let status = answer.status();
    if !status.is_success() {
        return Err(FetchError::Status { url: shown(url.as_str()), status: status.as_u16() });
    }
    answer.into_body().bytes().await.map_err(|error| match error {
        egress::EgressError::BodyTooLarge { .. } => {
            let Most { name, bytes } = most;
            FetchError::Archive(format!("{} has more than {bytes} bytes ({name})", shown(url.as_str())))
        }
        error => error.into(),
    })
}

/// A token as it came from a registry.
pub(crate) fn bearer(token: &str) -> Login {
    Login::Bearer(artifact::Secret::new(token.as_bytes()))
}

/// A URL that requirements name.
pub(crate) fn parse(text: &str) -> Result<Url, FetchError> {
    let wrong = |why: String| FetchError::Url { url: shown(text), why };
    let url = Url::parse(text).map_err(|error| wrong(format!("is no URL: {error}")))?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("has no host".to_owned()));
    }
    let user_is_part = url.scheme() == "ssh" && url.password().is_none();
    if !user_is_part && (!url.username().is_empty() || url.password().is_some()) {
        return Err(wrong(
            "holds credentials: they belong into the Secret that plugins.sources.NAME.secretRef names".to_owned(),
        ));
    }
    Ok(url)
}
