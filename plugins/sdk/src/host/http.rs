//! `wasi:http`, with a deadline.

use std::time::Duration;

use crate::bindings::host::wasi::clocks::monotonic_clock;
use crate::bindings::host::wasi::http::outgoing_handler;
use crate::bindings::host::wasi::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions,
    Scheme,
};
use crate::bindings::host::wasi::io::poll::{self, Pollable};
use crate::bindings::host::wasi::io::streams::StreamError;
use crate::http::{Request, Response, Target};
use crate::{Class, Error, Result, call};

/// How much is read or written at once.
const PIECE_BYTES: u64 = 64 * 1024;

/// How long is waited before the call is asked whether it was cancelled.
const SLICE: Duration = Duration::from_millis(250);

/// A moment at which a request must be over.
struct Deadline(u64);

impl Deadline {
    fn after(time: Duration) -> Self {
        Self(monotonic_clock::now().saturating_add(nanos(time)))
    }

    /// Waits until something is ready; an error when the time is over or the call was cancelled.
    fn wait(&self, ready: &Pollable, target: &Target) -> Result<()> {
        loop {
            let now = monotonic_clock::now();
            if now >= self.0 {
                return Err(
                    Error::unavailable(format!("{} did not answer in time", target.authority)).with_code("timeout")
                );
            }
            let timer = monotonic_clock::subscribe_instant(self.0.min(now.saturating_add(nanos(SLICE))));
            if poll::poll(&[ready, &timer]).contains(&0) {
                return Ok(());
            }
            call::check()?;
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Sends a request and reads the whole answer within a time.
pub(crate) fn http_send(request: &Request, target: &Target, timeout: Duration) -> Result<Response> {
    let deadline = Deadline::after(timeout);
    let outgoing = outgoing(request, target)?;
    let body = outgoing.body().map_err(|()| broken("a request has one body"))?;
    let pending = outgoing_handler::handle(outgoing, Some(options(timeout))).map_err(|code| error_of(&code, target))?;
    // A server may answer before it has read everything; what it answers says more than that it stopped reading.
    let written = write(body, request.body_bytes(), &deadline, target);
    let answer = answer(&pending, &deadline, target);
    let answer = match (answer, written) {
        (Ok(answer), _) => answer,
        (Err(_), Err(error)) if error.code() == "cancelled" => return Err(error),
        (Err(error), _) => return Err(error),
    };
    read(&answer, request.answer_bytes_max(), &deadline, target)
}

fn outgoing(request: &Request, target: &Target) -> Result<OutgoingRequest> {
    let fields = Fields::new();
    for (name, value) in request.all_headers() {
        fields
            .append(name, value.as_bytes())
            .map_err(|_| Error::invalid("", format!("the header `{name}` cannot be sent")).with_code("bad-header"))?;
    }
    if !request.body_bytes().is_empty() {
        // Some hosts send bodies of unknown length in chunks, which old servers do not take.
        let length = request.body_bytes().len().to_string();
        let _ = fields.set("content-length", &[length.into_bytes()]);
    }
    let outgoing = OutgoingRequest::new(fields);
    let method = match request.method() {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    };
    let scheme = if target.tls { Scheme::Https } else { Scheme::Http };
    let bad = |what: &str| Error::invalid("", format!("{what} cannot be asked for")).with_code("bad-url");
    outgoing.set_method(&method).map_err(|()| bad(&format!("the method `{}`", request.method())))?;
    outgoing.set_scheme(Some(&scheme)).map_err(|()| bad("the scheme"))?;
    outgoing.set_authority(Some(&target.authority)).map_err(|()| bad(&format!("the host `{}`", target.authority)))?;
    outgoing.set_path_with_query(Some(&target.path_with_query)).map_err(|()| bad("the path"))?;
    Ok(outgoing)
}

fn options(timeout: Duration) -> RequestOptions {
    let options = RequestOptions::new();
    // A host may not know them; the deadline holds all the same.
    let _ = options.set_connect_timeout(Some(nanos(timeout)));
    let _ = options.set_first_byte_timeout(Some(nanos(timeout)));
    let _ = options.set_between_bytes_timeout(Some(nanos(timeout)));
    options
}

fn write(body: OutgoingBody, bytes: &[u8], deadline: &Deadline, target: &Target) -> Result<()> {
    let stopped = || Error::unavailable(format!("{} stopped reading the request", target.authority));
    let stream = body.write().map_err(|()| broken("a body has one stream"))?;
    let ready = stream.subscribe();
    let mut left = bytes;
    while !left.is_empty() {
        let free = stream.check_write().map_err(|_| stopped())?;
        if free == 0 {
            deadline.wait(&ready, target)?;
            continue;
        }
        let size = usize::try_from(free.min(PIECE_BYTES)).unwrap_or(usize::MAX).min(left.len());
        let (piece, rest) = left.split_at(size);
        stream.write(piece).map_err(|_| stopped())?;
        left = rest;
    }
    stream.flush().map_err(|_| stopped())?;
    drop(ready);
    drop(stream);
    OutgoingBody::finish(body, None).map_err(|code| error_of(&code, target))
}

fn answer(pending: &FutureIncomingResponse, deadline: &Deadline, target: &Target) -> Result<IncomingResponse> {
    let ready = pending.subscribe();
    loop {
        match pending.get() {
            Some(Ok(answer)) => return answer.map_err(|code| error_of(&code, target)),
            Some(Err(())) => return Err(broken("an answer is taken once")),
            None => deadline.wait(&ready, target)?,
        }
    }
}

fn read(answer: &IncomingResponse, bytes_max: usize, deadline: &Deadline, target: &Target) -> Result<Response> {
    let headers = answer.headers().entries();
    let body = answer.consume().map_err(|()| broken("an answer has one body"))?;
    let stream = body.stream().map_err(|()| broken("a body has one stream"))?;
    let ready = stream.subscribe();
    let mut bytes = Vec::new();
    loop {
        match stream.read(PIECE_BYTES) {
            Ok(piece) if piece.is_empty() => deadline.wait(&ready, target)?,
            Ok(piece) => bytes.extend_from_slice(&piece),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => {
                let reason = error.to_debug_string();
                return Err(Error::unavailable(format!("{}: the answer broke off: {reason}", target.authority)));
            }
        }
        if bytes.len() > bytes_max {
            return Err(Error::permanent(format!(
                "the answer of {} is longer than {bytes_max} bytes",
                target.authority
            ))
            .with_code("body-too-large"));
        }
    }
    drop(ready);
    drop(stream);
    drop(body);
    let response = headers.into_iter().fold(Response::new(answer.status(), bytes), |response, (name, value)| {
        response.with_header(name, String::from_utf8_lossy(&value))
    });
    Ok(response)
}

/// What cannot be, unless the host does otherwise than `wasi:http` says.
fn broken(what: &str) -> Error {
    Error::permanent(format!("the host breaks a rule of wasi:http: {what}")).with_code("host")
}

/// The class, the word and the sentence of an error of `wasi:http`.
fn error_of(code: &ErrorCode, target: &Target) -> Error {
    let host = &target.authority;
    let (class, word, message) = match code {
        ErrorCode::HttpRequestDenied => (
            Class::Denied,
            "not-granted",
            format!("requests to {host} are not granted: add `{}` to the plugin's HTTP grants", target.grant()),
        ),
        ErrorCode::DestinationIpProhibited => (
            Class::Denied,
            "address-prohibited",
            format!(
                "{host} is at an address that requests may not go to: `{}` has to be granted by address",
                target.grant()
            ),
        ),
        ErrorCode::TlsCertificateError => (
            Class::Denied,
            "certificate",
            format!("the certificate of {host} is not trusted: its authority has to be made known to the server"),
        ),
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
            (Class::Unavailable, "name-unknown", format!("the name of {host} cannot be resolved"))
        }
        ErrorCode::ConnectionRefused => (Class::Unavailable, "refused", format!("{host} refuses the connection")),
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => (Class::Unavailable, "timeout", format!("{host} did not answer in time")),
        ErrorCode::HttpRequestMethodInvalid | ErrorCode::HttpRequestUriInvalid | ErrorCode::HttpRequestUriTooLong => {
            (Class::InvalidConfig, "bad-url", format!("the request to {host} cannot be sent: {code:?}"))
        }
        ErrorCode::HttpRequestBodySize(_)
        | ErrorCode::HttpRequestHeaderSize(_)
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpResponseBodySize(_)
        | ErrorCode::HttpResponseHeaderSize(_)
        | ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::LoopDetected
        | ErrorCode::ConfigurationError => {
            (Class::Permanent, "http", format!("the request to {host} cannot be made: {code:?}"))
        }
        ErrorCode::InternalError(Some(reason)) => (Class::Unavailable, "http", format!("{host}: {reason}")),
        _ => (Class::Unavailable, "http", format!("{host} cannot be asked: {code:?}")),
    };
    Error::new(class, word, message)
}
