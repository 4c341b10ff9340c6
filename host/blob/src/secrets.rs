//! Secrets that an artifact names.

use artifact::{Context, ErrorClass, Secret};
use model::core::SecretKeySelector;

use crate::failure::Failure;

/// The value of a selector; nothing when none is given, or when it is optional and missing.
///
/// A missing secret is never `NotFound`: that would make an optional artifact look absent.
pub(crate) async fn secret(context: &Context, selector: Option<&SecretKeySelector>) -> Result<Option<Secret>, Failure> {
    let Some(selector) = selector.filter(|selector| !selector.name.is_empty() || !selector.key.is_empty()) else {
        return Ok(None);
    };
    match context.secrets.secret(&selector.name, &selector.key).await {
        Ok(secret) => Ok(Some(secret)),
        Err(error) if error.class == ErrorClass::NotFound && selector.optional == Some(true) => Ok(None),
        Err(error) => {
            let mut failure = Failure::from(error);
            if failure.class == ErrorClass::NotFound {
                failure.class = ErrorClass::Permanent;
            }
            failure.reason = format!("secret {} key {}: {}", selector.name, selector.key, failure.reason);
            Err(failure)
        }
    }
}

/// The same as text.
pub(crate) async fn text(context: &Context, selector: Option<&SecretKeySelector>) -> Result<Option<String>, Failure> {
    let Some(value) = secret(context, selector).await? else { return Ok(None) };
    match std::str::from_utf8(value.reveal()) {
        // Keys are pasted with the line's end.
        Ok(text) => Ok(Some(text.trim_end_matches(['\n', '\r']).to_owned())),
        Err(_) => {
            let (name, key) =
                selector.map(|selector| (selector.name.as_str(), selector.key.as_str())).unwrap_or_default();
            Err(Failure::permanent(format!("secret {name} key {key} is no text")))
        }
    }
}
