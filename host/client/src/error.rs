//! Typed errors.

use std::error::Error as StdError;
use std::fmt;

use proto_gen::v1::{ErrorDetail, Fault, FieldViolation};
use tonic::{Code, Status};

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The address is none.
    #[error("address `{address}`: {reason}")]
    Address {
        /// As it was given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The token has characters that no token has.
    #[error("the token is not usable: it has characters other than visible ASCII")]
    Token,
    /// The TLS settings are wrong.
    #[error("the TLS settings are not usable")]
    Tls {
        /// Why.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// Nobody answers there.
    #[error("no server answers at {address}")]
    Connect {
        /// The address.
        address: String,
        /// Why.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The server said no.
    #[error(transparent)]
    Rpc(#[from] Box<RpcError>),
    /// What the caller's own stream of data gave.
    #[error("cannot read what is to be sent")]
    Read(#[source] std::io::Error),
    /// The server answered against the protocol.
    #[error("the server's answer is incomplete: {0}")]
    Incomplete(&'static str),
}

impl ClientError {
    /// The server's error, when it is one.
    pub fn rpc(&self) -> Option<&RpcError> {
        match self {
            Self::Rpc(error) => Some(error),
            _ => None,
        }
    }

    /// Its kind; [`ErrorKind::Unavailable`] when no server answered.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Rpc(error) => error.kind,
            Self::Connect { .. } => ErrorKind::Unavailable,
            Self::Incomplete(_) => ErrorKind::Internal,
            _ => ErrorKind::InvalidArgument,
        }
    }

    /// Whether it is `NotFound`.
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// The server's stable word (`Conflict`), or one for what went wrong before it.
    pub fn code(&self) -> &str {
        match self {
            Self::Rpc(error) => &error.code,
            Self::Address { .. } => "BadAddress",
            Self::Token => "BadToken",
            Self::Tls { .. } => "BadTls",
            Self::Connect { .. } => "NoServer",
            Self::Read(_) => "Read",
            Self::Incomplete(_) => "Incomplete",
        }
    }
}

impl From<Status> for ClientError {
    fn from(status: Status) -> Self {
        Self::Rpc(Box::new(RpcError::from(status)))
    }
}

/// The gRPC code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are gRPC's own")]
pub enum ErrorKind {
    Cancelled,
    Unknown,
    InvalidArgument,
    DeadlineExceeded,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Aborted,
    OutOfRange,
    Unimplemented,
    Internal,
    Unavailable,
    DataLoss,
    Unauthenticated,
}

impl From<Code> for ErrorKind {
    fn from(code: Code) -> Self {
        match code {
            Code::Ok | Code::Unknown => Self::Unknown,
            Code::Cancelled => Self::Cancelled,
            Code::InvalidArgument => Self::InvalidArgument,
            Code::DeadlineExceeded => Self::DeadlineExceeded,
            Code::NotFound => Self::NotFound,
            Code::AlreadyExists => Self::AlreadyExists,
            Code::PermissionDenied => Self::PermissionDenied,
            Code::ResourceExhausted => Self::ResourceExhausted,
            Code::FailedPrecondition => Self::FailedPrecondition,
            Code::Aborted => Self::Aborted,
            Code::OutOfRange => Self::OutOfRange,
            Code::Unimplemented => Self::Unimplemented,
            Code::Internal => Self::Internal,
            Code::Unavailable => Self::Unavailable,
            Code::DataLoss => Self::DataLoss,
            Code::Unauthenticated => Self::Unauthenticated,
        }
    }
}

/// The server's error.
#[derive(Debug, Clone, PartialEq)]
pub struct RpcError {
    /// The gRPC code.
    pub kind: ErrorKind,
    /// The stable word: `NotFound`, `Conflict`, `Invalid`, …; the gRPC code's name when the server told none.
    pub code: String,
    /// Whose doing it is.
    pub fault: Fault,
    /// One sentence.
    pub message: String,
    /// What it was about: `workflow default/hello`.
    pub subject: String,
    /// What is wrong with which field.
    pub violations: Vec<FieldViolation>,
    /// How many violations there are in all.
    pub violations_total: u32,
    /// What to do.
    pub hints: Vec<String>,
    /// The page about the code.
    pub page: String,
    /// When to ask again (ms); 0: unknown.
    pub retry_after_ms: u64,
}

impl RpcError {
    /// From a detail that a stream carried inside a message (a batch's refusals).
    pub fn from_detail(detail: ErrorDetail) -> Self {
        Self::new(ErrorKind::InvalidArgument, detail)
    }

    fn new(kind: ErrorKind, detail: ErrorDetail) -> Self {
        let fault = detail.fault();
        Self {
            kind,
            code: detail.code,
            fault,
            message: detail.message,
            subject: detail.subject,
            violations: detail.violations,
            violations_total: detail.violations_total,
            hints: detail.hints,
            page: detail.page,
            retry_after_ms: detail.retry_after_ms,
        }
    }
}

impl From<Status> for RpcError {
    fn from(status: Status) -> Self {
        let kind = ErrorKind::from(status.code());
        if let Some(detail) = proto_gen::status::from_status(&status) {
            return Self::new(kind, detail);
        }
        let mut message = status.message().to_owned();
        let mut cause = StdError::source(&status);
        while let Some(error) = cause {
            let text = error.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = error.source();
        }
        let detail = ErrorDetail { code: format!("{kind:?}"), message, ..ErrorDetail::default() };
        Self::new(kind, detail)
    }
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for RpcError {}
