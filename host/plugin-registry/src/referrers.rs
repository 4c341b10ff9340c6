//! Artifacts that refer to a manifest (OCI 1.1): where bundles are. A registry that does not list them has an index under a tag instead, which
//! whoever pushes one keeps.

use bytes::Bytes;
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::manifest::{ImageIndexEntry, OciImageManifest};
use oci_client::{Reference, RegistryOperation};
use serde_json::{Value, json};

use crate::artifact::{self, digest_of, is_digest};
use crate::bundle::{BUNDLE, BUNDLE_BYTES_MAX, BUNDLES};
use crate::error::{RegistryError, told};
use crate::statement;
use crate::wire::{Registry, parse_reference};

/// An index's media type.
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The media type of a configuration that says nothing, and what is in it.
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const EMPTY_CONTENT: &[u8] = b"{}";
/// Where an artifact of a bundle says what its statement is.
const PREDICATE: &str = "dev.sigstore.bundle.predicateType";
const CONTENT: &str = "dev.sigstore.bundle.content";
/// How many bundles of a manifest are looked at.
const BUNDLES_MAX: usize = 32;

impl Registry {
    /// What refers to a manifest, and may be a signature.
    pub(crate) async fn signatures_of(
        &self,
        reference: &Reference,
        manifest: &str,
    ) -> Result<Vec<Reference>, RegistryError> {
        let entries = self.referrers(reference, manifest).await?;
        let good = entries.into_iter().filter(may_be_a_signature).take(BUNDLES_MAX);
        good.map(|entry| by_digest(reference, &entry.digest)).collect()
    }

    async fn referrers(&self, reference: &Reference, manifest: &str) -> Result<Vec<ImageIndexEntry>, RegistryError> {
        let at = by_digest(reference, manifest)?;
        self.client.store_auth_if_needed(at.resolve_registry(), &self.auth).await;
        match self.client.pull_referrers(&at, None).await {
            Ok(index) => Ok(index.manifests),
            // Some registries refuse what they do not know in other ways than by 404.
            Err(OciDistributionError::ServerError { code: 400 | 405 | 501, .. }) => Ok(Vec::new()),
            Err(OciDistributionError::RegistryError { envelope, .. })
                if envelope.errors.iter().any(|error| error.code == OciErrorCode::Unsupported) =>
            {
                Ok(Vec::new())
            }
            Err(error) => Err(told(at.resolve_registry(), &at.whole(), error)),
        }
    }

    /// The bundle in an artifact, if it is one of a size that is read.
    pub(crate) async fn bundle(&self, at: &Reference) -> Result<Option<Bytes>, RegistryError> {
        let (bytes, _) = self.manifest(at).await?;
        let Ok(manifest) = serde_json::from_slice::<OciImageManifest>(&bytes) else { return Ok(None) };
        let [layer] = manifest.layers.as_slice() else { return Ok(None) };
        let good = layer.media_type.starts_with(BUNDLES)
            && is_digest(&layer.digest)
            && (1..=BUNDLE_BYTES_MAX).contains(&layer.size);
        match good {
            true => self.blob(at, layer, "a signature's bundle").await.map(Some),
            false => Ok(None),
        }
    }

    /// Pushes a bundle that refers to a manifest.
    pub(crate) async fn push_bundle(
        &self,
        reference: &Reference,
        (subject, subject_bytes): (&str, usize),
        bundle: Vec<u8>,
    ) -> Result<(), RegistryError> {
        let annotations = json!({CONTENT: "dsse-envelope", PREDICATE: statement::SIGNATURE});
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": artifact::MANIFEST,
            "artifactType": BUNDLE,
            "config": {"mediaType": EMPTY, "digest": digest_of(EMPTY_CONTENT), "size": EMPTY_CONTENT.len()},
            "layers": [{"mediaType": BUNDLE, "digest": digest_of(&bundle), "size": bundle.len()}],
            "subject": {"mediaType": artifact::MANIFEST, "digest": subject, "size": subject_bytes},
            "annotations": annotations,
        });
        let body = Bytes::from(manifest.to_string());
        let (digest, size) = (digest_of(&body), body.len());
        // The library takes what a manifest is put under for a tag.
        let (registry, repository) = (reference.registry().to_owned(), reference.repository().to_owned());
        let at = Reference::with_tag(registry, repository, digest.clone());
        let blobs = [Bytes::from(bundle), Bytes::from_static(EMPTY_CONTENT)];
        self.push_manifest(&at, artifact::MANIFEST, body, blobs).await?;
        if self.referrers(reference, subject).await?.iter().any(|entry| entry.digest == digest) {
            return Ok(());
        }
        let entry = json!({
            "mediaType": artifact::MANIFEST, "digest": digest, "size": size,
            "artifactType": BUNDLE, "annotations": annotations,
        });
        self.list_by_tag(reference, subject, entry).await
    }

    /// Adds an entry to the index of what refers to a manifest, for registries that keep none.
    async fn list_by_tag(&self, reference: &Reference, subject: &str, entry: Value) -> Result<(), RegistryError> {
        let tag = subject.replace(':', "-");
        let at = parse_reference(&format!("{}/{}:{tag}", reference.registry(), reference.repository()))?;
        let failed = |error| told(at.resolve_registry(), &at.whole(), error);
        self.client.auth(&at, &self.auth, RegistryOperation::Push).await.map_err(failed)?;
        let mut index = match self.client.pull_manifest_raw(&at, &self.auth, &[INDEX]).await.map_err(failed) {
            Ok((bytes, _)) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Err(RegistryError::NotFound { .. }) => json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}),
            Err(error) => return Err(error),
        };
        // What others put there stays; what is no index is not written over.
        let Some(manifests) = index.get_mut("manifests").and_then(Value::as_array_mut) else {
            let why = "it should be the index of what refers to a manifest, and is none".to_owned();
            return Err(RegistryError::Artifact { reference: at.whole(), why });
        };
        manifests.push(entry);
        self.push_manifest(&at, INDEX, index.to_string().into(), []).await
    }
}

/// Unless it says that it is something else. It need not say the truth: what is signed decides.
fn may_be_a_signature(entry: &ImageIndexEntry) -> bool {
    let kind = entry.artifact_type.as_deref().is_none_or(|kind| kind.starts_with(BUNDLES) || kind == EMPTY);
    let predicate = entry.annotations.as_ref().and_then(|all| all.get(PREDICATE));
    kind && is_digest(&entry.digest) && predicate.is_none_or(|predicate| predicate == statement::SIGNATURE)
}

/// What has this digest, in the same repository.
pub(crate) fn by_digest(reference: &Reference, digest: &str) -> Result<Reference, RegistryError> {
    parse_reference(&format!("{}/{}@{digest}", reference.registry(), reference.repository()))
}
