//! What is pushed is pulled, signed and found spoilt.

use std::collections::BTreeMap;

use plugin_registry::{
    Credentials, PublicKey, Registry, RegistryError, Signer, SigningKey, Trust, digest_of, parse_reference,
};
use testkit::registry::OciRegistry;

#[tokio::test]
async fn pushed_signed_pulled_moved_and_spoilt() {
    let home = tempfile::tempdir().unwrap();
    let Some(server) = OciRegistry::start(home.path(), "pushed_signed_pulled_moved_and_spoilt").unwrap() else {
        return;
    };
    let registry = Registry::new(None, true, None);
    let reference = parse_reference(&format!("{}/team/greet:1", server.address)).unwrap();
    let missing = registry.resolve(&reference).await.unwrap_err();
    assert!(matches!(missing, RegistryError::NotFound { .. }), "{missing}");

    let none = BTreeMap::new();
    let first = registry.push(&reference, "first".into(), &none).await.unwrap();
    assert_eq!(registry.push(&reference, "first".into(), &none).await.unwrap(), first);
    let found = registry.resolve(&reference).await.unwrap();
    assert_eq!((&found.manifest, &found.component), (&first, &digest_of(b"first")));
    assert_eq!(&registry.pull(&reference, &found).await.unwrap()[..], b"first");

    let second = registry.push(&reference, "second".into(), &none).await.unwrap();
    assert_eq!(registry.resolve(&reference).await.unwrap().manifest, second);
    let by_digest = parse_reference(&format!("{}/team/greet@{first}", server.address)).unwrap();
    assert_eq!(registry.resolve(&by_digest).await.unwrap().component, digest_of(b"first"));

    let (private, public) = (include_str!("keys/private.pem"), include_str!("keys/public.pem"));
    let (key, public) = (SigningKey::from_pem(private).unwrap(), PublicKey::from_pem(public).unwrap());
    let by_key = Signer::Key(public.fingerprint().to_owned());
    let trust = Trust { keys: vec![public], ..Trust::default() };
    assert!(registry.signer(&reference, &first, &trust).await.unwrap().is_err());
    registry.sign(&reference, &first, &key).await.unwrap();
    assert_eq!(registry.signer(&reference, &first, &trust).await.unwrap(), Ok(by_key));
    assert_eq!(registry.signer(&reference, &second, &trust).await.unwrap(), Err("nobody signed it".to_owned()));
    assert!(registry.signer(&reference, &first, &Trust::default()).await.unwrap().is_err());

    // A registry whose disk gives other bytes.
    let hash = digest_of(b"first").replace("sha256:", "");
    let blob = home.path().join("registry/docker/registry/v2/blobs/sha256").join(&hash[..2]).join(&hash).join("data");
    std::fs::write(blob, b"worse").unwrap();
    let spoilt = registry.pull(&by_digest, &found).await.unwrap_err();
    assert!(matches!(spoilt, RegistryError::Content { .. }), "{spoilt}");

    drop(server);
    let gone = registry.resolve(&reference).await.unwrap_err();
    assert!(matches!(gone, RegistryError::Unreachable { .. }) && gone.may_pass(), "{gone}");
    assert!(Credentials::find(b"{}", "r.example").unwrap().is_none());
}
