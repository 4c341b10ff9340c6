//! Why nothing came back.

use std::time::Duration;

/// Why a request or connection failed. No variant shows user, password or query of a URL.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The URL is none, or of a scheme that is not called.
    #[error("{url:?} cannot be called: {why}")]
    Url {
        /// The URL without what it may hide.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The policy does not permit it.
    #[error("{target} is refused by the egress policy: {why}{hint}")]
    Refused {
        /// Scheme, host and port.
        target: String,
        /// The rule or the class of address.
        why: String,
        /// What to configure.
        hint: &'static str,
    },
    /// The name has no address.
    #[error("{host} cannot be resolved: {source}")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        #[source]
        source: std::io::Error,
    },
    /// No address answered.
    #[error("{target} cannot be reached: {source}")]
    Connect {
        /// Scheme, host and port.
        target: String,
        /// What the last attempt said.
        #[source]
        source: std::io::Error,
    },
    /// No TLS session.
    #[error("TLS with {target} failed: {source}")]
    Tls {
        /// Scheme, host and port.
        target: String,
        /// What the library said.
        #[source]
        source: std::io::Error,
    },
    /// A certificate or key of the settings cannot be used.
    #[error("the TLS settings cannot be used: {why}")]
    TlsSettings {
        /// What is wrong with them.
        why: String,
    },
    /// The exchange broke off.
    #[error("the exchange with {target} broke off: {why}")]
    Exchange {
        /// Scheme, host and port.
        target: String,
        /// What happened, with its causes.
        why: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A wait had its limit.
    #[error("{target}: no {what} within {} ms", .after.as_millis())]
    TimedOut {
        /// Scheme, host and port.
        target: String,
        /// What was waited for.
        what: &'static str,
        /// The limit.
        after: Duration,
    },
    /// The answer is larger than the caller takes.
    #[error("{target}: the answer is larger than {max} bytes")]
    BodyTooLarge {
        /// Scheme, host and port.
        target: String,
        /// The limit.
        max: u64,
    },
    /// Redirected too often, or to where a redirect may not lead.
    #[error("{url}: {why}")]
    Redirect {
        /// The last URL without what it may hide.
        url: String,
        /// What is wrong.
        why: String,
    },
}

impl EgressError {
    /// Whether another attempt may succeed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Exchange { .. } | Self::TimedOut { .. } => true,
            // A name that does not exist may exist after the next push of a zone, and resolvers fail for a moment.
            Self::Resolve { .. } => true,
            // A refused certificate stays refused; a session that broke off may come about.
            Self::Tls { source, .. } => source.kind() != std::io::ErrorKind::InvalidData,
            Self::Url { .. }
            | Self::Refused { .. }
            | Self::TlsSettings { .. }
            | Self::BodyTooLarge { .. }
            | Self::Redirect { .. } => false,
        }
    }
}

impl EgressError {
    /// The same error once more, for the HTTP library hands out only a borrow of it.
    pub(crate) fn again(&self) -> Self {
        let same = |error: &std::io::Error| std::io::Error::new(error.kind(), error.to_string());
        match self {
            Self::Url { url, why } => Self::Url { url: url.clone(), why: why.clone() },
            Self::Refused { target, why, hint } => Self::Refused { target: target.clone(), why: why.clone(), hint },
            Self::Resolve { host, source } => Self::Resolve { host: host.clone(), source: same(source) },
            Self::Connect { target, source } => Self::Connect { target: target.clone(), source: same(source) },
            Self::Tls { target, source } => Self::Tls { target: target.clone(), source: same(source) },
            Self::TlsSettings { why } => Self::TlsSettings { why: why.clone() },
            Self::Exchange { target, why, source } => {
                Self::Exchange { target: target.clone(), why: why.clone(), source: source.to_string().into() }
            }
            Self::TimedOut { target, what, after } => Self::TimedOut { target: target.clone(), what, after: *after },
            Self::BodyTooLarge { target, max } => Self::BodyTooLarge { target: target.clone(), max: *max },
            Self::Redirect { url, why } => Self::Redirect { url: url.clone(), why: why.clone() },
        }
    }
}
