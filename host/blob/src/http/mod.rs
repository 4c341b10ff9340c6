//! `http` and `artifactory`: one URL is one object.

mod auth;
mod upload;

use std::sync::Arc;

use artifact::{Context, ErrorClass};
use async_trait::async_trait;
use egress::{Client, EgressError, Limits, Redirects, ResponseBody, TlsSettings};
use futures::stream::{self, StreamExt, TryStreamExt};
use http::header::{CONTENT_RANGE, ETAG, IF_RANGE, LAST_MODIFIED, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body_util::BodyExt;
use model::workflow::{ArtifactoryArtifact, HttpArtifact};
use url::Url;

use crate::bridge::Chunks;
use crate::driver::{Driver, Entries, Size};
use crate::drivers::Drivers;
use crate::failure::Failure;
use crate::resume::{self, Open, Opened};
use crate::retry::Retry;
pub(crate) use auth::Tokens;

/// Redirects followed.
const REDIRECTS: Redirects = Redirects::Followed(10);
/// Bytes of an answer's text in a message.
const SHOWN_MAX: usize = 300;

/// One URL.
#[derive(Clone)]
pub(crate) struct Http {
    client: Client,
    url: String,
    headers: HeaderMap,
    kind: Kind,
    retry: Retry,
    /// Where an upload waits until its size is known.
    spool: Arc<std::path::Path>,
}

/// Whose URL it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Anybody's: it can be read and written.
    Http,
    /// Artifactory's: it can be deleted too.
    Artifactory,
}

impl Drivers {
    /// The URL of an `http` artifact, signed in.
    pub(crate) async fn http(
        &self,
        context: &Context,
        artifact: &HttpArtifact,
        sub_path: Option<&str>,
    ) -> Result<Http, Failure> {
        let url = url(&artifact.url, sub_path)?;
        let mut headers = HeaderMap::new();
        for header in &artifact.headers {
            let name = HeaderName::try_from(header.name.as_str())
                .map_err(|_| Failure::permanent(format!("http.headers: {:?} is no name of a header", header.name)))?;
            let mut value = HeaderValue::try_from(header.value.as_str())
                .map_err(|_| Failure::permanent(format!("http.headers: the value of {name} cannot be sent")))?;
            value.set_sensitive(true);
            headers.append(name, value);
        }
        let auth = artifact.auth.as_ref();
        let mut client = self.http.clone();
        if let Some(certificate) = auth.and_then(|auth| auth.client_cert.as_ref()) {
            let identity = Some(auth::identity(context, certificate).await?);
            client = Client::new(self.guard.clone(), &TlsSettings { identity, ..TlsSettings::default() })
                .map_err(|error| egress_failure(&error))?;
        }
        if let Some(basic) = auth.and_then(|auth| auth.basic_auth.as_ref()) {
            auth::basic(context, basic.username_secret.as_ref(), basic.password_secret.as_ref(), &mut headers).await?;
        } else if let Some(oauth2) = auth.and_then(|auth| auth.oauth2.as_ref()) {
            auth::oauth2(context, &self.tokens, &client, oauth2, &mut headers).await?;
        } else {
            auth::in_url(&url, &mut headers);
        }
        Ok(self.at(client, url, headers, Kind::Http))
    }

    /// The URL of an `artifactory` artifact, signed in.
    pub(crate) async fn artifactory(
        &self,
        context: &Context,
        artifact: &ArtifactoryArtifact,
        sub_path: Option<&str>,
    ) -> Result<Http, Failure> {
        let url = url(&artifact.url, sub_path)?;
        let mut headers = HeaderMap::new();
        let (user, password) = (artifact.username_secret.as_ref(), artifact.password_secret.as_ref());
        if user.is_some() || password.is_some() {
            auth::basic(context, user, password, &mut headers).await?;
        } else {
            auth::in_url(&url, &mut headers);
        }
        Ok(self.at(self.http.clone(), url, headers, Kind::Artifactory))
    }

    fn at(&self, client: Client, url: Url, headers: HeaderMap, kind: Kind) -> Http {
        let spool = self.directory.incoming();
        Http { client, url: url.into(), headers, kind, retry: self.config.retry, spool }
    }
}

/// The URL with `sub_path` behind its path, as Argo has it.
fn url(text: &str, sub_path: Option<&str>) -> Result<Url, Failure> {
    let wrong = |why: &str| Failure::permanent(format!("the URL {:?} {why}", egress::shown(text)));
    let mut url = Url::parse(text).map_err(|error| wrong(&format!("cannot be read: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("is neither http nor https"));
    }
    if let Some(sub) = sub_path {
        let (sub, _) = crate::place::join(sub, None)?;
        url.path_segments_mut().map_err(|()| wrong("has no path"))?.pop_if_empty().extend(sub.split('/'));
    }
    Ok(url)
}

impl Http {
    async fn request(&self, method: Method, headers: &HeaderMap) -> Result<Response<ResponseBody>, Failure> {
        let sent =
            self.client.request(method, &self.url, headers, bytes::Bytes::new(), REDIRECTS, Limits::default()).await;
        sent.map(|(answer, _)| answer).map_err(|error| egress_failure(&error))
    }
}

#[async_trait]
impl Open for Http {
    async fn open_at(&self, offset: u64, tag: Option<&str>) -> Result<Opened, Failure> {
        let mut headers = self.headers.clone();
        if let Some(tag) = tag.and_then(|tag| HeaderValue::from_str(tag).ok())
            && offset > 0
        {
            headers.insert(
                RANGE,
                HeaderValue::from_str(&format!("bytes={offset}-")).unwrap_or(HeaderValue::from_static("bytes=0-")),
            );
            headers.insert(IF_RANGE, tag);
        }
        let answer = self.request(Method::GET, &headers).await?;
        let now = version(answer.headers());
        match answer.status() {
            StatusCode::OK if offset == 0 => Ok(Opened { content: chunks(answer.into_body()), tag: now }),
            // The server knows no ranges: the same version is read from its begin and what is known of it left out.
            StatusCode::OK if now.as_deref() == tag => {
                Ok(Opened { content: without(chunks(answer.into_body()), offset), tag: now })
            }
            StatusCode::PARTIAL_CONTENT if begins_at(answer.headers()) == Some(offset) => {
                Ok(Opened { content: chunks(answer.into_body()), tag: now })
            }
            StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                Err(Failure::permanent("the file changed while it was read"))
            }
            _ => Err(answered("read", answer).await),
        }
    }
}

/// What tells this version from another: a strong tag, or a time of change.
fn version(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).map(str::to_owned);
    text(ETAG).filter(|tag| !tag.starts_with("W/")).or_else(|| text(LAST_MODIFIED))
}

/// The first byte that an answer's `Content-Range: bytes 5-9/10` has.
fn begins_at(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    range.split('-').next()?.trim().parse().ok()
}

fn chunks(body: ResponseBody) -> Chunks {
    let data = body.into_data_stream();
    data.map_err(|error| egress_failure(&error)).boxed()
}

fn without(content: Chunks, mut skipped: u64) -> Chunks {
    content
        .try_filter_map(move |mut chunk| {
            let count = usize::try_from(skipped).unwrap_or(usize::MAX).min(chunk.len());
            skipped -= count as u64;
            let rest = chunk.split_off(count);
            std::future::ready(Ok((!rest.is_empty()).then_some(rest)))
        })
        .boxed()
}

#[async_trait]
impl Driver for Http {
    async fn get(&self, _: &str) -> Result<Chunks, Failure> {
        resume::open(Arc::new(self.clone()), self.retry).await
    }

    async fn put(&self, _: &str, content: Chunks, _: Size) -> Result<(), Failure> {
        self.upload(content).await
    }

    async fn below(&self, _: &str) -> Result<Entries, Failure> {
        Err(Failure::permanent("a URL cannot be listed"))
    }

    async fn delete(&self, _: &str) -> Result<(), Failure> {
        if self.kind == Kind::Http {
            return Err(Failure::permanent(
                "an http artifact cannot be deleted (artifactory, s3, gcs, azure and oss can)",
            ));
        }
        let answer = self.request(Method::DELETE, &self.headers).await?;
        match answer.status() {
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(()),
            status if status.is_success() => Ok(()),
            _ => Err(answered("delete", answer).await),
        }
    }

    async fn put_folder(&self, _: &str) -> Result<(), Failure> {
        Err(Failure::permanent("a URL is one file: a folder needs an archive"))
    }

    fn has_folders(&self) -> bool {
        false
    }
}

/// What an answer means that is not the one hoped for.
async fn answered(doing: &str, answer: Response<ResponseBody>) -> Failure {
    let status = answer.status();
    let class = match status.as_u16() {
        404 | 410 => ErrorClass::NotFound,
        401 | 403 | 407 => ErrorClass::Denied,
        408 | 425 | 429 | 500 | 502..=504 | 507 | 509 => ErrorClass::Transient,
        _ => ErrorClass::Permanent,
    };
    let text = answer.into_body().beginning(SHOWN_MAX).await;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = if text.is_empty() { String::new() } else { format!(": {text}") };
    Failure::new(class, format!("{doing}: the server answered {status}{text}"))
}

/// What an error on the way means.
pub(crate) fn egress_failure(error: &EgressError) -> Failure {
    let class = if error.is_transient() { ErrorClass::Transient } else { ErrorClass::Permanent };
    Failure::new(class, error.to_string())
}

/// The stream of a file, for the body of a request.
fn body_of(file: std::fs::File) -> egress::Body {
    let mut file = file;
    let content = crate::bridge::produce(move |out| match crate::bridge::copy(&mut file, out) {
        Ok(_) => Ok(()),
        Err(crate::bridge::Copy::Read(error) | crate::bridge::Copy::Write(error)) => {
            Err(crate::archive::local("read the spooled upload".to_owned(), error))
        }
    });
    let frames = content.map(|chunk| {
        chunk.map(http_body::Frame::data).map_err(|failure| -> egress::BoxError { failure.reason.into() })
    });
    http_body_util::StreamBody::new(stream::StreamExt::boxed(frames)).boxed_unsync()
}

#[cfg(test)]
pub(crate) mod tests;
