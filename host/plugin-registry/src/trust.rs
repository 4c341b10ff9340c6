//! Whose signatures count: keys, and identities that an authority vouched for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::bundle::Bundle;
use crate::error::RegistryError;
use crate::identity::Authorities;
use crate::signature::{self, PublicKey, Signature};

/// Who is trusted to sign.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// By key.
    pub keys: Vec<PublicKey>,
    /// By identity; none counts without [`Trust::authorities`].
    pub identities: Vec<Identity>,
    /// Who vouches for identities.
    pub authorities: Option<Authorities>,
}

/// Somebody, as an authority's certificates name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Who knew them: the issuer of their token, such as `https://token.actions.githubusercontent.com`.
    pub issuer: String,
    /// Their e-mail address or URI. `*` stands for any text.
    pub subject: String,
}

/// Reads `ISSUER SUBJECT`.
impl FromStr for Identity {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, RegistryError> {
        match text.split_whitespace().collect::<Vec<_>>()[..] {
            [issuer, subject] if issuer.starts_with("https://") || issuer.starts_with("http://") => {
                Ok(Self { issuer: issuer.to_owned(), subject: subject.to_owned() })
            }
            _ => Err(RegistryError::Key(format!(
                "{text:?} is no identity; expected an issuer's URL, a blank and a subject, such as \
                 `https://accounts.example.com release@example.com`"
            ))),
        }
    }
}

/// Who signed something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Signer {
    /// The holder of a key: its fingerprint (`sha256:…` of the key's DER form).
    Key(String),
    /// Somebody whom an authority vouched for.
    #[serde(rename_all = "camelCase")]
    Identity {
        /// Who knew them.
        issuer: String,
        /// Who they are.
        subject: String,
    },
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(fingerprint) => write!(f, "key {fingerprint}"),
            Self::Identity { issuer, subject } => write!(f, "{subject} (known to {issuer})"),
        }
    }
}

impl Trust {
    /// Whether a signer is among those who are trusted.
    pub fn covers(&self, signer: &Signer) -> bool {
        match signer {
            Signer::Key(fingerprint) => self.keys.iter().any(|key| key.fingerprint() == fingerprint),
            Signer::Identity { issuer, subject } => {
                let is = |known: &Identity| known.issuer == *issuer && fits(&known.subject, subject);
                self.authorities.is_some() && self.identities.iter().any(is)
            }
        }
    }

    /// Who of those who are trusted made a signature over a payload that names this manifest; or why it does not count.
    pub(crate) fn signer(&self, payload: &[u8], manifest: &str, signature: &Signature) -> Result<Signer, String> {
        if !signature::names(payload, manifest) {
            return Err("a signature is for another manifest".to_owned());
        }
        if let Some(key) = self.keys.iter().find(|key| key.verifies(payload, &signature.bytes)) {
            return Ok(Signer::Key(key.fingerprint().to_owned()));
        }
        let Some(authorities) = self.authorities.as_ref().filter(|_| signature.certificate.is_some()) else {
            return Err("a signature is by none of the keys that are trusted".to_owned());
        };
        self.trusted(authorities.signer(payload, signature)?)
    }

    /// Who of those who are trusted signed these bytes of a manifest in a bundle; or why it does not count.
    pub(crate) fn signer_of(&self, bundle: &Bundle, manifest: &[u8]) -> Result<Signer, String> {
        let signed = bundle.signed(manifest)?;
        // The hint at a key is not asked: what counts is which key it is by.
        if let Some(key) = self.keys.iter().find(|key| key.verifies(&signed.message, signed.signature)) {
            return Ok(Signer::Key(key.fingerprint().to_owned()));
        }
        let Some(authorities) = self.authorities.as_ref().filter(|_| bundle.certificates().is_some()) else {
            return Err("a signature is by none of the keys that are trusted".to_owned());
        };
        self.trusted(authorities.signer_of(bundle, &signed)?)
    }

    fn trusted(&self, signer: Signer) -> Result<Signer, String> {
        if self.covers(&signer) { Ok(signer) } else { Err(format!("{signer} signed it, who is not trusted")) }
    }
}

/// Whether a text is what a pattern says, in which `*` stands for any text. Takes no longer than their lengths' product.
fn fits(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = rest.get(at + piece.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, fit) in [
            ("a@b.example", "a@b.example", true),
            ("a@b.example", "a@b.example.evil", false),
            ("*@b.example", "x@b.example", true),
            ("*@b.example", "x@b.example.evil", false),
            ("https://h/acme/*/release@refs/tags/*", "https://h/acme/tool/release@refs/tags/v1", true),
            ("https://h/acme/*/release@refs/tags/*", "https://h/other/acme/tool/release@refs/tags/v1", false),
            ("*", "", true),
            ("a*a", "a", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(fits(pattern, text), fit, "{pattern} {text}");
        }
    }

    #[test]
    fn identities_are_read() {
        let read: Identity = "https://i.example  a@b".parse().unwrap();
        assert_eq!((read.issuer.as_str(), read.subject.as_str()), ("https://i.example", "a@b"));
        for bad in ["", "https://i.example", "a@b https://i.example", "https://i.example a b"] {
            assert!(bad.parse::<Identity>().is_err(), "{bad}");
        }
        let signer = Signer::Identity { issuer: read.issuer.clone(), subject: "a@b".into() };
        let trust = Trust { identities: vec![read], ..Trust::default() };
        assert!(!trust.covers(&signer), "nobody vouches for it");
    }
}
