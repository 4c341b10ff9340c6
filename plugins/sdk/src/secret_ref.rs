//! Secrets in configurations: users write a reference, plugins get a stand-in.

use std::borrow::Cow;

use hmac::{Hmac, KeyInit, Mac};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use sha2::Sha256;

use crate::secrets::{self, Algorithm};
use crate::{Error, Result};

/// What is signed for a comparison. Any text will do: only who has the secret can sign it.
const COMPARED: &[u8] = b"colchis: is this the secret?";

/// A secret as a field of a configuration. Users write `{name, key}` of a Secret; the plugin gets the stand-in that the host made of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum SecretRef {
    /// What stands for the value.
    StandIn(String),
    /// A reference that nobody resolved, as objects have it before they are used.
    Reference(Reference),
}

/// A key of a Secret in the namespace of the object.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// The Secret's name.
    pub name: String,
    /// The key in it.
    pub key: String,
}

impl SecretRef {
    /// The text that stands for the value; `field` is where the configuration has it, for the error when the reference was not resolved.
    pub fn stand_in(&self, field: &str) -> Result<&str> {
        match self {
            Self::StandIn(text) => Ok(text),
            Self::Reference(Reference { name, key }) => Err(Error::denied(format!(
                "the key `{key}` of the Secret `{name}` did not come with the configuration: grant it to the plugin"
            ))
            .at(field)),
        }
    }

    /// Whether what somebody sent is the secret, in constant time and without ever seeing the value: both sides sign the same text, and the host compares.
    pub fn is(&self, field: &str, sent: &[u8]) -> Result<bool> {
        let key = self.stand_in(field)?;
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(sent)
            .map_err(|_| Error::permanent("what was sent cannot be a key"))?;
        let mac = mac.chain_update(COMPARED).finalize().into_bytes();
        secrets::verify_mac(key, &Algorithm::HmacSha256, COMPARED, &mac)
    }
}

impl JsonSchema for SecretRef {
    fn schema_name() -> Cow<'static, str> {
        "SecretRef".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A key of a Secret. Plugins get a text that stands for the value.",
            "anyOf": [
                {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "key": {"type": "string"}},
                    "required": ["name", "key"],
                    "additionalProperties": false
                },
                {"type": "string"}
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Class, testing};

    #[test]
    fn what_was_sent_is_compared_without_the_value() {
        testing::set_secret("token", "s3cret");
        let secret: SecretRef = serde_json::from_str(r#""stand-in-for-token""#).unwrap();
        for (sent, same) in [("s3cret", true), ("s3cret ", false), ("", false), ("stand-in-for-token", false)] {
            assert_eq!(secret.is("authSecret", sent.as_bytes()), Ok(same), "{sent}");
        }
    }

    #[test]
    fn a_reference_that_was_not_resolved_is_denied_at_its_field() {
        let secret: SecretRef = serde_json::from_str(r#"{"name": "a", "key": "b"}"#).unwrap();
        let error = secret.is("authSecret", b"x").unwrap_err();
        assert_eq!((error.class(), error.field()), (&Class::Denied, Some("authSecret")));
        assert!(serde_json::from_str::<SecretRef>(r#"{"name": "a"}"#).is_err());
        assert!(serde_json::from_str::<SecretRef>("3").is_err());
    }
}
