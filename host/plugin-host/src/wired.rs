//! Requests by way of a [`Wire`]: recorded, answered from a recording, or made to fail.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use plugin::{Act, Heard, Sent, Wire};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::requests::{Answer, Rest};
use crate::vault::Vault;

/// The largest body that a wire is shown (`wire_body_bytes_max`).
const BODY_BYTES_MAX: usize = 8 << 20;

/// Asks the wire, and sends what it lets through. A wire that does not answer within `idle` is a server that does not.
pub(crate) async fn send(
    wire: &dyn Wire,
    vault: &Vault,
    idle: Duration,
    request: Request<WasiBody>,
    out: impl AsyncFnOnce(Request<WasiBody>) -> Answer,
) -> Answer {
    let (head, body) = request.into_parts();
    let body = whole(body).await?;
    let sent = Sent {
        method: head.method.to_string(),
        url: vault.named(&head.uri.to_string()),
        headers: texts(&head.headers).into_iter().map(|(name, value)| (name, vault.named(&value))).collect(),
        body: match std::str::from_utf8(&body) {
            Ok(text) => vault.named(text).into_bytes(),
            Err(_) => body.to_vec(),
        },
    };
    match tokio::time::timeout(idle, wire.ask(&sent)).await {
        Err(_) => Err(Error::HttpResponseTimeout),
        Ok(Act::Refuse) => Err(Error::ConnectionRefused),
        Ok(Act::Fail(why)) => Err(Error::InternalError(Some(why))),
        Ok(Act::Answer(heard)) => answer(heard),
        Ok(Act::Send) => {
            let (response, rest) = out(Request::from_parts(head, full(body))).await?;
            let (head, body) = response.into_parts();
            let body = whole(body).await?;
            wire.heard(&sent, &heard(vault, &head, &body));
            Ok((Response::from_parts(head, full(body)), rest))
        }
    }
}

async fn whole(body: WasiBody) -> Result<Bytes, Error> {
    let collected = Limited::new(body, BODY_BYTES_MAX).collect().await;
    Ok(collected
        .map_err(|error| Error::InternalError(Some(format!("the body cannot be recorded: {error}"))))?
        .to_bytes())
}

fn full(bytes: Bytes) -> WasiBody {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

fn texts(headers: &http::HeaderMap) -> Vec<(String, String)> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

/// What a wire is told: without values of secrets, which servers like to answer with.
fn heard(vault: &Vault, head: &http::response::Parts, body: &Bytes) -> Heard {
    let told = |mut text: String| {
        vault.redact(&mut text);
        text
    };
    let headers = texts(&head.headers).into_iter().map(|(name, value)| (name, told(value))).collect();
    let body = match std::str::from_utf8(body) {
        Ok(text) => told(text.to_owned()).into_bytes(),
        Err(_) => body.to_vec(),
    };
    Heard { status: head.status.as_u16(), headers, body }
}

fn answer(heard: Heard) -> Answer {
    let mut response = Response::builder().status(heard.status);
    for (name, value) in heard.headers {
        response = response.header(name, value);
    }
    let response = response
        .body(full(heard.body.into()))
        .map_err(|error| Error::InternalError(Some(format!("the wire's answer is none: {error}"))))?;
    let rest: Rest = Box::new(std::future::ready(Ok(())));
    Ok((response, rest))
}
