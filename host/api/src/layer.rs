//! What happens to every request before and after its handler: who asks, until when, what if it panics, what the audit says, how errors look.
//!
//! ```text
//!   request ─► known RPC? ─► authenticate ─► deadline ─► handler (a panic ends this call only) ─► every error has a detail ─► audit line
//! ```

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use futures::FutureExt;
use proto_gen::Rpc;
use proto_gen::v1::Fault;
use tokio::time::Instant;
use tonic::{Code, Status};

use crate::access::{AuthError, Identity, Pace, rule};
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::gate::Gate;
use crate::settings::Limits;

/// Services that answer everyone: whether the server is up, and what its public API looks like.
const OPEN_SERVICES: &[&str] = &["/grpc.health.v1.Health/", "/grpc.reflection.v1.", "/grpc.reflection.v1alpha."];

/// How much earlier than the transport's own clock the deadline is told, so that the caller gets our words.
const DEADLINE_LEAD: Duration = Duration::from_millis(2);

/// The layer.
pub(crate) async fn guard(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if OPEN_SERVICES.iter().any(|service| path.starts_with(service)) {
        return next.run(request).await;
    }
    let Some(rpc) = Rpc::from_path(path) else { return refused(unknown(path)) };
    let identity = match gate.authenticator().authenticate(request.headers()).await {
        Ok(identity) => identity,
        Err(error) => {
            audit_refusal(rpc, "", "Unauthenticated");
            return refused(unauthenticated(&error));
        }
    };
    let timeout = match timeout_of(request.headers(), rpc, gate.limits()) {
        Ok(timeout) => timeout,
        Err(failure) => return refused(failure),
    };
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    let call = Call::new(rpc, identity, deadline);
    request.extensions_mut().insert(call.clone());
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
    let response = match deadline {
        None => answer.await,
        Some(deadline) => match tokio::time::timeout_at(deadline, answer).await {
            Ok(answer) => answer,
            Err(_) => Ok(refused(late(rpc))),
        },
    };
    let response = response.unwrap_or_else(|panic| refused(panicked(rpc, &*panic)));
    let response = with_detail(response);
    audit(&call, &response);
    response
}

fn refused(failure: Failure) -> Response {
    Status::from(failure).into_http::<Body>()
}

fn unknown(path: &str) -> Failure {
    let failure =
        Failure::new(Code::Unimplemented, "UnknownRpc", Fault::Caller, format!("there is no RPC {path}")).about(path);
    let near = Rpc::ALL.iter().map(|rpc| (strsim::damerau_levenshtein(rpc.path(), path), rpc)).min_by_key(|(n, _)| *n);
    match near {
        Some((distance, rpc)) if distance <= 4 => failure.hint(format!("did you mean {}?", rpc.path())),
        _ => failure.hint("server reflection tells all of them; the client may be newer than this server"),
    }
}

fn unauthenticated(error: &AuthError) -> Failure {
    let failure = Failure::new(Code::Unauthenticated, "Unauthenticated", Fault::Caller, error);
    match error {
        AuthError::Missing | AuthError::Malformed => failure.hint(
            "send the header `authorization: Bearer TOKEN`; the server says at its start where its token is kept",
        ),
        AuthError::Unknown => failure.hint("it may have expired, or belong to another server"),
        AuthError::Unavailable { .. } => {
            let mut failure = failure.retry_after_ms(1_000);
            failure.code = Code::Unavailable;
            failure.detail.fault = Fault::Server.into();
            failure
        }
    }
}

pub(crate) fn late(rpc: Rpc) -> Failure {
    let message = format!("{} did not answer before its deadline", rpc.name());
    let failure = Failure::new(Code::DeadlineExceeded, "DeadlineExceeded", Fault::Caller, message);
    if rule(rpc).mutates {
        failure.hint("it may have been done all the same: look before repeating it")
    } else {
        failure.hint("ask for less at once, or with a longer deadline")
    }
}

fn panicked(rpc: Rpc, panic: &(dyn std::any::Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Failure::internal(
        &format!("{} failed by a fault of the server", rpc.name()),
        text.unwrap_or("a panic without a text"),
    )
}

/// How long the caller waits, within what the server allows.
fn timeout_of(headers: &http::HeaderMap, rpc: Rpc, limits: &Limits) -> Outcome<Option<Duration>> {
    let asked = match headers.get("grpc-timeout") {
        None => None,
        Some(value) => match value.to_str().ok().and_then(parse_timeout) {
            Some(timeout) => Some(timeout),
            None => {
                return Err(Failure::field(
                    "grpc-timeout",
                    "is not a number of at most 8 digits and one of H M S m u n",
                ));
            }
        },
    };
    let max = Duration::from_millis(limits.deadline_max_ms);
    let timeout = match rule(rpc).pace {
        Pace::Stream => asked,
        Pace::Long => Some(asked.unwrap_or(max).min(max)),
        Pace::Short => Some(asked.map_or(Duration::from_millis(limits.deadline_default_ms), |asked| asked.min(max))),
    };
    Ok(timeout.map(|timeout| timeout.saturating_sub(DEADLINE_LEAD)))
}

fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

/// An error of the transport (a message that is too long, or none) gets a detail, too.
fn with_detail(response: Response) -> Response {
    let headers = response.headers();
    let refused_plainly = headers.get(Status::GRPC_STATUS).is_some_and(|status| status != "0")
        && !headers.contains_key(Status::GRPC_STATUS_DETAILS);
    if !refused_plainly {
        return response;
    }
    match Status::from_header_map(headers) {
        Some(status) => refused(shaped(status)),
        None => response,
    }
}

/// A status of the transport as a refusal in our words.
pub(crate) fn shaped(status: Status) -> Failure {
    if let Some(detail) = proto_gen::status::from_status(&status) {
        return Failure { code: status.code(), detail: Box::new(detail) };
    }
    let message = status.message();
    match status.code() {
        Code::OutOfRange if message.contains("too large") => Failure::new(
            Code::ResourceExhausted,
            "TooLarge",
            Fault::Caller,
            format!("the message is too large: {message}"),
        )
        .hint("send a large document in chunks: Workflows.SubmitStream, Resources.BatchApply"),
        Code::Internal if message.contains("decode") || message.contains("decompress") => Failure::new(
            Code::InvalidArgument,
            "BadMessage",
            Fault::Caller,
            format!("the message cannot be read: {message}"),
        )
        .hint("client and server may have different proto files; server reflection tells this server's"),
        Code::Unimplemented => Failure::new(Code::Unimplemented, "Unimplemented", Fault::Caller, message),
        Code::Cancelled => Failure::new(Code::Cancelled, "Cancelled", Fault::Caller, message),
        code => Failure::new(code, "Transport", Fault::Server, message),
    }
}

/// One line for each call that was to change something.
fn audit(call: &Call, response: &Response) {
    let rule = call.rule();
    // A batch tells of each of its documents.
    if !rule.mutates || call.rpc() == Rpc::ResourcesBatchApply {
        return;
    }
    let Identity { user, authenticator, .. } = call.identity();
    let result = match Status::from_header_map(response.headers()) {
        Some(status) if status.code() != Code::Ok => {
            proto_gen::status::from_status(&status).map_or_else(|| format!("{:?}", status.code()), |detail| detail.code)
        }
        _ => "Ok".to_owned(),
    };
    tracing::info!(
        target: "audit",
        %user, authenticator, rpc = call.rpc().name(), verb = rule.verb, object = call.subject(), dry_run = call.is_dry_run(), %result
    );
}

/// One line for a document of a batch.
pub(crate) fn audit_part(call: &Call, object: &str, result: &str) {
    let Identity { user, authenticator, .. } = call.identity();
    tracing::info!(
        target: "audit",
        %user, authenticator, rpc = call.rpc().name(), verb = call.rule().verb, object, dry_run = call.is_dry_run(), result
    );
}

fn audit_refusal(rpc: Rpc, object: &str, result: &str) {
    if rule(rpc).mutates {
        tracing::info!(target: "audit", user = "", authenticator = "", rpc = rpc.name(), verb = rule(rpc).verb, object, dry_run = false, result);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_grpc_writes_them() {
        for (text, ms) in [("1S", 1000.0), ("2M", 120_000.0), ("5m", 5.0), ("1500u", 1.5), ("1H", 3_600_000.0)] {
            assert_eq!(parse_timeout(text).unwrap().as_secs_f64() * 1000.0, ms, "{text}");
        }
        for bad in ["", "S", "1", "-1S", "1 S", "123456789S", "1.5S", "1D"] {
            assert_eq!(parse_timeout(bad), None, "{bad}");
        }
    }

    #[test]
    fn deadlines_stay_within_the_servers_bounds() {
        let limits = Limits::default();
        let with = |value: Option<&'static str>, rpc| {
            let mut headers = http::HeaderMap::new();
            if let Some(value) = value {
                headers.insert("grpc-timeout", http::HeaderValue::from_static(value));
            }
            timeout_of(&headers, rpc, &limits).map(|t| t.map(|t| (t + DEADLINE_LEAD).as_millis() as u64))
        };
        assert_eq!(with(None, Rpc::WorkflowsGet).unwrap(), Some(limits.deadline_default_ms));
        assert_eq!(with(Some("7S"), Rpc::WorkflowsGet).unwrap(), Some(7_000));
        assert_eq!(with(Some("99H"), Rpc::WorkflowsGet).unwrap(), Some(limits.deadline_max_ms));
        assert_eq!(with(None, Rpc::WorkflowsWatch).unwrap(), None);
        assert_eq!(with(Some("99H"), Rpc::WorkflowsWatch).unwrap(), Some(99 * 3_600_000));
        assert!(with(Some("soon"), Rpc::WorkflowsGet).is_err());
    }

    #[test]
    fn a_near_miss_of_an_rpc_gets_a_hint() {
        let failure = unknown("/colchis.v1.Workflows/Submitt");
        assert_eq!(failure.detail.hints, ["did you mean /colchis.v1.Workflows/Submit?"]);
    }
}
