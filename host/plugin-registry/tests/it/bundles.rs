//! Bundles in a registry that somebody meddles with.

use std::collections::BTreeMap;
use std::path::Path;

use plugin_registry::{
    PublicKey, Reference, Registry, RegistryError, Signer, SigningKey, Trust, digest_of, parse_reference,
};
use testkit::registry::OciRegistry;

/// The files of a registry whose folder is known.
fn blob(home: &Path, digest: &str) -> std::path::PathBuf {
    let hash = digest.replace("sha256:", "");
    home.join("registry/docker/registry/v2/blobs/sha256").join(&hash[..2]).join(&hash).join("data")
}

/// Puts the list of what refers to one manifest under the name of another's.
async fn relist(client: &oci_client::Client, repository: &str, from: &str, to: &str) {
    let tag = |digest: &str| -> Reference { format!("{repository}:{}", digest.replace(':', "-")).parse().unwrap() };
    let index = "application/vnd.oci.image.index.v1+json";
    let auth = oci_client::secrets::RegistryAuth::Anonymous;
    let (bytes, _) = client.pull_manifest_raw(&tag(from), &auth, &[index]).await.unwrap();
    client.push_manifest_raw(&tag(to), bytes, index.parse().unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_bundle_counts_for_its_manifest_alone_and_not_when_spoilt() {
    let (home, test) = (tempfile::tempdir().unwrap(), "a_bundle_counts_for_its_manifest_alone_and_not_when_spoilt");
    let Some(server) = OciRegistry::start(home.path(), test).unwrap() else { return };
    let registry = Registry::new(None, true, None);
    let repository = format!("{}/team/greet", server.address);
    let reference = parse_reference(&format!("{repository}:1")).unwrap();
    let key = SigningKey::from_pem(include_str!("keys/private.pem")).unwrap();
    let public = PublicKey::from_pem(include_str!("keys/public.pem")).unwrap();
    let by = Signer::Key(public.fingerprint().to_owned());
    let trust = Trust { keys: vec![public], ..Trust::default() };
    let none = BTreeMap::new();
    let first = registry.push(&reference, "first".into(), &none).await.unwrap();
    registry.sign(&reference, &first, &key).await.unwrap();
    let second = registry.push(&reference, "second".into(), &none).await.unwrap();

    let config = oci_client::client::ClientConfig {
        protocol: oci_client::client::ClientProtocol::Http,
        ..oci_client::client::ClientConfig::default()
    };
    let client = oci_client::Client::new(config);
    relist(&client, &repository, &first, &second).await;
    let refused = registry.signer(&reference, &second, &trust).await.unwrap();
    assert_eq!(refused, Err("a signature is for another manifest".to_owned()));

    // Without the older form the bundle alone is asked; this registry lists nothing itself, so the index under the tag was.
    let older =
        format!("registry/docker/registry/v2/repositories/team/greet/_manifests/tags/{}.sig", first.replace(':', "-"));
    std::fs::remove_dir_all(home.path().join(older)).unwrap();
    assert_eq!(registry.signer(&reference, &first, &trust).await.unwrap(), Ok(by));
    let at: Reference = format!("{repository}@{first}").parse().unwrap();
    let index = client.pull_referrers(&at, None).await.unwrap();
    let artifact = &index.manifests[0].digest;
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(blob(home.path(), artifact)).unwrap()).unwrap();
    assert_eq!(manifest["subject"]["digest"], first);
    let bundle = blob(home.path(), manifest["layers"][0]["digest"].as_str().unwrap());
    let bytes = std::fs::read(&bundle).unwrap();

    // Of the same length, shorter, and gone: nothing of it counts.
    let mut spoilt = bytes.clone();
    let at = bytes.len() - 9;
    spoilt[at] ^= 1;
    for content in [&spoilt[..], &bytes[..at], b""] {
        std::fs::write(&bundle, content).unwrap();
        let error = registry.signer(&reference, &first, &trust).await.unwrap_err();
        assert!(matches!(error, RegistryError::Content { .. } | RegistryError::Unreachable { .. }), "{error}");
        assert!(error.may_pass());
    }
    std::fs::write(blob(home.path(), artifact), b"{}").unwrap();
    assert!(registry.signer(&reference, &first, &trust).await.is_err());
    assert_eq!(digest_of(&bytes), manifest["layers"][0]["digest"]);
}
