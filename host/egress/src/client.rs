//! The HTTP client.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{Request, Response};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, sleep_until};

use crate::body::{Body, ResponseBody, Sending};
use crate::connect::Connector;
use crate::error::EgressError;
use crate::guard::{Guard, Target};
use crate::tls::TlsSettings;

/// Connections kept open to one host.
const IDLE_CONNECTIONS_MAX: usize = 16;
/// How long they are kept.
const IDLE_CONNECTION: Duration = Duration::from_secs(50);

/// The limits of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long neither side may say anything.
    pub idle: Duration,
    /// How long the whole may take, the answer's body included.
    pub total: Option<Duration>,
    /// Bytes of the answer's body.
    pub body_bytes_max: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { idle: Duration::from_secs(60), total: None, body_bytes_max: None }
    }
}

/// An HTTP/1.1 client whose every connection passes the guard. Cheap to clone; connections are shared by the clones.
#[derive(Clone)]
pub struct Client {
    inner: legacy::Client<Connector, Sending>,
    guard: Guard,
}

impl Client {
    /// A client of one guard and one kind of TLS session.
    pub fn new(guard: Guard, tls: &TlsSettings) -> Result<Self, EgressError> {
        let connector = Connector::new(guard.clone(), tls)?;
        let inner = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_CONNECTION)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .build(connector);
        Ok(Self { inner, guard })
    }

    /// The guard that this client's connections pass.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Sends one request and returns as soon as the answer's head is there. Redirects are answers like any other.
    ///
    /// # Errors
    /// What the policy refuses, what cannot be reached, what takes too long. An answer of any status is no error.
    pub async fn send(&self, request: Request<Body>, limits: Limits) -> Result<Response<ResponseBody>, EgressError> {
        let target = Target::of(request.uri())?;
        let ends = limits.total.map(|total| Instant::now() + total);
        let taken = Arc::new(AtomicU64::new(0));
        let request = request.map(|body| Sending::new(body, Arc::clone(&taken)));
        let mut sending = std::pin::pin!(self.inner.request(request));
        let mut seen = 0;
        loop {
            let idle = Instant::now() + limits.idle;
            let wake = ends.map_or(idle, |ends| ends.min(idle));
            tokio::select! {
                answer = &mut sending => {
                    let answer = answer.map_err(|error| failure(&target, error))?;
                    return Ok(answer.map(|body| ResponseBody::new(body, target.to_string(), limits, ends)));
                }
                () = sleep_until(wake) => {
                    if ends.is_some_and(|ends| ends <= Instant::now()) {
                        return Err(EgressError::TimedOut { target: target.to_string(), what: "answer", after: limits.total.unwrap_or_default() });
                    }
                    let now = taken.load(Ordering::Relaxed);
                    if now == seen {
                        return Err(EgressError::TimedOut { target: target.to_string(), what: "answer", after: limits.idle });
                    }
                    seen = now;
                }
            }
        }
    }
}

/// The client wraps what the connector said; the reader wants that.
fn failure(target: &Target, error: legacy::Error) -> EgressError {
    let why = causes(&error);
    let error: Box<dyn Error + Send + Sync> = Box::new(error);
    match take_own(error) {
        Ok(own) => own,
        Err(error) => EgressError::Exchange { target: target.to_string(), why, source: error },
    }
}

/// An [`EgressError`] among the causes, rebuilt as far as a borrowed cause allows.
fn take_own(error: Box<dyn Error + Send + Sync>) -> Result<EgressError, Box<dyn Error + Send + Sync>> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error.as_ref());
    while let Some(current) = cause {
        if let Some(own) = current.downcast_ref::<EgressError>() {
            return Ok(own.again());
        }
        cause = current.source();
    }
    Err(error)
}

/// An error and its causes in one line.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        let next = current.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = current.source();
    }
    text
}
