//! Requests of plugins: the one way out, by `egress`, with the plugin's own rules.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use egress::{EgressError, Target};
use http::{Request, Response};
use http_body_util::BodyExt;
use plugin::Capability;
use tokio_util::sync::CancellationToken;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::grants;
use crate::loaded::Shared;

/// What goes on after an answer's head; nothing here, as `egress` drives its connections itself.
type Rest = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Answer = Result<(Response<WasiBody>, Rest), Error>;

/// The requests of one call.
pub(crate) struct Requests {
    shared: Arc<Shared>,
    ends: Instant,
    cancel: CancellationToken,
    sent: u32,
    refusals: Arc<std::sync::Mutex<BTreeSet<String>>>,
}

impl Requests {
    pub(crate) fn new(shared: Arc<Shared>, ends: Instant, cancel: CancellationToken) -> Self {
        Self { shared, ends, cancel, sent: 0, refusals: Arc::default() }
    }

    /// Lines of grants that would have let refused requests through.
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
                answer = send(&shared, request, options, ends, &refusals) => answer,
            }
        })
    }
}

async fn send(
    shared: &Shared,
    request: Request<WasiBody>,
    options: Option<RequestOptions>,
    ends: Instant,
    refusals: &std::sync::Mutex<BTreeSet<String>>,
) -> Answer {
    let target = Target::of(request.uri()).map_err(|_| Error::HttpRequestUriInvalid)?;
    if request.uri().authority().is_some_and(|authority| authority.as_str().contains('@')) {
        // A user's name in a URL is how addresses are disguised; credentials have a header.
        return Err(Error::HttpRequestUriInvalid);
    }
    let scheme = if target.is_https() { "https" } else { "http" };
    let Some((grant, client)) = shared.client_for(scheme, target.host(), target.port()) else {
        crate::lock(refusals).insert(grants::line_for(&Capability::Http(target.to_string())));
        return Err(Error::HttpRequestDenied);
    };
    let total = ends.saturating_duration_since(Instant::now());
    let idle = options.and_then(|o| o.first_byte_timeout).unwrap_or(total).min(total);
    let limits = egress::Limits { idle, total: Some(total), body_bytes_max: Some(shared.limits.response_bytes_max) };
    let request = request.map(|body| body.map_err(|error| egress::BoxError::from(error.to_string())).boxed_unsync());
    let answer = match client.send(request, limits).await {
        Ok(answer) => answer,
        Err(error) => {
            if let EgressError::Refused { .. } = &error {
                let host = serde_json::json!({"host": target.to_string(), "private": true, "insecure": grant.insecure});
                crate::lock(refusals).insert(format!("http: [{host}]"));
            }
            return Err(failure(error));
        }
    };
    let answer = answer.map(|body| body.map_err(|error| body_failure(&error)).boxed_unsync());
    Ok((answer, Box::new(std::future::ready(Ok(())))))
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
