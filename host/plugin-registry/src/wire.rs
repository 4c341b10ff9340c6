//! Requests to a registry.

use std::collections::BTreeMap;
use std::sync::Once;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::manifest::OciDescriptor;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use serde_json::json;

use crate::artifact::{self, MANIFEST_BYTES_MAX, digest_of, is_digest};
use crate::credentials::{Credentials, auth};
use crate::error::{RegistryError, told};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two pieces of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// Reads a reference. Says why it cannot.
pub fn parse_reference(text: &str) -> Result<Reference, RegistryError> {
    let wrong = |why: String| RegistryError::Reference { reference: text.to_owned(), why };
    let reference: Reference = text.parse().map_err(|e| wrong(format!("{e}")))?;
    match reference.digest() {
        Some(digest) if !is_digest(digest) => Err(wrong("its digest is not sha256: and 64 hexadecimal digits".into())),
        _ => Ok(reference),
    }
}

/// What a reference stands for now.
#[derive(Debug, Clone)]
pub struct Found {
    /// The manifest's digest.
    pub manifest: String,
    /// The component's digest.
    pub component: String,
    layer: OciDescriptor,
}

/// One registry, as one user.
pub struct Registry {
    pub(crate) client: Client,
    pub(crate) auth: RegistryAuth,
}

impl Registry {
    /// `insecure` speaks without TLS. `proxy` is the URL of the proxy that everything goes through, if it does.
    pub fn new(credentials: Option<&Credentials>, insecure: bool, proxy: Option<&str>) -> Self {
        static PROVIDER: Once = Once::new();
        // The whole process uses one; whoever comes first sets it.
        PROVIDER.call_once(|| {
            let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        });
        let client = Client::new(ClientConfig {
            protocol: if insecure { ClientProtocol::Http } else { ClientProtocol::Https },
            connect_timeout: Some(CONNECT_TIMEOUT),
            read_timeout: Some(READ_TIMEOUT),
            user_agent: "colchis",
            http_proxy: proxy.map(str::to_owned),
            https_proxy: proxy.map(str::to_owned),
            ..ClientConfig::default()
        });
        Self { client, auth: auth(credentials) }
    }

    /// A manifest, whose bytes are what their digest says.
    pub(crate) async fn manifest(&self, reference: &Reference) -> Result<(Bytes, String), RegistryError> {
        let got = self.client.pull_manifest_raw(reference, &self.auth, &[artifact::MANIFEST]).await;
        let (bytes, _) = got.map_err(|e| told(reference.resolve_registry(), &reference.whole(), e))?;
        let whole = reference.whole();
        if bytes.len() > MANIFEST_BYTES_MAX {
            let why = format!("its manifest has {} bytes; expected at most {MANIFEST_BYTES_MAX}", bytes.len());
            return Err(RegistryError::Artifact { reference: whole, why });
        }
        let found = digest_of(&bytes);
        match reference.digest() {
            Some(expected) if expected != found => Err(RegistryError::Content {
                reference: whole.clone(),
                what: "the manifest",
                expected: expected.to_owned(),
                found,
            }),
            _ => Ok((bytes, found)),
        }
    }

    /// What a reference stands for. Reads the manifest only.
    pub async fn resolve(&self, reference: &Reference) -> Result<Found, RegistryError> {
        let (bytes, manifest) = self.manifest(reference).await?;
        let layer =
            artifact::layer(&bytes).map_err(|why| RegistryError::Artifact { reference: reference.whole(), why })?;
        Ok(Found { manifest, component: layer.digest.clone(), layer })
    }

    /// The component. Its size and digest are what the manifest says.
    pub async fn pull(&self, reference: &Reference, found: &Found) -> Result<Bytes, RegistryError> {
        self.blob(reference, &found.layer, "the component").await
    }

    pub(crate) async fn blob(
        &self,
        reference: &Reference,
        layer: &OciDescriptor,
        what: &'static str,
    ) -> Result<Bytes, RegistryError> {
        let (registry, whole) = (reference.resolve_registry(), reference.whole());
        let size = usize::try_from(layer.size).unwrap_or(0);
        let differs = |expected: String, found: String| RegistryError::Content {
            reference: whole.clone(),
            what,
            expected,
            found,
        };
        let got = self.client.pull_blob_stream(reference, layer).await.map_err(|e| told(registry, &whole, e))?;
        let (mut stream, mut bytes) = (got.stream, BytesMut::new());
        while let Some(piece) = stream.next().await {
            let piece = match piece {
                Ok(piece) => piece,
                // The library compares the digest at the end of the stream, and says so as a fault of reading.
                Err(_) if bytes.len() == size => break,
                Err(e) => {
                    let why = format!("{what} ended after {} of {size} bytes: {e}", bytes.len());
                    return Err(RegistryError::Unreachable { registry: registry.to_owned(), why });
                }
            };
            if bytes.len() + piece.len() > size {
                return Err(differs(format!("{size} bytes"), "more".to_owned()));
            }
            bytes.extend_from_slice(&piece);
        }
        if bytes.len() != size {
            return Err(differs(format!("{size} bytes"), format!("{} bytes", bytes.len())));
        }
        let found = digest_of(&bytes);
        if found == layer.digest { Ok(bytes.freeze()) } else { Err(differs(layer.digest.clone(), found)) }
    }

    /// Pushes a component, and tells the manifest's digest. A tag that is there is moved.
    pub async fn push(
        &self,
        reference: &Reference,
        component: Bytes,
        annotations: &BTreeMap<String, String>,
    ) -> Result<String, RegistryError> {
        let layer = digest_of(&component);
        let config = Bytes::from(artifact::config(&layer));
        self.push_artifact(reference, (config, artifact::CONFIG), (component, artifact::LAYER, json!({})), annotations)
            .await
    }

    pub(crate) async fn push_artifact(
        &self,
        reference: &Reference,
        (config, config_type): (Bytes, &str),
        (layer, layer_type, layer_annotations): (Bytes, &str, serde_json::Value),
        annotations: &BTreeMap<String, String>,
    ) -> Result<String, RegistryError> {
        let (config_digest, layer_digest) = (digest_of(&config), digest_of(&layer));
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": artifact::MANIFEST,
            "config": {"mediaType": config_type, "digest": config_digest, "size": config.len()},
            "layers": [{"mediaType": layer_type, "digest": layer_digest, "size": layer.len()}],
        });
        let signed = layer_annotations.as_object().is_some_and(|a| !a.is_empty());
        if let Some(one) = manifest.pointer_mut("/layers/0").and_then(|v| v.as_object_mut()).filter(|_| signed) {
            one.insert("annotations".to_owned(), layer_annotations);
        }
        if let Some(fields) = manifest.as_object_mut().filter(|_| !annotations.is_empty()) {
            fields.insert("annotations".to_owned(), json!(annotations));
        }
        let body = Bytes::from(manifest.to_string());
        let digest = digest_of(&body);
        self.push_manifest(reference, artifact::MANIFEST, body, [layer, config]).await?;
        Ok(digest)
    }

    /// Pushes blobs, then the manifest that names them.
    pub(crate) async fn push_manifest<const N: usize>(
        &self,
        reference: &Reference,
        kind: &str,
        manifest: Bytes,
        blobs: [Bytes; N],
    ) -> Result<(), RegistryError> {
        let failed = |e| told(reference.resolve_registry(), &reference.whole(), e);
        self.client.auth(reference, &self.auth, RegistryOperation::Push).await.map_err(failed)?;
        for blob in blobs {
            let digest = digest_of(&blob);
            self.client.push_blob(reference, blob, &digest).await.map_err(failed)?;
        }
        let kind = kind.parse().map_err(|_| RegistryError::Answer {
            registry: reference.resolve_registry().to_owned(),
            why: "its media type cannot be sent".to_owned(),
        })?;
        self.client.push_manifest_raw(reference, manifest, kind).await.map_err(failed)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        let digest = digest_of(b"");
        for (text, registry, tag) in [
            ("r.example:5000/a/b:1.2", "r.example:5000", Some("1.2")),
            ("127.0.0.1:5000/b", "127.0.0.1:5000", Some("latest")),
            (&*format!("r.example/b@{digest}"), "r.example", None),
        ] {
            let found = parse_reference(text).unwrap();
            assert_eq!((found.registry(), found.tag()), (registry, tag), "{text}");
        }
        for bad in ["", "r.example/UPPER", "r.example/a@sha256:12", "https://r.example/a", "r.example/a:b:c"] {
            assert!(parse_reference(bad).is_err(), "{bad}");
        }
    }
}
