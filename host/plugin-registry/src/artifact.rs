//! The form of a component in a registry: one layer of WebAssembly, and a configuration that says little.

use oci_client::manifest::{OciDescriptor, OciImageManifest};
use serde_json::json;
use sha2::{Digest, Sha256};

/// The configuration's media type.
pub(crate) const CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// The layer's media type.
pub(crate) const LAYER: &str = "application/wasm";
/// The layer's media type, as it was before.
const LAYER_BEFORE: &str = "application/vnd.wasm.content.layer.v1+wasm";
/// A manifest's media type.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The largest manifest that is read (bytes).
pub(crate) const MANIFEST_BYTES_MAX: usize = 1 << 20;
/// The largest component that is read (bytes).
pub const COMPONENT_BYTES_MAX: u64 = 64 << 20;

/// `sha256:` and the digest of bytes.
pub fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Whether this is `sha256:` and 64 hexadecimal digits in lower case.
pub fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|hash| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)))
}

/// The one layer of a manifest, or what is wrong with it.
pub(crate) fn layer(manifest: &[u8]) -> Result<OciDescriptor, String> {
    let manifest: OciImageManifest = serde_json::from_slice(manifest)
        .map_err(|_| "expected the manifest of one artifact, not an index or something else".to_owned())?;
    if !matches!(manifest.media_type.as_deref(), None | Some(MANIFEST)) {
        return Err(format!("expected a manifest of type {MANIFEST}, not {:?}", manifest.media_type));
    }
    let [layer] = manifest.layers.as_slice() else {
        return Err(format!("expected one layer of type {LAYER}, not {} layers", manifest.layers.len()));
    };
    if layer.media_type != LAYER && layer.media_type != LAYER_BEFORE {
        return Err(format!("expected a layer of type {LAYER}, not {:?}", layer.media_type));
    }
    // The older form has configurations of its own.
    if layer.media_type == LAYER && manifest.config.media_type != CONFIG {
        return Err(format!("expected a configuration of type {CONFIG}, not {:?}", manifest.config.media_type));
    }
    if !is_digest(&layer.digest) {
        return Err(format!("its layer names {:?}, which is no sha256 digest", layer.digest));
    }
    match u64::try_from(layer.size) {
        Ok(size) if (1..=COMPONENT_BYTES_MAX).contains(&size) => Ok(layer.clone()),
        _ => Err(format!("its layer has {} bytes; expected between 1 and {COMPONENT_BYTES_MAX}", layer.size)),
    }
}

/// The configuration for a component. The same component has the same one, so that pushing it again changes nothing.
pub(crate) fn config(layer_digest: &str) -> Vec<u8> {
    json!({
        "created": "1970-01-01T00:00:00Z",
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [layer_digest],
    })
    .to_string()
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(config: &str, layers: &[(&str, i64)]) -> Vec<u8> {
        let digest = digest_of(b"x");
        let layers: Vec<_> =
            layers.iter().map(|(kind, size)| json!({"mediaType": kind, "digest": digest, "size": size})).collect();
        let config = json!({"mediaType": config, "digest": digest, "size": 1});
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}).to_string().into_bytes()
    }

    #[test]
    fn one_layer_of_webassembly() {
        let large = i64::try_from(COMPONENT_BYTES_MAX).unwrap() + 1;
        for (config, layers, wrong) in [
            (CONFIG, vec![(LAYER, 9)], None),
            ("application/vnd.wasm.config.v1+json", vec![(LAYER_BEFORE, 9)], None),
            (CONFIG, vec![], Some("not 0 layers")),
            (CONFIG, vec![(LAYER, 9), (LAYER, 9)], Some("not 2 layers")),
            (CONFIG, vec![("application/vnd.oci.image.layer.v1.tar+gzip", 9)], Some("expected a layer of type")),
            ("application/vnd.oci.image.config.v1+json", vec![(LAYER, 9)], Some("expected a configuration of type")),
            (CONFIG, vec![(LAYER, large)], Some("expected between")),
            (CONFIG, vec![(LAYER, -1)], Some("expected between")),
        ] {
            match (layer(&manifest(config, &layers)), wrong) {
                (Ok(found), None) => assert_eq!(found.size, 9),
                (Err(why), Some(part)) => assert!(why.contains(part), "{why}"),
                (found, _) => panic!("{config} {layers:?}: {found:?}"),
            }
        }
        assert!(layer(br#"{"schemaVersion": 2, "manifests": []}"#).is_err());
        assert!(layer(b"{").is_err());
    }

    #[test]
    fn digests() {
        assert!(is_digest(&digest_of(b"")));
        for bad in ["", "sha256:", "sha512:00", &digest_of(b"").to_uppercase(), &digest_of(b"").replace("sha256:", "")]
        {
            assert!(!is_digest(bad), "{bad}");
        }
    }
}
