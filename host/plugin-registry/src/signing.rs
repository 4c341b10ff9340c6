//! Signatures in a registry: written in both forms that are in use, and looked for in both.
//!
//! ```text
//!   manifest ◄── refers to it ── artifact of a bundle       what cosign writes and looks for since its third version
//!   sha256-DIGEST.sig            payload and annotations    what it wrote before, and policy engines of that time look for
//! ```

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use oci_client::Reference;
use serde_json::json;

use crate::bundle::{self, Bundle};
use crate::error::RegistryError;
use crate::referrers::by_digest;
use crate::signature::{self, SigningKey};
use crate::trust::{Signer, Trust};
use crate::wire::{Registry, parse_reference};

/// What is said when there is nothing.
const NOBODY: &str = "nobody signed it";

impl Registry {
    /// Signs a manifest, and puts the signature beside it, in both forms. One of the older form that was there before is replaced; a bundle by the
    /// same key is left as it is.
    pub async fn sign(&self, reference: &Reference, manifest: &str, key: &SigningKey) -> Result<(), RegistryError> {
        let payload = signature::payload(reference, manifest);
        let signature = STANDARD.encode(key.sign(&payload)?);
        let at = reference_of_signature(reference, manifest)?;
        let layer = (Bytes::from(payload), signature::PAYLOAD, json!({signature::ANNOTATION: signature}));
        let config = Bytes::from_static(b"{}");
        self.push_artifact(&at, (config, "application/vnd.oci.image.config.v1+json"), layer, &BTreeMap::new()).await?;

        let ours = Trust { keys: vec![key.public()?], ..Trust::default() };
        if self.signer_by_bundle(reference, manifest, &ours).await?.is_ok() {
            return Ok(());
        }
        let (subject, _) = self.manifest(&by_digest(reference, manifest)?).await?;
        self.push_bundle(reference, (manifest, subject.len()), bundle::by_key(manifest, key)?).await
    }

    /// Who of those who are trusted signed a manifest; or, in words for people, why nobody did. `Err` only when that cannot be found out.
    pub async fn signer(
        &self,
        reference: &Reference,
        manifest: &str,
        trust: &Trust,
    ) -> Result<Result<Signer, String>, RegistryError> {
        let before = match self.signer_by_tag(reference, manifest, trust).await? {
            Ok(signer) => return Ok(Ok(signer)),
            Err(why) => why,
        };
        let why = match self.signer_by_bundle(reference, manifest, trust).await? {
            Ok(signer) => return Ok(Ok(signer)),
            Err(None) => before,
            Err(why) => why,
        };
        Ok(Err(why.unwrap_or_else(|| NOBODY.to_owned())))
    }

    /// By the older form. `Err(None)`: there is none.
    async fn signer_by_tag(
        &self,
        reference: &Reference,
        manifest: &str,
        trust: &Trust,
    ) -> Result<Result<Signer, Option<String>>, RegistryError> {
        let at = reference_of_signature(reference, manifest)?;
        let bytes = match self.manifest(&at).await {
            Ok((bytes, _)) => bytes,
            Err(RegistryError::NotFound { .. }) => return Ok(Err(None)),
            Err(error) => return Err(error),
        };
        let mut why = format!("{NOBODY} in a form that is known");
        for (layer, signature) in signature::layers(&bytes) {
            let payload = self.blob(&at, &layer, "a signature's payload").await?;
            match trust.signer(&payload, manifest, &signature) {
                Ok(signer) => return Ok(Ok(signer)),
                Err(reason) => why = reason,
            }
        }
        Ok(Err(Some(why)))
    }

    /// By bundles. `Err(None)`: there is none.
    async fn signer_by_bundle(
        &self,
        reference: &Reference,
        manifest: &str,
        trust: &Trust,
    ) -> Result<Result<Signer, Option<String>>, RegistryError> {
        let found = self.signatures_of(reference, manifest).await?;
        if found.is_empty() {
            return Ok(Err(None));
        }
        let (signed, _) = self.manifest(&by_digest(reference, manifest)?).await?;
        let mut why = None;
        for at in found {
            let bytes = match self.bundle(&at).await {
                Ok(Some(bytes)) => bytes,
                // A list may name what is gone.
                Ok(None) | Err(RegistryError::NotFound { .. }) => continue,
                Err(error) => return Err(error),
            };
            match Bundle::read(&bytes).and_then(|bundle| trust.signer_of(&bundle, &signed)) {
                Ok(signer) => return Ok(Ok(signer)),
                Err(reason) => why = Some(reason),
            }
        }
        Ok(Err(why))
    }
}

/// Where signatures of a manifest are, in the older form.
fn reference_of_signature(reference: &Reference, manifest: &str) -> Result<Reference, RegistryError> {
    let tag = format!("{}.sig", manifest.replace(':', "-"));
    parse_reference(&format!("{}/{}:{tag}", reference.registry(), reference.repository()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::digest_of;

    #[test]
    fn where_the_older_form_is() {
        let digest = digest_of(b"");
        let at = reference_of_signature(&parse_reference("r.example/b:1").unwrap(), &digest).unwrap();
        assert_eq!(at.tag(), Some(&*format!("{}.sig", digest.replace(':', "-"))));
    }
}
