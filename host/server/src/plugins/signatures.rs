//! Whose components the server takes.

use plugin_registry::{Found, Reference, Registry, RegistryError, Signer, Trust};

/// What happens to a component that nobody trusted has signed (`plugins.signatures.mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignatureMode {
    /// Nobody asks.
    #[default]
    Off,
    /// It is taken, and its object says so.
    Warn,
    /// It is refused.
    Require,
}

/// The server's policy (`plugins.signatures`).
#[derive(Debug, Clone, Default)]
pub struct SignaturePolicy {
    /// What happens to a component that is not signed.
    pub mode: SignatureMode,
    /// Whether files, which have no signature, count as unsigned; else the operator's hand that put them there is enough.
    pub files_count: bool,
    /// Whose signatures count.
    pub trust: Trust,
}

/// What is known of a component's signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Signed {
    /// Nobody asked.
    Unasked,
    /// It is signed.
    By(Signer),
    /// It is not, and why; and the policy lets it pass.
    Not(String),
}

impl SignaturePolicy {
    /// Of a file.
    pub(super) fn file(&self) -> Result<Signed, String> {
        match self.files_count {
            true => self.unsigned("a file has no signature, and plugins.signatures.files is refuse".to_owned()),
            false => Ok(Signed::Unasked),
        }
    }

    /// Of an artifact. `before`: who signed a component of this content, as it was found out before; then nobody is asked again.
    pub(super) async fn artifact(
        &self,
        registry: &Registry,
        reference: &Reference,
        found: &Found,
        before: Option<Signer>,
    ) -> Result<Result<Signed, String>, RegistryError> {
        if self.mode == SignatureMode::Off {
            return Ok(Ok(Signed::Unasked));
        }
        if let Some(signer) = before.filter(|signer| self.trust.covers(signer)) {
            return Ok(Ok(Signed::By(signer)));
        }
        Ok(match registry.signer(reference, &found.manifest, &self.trust).await? {
            Ok(signer) => Ok(Signed::By(signer)),
            Err(why) => self.unsigned(why),
        })
    }

    /// Whether one that was in service before may be again while its source gives nothing.
    pub(super) fn lets_back(&self, from_file: bool, signer: Option<Signer>) -> bool {
        match (self.mode, from_file) {
            (SignatureMode::Off | SignatureMode::Warn, _) => true,
            (SignatureMode::Require, true) => !self.files_count,
            (SignatureMode::Require, false) => signer.is_some_and(|signer| self.trust.covers(&signer)),
        }
    }

    fn unsigned(&self, why: String) -> Result<Signed, String> {
        match self.mode {
            SignatureMode::Off => Ok(Signed::Unasked),
            SignatureMode::Warn => Ok(Signed::Not(why)),
            SignatureMode::Require => Err(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_what_was_there_before() {
        let policy = |mode, files_count| SignaturePolicy { mode, files_count, trust: Trust::default() };
        assert_eq!(policy(SignatureMode::Require, false).file(), Ok(Signed::Unasked));
        assert!(policy(SignatureMode::Require, true).file().is_err());
        assert!(matches!(policy(SignatureMode::Warn, true).file(), Ok(Signed::Not(_))));
        let stranger = Some(Signer::Key("sha256:0".into()));
        assert!(policy(SignatureMode::Warn, true).lets_back(false, None));
        assert!(policy(SignatureMode::Require, false).lets_back(true, None));
        assert!(!policy(SignatureMode::Require, true).lets_back(true, None));
        assert!(!policy(SignatureMode::Require, false).lets_back(false, None));
        assert!(!policy(SignatureMode::Require, false).lets_back(false, stranger));
    }
}
