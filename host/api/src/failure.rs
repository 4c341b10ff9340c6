//! Why a call is refused, in one shape: what the gRPC status and its detail are made from.

use std::fmt::Display;

use artifact::{ArtifactError, ErrorClass};
use plugin::PluginError;
use prost::Message;
use proto_gen::v1::{ErrorDetail, Fault, FieldViolation, Severity};
use runner::RunnerError;
use runtime::control::ControlError;
use store::StoreError;
use tonic::{Code, Status};

/// A detail travels in a header; clients refuse headers above 8 KiB, and base64 adds a third (bytes).
const DETAIL_BYTES_MAX: usize = 4 << 10;

/// The longest message or hint (bytes).
const TEXT_BYTES_MAX: usize = 1 << 10;

/// When to ask a plugin again that does not say it (ms).
const PLUGIN_RETRY_MS: u64 = 1_000;

/// Every code, each with a section in `proto/errors.md`.
const CODES: &[&str] = &[
    "AlreadyExists",
    "ArtifactDenied",
    "ArtifactFailed",
    "ArtifactNotFound",
    "ArtifactUnavailable",
    "BadMessage",
    "Cancelled",
    "Conflict",
    "Corrupt",
    "DeadlineExceeded",
    "Expired",
    "Fenced",
    "FieldConflict",
    "Forbidden",
    "Internal",
    "Invalid",
    "NotFound",
    "PluginDenied",
    "PluginFailed",
    "PluginUnavailable",
    "Refused",
    "RunnerUnavailable",
    "Stopping",
    "TooLarge",
    "TooSlow",
    "Transport",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "UnknownKind",
    "UnknownRpc",
];

/// A refusal.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) detail: Box<ErrorDetail>,
}

/// The result of everything that a call needs.
pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// A refusal with a stable word and a sentence.
    pub(crate) fn new(code: Code, word: &str, fault: Fault, message: impl Display) -> Self {
        debug_assert!(CODES.contains(&word), "the code {word} has no page");
        let detail = ErrorDetail {
            code: word.to_owned(),
            fault: fault.into(),
            message: message.to_string(),
            page: page(word),
            ..ErrorDetail::default()
        };
        Self { code, detail: Box::new(detail) }
    }

    /// The request cannot be right: one field of it.
    pub(crate) fn field(path: &str, message: impl Display) -> Self {
        let message = message.to_string();
        let mut failure = Self::new(Code::InvalidArgument, "Invalid", Fault::Caller, format!("{path}: {message}"));
        failure.detail.violations.push(violation(path, &message));
        failure.detail.violations_total = 1;
        failure
    }

    /// The document breaks rules.
    pub(crate) fn violations(subject: &str, violations: Vec<FieldViolation>) -> Self {
        let errors: Vec<FieldViolation> =
            violations.into_iter().filter(|v| v.severity() != Severity::Warning).collect();
        let first = errors
            .first()
            .map(|v| if v.path.is_empty() { v.message.clone() } else { format!("{}: {}", v.path, v.message) });
        let more = match errors.len() {
            0 | 1 => String::new(),
            n => format!(" (and {} more)", n - 1),
        };
        let message = format!("{subject} is not valid: {}{more}", first.unwrap_or_default());
        let mut failure = Self::new(Code::InvalidArgument, "Invalid", Fault::Caller, message).about(subject);
        failure.detail.violations_total = u32::try_from(errors.len()).unwrap_or(u32::MAX);
        failure.detail.violations = errors;
        failure
    }

    /// Fields that another manager applied are wanted otherwise.
    pub(crate) fn field_conflict(subject: &str, violations: Vec<FieldViolation>) -> Self {
        let total = u32::try_from(violations.len()).unwrap_or(u32::MAX);
        let first = violations.first().map(|v| format!("{} {}", v.path, v.message)).unwrap_or_default();
        let more = if total > 1 { format!(" (and {} more fields)", total - 1) } else { String::new() };
        let message = format!("{subject}: {first}{more}");
        let mut failure = Self::new(Code::FailedPrecondition, "FieldConflict", Fault::Caller, message).about(subject);
        failure.detail.violations_total = total;
        failure.detail.violations = violations;
        failure.hint(
            "leave the field out, agree on its value, or take it over with `force` (`colchis apply --force-conflicts`)",
        )
    }

    pub(crate) fn not_found(what: impl Display) -> Self {
        Self::new(Code::NotFound, "NotFound", Fault::Caller, format!("{what} not found")).about(what)
    }

    pub(crate) fn too_large(what: impl Display, limit_name: &str, limit: u64, actual: u64) -> Self {
        let message = format!("{what}: {actual} exceeds the limit {limit_name} of {limit}");
        Self::new(Code::ResourceExhausted, "TooLarge", Fault::Caller, message)
    }

    pub(crate) fn precondition(subject: &str, message: impl Display) -> Self {
        Self::new(Code::FailedPrecondition, "Refused", Fault::Caller, message).about(subject)
    }

    /// A fault of the server's own; the cause goes to its log, not to the caller.
    pub(crate) fn internal(what: &str, cause: impl Display) -> Self {
        tracing::error!(%cause, "{what}");
        Self::new(Code::Internal, "Internal", Fault::Server, format!("{what}; the server's log says why"))
    }

    /// The subject, as people write it.
    pub(crate) fn about(mut self, subject: impl Display) -> Self {
        self.detail.subject = subject.to_string();
        self
    }

    /// One more thing to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.detail.hints.push(hint.into());
        self
    }

    pub(crate) fn retry_after_ms(mut self, ms: u64) -> Self {
        self.detail.retry_after_ms = ms;
        self
    }

    /// The detail as it fits into a message that has no limit of its own.
    pub(crate) fn into_detail(self) -> ErrorDetail {
        *self.detail
    }
}

/// One violation of one field.
pub(crate) fn violation(path: &str, message: &str) -> FieldViolation {
    FieldViolation {
        path: path.to_owned(),
        message: message.to_owned(),
        code: "Invalid".to_owned(),
        severity: Severity::Error.into(),
        ..FieldViolation::default()
    }
}

/// The page about a code.
fn page(word: &str) -> String {
    format!("proto/errors.md#{}", word.to_lowercase())
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        proto_gen::status::to_status(failure.code, &fitted(*failure.detail))
    }
}

/// Leaves out what does not fit into a header: violations first, from the last, then hints.
fn fitted(mut detail: ErrorDetail) -> ErrorDetail {
    cut(&mut detail.message);
    cut(&mut detail.subject);
    for hint in &mut detail.hints {
        cut(hint);
    }
    for violation in &mut detail.violations {
        cut(&mut violation.path);
        cut(&mut violation.message);
        cut(&mut violation.hint);
    }
    detail.violations_total = detail.violations_total.max(u32::try_from(detail.violations.len()).unwrap_or(u32::MAX));
    let mut size = ErrorDetail { violations: Vec::new(), ..detail.clone() }.encoded_len();
    let keep = detail.violations.iter().take_while(|violation| {
        size += violation.encoded_len() + 4;
        size <= DETAIL_BYTES_MAX
    });
    let keep = keep.count();
    detail.violations.truncate(keep);
    while detail.encoded_len() > DETAIL_BYTES_MAX && detail.hints.pop().is_some() {}
    detail
}

fn cut(text: &mut String) {
    if text.len() > TEXT_BYTES_MAX {
        let end = (0..=TEXT_BYTES_MAX - 4).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let word = error.code();
        let (code, fault) = match &error {
            StoreError::NotFound { .. } => (Code::NotFound, Fault::Caller),
            StoreError::AlreadyExists { .. } => (Code::AlreadyExists, Fault::Caller),
            StoreError::Conflict { .. } => (Code::Aborted, Fault::Caller),
            StoreError::Fenced { .. } => (Code::Unavailable, Fault::Server),
            StoreError::Expired { .. } => (Code::OutOfRange, Fault::Caller),
            StoreError::TooLarge { .. } => (Code::ResourceExhausted, Fault::Caller),
            StoreError::Invalid { .. } => (Code::InvalidArgument, Fault::Caller),
            StoreError::Unavailable { .. } => (Code::Unavailable, Fault::Server),
            StoreError::Corrupt { .. } => (Code::DataLoss, Fault::Server),
            _ => (Code::Internal, Fault::Server),
        };
        if fault == Fault::Server {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::error!(code = word, cause, "{error}");
        }
        let failure = Self::new(code, word, fault, &error);
        match error {
            StoreError::NotFound { what } => failure.about(what),
            StoreError::AlreadyExists { what } => failure
                .about(what)
                .hint("choose another name, use generateName, or apply instead of create to change what is there"),
            StoreError::Conflict { what, .. } => {
                failure.about(what).hint("read the object again, repeat the change on it, and send it again")
            }
            StoreError::Expired { .. } => failure.hint("list again and watch from the list's revision"),
            StoreError::Unavailable { .. } | StoreError::Fenced { .. } => failure.retry_after_ms(1_000),
            StoreError::TooLarge { what, .. } | StoreError::Invalid { what, .. } | StoreError::Corrupt { what, .. } => {
                failure.about(what)
            }
            _ => failure,
        }
    }
}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::NotFound { namespace, name } => Self::not_found(format!("workflow {namespace}/{name}")),
            ControlError::Refused { ref namespace, ref name, .. } => {
                Self::precondition(&format!("workflow {namespace}/{name}"), &error)
            }
            ControlError::Store(error) => error.into(),
            ControlError::Runner(error) => error.into(),
            ControlError::Stopping => stopping(),
            #[allow(unreachable_patterns, reason = "the enum may grow")]
            other => Self::internal("the engine did not answer", other),
        }
    }
}

/// The server is on its way down.
pub(crate) fn stopping() -> Failure {
    Failure::new(Code::Unavailable, "Stopping", Fault::Server, "the server is stopping; ask again when it is back")
        .retry_after_ms(2_000)
}

impl From<RunnerError> for Failure {
    fn from(error: RunnerError) -> Self {
        match &error {
            RunnerError::Refused { unit, .. } => Self::precondition(unit, &error),
            RunnerError::Unknown { unit } => Self::new(Code::NotFound, "NotFound", Fault::Caller, &error)
                .about(unit)
                .hint("logs go with the run they belong to, and a node that never started has none"),
            RunnerError::Unavailable { unit, .. } => {
                let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                tracing::warn!(cause, "{error}");
                Self::new(Code::Unavailable, "RunnerUnavailable", Fault::Server, &error)
                    .about(unit)
                    .retry_after_ms(1_000)
            }
            #[allow(unreachable_patterns, reason = "the enum may grow")]
            _ => Self::internal("the runner did not answer", &error),
        }
    }
}

impl From<ArtifactError> for Failure {
    fn from(error: ArtifactError) -> Self {
        let (code, word) = match error.class {
            ErrorClass::NotFound => (Code::NotFound, "ArtifactNotFound"),
            ErrorClass::Denied => (Code::FailedPrecondition, "ArtifactDenied"),
            ErrorClass::Transient => (Code::Unavailable, "ArtifactUnavailable"),
            ErrorClass::Permanent => (Code::FailedPrecondition, "ArtifactFailed"),
        };
        let failure = Self::new(code, word, Fault::Environment, &error).about(format!("artifact {}", error.artifact));
        match error.class {
            ErrorClass::Denied => {
                failure.hint("look at the secret that the artifact repository names, and at what it may do")
            }
            ErrorClass::NotFound => failure.hint("it may have been collected as garbage, or never written"),
            ErrorClass::Transient => failure.retry_after_ms(1_000),
            ErrorClass::Permanent => failure,
        }
    }
}

impl From<PluginError> for Failure {
    fn from(error: PluginError) -> Self {
        use plugin::ErrorClass as Class;
        // The plugin's own word says to programs what it is; the sentence is for people.
        let said = || format!("{error} [{}]", error.code);
        let failure = match error.class {
            Class::NotFound => Self::new(Code::NotFound, "NotFound", Fault::Caller, &error),
            Class::InvalidConfig => {
                let violation = |path| FieldViolation { code: error.code.clone(), ..violation(path, &error.message) };
                let violations: Vec<_> = error.field.as_deref().map(violation).into_iter().collect();
                let message = if violations.is_empty() { said() } else { error.to_string() };
                let mut failure = Self::new(Code::InvalidArgument, "Invalid", Fault::Caller, message);
                failure.detail.violations_total = u32::try_from(violations.len()).unwrap_or(u32::MAX);
                failure.detail.violations = violations;
                failure
            }
            Class::Denied => Self::new(Code::FailedPrecondition, "PluginDenied", Fault::Environment, said()),
            Class::Permanent => Self::new(Code::FailedPrecondition, "PluginFailed", Fault::Environment, said()),
            Class::Unavailable => Self::new(Code::Unavailable, "PluginUnavailable", Fault::Environment, said())
                .retry_after_ms(PLUGIN_RETRY_MS),
            Class::Throttled { retry_after } => {
                let ms =
                    retry_after.map_or(PLUGIN_RETRY_MS, |wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
                Self::new(Code::Unavailable, "PluginUnavailable", Fault::Environment, said()).retry_after_ms(ms)
            }
        };
        error.hints.into_iter().fold(failure, Self::hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_fits_into_a_header() {
        let many: Vec<FieldViolation> =
            (0..1000).map(|n| violation(&format!("spec.templates[{n}].container.image"), &"x".repeat(200))).collect();
        let failure = Failure::violations("workflow default/big", many).hint("y".repeat(9000));
        let status = Status::from(failure);
        let detail = proto_gen::status::from_status(&status).unwrap();
        assert_eq!(detail.violations_total, 1000);
        assert!(!detail.violations.is_empty() && detail.violations.len() < 40, "{}", detail.violations.len());
        assert!(status.details().len() <= DETAIL_BYTES_MAX + TEXT_BYTES_MAX + 128, "{}", status.details().len());
    }

    #[test]
    fn every_code_has_a_page() {
        let text = include_str!("../../../proto/errors.md");
        let sections: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(sections, CODES);
    }

    #[test]
    fn store_errors_keep_their_word_and_say_whose_fault() {
        let cases = [
            (StoreError::NotFound { what: "a".into() }, Code::NotFound, Fault::Caller),
            (
                StoreError::Conflict { what: "a".into(), expected: "1".into(), actual: "2".into() },
                Code::Aborted,
                Fault::Caller,
            ),
            (StoreError::Expired { asked: 1, oldest: 2 }, Code::OutOfRange, Fault::Caller),
            (StoreError::Unavailable { reason: "disk full".into(), source: None }, Code::Unavailable, Fault::Server),
            (StoreError::Corrupt { what: "a".into(), reason: "b".into() }, Code::DataLoss, Fault::Server),
        ];
        for (error, code, fault) in cases {
            let word = error.code();
            let failure = Failure::from(error);
            assert_eq!((failure.code, failure.detail.fault(), failure.detail.code.as_str()), (code, fault, word));
        }
    }
}
