//! Requests of plugins: the one way out, by `egress`, with the plugin's own rules.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use egress::{EgressError, Target};
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Request, Response};
use http_body_util::BodyExt;
use percent_encoding::{AsciiSet, CONTROLS};
use plugin::{Capability, ErrorClass};
use tokio_util::sync::CancellationToken;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::grants::{self, HttpGrant};
use crate::loaded::Shared;
use crate::vault::{Destination, Vault};
use crate::wired;

/// The largest body in which stand-ins are looked for (bytes); with stand-ins in a call, a larger one is refused.
const BODY_BYTES_MAX: usize = 4 << 20;

/// What may not stand in a path or query as it is.
const URI_ONLY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'`').add(b'{').add(b'}');

/// What goes on after an answer's head; nothing here, as `egress` drives its connections itself.
pub(crate) type Rest = Box<dyn Future<Output = Result<(), Error>> + Send>;
pub(crate) type Answer = Result<(Response<WasiBody>, Rest), Error>;

/// The requests of one call.
pub(crate) struct Requests {
    shared: Arc<Shared>,
    ends: Instant,
    cancel: CancellationToken,
    sent: u32,
    refusals: Arc<Mutex<BTreeSet<String>>>,
    pub(crate) vault: Vault,
}

impl Requests {
    pub(crate) fn new(shared: Arc<Shared>, ends: Instant, cancel: CancellationToken) -> Self {
        Self { shared, ends, cancel, sent: 0, refusals: Arc::default(), vault: Vault::default() }
    }

    /// The next call of an instance that goes on: what was sent before does not count. Stand-ins stay, as connections may need them.
    pub(crate) fn begin(&mut self, ends: Instant, cancel: CancellationToken) {
        (self.ends, self.cancel, self.sent) = (ends, cancel, 0);
    }

    /// Remembers what would let something through that is not HTTP.
    pub(crate) fn refuse(&self, what_to_do: String) {
        crate::lock(&self.refusals).insert(what_to_do);
    }

    /// What would have let refused requests through, one thing to do each.
    pub(crate) fn refusals(&mut self) -> Vec<String> {
        std::mem::take(&mut *crate::lock(&self.refusals)).into_iter().collect()
    }
}

impl WasiHttpHooks for Requests {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        self.sent += 1;
        let (shared, refusals, cancel) = (self.shared.clone(), self.refusals.clone(), self.cancel.clone());
        let vault = self.vault.clone();
        let (ends, too_many) = (self.ends, self.sent > self.shared.limits.requests_max);
        Box::new(async move {
            if too_many {
                return Err(Error::InternalError(Some(format!(
                    "the call sent more than requests_max ({}) requests",
                    shared.limits.requests_max
                ))));
            }
            tokio::select! {
                () = cancel.cancelled() => Err(Error::ConnectionTerminated),
                answer = send(&shared, &vault, request, options, ends, &refusals) => answer,
            }
        })
    }
}

async fn send(
    shared: &Shared,
    vault: &Vault,
    request: Request<WasiBody>,
    options: Option<RequestOptions>,
    ends: Instant,
    refusals: &Mutex<BTreeSet<String>>,
) -> Answer {
    let target = Target::of(request.uri()).map_err(|_| Error::HttpRequestUriInvalid)?;
    if request.uri().authority().is_some_and(|authority| authority.as_str().contains('@')) {
        // A user's name in a URL is how addresses are disguised; credentials have a header.
        return Err(Error::HttpRequestUriInvalid);
    }
    let scheme = if target.is_https() { "https" } else { "http" };
    let Some((grant, way)) = shared.client_for(scheme, target.host(), target.port()) else {
        crate::lock(refusals).insert(grants::hint_for(&shared.name, &Capability::Http(target.to_string())));
        return Err(Error::HttpRequestDenied);
    };
    let total = ends.saturating_duration_since(Instant::now());
    let idle = options.and_then(|o| o.first_byte_timeout).unwrap_or(total).min(total);
    let limits = egress::Limits { idle, total: Some(total), body_bytes_max: Some(shared.limits.response_bytes_max) };
    let client = match way.open(&*shared.services.secrets).await {
        Ok(client) => client,
        Err(error) => return Err(Error::InternalError(Some(format!("the certificates for {target}: {error}")))),
    };
    let out = Out { shared, vault, target: &target, grant, client: &client, limits, refusals };
    match &shared.services.wire {
        None => out.send(request).await,
        Some(wire) => wired::send(&**wire, vault, idle, request, async |request| out.send(request).await).await,
    }
}

/// The way out for a request whose grant is there.
struct Out<'a> {
    shared: &'a Shared,
    vault: &'a Vault,
    target: &'a Target,
    grant: &'a HttpGrant,
    client: &'a egress::Client,
    limits: egress::Limits,
    refusals: &'a Mutex<BTreeSet<String>>,
}

impl Out<'_> {
    async fn send(&self, request: Request<WasiBody>) -> Answer {
        let Self { shared, vault, target, grant, client, limits, refusals } = self;
        let request = match filled_in(shared, vault, target, request).await {
            Ok(request) => request,
            Err(Unfilled::Secret(error)) => {
                crate::lock(refusals).extend(error.hints.iter().cloned());
                return Err(match error.class {
                    ErrorClass::Denied => Error::HttpRequestDenied,
                    _ => Error::InternalError(Some(error.to_string())),
                });
            }
            Err(Unfilled::Request(error)) => return Err(error),
        };
        let answer = match client.send(request, *limits).await {
            Ok(answer) => answer,
            Err(error) => {
                if let EgressError::Refused { .. } = &error {
                    let host =
                        serde_json::json!({"host": target.to_string(), "private": true, "insecure": grant.insecure});
                    crate::lock(refusals).insert(grants::hint(&shared.name, &format!("http: [{host}]")));
                }
                return Err(failure(error));
            }
        };
        let answer = answer.map(|body| body.map_err(|error| body_failure(&error)).boxed_unsync());
        Ok((answer, Box::new(std::future::ready(Ok(())))))
    }
}

/// Why values did not come in the place of stand-ins.
enum Unfilled {
    Secret(plugin::PluginError),
    Request(Error),
}

/// The request with values in the place of stand-ins: in headers, in path and query, and in a body that is not large.
async fn filled_in(
    shared: &Shared,
    vault: &Vault,
    target: &Target,
    request: Request<WasiBody>,
) -> Result<Request<egress::Body>, Unfilled> {
    let (mut head, body) = request.into_parts();
    if vault.is_empty() {
        let body = body.map_err(|error| egress::BoxError::from(error.to_string())).boxed_unsync();
        return Ok(Request::from_parts(head, body));
    }
    let scheme = if target.is_https() { "https" } else { "http" };
    let to = Destination { scheme, host: target.host(), port: target.port() };
    for value in head.headers.values_mut() {
        if vault.is_in(value.as_bytes()) {
            let text = vault.expand(shared, value.as_bytes(), to).await.map_err(Unfilled::Secret)?;
            let text = text.trim_ascii();
            *value = HeaderValue::from_bytes(text)
                .map_err(|_| Unfilled::Request(Error::HttpRequestHeaderSize { field_name: None, field_size: None }))?;
            value.set_sensitive(true);
        }
    }
    let path = head.uri.path_and_query().map(|path| path.as_str().to_owned()).unwrap_or_default();
    if vault.is_in(path.as_bytes()) {
        let path = vault.expand(shared, path.as_bytes(), to).await.map_err(Unfilled::Secret)?;
        let path = percent_encoding::percent_encode(&path, URI_ONLY).to_string();
        let mut parts = head.uri.into_parts();
        parts.path_and_query = Some(path.parse().map_err(|_| Unfilled::Request(Error::HttpRequestUriInvalid))?);
        head.uri = http::Uri::from_parts(parts).map_err(|_| Unfilled::Request(Error::HttpRequestUriInvalid))?;
    }
    let collected = http_body_util::Limited::new(body, BODY_BYTES_MAX).collect().await;
    let bytes =
        collected.map_err(|_| Unfilled::Request(Error::HttpRequestBodySize(Some(BODY_BYTES_MAX as u64))))?.to_bytes();
    if !vault.is_in(&bytes) {
        return Ok(Request::from_parts(head, egress::full(bytes)));
    }
    let filled = vault.expand(shared, &bytes, to).await.map_err(Unfilled::Secret)?;
    // Its length is another now.
    head.headers.remove(CONTENT_LENGTH);
    Ok(Request::from_parts(head, egress::full(filled)))
}

/// In the words of wasi:http, so that every language's library knows them.
fn failure(error: EgressError) -> Error {
    match error {
        EgressError::Url { .. } => Error::HttpRequestUriInvalid,
        EgressError::Refused { .. } => Error::HttpRequestDenied,
        EgressError::Resolve { source, .. } => Error::DnsError { rcode: Some(source.to_string()), info_code: None },
        EgressError::Connect { .. } => Error::ConnectionRefused,
        EgressError::Tls { source, .. } => Error::InternalError(Some(format!("TLS: {source}"))),
        EgressError::TimedOut { .. } => Error::HttpResponseTimeout,
        EgressError::Exchange { .. } => Error::ConnectionTerminated,
        other => Error::InternalError(Some(other.to_string())),
    }
}

fn body_failure(error: &EgressError) -> Error {
    match error {
        EgressError::TimedOut { .. } => Error::ConnectionReadTimeout,
        EgressError::BodyTooLarge { .. } => Error::HttpResponseBodySize(None),
        _ => Error::HttpResponseIncomplete,
    }
}
