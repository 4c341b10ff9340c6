//! Why there is no component, in words for people.

use oci_client::errors::{OciDistributionError, OciErrorCode};

/// Why a registry gave nothing that can be taken, or took nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The reference cannot be read.
    #[error("{reference:?} is no reference: {why}; expected such as registry.example.com/plugins/name:1.2.0")]
    Reference {
        /// As it was given.
        reference: String,
        /// Why.
        why: String,
    },
    /// Other credentials are wanted.
    #[error("registry {registry} refuses these credentials, or wants some")]
    Credentials {
        /// Whose.
        registry: String,
    },
    /// The registry has no such thing.
    #[error("registry {registry} has no {reference}; push it, or correct the name, tag or digest")]
    NotFound {
        /// Which registry.
        registry: String,
        /// What it was asked for.
        reference: String,
    },
    /// It may be otherwise later.
    #[error("registry {registry} cannot be reached: {why}")]
    Unreachable {
        /// Which registry.
        registry: String,
        /// Why.
        why: String,
    },
    /// The artifact is not a component's.
    #[error("{reference} is not the artifact of a component: {why}")]
    Artifact {
        /// Which.
        reference: String,
        /// Why.
        why: String,
    },
    /// The content is not what its digest says.
    #[error("{reference}: {what} should be {expected}, and is {found}; nothing of it is taken")]
    Content {
        /// Which artifact.
        reference: String,
        /// Which part.
        what: &'static str,
        /// The digest that was named, or the size.
        expected: String,
        /// The digest that the content has, or its size.
        found: String,
    },
    /// A signature or key cannot be used.
    #[error("{0}")]
    Key(String),
    /// Anything else that the registry answered.
    #[error("registry {registry}: {why}")]
    Answer {
        /// Which registry.
        registry: String,
        /// What it said.
        why: String,
    },
}

impl RegistryError {
    /// Whether it may be otherwise next time without anybody changing the request. A tag may appear, and a password be changed.
    pub fn may_pass(&self) -> bool {
        !matches!(self, Self::Reference { .. } | Self::Key(_))
    }
}

/// What the library says, in ours.
pub(crate) fn told(registry: &str, reference: &str, error: OciDistributionError) -> RegistryError {
    let registry = registry.to_owned();
    match error {
        OciDistributionError::UnauthorizedError { .. } | OciDistributionError::AuthenticationFailure(_) => {
            RegistryError::Credentials { registry }
        }
        OciDistributionError::ImageManifestNotFoundError(_) => {
            RegistryError::NotFound { registry, reference: reference.to_owned() }
        }
        OciDistributionError::RegistryError { envelope, .. } => {
            let has = |codes: &[OciErrorCode]| envelope.errors.iter().any(|e| codes.contains(&e.code));
            if has(&[OciErrorCode::ManifestUnknown, OciErrorCode::NameUnknown, OciErrorCode::NotFound]) {
                return RegistryError::NotFound { registry, reference: reference.to_owned() };
            }
            if has(&[OciErrorCode::Unauthorized, OciErrorCode::Denied]) {
                return RegistryError::Credentials { registry };
            }
            let said: Vec<&str> = envelope.errors.iter().map(|e| e.message.as_str()).collect();
            RegistryError::Answer { registry, why: format!("it says: {}", said.join("; ")) }
        }
        OciDistributionError::ServerError { code: 404, .. } => {
            RegistryError::NotFound { registry, reference: reference.to_owned() }
        }
        OciDistributionError::ServerError { code, message, .. } if code >= 500 || code == 429 => {
            RegistryError::Unreachable { registry, why: format!("it answered {code}: {message}") }
        }
        OciDistributionError::DigestError(why) => RegistryError::Artifact {
            reference: reference.to_owned(),
            why: format!("its content is not what its digest says: {why}"),
        },
        OciDistributionError::RequestError(cause) if cause.is_status() => {
            RegistryError::Answer { registry, why: cause.to_string() }
        }
        OciDistributionError::RequestError(cause) => RegistryError::Unreachable { registry, why: deepest(&cause) },
        other => RegistryError::Answer { registry, why: other.to_string() },
    }
}

fn deepest(error: &dyn std::error::Error) -> String {
    let mut at = error;
    while let Some(next) = at.source() {
        at = next;
    }
    at.to_string()
}
