//! Who is asking.

use std::sync::Arc;

use async_trait::async_trait;

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user's name.
    pub user: Arc<str>,
    /// The user's groups.
    pub groups: Arc<[String]>,
    /// How the user was recognised: `token`, …
    pub authenticator: &'static str,
}

/// Why nobody was recognised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No credentials came along.
    #[error("no credentials came with the request")]
    Missing,
    /// Credentials came that are of another kind.
    #[error("the authorization header is not of the form `Bearer TOKEN`")]
    Malformed,
    /// They are not known, or no longer.
    #[error("the token is not known to this server, or no longer valid")]
    Unknown,
    /// They cannot be checked now.
    #[error("credentials cannot be checked now: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
}

/// Recognises callers by what their requests carry.
#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// Who sent a request with these headers.
    async fn authenticate(&self, headers: &http::HeaderMap) -> Result<Identity, AuthError>;
}

/// The bearer token of a request.
pub(super) fn bearer(headers: &http::HeaderMap) -> Result<&str, AuthError> {
    let value = headers.get(http::header::AUTHORIZATION).ok_or(AuthError::Missing)?;
    let value = value.to_str().map_err(|_| AuthError::Malformed)?;
    let (scheme, token) = value.trim().split_once(' ').ok_or(AuthError::Malformed)?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(AuthError::Malformed);
    }
    Ok(token)
}
