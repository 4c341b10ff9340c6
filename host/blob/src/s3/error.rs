//! What the SDK's errors mean.

use std::error::Error;

use artifact::ErrorClass;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use egress::EgressError;

use crate::failure::Failure;

/// The code of an answer without the bucket.
pub(super) const NO_BUCKET: &str = "NoSuchBucket";

/// There is no such bucket.
pub(super) fn bucket_missing(doing: &str) -> Failure {
    Failure::permanent(format!("{doing}: there is no such bucket{MAKE_IT}"))
}

/// What to do about that.
const MAKE_IT: &str = " (create it, or set createBucketIfNotPresent)";

/// What an operation's error means to the caller. Neither text nor cause holds credentials.
pub(super) fn failure<E: ProvideErrorMetadata + Error + 'static>(
    doing: &str,
    error: &SdkError<E, HttpResponse>,
) -> Failure {
    if let Some(known) = known(error) {
        return known;
    }
    match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            let code = answer.err().code().unwrap_or_default();
            let message = answer.err().message().unwrap_or_default();
            let class = class(status, code);
            let hint = match code {
                NO_BUCKET => MAKE_IT,
                "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
                    " (the bucket is in another region: set region)"
                }
                "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "AccessDenied" if status == 403 => {
                    " (look at the access key, its secret, and the bucket's policy)"
                }
                _ => "",
            };
            let text = [code, message].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ");
            let text = if text.is_empty() {
                format!("the server answered {status}")
            } else {
                format!("the server answered {status} {text}")
            };
            Failure::new(class, format!("{doing}: {text}{hint}"))
        }
        SdkError::TimeoutError(_) => Failure::transient(format!("{doing}: no answer in time")),
        SdkError::ResponseError(_) => {
            Failure::transient(format!("{doing}: the answer cannot be read: {}", causes(error)))
        }
        SdkError::DispatchFailure(failed) if failed.is_timeout() || failed.is_io() => {
            Failure::transient(format!("{doing}: {}", causes(error)))
        }
        _ => Failure::permanent(format!("{doing}: {}", causes(error))),
    }
}

fn class(status: u16, code: &str) -> ErrorClass {
    match (status, code) {
        (_, "NoSuchKey") => ErrorClass::NotFound,
        (_, NO_BUCKET) => ErrorClass::Permanent,
        (
            _,
            "SlowDown"
            | "RequestTimeout"
            | "InternalError"
            | "ServiceUnavailable"
            | "Throttling"
            | "OperationAborted"
            | "RequestTimeTooSkewed",
        ) => ErrorClass::Transient,
        // The answer to a question about the head has no body and so no code.
        (404, "" | "NotFound") => ErrorClass::NotFound,
        (412, _) => ErrorClass::Transient,
        // The last is Versity's word for an access key that it does not know, with the status 404.
        (401 | 403, _) | (_, "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" | "XAdminUserNotFound") => {
            ErrorClass::Denied
        }
        (408 | 429 | 500..=599, _) => ErrorClass::Transient,
        _ => ErrorClass::Permanent,
    }
}

/// An error of the guard or of the credentials somewhere among the causes.
fn known(error: &(dyn Error + 'static)) -> Option<Failure> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(refused) = current.downcast_ref::<EgressError>() {
            return Some(crate::http::egress_failure(refused));
        }
        if let Some(credentials) = current.downcast_ref::<CredentialsError>() {
            let class = match credentials {
                CredentialsError::ProviderTimedOut(_) | CredentialsError::ProviderError(_) => ErrorClass::Transient,
                _ => ErrorClass::Denied,
            };
            return Some(Failure::new(
                class,
                format!("the machine's credentials cannot be had: {}", causes(credentials)),
            ));
        }
        cause = current.source();
    }
    None
}

/// A body that broke off.
pub(super) fn broke_off(error: &(dyn Error + 'static)) -> Failure {
    known(error).unwrap_or_else(|| Failure::transient(format!("the download broke off: {}", causes(error))))
}

fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        let next = current.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = current.source();
    }
    text
}
