//! The way out of `http` templates: the guarded client, or whoever answers in its place where nothing is real.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use egress::{Client, Limits, Redirects};
use http::{HeaderMap, Method};
use model::workflow::Template;

/// Redirects that are followed.
const REDIRECTS_MAX: usize = 10;

/// A request of an `http` template, substituted.
#[derive(Debug, Clone)]
pub struct HttpCall {
    /// The run's name.
    pub workflow: String,
    /// The node's full name.
    pub node: String,
    /// The template's name.
    pub template: String,
    /// Its input parameters, by name.
    pub parameters: Vec<(String, String)>,
    /// The method.
    pub method: Method,
    /// The URL.
    pub url: String,
    /// The headers; those that came from secrets are marked sensitive.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// How long it may take, how long the answer may be.
    pub limits: Limits,
}

/// An answer, of any status.
#[derive(Debug, Clone, Default)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// No answer came.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub struct NoAnswer {
    /// Why, for people; without credentials.
    pub reason: String,
    /// It may go away by itself.
    pub transient: bool,
}

/// A leaf of another kind that the server does itself: `resource`, `data` or `plugin`.
#[derive(Debug, Clone)]
pub struct OwnLeaf {
    /// The run's name.
    pub workflow: String,
    /// The node's full name.
    pub node: String,
    /// The template, substituted.
    pub template: Arc<Template>,
}

/// How such a leaf went where somebody else did it.
#[derive(Debug, Clone, Default)]
pub struct OwnLeafEnd {
    /// `outputs.result`.
    pub result: Option<String>,
    /// Output parameters.
    pub parameters: Vec<(String, String)>,
    /// Why it did not go well.
    pub failed: Option<String>,
    /// It could not be done at all; otherwise what was asked for went wrong.
    pub error: bool,
}

/// Sends requests.
#[async_trait]
pub trait Requests: Send + Sync + 'static {
    /// Sends one and reads the whole answer, redirects followed.
    async fn send(&self, call: HttpCall) -> Result<HttpAnswer, NoAnswer>;

    /// Does a leaf in the server's place. `None`, as everywhere but where nothing is real: the server does it.
    async fn stand_in(&self, leaf: OwnLeaf) -> Option<OwnLeafEnd> {
        let _ = leaf;
        None
    }
}

#[async_trait]
impl Requests for Client {
    async fn send(&self, call: HttpCall) -> Result<HttpAnswer, NoAnswer> {
        let none = |e: egress::EgressError| NoAnswer { reason: e.to_string(), transient: e.is_transient() };
        let redirects = Redirects::Followed(REDIRECTS_MAX);
        let sent = self.request(call.method, &call.url, &call.headers, call.body, redirects, call.limits).await;
        let (answer, _) = sent.map_err(none)?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.into_body().bytes().await.map_err(none)?;
        Ok(HttpAnswer { status, headers, body })
    }
}
