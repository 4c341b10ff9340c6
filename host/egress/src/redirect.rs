//! Redirects: each is a new request that passes the guard anew.

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, LOCATION, PROXY_AUTHORIZATION, TRANSFER_ENCODING,
};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use url::Url;

use crate::body::{Body, ResponseBody, empty, full};
use crate::client::{Client, Limits};
use crate::error::EgressError;

/// How redirects are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redirects {
    /// Not: a redirect is the answer.
    Returned,
    /// At most so many. Headers the caller set go along only while scheme, host and port stay the same; a step from `https` down to
    /// `http` is refused.
    Followed(usize),
}

impl Client {
    /// Sends a request whose body is known whole, following redirects. The answer comes with the URL that gave it.
    pub async fn request(
        &self,
        method: Method,
        url: &str,
        headers: &HeaderMap,
        body: Bytes,
        redirects: Redirects,
        limits: Limits,
    ) -> Result<(Response<ResponseBody>, Url), EgressError> {
        self.request_with(method, url, headers, redirects, limits, &mut || {
            if body.is_empty() { empty() } else { full(body.clone()) }
        })
        .await
    }

    /// The same with a body that can be made again for a redirect that keeps the method.
    pub async fn request_with(
        &self,
        mut method: Method,
        url: &str,
        headers: &HeaderMap,
        redirects: Redirects,
        limits: Limits,
        body: &mut (dyn FnMut() -> Body + Send),
    ) -> Result<(Response<ResponseBody>, Url), EgressError> {
        let mut url = parse(url)?;
        let mut headers = headers.clone();
        let mut with_body = true;
        let mut left = match redirects {
            Redirects::Returned => 0,
            Redirects::Followed(max) => max,
        };
        loop {
            let sent = if with_body { body() } else { empty() };
            let answer = self.send(build(&method, &url, &headers, sent)?, limits).await?;
            if redirects == Redirects::Returned || !is_redirect(answer.status()) {
                return Ok((answer, url));
            }
            let Some(to) = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok()) else {
                return Ok((answer, url));
            };
            let wrong = |why: &str| EgressError::Redirect { url: shown(url.as_str()), why: why.to_owned() };
            left = left.checked_sub(1).ok_or_else(|| wrong("it redirects too often"))?;
            let next = url.join(to).map_err(|_| wrong("it redirects to what is no URL"))?;
            if url.scheme() == "https" && next.scheme() != "https" {
                return Err(wrong("it redirects from https to a scheme without TLS"));
            }
            if url.origin() != next.origin() {
                forget_credentials(&mut headers);
            }
            let becomes_get = answer.status() == StatusCode::SEE_OTHER
                || (method == Method::POST
                    && matches!(answer.status(), StatusCode::FOUND | StatusCode::MOVED_PERMANENTLY));
            if becomes_get && method != Method::HEAD {
                method = Method::GET;
                with_body = false;
                for name in [CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING] {
                    headers.remove(name);
                }
            }
            url = next;
        }
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    )
}

/// Any header may be a credential (`X-Api-Key`, `PRIVATE-TOKEN`), so of the caller's only those that describe the body stay.
fn forget_credentials(headers: &mut HeaderMap) {
    let kept: HeaderMap = headers
        .iter()
        .filter(|(name, _)| {
            *name == CONTENT_TYPE
                || *name == CONTENT_LENGTH
                || name.as_str().starts_with("accept")
                || *name == http::header::RANGE
                || *name == http::header::IF_RANGE
        })
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    debug_assert!(
        !kept.contains_key(AUTHORIZATION) && !kept.contains_key(COOKIE) && !kept.contains_key(PROXY_AUTHORIZATION)
    );
    *headers = kept;
}

fn parse(url: &str) -> Result<Url, EgressError> {
    Url::parse(url).map_err(|error| EgressError::Url { url: shown(url), why: error.to_string() })
}

fn build(method: &Method, url: &Url, headers: &HeaderMap, body: Body) -> Result<Request<Body>, EgressError> {
    let wrong = |why: String| EgressError::Url { url: shown(url.as_str()), why };
    let mut plain = url.clone();
    plain.set_fragment(None);
    // A user in the URL goes into a header by whoever knows what it is for, never onto the request line.
    plain.set_username("").ok();
    plain.set_password(None).ok();
    let uri: Uri = plain.as_str().parse().map_err(|error: http::uri::InvalidUri| wrong(error.to_string()))?;
    let mut request =
        Request::builder().method(method).uri(uri).body(body).map_err(|error| wrong(error.to_string()))?;
    *request.headers_mut() = headers.clone();
    request.headers_mut().remove(HOST);
    Ok(request)
}

/// A URL for messages: without user, password, query and fragment.
pub fn shown(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut parsed) => {
            parsed.set_username("").ok();
            parsed.set_password(None).ok();
            parsed.set_query(None);
            parsed.set_fragment(None);
            parsed.to_string()
        }
        Err(_) => {
            let plain = url.split(['?', '#']).next().unwrap_or_default();
            match plain.rsplit_once('@') {
                Some((_, after)) => after.to_owned(),
                None => plain.to_owned(),
            }
        }
    }
}
